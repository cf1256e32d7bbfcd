// The filters of the history, kept in the page's address.

import { Severity } from "../../gen/coldstream/v1/alarm_pb.ts";
import { messages, ruleName } from "../../i18n/index.ts";
import { SEVERITIES, type AlarmQuery } from "../../lib/episodes.ts";
import { byId } from "../../lib/order.ts";
import { DAY, HOUR } from "../../lib/time.ts";
import { search, setSearch } from "../../router.ts";
import { rules } from "../../store/alarms.ts";
import { fleet } from "../../store/fleet.ts";
import { SeverityShape } from "../../ui/icons.tsx";
import { Button, Select, severityKey, severityText } from "../../ui/parts.tsx";

/** Periods of the address, milliseconds back from now. */
const PERIODS: Readonly<Record<string, number>> = { "1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY };

/** What an address asks for. */
export function queryOf(words: URLSearchParams, now: number): AlarmQuery {
  const truth = (name: string): boolean | undefined => {
    const value = words.get(name);
    return value === null ? undefined : value === "yes";
  };
  const day = (name: string, plus: number): number | undefined => {
    // A day begins at the user's midnight.
    const at = Date.parse(`${words.get(name) ?? ""}T00:00`);
    return Number.isNaN(at) ? undefined : at + plus;
  };
  const period = PERIODS[words.get("period") ?? ""];
  return {
    severities: (words.get("severity") ?? "")
      .split(",")
      .map(Number)
      .filter((n): n is Severity => (SEVERITIES as readonly number[]).includes(n)),
    rule: words.get("rule") ?? "",
    machine: words.get("machine") ?? "",
    open: truth("open"),
    acknowledged: truth("acknowledged"),
    from: period === undefined ? day("from", 0) : now - period,
    before: period === undefined ? day("to", DAY) : undefined,
  };
}

function change(name: string, value: string): void {
  const words = Object.fromEntries(search.value);
  if (name === "period" && value !== "custom") {
    delete words["from"];
    delete words["to"];
  }
  setSearch({ ...words, [name]: value });
}

export function AlarmFilters() {
  const m = messages.value.alarms;
  const c = messages.value.common;
  const words = search.value;
  const get = (name: string): string => words.get(name) ?? "";
  const severities = queryOf(words, 0).severities;
  const toggle = (severity: Severity): void => {
    const next = severities.includes(severity) ? severities.filter((s) => s !== severity) : [...severities, severity];
    change("severity", next.join(","));
  };
  const ruleNames = (rules.value ?? []).map((rule) => rule.name);
  const machines = [...fleet.value.keys()].sort(byId);
  const yesNo = (yes: string, no: string) => [
    { value: "", label: c.all },
    { value: "yes", label: yes },
    { value: "no", label: no },
  ];
  return (
    <div class="filters" role="search">
      <fieldset class="field">
        <legend class="field-label">{m.severity}</legend>
        <div class="chips">
          {SEVERITIES.map((severity) => (
            <label key={severity} class={`chip severity-${severityKey(severity)} ${severities.includes(severity) ? "chosen" : ""}`}>
              <input type="checkbox" class="hidden-input" checked={severities.includes(severity)} onChange={() => toggle(severity)} />
              <SeverityShape severity={severity} />
              {severityText(severity)}
            </label>
          ))}
        </div>
      </fieldset>
      <Select name="open" label={m.status} value={get("open")} options={yesNo(m.open, m.cleared)} onChange={(v) => change("open", v)} />
      <Select
        name="acknowledged"
        label={m.acknowledgement}
        value={get("acknowledged")}
        options={yesNo(m.acknowledged, m.unacknowledged)}
        onChange={(v) => change("acknowledged", v)}
      />
      <Select
        name="rule"
        label={m.rule}
        value={get("rule")}
        options={[{ value: "", label: c.all }, ...ruleNames.map((value) => ({ value, label: ruleName(value) }))]}
        onChange={(v) => change("rule", v)}
      />
      <MachineField value={get("machine")} machines={machines} onChange={(v) => change("machine", v)} />
      <Select
        name="period"
        label={c.period}
        value={get("period")}
        options={[
          { value: "", label: c.anyTime },
          { value: "1h", label: c.last1h },
          { value: "24h", label: c.last24h },
          { value: "7d", label: c.last7d },
          { value: "30d", label: c.last30d },
          { value: "custom", label: `${c.from}… ${c.to}…` },
        ]}
        onChange={(v) => change("period", v)}
      />
      {get("period") === "custom" && (
        <>
          <label class="field">
            <span class="field-label">{c.from}</span>
            <input type="date" name="from" value={get("from")} onChange={(e) => change("from", e.currentTarget.value)} />
          </label>
          <label class="field">
            <span class="field-label">{c.to}</span>
            <input type="date" name="to" value={get("to")} onChange={(e) => change("to", e.currentTarget.value)} />
          </label>
        </>
      )}
      {words.size > 0 && (
        <Button icon="close" class="reset" onClick={() => setSearch({})}>
          {c.reset}
        </Button>
      )}
    </div>
  );
}

/** A machine's id, with those that are known to choose from. */
export function MachineField({ value, machines, onChange }: { value: string; machines: readonly string[]; onChange: (value: string) => void }) {
  return (
    <label class="field">
      <span class="field-label">{messages.value.common.machine}</span>
      <input
        name="machine"
        list="machine-ids"
        value={value}
        placeholder={messages.value.common.all}
        autocomplete="off"
        onChange={(event) => onChange(event.currentTarget.value.trim())}
      />
      <datalist id="machine-ids">
        {machines.slice(0, 1_000).map((id) => (
          <option key={id} value={id} />
        ))}
      </datalist>
    </label>
  );
}
