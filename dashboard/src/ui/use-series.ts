// A machine's values over time: the past asked for, the present appended.

import { useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { useAnswer } from "../api/ask.ts";
import { api } from "../api/clients.ts";
import type { Problem } from "../api/errors.ts";
import type { Machine } from "../gen/coldstream/v1/status_pb.ts";
import { coursesOf, NO_COURSES, withLive, type Courses, type LivePoint } from "../lib/series.ts";
import { timestamp } from "../lib/time.ts";
import { fleet } from "../store/fleet.ts";
import { now } from "../store/clock.ts";

export interface SeriesWish {
  readonly machine: string;
  readonly table: string;
  readonly columns: readonly string[];
  /** How far back from now, milliseconds. */
  readonly range: number;
  /** A hole of more than this many seconds breaks the line. */
  readonly gap: number;
  /** The row that came live: of the reading, or of a stream. */
  readonly live: (machine: Machine) => LivePoint | undefined;
}

export interface SeriesShown {
  readonly courses: Courses;
  readonly span: readonly [from: number, to: number];
  readonly problem: Problem | undefined;
  readonly loading: boolean;
}

const POINTS = 400;
/** Live points that are kept until the past is asked for again. */
const MOST_LIVE = 2_000;

/** The course of a machine's values up to now. */
export function useSeries(wish: SeriesWish): SeriesShown {
  const { machine, table, columns, range, gap } = wish;
  const key = JSON.stringify([machine, table, columns, range]);
  // A slice's worth of live points, then the past is asked for again.
  const every = Math.max(15_000, range / POINTS);
  const answer = useAnswer(columns.length ? key : undefined, async (signal) => {
    const to = now.peek();
    const request = { machineId: machine, table, columns: [...columns], from: timestamp(to - range), maxPoints: POINTS };
    return coursesOf(await api.history.getSeries(request, { signal }));
  }, every);

  const points = useRef<LivePoint[]>([]);
  const pick = useRef(wish.live);
  pick.current = wish.live;
  const [count, setCount] = useState(0);
  useEffect(() => {
    points.current = [];
  }, [machine, table]);
  useSignalEffect(() => {
    const known = fleet.value.get(machine);
    const row = known && pick.current(known);
    const last = points.current[points.current.length - 1];
    if (!row || (last && row.time <= last.time)) return;
    points.current = [...points.current.slice(-MOST_LIVE), row];
    setCount((n) => n + 1);
  });

  return useMemo(() => {
    const newest = points.current[points.current.length - 1]?.time ?? 0;
    const past = answer.data ?? NO_COURSES;
    const to = Math.max(newest, past.times[past.times.length - 1] ?? 0) || now.peek() / 1_000;
    const from = to - range / 1_000;
    return {
      courses: withLive(past, points.current, columns, from, gap),
      span: [from, to] as const,
      problem: answer.problem,
      loading: answer.loading && !answer.data,
    };
  }, [key, answer.data, answer.problem, answer.loading, count, gap]);
}
