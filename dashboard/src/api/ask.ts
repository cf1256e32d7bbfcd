// One question whose answer is shown: asked when its key changes, after each new connection, and now and then.

import { useEffect, useRef, useState } from "preact/hooks";

import { problemOf, type Problem } from "./errors.ts";
import { connections, link } from "./link.ts";

export interface Answer<T> {
  /** The newest answer to this key; kept while it is asked again. */
  readonly data: T | undefined;
  /** Why there is no answer, or no newer one. */
  readonly problem: Problem | undefined;
  /** Whether it is being asked. */
  readonly loading: boolean;
  /** Asks again. */
  readonly again: () => void;
}

/** `key` names everything that `ask` depends on; `every` is in milliseconds, 0 for never. `undefined` asks nothing. */
export function useAnswer<T>(key: string | undefined, ask: (signal: AbortSignal) => Promise<T>, every = 0): Answer<T> {
  const [answer, setAnswer] = useState<{ key?: string; data?: T; problem?: Problem; loading: boolean }>({ loading: true });
  const [round, setRound] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  const connection = connections.value;
  const connected = link.value.kind === "connected";

  useEffect(() => {
    if (key === undefined || !connected) return undefined;
    const abort = new AbortController();
    setAnswer((old) => (old.key === key ? { ...old, loading: true } : { key, loading: true }));
    latest.current(abort.signal).then(
      (data) => {
        if (!abort.signal.aborted) setAnswer({ key, data, loading: false });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const problem = problemOf(error);
        setAnswer((old) => ({ ...old, key, problem, loading: false }));
      },
    );
    return () => abort.abort();
  }, [key, connection, connected, round]);

  useEffect(() => {
    if (!every || key === undefined) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) setRound((n) => n + 1);
    }, every);
    return () => clearInterval(timer);
  }, [every, key]);

  const own = answer.key === key;
  return {
    data: own ? answer.data : undefined,
    problem: own ? answer.problem : undefined,
    loading: own ? answer.loading : true,
    again: () => setRound((n) => n + 1),
  };
}
