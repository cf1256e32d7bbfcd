// Alarms, followed; and the rules that make them.

import { computed, signal } from "@preact/signals";

import { api } from "../api/clients.ts";
import { isUnimplemented } from "../api/errors.ts";
import { heard, type Follower } from "../api/link.ts";
import type { Alarm, AlarmRule } from "../gen/coldstream/v1/alarm_pb.ts";
import { isAcknowledged, isOpen, newestFirst, withNewest, type Episodes } from "../lib/episodes.ts";
import { limitsOf } from "../lib/limits.ts";
import { duration } from "../lib/time.ts";

/** Ended alarms that are kept for the lists of recent ones. */
const KEPT = 200;

/** The alarms that this page knows: all that are open or not acknowledged, and the newest others. */
export const episodes = signal<Episodes>(new Map());
/** The alarms of the newest message, for lists that keep their own. */
export const changedAlarms = signal<readonly Alarm[]>([]);
/** The rules, in the order of their file; absent while they are not known. */
export const rules = signal<readonly AlarmRule[] | undefined>(undefined);

/** Limits for display, by stream and column. */
export const limits = computed(() => limitsOf(rules.value ?? []));

/** The open alarms. */
export const openAlarms = computed(() => [...episodes.value.values()].filter(isOpen));

function add(alarms: readonly Alarm[], to: Episodes = episodes.peek()): void {
  const all = withNewest(to, alarms);
  const ended = newestFirst([...all.values()].filter((a) => !isOpen(a) && isAcknowledged(a)));
  for (const alarm of ended.slice(KEPT)) all.delete(alarm.episode);
  episodes.value = all;
}

/** Takes in an alarm that a call answered with. */
export function learn(alarm: Alarm): void {
  add([alarm]);
  changedAlarms.value = [alarm];
}

export const followAlarms: Follower = async (signal) => {
  // Beside the stream, so that neither waits for the other.
  const recent = api.alarms.listAlarms({ pageSize: 100 }, { signal }).catch(missing);
  api.alarms.listAlarmRules({}, { signal }).then((answer) => (rules.value = answer.rules), missing);
  let first = true;
  for await (const message of api.alarms.watchAlarms({ minInterval: duration(250) }, { signal })) {
    heard();
    if (first) {
      first = false;
      add(message.alarms, new Map());
      void recent.then((answer) => {
        if (!answer || signal.aborted) return;
        // What the stream says is newer.
        add([...episodes.peek().values()], withNewest(new Map(), answer.alarms));
      });
    } else {
      add(message.alarms);
    }
    changedAlarms.value = message.alarms;
  }
};

/** A call that failed beside the stream: the stream says whether the connection is lost. */
function missing(error: unknown): undefined {
  if (isUnimplemented(error)) rules.value ??= [];
  return undefined;
}
