// Where the processing of each Kafka partition is.

import type { SystemStatus } from "../../gen/coldstream/v1/status_pb.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { millis } from "../../lib/time.ts";
import { now } from "../../store/clock.ts";
import { Empty, Panel } from "../../ui/parts.tsx";

export function PartitionsPanel({ status }: { status: SystemStatus }) {
  const m = messages.value.system;
  const none = messages.value.common.none;
  const lag = status.partitions.reduce((sum, p) => sum + (p.lag ?? 0n), 0n);
  return (
    <Panel name="partitions" title={m.partitions} aside={<span class="soft">{m.lag}: {format.integer(lag)}</span>}>
      {status.partitions.length === 0 ? (
        <Empty>{m.noPartitions}</Empty>
      ) : (
        <div class="table-scroll">
          <table class="table compact">
            <thead>
              <tr>
                <th scope="col" class="num">{m.partition}</th>
                <th scope="col" class="num">{m.offset}</th>
                <th scope="col" class="num">{m.highWatermark}</th>
                <th scope="col" class="num">{m.lag}</th>
                <th scope="col" class="num">{m.watermark}</th>
                <th scope="col" class="num">{m.epoch}</th>
              </tr>
            </thead>
            <tbody>
              {status.partitions.map((p) => {
                const watermark = millis(p.watermark);
                return (
                  <tr key={p.partition} data-partition={p.partition}>
                    <td class="num">{p.partition}</td>
                    <td class="num">{format.integer(p.nextOffset)}</td>
                    <td class="num">{p.highWatermark === undefined ? none : format.integer(p.highWatermark)}</td>
                    <td class="num">{p.lag === undefined ? none : format.integer(p.lag)}</td>
                    <td class="num" title={watermark === undefined ? "" : format.full(watermark)}>
                      {watermark === undefined ? none : m.behind(format.span(now.value - watermark))}
                    </td>
                    <td class="num">{format.integer(p.epoch)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
