// The time, once a second, on the server's clock as far as it is known: a device whose clock is wrong must not call
// fresh readings old.

import { computed, signal } from "@preact/signals";

import type { SystemStatus } from "../gen/coldstream/v1/status_pb.ts";
import { lasting, millis } from "../lib/time.ts";

/** This device's time, milliseconds since 1970. */
export const deviceNow = signal(Date.now());
setInterval(() => {
  deviceNow.value = Date.now();
}, 1_000);

/** How far the server's clock is ahead. */
const ahead = signal(0);

/** The server's time, milliseconds since 1970. */
export const now = computed(() => deviceNow.value + ahead.value);

/** Learns the server's time from its status. */
export function setServerTime(status: SystemStatus): void {
  const started = millis(status.startedAt);
  if (started === undefined) return;
  const measured = started + lasting(status.uptime) - Date.now();
  // The way there and back makes it jitter by some milliseconds, which nobody sees.
  if (Math.abs(measured - ahead.peek()) > 1_000) ahead.value = measured;
}
