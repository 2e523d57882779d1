//! `examples/stocks` by hand: per company first and last price, mean, standard deviation of the monthly return, best and worst
//! month.

use std::collections::BTreeMap;

use risc0_zkvm::{
    guest::env,
    serde::{from_slice, to_vec},
    sha::{Impl, Sha256},
};
use serde::{Deserialize, Serialize};

/// A line of the file; the price in cents, the date in days since 1970.
#[derive(Deserialize)]
struct Row {
    symbol: String,
    date: i32,
    price: i64,
}

/// What is asked; decimals as integers of the scale in the name.
#[derive(Serialize)]
struct Company {
    symbol: String,
    months: u64,
    first_price_2: i64,
    last_price_2: i64,
    mean_price_4: i64,
    mean_return_8: Option<i64>,
    stddev_return_8: Option<i64>,
    best_return_6: Option<i64>,
    best_month: i32,
    worst_return_6: Option<i64>,
    worst_month: i32,
}

fn main() {
    let input: Vec<u8> = env::read_frame();
    let input_hash = *Impl::hash_bytes(&input);
    let rows: Vec<Row> = from_slice(&input).expect("rows");

    let mut companies: BTreeMap<String, Vec<(i32, i64)>> = BTreeMap::new();
    for row in rows {
        companies.entry(row.symbol).or_default().push((row.date, row.price));
    }
    let result: Vec<Company> =
        companies.into_iter().map(|(symbol, prices)| summary(symbol, prices)).collect();

    let output = to_vec(&result).expect("serializable");
    let output_hash = *Impl::hash_words(&output);
    env::commit(&(input_hash, output_hash));
}

fn summary(symbol: String, mut prices: Vec<(i32, i64)>) -> Company {
    prices.sort_by_key(|(date, _)| *date);
    let returns: Vec<(i32, i64)> = prices
        .windows(2)
        .map(|pair| {
            (pair[1].0, divide(i128::from(pair[1].1 - pair[0].1) * 1_000_000, i128::from(pair[0].1)) as i64)
        })
        .collect();
    let count = prices.len() as i128;
    let total: i64 = prices.iter().map(|(_, price)| price).sum();
    let n = returns.len() as i128;
    let sum: i128 = returns.iter().map(|(_, r)| i128::from(*r)).sum();
    let squares: i128 = returns.iter().map(|(_, r)| i128::from(*r) * i128::from(*r)).sum();
    // The first of equals in time wins, as the rows are in time's order.
    let best = returns.iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
    let worst = returns.iter().reduce(|worst, next| if next.1 < worst.1 { next } else { worst });
    let first = prices[0];
    let last = prices[prices.len() - 1];
    Company {
        symbol,
        months: prices.len() as u64,
        first_price_2: first.1,
        last_price_2: last.1,
        mean_price_4: divide(i128::from(total) * 100, count) as i64,
        mean_return_8: (n > 0).then(|| divide(sum * 100, n) as i64),
        // variance = (n Σr² − (Σr)²) / (n (n − 1)); the root at scale 8 of a number at scale 12
        stddev_return_8: (n > 1).then(|| root((n * squares - sum * sum) * 10_000, n * (n - 1)) as i64),
        best_return_6: best.map(|(_, r)| *r),
        best_month: best.map_or(first.0, |(date, _)| *date),
        worst_return_6: worst.map(|(_, r)| *r),
        worst_month: worst.map_or(first.0, |(date, _)| *date),
    }
}

/// `a / b`, rounded half to even; `b` is positive.
fn divide(a: i128, b: i128) -> i128 {
    let (quotient, remainder) = (a.div_euclid(b), a.rem_euclid(b));
    match (remainder * 2).cmp(&b) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Equal => quotient + (quotient & 1),
        std::cmp::Ordering::Greater => quotient + 1,
    }
}

/// The root of `a / b`, rounded to the nearest.
fn root(a: i128, b: i128) -> i128 {
    let low = (a / b).isqrt();
    // Up if a / b > (low + 1/2)².
    if 4 * a > (4 * low * low + 4 * low + 1) * b { low + 1 } else { low }
}
