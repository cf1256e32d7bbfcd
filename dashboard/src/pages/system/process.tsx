import type { SystemStatus } from "../../gen/coldstream/v1/status_pb.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { lasting, millis } from "../../lib/time.ts";
import { readingRate } from "../../store/status.ts";
import { Fact, Moment, Panel } from "../../ui/parts.tsx";

export function ProcessPanel({ status }: { status: SystemStatus }) {
  const m = messages.value.system;
  const rate = readingRate.value;
  return (
    <Panel name="process" title={m.process} aside={<span class="soft">Coldstream {status.version}</span>}>
      <dl class="facts big">
        <Fact label={m.uptime}>{format.span(lasting(status.uptime))}</Fact>
        <Fact label={m.startedAt}>
          <Moment at={millis(status.startedAt)} />
        </Fact>
        <Fact label={m.readingsTotal}>{format.compact(status.readingsTotal)}</Fact>
        <Fact label={m.perSecond}>{rate === undefined ? messages.value.common.none : format.integer(Math.round(rate))}</Fact>
        <Fact label={m.deadTotal}>
          <span class={status.deadLettersTotal > 0n ? "attention" : ""}>{format.integer(status.deadLettersTotal)}</span>
        </Fact>
        <Fact label={m.lateTotal}>
          <span class={status.lateReadingsTotal > 0n ? "attention" : ""}>{format.integer(status.lateReadingsTotal)}</span>
        </Fact>
        {(status.machinesFile?.path ?? "") !== "" && (
          <Fact label={m.unknownMachines}>
            <span class={status.unknownMachines > 0n ? "attention" : ""}>{format.integer(status.unknownMachines)}</span>
          </Fact>
        )}
        {(status.machinesFile?.refused ?? "") !== "" && (
          <Fact label={m.machinesRefused}>
            <span class="attention">{status.machinesFile?.refused}</span>
          </Fact>
        )}
      </dl>
    </Panel>
  );
}
