"""The query of crates/plan/examples/bench_group.rs in DuckDB, on the CSV that it wrote.

    python benches/duckdb_group.py FILE.csv [THREADS]

The table is loaded first and only the query is timed. The last line is JSON.
"""

import json
import statistics
import sys
import time

import duckdb

ROUNDS = 7
QUERY = """
    SELECT shop, count(*), sum(amount), avg(amount), sum(quantity)
    FROM sales WHERE NOT returned AND amount > 5.00 GROUP BY shop ORDER BY shop
"""


def main(path: str, threads: int) -> None:
    connection = duckdb.connect(config={"threads": threads})
    connection.execute(
        "CREATE TABLE sales AS SELECT * FROM read_csv(?, columns = {"
        "'amount': 'DECIMAL(10,2)', 'day': 'DATE', 'quantity': 'BIGINT', 'returned': 'BOOLEAN', 'shop': 'VARCHAR'})",
        [path],
    )
    rows = connection.execute("SELECT count(*) FROM sales").fetchone()[0]
    millis = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        groups = connection.execute(QUERY).fetchall()
        millis.append((time.perf_counter() - start) * 1e3)
    print(f"{len(groups)} groups of {rows} rows; first: {groups[0]}")
    print(
        json.dumps(
            {
                "bench": "group",
                "engine": f"duckdb {duckdb.__version__}",
                "threads": threads,
                "rows": rows,
                "median_ms": round(statistics.median(millis), 3),
                "best_ms": round(min(millis), 3),
            }
        )
    )


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 1)
