// The cluster: who it is, which topics it has, whether it answers.

import type { SystemStatus } from "../../gen/coldstream/v1/status_pb.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { millis } from "../../lib/time.ts";
import { Ago, Empty, Fact, Panel } from "../../ui/parts.tsx";

export function KafkaPanel({ status }: { status: SystemStatus }) {
  const m = messages.value.system;
  const kafka = status.kafka;
  return (
    <Panel name="kafka" title={m.kafka} aside={kafka && <span class="soft">{m.answeredAt} <Ago at={millis(kafka.answeredAt)} /></span>}>
      {!kafka && <Empty>{m.noKafka}</Empty>}
      {kafka?.error && (
        <p class="form-error" role="alert">
          {m.kafkaError(kafka.error)}
        </p>
      )}
      {kafka && (
        <>
          <dl class="facts">
            <Fact label={m.topic}>
              <code>{kafka.topic}</code>
            </Fact>
            <Fact label={m.group}>
              <code>{kafka.group}</code>
            </Fact>
            <Fact label={m.brokers}>
              {kafka.brokers.map((broker) => (
                <span key={broker.id} class="broker">
                  <b>{broker.id}</b> <code>{broker.address}</code>
                </span>
              ))}
            </Fact>
          </dl>
          <table class="table compact">
            <thead>
              <tr>
                <th scope="col">{m.topics}</th>
                <th scope="col" class="num">
                  {m.partitions}
                </th>
              </tr>
            </thead>
            <tbody>
              {kafka.topics.map((topic) => (
                <tr key={topic.name}>
                  <td>
                    <code>{topic.name}</code>
                  </td>
                  <td class="num">{format.integer(topic.partitions)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </Panel>
  );
}
