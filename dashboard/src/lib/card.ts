// A model's card: what it was trained on, and how well it does, without knowing the algorithm.

/** A figure of a card, by the path of its keys. */
export interface Figure {
  readonly name: string;
  readonly value: string | number | boolean;
}

/** How good it is at one thing, on the machines it was trained on and on those it never saw. */
export interface Metric {
  readonly name: string;
  readonly training: number | undefined;
  readonly heldOut: number | undefined;
}

export interface Card {
  /** What it was trained on, in words. */
  readonly data: string | undefined;
  readonly metrics: readonly Metric[];
  /** Whatever else it says in few words. */
  readonly figures: readonly Figure[];
}

type Json = null | string | number | boolean | readonly Json[] | { readonly [key: string]: Json };
type Fields = { readonly [key: string]: Json };

/** Longer texts, such as the query, are not figures; and nobody reads a checksum. */
const LONGEST = 160;
const UNREAD = /sha(256)?$|hash$/;

function fields(value: Json | undefined): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function numbers(part: Json | undefined): Map<string, number> {
  const found = new Map<string, number>();
  const own = fields(part);
  for (const [name, value] of [...Object.entries(own), ...Object.entries(fields(own["metrics"]))]) {
    if (typeof value === "number") found.set(name, value);
  }
  return found;
}

/** The single values, nested ones by `outer.inner`, in their order. */
function walk(value: Json, path: string, found: Figure[]): void {
  const own = fields(value);
  for (const [key, inner] of Object.entries(own)) walk(inner, path ? `${path}.${key}` : key, found);
  if (typeof value === "object" || String(value).length > LONGEST || UNREAD.test(path)) return;
  found.push({ name: path, value });
}

/** What a card says. A card that is no JSON says nothing. */
export function readCard(text: string): Card {
  let card: Fields;
  try {
    card = fields(JSON.parse(text) as Json);
  } catch {
    return { data: undefined, metrics: [], figures: [] };
  }
  const { data, training, held_out: heldOut, ...rest } = card;
  const seen = numbers(training);
  const unseen = numbers(heldOut);
  const names = [...new Set([...seen.keys(), ...unseen.keys()])];
  const figures: Figure[] = [];
  walk(rest, "", figures);
  return {
    data: typeof data === "string" ? data : undefined,
    metrics: names.map((name) => ({ name, training: seen.get(name), heldOut: unseen.get(name) })),
    figures,
  };
}

/** The card written out, for reading in full. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
