// Predictions of several models as one row for each machine and window.

import type { Prediction } from "../gen/coldstream/v1/common_pb.ts";
import { millis } from "./time.ts";

export interface Side {
  readonly key: string;
  readonly machine: string;
  /** End of the window, milliseconds since 1970. */
  readonly at: number;
  readonly byStream: ReadonlyMap<string, Prediction>;
}

/** The newest window first; within it in the order they came. */
export function sideBySide(predictions: readonly Prediction[]): Side[] {
  const rows = new Map<string, { key: string; machine: string; at: number; byStream: Map<string, Prediction> }>();
  for (const prediction of predictions) {
    const at = millis(prediction.windowEnd) ?? 0;
    const key = `${at} ${prediction.machineId}`;
    const row = rows.get(key) ?? { key, machine: prediction.machineId, at, byStream: new Map<string, Prediction>() };
    row.byStream.set(prediction.stream, prediction);
    rows.set(key, row);
  }
  return [...rows.values()].sort((a, b) => b.at - a.at);
}

/** How far the models are apart; absent where fewer than two know. */
export function disagreement(row: Side): number | undefined {
  const known = [...row.byStream.values()].map((p) => p.probability).filter((p): p is number => p !== undefined);
  return known.length < 2 ? undefined : Math.max(...known) - Math.min(...known);
}
