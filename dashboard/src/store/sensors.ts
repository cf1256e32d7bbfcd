// The columns of a reading, with their units.

import { computed, signal } from "@preact/signals";

import { api } from "../api/clients.ts";
import { isUnimplemented } from "../api/errors.ts";
import type { Follower } from "../api/link.ts";
import type { Sensor } from "../gen/coldstream/v1/status_pb.ts";
import { fleet } from "./fleet.ts";

const listed = signal<readonly Sensor[] | undefined>(undefined);

/** A number that machines send. */
export interface Quantity {
  readonly name: string;
  readonly unit: string;
}

/** Asks for the sensors once for each connection. Never ends by itself. */
export const learnSensors: Follower = async (signal) => {
  try {
    listed.value = (await api.status.listSensors({}, { signal })).sensors;
  } catch (error) {
    if (!isUnimplemented(error)) throw error;
  }
  await new Promise<never>(() => undefined);
};

/** The columns of the readings that some machine sends as numbers. */
const sent = computed<readonly string[]>(() => {
  const names = new Set<string>();
  for (const machine of fleet.value.values()) {
    for (const name of Object.keys(machine.lastReading?.values ?? {})) names.add(name);
  }
  return [...names].sort();
});

let before: readonly Quantity[] = [];

/** The numbers that machines send, in the order of the table `readings`. The same array while they are the same. */
export const quantities = computed<readonly Quantity[]>(() => {
  const names = new Set(sent.value);
  const known = (listed.value ?? []).filter((sensor) => names.has(sensor.name));
  for (const sensor of known) names.delete(sensor.name);
  const next = [...known, ...[...names].map((name) => ({ name, unit: "" }))];
  const same = next.length === before.length && next.every((q, i) => q.name === before[i]?.name && q.unit === before[i]?.unit);
  if (!same) before = next.map(({ name, unit }) => ({ name, unit }));
  return before;
});

/** Units of what queries/features.sql computes. */
const DERIVED: Readonly<Record<string, string>> = {
  temp_difference: "K",
  suction_superheat: "K",
  discharge_superheat: "K",
  condenser_approach: "K",
  evaporator_approach: "K",
  t_evap: "°C",
  t_cond: "°C",
  cooling_capacity: "kW",
};

/** The unit of a column, also of a mean, minimum or maximum over a window of it. */
export function unitOf(column: string): string {
  const base = column.replace(/_(avg|min|max|stddev)$/, "");
  const derived = DERIVED[base];
  if (derived !== undefined) return derived;
  return (listed.value ?? []).find((sensor) => sensor.name === base)?.unit ?? "";
}
