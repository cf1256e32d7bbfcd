import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";

import { AlarmSchema, Severity, type Alarm } from "../src/gen/coldstream/v1/alarm_pb.ts";
import { meets, newestFirst, urgentFirst, withNewest, type AlarmQuery } from "../src/lib/episodes.ts";
import { timestamp } from "../src/lib/time.ts";

interface Wanted {
  readonly machine?: string;
  readonly rule?: string;
  readonly severity?: Severity;
  readonly raised: number;
  readonly cleared?: number;
  readonly acknowledged?: number;
}

function alarm(episode: string, w: Wanted): Alarm {
  return create(AlarmSchema, {
    episode,
    machineId: w.machine ?? "1",
    rule: w.rule ?? "pressure_high",
    severity: w.severity ?? Severity.HIGH,
    raisedAt: timestamp(w.raised),
    ...(w.cleared === undefined ? {} : { clearedAt: timestamp(w.cleared) }),
    ...(w.acknowledged === undefined ? {} : { acknowledgedAt: timestamp(w.acknowledged) }),
  });
}

const ids = (alarms: readonly Alarm[]): string[] => alarms.map((a) => a.episode);

test("a newer episode ends the one before, of the same rule and machine only", () => {
  const before = withNewest(new Map(), [
    alarm("old", { raised: 1_000 }),
    alarm("other machine", { raised: 1_000, machine: "2" }),
    alarm("other rule", { raised: 1_000, rule: "current_high" }),
  ]);
  const after = withNewest(before, [alarm("new", { raised: 5_000 })]);
  assert.deepEqual([...after.keys()].sort(), ["new", "other machine", "other rule"]);
  // The map that was shown before is not touched.
  assert.equal(before.size, 3);
});

test("an episode that ended properly stays, and a late word of an old one does not end a newer", () => {
  const known = withNewest(new Map(), [alarm("new", { raised: 5_000 })]);
  const after = withNewest(known, [alarm("old", { raised: 1_000, cleared: 2_000 })]);
  assert.deepEqual([...after.keys()].sort(), ["new", "old"]);
});

test("an episode's newest state replaces the one before", () => {
  const known = withNewest(new Map(), [alarm("a", { raised: 1_000 })]);
  const after = withNewest(known, [alarm("a", { raised: 1_000, cleared: 9_000 })]);
  assert.equal(after.size, 1);
  assert.ok(after.get("a")?.clearedAt);
});

test("orders", () => {
  const all = [
    alarm("cleared", { raised: 9_000, cleared: 9_500, severity: Severity.CRITICAL, machine: "1" }),
    alarm("open medium", { raised: 8_000, severity: Severity.MEDIUM, machine: "2" }),
    alarm("known critical", { raised: 5_000, severity: Severity.CRITICAL, acknowledged: 6_000, machine: "3" }),
    alarm("new critical", { raised: 4_000, severity: Severity.CRITICAL, machine: "4" }),
  ];
  assert.deepEqual(ids(urgentFirst(all)), ["new critical", "known critical", "open medium", "cleared"]);
  assert.deepEqual(ids(newestFirst(all)), ["cleared", "open medium", "known critical", "new critical"]);
});

test("a live alarm meets a filter exactly where the server would list it", () => {
  const none: AlarmQuery = {
    severities: [],
    rule: "",
    machine: "",
    open: undefined,
    acknowledged: undefined,
    from: undefined,
    before: undefined,
  };
  const open = alarm("a", { raised: 10_000, severity: Severity.HIGH });
  assert.ok(meets(open, none));
  assert.ok(meets(open, { ...none, open: true, acknowledged: false, severities: [Severity.LOW, Severity.HIGH] }));
  assert.ok(!meets(open, { ...none, open: false }));
  assert.ok(!meets(open, { ...none, acknowledged: true }));
  assert.ok(!meets(open, { ...none, severities: [Severity.LOW] }));
  assert.ok(!meets(open, { ...none, machine: "2" }));
  assert.ok(!meets(open, { ...none, rule: "current_high" }));
  // `raised_from` is inclusive, `raised_before` is not.
  assert.ok(meets(open, { ...none, from: 10_000 }));
  assert.ok(!meets(open, { ...none, before: 10_000 }));
});
