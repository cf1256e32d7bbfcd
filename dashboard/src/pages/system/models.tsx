// The models in use, each with what its card says.

import type { SystemStatus } from "../../gen/coldstream/v1/status_pb.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { figures, pretty, type Figure } from "../../lib/card.ts";
import { Empty, Fact, Panel } from "../../ui/parts.tsx";

function write({ value }: Figure): string {
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? format.integer(value) : format.significant(value, 3);
}

export function ModelsPanel({ status }: { status: SystemStatus }) {
  const m = messages.value.system;
  const algorithms: Readonly<Record<string, string>> = { logistic: m.logistic, forest: m.forest };
  return (
    <Panel name="models" title={m.models} aside={<span class="soft">{status.models.length}</span>}>
      {status.models.length === 0 && <Empty>{m.noModels}</Empty>}
      <div class="models">
        {status.models.map((model) => (
          <article key={model.name} class="model" data-model={model.name}>
            <dl class="facts">
              <Fact label={m.models}>
                <b>{model.name}</b>
              </Fact>
              <Fact label={m.algorithm}>{algorithms[model.algorithm] ?? model.algorithm}</Fact>
              <Fact label={m.version}>
                <code>{model.version}</code>
              </Fact>
            </dl>
            <dl class="figures">
              {figures(model.card).map((figure) => (
                <div key={figure.name} class={String(figure.value).length > 28 ? "wide" : ""}>
                  <dt>{figure.name.replaceAll("_", " ").replaceAll(".", " · ")}</dt>
                  <dd>{write(figure)}</dd>
                </div>
              ))}
            </dl>
            <details>
              <summary>{m.card}</summary>
              <pre>{pretty(model.card)}</pre>
            </details>
          </article>
        ))}
      </div>
    </Panel>
  );
}
