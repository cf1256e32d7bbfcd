// Messages that were no readings, and readings that came too late.

import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { useNewest } from "../../ui/newest.tsx";
import { Empty, Panel, Pending } from "../../ui/parts.tsx";
import { Result } from "../../ui/result.tsx";

export function RejectedPanel({ name, table, total }: { name: "dead" | "late"; table: string; total: bigint }) {
  const m = messages.value.system;
  const newest = useNewest(table, 5);
  const rows = newest.data?.rows.length ?? 0;
  const none = (newest.data && rows === 0) || newest.problem?.kind === "not_found";
  return (
    <Panel name={name} title={m[name]} aside={<span class="soft">{format.integer(total)}</span>}>
      {none ? (
        <Empty>{name === "dead" ? m.noDead : m.noLate}</Empty>
      ) : newest.data ? (
        <Result answer={newest.data} />
      ) : (
        <Pending answer={newest} />
      )}
    </Panel>
  );
}
