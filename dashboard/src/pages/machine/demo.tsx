// Demonstration only: the hand on the simulated plant.

import { useState } from "preact/hooks";
import { ConnectError } from "@connectrpc/connect";

import { useAnswer } from "../../api/ask.ts";
import { api } from "../../api/clients.ts";
import * as format from "../../format.ts";
import { faultName, messages } from "../../i18n/index.ts";
import { duration, HOUR, MINUTE } from "../../lib/time.ts";
import { Button, Panel, Pending, Select } from "../../ui/parts.tsx";

const GROWTHS = [0, MINUTE, 10 * MINUTE, HOUR];
const LASTS = [0, 2 * MINUTE, 10 * MINUTE, HOUR];

export function DemoPanel({ id }: { id: string }) {
  const m = messages.value.demo;
  const kinds = useAnswer("kinds", async (signal) => (await api.demo.listFaultKinds({}, { signal })).kinds);
  const [kind, setKind] = useState("");
  const [severity, setSeverity] = useState("1");
  const [growth, setGrowth] = useState("0");
  const [lasts, setLasts] = useState("0");
  const [said, setSaid] = useState<{ text: string; failed: boolean }>();

  const chosen = kind || kinds.data?.[0] || "";
  const inject = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await api.demo.injectFault({
        machineId: id,
        kind: chosen,
        severity: Number(severity),
        ...(Number(growth) > 0 ? { growth: duration(Number(growth)) } : {}),
        ...(Number(lasts) > 0 ? { duration: duration(Number(lasts)) } : {}),
      });
      setSaid({ text: m.done(faultName(chosen), format.clock(Date.now())), failed: false });
    } catch (error) {
      setSaid({ text: messages.value.common.failed(ConnectError.from(error).rawMessage), failed: true });
    }
  };
  return (
    <Panel name="demo" title={m.title}>
      <p class="note">{m.intro}</p>
      {!kinds.data ? (
        <Pending answer={kinds} />
      ) : (
        <form class="demo-form" onSubmit={(event) => void inject(event)}>
          <Select
            name="kind"
            label={m.kind}
            value={chosen}
            options={kinds.data.map((value) => ({ value, label: faultName(value) }))}
            onChange={setKind}
          />
          <Select
            name="severity"
            label={m.severity}
            value={severity}
            options={["0.25", "0.5", "0.75", "1"].map((value) => ({ value, label: format.percent(Number(value)) }))}
            onChange={setSeverity}
          />
          <Select
            name="growth"
            label={m.growth}
            value={growth}
            options={GROWTHS.map((ms) => ({ value: String(ms), label: ms ? m.over(format.span(ms)) : m.atOnce }))}
            onChange={setGrowth}
          />
          <Select
            name="lasts"
            label={m.lasts}
            value={lasts}
            options={LASTS.map((ms) => ({ value: String(ms), label: ms ? format.span(ms) : m.forever }))}
            onChange={setLasts}
          />
          <Button type="submit" class="primary" icon="bolt">
            {m.inject}
          </Button>
        </form>
      )}
      {said && (
        <p class={said.failed ? "form-error" : "form-done"} role="status">
          {said.text}
        </p>
      )}
    </Panel>
  );
}
