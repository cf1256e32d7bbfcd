// A statement of one's own.

import { signal } from "@preact/signals";
import { ConnectError } from "@connectrpc/connect";
import { useState } from "preact/hooks";

import { api } from "../../api/clients.ts";
import type { QueryJsonResponse } from "../../gen/coldstream/v1/history_pb.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { Button, Panel } from "../../ui/parts.tsx";
import { Result } from "../../ui/result.tsx";

const EXAMPLE = `SELECT machine_id, count(*) AS n, round(avg(pressure_high), 2) AS hp, round(avg(pressure_low), 2) AS lp
FROM readings
GROUP BY machine_id
ORDER BY hp DESC`;

const sql = signal(EXAMPLE);

type State =
  | { readonly kind: "idle" | "running" }
  | { readonly kind: "done"; readonly answer: QueryJsonResponse; readonly took: number }
  | { readonly kind: "failed"; readonly why: string };

export function SqlPanel() {
  const m = messages.value.system;
  const [state, setState] = useState<State>({ kind: "idle" });
  const run = async (): Promise<void> => {
    setState({ kind: "running" });
    const began = performance.now();
    try {
      const answer = await api.history.queryJson({ sql: sql.value, limit: 500 });
      setState({ kind: "done", answer, took: performance.now() - began });
    } catch (error) {
      setState({ kind: "failed", why: ConnectError.from(error).rawMessage });
    }
  };
  return (
    <Panel name="sql" title={m.sql} aside={<span class="soft">{m.sqlHint}</span>}>
      <textarea
        class="sql"
        name="sql"
        aria-label={m.sql}
        rows={5}
        spellcheck={false}
        value={sql.value}
        onInput={(event) => (sql.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void run();
        }}
      />
      <div class="toolbar">
        <Button class="primary" icon="play" disabled={state.kind === "running"} onClick={() => void run()}>
          {state.kind === "running" ? m.running : m.run}
        </Button>
        {state.kind === "done" && (
          <span class="soft">
            {format.integer(state.answer.rows.length)} {messages.value.common.rows(state.answer.rows.length)} ·{" "}
            {m.elapsed(format.integer(Math.round(state.took)))}
            {state.answer.truncated && ` · ${m.more}`}
          </span>
        )}
      </div>
      {state.kind === "failed" && (
        <pre class="form-error" role="alert">
          {state.why}
        </pre>
      )}
      {state.kind === "done" && <Result answer={state.answer} />}
    </Panel>
  );
}
