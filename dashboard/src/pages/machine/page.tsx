// One machine: how it is, how it went, what is expected of it.

import { useEffect } from "preact/hooks";

import { link } from "../../api/link.ts";
import type { Machine } from "../../gen/coldstream/v1/status_pb.ts";
import * as format from "../../format.ts";
import { messages, modeName } from "../../i18n/index.ts";
import { SECOND, millis } from "../../lib/time.ts";
import { fleet, followMachine, interval } from "../../store/fleet.ts";
import { hasMachinesFile, status } from "../../store/status.ts";
import { Draw } from "../../ui/icons.tsx";
import { Ago, Empty, Fact, Link, Risk, StateBadge } from "../../ui/parts.tsx";
import { aboutText } from "../../ui/machine.tsx";
import { modelLabel } from "../../ui/model.ts";
import { modeOf } from "../../ui/reading.tsx";
import { MachineAlarmsPanel } from "./alarms.tsx";
import { DemoPanel } from "./demo.tsx";
import { IndicatorsPanel } from "./indicators.tsx";
import { MachinePredictionsPanel } from "./predictions.tsx";
import { ReadingsPanel } from "./readings.tsx";
import { TrendsPanel } from "./trends.tsx";

export function MachinePage({ id }: { id: string }) {
  const m = messages.value;
  const machine = fleet.value.get(id);
  const slow = interval.value > 1.5 * SECOND;
  const connected = link.value.kind === "connected";
  useEffect(() => {
    if (!slow || !connected) return undefined;
    const abort = new AbortController();
    followMachine(id, abort.signal);
    return () => abort.abort();
  }, [id, slow, connected]);

  const back = (
    <Link to="/machines" class="back">
      <Draw name="back" /> {m.machine.back}
    </Link>
  );
  if (!machine) {
    return (
      <>
        {back}
        <Empty>{connected ? m.machine.unknown(id) : m.common.loading}</Empty>
      </>
    );
  }
  return (
    <>
      <div class="machine-bar">
        {back}
        <MachineFacts machine={machine} />
      </div>
      <div class="machine-page">
        <div class="machine-left">
          <TrendsPanel id={id} machine={machine} />
          <MachinePredictionsPanel id={id} machine={machine} />
        </div>
        <div class="machine-right">
          <MachineAlarmsPanel id={id} />
          {status.value?.demo && <DemoPanel id={id} />}
          <ReadingsPanel machine={machine} />
          <IndicatorsPanel machine={machine} />
        </div>
      </div>
    </>
  );
}

function MachineFacts({ machine }: { machine: Machine }) {
  const m = messages.value;
  const mode = modeOf(machine);
  const about = aboutText(machine);
  return (
    <dl class="facts">
      {about !== "" && <Fact label={m.machine.about}>{about}</Fact>}
      {hasMachinesFile.value && machine.about?.known === false && (
        <Fact label={m.machine.about}>
          <span class="attention">{m.machine.notInFile}</span>
        </Fact>
      )}
      <Fact label={m.common.state}>
        <StateBadge state={machine.state} />
      </Fact>
      {mode !== undefined && <Fact label={m.common.mode}>{modeName(mode)}</Fact>}
      {machine.predictions.map((p) => (
        <Fact key={p.stream} label={`${m.overview.risk} · ${modelLabel(p.stream).short}`}>
          <Risk probability={p.probability} />
        </Fact>
      ))}
      <Fact label={m.overview.lastReading}>
        <Ago at={millis(machine.lastSeen)} />
      </Fact>
      <Fact label={m.system.readingsTotal}>{format.integer(machine.readings)}</Fact>
    </dl>
  );
}
