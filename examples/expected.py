#!/usr/bin/env python3
"""Makes the expected outputs of the examples with DuckDB.

DuckDB reads, sorts, groups, looks at neighbouring rows and sums, on exact types. It divides DECIMALs as doubles, so divisions,
means and standard deviations are rounded here from exact integers, half to even: `half_even` in SQL, `ratio` and `root` in Python.
"""

import argparse
import json
import math
import sys
from fractions import Fraction
from pathlib import Path

import duckdb

HERE = Path(__file__).parent

# n / d as an integer, half to even, for d > 0.
HALF_EVEN = """
CREATE MACRO half_even(n, d) AS
  (CASE WHEN n < 0 THEN -1 ELSE 1 END) * (
    abs(n) // d + CASE WHEN 2 * (abs(n) % d) > d OR (2 * (abs(n) % d) = d AND (abs(n) // d) % 2 = 1) THEN 1 ELSE 0 END)
"""


def main() -> int:
    """Writes or, with --check, compares all outputs."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    check = arguments.parse_args().check
    stale = 0
    for name, make in OUTPUTS.items():
        path, text = HERE / name, render(*make())
        if not check:
            path.write_text(text)
        elif path.read_text() != text:
            stale += 1
            print(f"{path} differs from what DuckDB {duckdb.__version__} says", file=sys.stderr)
    print(f"{len(OUTPUTS)} expected outputs {'checked' if check else 'written'} with DuckDB {duckdb.__version__}")
    return 1 if stale else 0


def stocks():
    """Per company: prices, returns, best and worst month."""
    db = engine()
    db.execute(f"""
        CREATE TABLE prices AS SELECT symbol, strptime(date, '%b %-d %Y')::DATE AS date, price::DECIMAL(9,2) AS price
        FROM read_csv('{HERE}/stocks/stocks.csv', header = true, all_varchar = true)""")
    db.execute("CREATE TABLE cents AS SELECT symbol, date, (price * 100)::HUGEINT AS price FROM prices")
    db.execute("""
        CREATE TABLE returns AS
        SELECT symbol, date, price, half_even((price - before) * 1000000, before) AS monthly
        FROM (SELECT *, lag(price) OVER (PARTITION BY symbol ORDER BY date) AS before FROM cents)""")
    rows = db.execute("""
        SELECT symbol, count(*), first(price ORDER BY date), last(price ORDER BY date), sum(price),
               count(monthly), sum(monthly), sum(monthly * monthly),
               max(monthly), first(date ORDER BY monthly DESC NULLS LAST, date),
               min(monthly), first(date ORDER BY monthly ASC NULLS LAST, date)
        FROM returns GROUP BY symbol ORDER BY symbol""").fetchall()
    schema = {
        "symbol": "string", "months": "int", "first_price": "decimal(9,2)", "last_price": "decimal(9,2)",
        "mean_price": "decimal(38,4)", "mean_return": "decimal(38,8)?", "stddev_return": "decimal(38,8)?",
        "best_return": "decimal(9,6)?", "best_month": "date", "worst_return": "decimal(9,6)?", "worst_month": "date",
    }  # fmt: skip
    return schema, [
        {
            "symbol": symbol, "months": months, "first_price": digits(first, 2), "last_price": digits(last, 2),
            "mean_price": ratio(Fraction(total, 100 * months), 4),
            "mean_return": ratio(Fraction(sum1, 10**6 * n), 8),
            "stddev_return": root(sample_variance(n, sum1, sum2) / 10**12, 8),
            "best_return": digits(best, 6), "best_month": str(best_month),
            "worst_return": digits(worst, 6), "worst_month": str(worst_month),
        }
        for symbol, months, first, last, total, n, sum1, sum2, best, best_month, worst, worst_month in rows
    ]  # fmt: skip


def sales():
    """Per shop: number and sum of the sales that count."""
    db = engine()
    rows = db.execute(f"""
        SELECT shop, count(*), sum((amount::DECIMAL(9,2) * 100)::HUGEINT)
        FROM read_csv('{HERE}/sales/sales.csv', header = true, all_varchar = true)
        WHERE NOT returned::BOOLEAN AND amount::DECIMAL(9,2) > 5.00 GROUP BY shop ORDER BY shop""").fetchall()
    schema = {"sales": "int", "shop": "string", "total": "decimal(38,2)"}
    return schema, [{"sales": n, "shop": shop, "total": digits(total, 2)} for shop, n, total in rows]


def weather_summary():
    """Per year and kind of weather: days, mean maximum, precipitation."""
    rows = weather().execute("""
        SELECT year(date), weather, count(*), sum((temp_max * 10)::HUGEINT), sum(precipitation)
        FROM days GROUP BY ALL ORDER BY 1, 2""").fetchall()
    schema = {
        "year": "int", "weather": "string", "days": "int", "mean_max": "decimal(38,2)", "precipitation": "decimal(38,1)",
    }  # fmt: skip
    return schema, [
        {
            "year": year, "weather": kind, "days": days,
            "mean_max": ratio(Fraction(int(tenths), 10 * days), 2), "precipitation": str(precipitation),
        }
        for year, kind, days, tenths, precipitation in rows
    ]  # fmt: skip


def weather_hottest():
    """The ten hottest days."""
    rows = weather().execute("""
        SELECT date, temp_max, temp_min, weather FROM days ORDER BY temp_max DESC, date LIMIT 10""").fetchall()
    schema = {"date": "date", "temp_max": "decimal(4,1)", "temp_min": "decimal(4,1)", "weather": "string"}
    return schema, [
        {"date": str(date), "temp_max": str(high), "temp_min": str(low), "weather": kind}
        for date, high, low, kind in rows
    ]


def signals():
    """The five best or worst of the days bought long."""
    db = engine()
    db.execute(f"""
        CREATE TABLE gains AS
        SELECT date, open, close, half_even((close - open) * 1000000, open) AS gain FROM (
          SELECT date::DATE AS date, (open::DECIMAL(8,2) * 100)::HUGEINT AS open, (close::DECIMAL(8,2) * 100)::HUGEINT AS close
          FROM read_json('{HERE}/signals/ohlc.json', columns = {{date: 'VARCHAR', open: 'VARCHAR', close: 'VARCHAR', signal: 'VARCHAR'}})
          WHERE signal = 'long')""")
    total, count = db.execute("SELECT sum(gain), count(*) FROM gains").fetchone()
    positive = Fraction(int(total), 10**6 * count) > 0
    order = "DESC" if positive else "ASC"
    rows = db.execute(f"SELECT date, open, close, gain FROM gains ORDER BY gain {order}, date LIMIT 5").fetchall()
    schema = {
        "date": "date", "open": "decimal(8,2)", "close": "decimal(8,2)", "gain": "decimal(9,6)", "advice": "string",
    }  # fmt: skip
    return schema, [
        {
            "date": str(date), "open": digits(open_, 2), "close": digits(close, 2), "gain": digits(gain, 6),
            "advice": "keep buying" if positive else "stop buying",
        }
        for date, open_, close, gain in rows
    ]  # fmt: skip


def weather():
    """An engine with the weather table."""
    db = engine()
    db.execute(f"""
        CREATE TABLE days AS
        SELECT strptime(date, '%Y/%m/%d')::DATE AS date, precipitation::DECIMAL(5,1) AS precipitation,
               temp_max::DECIMAL(4,1) AS temp_max, temp_min::DECIMAL(4,1) AS temp_min, weather
        FROM read_csv('{HERE}/weather/seattle-weather.csv', header = true, all_varchar = true)""")
    return db


def engine():
    """A fresh DuckDB with the rounding that it lacks."""
    db = duckdb.connect()
    db.execute(HALF_EVEN)
    return db


def digits(unscaled, scale) -> str:
    """The decimal with these digits: `digits(-5, 2)` is "-0.05"."""
    value = abs(int(unscaled))
    sign = "-" if int(unscaled) < 0 else ""
    return f"{sign}{value // 10**scale}.{value % 10**scale:0{scale}d}"


def ratio(value: Fraction, scale: int) -> str:
    """A rational, rounded half to even (as Python's `round` does on fractions)."""
    return digits(round(value * 10**scale), scale)


def sample_variance(n, sum1, sum2) -> Fraction:
    """The variance of a sample from its exact sums."""
    n, sum1, sum2 = int(n), int(sum1), int(sum2)
    return (sum2 - Fraction(sum1 * sum1, n)) / (n - 1)


def root(value: Fraction, scale: int) -> str:
    """The square root, rounded from its exact value."""
    square = value * 100**scale
    low = math.isqrt(square.numerator // square.denominator)
    twice = 4 * square - (2 * low + 1) ** 2  # positive if the root lies above low + 1/2
    return digits(low + (1 if twice > 0 or (twice == 0 and low % 2) else 0), scale)


def render(schema, rows) -> str:
    """An output document, one row a line, columns by name."""
    lines = ",\n".join("    " + json.dumps(row, sort_keys=True) for row in rows)
    columns = json.dumps({"columns": schema}, sort_keys=True)
    return f'{{\n  "schema": {columns},\n  "rows": [\n{lines}\n  ]\n}}\n'


OUTPUTS = {
    "sales/expected.json": sales,
    "stocks/expected.json": stocks,
    "weather/expected.json": weather_summary,
    "weather/hottest.expected.json": weather_hottest,
    "signals/expected.json": signals,
}

if __name__ == "__main__":
    sys.exit(main())
