//! How fast values become leaves and roots, and files become tables: one million rows of three columns.
//!
//! `cargo run --release -p proofmark-plan --example data_speed`

use std::{sync::Arc, time::Instant};

use proofmark_plan::{
    commit::{self, Decoder, NO_SALT},
    document,
    format::{csv, json},
    types::{Column, Schema},
    value::{Bytes, TableBuilder, Value},
};

const ROWS: usize = 1_000_000;

fn main() {
    let column = |name: &str, ty: &str| Column { name: name.into(), ty: ty.parse().expect("a type") };
    let columns = vec![column("day", "date"), column("price", "decimal(9,2)?"), column("symbol", "string")];
    let schema = Schema::new(columns).expect("different names");
    let symbols = ["AAPL", "AMZN", "GOOG", "IBM", "MSFT"];
    let mut table = TableBuilder::new(&schema, ROWS);
    for row in 0..ROWS {
        table.column(0).push_narrow(row as i64 / 5);
        match row % 50 {
            0 => table.column(1).push_null(),
            _ => table.column(1).push_narrow((row as i64).wrapping_mul(2_654_435_761) % 1_000_000),
        }
        table.column(2).push_text(symbols[row % 5].as_bytes()).expect("short texts");
    }
    let table = table.finish();
    let value = Value::Table(table.clone());
    println!("{ROWS} rows, {} logical bytes", value.logical_bytes());

    let root = measure("root: encode and hash", || commit::root(&value, 64, &NO_SALT));
    let mut leaves = Vec::new();
    measure("write leaves", || commit::write_value(&value, 64, &NO_SALT, &mut leaves));
    let leaves = Arc::new(leaves);
    let decoded = measure("read leaves and compute the root", || {
        Decoder::new(leaves.clone(), 0).value(&value.ty(), 64).expect("honest leaves")
    });
    assert_eq!(decoded, (value.clone(), root));

    let file = measure("write CSV", || csv::write(&table, &[0, 1, 2], u64::MAX).expect("no limit"));
    let file = Bytes::from(file);
    let read = measure("read CSV", || csv::read(&file, b',', &schema, &[], u64::MAX).expect("honest file"));
    println!("{:40} {} MB", "  the file has", file.len() / 1_000_000);
    assert!(read == table);
    let file = measure("write JSON", || json::write(&table, &[0, 1, 2], u64::MAX).expect("no limit"));
    let file = Bytes::from(file);
    let read = measure("read JSON", || json::read(&file, &[], &schema, &[], u64::MAX).expect("honest file"));
    println!("{:40} {} MB", "  the file has", file.len() / 1_000_000);
    assert!(read == table);
    let file = Bytes::from(measure("write the document", || document::write(&value)));
    let read = measure("read the document", || document::read(&file, u64::MAX).expect("honest document"));
    assert!(read == value);
}

fn measure<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what:40} {:>7.1} ms", start.elapsed().as_secs_f64() * 1000.0);
    result
}
