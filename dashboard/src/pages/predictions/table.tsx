import * as format from "../../format.ts";
import { messages } from "../../i18n/index.ts";
import { disagreement, type Side } from "../../lib/side-by-side.ts";
import { machinePath } from "../../router.ts";
import { modelLabel } from "../../ui/model.ts";
import { Link, Moment, Risk } from "../../ui/parts.tsx";

/** The class in the language shown; as it came where it is unknown. */
function className(name: string): string {
  const known: Readonly<Record<string, string>> = messages.value.classes;
  return known[name] ?? name;
}

export function PredictionTable({ rows, streams }: { rows: readonly Side[]; streams: readonly string[] }) {
  const m = messages.value.predictions;
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col">{m.window}</th>
          <th scope="col">{messages.value.common.machine}</th>
          {streams.map((stream) => (
            <th scope="col" key={stream} title={stream}>
              {modelLabel(stream).long}
            </th>
          ))}
          {streams.length > 1 && (
            <th scope="col" class="num">
              {m.difference}
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const apart = disagreement(row);
          return (
            <tr key={row.key} data-machine={row.machine}>
              <td class="nowrap">
                <Moment at={row.at} />
              </td>
              <td>
                <Link to={machinePath(row.machine)} class="machine-link">
                  {row.machine}
                </Link>
              </td>
              {streams.map((stream) => {
                const prediction = row.byStream.get(stream);
                return (
                  <td key={stream} title={prediction && `${prediction.model} ${prediction.modelVersion}`}>
                    {prediction && prediction.probability === undefined ? (
                      <span class="soft">{m.unknown}</span>
                    ) : (
                      <>
                        <Risk probability={prediction?.probability} />
                        {prediction?.predictedClass && <span class="soft class-name">{className(prediction.predictedClass)}</span>}
                      </>
                    )}
                  </td>
                );
              })}
              {streams.length > 1 && <td class="num soft">{apart === undefined ? "" : format.percent(apart)}</td>}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
