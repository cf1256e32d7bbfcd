// The connection, always in sight; and a band across the page while what it shows is old.

import { heardAt, link, tryNow } from "../api/link.ts";
import * as format from "../format.ts";
import { messages } from "../i18n/index.ts";
import { SECOND } from "../lib/time.ts";
import { deviceNow } from "../store/clock.ts";
import { Button } from "./parts.tsx";

/** From here on a lost connection is called lost. */
const LOST_AFTER = 30 * SECOND;

interface Said {
  readonly kind: "connecting" | "connected" | "reconnecting" | "lost" | "paused";
  readonly text: string;
}

function said(): Said {
  const m = messages.value.link;
  const state = link.value;
  switch (state.kind) {
    case "connecting":
      return { kind: "connecting", text: m.connecting };
    case "connected":
      return { kind: "connected", text: m.connected };
    case "paused":
      return { kind: "paused", text: m.paused };
    case "reconnecting": {
      const lost = deviceNow.value - state.since > LOST_AFTER;
      const kind = lost ? "lost" : "reconnecting";
      if (state.retryAt === undefined) return { kind, text: lost ? m.lost : m.trying };
      const seconds = Math.max(1, Math.ceil((state.retryAt - deviceNow.value) / SECOND));
      return { kind, text: lost ? m.lostRetry(seconds) : m.retryIn(seconds) };
    }
  }
}

export function LinkPill() {
  const { kind, text } = said();
  return (
    <span class={`link link-${kind}`} data-link={kind} role="status">
      <span class="link-dot" aria-hidden="true" />
      <span class="link-text">{text}</span>
    </span>
  );
}

export function LinkBanner() {
  const m = messages.value.link;
  if (link.value.kind !== "reconnecting") return null;
  const heard = heardAt.value;
  return (
    <div class="banner" role="alert">
      <span>{heard === undefined ? m.never : m.staleSince(format.clock(heard))}</span>
      <Button icon="refresh" onClick={tryNow}>
        {m.tryNow}
      </Button>
    </div>
  );
}
