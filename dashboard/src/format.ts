// Numbers and times as the language writes them.

import { computed } from "@preact/signals";

import { locale, messages } from "./i18n/index.ts";
import { DAY, HOUR, MINUTE, SECOND } from "./lib/time.ts";

/** Digits after the decimal sign that a sensor of the unit deserves. */
const DIGITS: Readonly<Record<string, number>> = { "°C": 1, K: 1, bar: 2, A: 1, g: 3, kW: 2, "%": 0 };

const cache = computed(() => ({
  locale: locale.value,
  numbers: new Map<string, Intl.NumberFormat>(),
  times: new Map<string, Intl.DateTimeFormat>(),
}));

function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const { numbers, locale } = cache.value;
  const key = JSON.stringify(options);
  let format = numbers.get(key);
  if (!format) numbers.set(key, (format = new Intl.NumberFormat(locale, options)));
  return format;
}

function timeFormat(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const { times, locale } = cache.value;
  const key = JSON.stringify(options);
  let format = times.get(key);
  if (!format) times.set(key, (format = new Intl.DateTimeFormat(locale, options)));
  return format;
}

/** A number with a fixed count of digits after the decimal sign. */
export function fixed(value: number, digits: number): string {
  // -0.0 is a rounding, not a sign.
  const rounded = Number(value.toFixed(digits)) === 0 ? 0 : value;
  return numberFormat({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(rounded);
}

/** A measured value, without its unit. */
export function quantity(value: number, unit: string): string {
  return fixed(value, DIGITS[unit] ?? (Math.abs(value) >= 100 ? 0 : 2));
}

/** A measured value with its unit. */
export function withUnit(value: number, unit: string): string {
  return unit ? `${quantity(value, unit)}\u202f${unit}` : quantity(value, unit);
}

/** A limit: no more digits than it has. */
export function limit(value: number): string {
  return numberFormat({ maximumFractionDigits: 3 }).format(value);
}

/** A whole number. */
export function integer(value: number | bigint): string {
  return numberFormat({ maximumFractionDigits: 0 }).format(value);
}

/** A count in few characters: 1,2 M. */
export function compact(value: number | bigint): string {
  return Number(value) < 100_000
    ? integer(value)
    : numberFormat({ notation: "compact", maximumSignificantDigits: 3 }).format(value);
}

/** A number as short as it can be without lying about its size. */
export function significant(value: number, digits = 4): string {
  return numberFormat({ maximumSignificantDigits: digits }).format(value);
}

/** A probability. */
export function percent(value: number): string {
  return numberFormat({ style: "percent", maximumFractionDigits: value < 0.1 && value > 0 ? 1 : 0 }).format(value);
}

/** A size in bytes. */
export function bytes(value: number | bigint): string {
  let size = Number(value);
  const french = locale.value.startsWith("fr");
  const units = french ? ["o", "ko", "Mo", "Go", "To"] : ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (size >= 1_000 && unit < units.length - 1) {
    size /= 1_000;
    unit += 1;
  }
  return `${fixed(size, size < 10 && unit > 0 ? 1 : 0)}\u202f${units[unit]}`;
}

/** The time of day. */
export function clock(at: number): string {
  return timeFormat({ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
}

/** Day and time: only the time where the day is today. */
export function moment(at: number): string {
  const today = new Date().toDateString() === new Date(at).toDateString();
  return today
    ? clock(at)
    : timeFormat({ day: "2-digit", month: "2-digit", hour: "2-digit", minute: "2-digit" }).format(at);
}

/** Day and time in full, for tooltips. */
export function full(at: number): string {
  return timeFormat({ dateStyle: "full", timeStyle: "medium" }).format(at);
}

/** How long something takes, in its two largest units. */
export function span(milliseconds: number): string {
  const french = locale.value.startsWith("fr");
  const ms = Math.max(0, milliseconds);
  const day = french ? "j" : "d";
  if (ms < SECOND) return ms === 0 ? "0\u202fs" : `${fixed(ms / SECOND, 1)}\u202fs`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}\u202fs`;
  if (ms < HOUR) return pair(ms, MINUTE, "min", SECOND, "s");
  if (ms < DAY) return pair(ms, HOUR, "h", MINUTE, "min");
  return pair(ms, DAY, day, HOUR, "h");
}

function pair(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const first = Math.floor(ms / large);
  const second = Math.floor((ms % large) / small);
  return second && first < 10
    ? `${first}\u202f${largeName} ${second}\u202f${smallName}`
    : `${first}\u202f${largeName}`;
}

/** How long ago: `il y a 3 min`. */
export function ago(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < 1_500) return messages.value.common.now;
  const format = new Intl.RelativeTimeFormat(locale.value, { style: "short", numeric: "always" });
  if (ms < MINUTE) return format.format(-Math.floor(ms / SECOND), "second");
  if (ms < HOUR) return format.format(-Math.floor(ms / MINUTE), "minute");
  if (ms < DAY) return format.format(-Math.floor(ms / HOUR), "hour");
  return format.format(-Math.floor(ms / DAY), "day");
}
