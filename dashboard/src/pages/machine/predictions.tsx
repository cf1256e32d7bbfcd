// The probability of a failure over time, one chart for each model.

import { signal } from "@preact/signals";
import { useMemo } from "preact/hooks";

import type { Machine } from "../../gen/coldstream/v1/status_pb.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import type { LivePoint } from "../../lib/series.ts";
import { HOUR, millis } from "../../lib/time.ts";
import { Chart, type Curve } from "../../ui/chart.tsx";
import { Choices, Empty, Link, Panel } from "../../ui/parts.tsx";
import { modelLabel } from "../../ui/model.ts";
import { useSeries } from "../../ui/use-series.ts";
import { rangeOptions } from "./trends.tsx";

const range = signal(HOUR);

export function MachinePredictionsPanel({ id, machine }: { id: string; machine: Machine }) {
  const m = messages.value;
  const predictions = [...machine.predictions].sort((a, b) => (a.stream < b.stream ? -1 : 1));
  return (
    <Panel
      name="machine-predictions"
      title={m.machine.predictions}
      aside={
        <>
          <Choices name="prediction-range" label={m.machine.range} value={range.value} options={rangeOptions()} onChange={(v) => (range.value = v)} />
          <Link to={`/predictions?machine=${encodeURIComponent(id)}`}>{m.overview.seeAll}</Link>
        </>
      }
    >
      {predictions.length === 0 && <Empty>{m.overview.noPredictions}</Empty>}
      <div class="charts">
        {predictions.map((prediction, i) => (
          <ProbabilityChart key={prediction.stream} machine={id} stream={prediction.stream} range={range.value} palette={i} />
        ))}
      </div>
    </Panel>
  );
}

/** The thresholds at which a state changes. */
export function thresholds(): { at: number; label: string }[] {
  const m = messages.value.machine;
  return [0.5, 0.8].map((at) => ({ at, label: m.threshold(format.percent(at)) }));
}

function livePrediction(machine: Machine, stream: string): LivePoint | undefined {
  const prediction = machine.predictions.find((p) => p.stream === stream);
  const end = millis(prediction?.windowEnd);
  if (!prediction || end === undefined) return undefined;
  const { probability } = prediction;
  return { time: end / 1_000, values: probability === undefined ? {} : { probability } };
}

export function ProbabilityChart({ machine, stream, range, palette, height = 150 }: {
  machine: string;
  stream: string;
  range: number;
  palette: number;
  height?: number;
}) {
  const m = messages.value;
  const series = useSeries({
    machine,
    table: stream,
    columns: ["probability"],
    range,
    gap: 120,
    live: (known) => livePrediction(known, stream),
  });
  const label = modelLabel(stream).long;
  const { courses, span } = series;
  const curves = useMemo<Curve[]>(() => {
    const course = courses.columns.get("probability");
    const base = { label, values: course?.mean ?? [] };
    return [course && courses.step > 0 ? { ...base, low: course.min, high: course.max } : base];
  }, [courses, label]);
  return (
    <>
      <Chart
        times={courses.times}
        curves={curves}
        span={span}
        scale={[0, 1]}
        lines={thresholds()}
        height={height}
        sync="probability"
        palette={palette}
        write={format.percent}
        writeAxis={format.percent}
        label={`${m.machine.predictions}: ${label}`}
      />
      {series.problem?.kind === "unimplemented" && <p class="note">{m.machine.liveOnly}</p>}
    </>
  );
}
