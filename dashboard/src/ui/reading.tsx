// A measured value beside its limit.

import type { Machine } from "../gen/coldstream/v1/status_pb.ts";
import * as format from "../format.ts";
import { messages, ruleName } from "../i18n/index.ts";
import { excessOf, limitsFor, rangeOf, type ColumnLimit, type Excess } from "../lib/limits.ts";
import { limits } from "../store/alarms.ts";
import { severityKey } from "./parts.tsx";

export function readingLimits(column: string, stream = "readings"): readonly ColumnLimit[] {
  return limitsFor(limits.value, stream, column);
}

/** `≤ 16`, `≥ 1.5`, `3 … 15`: the narrowest limits. Empty where there is none. */
export function limitText(list: readonly ColumnLimit[]): string {
  const { min, max } = rangeOf(list);
  if (min !== undefined && max !== undefined) return `${format.limit(min)} … ${format.limit(max)}`;
  if (max !== undefined) return `≤ ${format.limit(max)}`;
  if (min !== undefined) return `≥ ${format.limit(min)}`;
  return "";
}

export function modeOf(machine: Machine): string | undefined {
  return machine.lastReading?.texts["operating_mode"];
}

/** What a value's mark means, in words. */
export function excessText({ limit, resting }: Excess, unit: string): string {
  const m = messages.value.limits;
  const at = `${format.limit(limit.at)}${unit ? `\u202f${unit}` : ""}`;
  const words = limit.side === "above" ? m.over(at) : m.under(at);
  return `${ruleName(limit.rule)}: ${words}${resting ? ` (${m.resting})` : ""}`;
}

/** A value that is beyond its limit carries an arrow, hollow while the rule rests. */
export function Reading({ value, unit, column, mode, stream = "readings", withUnit = false }: {
  value: number | undefined;
  unit: string;
  column: string;
  mode: string | undefined;
  stream?: string;
  withUnit?: boolean;
}) {
  if (value === undefined) return <span class="reading none">{messages.value.common.none}</span>;
  const excess = excessOf(value, readingLimits(column, stream), mode);
  const text = withUnit ? format.withUnit(value, unit) : format.quantity(value, unit);
  if (!excess) return <span class="reading">{text}</span>;
  const { limit, resting } = excess;
  const above = limit.side === "above";
  const arrow = resting ? (above ? "△" : "▽") : above ? "▲" : "▼";
  const words = excessText(excess, unit);
  return (
    <span class={`reading ${resting ? "resting" : `beyond severity-${severityKey(limit.severity)}`}`} title={words}>
      <span aria-hidden="true">{arrow}</span>
      <span class="visually-hidden">{words}: </span>
      {text}
    </span>
  );
}
