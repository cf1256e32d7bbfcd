// Which machine? For those who come by the navigation.

import { useState } from "preact/hooks";

import { link } from "../../api/link.ts";
import { messages } from "../../i18n/index.ts";
import { byId } from "../../lib/order.ts";
import { machinePath } from "../../router.ts";
import { fleet } from "../../store/fleet.ts";
import { Draw, StateShape } from "../../ui/icons.tsx";
import { Empty, Link, Panel, stateKey, stateText } from "../../ui/parts.tsx";
import { MachineAlarms } from "../overview/tiles.tsx";

const MOST = 500;

export function MachinesPage() {
  const m = messages.value;
  const [wanted, setWanted] = useState("");
  const words = wanted.trim().toLowerCase();
  const all = [...fleet.value.values()].filter((machine) => machine.id.toLowerCase().includes(words));
  all.sort((a, b) => byId(a.id, b.id));
  return (
    <Panel name="choose" title={m.machine.choose} aside={<span class="soft">{fleet.value.size}</span>}>
      <div class="toolbar">
        <label class="search">
          <Draw name="search" />
          <span class="visually-hidden">{m.overview.searchMachines}</span>
          <input type="search" placeholder={m.overview.searchMachines} value={wanted} onInput={(e) => setWanted(e.currentTarget.value)} />
        </label>
      </div>
      {all.length === 0 ? (
        <Empty>{link.value.kind !== "connected" ? m.common.loading : words ? m.overview.noMatch : m.overview.noMachines}</Empty>
      ) : (
        <ul class="choose">
          {all.slice(0, MOST).map((machine) => (
            <li key={machine.id}>
              <Link to={machinePath(machine.id)} class={`choose-item tile-${stateKey(machine.state)}`} title={stateText(machine.state)}>
                <span class={`state-${stateKey(machine.state)}`}>
                  <StateShape state={machine.state} />
                  <span class="visually-hidden">{stateText(machine.state)}</span>
                </span>
                <span class="tile-id">{machine.id}</span>
                {machine.openAlarms.length > 0 && <MachineAlarms machine={machine} />}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
