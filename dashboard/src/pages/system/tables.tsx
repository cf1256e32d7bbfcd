// The tables of the archive: how large they are, and their newest rows.

import { useState } from "preact/hooks";

import type { SystemStatus } from "../../gen/coldstream/v1/status_pb.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { Newest } from "../../ui/newest.tsx";
import { Empty, Panel } from "../../ui/parts.tsx";

export function TablesPanel({ status }: { status: SystemStatus }) {
  const m = messages.value.system;
  const none = messages.value.common.none;
  const [wanted, setWanted] = useState("readings");
  const chosen = status.tables.find((table) => table.name === wanted)?.name ?? status.tables[0]?.name;
  return (
    <Panel name="tables" title={m.tables} aside={<span class="soft">{status.tables.length}</span>}>
      {status.tables.length === 0 ? (
        <Empty>{m.noTables}</Empty>
      ) : (
        <>
          <div class="table-scroll">
            <table class="table compact">
              <thead>
                <tr>
                  <th scope="col">{m.table}</th>
                  <th scope="col" class="num">{messages.value.common.rows(2)}</th>
                  <th scope="col" class="num">{m.size}</th>
                  <th scope="col" class="num">{m.files}</th>
                  <th scope="col" class="num">{m.tableVersion}</th>
                </tr>
              </thead>
              <tbody>
                {status.tables.map((table) => (
                  <tr key={table.name} class={table.name === chosen ? "selected" : ""} data-table={table.name}>
                    <td>
                      <button type="button" class="as-link" aria-pressed={table.name === chosen} onClick={() => setWanted(table.name)}>
                        {table.name}
                      </button>
                    </td>
                    <td class="num">{table.rows === undefined ? none : format.integer(table.rows)}</td>
                    <td class="num">{format.bytes(table.bytes)}</td>
                    <td class="num">{format.integer(table.files)}</td>
                    <td class="num">{format.integer(table.version)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {chosen && (
            <>
              <h3>{m.newest(chosen)}</h3>
              <Newest key={chosen} table={chosen} />
            </>
          )}
        </>
      )}
    </Panel>
  );
}
