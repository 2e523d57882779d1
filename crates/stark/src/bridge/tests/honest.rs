//! Honest provers: tables of every type and size.

use alloc::{format, string::String, sync::Arc, vec::Vec};
use std::eprintln;

use proofmark_plan::{
    commit,
    types::{Column, Schema, Type},
    value::{ColumnData, Table, Text, Value, Values},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    Level, Salt, TableBounds,
    bridge::{self, Statement, Witness},
    digest,
    prove::Filled,
};

/// A table with its commitments.
pub(super) struct Case {
    pub(super) table: Table,
    pub(super) bounds: TableBounds,
    pub(super) rows_per_leaf: u16,
    pub(super) digest_salt: Salt,
    pub(super) root_salt: [u8; 32],
    pub(super) digest: proofmark_core::Digest,
    pub(super) root: proofmark_core::Digest,
}

impl Case {
    pub(super) fn new(table: Table, rows_per_leaf: u16) -> Self {
        let bounds = TableBounds::of(&table).expect("short texts");
        let digest_salt = Salt::from_seed(&[3; 32]);
        let root_salt = core::array::from_fn(|at| 7 * at as u8 + 1);
        Self {
            digest: digest::table(&table, digest_salt).expect("a digest"),
            root: commit::root(&Value::Table(table.clone()), rows_per_leaf, &root_salt),
            table,
            bounds,
            rows_per_leaf,
            digest_salt,
            root_salt,
        }
    }

    pub(super) fn statement(&self, level: Level) -> Statement<'_> {
        Statement {
            schema: &self.table.schema,
            bounds: &self.bounds,
            rows_per_leaf: self.rows_per_leaf,
            digest: self.digest,
            root: self.root,
            level,
        }
    }

    pub(super) fn witness(&self) -> Witness<'_> {
        Witness { table: &self.table, digest_salt: self.digest_salt, root_salt: &self.root_salt }
    }

    pub(super) fn fill(&self) -> Filled {
        let mut rng = StdRng::seed_from_u64(1);
        bridge::fill(&self.statement(Level::Fast), &self.witness(), &mut rng, &mut ())
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Fills and checks natively.
    pub(super) fn check(&self) -> Filled {
        let filled = self.fill();
        for chip in &filled.chips {
            assert_eq!(chip.fault, None, "{}", chip.name);
        }
        assert_eq!(filled.violations(), [], "{} rows, {} in a leaf", self.table.rows, self.rows_per_leaf);
        filled
    }
}

pub(super) fn schema(columns: &[(&str, &str)]) -> Schema {
    let column =
        |(name, ty): &(&str, &str)| Column { name: String::from(*name), ty: ty.parse().expect("a type") };
    Schema::new(columns.iter().map(column).collect()).expect("distinct names")
}

/// A table of random values, with extremes among them.
pub(super) fn random_table(schema: &Schema, rows: usize, seed: u64, text_bytes: usize) -> Table {
    let mut rng = StdRng::seed_from_u64(seed);
    let columns = schema.columns().iter().map(|column| {
        let ty = column.ty.ty;
        let validity: Vec<bool> = (0..rows).map(|_| !column.ty.nullable || rng.next_u32() % 4 > 0).collect();
        let (lo, hi) = crate::table::bounds(ty, 30).expect("bounds");
        let mut number = |row: usize| -> i128 {
            if !validity[row] {
                return 0;
            }
            match rng.next_u32() % 8 {
                0 => lo.as_i128(),
                1 => hi.as_i128(),
                2 => -1,
                3 => 0,
                _ => {
                    let wide = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
                    let span = (hi - lo + ethnum::I256::ONE).as_u128();
                    lo.as_i128().wrapping_add((if span == 0 { wide } else { wide % span }) as i128)
                }
            }
        };
        let values = match ty {
            Type::Bool => Values::Bool((0..rows).map(|row| validity[row] && number(row) & 1 == 1).collect()),
            Type::Bytes | Type::String => {
                let (mut heap, mut spans) = (Vec::new(), Vec::new());
                for valid in &validity {
                    let length = if *valid { rng.next_u32() as usize % (text_bytes + 1) } else { 0 };
                    spans.push((heap.len() as u32, length as u32));
                    heap.extend((0..length).map(|_| rng.next_u32() as u8 & 0x7f));
                }
                Values::Text(Text { heap: Arc::new(heap), spans })
            }
            ty if ty.is_wide() => Values::Wide((0..rows).map(number).collect()),
            _ => Values::Narrow((0..rows).map(|row| number(row) as i64).collect()),
        };
        Arc::new(ColumnData { values, validity: column.ty.nullable.then_some(validity) })
    });
    Table { schema: schema.clone(), rows, columns: columns.collect() }
}

/// Every type, with and without nulls.
pub(super) fn every_type() -> Schema {
    schema(&[
        ("a", "int"),
        ("b", "bool"),
        ("c", "decimal(9,2)"),
        ("d", "decimal(18,0)"),
        ("e", "decimal(38,10)"),
        ("f", "date"),
        ("g", "timestamp"),
        ("h", "string"),
        ("i", "bytes?"),
        ("j", "int?"),
        ("k", "bool?"),
        ("l", "date?"),
        ("m", "decimal(19,1)?"),
        ("n", "decimal(1,0)"),
    ])
}

#[test]
fn a_table_of_integers_has_a_bridge() {
    let case = Case::new(random_table(&schema(&[("a", "int"), ("b", "int")]), 70, 1, 0), 64);
    case.check();
}

#[test]
fn every_type_has_a_bridge() {
    for (rows, per_leaf, text) in [(70, 64, 3), (13, 4, 11), (5, 1, 30), (40, 33, 7), (64, 64, 15)] {
        Case::new(random_table(&every_type(), rows, rows as u64, text), per_leaf).check();
    }
}

#[test]
fn each_type_alone_has_a_bridge() {
    for column in every_type().columns() {
        let ty = format!("{}", column.ty);
        let schema = schema(&[("x", &ty)]);
        for rows in [0, 1, 33] {
            Case::new(random_table(&schema, rows, 9, 30), 16).check();
        }
    }
}

#[test]
fn bridges_are_proved_and_checked() {
    let case = Case::new(random_table(&every_type(), 13, 2, 5), 4);
    let mut rng = StdRng::seed_from_u64(5);
    let statement = case.statement(Level::Fast);
    let proof = bridge::prove(&statement, &case.witness(), &mut rng, &mut ()).expect("a proof");
    let start = std::time::Instant::now();
    let security = bridge::verify(&statement, &proof).expect("a valid proof");
    eprintln!("{} bytes, verified in {:?}, {security:?}", proof.len(), start.elapsed());
}
