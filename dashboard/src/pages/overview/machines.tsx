// Every machine, the worst first, with every reading: as a table, or as tiles.

import { signal, type Signal } from "@preact/signals";
import { useState } from "preact/hooks";

import type { MachineState } from "../../gen/coldstream/v1/common_pb.ts";
import { link } from "../../api/link.ts";
import { messages } from "../../i18n/index.ts";
import { worstFirst } from "../../lib/order.ts";
import { fleet } from "../../store/fleet.ts";
import { prefs, type View } from "../../store/prefs.ts";
import { Draw } from "../../ui/icons.tsx";
import { Button, Choices, Empty, Panel, stateText } from "../../ui/parts.tsx";
import { MachineTable } from "./table.tsx";
import { MachineTiles } from "./tiles.tsx";

/** More than a screen shows; a thousand rows would make a browser slow. */
const PAGE = 60;

const narrow = matchMedia("(max-width: 760px)");
const isNarrow = signal(narrow.matches);
narrow.addEventListener("change", (event) => {
  isNarrow.value = event.matches;
});

const wanted = signal("");

export function MachinesPanel({ only }: { only: Signal<MachineState | undefined> }) {
  const m = messages.value;
  const [shown, setShown] = useState(PAGE);
  const words = wanted.value.trim().toLowerCase();
  const all = worstFirst(fleet.value.values());
  const matching = all.filter(
    (machine) =>
      (only.value === undefined || machine.state === only.value) &&
      (words === "" || machine.id.toLowerCase().includes(words)),
  );
  const visible = matching.slice(0, shown);
  const view: View = prefs.view.value ?? (isNarrow.value ? "tiles" : "table");
  return (
    <Panel
      name="machines"
      title={m.overview.readings}
      aside={<span class="soft">{m.overview.worstFirst}</span>}
    >
      <div class="toolbar">
        <label class="search">
          <Draw name="search" />
          <span class="visually-hidden">{m.overview.searchMachines}</span>
          <input
            type="search"
            name="machine-search"
            placeholder={m.overview.searchMachines}
            value={wanted.value}
            onInput={(event) => (wanted.value = event.currentTarget.value)}
          />
        </label>
        {only.value !== undefined && (
          <Button icon="close" class="chip" onClick={() => (only.value = undefined)}>
            {stateText(only.value)}
          </Button>
        )}
        <span class="toolbar-fill" />
        <Choices<View>
          name="view"
          label={m.overview.view}
          value={view}
          options={[
            { value: "table", label: <><Draw name="table" /> {m.overview.table}</> },
            { value: "tiles", label: <><Draw name="tiles" /> {m.overview.tiles}</> },
          ]}
          onChange={(value) => (prefs.view.value = value)}
        />
      </div>
      {all.length === 0 ? (
        <Empty>{link.value.kind === "connected" ? m.overview.noMachines : m.common.loading}</Empty>
      ) : matching.length === 0 ? (
        <Empty>{m.overview.noMatch}</Empty>
      ) : view === "table" ? (
        <MachineTable machines={visible} />
      ) : (
        <MachineTiles machines={visible} />
      )}
      {matching.length > shown && (
        <Button class="wide" onClick={() => setShown(shown + 5 * PAGE)}>
          {m.common.more(Math.min(5 * PAGE, matching.length - shown))}
        </Button>
      )}
    </Panel>
  );
}
