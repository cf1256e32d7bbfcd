// The machines by state: a ring, and its legend, which also filters the list.

import type { Signal } from "@preact/signals";

import { link } from "../../api/link.ts";
import type { MachineState } from "../../gen/coldstream/v1/common_pb.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { countStates, STATES } from "../../lib/order.ts";
import { fleet } from "../../store/fleet.ts";
import { readingRate } from "../../store/status.ts";
import { StateShape } from "../../ui/icons.tsx";
import { Panel, stateKey, stateText } from "../../ui/parts.tsx";

const RADIUS = 42;
const AROUND = 2 * Math.PI * RADIUS;

export function StatesPanel({ only }: { only: Signal<MachineState | undefined> }) {
  const m = messages.value;
  const counts = countStates(fleet.value.values());
  const total = fleet.value.size;
  const rate = readingRate.value;
  const rateText = rate !== undefined && link.value.kind === "connected" ? m.overview.rate(format.integer(Math.round(rate))) : undefined;
  const description = STATES.map((state) => `${stateText(state)}: ${counts.get(state) ?? 0}`).join(", ");
  return (
    <Panel name="states" title={m.overview.states} aside={rateText}>
      <div class="states">
        <div class="ring" role="img" aria-label={`${m.overview.states}. ${description}`}>
          <Ring counts={counts} total={total} />
          <div class="ring-middle" aria-hidden="true">
            <b>{format.integer(total)}</b>
            <span>{m.common.machines(total)}</span>
          </div>
        </div>
        <ul class="ring-legend">
          {STATES.map((state) => {
            const count = counts.get(state) ?? 0;
            const chosen = only.value === state;
            return (
              <li key={state}>
                <button
                  type="button"
                  class={`ring-row state-${stateKey(state)}`}
                  aria-pressed={chosen}
                  disabled={count === 0 && !chosen}
                  title={m.overview.filterState(stateText(state))}
                  onClick={() => (only.value = chosen ? undefined : state)}
                >
                  <StateShape state={state} />
                  <span class="ring-name">{stateText(state)}</span>
                  <b>{format.integer(count)}</b>
                </button>
              </li>
            );
          })}
        </ul>
      </div>
    </Panel>
  );
}

function Ring({ counts, total }: { counts: ReadonlyMap<MachineState, number>; total: number }) {
  let passed = 0;
  return (
    <svg viewBox="0 0 100 100">
      <circle class="ring-base" cx="50" cy="50" r={RADIUS} />
      {STATES.map((state) => {
        const share = total ? (counts.get(state) ?? 0) / total : 0;
        if (share === 0) return null;
        const start = passed;
        passed += share;
        // A hair's breadth between two arcs.
        const gap = share < 1 ? Math.min(1.5, (share * AROUND) / 3) : 0;
        return (
          <circle
            key={state}
            class={`ring-arc state-${stateKey(state)}`}
            cx="50"
            cy="50"
            r={RADIUS}
            stroke-dasharray={`${share * AROUND - gap} ${AROUND}`}
            stroke-dashoffset={-start * AROUND}
            transform="rotate(-90 50 50)"
          />
        );
      })}
    </svg>
  );
}
