// What the user chose, remembered by the browser. Where it remembers nothing (private windows, a full disk), a choice
// holds until the page is closed.

import { effect, signal, type Signal } from "@preact/signals";

export type Theme = "light" | "dark";
export type View = "table" | "tiles";

const PREFIX = "coldstream.";

function read(key: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + key) ?? undefined;
  } catch {
    return undefined;
  }
}

function write(key: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // Not remembered, then.
  }
}

/** A choice among `allowed` values, or any text where none are given. */
function remembered<T extends string>(key: string, allowed?: readonly T[]): Signal<T | undefined> {
  const stored = read(key) as T | undefined;
  const value = signal(stored !== undefined && (!allowed || allowed.includes(stored)) ? stored : undefined);
  effect(() => write(key, value.value));
  return value;
}

export const prefs = {
  /** The language; absent: the browser's. */
  lang: remembered("lang", ["en", "fr"] as const),
  /** The theme; absent: the system's. */
  theme: remembered<Theme>("theme", ["light", "dark"]),
  /** How the machines are shown; absent: by the width of the screen. */
  view: remembered<View>("view", ["table", "tiles"]),
  /** Who acknowledges alarms on this device. */
  who: remembered<string>("who"),
};

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const systemTheme = signal<Theme>(systemDark.matches ? "dark" : "light");
systemDark.addEventListener("change", (event) => {
  systemTheme.value = event.matches ? "dark" : "light";
});

/** The theme shown. */
export function theme(): Theme {
  return prefs.theme.value ?? systemTheme.value;
}

effect(() => {
  document.documentElement.dataset["theme"] = theme();
});
