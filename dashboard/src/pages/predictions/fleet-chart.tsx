// A model over the whole fleet: mean and highest probability in each slice of time.

import { useMemo } from "preact/hooks";

import { useAnswer } from "../../api/ask.ts";
import { api } from "../../api/clients.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { spanOf, type Point } from "../../lib/series.ts";
import { cells, fleetCourse } from "../../lib/sql.ts";
import { now } from "../../store/clock.ts";
import { Chart, type Curve } from "../../ui/chart.tsx";
import { modelLabel } from "../../ui/model.ts";
import { Pending } from "../../ui/parts.tsx";
import { thresholds } from "../machine/predictions.tsx";

interface Course {
  readonly times: readonly number[];
  readonly mean: readonly Point[];
  readonly worst: readonly Point[];
  readonly span: readonly [number, number];
}

async function load(stream: string, range: number, signal: AbortSignal): Promise<Course> {
  const to = now.peek();
  const answer = await api.history.queryJson({ sql: fleetCourse(stream, to - range, range) }, { signal });
  const rows = answer.rows.map((row) => cells(row, answer.columns));
  const column = (at: number): Point[] => rows.map((row) => (typeof row[at] === "number" ? row[at] : null));
  return {
    times: column(0).map((at) => at ?? 0),
    mean: column(1),
    worst: column(2),
    span: spanOf(column(0)[0] ?? undefined, to / 1_000, range / 1_000),
  };
}

export function FleetChart({ stream, range, palette }: { stream: string; range: number; palette: number }) {
  const m = messages.value.predictions;
  const course = useAnswer(`${stream} ${range}`, (signal) => load(stream, range, signal), Math.max(10_000, range / 200));
  const { data } = course;
  const curves = useMemo<Curve[]>(
    () =>
      data
        ? [
            { label: m.fleetMax, values: data.worst },
            { label: m.fleetMean, values: data.mean },
          ]
        : [],
    [data, m],
  );
  if (!data) return <Pending answer={course} />;
  return (
    <Chart
      times={data.times}
      curves={curves}
      span={data.span}
      scale={[0, 1]}
      lines={thresholds()}
      height={220}
      palette={palette}
      sync="probability"
      write={format.percent}
        writeAxis={format.percent}
      label={`${m.overTime}: ${modelLabel(stream).long}`}
    />
  );
}
