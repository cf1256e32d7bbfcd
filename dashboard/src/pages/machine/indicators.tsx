// What the streams compute of the readings: indicators, and the statistics of the newest window.

import type { Row } from "../../gen/coldstream/v1/common_pb.ts";
import type { Machine } from "../../gen/coldstream/v1/status_pb.ts";
import * as format from "../../format.ts";
import { columnName, messages } from "../../i18n/index.ts";
import { millis } from "../../lib/time.ts";
import { quantities, unitOf } from "../../store/sensors.ts";
import { Empty, Panel } from "../../ui/parts.tsx";
import { modeOf, Reading } from "../../ui/reading.tsx";

const STATISTICS = ["avg", "min", "max", "stddev", "slope"] as const;
const STATISTIC = /_(avg|min|max|stddev|slope)$/;

export function IndicatorsPanel({ machine }: { machine: Machine }) {
  const m = messages.value.machine;
  // Predictions have a panel of their own.
  const streams = Object.entries(machine.streams).filter(([name]) => !machine.predictions.some((p) => p.stream === name));
  const at = millis(streams[0]?.[1].timestamp);
  return (
    <Panel
      name="indicators"
      title={m.indicators}
      aside={at !== undefined && <span class="soft">{m.indicatorsOf(format.clock(at + 0.001))}</span>}
    >
      {streams.length === 0 && <Empty>{m.noIndicators}</Empty>}
      {streams.map(([name, row]) => (
        <Stream key={name} name={name} row={row} mode={modeOf(machine)} />
      ))}
    </Panel>
  );
}

function Stream({ name, row, mode }: { name: string; row: Row; mode: string | undefined }) {
  const m = messages.value.machine;
  const own = Object.keys(row.values).filter((column) => !STATISTIC.test(column));
  const first = own.filter((column) => column !== "samples");
  const sensors = quantities.value.filter((q) => STATISTICS.some((s) => `${q.name}_${s}` in row.values));
  return (
    <>
      <dl class="indicators">
        {[...first, ...own.filter((column) => column === "samples")].map((column) => (
          <div key={column} class="indicator" data-column={column}>
            <dt>{columnName(column).long}</dt>
            <dd>
              {column === "samples" ? (
                format.integer(row.values[column] ?? 0)
              ) : (
                <Reading value={row.values[column]} unit={unitOf(column)} column={column} stream={name} mode={mode} withUnit />
              )}
            </dd>
          </div>
        ))}
      </dl>
      {sensors.length > 0 && (
        <details>
          <summary>{m.statistics}</summary>
          <div class="table-scroll">
            <table class="table compact">
              <thead>
                <tr>
                  <th scope="col">{m.signals}</th>
                  <th scope="col" class="num">{m.mean}</th>
                  <th scope="col" class="num">{m.min}</th>
                  <th scope="col" class="num">{m.max}</th>
                  <th scope="col" class="num">{m.stddev}</th>
                  <th scope="col" class="num">{m.slope}</th>
                </tr>
              </thead>
              <tbody>
                {sensors.map((sensor) => (
                  <tr key={sensor.name}>
                    <th scope="row">{columnName(sensor.name).long}</th>
                    {STATISTICS.map((statistic) => (
                      <td key={statistic} class="num">
                        {statisticText(row.values[`${sensor.name}_${statistic}`], statistic, sensor.unit)}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </>
  );
}

function statisticText(value: number | undefined, statistic: (typeof STATISTICS)[number], unit: string): string {
  if (value === undefined) return messages.value.common.none;
  // A slope a second is too small to be read.
  if (statistic === "slope") return format.significant(value * 60, 2);
  if (statistic === "stddev") return format.significant(value, 2);
  return format.quantity(value, unit);
}
