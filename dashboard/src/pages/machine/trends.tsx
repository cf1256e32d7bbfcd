// The course of the signals that are chosen: one chart for each unit, with one cursor.

import { signal } from "@preact/signals";
import { useMemo } from "preact/hooks";

import type { Machine } from "../../gen/coldstream/v1/status_pb.ts";
import type { Row } from "../../gen/coldstream/v1/common_pb.ts";
import * as format from "../../format.ts";
import { columnName, messages } from "../../i18n/index.ts";
import type { Courses, LivePoint } from "../../lib/series.ts";
import { DAY, HOUR, millis, MINUTE, SECOND } from "../../lib/time.ts";
import { quantities, unitOf } from "../../store/sensors.ts";
import { Chart, type ChartProps, type Curve } from "../../ui/chart.tsx";
import { Choices, Empty, Panel } from "../../ui/parts.tsx";
import { readingLimits } from "../../ui/reading.tsx";
import { useSeries } from "../../ui/use-series.ts";

const FEATURES = "features";
const USUAL = ["temp_evaporator", "temp_condenser", "temp_room", "pressure_high", "pressure_low", "superheat", "subcooling", "compressor_current"];
/** Of the stream `features`, what is worth a curve of its own. */
const INDICATORS = [
  "cop_carnot", "cop_cycle", "carnot_efficiency", "isentropic_efficiency", "compressor_efficiency", "pressure_ratio", "temp_difference",
  "t_evap", "t_cond", "suction_superheat", "condenser_approach", "evaporator_approach", "cooling_capacity", "duty", "starts",
];

/** By unit, how much a chart shows at least: some ten times what a sensor wavers. */
const LEAST: Readonly<Record<string, number>> = { "°C": 5, K: 4, bar: 1, A: 2, g: 0.04, kW: 1, "%": 10 };

const chosen = signal<readonly string[]>(USUAL);
const range = signal(15 * MINUTE);

/** Ranges to choose from, milliseconds. */
export function rangeOptions(): { value: number; label: string }[] {
  const m = messages.value.common;
  return [
    { value: 15 * MINUTE, label: m.last15m },
    { value: HOUR, label: m.last1h },
    { value: 6 * HOUR, label: m.last6h },
    { value: DAY, label: m.last24h },
    { value: 7 * DAY, label: m.last7d },
  ];
}

export function livePoint(row: Row | undefined): LivePoint | undefined {
  const at = millis(row?.timestamp);
  return row && at !== undefined ? { time: at / 1_000, values: row.values } : undefined;
}

export function TrendsPanel({ id, machine }: { id: string; machine: Machine }) {
  const m = messages.value.machine;
  const present = quantities.value.map((q) => q.name);
  const features = machine.streams[FEATURES]?.values ?? {};
  const indicators = INDICATORS.filter((name) => name in features);
  const readingColumns = present.filter((name) => chosen.value.includes(name));
  const indicatorColumns = indicators.filter((name) => chosen.value.includes(name));

  const readings = useSeries({
    machine: id,
    table: "readings",
    columns: readingColumns,
    range: range.value,
    gap: 30,
    live: (known) => livePoint(known.lastReading),
  });
  const derived = useSeries({
    machine: id,
    table: FEATURES,
    columns: indicatorColumns,
    range: range.value,
    gap: 90,
    live: (known) => livePoint(known.streams[FEATURES]),
  });

  const groups = useMemo(() => {
    const byUnit = new Map<string, string[]>();
    for (const name of readingColumns) {
      const key = unitOf(name) || name;
      byUnit.set(key, [...(byUnit.get(key) ?? []), name]);
    }
    return [...byUnit.values()];
  }, [readingColumns.join()]);

  const toggle = (name: string): void => {
    chosen.value = chosen.value.includes(name) ? chosen.value.filter((n) => n !== name) : [...chosen.value, name];
  };
  const step = readings.courses.step;
  const none = readingColumns.length + indicatorColumns.length === 0;
  return (
    <Panel
      name="trends"
      title={m.trends}
      aside={<Choices name="range" label={m.range} value={range.value} options={rangeOptions()} onChange={(v) => (range.value = v)} />}
    >
      <fieldset class="signals">
        <legend class="visually-hidden">{m.signals}</legend>
        {[...present, ...indicators].map((name) => (
          <label key={name} class={`chip ${chosen.value.includes(name) ? "chosen" : ""}`} title={columnName(name).long}>
            <input type="checkbox" class="hidden-input" checked={chosen.value.includes(name)} onChange={() => toggle(name)} />
            {columnName(name).short}
          </label>
        ))}
      </fieldset>
      {readings.problem?.kind === "unimplemented" && <p class="note">{m.liveOnly}</p>}
      {none && <Empty>{m.chooseSignal}</Empty>}
      <div class={`charts ${readings.loading ? "is-loading" : ""}`}>
        {groups.map((names) => (
          <UnitChart key={names.join()} names={names} courses={readings.courses} span={readings.span} />
        ))}
        {indicatorColumns.map((name) => (
          <UnitChart key={name} names={[name]} courses={derived.courses} span={readingColumns.length ? readings.span : derived.span} />
        ))}
      </div>
      {step > 0 && <p class="note">{m.step(format.span(step * SECOND))}</p>}
    </Panel>
  );
}

function UnitChart({ names, courses, span }: { names: readonly string[]; courses: Courses; span: readonly [number, number] }) {
  const unit = unitOf(names[0] ?? "");
  const curves = useMemo<Curve[]>(
    () =>
      names.map((name) => {
        const course = courses.columns.get(name);
        const base = { label: columnName(name).long, values: course?.mean ?? [] };
        return course && courses.step > 0 ? { ...base, low: course.min, high: course.max } : base;
      }),
    [names, courses, columnName("vibration").long],
  );
  const lines = names.flatMap((name) =>
    readingLimits(name).map((limit) => ({
      at: limit.at,
      side: limit.side,
      label: `${columnName(name).short} ${limit.side === "above" ? "≤" : "≥"} ${format.limit(limit.at)}`,
    })),
  );
  const props: ChartProps = {
    times: courses.times,
    curves,
    span,
    lines,
    height: 168,
    least: LEAST[unit] ?? 0.2,
    sync: "trends",
    write: (value) => format.withUnit(value, unit),
    label: `${names.map((name) => columnName(name).long).join(", ")} (${unit})`,
  };
  return <Chart {...props} />;
}
