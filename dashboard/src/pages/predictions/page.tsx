// Predictions: over time and as rows, the models side by side.

import { useEffect, useMemo, useState } from "preact/hooks";

import { useAnswer } from "../../api/ask.ts";
import { api } from "../../api/clients.ts";
import type { Prediction } from "../../gen/coldstream/v1/common_pb.ts";
import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { byId } from "../../lib/order.ts";
import { sideBySide } from "../../lib/side-by-side.ts";
import { DAY, HOUR, MINUTE, timestamp } from "../../lib/time.ts";
import { search, setSearch } from "../../router.ts";
import { now } from "../../store/clock.ts";
import { fleet, predictionStreams } from "../../store/fleet.ts";
import { modelLabel } from "../../ui/model.ts";
import { Button, Choices, Empty, Panel, Pending, Select } from "../../ui/parts.tsx";
import { MachineField } from "../alarms/filters.tsx";
import { ProbabilityChart } from "../machine/predictions.tsx";
import { FleetChart } from "./fleet-chart.tsx";
import { PredictionTable } from "./table.tsx";

const PAGE = 200;

const RANGES: Readonly<Record<string, number>> = { "15m": 15 * MINUTE, "1h": HOUR, "6h": 6 * HOUR, "24h": DAY, "7d": 7 * DAY };

interface Wish {
  readonly machine: string;
  readonly least: number | undefined;
  readonly range: number;
}

function wishOf(words: URLSearchParams): Wish {
  const least = Number(words.get("min"));
  return {
    machine: words.get("machine") ?? "",
    least: least > 0 && least <= 1 ? least : undefined,
    range: RANGES[words.get("range") ?? ""] ?? HOUR,
  };
}

interface Page {
  readonly predictions: readonly Prediction[];
  readonly next: string;
}

async function load({ machine, least, range }: Wish, token: string, signal?: AbortSignal): Promise<Page> {
  const filter = {
    machines: { machineIds: machine ? [machine] : [] },
    ...(least === undefined ? {} : { minProbability: least }),
    from: timestamp(now.peek() - range),
  };
  const request = { filter, pageSize: PAGE, pageToken: token };
  const answer = await api.predictions.listPredictions(request, signal ? { signal } : {});
  return { predictions: answer.predictions, next: answer.nextPageToken };
}

export function PredictionsPage() {
  const m = messages.value;
  const key = search.value.toString();
  const wish = useMemo(() => wishOf(search.value), [key]);
  const streams = predictionStreams.value;
  const change = (name: string, value: string): void => setSearch({ ...Object.fromEntries(search.value), [name]: value });
  return (
    <div class="stacked">
      <Panel
        name="over-time"
        title={m.predictions.overTime}
        aside={
          <Choices
            name="range"
            label={m.machine.range}
            value={Object.entries(RANGES).find(([, ms]) => ms === wish.range)?.[0] ?? "1h"}
            options={[
              { value: "15m", label: m.common.last15m },
              { value: "1h", label: m.common.last1h },
              { value: "6h", label: m.common.last6h },
              { value: "24h", label: m.common.last24h },
              { value: "7d", label: m.common.last7d },
            ]}
            onChange={(value) => change("range", value)}
          />
        }
      >
        <div class="filters" role="search">
          <MachineField value={wish.machine} machines={[...fleet.value.keys()].sort(byId)} onChange={(v) => change("machine", v)} />
          <Select
            name="min"
            label={m.predictions.minProbability}
            value={search.value.get("min") ?? ""}
            options={[
              { value: "", label: m.common.all },
              ...["0.3", "0.5", "0.8"].map((value) => ({ value, label: m.predictions.atLeast(format.percent(Number(value))) })),
            ]}
            onChange={(v) => change("min", v)}
          />
          {search.value.size > 0 && (
            <Button icon="close" class="reset" onClick={() => setSearch({})}>
              {m.common.reset}
            </Button>
          )}
        </div>
        {streams.length === 0 && <Empty>{m.overview.noPredictions}</Empty>}
        <div class="side-by-side">
          {streams.map((stream, i) => (
            <section key={stream} data-stream={stream}>
              <h3>
                {modelLabel(stream).long} <span class="soft">{stream}</span>
              </h3>
              {wish.machine && fleet.value.has(wish.machine) ? (
                <ProbabilityChart machine={wish.machine} stream={stream} range={wish.range} palette={i} height={220} />
              ) : (
                <FleetChart stream={stream} range={wish.range} palette={i * 2} />
              )}
            </section>
          ))}
        </div>
      </Panel>
      <HistoryPanel wishKey={key} wish={wish} streams={streams} />
    </div>
  );
}

function HistoryPanel({ wishKey, wish, streams }: { wishKey: string; wish: Wish; streams: readonly string[] }) {
  const m = messages.value;
  const [more, setMore] = useState<readonly Page[]>([]);
  // While only the newest are shown they are kept new; who has loaded more is reading.
  const first = useAnswer(wishKey, (signal) => load(wish, "", signal), more.length ? 0 : 10_000);
  useEffect(() => setMore([]), [wishKey]);
  const pages = first.data ? [first.data, ...more] : [];
  const last = pages[pages.length - 1];
  const rows = sideBySide(pages.flatMap((page) => page.predictions));
  const loadMore = async (): Promise<void> => {
    if (!last?.next) return;
    try {
      const page = await load(wish, last.next);
      setMore((old) => [...old, page]);
    } catch {
      // The connection state says why; the button stays.
    }
  };
  return (
    <Panel name="predictions" title={m.predictions.history} aside={<span class="soft">{m.predictions.shown(rows.length)}</span>}>
      {!first.data ? (
        <Pending answer={first} />
      ) : rows.length === 0 ? (
        <Empty>{m.predictions.none}</Empty>
      ) : (
        <div class="table-scroll tall" tabIndex={0} role="group" aria-label={m.predictions.history}>
          <PredictionTable rows={rows} streams={streams} />
        </div>
      )}
      {last?.next && (
        <Button class="wide" onClick={() => void loadMore()}>
          {m.common.loadMore}
        </Button>
      )}
    </Panel>
  );
}
