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
    over_stream(name, slide, size)   each row of another stream of the case, likewise: such rows are never late
"""

import csv
import datetime
import decimal
import json
import math
import pathlib
import sys

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
        return "[" + ", ".join("" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in value) + "]"
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


def tables(folder: pathlib.Path, case: str, path: pathlib.Path) -> list:
    """The oracles of a case, each after those it may read, with the file of its rows."""
    if path.is_file():
        return [(case, path, folder / "expected" / f"{case}.csv")]
    return [(p.stem, p, folder / "expected" / case / f"{p.stem}.csv") for p in sorted(path.glob("*.sql"))]


def main() -> int:
    folder, readings, delays = pathlib.Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    counts, problems = {}, []
    for path in sorted((folder / "oracle").iterdir()):
        case = path.stem
        connection = duckdb.connect()
        connection.execute(f"SET VARIABLE delay = {delays[case]}")
        connection.execute(PRELUDE.replace("{readings}", readings))
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
