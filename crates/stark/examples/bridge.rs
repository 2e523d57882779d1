//! Figures of bridges: tables of four integers, of the feasibility trial's three, and of stock prices.
//!
//! `cargo run --release -p proofmark-stark --example bridge [-- ROWS…]`

use std::{sync::Arc, time::Instant};

use proofmark_measure as measure;
use proofmark_plan::{
    commit,
    types::{Column, Schema, Type},
    value::{ColumnData, Table, Text, Value, Values},
};
use proofmark_stark::{
    Level, Phase, Progress, Salt,
    bridge::{self, Statement, Witness},
    digest,
};
use rand::{Rng, SeedableRng, rngs::StdRng, rngs::SysRng};

/// Rows in a leaf.
const ROWS_PER_LEAF: u16 = commit::DEFAULT_ROWS_PER_LEAF;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let sizes: Vec<usize> = match args.is_empty() {
        true => vec![1_000, 10_000],
        false => args.iter().map(|rows| rows.parse().expect("a number of rows")).collect(),
    };
    println!("machine: {}", measure::machine());
    println!("| table | rows | wall s | CPU s | peak RSS MB | proof KB | verify ms | proven | conjectured |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for rows in sizes {
        for (name, columns) in [
            (
                "stocks: symbol, date, price",
                &[("symbol", "string"), ("date", "date"), ("price", "decimal(9,2)")][..],
            ),
            ("three integers", &[("key", "int"), ("a", "int"), ("b", "int")]),
            ("four integers", &[("a", "int"), ("b", "int"), ("c", "int"), ("d", "int")]),
        ] {
            run(name, &table(columns, rows));
        }
    }
}

fn run(name: &str, table: &Table) {
    let mut rng = StdRng::try_from_rng(&mut SysRng).expect("the operating system's randomness");
    let (mut seed, mut root_salt) = ([0; 32], [0; 32]);
    rng.fill_bytes(&mut seed);
    rng.fill_bytes(&mut root_salt);
    let digest_salt = Salt::from_seed(&seed);
    let bounds = bridge::bounds(table).expect("short texts");
    let statement = Statement {
        schema: &table.schema,
        bounds: &bounds,
        rows_per_leaf: ROWS_PER_LEAF,
        digest: digest::table(table, digest_salt).expect("a digest"),
        root: commit::root(&Value::Table(table.clone()), ROWS_PER_LEAF, &root_salt),
        level: Level::Standard,
    };
    let witness = Witness { table, digest_salt, root_salt: &root_salt };
    let (start, cpu) = (Instant::now(), measure::cpu_time());
    let proof = bridge::prove(&statement, &witness, &mut rng, &mut Watch(start)).expect("a proof");
    let (wall, cpu) = (start.elapsed(), (measure::cpu_time() - cpu).as_secs_f64());
    let start = Instant::now();
    let security = bridge::verify(&statement, &proof).expect("a valid proof");
    let verified = start.elapsed();
    println!(
        "| {name} | {} | {:.2} | {cpu:.2} | {} | {} | {:.0} | {} | {} |",
        table.rows,
        wall.as_secs_f64(),
        measure::memory().peak / 1_000_000,
        proof.len() / 1000,
        verified.as_secs_f64() * 1e3,
        security.proven_bits,
        security.conjectured_bits,
    );
}

/// A table of random values.
fn table(columns: &[(&str, &str)], rows: usize) -> Table {
    let columns = columns
        .iter()
        .map(|(name, ty)| Column { name: (*name).to_string(), ty: ty.parse().expect("a type") });
    let schema = Schema::new(columns.collect()).expect("distinct names");
    let mut rng = StdRng::seed_from_u64(1);
    let columns = schema.columns().iter().map(|column| {
        let mut number = |below: u64| (0..rows).map(|_| (rng.next_u64() % below) as i64).collect();
        let values = match column.ty.ty {
            Type::String => {
                let symbols = ["MSFT", "AMZN", "IBM", "GOOG", "AAPL"];
                let heap = symbols.concat().into_bytes();
                let spans = [(0, 4), (4, 4), (8, 3), (11, 4), (15, 4)];
                let spans = (0..rows).map(|row| spans[row % spans.len()]).collect();
                Values::Text(Text { heap: Arc::new(heap), spans })
            }
            Type::Date => Values::Narrow(number(20_000)),
            Type::Decimal { .. } => Values::Narrow(number(100_000)),
            _ => Values::Narrow(number(u64::MAX)),
        };
        Arc::new(ColumnData { values, validity: None })
    });
    let columns = columns.collect();
    Table { schema, rows, columns }
}

/// Prints when phases start, if asked to.
struct Watch(Instant);

impl Progress for Watch {
    fn phase(&mut self, phase: Phase) {
        if std::env::var_os("PHASES").is_some() {
            eprintln!("{phase:?} at {:?}", self.0.elapsed());
        }
    }
}
