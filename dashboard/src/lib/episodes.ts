// Alarms, as their newest states are put together.

import { Severity, type Alarm } from "../gen/coldstream/v1/alarm_pb.ts";
import { millis } from "./time.ts";

export type Episodes = ReadonlyMap<string, Alarm>;

const raised = (alarm: Alarm): number => millis(alarm.raisedAt) ?? 0;
export const isOpen = (alarm: Alarm): boolean => alarm.clearedAt === undefined;
export const isAcknowledged = (alarm: Alarm): boolean => alarm.acknowledgedAt !== undefined;

/**
 * Adds the newest states of alarms. Where a newer episode of a rule on a machine comes, an older one that still
 * looks open has ended without this client being told when; it is left out then, and the history has it.
 */
export function withNewest(episodes: Episodes, changed: readonly Alarm[]): Map<string, Alarm> {
  const next = new Map(episodes);
  if (changed.length === 0) return next;
  const newest = new Map<string, Alarm>();
  const ofRule = (alarm: Alarm): string => `${alarm.machineId}\n${alarm.rule}`;
  for (const alarm of changed) {
    next.set(alarm.episode, alarm);
    const known = newest.get(ofRule(alarm));
    if (!known || raised(known) < raised(alarm)) newest.set(ofRule(alarm), alarm);
  }
  for (const alarm of next.values()) {
    const newer = newest.get(ofRule(alarm));
    if (newer && newer.episode !== alarm.episode && isOpen(alarm) && raised(alarm) < raised(newer)) {
      next.delete(alarm.episode);
    }
  }
  return next;
}

/** The newest first. */
export function newestFirst(alarms: Iterable<Alarm>): Alarm[] {
  return [...alarms].sort((a, b) => raised(b) - raised(a) || (a.episode < b.episode ? -1 : 1));
}

/** What needs someone first: open and not acknowledged, then open, then the rest; the worst, then the newest. */
export function urgentFirst(alarms: Iterable<Alarm>): Alarm[] {
  const rank = (a: Alarm): number => (isOpen(a) ? 2 : 0) + (isAcknowledged(a) ? 0 : 1);
  return [...alarms].sort((a, b) => {
    const open = Number(isOpen(b)) - Number(isOpen(a));
    return open || (isOpen(a) ? b.severity - a.severity || rank(b) - rank(a) : 0) || raised(b) - raised(a);
  });
}

/** What a list of alarms is limited to. Empty lists and absent values limit nothing. */
export interface AlarmQuery {
  readonly severities: readonly Severity[];
  readonly rule: string;
  readonly machine: string;
  readonly open: boolean | undefined;
  readonly acknowledged: boolean | undefined;
  /** Milliseconds since 1970. */
  readonly from: number | undefined;
  readonly before: number | undefined;
}

/** Whether an alarm belongs into a list: what the server decides for those it lists, decided for one that came live. */
export function meets(alarm: Alarm, query: AlarmQuery): boolean {
  const at = raised(alarm);
  return (
    (query.severities.length === 0 || query.severities.includes(alarm.severity)) &&
    (query.rule === "" || alarm.rule === query.rule) &&
    (query.machine === "" || alarm.machineId === query.machine) &&
    (query.open === undefined || isOpen(alarm) === query.open) &&
    (query.acknowledged === undefined || isAcknowledged(alarm) === query.acknowledged) &&
    (query.from === undefined || at >= query.from) &&
    (query.before === undefined || at < query.before)
  );
}

/** Severities, the worst first. */
export const SEVERITIES = [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW] as const;
