// SQL that this page writes itself, and rows of answers.

/** A name, as SQL takes it whatever it is. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text, as SQL takes it. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The column to order a table by, of those it has, so that the newest rows come first. */
export function newestBy(columns: readonly { readonly name: string; readonly type: string }[]): string | undefined {
  const times = columns.filter((c) => c.type.startsWith("Timestamp")).map((c) => c.name);
  return ["recorded_at", "timestamp", "window_end", "window_time"].find((name) => times.includes(name)) ?? times[0];
}

/** The newest rows of a table. */
export function newestRows(table: string, by: string | undefined, rows: number): string {
  const order = by === undefined ? "" : ` ORDER BY ${identifier(by)} DESC`;
  return `SELECT * FROM ${identifier(table)}${order} LIMIT ${rows}`;
}

/**
 * The course of a prediction stream over a whole fleet: mean and maximum of each of some 200 slices, and how many
 * machines are at risk. Times are whole seconds since 1970.
 */
export function fleetCourse(stream: string, from: number, range: number): string {
  const slice = Math.max(10, Math.round(range / 200 / 1_000 / 10) * 10);
  const begin = new Date(from).toISOString();
  return (
    `SELECT date_part('epoch', date_bin(INTERVAL '${slice} seconds', window_end)) AS at, ` +
    `avg(probability) AS mean, max(probability) AS worst ` +
    `FROM ${identifier(stream)} WHERE window_end >= arrow_cast(${literal(begin)}, 'Timestamp(Microsecond, Some("UTC"))') ` +
    `AND probability IS NOT NULL GROUP BY 1 ORDER BY 1`
  );
}

/** A cell of a row of JSON. */
export type Cell = string | number | boolean | null;

/** A row of an answer, as its columns' cells. Nested values are written out. */
export function cells(row: string, columns: readonly { readonly name: string }[]): Cell[] {
  const parsed: unknown = JSON.parse(row);
  if (typeof parsed !== "object" || parsed === null) return [];
  const record = parsed as Record<string, unknown>;
  return columns.map(({ name }) => {
    const value = record[name];
    if (value === undefined || value === null) return null;
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
    return JSON.stringify(value);
  });
}
