// The newest reading, sensor by sensor, with unit and limit.

import type { Machine } from "../../gen/coldstream/v1/status_pb.ts";
import { columnName, messages } from "../../i18n/index.ts";
import { millis } from "../../lib/time.ts";
import { quantities } from "../../store/sensors.ts";
import { Moment, Panel } from "../../ui/parts.tsx";
import { limitText, modeOf, Reading, readingLimits } from "../../ui/reading.tsx";

export function ReadingsPanel({ machine }: { machine: Machine }) {
  const m = messages.value;
  const mode = modeOf(machine);
  const values = machine.lastReading?.values ?? {};
  return (
    <Panel name="readings" title={m.machine.readings} aside={<span class="soft"><Moment at={millis(machine.lastReading?.timestamp)} /></span>}>
      <table class="table compact live-readings">
        <thead>
          <tr>
            <th scope="col">{m.machine.signals}</th>
            <th scope="col" class="num">
              {m.common.value}
            </th>
            <th scope="col">{m.common.unit}</th>
            <th scope="col" class="num">
              {m.common.limit}
            </th>
          </tr>
        </thead>
        <tbody>
          {quantities.value.map(({ name, unit }) => (
            <tr key={name} data-column={name}>
              <th scope="row">{columnName(name).long}</th>
              <td class="num value">
                <Reading value={values[name]} unit={unit} column={name} mode={mode} />
              </td>
              <td class="soft">{unit}</td>
              <td class="num soft">{limitText(readingLimits(name))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
