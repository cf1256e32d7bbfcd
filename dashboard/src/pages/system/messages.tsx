// The newest messages of the topic, as they came.

import { useState } from "preact/hooks";

import { useAnswer } from "../../api/ask.ts";
import { api } from "../../api/clients.ts";
import type { SystemStatus } from "../../gen/coldstream/v1/status_pb.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { millis } from "../../lib/time.ts";
import { Button, Empty, Moment, Panel, Pending } from "../../ui/parts.tsx";

export function MessagesPanel({ status }: { status: SystemStatus }) {
  const m = messages.value.system;
  const [partition, setPartition] = useState("");
  const [paused, setPaused] = useState(false);
  const answer = useAnswer(
    `messages ${partition}`,
    async (signal) => {
      const only = partition === "" ? {} : { partition: Number(partition) };
      return (await api.status.listMessages({ ...only, limit: 30 }, { signal })).messages;
    },
    paused ? 0 : 2_000,
  );
  return (
    <Panel
      name="messages"
      title={m.messages}
      aside={
        <>
          <select aria-label={m.partition} value={partition} onChange={(e) => setPartition(e.currentTarget.value)}>
            <option value="">{messages.value.common.all}</option>
            {status.partitions.map((p) => (
              <option key={p.partition} value={p.partition}>
                {m.partition} {p.partition}
              </option>
            ))}
          </select>
          <Button icon={paused ? "play" : "pause"} onClick={() => setPaused(!paused)}>
            {paused ? m.resume : m.pause}
          </Button>
        </>
      }
    >
      {!answer.data ? (
        <Pending answer={answer} />
      ) : answer.data.length === 0 ? (
        <Empty>{m.noMessages}</Empty>
      ) : (
        <div class="table-scroll tall" tabIndex={0} role="group" aria-label={m.messages}>
          <table class="table compact">
            <thead>
              <tr>
                <th scope="col" class="num">{m.partition}</th>
                <th scope="col" class="num">{m.offset}</th>
                <th scope="col">{messages.value.common.time}</th>
                <th scope="col">{m.payload}</th>
              </tr>
            </thead>
            <tbody>
              {answer.data.map((message) => (
                <tr key={`${message.partition} ${message.offset}`}>
                  <td class="num">{message.partition}</td>
                  <td class="num">{format.integer(message.offset)}</td>
                  <td class="nowrap">
                    <Moment at={millis(message.timestamp)} />
                  </td>
                  <td class="payload">
                    <code>{message.payload}</code>
                    {message.truncated && <span class="soft"> … {m.truncated}</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
