// The drawings, as parts of the page: no file to load. A shape always says the same thing, also without its colour.

import type { ComponentChildren } from "preact";

import { Severity } from "../gen/coldstream/v1/alarm_pb.ts";
import { MachineState } from "../gen/coldstream/v1/common_pb.ts";

function Icon({ children, box = 20, name }: { children: ComponentChildren; box?: number; name: string }) {
  return (
    <svg class={`icon icon-${name}`} viewBox={`0 0 ${box} ${box}`} aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

const stroke = {
  fill: "none",
  stroke: "currentColor",
  "stroke-width": 1.6,
  "stroke-linecap": "round",
  "stroke-linejoin": "round",
} as const;

const PATHS = {
  overview: "M3 3h6v6H3zM11 3h6v4h-6zM11 9.500h6V17h-6zM3 11.500h6V17H3z",
  machine: "M4 3h12v14H4zM4 8h12M7 5.500h3M10 10.500v4M8.3 11.500l3.4 2M11.7 11.500l-3.4 2",
  alarms: "M10 3a4.5 4.5 0 0 1 4.5 4.500c0 4 1.5 5.5 1.5 5.500H4s1.5-1.5 1.5-5.500A4.5 4.5 0 0 1 10 3zM8.3 15.500a1.8 1.8 0 0 0 3.4 0",
  predictions: "M3 15l4-5 3 2.500L16.5 5M12.5 5h4v4M3 17.500h14",
  system: "M3.5 4h13v4.500h-13zM3.5 11.500h13V16h-13zM6.5 6.250h.01M6.5 13.750h.01",
  sun: "M10 6.500a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 2v1.500M10 16.500V18M2 10h1.500M16.5 10H18M4.3 4.300l1.1 1.100M14.6 14.600l1.1 1.100M4.3 15.700l1.1-1.100M14.6 5.400l1.1-1.1",
  moon: "M16 11.500A6.5 6.5 0 1 1 8.5 4a5.2 5.2 0 0 0 7.5 7.500z",
  auto: "M3 4.500h14v9H3zM7 17h6M10 13.500V17",
  search: "M9 3.500a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM13 13l4 4",
  check: "M4 10.500l4 4 8-9",
  close: "M5 5l10 10M15 5L5 15",
  back: "M12 4l-6 6 6 6",
  chevron: "M7 4l6 6-6 6",
  bolt: "M11 2.500L4.5 11.500H9l-1 6 6.5-9H10z",
  table: "M3 4h14v12H3zM3 8h14M3 12h14M8 8v8",
  tiles: "M3 3.500h6v5.500H3zM11 3.500h6v5.500h-6zM3 11h6v5.500H3zM11 11h6v5.500h-6z",
  play: "M6 4l10 6-10 6z",
  pause: "M6.5 4v12M13.5 4v12",
  refresh: "M16 6.500A7 7 0 1 0 17 10M16.5 3v4h-4",
} as const;

export type Drawing = keyof typeof PATHS;

export function Draw({ name }: { name: Drawing }) {
  return (
    <Icon name={name}>
      <path d={PATHS[name]} {...stroke} />
    </Icon>
  );
}

/** Circle with a tick, triangle, octagon, broken circle, empty circle. */
export function StateShape({ state }: { state: MachineState }) {
  switch (state) {
    case MachineState.NORMAL:
      return (
        <Icon name="state state-normal" box={16}>
          <circle cx="8" cy="8" r="6.5" fill="currentColor" />
          <path d="M5 8.200l2.2 2.200L11.2 6" {...stroke} class="knockout" />
        </Icon>
      );
    case MachineState.WARNING:
      return (
        <Icon name="state state-warning" box={16}>
          <path d="M8 1.500l7 12.500H1z" fill="currentColor" stroke="currentColor" stroke-linejoin="round" />
          <path d="M8 6v3.600M8 11.800v.1" {...stroke} class="knockout" />
        </Icon>
      );
    case MachineState.CRITICAL:
      return (
        <Icon name="state state-critical" box={16}>
          <path d="M5.1 1h5.800L15 5.100v5.800L10.9 15H5.100L1 10.900V5.100z" fill="currentColor" />
          <path d="M5.5 5.500l5 5M10.5 5.500l-5 5" {...stroke} class="knockout" />
        </Icon>
      );
    case MachineState.STALE:
      return (
        <Icon name="state state-stale" box={16}>
          <circle cx="8" cy="8" r="6" {...stroke} stroke-dasharray="2.6 2.6" />
        </Icon>
      );
    default:
      return (
        <Icon name="state state-unknown" box={16}>
          <circle cx="8" cy="8" r="6" {...stroke} />
        </Icon>
      );
  }
}

/** One to four bars, like the strength of a signal. */
export function SeverityShape({ severity }: { severity: Severity }) {
  return (
    <Icon name={`severity severity-${severity}`} box={16}>
      {[1, 2, 3, 4].map((bar) => (
        <rect
          key={bar}
          x={bar * 3.6 - 2.4}
          y={14 - bar * 3}
          width="2.6"
          height={bar * 3}
          rx="0.6"
          fill="currentColor"
          opacity={bar <= severity ? 1 : 0.22}
        />
      ))}
    </Icon>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" class="logo-back" />
      <g class="logo-waves">
        <path d="M6 11c3.5-3 6.5-3 10 0s6.5 3 10 0" />
        <path d="M6 17c3.5-3 6.5-3 10 0s6.5 3 10 0" />
        <path d="M6 23c3.5-3 6.5-3 10 0s6.5 3 10 0" />
      </g>
    </svg>
  );
}
