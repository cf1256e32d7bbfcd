"""Computes golden rows with DuckDB and compares them with the files that the engine's rows were compared with.

    golden.py GOLDEN_FOLDER READINGS.parquet DELAYS

Every oracle/NAME.sql (or oracle/NAME/STREAM.sql) is run and its rows must be those of expected/NAME.csv in any
order: the same text, counts, instants and booleans, and floats within 1e-9. DELAYS is a JSON object: the
`max_delay` of each case in microseconds. Prints {table: number of rows} as JSON; says on standard error what differs.

An oracle sees
    messages                     every accepted reading, with `watermark`: where the watermark of its Kafka
                                 partition stood before it came (NULL before the first)
    hop(slide, size, shift)      each reading once for each window that it belongs to and that was not over when it
                                 came, with window_start, window_end, window_time
    tumble(size, shift)          the same for windows that do not overlap
    session(gap)                 each reading that was in time with the session that it belongs to
    revised(slide, size, lateness)   each reading once for each later edition of a window that holds it, with `revision`
    over_stream(name, slide, size)   each row of another stream of the case, likewise: such rows are never late

    machines                     what machines.toml says of each machine that has sent a reading, as Python reads it

The readings themselves are checked first: READINGS.parquet holds what Python's JSON reads from readings.jsonl.
"""

import csv
import datetime
import decimal
import json
import math
import pathlib
import sys
import tomllib

import duckdb

PRELUDE = """
CREATE TABLE messages AS
SELECT * REPLACE (make_timestamp(epoch_us(timestamp)) AS timestamp),
       max(epoch_us(timestamp)) OVER (PARTITION BY kafka_partition ORDER BY kafka_offset
           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) - getvariable('delay') AS watermark
FROM read_parquet('{readings}');

-- The start of the newest window that may hold an instant; the earlier ones are whole slides before it.
CREATE MACRO newest_start(ts, slide, shift) AS ts - (((ts - shift) % slide) + slide) % slide;

CREATE MACRO windows_of(ts, slide, size, shift) AS
    list_filter(list_transform(range(0, (size - 1) // slide + 1), lambda k: newest_start(ts, slide, shift) - k * slide),
                lambda start: ts >= start AND ts < start + size);

CREATE MACRO hop(slide, size, shift := INTERVAL 0 SECONDS) AS TABLE
SELECT * EXCLUDE (start), make_timestamp(start) AS window_start, make_timestamp(start + epoch_us(size)) AS window_end,
       make_timestamp(start + epoch_us(size) - 1) AS window_time
FROM (SELECT *, unnest(windows_of(epoch_us(timestamp), epoch_us(slide), epoch_us(size), epoch_us(shift))) AS start
      FROM messages)
WHERE watermark IS NULL OR start + epoch_us(size) > watermark;

CREATE MACRO tumble(size, shift := INTERVAL 0 SECONDS) AS TABLE SELECT * FROM hop(size, size, shift := shift);

-- One reading of each machine after the other. `open` are the machine's sessions that the watermark has not passed, with the
-- numbers of their readings; those that it passed before this reading are `closed`.
CREATE MACRO session(gap) AS TABLE
WITH RECURSIVE numbered AS (
    SELECT *, epoch_us(timestamp) AS ts, coalesce(watermark, -9e15::BIGINT) AS met,
           row_number() OVER (PARTITION BY machine_id ORDER BY kafka_offset) AS k
    FROM messages),
steps AS (
    SELECT DISTINCT machine_id, 0::BIGINT AS k, []::STRUCT(s BIGINT, e BIGINT, ks BIGINT[])[] AS open,
           []::STRUCT(s BIGINT, e BIGINT, ks BIGINT[])[] AS closed
    FROM messages
    UNION ALL
    SELECT machine_id, k,
           CASE WHEN len(touched) = 0 AND ts + epoch_us(gap) < met THEN alive
                ELSE list_append(list_filter(alive, lambda x: x.s > ts + epoch_us(gap) OR x.e < ts),
                                 {'s': list_min(list_append(list_transform(touched, lambda x: x.s), ts)),
                                   'e': list_max(list_append(list_transform(touched, lambda x: x.e), ts + epoch_us(gap))),
                                   'ks': list_append(flatten(list_transform(touched, lambda x: x.ks)), k)}) END,
           closed
    FROM (SELECT *, list_filter(alive, lambda x: x.s <= ts + epoch_us(gap) AND x.e >= ts) AS touched
          FROM (SELECT n.machine_id, n.k, n.ts, n.met, list_filter(p.open, lambda x: x.e >= n.met) AS alive,
                       list_filter(p.open, lambda x: x.e < n.met) AS closed
                FROM steps p JOIN numbered n ON n.machine_id = p.machine_id AND n.k = p.k + 1))),
sessions AS (
    SELECT machine_id, unnest(closed) AS x FROM steps
    UNION ALL
    SELECT machine_id, unnest(arg_max(open, k)) AS x FROM steps GROUP BY machine_id)
SELECT n.* EXCLUDE (ts, met, k), make_timestamp(x.s) AS window_start, make_timestamp(x.e) AS window_end,
       make_timestamp(x.e - 1) AS window_time
FROM (SELECT machine_id, x, unnest(x.ks) AS k FROM sessions) JOIN numbered n USING (machine_id, k);

-- Late readings of one time between two ends of windows, which `mark` is the first of, are one revision of a window. What
-- had come until then is in it.
CREATE MACRO revised(slide, size, lateness) AS TABLE
WITH placed AS (
    SELECT *, start + epoch_us(size) AS ending,
           watermark - (((watermark - epoch_us(size)) % epoch_us(slide)) + epoch_us(slide)) % epoch_us(slide) AS mark
    FROM (SELECT *, unnest(windows_of(epoch_us(timestamp), epoch_us(slide), epoch_us(size), 0)) AS start FROM messages)),
editions AS (
    SELECT DISTINCT kafka_partition, ending, mark, dense_rank() OVER (PARTITION BY kafka_partition, ending ORDER BY mark) AS revision
    FROM placed WHERE ending <= mark AND ending + epoch_us(lateness) > mark)
SELECT p.* EXCLUDE (start, ending, mark), make_timestamp(start) AS window_start, make_timestamp(ending) AS window_end,
       make_timestamp(ending - 1) AS window_time, revision::INTEGER AS revision, e.mark AS edition, p.mark = e.mark AS fresh
FROM placed p JOIN editions e USING (kafka_partition, ending)
WHERE p.mark IS NULL OR p.mark <= e.mark;

CREATE MACRO over_stream(stream, slide, size) AS TABLE
SELECT * EXCLUDE (start, window_start, window_end, window_time), window_end AS inner_end, window_start AS inner_start,
       make_timestamp(start) AS window_start, make_timestamp(start + epoch_us(size)) AS window_end,
       make_timestamp(start + epoch_us(size) - 1) AS window_time
FROM (SELECT *, unnest(windows_of(epoch_us(window_time), epoch_us(slide), epoch_us(size), 0)) AS start
      FROM query_table(stream));
"""


def parsed(text: str, value: object) -> object:
    """`text` of the CSV as the type of `value`, which DuckDB found."""
    if text == "NULL":
        return None
    if isinstance(value, bool):
        return {"true": True, "false": False}[text]
    if isinstance(value, int):
        return int(text)
    if isinstance(value, float):
        return float(text)
    if isinstance(value, decimal.Decimal):
        return decimal.Decimal(text)
    if isinstance(value, datetime.datetime):
        return datetime.datetime.fromisoformat(text.rstrip("Z"))
    if isinstance(value, datetime.date):
        return datetime.date.fromisoformat(text)
    return text


def shown(value: object) -> object:
    """A list as Arrow prints it."""
    if isinstance(value, list):
        return "[" + ", ".join("NULL" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in value) + "]"
    return value


def key(row: list) -> list:
    """Sorts rows: first by what is exact, then by the floats."""
    exact = [str(value) for value in row if not isinstance(value, float)]
    floats = [value for value in row if isinstance(value, float)]
    return [exact, floats]


def same(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return (math.isnan(left) and math.isnan(right)) or math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    return left == right and type(left) is type(right)


def compare(name: str, names: list, found: list, path: pathlib.Path) -> list:
    """What differs between DuckDB's rows and the file; nothing if all is well."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    if names != lines[0]:
        return [f"{name}: the oracle has the columns {names}, the file has {lines[0]}"]
    found = [[shown(value) for value in row] for row in found]
    if len(found) != len(lines) - 1:
        return [f"{name}: the oracle has {len(found)} rows, the file has {len(lines) - 1}"]
    examples = [next((row[i] for row in found if row[i] is not None), None) for i in range(len(names))]
    expected = [[parsed(text, example) for text, example in zip(line, examples)] for line in lines[1:]]
    problems = []
    for left, right in zip(sorted(expected, key=key), sorted(found, key=key)):
        if not all(same(a, b) for a, b in zip(left, right)):
            problems.append(f"{name}: {left}\n   oracle: {right}")
    return problems[:3]


def instant(value: object) -> datetime.datetime:
    """A timestamp of a message, as UTC."""
    if isinstance(value, int):
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=value)
    if not isinstance(value, str) or len(value) < 19:
        raise ValueError(value)
    at = datetime.datetime.fromisoformat(value)
    return at.astimezone(datetime.timezone.utc).replace(tzinfo=None) if at.tzinfo else at


def readings_by_python(path: pathlib.Path, names: list) -> list:
    """The rows that readings.jsonl means: whole readings, none of them sent before it was measured."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            message = json.loads(line)
            message["timestamp"], message["machine_id"] = instant(message["timestamp"]), str(message["machine_id"])
        except (ValueError, KeyError, TypeError):
            continue
        numbers = [message.get(name) for name in names if name not in ("timestamp", "machine_id", "operating_mode")]
        if message["timestamp"].year < 2050 and not any(isinstance(value, str) for value in numbers):
            rows.append([message.get(name) for name in names])
    return rows


def compare_readings(folder: pathlib.Path, connection: duckdb.DuckDBPyConnection) -> list:
    result = connection.execute("SELECT * EXCLUDE (kafka_partition, kafka_offset, watermark) FROM messages")
    names = [column[0] for column in result.description]
    ours, theirs = result.fetchall(), readings_by_python(folder / "readings.jsonl", names)
    order = lambda row: [str(value) for value in row]  # noqa: E731
    if sorted(map(list, ours), key=order) != sorted(theirs, key=order):
        return [f"readings.jsonl: {len(ours)} decoded readings are not the {len(theirs)} that Python reads"]
    return []


def read_machines(folder: pathlib.Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the table `machines`: a row for each machine that has sent a reading, known or not."""
    file = tomllib.loads((folder / "machines.toml").read_text(encoding="utf-8"))
    said = {str(machine["id"]): machine for machine in file["machines"]}
    connection.execute(
        "CREATE TABLE machines (machine_id VARCHAR, known BOOLEAN, site VARCHAR, refrigerant VARCHAR, application VARCHAR, "
        "altitude DOUBLE, rated_current DOUBLE)")
    for (machine,) in connection.execute("SELECT DISTINCT machine_id FROM messages").fetchall():
        row = {"altitude": 0} | file["defaults"] | said.get(machine, {})
        columns = ("site", "refrigerant", "application", "altitude", "rated_current")
        values = [machine, machine in said, *(row.get(column) for column in columns)]
        connection.execute("INSERT INTO machines VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def tables(folder: pathlib.Path, case: str, path: pathlib.Path) -> list:
    """The oracles of a case, each after those it may read, with the file of its rows."""
    if path.is_file():
        return [(case, path, folder / "expected" / f"{case}.csv")]
    return [(p.name.removesuffix(".sql"), p, folder / "expected" / case / p.with_suffix(".csv").name) for p in sorted(path.glob("*.sql"))]


def main() -> int:
    folder, readings, delays = pathlib.Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    counts, problems = {}, []
    for path in sorted((folder / "oracle").iterdir()):
        # NAME.revised and NAME.late are tables of the case NAME.
        case = path.name.removesuffix(".sql")
        connection = duckdb.connect()
        connection.execute(f"SET VARIABLE delay = {delays[case.split('.')[0]]}")
        connection.execute(PRELUDE.replace("{readings}", readings))
        read_machines(folder, connection)
        if not counts:
            problems += compare_readings(folder, connection)
        for stream, sql, expected in tables(folder, case, path):
            name = case if stream == case else f"{case}/{stream}"
            try:
                connection.execute(f'CREATE TABLE "{stream}" AS {sql.read_text(encoding="utf-8")}')
            except duckdb.Error as error:
                problems.append(f"{name}: {error}")
                continue
            result = connection.execute(f'SELECT * FROM "{stream}"')
            names, rows = [column[0] for column in result.description], result.fetchall()
            counts[name] = len(rows)
            problems += compare(name, names, rows, expected)
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    print(json.dumps(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
