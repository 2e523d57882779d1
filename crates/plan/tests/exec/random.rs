//! Random tables, expressions and steps, from a seed.

use proofmark_plan::{
    expr::{Expr, ExprKind, Function as F, Literal},
    model::{
        Aggregate, Attestation, ColumnHint, DataInput, InputSchema, Limits, MergeHow, Plan, Reduction,
        SortKey, Source, SourceKind, Step, StepKind, Transform,
    },
    types::{Column, ColumnType, Schema, Type},
};

use crate::reference::{Cell, Rows};

/// A small generator (splitmix64): the same seed gives the same test on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

const INTS: &[&str] = &["i", "j"];
const DECIMALS: &[&str] = &["d", "e", "f", "g"];
const TEXTS: &[&str] = &["s", "t"];
const BOOLS: &[&str] = &["o", "p"];

pub(crate) fn schema() -> Schema {
    let decimal = |precision, scale| Type::Decimal { precision, scale };
    let columns = [
        ("d", decimal(9, 2), false),
        ("e", decimal(18, 4), true),
        ("f", decimal(38, 10), false),
        ("g", decimal(20, 0), true),
        ("i", Type::Int, false),
        ("j", Type::Int, true),
        ("o", Type::Bool, false),
        ("p", Type::Bool, true),
        ("s", Type::String, false),
        ("t", Type::String, true),
        ("x", Type::Date, false),
        ("y", Type::Timestamp, true),
    ];
    let columns =
        columns.map(|(name, ty, nullable)| Column { name: name.into(), ty: ColumnType { ty, nullable } });
    Schema::new(columns.into()).unwrap()
}

/// A table whose values repeat often, so that groups, joins and ties happen. `wild` allows extreme numbers.
pub(crate) fn table(random: &mut Random, schema: &Schema, rows: usize, wild: bool) -> Rows {
    let cell = |random: &mut Random, ty: ColumnType| {
        if ty.nullable && random.one_in(4) {
            return Cell::Null;
        }
        let small = random.below(9) as i128 - 4;
        match ty.ty {
            Type::Bool => Cell::Bool(random.one_in(2)),
            Type::String | Type::Bytes => {
                let texts = ["", "a", "A", "ab", " b ", "äö", "12", "-3.50", "true", "abab", "zß€"];
                Cell::Bytes(random.pick(&texts).into())
            }
            Type::Date => Cell::Number((random.below(40) as i64 * 97 - 1000).into()),
            Type::Timestamp => Cell::Number((small as i64 * 43_200_000_001).into()),
            Type::Int if wild && random.one_in(4) => {
                Cell::Number(random.pick(&[i64::MIN, i64::MAX, 1 << 40, -(1 << 33)]).into())
            }
            Type::Int => Cell::Number(small.into()),
            Type::Decimal { precision, scale } => {
                let bound = 10i128.pow(precision.into()) - 1;
                let number = match random.below(8) {
                    0 if wild => bound,
                    1 if wild => -bound,
                    2 if wild => random.next() as i64 as i128 % bound,
                    3..5 => (random.next() % 100_000) as i128 - 50_000,
                    _ => small * 10i128.pow(scale.into()),
                };
                Cell::Number(number.clamp(-bound, bound).into())
            }
        }
    };
    let rows = (0..rows).map(|_| schema.columns().iter().map(|column| cell(random, column.ty)).collect());
    Rows { schema: schema.clone(), rows: rows.collect() }
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, at: 0 }
}

pub(crate) fn call(function: F, args: Vec<Expr>) -> Expr {
    expr(ExprKind::Call(function, args))
}

pub(crate) fn column(name: &str) -> Expr {
    expr(ExprKind::Column(name.into()))
}

pub(crate) fn literal(literal: Literal) -> Expr {
    expr(ExprKind::Literal(literal))
}

pub(crate) fn int(value: i64) -> Expr {
    literal(Literal::Int(value))
}

/// A random numeric expression. It may not type-check.
pub(crate) fn number(random: &mut Random, depth: usize) -> Expr {
    if depth == 0 || random.one_in(5) {
        return match random.below(6) {
            0 | 1 => column(random.pick(INTS)),
            2 | 3 => column(random.pick(DECIMALS)),
            4 => int(random.below(9) as i64 - 3),
            _ => literal(Literal::Decimal(random.below(2000) as i128 - 1000, random.below(4) as u8)),
        };
    }
    let sub = |random: &mut Random| number(random, depth - 1);
    let (a, b) = (sub(random), sub(random));
    let scale = int(random.below(8) as i64);
    match random.below(22) {
        0 => call(F::Add, vec![a, b]),
        1 => call(F::Sub, vec![a, b]),
        2 | 3 => call(F::Mul, vec![a, b]),
        4 | 5 => call(F::Div, vec![a, b, scale]),
        6 => call(F::Quotient, vec![a, b]),
        7 => call(F::Remainder, vec![a, b]),
        8 => call(F::Neg, vec![a]),
        9 => call(F::Abs, vec![a]),
        10 => call(F::Sign, vec![a]),
        11 => call(F::Round, vec![a, scale]),
        12 => call(F::Trunc, vec![a, scale]),
        13 => call(random.pick(&[F::Floor, F::Ceil]), vec![a]),
        14 => call(F::Sqrt, vec![if random.one_in(4) { a } else { call(F::Abs, vec![a]) }, scale]),
        15 => call(F::Power, vec![a, int(random.below(4) as i64)]),
        16 => call(random.pick(&[F::Least, F::Greatest]), vec![a, b]),
        17 => call(F::Coalesce, vec![a, b]),
        18 => call(F::If, vec![boolean(random, depth - 1), a, b]),
        19 => match random.below(3) {
            0 => call(F::Size, vec![text(random, depth - 1)]),
            1 => call(F::Sub, vec![column("x"), column("x")]),
            _ => call(random.pick(&[F::Year, F::Month, F::Day]), vec![column(random.pick(&["x", "y"]))]),
        },
        20 => call(F::Int, vec![a]),
        _ => {
            let of = if random.one_in(3) { text(random, depth - 1) } else { a };
            call(F::Decimal, vec![of, int(10 + random.below(29) as i64), int(random.below(5) as i64)])
        }
    }
}

pub(crate) fn text(random: &mut Random, depth: usize) -> Expr {
    if depth == 0 || random.one_in(4) {
        return match random.below(3) {
            0 => literal(Literal::String(random.pick(&["", "b", "ä", "x y"]).into())),
            _ => column(random.pick(TEXTS)),
        };
    }
    let a = text(random, depth - 1);
    match random.below(9) {
        0 | 1 => call(F::Add, vec![a, text(random, depth - 1)]),
        2 => call(random.pick(&[F::LowerAscii, F::UpperAscii, F::Trim]), vec![a]),
        3 => {
            let bound = |random: &mut Random| int(random.below(5) as i64 - 1);
            call(F::Substring, vec![a, bound(random), bound(random)])
        }
        4 => call(F::String, vec![number(random, depth - 1)]),
        5 => call(F::String, vec![column(random.pick(&["x", "y", "o", "t"]))]),
        6 => call(F::Coalesce, vec![a, text(random, depth - 1)]),
        7 => call(F::If, vec![boolean(random, depth - 1), a, text(random, depth - 1)]),
        _ => call(random.pick(&[F::Least, F::Greatest]), vec![a, text(random, depth - 1)]),
    }
}

pub(crate) fn boolean(random: &mut Random, depth: usize) -> Expr {
    if depth == 0 {
        return column(random.pick(BOOLS));
    }
    let comparison = random.pick(&[F::Eq, F::Ne, F::Lt, F::Le, F::Gt, F::Ge]);
    match random.below(12) {
        0 => column(random.pick(BOOLS)),
        1 | 2 => call(F::And, vec![boolean(random, depth - 1), boolean(random, depth - 1)]),
        3 | 4 => call(F::Or, vec![boolean(random, depth - 1), boolean(random, depth - 1)]),
        5 => call(F::Not, vec![boolean(random, depth - 1)]),
        6 => call(F::IsNull, vec![number(random, depth - 1)]),
        7 => {
            let test = random.pick(&[F::Contains, F::StartsWith, F::EndsWith]);
            call(test, vec![text(random, depth - 1), text(random, depth - 1)])
        }
        8 => call(comparison, vec![text(random, depth - 1), text(random, depth - 1)]),
        9 => {
            let mut args = vec![column(random.pick(&["i", "j", "d"]))];
            let count = 1 + random.below(12);
            args.extend((0..count).map(|_| int(random.below(30) as i64 - 4)));
            call(F::In, args)
        }
        _ => call(comparison, vec![number(random, depth - 1), number(random, depth - 1)]),
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

pub(crate) fn previous(random: &mut Random) -> Expr {
    let name = random.pick(&["i", "e", "t"]).to_string();
    let by = random.pick(&[vec![], vec!["s"], vec!["t", "o"]]);
    let order = random.pick(&[vec![], vec!["x"], vec!["j", "d"]]);
    expr(ExprKind::Previous { column: name, by: strings(&by), order: strings(&order) })
}

fn sort_keys(random: &mut Random) -> Vec<SortKey> {
    let fields =
        random.pick(&[vec!["j"], vec!["i"], vec!["t", "d"], vec!["f", "p"], vec!["x"], vec!["e", "s"]]);
    let key = |field: &str, random: &mut Random| SortKey {
        field: field.into(),
        descending: random.one_in(2),
        nulls_first: random.one_in(2),
    };
    fields.into_iter().map(|field| key(field, random)).collect()
}

fn reduction(random: &mut Random) -> Reduction {
    let number = random.pick(&["d", "e", "f", "g", "i", "j"]).to_string();
    let any = random.pick(&["d", "e", "f", "i", "j", "o", "p", "s", "t", "x", "y"]).to_string();
    let scale = random.below(7) as u8;
    match random.below(12) {
        0 => Reduction::Count { field: None },
        1 => Reduction::Count { field: Some(any) },
        2 => Reduction::CountDistinct { field: any },
        3 => Reduction::First {
            field: any,
            order_by: if random.one_in(3) { vec![] } else { sort_keys(random) },
        },
        4 => Reduction::Last {
            field: any,
            order_by: if random.one_in(3) { vec![] } else { sort_keys(random) },
        },
        5 => Reduction::Max { field: any },
        6 => Reduction::Min { field: any },
        7 => Reduction::Mean { field: number, scale },
        8 => Reduction::Sum { field: number },
        9 => Reduction::Variance { field: number, scale, population: random.one_in(2) },
        10 => Reduction::Stddev { field: number, scale, population: random.one_in(2) },
        _ => {
            let p = random.pick(&[(5, 1), (0, 0), (1, 0), (25, 2), (333, 3), (9, 1)]);
            Reduction::Percentile { field: number, p, scale, discrete: random.one_in(2) }
        }
    }
}

/// A random step called `out` over the inputs `a` and `b`, which have [`schema`] and [`right_schema`].
pub(crate) fn step(random: &mut Random) -> StepKind {
    let transform = |operation| StepKind::Transform { input: "a".into(), operation };
    match random.below(12) {
        0 | 1 => StepKind::Filter { input: "a".into(), condition: boolean(random, 3) },
        2 | 3 => {
            let columns = (0..3).map(|at| {
                let expr = match random.below(5) {
                    0 => text(random, 3),
                    1 => boolean(random, 3),
                    2 => previous(random),
                    _ => number(random, 3),
                };
                (format!("n{at}"), expr)
            });
            transform(Transform::Map { columns: columns.collect() })
        }
        4 | 5 => {
            let limit = if random.one_in(2) { None } else { Some(random.below(12) as u64) };
            transform(Transform::Sort { by: sort_keys(random), limit })
        }
        6 => {
            let fields = random.pick(&[vec!["i"], vec!["t", "p"], vec!["s"], vec!["g", "j"]]);
            transform(Transform::Distinct {
                fields: if random.one_in(5) { None } else { Some(strings(&fields)) },
            })
        }
        7 => transform(Transform::Limit { count: random.below(8) as u64, offset: random.below(20) as u64 }),
        8 => StepKind::Aggregate(Aggregate::Concat { inputs: strings(&["a", "a"]) }),
        9 => {
            let how = random.pick(&[
                MergeHow::Anti,
                MergeHow::Full,
                MergeHow::Inner,
                MergeHow::Left,
                MergeHow::Semi,
                MergeHow::Union,
            ]);
            let on = random.pick(&[
                vec![("i", "k")],
                vec![("t", "m")],
                vec![("j", "k"), ("t", "m")],
                vec![("g", "w")],
            ]);
            let (right, on) = match how {
                // A union needs two tables of one schema.
                MergeHow::Union => {
                    ("c", on.iter().map(|(left, _)| (left.to_string(), left.to_string())).collect())
                }
                _ => ("b", on.iter().map(|(left, right)| (left.to_string(), right.to_string())).collect()),
            };
            StepKind::Aggregate(Aggregate::Merge { left: "a".into(), right: right.into(), how, on })
        }
        _ => {
            let group_by =
                random.pick(&[vec![], vec!["s"], vec!["t"], vec!["j", "p"], vec!["i"], vec!["g", "t"]]);
            let aggregates = (0..4).map(|at| (format!("n{at}"), reduction(random)));
            StepKind::Aggregate(Aggregate::Reduce {
                input: "a".into(),
                group_by: strings(&group_by),
                aggregates: aggregates.collect(),
            })
        }
    }
}

/// The schema of the table to merge with.
pub(crate) fn right_schema() -> Schema {
    let columns = [
        ("k", Type::Int, true),
        ("m", Type::String, false),
        ("w", Type::Decimal { precision: 20, scale: 0 }, true),
        ("z", Type::Decimal { precision: 9, scale: 2 }, true),
    ];
    let columns =
        columns.map(|(name, ty, nullable)| Column { name: name.into(), ty: ColumnType { ty, nullable } });
    Schema::new(columns.into()).unwrap()
}

pub(crate) fn input(id: &str, schema: &Schema) -> Step {
    let kind = StepKind::DataInput(DataInput {
        data_commitment: None,
        schema: InputSchema::Table {
            schema: schema.clone(),
            hints: vec![ColumnHint::default(); schema.len()],
        },
        source: Source { kind: SourceKind::File, uri: None, attestation: Attestation::None },
        rows_per_leaf: 64,
    });
    Step { id: id.into(), kind }
}

pub(crate) fn plan(steps: Vec<Step>, output: &str) -> Plan {
    Plan { id: "test".into(), job_request_hash: None, steps, output: output.into(), limits: Limits::DEFAULT }
}
