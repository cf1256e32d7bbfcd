// The newest rows of a table of the archive.

import { useAnswer, type Answer } from "../api/ask.ts";
import { api } from "../api/clients.ts";
import type { QueryJsonResponse } from "../gen/coldstream/v1/history_pb.ts";
import { identifier, newestBy, newestRows } from "../lib/sql.ts";
import { Pending } from "./parts.tsx";
import { Result } from "./result.tsx";

/** Asks for them, every ten seconds. */
export function useNewest(table: string | undefined, rows: number): Answer<QueryJsonResponse> {
  return useAnswer(table, async (signal) => {
    const name = table ?? "";
    const shape = await api.history.queryJson({ sql: `SELECT * FROM ${identifier(name)} LIMIT 0` }, { signal });
    return api.history.queryJson({ sql: newestRows(name, newestBy(shape.columns), rows) }, { signal });
  }, 10_000);
}

export function Newest({ table, rows = 10 }: { table: string; rows?: number }) {
  const answer = useNewest(table, rows);
  return answer.data ? <Result answer={answer.data} /> : <Pending answer={answer} />;
}
