"""Reads tables of an archive with software that is not ours, and prints what it found.

    tables.py ARCHIVE_URL TABLE...

ARCHIVE_URL is a folder, a file:// URL or an s3:// URL (with AWS_* in the environment). Printed is one JSON
object: {table: {"version": n, "rows": {"deltalake": n, "duckdb": n}, "columns": {name: type}}}. The two counts
take different ways: deltalake reads the transaction log and the files with its own engine; DuckDB decodes
the files that the log names.
"""

import json
import sys

import duckdb
from deltalake import DeltaTable, QueryBuilder


def read(archive: str, name: str) -> dict:
    table = DeltaTable(f"{archive.rstrip('/')}/{name}")
    query = QueryBuilder().register("t", table).execute("SELECT count(*) AS n FROM t")
    connection = duckdb.connect()
    # Not DuckDB's own Delta reader: that is an extension which it would have to download.
    connection.register("t", table.to_pyarrow_dataset())
    # A plain count needs only the files' footers; a copy decodes every value of every column.
    connection.execute("CREATE TEMP TABLE copy AS SELECT * FROM t")
    columns = connection.execute("DESCRIBE copy").fetchall()
    scanned = connection.execute("SELECT count(*) FROM copy").fetchone()
    return {
        "version": table.version(),
        "rows": {"deltalake": query.read_all()["n"][0].as_py(), "duckdb": scanned[0]},
        "columns": {column[0]: column[1] for column in columns},
    }


def main() -> int:
    if len(sys.argv) < 3:
        print("usage: tables.py ARCHIVE_URL TABLE...", file=sys.stderr)
        return 2
    archive, names = sys.argv[1], sys.argv[2:]
    print(json.dumps({name: read(archive, name) for name in names}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
