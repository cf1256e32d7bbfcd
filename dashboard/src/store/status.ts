// The system's state, from the heartbeat.

import { computed, signal } from "@preact/signals";

import type { SystemStatus } from "../gen/coldstream/v1/status_pb.ts";
import { lasting } from "../lib/time.ts";

export const status = signal<SystemStatus | undefined>(undefined);
const rate = signal<number | undefined>(undefined);

/** Readings processed a second, over the last heartbeats; absent before the second. */
export const readingRate = computed(() => rate.value);

/** Whether there is a file of machines: without one, no machine is known, and none is worth a mark. */
export const hasMachinesFile = computed(() => (status.value?.machinesFile?.path ?? "") !== "");

export function setStatus(next: SystemStatus): void {
  const before = status.peek();
  const passed = before ? (lasting(next.uptime) - lasting(before.uptime)) / 1_000 : 0;
  // A shorter uptime is another process, whose count began again.
  if (before && passed > 0) {
    const measured = Number(next.readingsTotal - before.readingsTotal) / passed;
    const old = rate.peek();
    rate.value = measured < 0 ? undefined : old === undefined ? measured : old + 0.4 * (measured - old);
  } else if (passed < 0) {
    rate.value = undefined;
  }
  status.value = next;
}
