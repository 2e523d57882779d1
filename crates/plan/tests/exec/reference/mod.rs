//! A naive second executor: one row at a time, big integers, ordered maps. It shares no code with the first but the
//! types of checked plans and the calendar.

use std::{cmp::Ordering, collections::BTreeMap};

use num_bigint::{BigInt, Sign};
use proofmark_plan::{
    calendar,
    expr::Function as F,
    model::MergeHow,
    typed::{
        MapColumn, MergeColumn, ReduceColumn, Scalar, TypedExpr, TypedKind, TypedOp, TypedReduction,
        TypedSortKey,
    },
    types::{ColumnType, Schema, Type},
    value::{ColumnBuilder, Table, Values},
};

mod evaluate;
mod step;

pub(crate) use self::{evaluate::evaluate, step::step};

/// A value; the order is that of ascending sorting, nulls last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Bool(bool),
    Bytes(Vec<u8>),
    Number(BigInt),
    Null,
}

pub(crate) type Row = Vec<Cell>;

/// Why a row failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Conversion,
    Date,
    Division,
    Overflow,
    Root,
}

type Outcome = Result<Cell, Failure>;

/// A table as rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) schema: Schema,
    pub(crate) rows: Vec<Row>,
}

impl Rows {
    pub(crate) fn of(table: &Table) -> Self {
        let cell = |column: usize, row: usize| {
            let column = &table.columns[column];
            if column.is_null(row) {
                // A null must be stored as nothing.
                match &column.values {
                    Values::Bool(values) => assert!(!values[row]),
                    Values::Narrow(values) => assert_eq!(values[row], 0),
                    Values::Text(text) => assert!(text.get(row).is_empty()),
                    Values::Wide(values) => assert_eq!(values[row], 0),
                }
                return Cell::Null;
            }
            match &column.values {
                Values::Bool(values) => Cell::Bool(values[row]),
                Values::Narrow(values) => Cell::Number(values[row].into()),
                Values::Text(text) => Cell::Bytes(text.get(row).to_vec()),
                Values::Wide(values) => Cell::Number(values[row].into()),
            }
        };
        let rows = (0..table.rows).map(|row| (0..table.columns.len()).map(|at| cell(at, row)).collect());
        Self { schema: table.schema.clone(), rows: rows.collect() }
    }

    pub(crate) fn to_table(&self) -> Table {
        let columns = self.schema.columns().iter().enumerate().map(|(at, column)| {
            let mut builder = ColumnBuilder::new(column.ty, self.rows.len());
            for row in &self.rows {
                match &row[at] {
                    Cell::Bool(value) => builder.push_bool(*value),
                    Cell::Bytes(bytes) => builder.push_text(bytes).unwrap(),
                    Cell::Number(number) => builder.push_number(i128::try_from(number).unwrap()),
                    Cell::Null => builder.push_null(),
                }
            }
            builder.finish().into()
        });
        Table { schema: self.schema.clone(), rows: self.rows.len(), columns: columns.collect() }
    }
}

fn ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// `a / b` to the nearest integer, ties to even.
pub(crate) fn nearest(a: &BigInt, b: &BigInt) -> BigInt {
    let (a, b) = if b.sign() == Sign::Minus { (-a, -b) } else { (a.clone(), b.clone()) };
    let floor = floor_div(&a, &b);
    let twice: BigInt = (&a - &floor * &b) * 2;
    let odd = (&floor % 2i32) != BigInt::ZERO;
    match twice.cmp(&b) {
        Ordering::Less => floor,
        Ordering::Equal if !odd => floor,
        _ => floor + 1,
    }
}

fn floor_div(a: &BigInt, b: &BigInt) -> BigInt {
    let quotient = a / b;
    if (a % b) != BigInt::ZERO && (a.sign() != b.sign()) { quotient - 1 } else { quotient }
}

/// The root of `a / b` to the nearest integer, ties to even.
fn nearest_root(a: &BigInt, b: &BigInt) -> BigInt {
    let floor = (a / b).sqrt();
    let odd = &floor * 2 + 1;
    let (left, right): (BigInt, BigInt) = (a * 4, &odd * &odd * b);
    match left.cmp(&right) {
        Ordering::Less => floor,
        Ordering::Equal if (&floor % 2i32) == BigInt::ZERO => floor,
        _ => floor + 1,
    }
}

/// Multiplies a fraction by `10^shift`.
fn shifted(a: BigInt, b: BigInt, shift: i64) -> (BigInt, BigInt) {
    let factor = ten(shift.unsigned_abs() as u32);
    if shift >= 0 { (a * factor, b) } else { (a, b * factor) }
}

fn fit(value: BigInt, ty: Type) -> Outcome {
    let fits = match ty {
        Type::Decimal { precision, .. } => value.magnitude() < ten(precision.into()).magnitude(),
        _ => i64::try_from(&value).is_ok(),
    };
    if fits { Ok(Cell::Number(value)) } else { Err(Failure::Overflow) }
}

fn scale(ty: Type) -> i64 {
    ty.scale().unwrap_or(0).into()
}

fn number(cell: &Cell) -> &BigInt {
    match cell {
        Cell::Number(number) => number,
        other => panic!("{other:?} is not a number"),
    }
}

fn bytes(cell: &Cell) -> &[u8] {
    match cell {
        Cell::Bytes(bytes) => bytes,
        other => panic!("{other:?} is not a text"),
    }
}

fn text(cell: &Cell) -> &str {
    std::str::from_utf8(bytes(cell)).unwrap()
}
