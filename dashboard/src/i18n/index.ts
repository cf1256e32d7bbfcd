// The language: the browser's at first, then what was chosen.

import { computed, effect } from "@preact/signals";

import { prefs } from "../store/prefs.ts";
import { en, type Messages } from "./en.ts";
import { fr } from "./fr.ts";
import { nameOf } from "./names.ts";

export type Lang = "en" | "fr";

function ofBrowser(): Lang {
  const wanted = navigator.languages.find((tag) => /^(en|fr)\b/i.test(tag));
  return wanted?.toLowerCase().startsWith("fr") ? "fr" : "en";
}

/** The language shown. */
export const lang = computed<Lang>(() => prefs.lang.value ?? ofBrowser());

/** The texts of the language shown. */
export const messages = computed<Messages>(() => (lang.value === "fr" ? fr : en));

/** The locale of numbers and times: the browser's own variant of the language, where it has one. */
export const locale = computed<string>(() => {
  const own = navigator.languages.find((tag) => tag.toLowerCase().startsWith(`${lang.value}-`));
  // Plain English is American, whose dates a European misreads.
  return own ?? (lang.value === "fr" ? "fr-FR" : "en-GB");
});

export const columnName = (id: string) => nameOf("column", id, lang.value);
export const ruleName = (id: string) => nameOf("rule", id, lang.value).long;
export const modeName = (id: string) => nameOf("mode", id, lang.value).long;
export const faultName = (id: string) => nameOf("fault", id, lang.value).long;

effect(() => {
  document.documentElement.lang = lang.value;
});
