// Machines as rows, sensors as columns, with unit and limit at the head of each.

import type { Machine } from "../../gen/coldstream/v1/status_pb.ts";
import { columnName, messages, modeName } from "../../i18n/index.ts";
import { machinePath } from "../../router.ts";
import { limits, rules } from "../../store/alarms.ts";
import { worstPrediction } from "../../store/fleet.ts";
import { quantities, type Quantity } from "../../store/sensors.ts";
import { Link, Risk, StateBadge } from "../../ui/parts.tsx";
import { UnknownMark } from "../../ui/machine.tsx";
import { limitText, modeOf, Reading, readingLimits } from "../../ui/reading.tsx";
import { MachineAlarms } from "./tiles.tsx";

export function MachineTable({ machines }: { machines: readonly Machine[] }) {
  const m = messages.value;
  const columns = quantities.value;
  return (
    <div class="table-scroll" tabIndex={0} role="group" aria-label={m.overview.readings}>
      <table class="table readings">
        <thead>
          <tr>
            <th scope="col" class="sticky">
              {m.common.machine}
            </th>
            <th scope="col">{m.common.state}</th>
            <th scope="col">{m.common.mode}</th>
            <th scope="col">{m.overview.openAlarms}</th>
            <th scope="col">{m.overview.risk}</th>
            {columns.map((column) => (
              <Head key={column.name} column={column} />
            ))}
          </tr>
        </thead>
        <tbody>
          {machines.map((machine) => (
            <MachineRow key={machine.id} machine={machine} columns={columns} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Head({ column: { name, unit } }: { column: Quantity }) {
  const text = limitText(readingLimits(name));
  const { long, short } = columnName(name);
  return (
    <th scope="col" class="num" title={long}>
      <span class="head-name">{short}</span>
      <span class="head-unit">{unit || "\u00a0"}</span>
      <span class="head-limit">{text || "\u00a0"}</span>
    </th>
  );
}

function MachineRow({ machine, columns }: { machine: Machine; columns: readonly Quantity[] }) {
  // Read here, so that a row is drawn anew when the rules are known.
  void limits.value;
  void rules.value;
  const mode = modeOf(machine);
  const values = machine.lastReading?.values ?? {};
  return (
    <tr data-machine={machine.id} data-mode={mode}>
      <th scope="row" class="sticky">
        <Link to={machinePath(machine.id)} class="machine-link">
          {machine.id}
        </Link>
        <UnknownMark machine={machine} />
      </th>
      <td>
        <StateBadge state={machine.state} />
      </td>
      <td class="soft">{mode === undefined ? m0() : modeName(mode)}</td>
      <td>
        <MachineAlarms machine={machine} />
      </td>
      <td>
        <Risk probability={worstPrediction(machine)?.probability} />
      </td>
      {columns.map(({ name, unit }) => (
        <td key={name} class="num" data-column={name}>
          <Reading value={values[name]} unit={unit} column={name} mode={mode} />
        </td>
      ))}
    </tr>
  );
}

function m0(): string {
  return messages.value.common.none;
}
