// What happened lately: alarms by severity, predictions by probability.

import type { Prediction } from "../../gen/coldstream/v1/common_pb.ts";
import { Severity } from "../../gen/coldstream/v1/alarm_pb.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { isAcknowledged, SEVERITIES, urgentFirst } from "../../lib/episodes.ts";
import { byId } from "../../lib/order.ts";
import { millis } from "../../lib/time.ts";
import { machinePath } from "../../router.ts";
import { episodes, openAlarms } from "../../store/alarms.ts";
import { fleet, predictionStreams } from "../../store/fleet.ts";
import { AlarmLines } from "../../ui/alarm-list.tsx";
import { SeverityShape } from "../../ui/icons.tsx";
import { modelLabel } from "../../ui/model.ts";
import { Ago, Empty, Link, Panel, Risk, severityKey, severityText } from "../../ui/parts.tsx";

const SHOWN = 12;

export function AlarmsPanel() {
  const m = messages.value;
  const open = openAlarms.value;
  const recent = urgentFirst(episodes.value.values()).slice(0, SHOWN);
  const unknown = open.filter((alarm) => !isAcknowledged(alarm)).length;
  return (
    <Panel
      name="recent-alarms"
      title={m.overview.recentAlarms}
      aside={
        <>
          <span>
            {format.integer(open.length)} {m.overview.open}
            {unknown > 0 && <> · {m.overview.unacknowledged(unknown)}</>}
          </span>
          <Link to="/alarms">{m.overview.seeAll}</Link>
        </>
      }
    >
      <ul class="severity-counts" aria-label={m.overview.openAlarms}>
        {SEVERITIES.map((severity) => (
          <SeverityCount key={severity} severity={severity} count={open.filter((a) => a.severity === severity).length} />
        ))}
      </ul>
      {recent.length ? (
        <div class="scroll" tabIndex={0} role="group" aria-label={m.overview.recentAlarms}>
          <AlarmLines alarms={recent} />
        </div>
      ) : (
        <Empty>{m.overview.noAlarms}</Empty>
      )}
    </Panel>
  );
}

function SeverityCount({ severity, count }: { severity: Severity; count: number }) {
  return (
    <li class={`severity-count severity-${severityKey(severity)} ${count ? "" : "zero"}`} title={severityText(severity)}>
      <SeverityShape severity={severity} />
      <b>{format.integer(count)}</b>
      <span>{severityText(severity)}</span>
    </li>
  );
}

interface MachineRisk {
  readonly id: string;
  readonly worst: number;
  readonly at: number | undefined;
  readonly byStream: ReadonlyMap<string, Prediction>;
}

function risks(): MachineRisk[] {
  const all: MachineRisk[] = [];
  for (const machine of fleet.value.values()) {
    if (machine.predictions.length === 0) continue;
    const byStream = new Map(machine.predictions.map((p) => [p.stream, p]));
    const worst = Math.max(...machine.predictions.map((p) => p.probability ?? -1));
    const at = Math.max(...machine.predictions.map((p) => millis(p.windowEnd) ?? 0));
    all.push({ id: machine.id, worst, at: at || undefined, byStream });
  }
  return all.sort((a, b) => b.worst - a.worst || byId(a.id, b.id));
}

export function PredictionsPanel() {
  const m = messages.value;
  const streams = predictionStreams.value;
  const list = risks().slice(0, SHOWN);
  return (
    <Panel
      name="recent-predictions"
      title={m.overview.recentPredictions}
      aside={<Link to="/predictions">{m.overview.seeAll}</Link>}
    >
      {list.length ? (
        <div class="scroll" tabIndex={0} role="group" aria-label={m.overview.recentPredictions}>
          <table class="table compact recent-risks">
            <thead>
              <tr>
                <th scope="col">{m.common.machine}</th>
                {streams.map((stream) => (
                  <th scope="col" key={stream} title={modelLabel(stream).long}>
                    {modelLabel(stream).short}
                  </th>
                ))}
                <th scope="col" class="num">
                  {m.predictions.window}
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map(({ id, byStream, at }) => (
                <tr key={id}>
                  <td>
                    <Link to={machinePath(id)} class="machine-link">
                      {id}
                    </Link>
                  </td>
                  {streams.map((stream) => (
                    <td key={stream}>
                      <Risk probability={byStream.get(stream)?.probability} />
                    </td>
                  ))}
                  <td class="num soft">
                    <Ago at={at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <Empty>{m.overview.noPredictions}</Empty>
      )}
    </Panel>
  );
}
