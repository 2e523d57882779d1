//! Aggregates in two rounds: over the rows of a shard, then over the results of all shards.
//!
//! | aggregate | over a shard | over all shards | value |
//! |---|---|---|---|
//! | `count` | `n = count` | `sum(n)` | `n`, zero where there are no groups |
//! | `sum` | `s = sum` | `sum(s)` | `s`; of ints, `int(s)` |
//! | `min`, `max` | the same | the same | |
//! | `mean` | `s`, `n` | sums | `div(s, n, scale)` |
//! | `variance` | `s`, `n`, `q = sum(x · x)` | sums | `div(n q - s s, n n, scale)`, of a sample `n (n - 1)` |
//! | `first`, `last` | the same, and the order's columns in that row | the same, in the order of these | |
//!
//! Sums of ints are decimals of 38 digits, so that only a total that passes 64 bits is an overflow, and not a part of
//! it. Where a part or a step on the way passes 38 digits and the aggregate itself would not, there is no proof.

use alloc::{format, string::String, vec::Vec};

use proofmark_plan::{
    expr::{Expr, ExprKind, Function, Literal},
    model::{Reduction, SortKey},
    types::{ColumnType, Schema, Type},
};

/// Digits of an int as a decimal.
const INT_DIGITS: i64 = 19;

/// Digits of a number whose square has 38.
const ROOT_DIGITS: i64 = 19;

/// The aggregates of a `reduce` step in two rounds. All lists are sorted by name.
#[derive(Default)]
pub(super) struct Partial {
    /// Columns that are added to the rows of a shard.
    pub(super) prepared: Vec<(String, Expr)>,
    /// Aggregates over a shard.
    pub(super) parts: Vec<(String, Reduction)>,
    /// Aggregates over the results of all shards, by the same names.
    pub(super) merged: Vec<(String, Reduction)>,
    /// The values under their own names.
    pub(super) values: Vec<(String, Expr)>,
}

/// A plan's aggregates while they are taken apart.
struct Builder<'a> {
    partial: Partial,
    schema: &'a Schema,
    grouped: bool,
    /// The beginning of new names.
    prefix: &'a str,
    made: usize,
}

impl Partial {
    /// # Errors
    /// Why an aggregate is not exact in two rounds.
    pub(super) fn of(
        (keys, aggregates): (&[String], &[(String, Reduction)]),
        schema: &Schema,
        prefix: &str,
    ) -> Result<Self, String> {
        let grouped = !keys.is_empty();
        let mut builder = Builder { partial: Self::default(), schema, grouped, prefix, made: 0 };
        for (name, reduction) in aggregates {
            let value = builder.value(reduction).map_err(|reason| format!("in shards, {name}: {reason}"))?;
            builder.partial.values.push((name.clone(), value));
        }
        let mut partial = builder.partial;
        partial.prepared.sort_by(|(a, _), (b, _)| a.cmp(b));
        partial.values.sort_by(|(a, _), (b, _)| a.cmp(b));
        for aggregates in [&mut partial.parts, &mut partial.merged] {
            aggregates.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        Ok(partial)
    }
}

impl Builder<'_> {
    fn value(&mut self, reduction: &Reduction) -> Result<Expr, String> {
        Ok(match reduction {
            Reduction::Count { field } => self.count(field.clone()),
            Reduction::Sum { field } => {
                let int = self.ty(field)?.ty == Type::Int;
                let total = column(&self.sum(field)?);
                if int { call(Function::Int, [total]) } else { total }
            }
            Reduction::Min { field } => column(&self.same(field, |field| Reduction::Min { field })),
            Reduction::Max { field } => column(&self.same(field, |field| Reduction::Max { field })),
            Reduction::Mean { field, scale } => {
                let (total, count) = (column(&self.sum(field)?), self.values_of(field)?);
                call(Function::Div, [total, count, int((*scale).into())])
            }
            Reduction::First { field, order_by } => {
                self.pick(field, order_by, |field, order_by| Reduction::First { field, order_by })?
            }
            Reduction::Last { field, order_by } => {
                self.pick(field, order_by, |field, order_by| Reduction::Last { field, order_by })?
            }
            Reduction::Variance { field, scale, population } => self.variance(field, *scale, *population)?,
            Reduction::Stddev { .. } => {
                return Err("a root of a variance that was rounded is not the exact root".into());
            }
            Reduction::CountDistinct { .. } => {
                return Err("different values of two shards may be equal".into());
            }
            Reduction::Percentile { .. } => return Err("a percentile needs all values at once".into()),
        })
    }

    fn ty(&self, field: &str) -> Result<ColumnType, String> {
        let at = self.schema.index_of(field).ok_or("its column is not there")?;
        Ok(self.schema.columns()[at].ty)
    }

    fn name(&mut self) -> String {
        self.made += 1;
        format!("{}{}", self.prefix, self.made)
    }

    /// A column of the rows of a shard, made once.
    fn prepare(&mut self, expr: Expr) -> String {
        if let Some((name, _)) = self.partial.prepared.iter().find(|(_, other)| *other == expr) {
            return name.clone();
        }
        let name = self.name();
        self.partial.prepared.push((name.clone(), expr));
        name
    }

    /// An aggregate over a shard, made once, and how its results are merged.
    fn part(&mut self, reduction: Reduction, merged: impl FnOnce(String) -> Reduction) -> String {
        if let Some((name, _)) = self.partial.parts.iter().find(|(_, other)| *other == reduction) {
            return name.clone();
        }
        let name = self.name();
        self.partial.parts.push((name.clone(), reduction));
        self.partial.merged.push((name.clone(), merged(name.clone())));
        name
    }

    fn same(&mut self, field: &str, reduction: impl Fn(String) -> Reduction) -> String {
        self.part(reduction(field.into()), &reduction)
    }

    fn count(&mut self, field: Option<String>) -> Expr {
        let count = column(&self.part(Reduction::Count { field }, |field| Reduction::Sum { field }));
        // A sum over no groups is null, and a count is not.
        if self.grouped { count } else { call(Function::Coalesce, [count, int(0)]) }
    }

    /// The number of values of a column that are not null.
    fn values_of(&mut self, field: &str) -> Result<Expr, String> {
        let nullable = self.ty(field)?.nullable;
        Ok(self.count(nullable.then(|| field.into())))
    }

    /// A number, as a decimal.
    fn decimal(&self, field: &str) -> Result<Expr, String> {
        Ok(match self.ty(field)?.ty {
            Type::Int => call(Function::Decimal, [column(field), int(INT_DIGITS), int(0)]),
            _ => column(field),
        })
    }

    /// The name of a sum, as a decimal.
    fn sum(&mut self, field: &str) -> Result<String, String> {
        let field = match self.ty(field)?.ty {
            Type::Int => {
                let decimal = self.decimal(field)?;
                self.prepare(decimal)
            }
            _ => field.into(),
        };
        Ok(self.same(&field, |field| Reduction::Sum { field }))
    }

    /// A value by an order. A later shard's rows come after those of an earlier one, as its groups do.
    fn pick(
        &mut self,
        field: &str,
        order_by: &[SortKey],
        reduction: impl Fn(String, Vec<SortKey>) -> Reduction,
    ) -> Result<Expr, String> {
        let candidates = self.ty(field)?.nullable;
        let mut order = Vec::with_capacity(order_by.len());
        for key in order_by {
            if self.ty(&key.field)?.nullable {
                return Err(format!("nulls in {} hide where the value stands", key.field));
            }
            // The order's column in the row of the value: null where there is no value.
            let beside = if candidates {
                let missing = call(Function::IsNull, [column(field)]);
                self.prepare(call(Function::If, [missing, literal(Literal::Null), column(&key.field)]))
            } else {
                key.field.clone()
            };
            let name = self.name();
            self.partial.parts.push((name.clone(), reduction(beside, order_by.to_vec())));
            order.push(SortKey { field: name, ..key.clone() });
        }
        // Equal parts may be merged in different orders, so each is made anew.
        let name = self.name();
        self.partial.parts.push((name.clone(), reduction(field.into(), order_by.to_vec())));
        self.partial.merged.push((name.clone(), reduction(name.clone(), order)));
        Ok(column(&name))
    }

    fn variance(&mut self, field: &str, scale: u8, population: bool) -> Result<Expr, String> {
        use Function as F;
        let value = self.decimal(field)?;
        let squares = self.prepare(call(F::Mul, [value.clone(), value]));
        let squares = column(&self.same(&squares, |field| Reduction::Sum { field }));
        let (total, count) = (column(&self.sum(field)?), self.values_of(field)?);
        // A total of more digits has a square of more than 38.
        let from = self.ty(field)?.ty.scale().ok_or("its column is no number")?;
        let total = call(F::Decimal, [total, int(ROOT_DIGITS), int(from.into())]);
        let scaled = call(F::Mul, [count.clone(), squares]);
        let deviations = call(F::Sub, [scaled, call(F::Mul, [total.clone(), total])]);
        let others = if population { count.clone() } else { call(F::Sub, [count.clone(), int(1)]) };
        let divisor = call(F::Mul, [count.clone(), others]);
        let variance = call(F::Div, [deviations, divisor, int(scale.into())]);
        if population {
            return Ok(variance);
        }
        let few = call(F::Lt, [count, int(2)]);
        Ok(call(F::If, [few, literal(Literal::Null), variance]))
    }
}

fn column(name: &str) -> Expr {
    Expr { kind: ExprKind::Column(name.into()), at: 0 }
}

fn literal(literal: Literal) -> Expr {
    Expr { kind: ExprKind::Literal(literal), at: 0 }
}

fn int(number: i64) -> Expr {
    literal(Literal::Int(number))
}

fn call<const N: usize>(function: Function, args: [Expr; N]) -> Expr {
    Expr { kind: ExprKind::Call(function, args.into()), at: 0 }
}
