// The machine's alarms, those that are open and those that were.

import { useAnswer } from "../../api/ask.ts";
import { api } from "../../api/clients.ts";
import { messages } from "../../i18n/index.ts";
import { isOpen, newestFirst, urgentFirst, withNewest } from "../../lib/episodes.ts";
import { episodes } from "../../store/alarms.ts";
import { AlarmLines } from "../../ui/alarm-list.tsx";
import { Empty, Link, Panel } from "../../ui/parts.tsx";

export function MachineAlarmsPanel({ id }: { id: string }) {
  const m = messages.value;
  const history = useAnswer(id, async (signal) => {
    const filter = { machines: { machineIds: [id] } };
    return (await api.alarms.listAlarms({ filter, pageSize: 50 }, { signal })).alarms;
  });
  // What was followed is newer than what was listed.
  const followed = [...episodes.value.values()].filter((alarm) => alarm.machineId === id);
  const all = [...withNewest(new Map((history.data ?? []).map((a) => [a.episode, a])), followed).values()];
  const open = urgentFirst(all.filter(isOpen));
  const past = newestFirst(all.filter((alarm) => !isOpen(alarm)));
  return (
    <Panel
      name="machine-alarms"
      title={m.machine.alarms}
      aside={<Link to={`/alarms?machine=${encodeURIComponent(id)}`}>{m.overview.seeAll}</Link>}
    >
      <h3>
        {m.machine.open} <span class="soft">{open.length || ""}</span>
      </h3>
      {open.length ? <AlarmLines alarms={open} machine={false} /> : <Empty>{m.machine.noOpen}</Empty>}
      <h3>
        {m.machine.past} <span class="soft">{past.length || ""}</span>
      </h3>
      {past.length ? (
        <div class="scroll" tabIndex={0} role="group" aria-label={m.machine.past}>
          <AlarmLines alarms={past} machine={false} />
        </div>
      ) : (
        <Empty>{m.machine.noPast}</Empty>
      )}
    </Panel>
  );
}
