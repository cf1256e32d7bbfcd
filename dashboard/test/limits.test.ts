import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";

import { AlarmRuleSchema, Severity } from "../src/gen/coldstream/v1/alarm_pb.ts";
import { excessOf, limitsFor, limitsOf, modesOf, rangeOf } from "../src/lib/limits.ts";

const rule = (name: string, column: string, limit: { min?: number; max?: number }, severity: Severity, inhibit = "") =>
  create(AlarmRuleSchema, {
    name,
    stream: "readings",
    inhibitCondition: inhibit,
    limits: [{ column, severity, ...limit }],
  });

const limits = limitsOf([
  rule("vibration_high", "vibration", { max: 0.05 }, Severity.MEDIUM, "operating_mode IN ('off', 'defrost')"),
  rule("vibration_severe", "vibration", { max: 0.12 }, Severity.CRITICAL, "operating_mode IN ('off')"),
  rule("pressure_low", "pressure_low", { min: 1.5 }, Severity.HIGH),
]);
const vibration = limitsFor(limits, "readings", "vibration");

test("the modes in which a rule rests are read off the one form of condition that is known", () => {
  assert.deepEqual(modesOf("operating_mode IN ('off', 'fan_delay')"), ["off", "fan_delay"]);
  assert.deepEqual(modesOf("operating_mode in ('off') AND temp_room > 3"), []);
  assert.deepEqual(modesOf(""), []);
});

test("a value at its limit is not beyond it", () => {
  assert.equal(excessOf(0.05, vibration, "cooling"), undefined);
  assert.equal(excessOf(1.5, limitsFor(limits, "readings", "pressure_low"), undefined), undefined);
});

test("the gravest limit marks a value, and one at work before one at rest", () => {
  assert.equal(excessOf(0.2, vibration, "cooling")?.limit.rule, "vibration_severe");
  assert.equal(excessOf(0.06, vibration, "cooling")?.limit.rule, "vibration_high");
  assert.deepEqual(excessOf(0.06, vibration, "defrost")?.resting, true);
  // In a defrost only one of the two rests.
  const excess = excessOf(0.2, vibration, "defrost");
  assert.deepEqual([excess?.limit.rule, excess?.resting], ["vibration_severe", false]);
});

test("a lower limit", () => {
  const excess = excessOf(1.2, limitsFor(limits, "readings", "pressure_low"), undefined);
  assert.equal(excess?.limit.side, "below");
});

test("the narrowest limits are shown", () => {
  assert.deepEqual(rangeOf(vibration), { max: 0.05, min: undefined });
  assert.deepEqual(rangeOf(limitsFor(limits, "features", "vibration")), { max: undefined, min: undefined });
});
