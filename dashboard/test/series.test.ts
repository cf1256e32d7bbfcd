import assert from "node:assert/strict";
import { test } from "node:test";

import { NO_COURSES, spanOf, withLive, type Courses, type LivePoint } from "../src/lib/series.ts";

const live = (time: number, a?: number): LivePoint => ({ time, values: a === undefined ? {} : { a } });

function past(times: number[], step: number): Courses {
  const values = times.map((_, i) => i);
  return { times, step, columns: new Map([["a", { mean: values, min: values.map((v) => v - 1), max: values.map((v) => v + 1) }]]) };
}

test("live points follow the past without being drawn twice", () => {
  const shown = withLive(past([10, 11, 12], 0), [live(11, 7), live(12, 8), live(13, 9)], ["a"], 0, 30);
  assert.deepEqual(shown.times, [10, 11, 12, 13]);
  assert.deepEqual(shown.columns.get("a")?.mean, [0, 1, 2, 9]);
});

test("a slice is drawn in its middle, and live points within it are not", () => {
  const shown = withLive(past([0, 10], 10), [live(15, 5), live(20, 6)], ["a"], 0, 30);
  assert.deepEqual(shown.times, [5, 15, 20]);
  assert.deepEqual(shown.columns.get("a")?.max, [1, 2, 6]);
  assert.deepEqual(shown.columns.get("a")?.min, [-1, 0, 6]);
});

test("a hole breaks the line", () => {
  const shown = withLive(NO_COURSES, [live(10, 1), live(100, 2)], ["a"], 0, 30);
  assert.deepEqual(shown.times, [10, 55, 100]);
  assert.deepEqual(shown.columns.get("a")?.mean, [1, null, 2]);
});

test("what is older than the range is left out; a value that is not known is a gap", () => {
  const shown = withLive(past([10, 11], 0), [live(12), live(13, 3)], ["a", "b"], 11, 30);
  assert.deepEqual(shown.times, [11, 12, 13]);
  assert.deepEqual(shown.columns.get("a")?.mean, [1, null, 3]);
  assert.deepEqual(shown.columns.get("b")?.mean, [null, null, null]);
});

test("every list is as long as the times", () => {
  const shown = withLive(past([0, 10, 400], 10), [live(500, 1), live(501, 2)], ["a", "b"], 5, 30);
  for (const course of shown.columns.values()) {
    for (const list of [course.mean, course.min, course.max]) assert.equal(list.length, shown.times.length);
  }
  assert.deepEqual([...shown.times].sort((a, b) => a - b), shown.times);
});

test("a chart goes no further back than anything is known, but never shows less than a minute", () => {
  assert.deepEqual(spanOf(undefined, 10_000, 900), [9_100, 10_000]);
  assert.deepEqual(spanOf(9_500, 10_000, 900), [9_500, 10_000]);
  assert.deepEqual(spanOf(9_990, 10_000, 900), [9_940, 10_000]);
  assert.deepEqual(spanOf(1, 10_000, 900), [9_100, 10_000]);
});
