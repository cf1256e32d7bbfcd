// Limits beside values: which there are, and whether a value is beyond one.

import type { AlarmRule } from "../gen/coldstream/v1/alarm_pb.ts";
import { Severity } from "../gen/coldstream/v1/alarm_pb.ts";

/** One limit of one column. */
export interface ColumnLimit {
  /** `above`: the value must not be above `at`. */
  readonly side: "above" | "below";
  readonly at: number;
  readonly severity: Severity;
  readonly rule: string;
  /** Operating modes in which the rule rests. */
  readonly restsIn: readonly string[];
}

export type Limits = ReadonlyMap<string, readonly ColumnLimit[]>;

const key = (stream: string, column: string): string => `${stream}.${column}`;

/** The limits of all rules, by stream and column. */
export function limitsOf(rules: readonly AlarmRule[]): Limits {
  const all = new Map<string, ColumnLimit[]>();
  for (const rule of rules) {
    const restsIn = modesOf(rule.inhibitCondition);
    for (const { column, min, max, severity } of rule.limits) {
      const list = all.get(key(rule.stream, column)) ?? [];
      if (max !== undefined) list.push({ side: "above", at: max, severity, rule: rule.name, restsIn });
      if (min !== undefined) list.push({ side: "below", at: min, severity, rule: rule.name, restsIn });
      all.set(key(rule.stream, column), list);
    }
  }
  return all;
}

export function limitsFor(limits: Limits, stream: string, column: string): readonly ColumnLimit[] {
  return limits.get(key(stream, column)) ?? [];
}

/** The modes of a condition `operating_mode IN ('off', 'defrost')`; none of any other condition. */
export function modesOf(condition: string): string[] {
  const list = /^\s*operating_mode\s+IN\s*\(([^()]*)\)\s*$/i.exec(condition)?.[1];
  return list ? [...list.matchAll(/'([^']*)'/g)].map((match) => match[1] ?? "") : [];
}

/** A limit that a value is beyond. */
export interface Excess {
  readonly limit: ColumnLimit;
  /** Whether the limit's rule rests now, so that no alarm follows. */
  readonly resting: boolean;
}

/** The gravest limit that `value` is beyond, those at work before those at rest. */
export function excessOf(value: number, limits: readonly ColumnLimit[], mode: string | undefined): Excess | undefined {
  let worst: Excess | undefined;
  for (const limit of limits) {
    const beyond = limit.side === "above" ? value > limit.at : value < limit.at;
    if (!beyond) continue;
    const resting = mode !== undefined && limit.restsIn.includes(mode);
    const graver =
      !worst || (worst.resting && !resting) || (worst.resting === resting && limit.severity > worst.limit.severity);
    if (graver) worst = { limit, resting };
  }
  return worst;
}

/** The narrowest limits of a column: what the value should stay within. */
export function rangeOf(limits: readonly ColumnLimit[]): { min: number | undefined; max: number | undefined } {
  const at = (side: ColumnLimit["side"]): number[] => limits.filter((l) => l.side === side).map((l) => l.at);
  const above = at("above");
  const below = at("below");
  return {
    max: above.length ? Math.min(...above) : undefined,
    min: below.length ? Math.max(...below) : undefined,
  };
}
