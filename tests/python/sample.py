"""Writes a small table that tables.py must count right: sample.py ARCHIVE_URL TABLE

Three commits, two dates: five rows, four more, then all rows of the first date taken out again. Files of the
first commit stay in the folder, so only a reader that follows the transaction log finds four rows.
"""

import sys
from datetime import UTC, date, datetime

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake


def rows(day: int, count: int) -> pa.Table:
    return pa.table(
        {
            "timestamp": pa.array(
                [datetime(2024, 1, day, 0, 0, second, tzinfo=UTC) for second in range(count)],
                pa.timestamp("us", "UTC"),
            ),
            "machine_id": [str(second % 2) for second in range(count)],
            "temp_evaporator": [-10.5 + second for second in range(count)],
            "date": [date(2024, 1, day)] * count,
        }
    )


def main() -> None:
    archive, name = sys.argv[1:]
    url = f"{archive.rstrip('/')}/{name}"
    write_deltalake(url, rows(day=1, count=5), partition_by=["date"])
    write_deltalake(url, rows(day=2, count=4), mode="append")
    DeltaTable(url).delete("date = '2024-01-01'")


if __name__ == "__main__":
    main()
