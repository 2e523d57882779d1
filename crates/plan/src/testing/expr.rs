//! Random expressions of a wanted kind.

use std::{string::String, vec, vec::Vec};

use super::Generator;
use crate::{
    expr::{Expr, ExprKind, Function, Literal},
    types::{Schema, Type},
};

/// The kind of value that is wanted. Exact types are left to the checker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Bool,
    Bytes,
    Date,
    Int,
    Number,
    Text,
    Timestamp,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) schema: &'a Schema,
    pub(super) previous: bool,
}

impl Generator {
    pub(super) fn want(&mut self) -> Want {
        *self.rng.pick(&[
            Want::Bool,
            Want::Bytes,
            Want::Date,
            Want::Int,
            Want::Int,
            Want::Number,
            Want::Number,
            Want::Number,
            Want::Text,
            Want::Timestamp,
        ])
    }

    pub(super) fn expr(&mut self, place: Place<'_>, want: Want, depth: usize) -> Expr {
        if depth == 0 || self.rng.chance(15) {
            return self.leaf(place, want);
        }
        if self.rng.chance(12) {
            return self.choice(place, want, depth - 1);
        }
        let inner = depth - 1;
        match want {
            Want::Bool => self.bool_expr(place, inner),
            Want::Bytes => match self.rng.below(2) {
                0 => self.apply(Function::Sha256, place, &[Want::Text], inner),
                _ => self.leaf(place, want),
            },
            Want::Date => match self.rng.below(3) {
                0 => self.apply(Function::DateOf, place, &[Want::Timestamp], inner),
                1 => {
                    let date = self.expr(place, Want::Date, inner);
                    let function = *self.rng.pick(&[Function::Add, Function::Sub]);
                    call(function, vec![date, int(self.rng.below(1000) as i64)])
                }
                _ => self.leaf(place, want),
            },
            Want::Int => self.int_expr(place, inner),
            Want::Number => self.number_expr(place, inner),
            Want::Text => self.text_expr(place, inner),
            Want::Timestamp => self.leaf(place, want),
        }
    }

    fn apply(&mut self, function: Function, place: Place<'_>, wants: &[Want], depth: usize) -> Expr {
        let arguments = wants.iter().map(|&want| self.expr(place, want, depth)).collect();
        call(function, arguments)
    }

    fn bool_expr(&mut self, place: Place<'_>, depth: usize) -> Expr {
        match self.rng.below(8) {
            0 => self.apply(Function::And, place, &[Want::Bool, Want::Bool], depth),
            1 => self.apply(Function::Or, place, &[Want::Bool, Want::Bool], depth),
            2 => self.apply(Function::Not, place, &[Want::Bool], depth),
            3 => {
                let want = self.want();
                self.apply(Function::IsNull, place, &[want], depth)
            }
            4 => {
                let functions = [Function::Contains, Function::StartsWith, Function::EndsWith];
                let function = *self.rng.pick(&functions);
                self.apply(function, place, &[Want::Text, Want::Text], depth)
            }
            5 => {
                let want = *self.rng.pick(&[Want::Int, Want::Number, Want::Text, Want::Date]);
                let mut arguments = vec![self.expr(place, want, depth)];
                for _ in 0..self.rng.between(1, 4) {
                    arguments.push(self.literal(want));
                }
                call(Function::In, arguments)
            }
            _ => {
                let functions =
                    [Function::Eq, Function::Ne, Function::Lt, Function::Le, Function::Gt, Function::Ge];
                let want = self.want();
                let function = *self.rng.pick(&functions);
                self.apply(function, place, &[want, want], depth)
            }
        }
    }

    fn int_expr(&mut self, place: Place<'_>, depth: usize) -> Expr {
        match self.rng.below(12) {
            0 => self.apply(Function::Add, place, &[Want::Int, Want::Int], depth),
            1 => self.apply(Function::Sub, place, &[Want::Int, Want::Int], depth),
            2 => self.apply(Function::Mul, place, &[Want::Int, Want::Int], depth),
            3 => {
                let function = *self.rng.pick(&[Function::Quotient, Function::Remainder]);
                let dividend = self.expr(place, Want::Int, depth);
                // A literal most of the time, or few plans would run to their end.
                let divisor = if self.rng.chance(80) {
                    int(self.rng.between(1, 9) as i64)
                } else {
                    self.leaf(place, Want::Int)
                };
                call(function, vec![dividend, divisor])
            }
            4 => {
                let want = *self.rng.pick(&[Want::Text, Want::Bytes]);
                self.apply(Function::Size, place, &[want], depth)
            }
            5 => {
                let function = *self.rng.pick(&[Function::Year, Function::Month, Function::Day]);
                let want = *self.rng.pick(&[Want::Date, Want::Date, Want::Timestamp]);
                self.apply(function, place, &[want], depth)
            }
            6 => self.apply(Function::Sub, place, &[Want::Date, Want::Date], depth),
            7 => {
                let function = *self.rng.pick(&[Function::Sign, Function::Abs, Function::Neg]);
                self.apply(function, place, &[Want::Int], depth)
            }
            8 => self.apply(Function::Int, place, &[Want::Bool], depth),
            9 => {
                let number = self.apply(Function::Floor, place, &[Want::Number], depth);
                call(Function::Int, vec![number])
            }
            10 => {
                let base = self.expr(place, Want::Int, depth);
                call(Function::Power, vec![base, int(self.rng.below(4) as i64)])
            }
            _ => self.apply(Function::Sign, place, &[Want::Number], depth),
        }
    }

    fn number_expr(&mut self, place: Place<'_>, depth: usize) -> Expr {
        let number = [Want::Number, Want::Number];
        match self.rng.below(14) {
            0 | 1 => self.apply(Function::Add, place, &number, depth),
            2 => self.apply(Function::Sub, place, &number, depth),
            3 => self.apply(Function::Mul, place, &number, depth),
            4 => {
                let a = self.expr(place, Want::Number, depth);
                let b = if self.rng.chance(70) {
                    self.literal(Want::Number)
                } else {
                    self.leaf(place, Want::Number)
                };
                call(Function::Div, vec![a, b, int(self.rng.below(9) as i64)])
            }
            5 => {
                let root = self.apply(Function::Abs, place, &[Want::Number], depth);
                call(Function::Sqrt, vec![root, int(self.rng.below(7) as i64)])
            }
            6 => {
                let function = *self.rng.pick(&[Function::Round, Function::Trunc]);
                let number = self.expr(place, Want::Number, depth);
                call(function, vec![number, int(self.rng.below(6) as i64)])
            }
            7 => {
                let function =
                    *self.rng.pick(&[Function::Floor, Function::Ceil, Function::Abs, Function::Neg]);
                self.apply(function, place, &[Want::Number], depth)
            }
            8 => {
                let number = self.expr(place, Want::Number, depth);
                let scale = self.rng.between(3, 9) as i64;
                call(Function::Decimal, vec![number, int(self.rng.between(18, 38) as i64), int(scale)])
            }
            9 => {
                let number = self.expr(place, Want::Number, depth);
                let rounded = call(Function::Round, vec![number, int(2)]);
                call(Function::Power, vec![rounded, int(self.rng.below(4) as i64)])
            }
            10 => {
                let function = *self.rng.pick(&[Function::Least, Function::Greatest]);
                self.apply(function, place, &number, depth)
            }
            11 => self.apply(Function::Remainder, place, &number, depth),
            _ => self.int_expr(place, depth),
        }
    }

    fn text_expr(&mut self, place: Place<'_>, depth: usize) -> Expr {
        match self.rng.below(6) {
            0 => self.apply(Function::Add, place, &[Want::Text, Want::Text], depth),
            1 => {
                let functions = [Function::LowerAscii, Function::UpperAscii, Function::Trim];
                let function = *self.rng.pick(&functions);
                self.apply(function, place, &[Want::Text], depth)
            }
            2 => {
                let text = self.expr(place, Want::Text, depth);
                let (from, length) = (self.rng.below(2) as i64, self.rng.below(3) as i64);
                call(Function::Substring, vec![text, int(from), int(from + length)])
            }
            3 | 4 => {
                let want = self.want();
                self.apply(Function::String, place, &[want], depth)
            }
            _ => self.leaf(place, Want::Text),
        }
    }

    fn choice(&mut self, place: Place<'_>, want: Want, depth: usize) -> Expr {
        let null = |generator: &mut Self| match generator.rng.chance(25) {
            true => literal(Literal::Null),
            false => generator.expr(place, want, depth),
        };
        match self.rng.below(3) {
            0 => {
                let condition = self.expr(place, Want::Bool, depth);
                let then = self.expr(place, want, depth);
                let otherwise = null(self);
                call(Function::If, vec![condition, then, otherwise])
            }
            1 => {
                let first = self.expr(place, want, depth);
                let second = null(self);
                let third = self.literal(want);
                call(Function::Coalesce, vec![first, second, third])
            }
            _ => {
                let function = *self.rng.pick(&[Function::Least, Function::Greatest]);
                self.apply(function, place, &[want, want], depth)
            }
        }
    }

    /// A column if there is one of this kind, a literal if not.
    fn leaf(&mut self, place: Place<'_>, want: Want) -> Expr {
        let columns: Vec<String> = place
            .schema
            .columns()
            .iter()
            .filter(|column| is(column.ty.ty, want))
            .map(|column| column.name.clone())
            .collect();
        if columns.is_empty() || self.rng.chance(15) {
            return self.literal(want);
        }
        let column = self.rng.pick(&columns).clone();
        if place.previous && self.rng.chance(20) {
            let by = self.some_columns(place.schema, 2);
            let order = self.some_columns(place.schema, 2);
            return Expr { kind: ExprKind::Previous { column, by, order }, at: 0 };
        }
        Expr { kind: ExprKind::Column(column), at: 0 }
    }

    fn literal(&mut self, want: Want) -> Expr {
        let small = self.rng.below(21) as i64 - 5;
        literal(match want {
            Want::Bool => Literal::Bool(self.rng.chance(50)),
            Want::Bytes => {
                let text = literal(Literal::String((*self.rng.pick(&["", "a", "b"])).into()));
                return call(Function::Sha256, vec![text]);
            }
            Want::Date => Literal::Date(11_000 + self.rng.below(400) as i32),
            Want::Int => Literal::Int(small),
            Want::Number if self.rng.chance(40) => Literal::Int(small),
            Want::Number => Literal::Decimal(i128::from(small) * 7 + 1, self.rng.below(4) as u8),
            Want::Text => Literal::String((*self.rng.pick(&["", "a", "IBM", "ß日", "b\"\\\n"])).into()),
            Want::Timestamp => {
                Literal::Timestamp((11_000 + i64::from(small as i32)) * 86_400_000_000 + small * 1001)
            }
        })
    }

    /// Up to `most` different columns.
    pub(super) fn some_columns(&mut self, schema: &Schema, most: usize) -> Vec<String> {
        let mut names: Vec<String> = schema.columns().iter().map(|column| column.name.clone()).collect();
        let count = self.rng.below(most.min(names.len()) + 1);
        (0..count)
            .map(|_| {
                let at = self.rng.below(names.len());
                names.remove(at)
            })
            .collect()
    }
}

const fn is(ty: Type, want: Want) -> bool {
    match want {
        Want::Bool => matches!(ty, Type::Bool),
        Want::Bytes => matches!(ty, Type::Bytes),
        Want::Date => matches!(ty, Type::Date),
        Want::Int => matches!(ty, Type::Int),
        Want::Number => matches!(ty, Type::Int | Type::Decimal { .. }),
        Want::Text => matches!(ty, Type::String),
        Want::Timestamp => matches!(ty, Type::Timestamp),
    }
}

fn call(function: Function, arguments: Vec<Expr>) -> Expr {
    Expr { kind: ExprKind::Call(function, arguments), at: 0 }
}

pub(super) fn int(value: i64) -> Expr {
    literal(Literal::Int(value))
}

fn literal(value: Literal) -> Expr {
    Expr { kind: ExprKind::Literal(value), at: 0 }
}
