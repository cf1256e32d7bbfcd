// The plant at a glance: what is wrong, where, and every reading.

import { signal } from "@preact/signals";

import type { MachineState } from "../../gen/coldstream/v1/common_pb.ts";
import { AlarmsPanel, PredictionsPanel } from "./recent.tsx";
import { MachinesPanel } from "./machines.tsx";
import { StatesPanel } from "./states.tsx";

/** Only machines in this state are listed; all if absent. */
const only = signal<MachineState | undefined>(undefined);

export function OverviewPage() {
  return (
    <div class="overview">
      <StatesPanel only={only} />
      <AlarmsPanel />
      <PredictionsPanel />
      <MachinesPanel only={only} />
    </div>
  );
}
