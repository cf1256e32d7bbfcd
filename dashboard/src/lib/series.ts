// The course of values, as a chart takes it: equally long lists, time ascending, and what came live put behind.

import type { GetSeriesResponse } from "../gen/coldstream/v1/history_pb.ts";

/** A value, or nothing to draw. */
export type Point = number | null;

/** Mean, least and greatest of each slice of time. */
export interface Course {
  readonly mean: readonly Point[];
  readonly min: readonly Point[];
  readonly max: readonly Point[];
}

export interface Courses {
  /** Seconds since 1970, ascending. */
  readonly times: readonly number[];
  /** Length of a slice in seconds; 0 where every row is a point. */
  readonly step: number;
  readonly columns: ReadonlyMap<string, Course>;
}

/** One row that came live: its time in seconds, and its values. */
export interface LivePoint {
  readonly time: number;
  readonly values: Readonly<Record<string, number>>;
}

const point = (value: number): Point => (Number.isNaN(value) ? null : value);

/** What the server answered. */
export function coursesOf(answer: GetSeriesResponse): Courses {
  return {
    times: answer.times.map((micros) => Number(micros) / 1e6),
    step: Number(answer.step) / 1e6,
    columns: new Map(
      answer.series.map(({ column, mean, min, max }) => [
        column,
        { mean: mean.map(point), min: min.map(point), max: max.map(point) },
      ]),
    ),
  };
}

/** The shortest time shown, seconds. */
const SHORTEST = 60;

/**
 * What a chart shows of the time: the range asked for, or only as far back as anything is known, so that a plant of
 * today is not a stroke at the edge.
 */
export function spanOf(first: number | undefined, to: number, range: number): readonly [from: number, to: number] {
  const known = first === undefined ? range : Math.max(to - first, Math.min(SHORTEST, range));
  return [to - Math.min(range, known), to];
}

export const NO_COURSES: Courses = { times: [], step: 0, columns: new Map() };

/**
 * The courses of `columns`, with the live points that are newer than the newest slice, from `from` (seconds) on. A
 * hole of more than `gap` seconds between two points breaks the line: what was not measured is not drawn.
 */
export function withLive(past: Courses, live: readonly LivePoint[], columns: readonly string[], from: number, gap: number): Courses {
  // The newest slice may have grown since it was answered: the points in it would be drawn over it.
  const end = past.times.length ? (past.times[past.times.length - 1] ?? 0) + past.step : Number.NEGATIVE_INFINITY;
  const newer = live.filter((p) => (past.step > 0 ? p.time >= end : p.time > end));
  const begin = past.times.findIndex((time) => time + past.step >= from);
  const kept = begin < 0 ? past.times.length : begin;

  const times: number[] = [];
  const drafts = columns.map(() => ({ mean: [] as Point[], min: [] as Point[], max: [] as Point[] }));
  const push = (time: number, value: (column: number) => { mean: Point; min: Point; max: Point }): void => {
    const last = times[times.length - 1];
    if (last !== undefined && time - last > Math.max(gap, 2.5 * past.step)) {
      times.push(last + (time - last) / 2);
      for (const draft of drafts) {
        draft.mean.push(null);
        draft.min.push(null);
        draft.max.push(null);
      }
    }
    times.push(time);
    drafts.forEach((draft, i) => {
      const { mean, min, max } = value(i);
      draft.mean.push(mean);
      draft.min.push(min);
      draft.max.push(max);
    });
  };
  const known = columns.map((column) => past.columns.get(column));
  for (let at = kept; at < past.times.length; at += 1) {
    // A slice is drawn in its middle.
    push((past.times[at] ?? 0) + past.step / 2, (i) => ({
      mean: known[i]?.mean[at] ?? null,
      min: known[i]?.min[at] ?? null,
      max: known[i]?.max[at] ?? null,
    }));
  }
  for (const { time, values } of newer) {
    if (time < from) continue;
    push(time, (i) => {
      const value = values[columns[i] ?? ""] ?? null;
      return { mean: value, min: value, max: value };
    });
  }
  return { times, step: past.step, columns: new Map(columns.map((c, i) => [c, drafts[i] ?? { mean: [], min: [], max: [] }])) };
}
