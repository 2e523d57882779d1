//! Tables for tests.

use alloc::{format, string::String};

use crate::{
    number::POW10,
    types::{Column, Schema, Type},
    value::{Table, TableBuilder},
};

/// All types, nullable and not.
pub(crate) fn every_type() -> Schema {
    let types = [
        "int",
        "decimal(9,2)",
        "decimal(18,3)",
        "decimal(38,4)",
        "bool",
        "string",
        "bytes",
        "date",
        "timestamp",
    ];
    let column = |name: String, ty: String| Column { name, ty: ty.parse().unwrap() };
    let columns = types.iter().enumerate().flat_map(|(at, ty)| {
        [column(format!("c{at}"), (*ty).into()), column(format!("n{at}"), format!("{ty}?"))]
    });
    Schema::new(columns.collect()).unwrap()
}

/// A table that is a function of `seed`.
pub(crate) fn table_of(schema: &Schema, rows: usize, mut seed: u64) -> Table {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 11
    };
    let mut builder = TableBuilder::new(schema, rows);
    for _ in 0..rows {
        for (at, column) in schema.columns().iter().enumerate() {
            let builder = builder.column(at);
            let random = next();
            if column.ty.nullable && random % 3 == 0 {
                builder.push_null();
                continue;
            }
            match column.ty.ty {
                Type::Bool => builder.push_bool(random & 8 == 0),
                Type::Bytes => builder.push_text(&random.to_le_bytes()[..random as usize % 8]).unwrap(),
                Type::Date => builder.push_narrow((random % 1_000_000) as i64 - 500_000),
                Type::Decimal { precision, .. } => {
                    let value =
                        i128::from(random) * i128::from(next()) * if random & 1 == 0 { 1 } else { -1 };
                    builder.push_number(value % POW10[usize::from(precision)]);
                }
                Type::Int => builder.push_narrow((random as i64).wrapping_mul(next() as i64)),
                Type::String => {
                    let words = ["", "a", "rain", "Zürich", "“quoted”, and\nlines", "😀"];
                    builder.push_text(words[random as usize % words.len()].as_bytes()).unwrap();
                }
                Type::Timestamp => builder.push_narrow(random as i64 >> 4),
            }
        }
    }
    builder.finish()
}
