// The result of a statement, as a table.

import type { QueryJsonResponse } from "../gen/coldstream/v1/history_pb.ts";
import * as format from "../format.ts";
import { messages } from "../i18n/index.ts";
import { cells, type Cell } from "../lib/sql.ts";

function write(cell: Cell, type: string): string {
  if (cell === null) return messages.value.common.none;
  if (typeof cell === "number") return Number.isInteger(cell) ? format.integer(cell) : format.significant(cell, 6);
  // Times of one day differ in their last part, which narrow columns would cut.
  if (typeof cell === "string" && type.startsWith("Timestamp")) return cell.replace("T", " ").replace(/(\.\d{3})\d*/, "$1").replace("Z", "");
  return String(cell);
}

export function Result({ answer }: { answer: QueryJsonResponse }) {
  const numeric = answer.columns.map((column) => /^(U?Int|Float|Decimal)/.test(column.type));
  return (
    <div class="table-scroll result" tabIndex={0} role="group" aria-label={messages.value.system.sql}>
      <table class="table compact">
        <thead>
          <tr>
            {answer.columns.map((column, i) => (
              <th scope="col" key={column.name} class={numeric[i] ? "num" : ""} title={column.type}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {answer.rows.map((row, at) => (
            <tr key={at}>
              {cells(row, answer.columns).map((cell, i) => (
                <td key={i} class={numeric[i] ? "num" : "text"} title={typeof cell === "string" ? cell : undefined}>
                  {write(cell, answer.columns[i]?.type ?? "")}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
