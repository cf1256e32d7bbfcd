// What is known of a machine, beside its id.

import type { Machine } from "../gen/coldstream/v1/status_pb.ts";
import { messages } from "../i18n/index.ts";
import { hasMachinesFile } from "../store/status.ts";

/** A mark beside a machine that the file of machines does not know. */
export function UnknownMark({ machine }: { machine: Machine }) {
  if (!hasMachinesFile.value || machine.about?.known !== false) return null;
  const m = messages.value.machine;
  return (
    <span class="unknown-mark" title={m.notInFile} data-known="false">
      <span aria-hidden="true">?</span>
      <span class="visually-hidden">{m.notInFile}</span>
    </span>
  );
}

/** Name, site, refrigerant: what people have said of it. */
export function aboutText(machine: Machine): string {
  const { name, site, refrigerant } = machine.about ?? {};
  return [name, site, refrigerant].filter((text) => text !== undefined && text !== "").join(" · ");
}
