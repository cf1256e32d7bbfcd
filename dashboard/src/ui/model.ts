// What a prediction stream is called where people read it.

import { messages } from "../i18n/index.ts";
import { fleet } from "../store/fleet.ts";
import { status } from "../store/status.ts";

/** The model that a stream's rows carry; the stream's own name where they carry none. */
function modelOf(stream: string): string {
  for (const machine of fleet.value.values()) {
    const found = machine.predictions.find((p) => p.stream === stream && p.model);
    if (found) return found.model;
  }
  return stream;
}

/**
 * How the model was trained, which tells more than its name, if no other was trained so; its name otherwise. The long form
 * always has the name.
 */
export function modelLabel(stream: string): { readonly long: string; readonly short: string } {
  const name = modelOf(stream);
  const models = status.value?.models ?? [];
  const algorithm = models.find((model) => model.name === name)?.algorithm ?? "";
  const m = messages.value.system;
  const words = { logistic: [m.logistic, m.logisticShort], forest: [m.forest, m.forestShort] } as const;
  const known = algorithm === "logistic" || algorithm === "forest" ? words[algorithm] : undefined;
  if (!known || models.filter((model) => model.algorithm === algorithm).length > 1) return { long: name, short: name };
  return { long: `${known[0]} (${name})`, short: known[1] };
}
