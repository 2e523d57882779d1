//! Expressions over small numbers, through the compiler and through the executor: for all values of the columns that
//! an expression reads, nulls among them, the only value that the constraints allow is the executor's; where the
//! executor fails, they allow none.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use ethnum::I256;
use proofmark_plan::{
    exec::{NoCustom, execute},
    typed::{MapColumn, TypedOp, TypedPlan},
    value::Value,
};

use super::{
    model::{Model, columns, smallest},
    plans::{csv, typed},
    small::{encoded, number, value},
};
use crate::{
    air::{Chip, Node},
    compile::{Data, Scope, Val},
};

/// The columns that expressions may read, in the order of their names: `a` and `b` are integers, `m` is a decimal
/// with one digit after the point, `p` and `q` are truth values.
const NAMES: [char; 5] = ['a', 'b', 'm', 'p', 'q'];

/// What the numbers lie between; none has all numbers of its encoding.
const BOUNDS: [(i64, i64); 3] = [(-5, 6), (-3, 2), (-17, 15)];

fn plan(expression: &str) -> TypedPlan {
    typed(&format!(
        "version: \"1.0\"\nid: small\nsteps:\n  - {{ id: rows, type: data-input, schema: {{ columns: \
         {{ a: \"int?\", b: \"int?\", m: \"decimal(3,1)?\", p: \"bool?\", q: \"bool?\" }} }}, source: {{ type: file, uri: x.csv }} }}\n  \
         - {{ id: out, type: transform, input: rows, operation: {{ op: map, columns: {{ x: \"{expression}\" }} }} }}\n\
         output: {{ step: out }}\n"
    ))
}

/// Values of a column: a null, then all that are there.
fn domain(at: usize) -> Vec<Option<i64>> {
    let (lo, hi) = BOUNDS.get(at).copied().unwrap_or((0, 1));
    [None].into_iter().chain((lo..=hi).map(Some)).collect()
}

/// What the executor makes of a row: nothing if it fails, else a value or null.
fn executed(plan: &TypedPlan, row: &[Option<i64>; 5]) -> Option<Option<i64>> {
    let mut text = String::from("a,b,m,p,q\n");
    for (at, cell) in row.iter().enumerate() {
        let cell = match (at, cell) {
            (_, None) => String::new(),
            (2, Some(tenths)) => {
                format!("{}{}.{}", if *tenths < 0 { "-" } else { "" }, tenths.abs() / 10, tenths.abs() % 10)
            }
            (3 | 4, Some(bit)) => format!("{}", *bit == 1),
            (_, Some(number)) => format!("{number}"),
        };
        text.push_str(&format!("{}{cell}", if at > 0 { "," } else { "" }));
    }
    text.push('\n');
    let output = execute(plan, [Value::Table(csv(plan, 0, &text))].into(), &NoCustom).ok()?.output;
    let Value::Table(table) = output else { panic!("a table") };
    let numbers = crate::table::Columns::of(&table, &[]).expect("numbers");
    let (number, valid) = numbers.columns[NAMES.len()].at(0);
    Some(valid.then(|| number.as_i64()))
}

/// The value of an expression in a chip of one row.
struct Compiled {
    live: Node,
    columns: Vec<Val>,
    result: Val,
}

fn compiled(chip: &mut Chip, plan: &TypedPlan) -> Compiled {
    let live = chip.column();
    chip.boolean(live, "live");
    let columns: Vec<Val> = (0..NAMES.len())
        .map(|at| {
            let valid = chip.ranged(1);
            let data = match BOUNDS.get(at) {
                Some((lo, hi)) => {
                    let int = chip.limbs(I256::from(*lo), I256::from(*hi));
                    chip.zero_unless(valid, &int);
                    Data::Int(int)
                }
                None => Data::Bit(chip.ranged(1)),
            };
            Val { valid, data }
        })
        .collect();
    let Some(TypedOp::Map { columns: made, .. }) = plan.body.steps.last().map(|step| &step.op) else {
        panic!("a map")
    };
    let MapColumn::Compute(expr) = &made[made.len() - 1] else { panic!("the new column is the last") };
    let windows = Vec::new();
    let result = Scope { chip, columns: &columns, windows: &windows }.value(expr, live);
    let result = result.unwrap_or_else(|reason| panic!("{reason}"));
    Compiled { live, columns, result }
}

/// Compares an expression for all values of the columns that it reads. Returns how many.
fn agrees(expression: &str, reads: &str) -> usize {
    let plan = plan(expression);
    let (chip, Compiled { live, columns: inputs, result }) = smallest(|chip| compiled(chip, &plan));
    let model = Model::new(&chip, 1);
    let mut nodes = [result.valid].to_vec();
    match &result.data {
        Data::Bit(bit) => nodes.push(*bit),
        Data::Int(int) | Data::Text(int, _) => nodes.extend(int.limbs.iter().map(|limb| limb.raw)),
    }
    let read = columns(&chip, &nodes);
    let mut rows: Vec<[Option<i64>; 5]> = [[None; 5]].to_vec();
    for (at, name) in NAMES.iter().enumerate().filter(|(_, name)| reads.contains(**name)) {
        assert!(expression.contains(*name), "{expression} does not read {name}");
        let longer = rows.iter().flat_map(|row| {
            domain(at).into_iter().map(move |cell| {
                let mut row = *row;
                row[at] = cell;
                row
            })
        });
        rows = longer.collect();
    }
    let mut failed = 0;
    for row in &rows {
        let mut fixed = [(chip.column_of(live), 1)].to_vec();
        for (val, cell) in inputs.iter().zip(row) {
            fixed.push((chip.column_of(val.valid), cell.is_some().into()));
            match &val.data {
                Data::Bit(bit) => fixed.push((chip.column_of(*bit), cell.unwrap_or(0))),
                Data::Int(int) | Data::Text(int, _) => {
                    fixed.extend(encoded(&model, &chip, int, cell.unwrap_or(0), 0));
                }
            }
        }
        let of = |cells: &Vec<i64>| {
            let data = match &result.data {
                Data::Bit(bit) => value(&chip, *bit, &read, cells),
                Data::Int(int) | Data::Text(int, _) => number(&chip, int, &read, cells),
            };
            (value(&chip, result.valid, &read, cells), data)
        };
        let found = model.solutions(&fixed, &read);
        let wanted = executed(&plan, row);
        failed += usize::from(wanted.is_none());
        // A null is zero: each value has one encoding.
        let wanted: Vec<(i64, i64)> =
            wanted.map(|cell| (cell.is_some().into(), cell.unwrap_or(0))).into_iter().collect();
        assert_eq!(found.iter().map(of).collect::<Vec<_>>(), wanted, "{expression} of {row:?}");
        // Where nothing counts, nothing can fail.
        fixed[0].1 = 0;
        let valid: BTreeSet<i64> = model.solutions(&fixed, &read).iter().map(|cells| of(cells).0).collect();
        assert!(valid.len() <= 1 || expression.contains('/'), "{expression} of {row:?}: {valid:?}");
        assert!(!valid.is_empty(), "{expression} of {row:?} fails where it does not count");
    }
    std::eprintln!(
        "{expression}: {} rows, {failed} fail, {} cells, modulo {}",
        rows.len(),
        chip.width,
        chip.radix.order
    );
    rows.len()
}

#[test]
fn arithmetic_with_nulls_is_that_of_the_executor() {
    let expressions = [
        ("a + b", "ab"),
        ("a - b", "ab"),
        ("a * b", "ab"),
        ("-a", "a"),
        ("abs(a) - sign(b)", "ab"),
        ("a + m", "am"),
        ("a * m - 0.5", "am"),
        ("div(a, b, 1)", "ab"),
        ("a / b", "ab"),
        ("a % b", "ab"),
        ("div(m, b, 0)", "mb"),
        ("m % b", "mb"),
        ("sqrt(abs(a), 1)", "a"),
    ];
    let rows: usize = expressions.iter().map(|(expression, reads)| agrees(expression, reads)).sum();
    std::eprintln!("{} expressions, {rows} rows", expressions.len());
}

#[test]
fn roundings_are_those_of_the_executor() {
    for name in ["round", "trunc", "floor", "ceil"] {
        let digits = if matches!(name, "round" | "trunc") { ", 0" } else { "" };
        agrees(&format!("{name}(m{digits})"), "m");
    }
    agrees("round(m, 2)", "m");
    agrees("int(round(m, 0)) + a", "ma");
    agrees("decimal(a, 4, 2) - m", "am");
}

#[test]
fn logic_with_nulls_is_that_of_the_executor() {
    for (expression, reads) in [
        ("p && q", "pq"),
        ("p || q", "pq"),
        ("!p", "p"),
        ("p == q", "pq"),
        ("p == null", "p"),
        ("p ? a : b", "pab"),
        ("p ? q : a > b", "pqab"),
        ("coalesce(a, b, 4)", "ab"),
        ("a == b", "ab"),
        ("a != b", "ab"),
        ("a < b", "ab"),
        ("a <= m", "am"),
        ("a > b", "ab"),
        ("a >= m", "am"),
        ("least(a, b, 1)", "ab"),
        ("greatest(a, m)", "am"),
        ("a in [3, -2, 3]", "a"),
        ("b == 0 || a / b > 1", "ab"),
        ("b != 0 && a % b == 1", "ab"),
        ("b == 0 ? a : a / b", "ab"),
        ("(p || a > 1) && !(q && b < 0)", "pqab"),
    ] {
        agrees(expression, reads);
    }
}
