// The connection: one loop that holds the streams, notices when they die, and comes back by itself.
//
// A browser opens six connections to a plain HTTP server, for all its tabs together, and each stream occupies one. So
// there are two streams for the whole page (machines, which carry their predictions, and alarms), and a hidden tab
// gives them back after a while. A dead connection (cable pulled, laptop slept) ends no stream, so a small question is asked every few seconds
// besides; when it has no answer in time, the streams count as dead.

import { signal } from "@preact/signals";

import { backoff } from "./backoff.ts";
import { api } from "./clients.ts";
import { isUnimplemented } from "./errors.ts";
import type { SystemStatus } from "../gen/coldstream/v1/status_pb.ts";

export type Link =
  | { readonly kind: "connecting" }
  | { readonly kind: "connected" }
  /** `since`: of the loss; `retryAt`: of the next try, absent while trying. */
  | { readonly kind: "reconnecting"; readonly since: number; readonly retryAt?: number }
  /** The tab is hidden. */
  | { readonly kind: "paused"; readonly since: number };

/** The state of the connection. */
export const link = signal<Link>({ kind: "connecting" });
/** When the server was last heard, milliseconds since 1970 on this device. */
export const heardAt = signal<number | undefined>(undefined);
/** Counts successful connections: what depends on it is loaded again after each. */
export const connections = signal(0);

const HEARTBEAT = 3_000;
const ANSWER_WITHIN = 5_000;
const HIDDEN_FOR = 60_000;

/** What lives as long as a connection: a stream, or a question asked now and then. Ends or throws when it is dead. */
export type Follower = (signal: AbortSignal, status: SystemStatus) => Promise<void>;

/** Says that the server was heard. */
export function heard(): void {
  heardAt.value = Date.now();
}

let wake: () => void = () => undefined;

/** Ends the waiting before the next try. */
export function tryNow(): void {
  wake();
}

/** Holds the connection for as long as the page lives. `onStatus` gets every answer of the heartbeat. */
export async function hold(followers: readonly Follower[], onStatus: (status: SystemStatus) => void): Promise<never> {
  addEventListener("online", tryNow);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) tryNow();
  });
  let attempt = 0;
  for (;;) {
    const connection = new AbortController();
    let hidden = false;
    try {
      const status = await api.status.getSystemStatus({}, { timeoutMs: ANSWER_WITHIN });
      heard();
      onStatus(status);
      attempt = 0;
      connections.value += 1;
      link.value = { kind: "connected" };
      hidden = await Promise.race([
        ...followers.map((follow) => unlessMissing(follow(connection.signal, status))),
        heartbeat(connection.signal, onStatus),
        longHidden(connection.signal),
      ]);
    } catch {
      // Whatever it was: the next try tells whether it is over.
    } finally {
      connection.abort();
    }
    if (hidden) {
      link.value = { kind: "paused", since: Date.now() };
      while (document.hidden) await sleep(Number.POSITIVE_INFINITY);
      link.value = { kind: "connecting" };
      continue;
    }
    const now = Date.now();
    const since = link.value.kind === "reconnecting" ? link.value.since : (heardAt.value ?? now);
    const wait = backoff(attempt, Math.random());
    attempt += 1;
    link.value = { kind: "reconnecting", since, retryAt: now + wait };
    await sleep(wait);
    link.value = { kind: "reconnecting", since };
  }
}

/** A stream that the server does not have is no reason to leave the others. */
async function unlessMissing(following: Promise<void>): Promise<boolean> {
  try {
    await following;
  } catch (error) {
    if (!isUnimplemented(error)) throw error;
    await new Promise<never>(() => undefined);
  }
  return false;
}

async function heartbeat(signal: AbortSignal, onStatus: (status: SystemStatus) => void): Promise<boolean> {
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, HEARTBEAT));
    if (signal.aborted) break;
    const status = await api.status.getSystemStatus({}, { timeoutMs: ANSWER_WITHIN, signal });
    heard();
    onStatus(status);
  }
  return false;
}

/** Ends when the tab has been hidden for a minute. */
function longHidden(signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = (): void => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(() => resolve(true), HIDDEN_FOR);
    };
    document.addEventListener("visibilitychange", look, { signal });
    signal.addEventListener("abort", () => clearTimeout(timer));
    look();
  });
}

/** Waits, until {@link tryNow} at most. */
function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = Number.isFinite(milliseconds) ? setTimeout(resolve, milliseconds) : undefined;
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
