// Every machine's newest state, followed.

import { computed, signal } from "@preact/signals";

import { api } from "../api/clients.ts";
import { heard, type Follower } from "../api/link.ts";
import type { Prediction } from "../gen/coldstream/v1/common_pb.ts";
import type { Machine } from "../gen/coldstream/v1/status_pb.ts";
import { duration } from "../lib/time.ts";

/** The machines by id. A new map, with new objects for what changed, at each message. */
export const fleet = signal<ReadonlyMap<string, Machine>>(new Map());

/** Milliseconds between two messages: a machine is some 3 kB, so large fleets come less often. */
export const interval = signal(1_000);

/** The interval for a number of machines. */
export function intervalFor(machines: number): number {
  return Math.min(Math.max(1_000, machines * 5), 10_000);
}

export const followFleet: Follower = async (signal, status) => {
  const known = status.machines.reduce((sum, count) => sum + Number(count.machines), 0);
  interval.value = intervalFor(known);
  let machines: Map<string, Machine> | undefined;
  const stream = api.status.watchMachines({ minInterval: duration(interval.value) }, { signal });
  for await (const message of stream) {
    heard();
    // The first message begins anew: a server that was restarted knows fewer machines, or others.
    machines = new Map(machines);
    for (const machine of message.machines) machines.set(machine.id, machine);
    fleet.value = machines;
    // A fleet that has grown far beyond the interval is followed anew, with a longer one.
    if (intervalFor(machines.size) > 2 * interval.value) return;
  }
};

/** Follows one machine at a second's pace, where the fleet is too large for that. */
export function followMachine(id: string, signal: AbortSignal): void {
  const follow = async (): Promise<void> => {
    const stream = api.status.watchMachines(
      { filter: { machineIds: [id] }, minInterval: duration(1_000) },
      { signal },
    );
    for await (const message of stream) {
      const machines = new Map(fleet.peek());
      for (const machine of message.machines) machines.set(machine.id, machine);
      fleet.value = machines;
    }
  };
  // The fleet's own stream says when the connection is lost.
  follow().catch(() => undefined);
}

/** The names of the prediction streams that any machine has, in order. */
export const predictionStreams = computed<readonly string[]>(() => {
  const names = new Set<string>();
  for (const machine of fleet.value.values()) for (const p of machine.predictions) names.add(p.stream);
  return [...names].sort();
});

/** The machine's prediction with the greatest probability; absent where none has one. */
export function worstPrediction(machine: Machine): Prediction | undefined {
  let worst: Prediction | undefined;
  for (const p of machine.predictions) {
    if (p.probability !== undefined && p.probability > (worst?.probability ?? -1)) worst = p;
  }
  return worst;
}
