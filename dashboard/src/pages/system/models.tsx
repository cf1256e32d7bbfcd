// The models in use, each with what its card says.

import type { ModelState, SystemStatus } from "../../gen/coldstream/v1/status_pb.ts";
import * as format from "../../format.ts";
import { messages, metricName } from "../../i18n/index.ts";
import { pretty, readCard, type Figure } from "../../lib/card.ts";
import { Empty, Fact, Panel } from "../../ui/parts.tsx";

function figure({ value }: Figure): string {
  return typeof value === "number" ? number(value) : String(value);
}

function number(value: number): string {
  return Number.isInteger(value) ? format.integer(value) : format.significant(value, 3);
}

export function ModelsPanel({ status }: { status: SystemStatus }) {
  const m = messages.value.system;
  return (
    <Panel name="models" title={m.models} aside={<span class="soft">{status.models.length}</span>}>
      {status.models.length === 0 && <Empty>{m.noModels}</Empty>}
      <div class="models">
        {status.models.map((model) => (
          <Model key={model.name} model={model} />
        ))}
      </div>
    </Panel>
  );
}

function Model({ model }: { model: ModelState }) {
  const m = messages.value.system;
  const algorithms: Readonly<Record<string, string>> = { logistic: m.logistic, forest: m.forest };
  const card = readCard(model.card);
  const none = messages.value.common.none;
  return (
    <article class="model" data-model={model.name}>
      <header class="model-head">
        <b>{model.name}</b>
        <span>{algorithms[model.algorithm] ?? model.algorithm}</span>
        <code title={m.version}>{model.version}</code>
      </header>
      {card.data && <p class="note">{card.data}</p>}
      {card.metrics.length > 0 && (
        <table class="table compact">
          <thead>
            <tr>
              <th scope="col">{m.metric}</th>
              <th scope="col" class="num">{m.heldOut}</th>
              <th scope="col" class="num">{m.training}</th>
            </tr>
          </thead>
          <tbody>
            {card.metrics.map((metric) => (
              <tr key={metric.name}>
                <th scope="row">{metricName(metric.name)}</th>
                <td class="num">{metric.heldOut === undefined ? none : number(metric.heldOut)}</td>
                <td class="num soft">{metric.training === undefined ? none : number(metric.training)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <details>
        <summary>{m.card}</summary>
        {card.figures.length > 0 && (
          <dl class="facts figures">
            {card.figures.map((it) => (
              <Fact key={it.name} label={it.name.replaceAll("_", " ").replaceAll(".", " · ")}>
                {figure(it)}
              </Fact>
            ))}
          </dl>
        )}
        <pre>{pretty(model.card)}</pre>
      </details>
    </article>
  );
}
