// A chart of courses over time: uPlot, in the page's colours and language.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

import * as format from "../format.ts";
import { locale } from "../i18n/index.ts";
import type { Point } from "../lib/series.ts";
import { DAY } from "../lib/time.ts";
import { theme } from "../store/prefs.ts";

export interface Curve {
  readonly label: string;
  readonly values: readonly Point[];
  /** The band around it, where there is one. */
  readonly low?: readonly Point[];
  readonly high?: readonly Point[];
}

export interface ChartProps {
  /** Seconds since 1970, ascending. */
  readonly times: readonly number[];
  readonly curves: readonly Curve[];
  /** Writes a value, in the legend and beside the axis. */
  readonly write: (value: number) => string;
  /** What is shown of the time, seconds; the times themselves if absent. */
  readonly span?: readonly [from: number, to: number] | undefined;
  /** What is always shown of the values. */
  readonly scale?: readonly [min: number, max: number];
  /** Lines across: limits and thresholds. */
  readonly lines?: readonly { readonly at: number; readonly label: string; readonly side?: "above" | "below" }[];
  readonly height?: number;
  /** Charts of one key share their cursor. */
  readonly sync?: string;
  /** What the chart shows, for those who do not see it. */
  readonly label: string;
  /** Which colours and dashes: the place of the first curve among eight. */
  readonly palette?: number;
}

// Never told apart by colour alone.
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [10, 3, 2, 3], [], [6, 3], [2, 2], [10, 3, 2, 3]];

function variable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function curveColor(index: number): string {
  return variable(`--curve-${(index % 8) + 1}`);
}

/** Times of the axis: hours, and days where it is about days. */
function axisTimes(splits: readonly number[]): string[] {
  const long = (splits[splits.length - 1] ?? 0) - (splits[0] ?? 0) > (1.5 * DAY) / 1_000;
  const close = (splits[1] ?? 0) - (splits[0] ?? 0) < 60;
  const options: Intl.DateTimeFormatOptions = long
    ? { day: "2-digit", month: "2-digit", hour: "2-digit" }
    : { hour: "2-digit", minute: "2-digit", ...(close ? { second: "2-digit" } : {}) };
  const words = new Intl.DateTimeFormat(locale.value, options);
  return splits.map((at) => words.format(at * 1_000));
}

function build(host: HTMLElement, props: ChartProps, onCursor: (index: number | null) => void): uPlot {
  const text = variable("--text-soft");
  const grid = variable("--line-soft");
  const font = `11px ${variable("--font")}`;
  const first = props.palette ?? 0;
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  props.curves.forEach((curve, i) => {
    const color = curveColor(first + i);
    series.push({
      label: curve.label,
      stroke: color,
      width: 1.6,
      dash: [...(DASHES[(first + i) % 8] ?? [])],
      points: { show: (_u, _s, from, to) => to - from < 2, size: 4, fill: color },
    });
    if (curve.low && curve.high) {
      const at = series.length;
      const edge: uPlot.Series = { stroke: "transparent", width: 0, points: { show: false } };
      series.push(edge, { ...edge });
      bands.push({ series: [at + 1, at], fill: `color-mix(in srgb, ${color} 16%, transparent)` });
    }
  });
  const [low, high] = props.scale ?? [undefined, undefined];
  const options: uPlot.Options = {
    width: Math.max(host.clientWidth, 120),
    height: props.height ?? 180,
    legend: { show: false },
    cursor: {
      ...(props.sync ? { sync: { key: props.sync } } : {}),
      points: { size: 7 },
      drag: { x: false, y: false },
    },
    scales: {
      x: { time: true, range: (_u, min, max) => (props.span ? [props.span[0], props.span[1]] : [min, max]) },
      y: {
        range: (_u, min, max) => {
          const least = Math.min(min ?? 0, low ?? Number.POSITIVE_INFINITY);
          const most = Math.max(max ?? 1, high ?? Number.NEGATIVE_INFINITY);
          if (low !== undefined && high !== undefined) return [least, most];
          const room = Math.max((most - least) * 0.08, Math.abs(most) * 0.002, 1e-6);
          return [least - room, most + room];
        },
      },
    },
    axes: [
      {
        stroke: text,
        font,
        grid: { stroke: grid, width: 1 },
        ticks: { stroke: grid, width: 1, size: 4 },
        values: (_u, splits) => axisTimes(splits),
        size: 28,
        space: 72,
      },
      {
        stroke: text,
        font,
        grid: { stroke: grid, width: 1 },
        ticks: { show: false },
        values: (_u, splits) => splits.map(axisNumber),
        size: 48,
        space: 28,
      },
    ],
    series,
    bands,
    hooks: {
      setCursor: [(u) => onCursor(u.cursor.idx ?? null)],
      draw: [(u) => drawLines(u, props.lines ?? [])],
    },
  };
  return new uPlot(options, dataOf(props), host);
}

function axisNumber(value: number): string {
  return format.limit(Number(value.toPrecision(6)));
}

function drawLines(u: uPlot, lines: NonNullable<ChartProps["lines"]>): void {
  const { ctx, bbox } = u;
  const color = variable("--limit");
  ctx.save();
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = devicePixelRatio;
  ctx.font = `${10 * devicePixelRatio}px ${variable("--font")}`;
  ctx.textAlign = "right";
  for (const { at, label, side } of lines) {
    const y = u.valToPos(at, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    // On the side where the value may be.
    const under = side !== "below";
    ctx.textBaseline = under ? "top" : "bottom";
    ctx.fillText(label, bbox.left + bbox.width - 4 * devicePixelRatio, y + (under ? 3 : -3) * devicePixelRatio);
  }
  ctx.restore();
}

function dataOf(props: ChartProps): uPlot.AlignedData {
  const columns: (readonly Point[])[] = [];
  for (const curve of props.curves) {
    columns.push(curve.values);
    if (curve.low && curve.high) columns.push(curve.low, curve.high);
  }
  return [props.times, ...columns] as unknown as uPlot.AlignedData;
}

export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [cursor, setCursor] = useState<number | null>(null);

  // What the plot is made for; its data may change without making it again.
  const shape = JSON.stringify([
    props.curves.map((c) => [c.label, c.low !== undefined]),
    props.scale,
    props.lines,
    props.height,
    props.sync,
    props.palette,
    locale.value,
    theme(),
  ]);
  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const made = build(element, latest.current, setCursor);
    // The time shown moves on: it is read when it is needed.
    made.scales["x"]!.range = () => {
      const { span, times } = latest.current;
      return span ? [span[0], span[1]] : [times[0] ?? 0, times[times.length - 1] ?? 1];
    };
    made.redraw(true, true);
    plot.current = made;
    const watch = new ResizeObserver(() => {
      const width = element.clientWidth;
      if (width > 0 && width !== made.width) made.setSize({ width, height: latest.current.height ?? 180 });
    });
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    plot.current?.setData(dataOf(latest.current));
  }, [props.times, props.curves, props.span?.[0], props.span?.[1]]);

  const first = props.palette ?? 0;
  const legend = useMemo(
    () =>
      props.curves.map((curve) => {
        if (cursor !== null) return curve.values[cursor] ?? null;
        for (let i = curve.values.length - 1; i >= 0; i -= 1) {
          const value = curve.values[i];
          if (value !== null && value !== undefined) return value;
        }
        return null;
      }),
    [props.curves, cursor],
  );
  const at = cursor === null ? undefined : props.times[cursor];
  return (
    <figure class="chart" role="group" aria-label={props.label}>
      <figcaption class="legend">
        {props.curves.map((curve, i) => {
          const value = legend[i];
          return (
            <span key={curve.label} class={`legend-item curve-${((first + i) % 8) + 1}`}>
              <svg class="legend-line" viewBox="0 0 22 6" aria-hidden="true">
                <line x1="0" x2="22" y1="3" y2="3" stroke-dasharray={DASHES[(first + i) % 8]?.join(" ")} />
              </svg>
              {curve.label} <b>{value === null || value === undefined ? "—" : props.write(value)}</b>
            </span>
          );
        })}
        <span class="legend-time">{at !== undefined && format.moment(at * 1_000)}</span>
      </figcaption>
      <div ref={host} class="chart-host" style={{ minHeight: `${props.height ?? 180}px` }} />
    </figure>
  );
}
