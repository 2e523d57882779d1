//! `examples/weather` by hand: per year and kind of weather the days, the mean of the maximum and the total precipitation.

use std::collections::BTreeMap;

use risc0_zkvm::{
    guest::env,
    serde::{from_slice, to_vec},
    sha::{Impl, Sha256},
};
use serde::{Deserialize, Serialize};

/// A line of the file; measures in tenths, the date as its number yyyymmdd.
#[derive(Deserialize)]
#[allow(dead_code, reason = "hashed with the rest")]
struct Row {
    date: u32,
    precipitation: i64,
    temp_max: i64,
    temp_min: i64,
    wind: i64,
    weather: String,
}

/// What is asked; decimals as integers of the scale in the name.
#[derive(Serialize)]
struct Summary {
    year: u32,
    weather: String,
    days: u64,
    mean_max_2: i64,
    precipitation_1: i64,
}

#[derive(Default)]
struct Sums {
    days: u64,
    temp_max: i64,
    precipitation: i64,
}

fn main() {
    let input: Vec<u8> = env::read_frame();
    let input_hash = *Impl::hash_bytes(&input);
    let rows: Vec<Row> = from_slice(&input).expect("rows");

    let mut groups: BTreeMap<(u32, String), Sums> = BTreeMap::new();
    for row in rows {
        let sums = groups.entry((row.date / 10_000, row.weather)).or_default();
        sums.days += 1;
        sums.temp_max += row.temp_max;
        sums.precipitation += row.precipitation;
    }
    let result: Vec<Summary> = groups
        .into_iter()
        .map(|((year, weather), sums)| Summary {
            year,
            weather,
            days: sums.days,
            mean_max_2: divide(sums.temp_max * 10, sums.days as i64),
            precipitation_1: sums.precipitation,
        })
        .collect();

    let output = to_vec(&result).expect("serializable");
    let output_hash = *Impl::hash_words(&output);
    env::commit(&(input_hash, output_hash));
}

/// `a / b`, rounded half to even; `b` is positive.
fn divide(a: i64, b: i64) -> i64 {
    let (quotient, remainder) = (a.div_euclid(b), a.rem_euclid(b));
    match (remainder * 2).cmp(&b) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Equal => quotient + (quotient & 1),
        std::cmp::Ordering::Greater => quotient + 1,
    }
}
