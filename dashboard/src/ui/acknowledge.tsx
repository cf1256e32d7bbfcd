// The dialog in which someone says that they know of an alarm.

import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { Code, ConnectError } from "@connectrpc/connect";

import { api } from "../api/clients.ts";
import type { Alarm } from "../gen/coldstream/v1/alarm_pb.ts";
import { messages, ruleName } from "../i18n/index.ts";
import { learn } from "../store/alarms.ts";
import { prefs } from "../store/prefs.ts";
import { alarmText } from "./alarm-text.ts";
import { Button, SeverityBadge } from "./parts.tsx";

const target = signal<Alarm | undefined>(undefined);

/** Opens the dialog. */
export function askToAcknowledge(alarm: Alarm): void {
  target.value = alarm;
}

export function AcknowledgeDialog() {
  const alarm = target.value;
  return alarm ? <Dialog key={alarm.episode} alarm={alarm} /> : null;
}

function Dialog({ alarm }: { alarm: Alarm }) {
  const m = messages.value.alarms;
  const dialog = useRef<HTMLDialogElement>(null);
  const [who, setWho] = useState(prefs.who.value ?? "");
  const [comment, setComment] = useState("");
  const [sending, setSending] = useState(false);
  const [error, setError] = useState("");

  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    // Who is known: what they found is what is left to say.
    const field = who === "" ? "who" : "comment";
    shown?.querySelector<HTMLElement>(`[name=${field}]`)?.focus();
    return () => shown?.close();
  }, []);

  const close = (): void => {
    target.value = undefined;
  };

  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (who.trim() === "") {
      setError(m.whoNeeded);
      return;
    }
    setSending(true);
    setError("");
    try {
      prefs.who.value = who.trim();
      learn(await api.alarms.acknowledgeAlarm({ episode: alarm.episode, who: who.trim(), comment: comment.trim() }));
      close();
    } catch (failure) {
      const known = ConnectError.from(failure);
      setError(known.code === Code.NotFound ? m.gone : messages.value.common.failed(known.rawMessage));
      setSending(false);
    }
  };

  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="acknowledge-title" onClose={close}>
      <form onSubmit={(event) => void send(event)}>
        <h2 id="acknowledge-title">{m.dialog}</h2>
        <div class="dialog-what">
          <SeverityBadge severity={alarm.severity} />
          <strong>
            {messages.value.machine.title(alarm.machineId)} · {ruleName(alarm.rule)}
          </strong>
          <p>{alarmText(alarm)}</p>
        </div>
        <label class="field">
          <span class="field-label">{m.who}</span>
          <input name="who" value={who} maxLength={200} autocomplete="name" required onInput={(e) => setWho(e.currentTarget.value)} />
        </label>
        <label class="field">
          <span class="field-label">{m.comment}</span>
          <textarea
            name="comment"
            rows={3}
            maxLength={2000}
            placeholder={m.commentHint}
            value={comment}
            onInput={(e) => setComment(e.currentTarget.value)}
          />
        </label>
        {error && (
          <p class="form-error" role="alert">
            {error}
          </p>
        )}
        <div class="dialog-buttons">
          <Button onClick={close}>{messages.value.common.cancel}</Button>
          <Button type="submit" class="primary" icon="check" disabled={sending}>
            {sending ? m.sending : m.acknowledge}
          </Button>
        </div>
      </form>
    </dialog>
  );
}
