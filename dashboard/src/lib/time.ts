// Times as milliseconds since 1970, which is what the browser counts in.

import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Milliseconds since 1970 of a time; absent if it is. */
export function millis(time: Timestamp | undefined): number | undefined {
  return time && Number(time.seconds) * 1_000 + time.nanos / 1e6;
}

/** Milliseconds of a duration; 0 if absent. */
export function lasting(duration: Duration | undefined): number {
  return duration ? Number(duration.seconds) * 1_000 + duration.nanos / 1e6 : 0;
}

/** The other way round, whole milliseconds: what goes into a request. */
export function timestamp(milliseconds: number): { seconds: bigint; nanos: number } {
  const whole = Math.floor(milliseconds);
  const seconds = Math.floor(whole / 1_000);
  return { seconds: BigInt(seconds), nanos: (whole - seconds * 1_000) * 1e6 };
}

/** A duration for a request. */
export function duration(milliseconds: number): { seconds: bigint; nanos: number } {
  return timestamp(milliseconds);
}
