// How long to wait before the next try.

const FIRST = 500;
const LONGEST = 10_000;

/**
 * Milliseconds to wait after failed try number `attempt` (from 0): doubling up to ten seconds, of which a quarter is
 * chance, so that the screens of a plant do not all come back at the same instant. `random` is in [0, 1).
 */
export function backoff(attempt: number, random: number): number {
  const full = Math.min(FIRST * 2 ** Math.min(attempt, 16), LONGEST);
  return full * (0.75 + 0.25 * random);
}
