// Language and theme, each one press away.

import { lang, messages, type Lang } from "../i18n/index.ts";
import { prefs, theme } from "../store/prefs.ts";
import { Draw } from "./icons.tsx";
import { Choices } from "./parts.tsx";

export function Preferences() {
  const m = messages.value.prefs;
  const dark = theme() === "dark";
  return (
    <>
      <Choices<Lang>
        name="lang"
        label={m.language}
        value={lang.value}
        options={[
          { value: "fr", label: "FR", title: "Français" },
          { value: "en", label: "EN", title: "English" },
        ]}
        onChange={(value) => (prefs.lang.value = value)}
      />
      <button
        type="button"
        class="button icon-only theme-switch"
        title={`${m.theme} : ${dark ? m.dark : m.light}`}
        aria-label={`${m.theme} : ${dark ? m.dark : m.light}`}
        onClick={() => (prefs.theme.value = dark ? "light" : "dark")}
      >
        <Draw name={dark ? "moon" : "sun"} />
      </button>
    </>
  );
}
