// Machines, the worst first.

import { MachineState } from "../gen/coldstream/v1/common_pb.ts";
import type { Machine } from "../gen/coldstream/v1/status_pb.ts";

/** States, the worst first: what is broken, what may break, what nobody knows, what is well. */
export const STATES = [
  MachineState.CRITICAL,
  MachineState.WARNING,
  MachineState.STALE,
  MachineState.UNSPECIFIED,
  MachineState.NORMAL,
] as const;

const RANK = new Map<MachineState, number>(STATES.map((state, i) => [state, i]));

function alarmWeight(machine: Machine): number {
  // The gravest alarm decides; their number only between equals.
  return machine.openAlarms.reduce((sum, c) => Math.max(sum, c.severity * 1_000) + Number(c.alarms), 0);
}

function risk(machine: Machine): number {
  return machine.predictions.reduce((most, p) => Math.max(most, p.probability ?? -1), -1);
}

// Risks of a few percent waver: they must not make the list dance.
function riskStep(machine: Machine): number {
  const value = risk(machine);
  return value < 0.3 ? 0 : Math.floor(value * 10);
}

/** Ids as people count: `2` before `10`, `paris-2` before `paris-10`. */
const collator = new Intl.Collator("en", { numeric: true });

export function byId(a: string, b: string): number {
  return collator.compare(a, b);
}

/** The worst first: by state, alarms, risk; then by id. */
export function worstFirst(machines: Iterable<Machine>): Machine[] {
  return [...machines]
    .map((machine) => ({ machine, state: RANK.get(machine.state) ?? 9, alarms: alarmWeight(machine), risk: riskStep(machine) }))
    .sort((a, b) => a.state - b.state || b.alarms - a.alarms || b.risk - a.risk || byId(a.machine.id, b.machine.id))
    .map(({ machine }) => machine);
}

/** How many machines are in each state. */
export function countStates(machines: Iterable<Machine>): Map<MachineState, number> {
  const counts = new Map<MachineState, number>();
  for (const { state } of machines) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}
