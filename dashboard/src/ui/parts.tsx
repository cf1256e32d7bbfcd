// The small parts that every page is made of.

import type { ButtonHTMLAttributes, ComponentChildren, TargetedMouseEvent } from "preact";

import type { Answer } from "../api/ask.ts";
import { Severity } from "../gen/coldstream/v1/alarm_pb.ts";
import { MachineState } from "../gen/coldstream/v1/common_pb.ts";
import * as format from "../format.ts";
import { messages } from "../i18n/index.ts";
import { go } from "../router.ts";
import { now } from "../store/clock.ts";
import { Draw, SeverityShape, StateShape, type Drawing } from "./icons.tsx";

interface LinkProps {
  readonly to: string;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly title?: string;
  readonly "aria-label"?: string;
  readonly "aria-current"?: "page" | undefined;
}

/** A link within the application. */
export function Link({ to, children, ...rest }: LinkProps) {
  const follow = (event: TargetedMouseEvent<HTMLAnchorElement>): void => {
    // With a modifier the browser opens a tab of its own.
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} onClick={follow} {...rest}>
      {children}
    </a>
  );
}

interface PanelProps {
  readonly title: ComponentChildren;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly class?: string;
  /** Names the panel for tests and styles. */
  readonly name: string;
}

export function Panel({ title, aside, children, name, class: more = "" }: PanelProps) {
  return (
    <section class={`panel panel-${name} ${more}`} data-panel={name} aria-labelledby={`panel-${name}`}>
      <header class="panel-head">
        <h2 id={`panel-${name}`}>{title}</h2>
        {aside !== undefined && <div class="panel-aside">{aside}</div>}
      </header>
      <div class="panel-body">{children}</div>
    </section>
  );
}

export function Button({ icon, children, class: more = "", ...rest }: { icon?: Drawing } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button type="button" class={`button ${String(more)}`} {...rest}>
      {icon && <Draw name={icon} />}
      {children}
    </button>
  );
}

/** A word instead of nothing. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** What stands in the place of an answer that is not there. */
export function Pending({ answer }: { answer: Pick<Answer<unknown>, "problem" | "again"> }) {
  const m = messages.value.common;
  const { problem, again } = answer;
  if (!problem || problem.kind === "unreachable") return <Empty>{m.loading}</Empty>;
  if (problem.kind === "unimplemented") return <Empty>{m.unimplemented}</Empty>;
  if (problem.kind === "not_found") return <Empty>{m.notFound}</Empty>;
  return (
    <div class="empty">
      <p>{m.failed(problem.why)}</p>
      <Button icon="refresh" onClick={again}>
        {m.retry}
      </Button>
    </div>
  );
}

/** How long ago, kept up to date. */
export function Ago({ at }: { at: number | undefined }) {
  if (at === undefined) return <span>{messages.value.common.none}</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={format.full(at)}>
      {format.ago(now.value - at)}
    </time>
  );
}

/** A time of the day or a date. */
export function Moment({ at }: { at: number | undefined }) {
  if (at === undefined) return <span>{messages.value.common.none}</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={format.full(at)}>
      {format.moment(at)}
    </time>
  );
}

const STATE_KEYS = {
  [MachineState.NORMAL]: "normal",
  [MachineState.WARNING]: "warning",
  [MachineState.CRITICAL]: "critical",
  [MachineState.STALE]: "stale",
  [MachineState.UNSPECIFIED]: "unknown",
} as const;

export type StateKey = (typeof STATE_KEYS)[MachineState];

export function stateKey(state: MachineState): StateKey {
  return STATE_KEYS[state] ?? "unknown";
}

export function stateText(state: MachineState): string {
  return messages.value.state[stateKey(state)];
}

export function StateBadge({ state }: { state: MachineState }) {
  return (
    <span class={`badge state-${stateKey(state)}`}>
      <StateShape state={state} />
      {stateText(state)}
    </span>
  );
}

const SEVERITY_KEYS = {
  [Severity.LOW]: "low",
  [Severity.MEDIUM]: "medium",
  [Severity.HIGH]: "high",
  [Severity.CRITICAL]: "critical",
  [Severity.UNSPECIFIED]: "unknown",
} as const;

export function severityKey(severity: Severity): (typeof SEVERITY_KEYS)[Severity] {
  return SEVERITY_KEYS[severity] ?? "unknown";
}

export function severityText(severity: Severity): string {
  return messages.value.severity[severityKey(severity)];
}

export function SeverityBadge({ severity }: { severity: Severity }) {
  return (
    <span class={`badge severity-${severityKey(severity)}`}>
      <SeverityShape severity={severity} />
      {severityText(severity)}
    </span>
  );
}

/** A probability as a bar and a number. */
export function Risk({ probability }: { probability: number | undefined }) {
  if (probability === undefined) return <span class="risk risk-none">{messages.value.common.none}</span>;
  const level = probability >= 0.8 ? "critical" : probability >= 0.5 ? "warning" : "normal";
  return (
    <span class={`risk risk-${level}`}>
      <span class="risk-bar" aria-hidden="true">
        <span class="risk-fill" style={{ width: `${Math.round(probability * 100)}%` }} />
      </span>
      <span class="risk-number">{format.percent(probability)}</span>
    </span>
  );
}

interface Choice<T> {
  readonly value: T;
  readonly label: ComponentChildren;
  readonly title?: string;
}

/** A few choices, of which one holds: a row of buttons that are one radio group. */
export function Choices<T extends string | number>({ label, value, options, onChange, name }: {
  label: string;
  value: T;
  options: readonly Choice<T>[];
  onChange: (value: T) => void;
  name: string;
}) {
  return (
    <div class="choices" role="radiogroup" aria-label={label}>
      {options.map((option) => (
        <label key={option.value} class={option.value === value ? "chosen" : ""} title={option.title}>
          <input
            type="radio"
            class="hidden-input"
            name={name}
            value={String(option.value)}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          {option.label}
        </label>
      ))}
    </div>
  );
}

/** A choice from a list, with its label above. */
export function Select<T extends string>({ label, value, options, onChange, name }: {
  label: string;
  value: T;
  options: readonly { readonly value: T; readonly label: string }[];
  onChange: (value: T) => void;
  name: string;
}) {
  return (
    <label class="field">
      <span class="field-label">{label}</span>
      <select name={name} value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Name and value, one under the other. */
export function Fact({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}
