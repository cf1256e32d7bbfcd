// Alarms: as a table on the alarm page, as short lines elsewhere.

import type { Alarm } from "../gen/coldstream/v1/alarm_pb.ts";
import * as format from "../format.ts";
import { messages, ruleName } from "../i18n/index.ts";
import { isAcknowledged, isOpen } from "../lib/episodes.ts";
import { millis } from "../lib/time.ts";
import { machinePath } from "../router.ts";
import { now } from "../store/clock.ts";
import { askToAcknowledge } from "./acknowledge.tsx";
import { alarmText } from "./alarm-text.ts";
import { Ago, Button, Link, Moment, SeverityBadge, severityKey } from "./parts.tsx";

/** How long an alarm is open, or was. */
export function AlarmSpan({ alarm }: { alarm: Alarm }) {
  const m = messages.value.alarms;
  const raised = millis(alarm.raisedAt) ?? 0;
  const cleared = millis(alarm.clearedAt);
  return cleared === undefined ? (
    <span class="open-for">{m.since(format.span(now.value - raised))}</span>
  ) : (
    <span title={format.full(cleared)}>{m.lasted(format.span(cleared - raised))}</span>
  );
}

function Acknowledgement({ alarm }: { alarm: Alarm }) {
  const m = messages.value.alarms;
  if (!isAcknowledged(alarm)) {
    const label = m.acknowledgeOf(`${alarm.machineId}, ${alarmText(alarm)}`);
    return (
      <Button class="acknowledge" icon="check" aria-label={label} onClick={() => askToAcknowledge(alarm)}>
        {m.acknowledge}
      </Button>
    );
  }
  return (
    <span class="acknowledged">
      <span>
        ✓ {m.acknowledged} {m.by(alarm.acknowledgedBy)} · <Moment at={millis(alarm.acknowledgedAt)} />
      </span>
      {alarm.comment && <q class="comment">{alarm.comment}</q>}
    </span>
  );
}

export function AlarmTable({ alarms, machine = true }: { alarms: readonly Alarm[]; machine?: boolean }) {
  const m = messages.value.alarms;
  return (
    <table class="table alarm-table stack">
      <thead>
        <tr>
          <th scope="col">{m.severity}</th>
          {machine && <th scope="col">{messages.value.common.machine}</th>}
          <th scope="col">{m.what}</th>
          <th scope="col">{m.raised}</th>
          <th scope="col">{m.duration}</th>
          <th scope="col">{m.acknowledgement}</th>
        </tr>
      </thead>
      <tbody>
        {alarms.map((alarm) => (
          <tr
            key={alarm.episode}
            class={isOpen(alarm) ? `row-open edge-${severityKey(alarm.severity)}` : "row-cleared"}
            data-episode={alarm.episode}
            data-rule={alarm.rule}
            data-machine={alarm.machineId}
          >
            <td>
              <SeverityBadge severity={alarm.severity} />
            </td>
            {machine && (
              <td>
                <Link to={machinePath(alarm.machineId)} class="machine-link">
                  {alarm.machineId}
                </Link>
              </td>
            )}
            <td class="alarm-what">
              <span class="alarm-rule">{ruleName(alarm.rule)}</span>
              <span class="alarm-text">{alarmText(alarm)}</span>
            </td>
            <td>
              <Moment at={millis(alarm.raisedAt)} />
            </td>
            <td>
              <AlarmSpan alarm={alarm} />
            </td>
            <td>
              <Acknowledgement alarm={alarm} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Alarms in a few lines each. */
export function AlarmLines({ alarms, machine = true }: { alarms: readonly Alarm[]; machine?: boolean }) {
  const m = messages.value.alarms;
  return (
    <ul class="lines">
      {alarms.map((alarm) => (
        <li
          key={alarm.episode}
          class={`line ${isOpen(alarm) ? `edge-${severityKey(alarm.severity)}` : "row-cleared"}`}
          data-episode={alarm.episode}
          data-rule={alarm.rule}
          data-machine={alarm.machineId}
        >
          <div class="line-head">
            <SeverityBadge severity={alarm.severity} />
            {machine && (
              <Link to={machinePath(alarm.machineId)} class="machine-link">
                {alarm.machineId}
              </Link>
            )}
            <span class="line-title">{ruleName(alarm.rule)}</span>
            <span class="line-when">{isOpen(alarm) ? <AlarmSpan alarm={alarm} /> : <Ago at={millis(alarm.clearedAt)} />}</span>
          </div>
          <div class="line-foot">
            <span class="alarm-text">{alarmText(alarm)}</span>
            {isAcknowledged(alarm) ? (
              <span class="acknowledged" title={alarm.comment}>
                ✓ {alarm.acknowledgedBy}
              </span>
            ) : (
              <Button
                class="acknowledge"
                icon="check"
                aria-label={m.acknowledgeOf(`${alarm.machineId}, ${alarmText(alarm)}`)}
                onClick={() => askToAcknowledge(alarm)}
              >
                {m.acknowledge}
              </Button>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}
