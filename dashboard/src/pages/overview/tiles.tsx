// Machines as tiles: for phones, and for many.

import type { Machine } from "../../gen/coldstream/v1/status_pb.ts";
import * as format from "../../format.ts";
import { columnName, messages, modeName } from "../../i18n/index.ts";
import { excessOf } from "../../lib/limits.ts";
import { millis } from "../../lib/time.ts";
import { machinePath } from "../../router.ts";
import { worstPrediction } from "../../store/fleet.ts";
import { quantities, type Quantity } from "../../store/sensors.ts";
import { SeverityShape, StateShape } from "../../ui/icons.tsx";
import { aboutText, UnknownMark } from "../../ui/machine.tsx";
import { Ago, Link, Risk, severityKey, severityText, stateKey, stateText } from "../../ui/parts.tsx";
import { modeOf, Reading, readingLimits } from "../../ui/reading.tsx";

/** What a technician looks at first. */
const FIRST = ["temp_room", "temp_evaporator", "pressure_high", "pressure_low", "superheat", "compressor_current"];
const SHOWN = 6;

/** The open alarms of a machine, by severity. */
export function MachineAlarms({ machine }: { machine: Machine }) {
  const open = [...machine.openAlarms].sort((a, b) => b.severity - a.severity);
  if (open.length === 0) return <span class="soft">{messages.value.common.none}</span>;
  return (
    <span class="machine-alarms">
      {open.map(({ severity, alarms }) => (
        <span
          key={severity}
          class={`alarm-mark severity-${severityKey(severity)}`}
          title={`${severityText(severity)}: ${format.integer(alarms)}`}
        >
          <SeverityShape severity={severity} />
          <span class="visually-hidden">{severityText(severity)}: </span>
          {format.integer(alarms)}
        </span>
      ))}
    </span>
  );
}

/** The usual values, and first those that are beyond a limit. */
function chosen(machine: Machine): Quantity[] {
  const values = machine.lastReading?.values ?? {};
  const mode = modeOf(machine);
  const rank = ({ name }: Quantity): number => {
    const value = values[name];
    if (value === undefined) return 1_000;
    const excess = excessOf(value, readingLimits(name), mode);
    const usual = FIRST.indexOf(name);
    return (excess && !excess.resting ? -100 : 0) + (usual < 0 ? 100 : usual);
  };
  return [...quantities.value].sort((a, b) => rank(a) - rank(b)).slice(0, SHOWN);
}

export function MachineTiles({ machines }: { machines: readonly Machine[] }) {
  return (
    <ul class="tiles">
      {machines.map((machine) => (
        <Tile key={machine.id} machine={machine} />
      ))}
    </ul>
  );
}

function Tile({ machine }: { machine: Machine }) {
  const mode = modeOf(machine);
  const values = machine.lastReading?.values ?? {};
  return (
    <li data-machine={machine.id} data-mode={mode}>
      <Link to={machinePath(machine.id)} class={`tile tile-${stateKey(machine.state)}`}>
        <span class="tile-head">
          <span class={`tile-state state-${stateKey(machine.state)}`} title={stateText(machine.state)}>
            <StateShape state={machine.state} />
            <span class="visually-hidden">{stateText(machine.state)}</span>
          </span>
          <span class="tile-id" title={aboutText(machine)}>
            {machine.id}
          </span>
          <UnknownMark machine={machine} />
          <span class="tile-mode">{mode === undefined ? "" : modeName(mode)}</span>
          {machine.openAlarms.length > 0 && <MachineAlarms machine={machine} />}
        </span>
        <span class="tile-values">
          {chosen(machine).map(({ name, unit }) => (
            <span key={name} class="tile-value" data-column={name}>
              <span class="tile-name">{columnName(name).short}</span>
              <Reading value={values[name]} unit={unit} column={name} mode={mode} withUnit />
            </span>
          ))}
        </span>
        <span class="tile-foot">
          <Risk probability={worstPrediction(machine)?.probability} />
          <span class="soft">
            <Ago at={millis(machine.lastSeen)} />
          </span>
        </span>
      </Link>
    </li>
  );
}
