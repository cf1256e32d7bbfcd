import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";

import { backoff } from "../src/api/backoff.ts";
import { Severity } from "../src/gen/coldstream/v1/alarm_pb.ts";
import { MachineState, PredictionSchema } from "../src/gen/coldstream/v1/common_pb.ts";
import { MachineSchema, type Machine } from "../src/gen/coldstream/v1/status_pb.ts";
import { readCard } from "../src/lib/card.ts";
import { worstFirst } from "../src/lib/order.ts";
import { disagreement, sideBySide } from "../src/lib/side-by-side.ts";
import { cells, identifier, newestBy } from "../src/lib/sql.ts";
import { millis, timestamp } from "../src/lib/time.ts";

test("waiting doubles, up to ten seconds, and is never the same for all", () => {
  assert.equal(backoff(0, 1), 500);
  assert.equal(backoff(1, 1), 1_000);
  assert.equal(backoff(50, 1), 10_000);
  assert.ok(backoff(3, 0) < backoff(3, 0.99));
});

test("times go into a request and come back", () => {
  for (const at of [0, 1_700_000_000_123, -1]) {
    const { seconds, nanos } = timestamp(at);
    assert.ok(nanos >= 0 && nanos < 1e9);
    assert.equal(millis({ $typeName: "google.protobuf.Timestamp", seconds, nanos }), at);
  }
});

function machine(id: string, state: MachineState, risk?: number, severity?: Severity): Machine {
  return create(MachineSchema, {
    id,
    state,
    predictions: risk === undefined ? [] : [{ probability: risk }],
    openAlarms: severity === undefined ? [] : [{ severity, alarms: 1n }],
  });
}

test("the worst machine comes first, and ids count as people count", () => {
  const order = worstFirst([
    machine("10", MachineState.NORMAL, 0.01),
    machine("2", MachineState.NORMAL, 0.25),
    machine("unscored", MachineState.UNSPECIFIED),
    machine("gone", MachineState.STALE),
    machine("risky", MachineState.NORMAL, 0.45),
    machine("warned", MachineState.WARNING, 0.6),
    machine("critical", MachineState.CRITICAL, 0.1, Severity.HIGH),
    machine("most critical", MachineState.CRITICAL, 0.1, Severity.CRITICAL),
  ]).map((m) => m.id);
  assert.deepEqual(order, ["most critical", "critical", "warned", "gone", "risky", "2", "10", "unscored"]);
});

test("models stand side by side, window by window", () => {
  const prediction = (stream: string, machineId: string, at: number, probability?: number) =>
    create(PredictionSchema, { stream, machineId, windowEnd: timestamp(at), ...(probability === undefined ? {} : { probability }) });
  const rows = sideBySide([
    prediction("forest", "1", 20_000, 0.7),
    prediction("predictions", "1", 20_000, 0.2),
    prediction("predictions", "2", 30_000, 0.1),
    prediction("forest", "2", 30_000),
  ]);
  assert.deepEqual(rows.map((r) => [r.machine, r.at, r.byStream.size]), [["2", 30_000, 2], ["1", 20_000, 2]]);
  assert.equal(rows[0] && disagreement(rows[0]), undefined);
  assert.ok(Math.abs((rows[1] && disagreement(rows[1]))! - 0.5) < 1e-9);
});

test("names in SQL are quoted, and a table is ordered by a time it has", () => {
  assert.equal(identifier('odd"name'), '"odd""name"');
  const time = (name: string) => ({ name, type: 'Timestamp(Microsecond, Some("UTC"))' });
  assert.equal(newestBy([time("window_start"), time("window_end"), { name: "timestamp", type: "Utf8" }]), "window_end");
  assert.equal(newestBy([{ name: "a", type: "Int64" }]), undefined);
});

test("a row of JSON becomes cells in the order of the columns", () => {
  const columns = ["b", "a", "list", "absent"].map((name) => ({ name }));
  assert.deepEqual(cells('{"a":1.5,"b":null,"list":[1,2]}', columns), [null, 1.5, "[1,2]", null]);
});

test("a model's card is read without knowing its algorithm", () => {
  const card = readCard(
    JSON.stringify({
      data: "480 machines",
      query: "SELECT ".repeat(100),
      query_sha: "57f0",
      settings: { logistic: { alpha: 1 } },
      training: { machines: 360, metrics: { roc_auc: 0.82 } },
      held_out: { machines: 120, metrics: { roc_auc: 0.81 } },
    }),
  );
  assert.equal(card.data, "480 machines");
  assert.deepEqual(card.metrics, [
    { name: "machines", training: 360, heldOut: 120 },
    { name: "roc_auc", training: 0.82, heldOut: 0.81 },
  ]);
  assert.deepEqual(card.figures, [{ name: "settings.logistic.alpha", value: 1 }]);
  assert.deepEqual(readCard("no JSON").metrics, []);
});
