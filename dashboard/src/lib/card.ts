// A model's card, as far as a page can show it without knowing the algorithm.

/** A figure of a card, by the path of its keys. */
export interface Figure {
  readonly name: string;
  readonly value: string | number | boolean;
}

type Json = null | string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

/** Longer texts, such as the query, are not figures. */
const LONGEST = 160;

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The single values of a card, in its order, nested ones by `outer.inner`. Lists and long texts are left out. */
export function figures(card: string): Figure[] {
  let parsed: Json;
  try {
    parsed = JSON.parse(card) as Json;
  } catch {
    return [];
  }
  const found: Figure[] = [];
  const walk = (value: Json, path: string): void => {
    if (isObject(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, path ? `${path}.${key}` : key);
    } else if (value !== null && !Array.isArray(value) && String(value).length <= LONGEST) {
      found.push({ name: path, value: value as string | number | boolean });
    }
  };
  walk(parsed, "");
  return found;
}

/** The card written out, for reading in full. */
export function pretty(card: string): string {
  try {
    return JSON.stringify(JSON.parse(card), null, 2);
  } catch {
    return card;
  }
}
