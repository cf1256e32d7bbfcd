// The history of alarms: filtered, page by page, and live.

import { useEffect, useMemo, useState } from "preact/hooks";

import { useAnswer } from "../../api/ask.ts";
import { api } from "../../api/clients.ts";
import type { Alarm } from "../../gen/coldstream/v1/alarm_pb.ts";
import { messages } from "../../i18n/index.ts";
import { meets, newestFirst, withNewest, type AlarmQuery } from "../../lib/episodes.ts";
import { timestamp } from "../../lib/time.ts";
import { search } from "../../router.ts";
import { episodes } from "../../store/alarms.ts";
import { AlarmTable } from "../../ui/alarm-list.tsx";
import { Button, Empty, Panel, Pending } from "../../ui/parts.tsx";
import { AlarmFilters, queryOf } from "./filters.tsx";
import { RulesPanel } from "./rules.tsx";

const PAGE = 50;

interface Page {
  readonly alarms: readonly Alarm[];
  readonly next: string;
}

async function load(query: AlarmQuery, token: string, signal?: AbortSignal): Promise<Page> {
  const { severities, rule, machine, open, acknowledged, from, before } = query;
  const filter = {
    machines: { machineIds: machine ? [machine] : [] },
    rules: rule ? [rule] : [],
    severities: [...severities],
    ...(open === undefined ? {} : { open }),
    ...(acknowledged === undefined ? {} : { acknowledged }),
    ...(from === undefined ? {} : { raisedFrom: timestamp(from) }),
    ...(before === undefined ? {} : { raisedBefore: timestamp(before) }),
  };
  const answer = await api.alarms.listAlarms({ filter, pageSize: PAGE, pageToken: token }, signal ? { signal } : {});
  return { alarms: answer.alarms, next: answer.nextPageToken };
}

export function AlarmsPage() {
  const m = messages.value.alarms;
  const key = search.value.toString();
  const query = useMemo(() => queryOf(search.value, Date.now()), [key]);
  const first = useAnswer(key, (signal) => load(query, "", signal));
  const [more, setMore] = useState<{ key: string; pages: readonly Page[]; loading: boolean }>({ key, pages: [], loading: false });
  useEffect(() => setMore({ key, pages: [], loading: false }), [key, first.data]);

  const pages = first.data ? [first.data, ...(more.key === key ? more.pages : [])] : [];
  const last = pages[pages.length - 1];
  const alarms = shown(pages, query, episodes.value);

  const loadMore = async (): Promise<void> => {
    if (!last?.next) return;
    setMore((old) => ({ ...old, loading: true }));
    try {
      const page = await load(query, last.next);
      setMore((old) => (old.key === key ? { ...old, pages: [...old.pages, page], loading: false } : old));
    } catch {
      // The connection state says why; the button stays.
      setMore((old) => ({ ...old, loading: false }));
    }
  };

  return (
    <div class="stacked">
      <Panel name="alarms" title={m.title} aside={<span class="soft">{m.shown(alarms.length)}</span>}>
        <AlarmFilters />
        {first.data ? (
          alarms.length ? (
            <div class="table-scroll">
              <AlarmTable alarms={alarms} />
            </div>
          ) : (
            <Empty>{m.none}</Empty>
          )
        ) : (
          <Pending answer={first} />
        )}
        {last?.next && (
          <Button class="wide" disabled={more.loading} onClick={() => void loadMore()}>
            {messages.value.common.loadMore}
          </Button>
        )}
      </Panel>
      <RulesPanel />
    </div>
  );
}

/** What was listed, in its newest state, and what came since; without what no longer meets the filters. */
function shown(pages: readonly Page[], query: AlarmQuery, known: ReadonlyMap<string, Alarm>): Alarm[] {
  if (pages.length === 0) return [];
  const listed = new Map(pages.flatMap((page) => page.alarms).map((alarm) => [alarm.episode, alarm]));
  const all = newestFirst(withNewest(listed, [...known.values()]).values()).filter((alarm) => meets(alarm, query));
  // Beyond the pages that were loaded there are gaps: nothing older than their end is shown.
  const last = pages[pages.length - 1];
  const end = last?.next ? last.alarms[last.alarms.length - 1] : undefined;
  if (!end) return all;
  const at = all.findIndex((alarm) => alarm.episode === end.episode);
  return at < 0 ? all : all.slice(0, at + 1);
}
