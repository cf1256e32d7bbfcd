import type { Alarm } from "../gen/coldstream/v1/alarm_pb.ts";
import { lang, ruleName } from "../i18n/index.ts";

/** What an alarm means, in the language shown. */
export function alarmText(alarm: Alarm): string {
  return (lang.value === "fr" ? alarm.textFr : alarm.textEn) || ruleName(alarm.rule);
}
