//! Random tables.

use std::{format, string::String, vec::Vec};

use super::Generator;
use crate::{
    calendar,
    model::{Attestation, ColumnHint, DataInput, InputSchema, Source, SourceKind, Step, StepKind},
    types::{Column, ColumnType, MAX_PRECISION, Schema, Type},
    value::{Table, TableBuilder, Value},
};

/// Few names, so that tables share some.
const NAMES: [&str; 8] = ["a", "amount", "day", "flag", "k", "key", "n", "text"];
const WORDS: [&str; 10] = ["", "a", "b", "x", "IBM", "AAPL", " padded ", "Grüße", "日本", "a,\"b\"\n"];

impl Generator {
    pub(super) fn add_input(&mut self) {
        let schema = self.schema();
        let rows = match self.rng.below(10) {
            0 => 0,
            1 => 1,
            2 => 64 + self.rng.below(10),
            _ => self.rng.between(2, 20),
        };
        let table = self.random_table(&schema, rows);
        let hints = schema.columns().iter().map(|_| ColumnHint::default()).collect();
        self.add_data(InputSchema::Table { schema, hints }, Value::Table(table));
    }

    /// A JSON file, for `parse`.
    pub(super) fn add_document(&mut self) {
        let mut text = String::from("[");
        for row in 0..self.rng.below(12) {
            let comma = if row > 0 { "," } else { "" };
            let k = self.rng.below(5);
            let amount =
                if self.rng.chance(20) { "null".into() } else { format!("\"{}.5\"", self.rng.below(100)) };
            text.push_str(&format!(
                "{comma}{{\"k\":{k},\"amount\":{amount},\"text\":\"w{}\"}}",
                self.rng.below(3)
            ));
        }
        text.push(']');
        self.add_data(InputSchema::Bytes, Value::Bytes(text.into_bytes().into()));
    }

    fn add_data(&mut self, schema: InputSchema, value: Value) {
        let id = self.id();
        let rows_per_leaf = *self.rng.pick(&[1, 3, 64, 64, 1024]);
        let source = Source { kind: SourceKind::Parameter, uri: None, attestation: Attestation::None };
        let input = DataInput { data_commitment: None, schema, source, rows_per_leaf };
        self.inputs.insert(id.clone(), value);
        let step = Step { id, kind: StepKind::DataInput(input) };
        assert!(self.try_steps([step].into()), "random schemas are valid");
    }

    fn schema(&mut self) -> Schema {
        let mut names = NAMES.to_vec();
        let count = self.rng.between(2, 5);
        let mut columns = Vec::new();
        for at in 0..count {
            let name = names.remove(self.rng.below(names.len()));
            // The first is a good key.
            let ty = if at == 0 { *self.rng.pick(&[Type::Int, Type::String]) } else { self.column_type() };
            columns.push(Column { name: name.into(), ty: ColumnType { ty, nullable: self.rng.chance(35) } });
        }
        Schema::new(columns).expect("every name was taken once")
    }

    fn column_type(&mut self) -> Type {
        match self.rng.below(12) {
            0..=2 => Type::Int,
            3 => Type::Decimal { precision: 5, scale: 2 },
            4 => Type::Decimal { precision: 12, scale: 3 },
            5 => {
                let precision = self.rng.between(1, usize::from(MAX_PRECISION)) as u8;
                Type::Decimal { precision, scale: self.rng.below(usize::from(precision) + 1) as u8 }
            }
            6 | 7 => Type::String,
            8 => Type::Bool,
            9 => Type::Date,
            10 => Type::Timestamp,
            _ => Type::Bytes,
        }
    }

    fn random_table(&mut self, schema: &Schema, rows: usize) -> Table {
        let mut builder = TableBuilder::new(schema, rows);
        for _ in 0..rows {
            for (column, out) in schema.columns().iter().zip(builder.columns()) {
                if column.ty.nullable && self.rng.chance(20) {
                    out.push_null();
                    continue;
                }
                match column.ty.ty {
                    Type::Bool => out.push_bool(self.rng.chance(50)),
                    Type::Bytes | Type::String => {
                        let word = self.rng.pick(&WORDS);
                        out.push_text(word.as_bytes()).expect("small tables fit a heap");
                    }
                    ty => out.push_number(self.number(ty)),
                }
            }
        }
        builder.finish()
    }

    fn number(&mut self, ty: Type) -> i128 {
        let small = self.rng.below(41) as i128 - 20;
        let extreme = self.rng.chance(3);
        match ty {
            Type::Date => i128::from(11_000 + self.rng.below(400) as i32),
            Type::Timestamp => {
                let day = i128::from(calendar::DAY_MICROSECONDS);
                i128::from(11_000 + self.rng.below(40) as i64) * day + (self.rng.next() % day as u64) as i128
            }
            Type::Decimal { precision, .. } => {
                let most = 10i128.pow(u32::from(precision)) - 1;
                match (extreme, self.rng.below(3)) {
                    (true, 0) => -most,
                    (true, _) => most,
                    (false, 0) => small.clamp(-most, most),
                    _ => (i128::from(self.rng.next()) * small).clamp(-most, most) % (most.min(99_999) + 1),
                }
            }
            _ if extreme => i128::from(*self.rng.pick(&[i64::MIN, i64::MAX, i64::MAX - 1])),
            _ => small,
        }
    }
}
