//! Typing of expressions: columns, literals and where they may stand. Operators are in `operators`.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use super::{Checker, Seg, Typing};
use crate::{
    calendar,
    diagnostic::{Code, closest},
    expr::{Expr, ExprKind, Literal},
    model::{MAX_EXPRESSION_DEPTH, MAX_TEXT_BYTES},
    typed::{Scalar, TypedExpr, TypedKind},
    types::{ColumnType, MAX_PRECISION, Schema, Type},
};

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The columns that it can name.
    pub(super) schema: &'a Schema,
    /// Its place in the step.
    pub(super) at: &'a [Seg<'a>],
    /// Whether it may look at the row before.
    pub(super) previous: bool,
}

/// An expression's type, if it says one.
pub(super) enum Inferred {
    /// The literal `null`, which has every type.
    Null,
    /// Anything else.
    Typed(TypedExpr),
}

impl Checker<'_> {
    /// Types an expression that must be a condition.
    pub(super) fn condition(&mut self, cx: Context<'_>, expr: &Expr) -> Typing<TypedExpr> {
        let typed = self.expression(cx, expr)?;
        if typed.ty.ty != Type::Bool {
            let message = format!("a condition is a bool, and this is {}", typed.ty);
            return self.fail_at(cx, expr, Code::TypeMismatch, message, None);
        }
        if let TypedKind::Constant(value) = &typed.kind {
            let message = format!(
                "this condition is always {}",
                if *value == Scalar::Bool(true) { "true" } else { "false" }
            );
            self.fail_at::<()>(cx, expr, Code::ConstantCondition, message, None);
        }
        Some(typed)
    }

    /// Types an expression.
    pub(super) fn expression(&mut self, cx: Context<'_>, expr: &Expr) -> Typing<TypedExpr> {
        self.typed(cx, expr, 0)
    }

    pub(super) fn typed(&mut self, cx: Context<'_>, expr: &Expr, depth: u32) -> Typing<TypedExpr> {
        match self.infer(cx, expr, depth)? {
            Inferred::Typed(typed) => Some(typed),
            Inferred::Null => {
                let hint = "`int(null)`, `decimal(null, p, s)` and `string(null)` are nulls with a type; `x == null` tests for null";
                let message =
                    "the type of this `null` is not known here, and an operator with null is always null";
                self.fail_at(cx, expr, Code::UntypedNull, message.into(), Some(hint.into()))
            }
        }
    }

    pub(super) fn infer(&mut self, cx: Context<'_>, expr: &Expr, depth: u32) -> Typing<Inferred> {
        if depth >= MAX_EXPRESSION_DEPTH {
            let message = format!("an expression is nested at most {MAX_EXPRESSION_DEPTH} levels deep");
            let hint = Some("compute parts of it in a `map` step before this one".into());
            return self.fail_at(cx, expr, Code::TooDeep, message, hint);
        }
        match &expr.kind {
            ExprKind::Call(function, arguments) => self.call(cx, expr, *function, arguments, depth),
            ExprKind::Column(name) => {
                let column = self.column(cx, expr, name)?;
                let ty = cx.schema.columns()[column].ty;
                Some(Inferred::Typed(TypedExpr { ty, kind: TypedKind::Column(column) }))
            }
            ExprKind::Literal(Literal::Null) => Some(Inferred::Null),
            ExprKind::Literal(value) => self.literal(cx, expr, value).map(Inferred::Typed),
            ExprKind::Previous { column, by, order } => {
                if !cx.previous {
                    let message = "`previous` can be used in the columns of `map` and `math` only".into();
                    let hint = Some("add a column with `map` before this step, and use that".into());
                    return self.fail_at(cx, expr, Code::MisplacedPrevious, message, hint);
                }
                let column = self.column(cx, expr, column);
                let by = self.columns(cx, expr, by);
                let order = self.columns(cx, expr, order);
                let (column, by, order) = (column?, by?, order?);
                let ty = ColumnType { ty: cx.schema.columns()[column].ty.ty, nullable: true };
                Some(Inferred::Typed(TypedExpr { ty, kind: TypedKind::Previous { column, by, order } }))
            }
        }
    }

    fn columns(&mut self, cx: Context<'_>, expr: &Expr, names: &[String]) -> Typing<Vec<usize>> {
        // Every name is looked up even if one is missing, so that all are reported.
        let indices: Vec<_> = names.iter().map(|name| self.column(cx, expr, name)).collect();
        indices.into_iter().collect()
    }

    fn column(&mut self, cx: Context<'_>, expr: &Expr, name: &str) -> Typing<usize> {
        match cx.schema.index_of(name) {
            Some(column) => Some(column),
            None => {
                let (message, hint) = unknown_column(cx.schema, name);
                self.fail_at(cx, expr, Code::UnknownColumn, message, hint)
            }
        }
    }

    /// A literal that is not null.
    pub(super) fn literal(&mut self, cx: Context<'_>, expr: &Expr, value: &Literal) -> Typing<TypedExpr> {
        let (ty, value) = match value {
            Literal::Bool(value) => (Type::Bool, Scalar::Bool(*value)),
            Literal::Date(days) if (calendar::MIN_DATE..=calendar::MAX_DATE).contains(days) => {
                (Type::Date, Scalar::Number(i128::from(*days)))
            }
            Literal::Decimal(digits, scale) => {
                let precision = places(*digits).max(*scale).max(1);
                if precision > MAX_PRECISION {
                    let message = format!("a decimal has at most {MAX_PRECISION} digits");
                    return self.fail_at(cx, expr, Code::OutOfRange, message, None);
                }
                (Type::Decimal { precision, scale: *scale }, Scalar::Number(*digits))
            }
            Literal::Int(value) => (Type::Int, Scalar::Number(i128::from(*value))),
            Literal::String(text) if text.len() <= MAX_TEXT_BYTES => {
                (Type::String, Scalar::Bytes(text.as_bytes().into()))
            }
            Literal::String(_) => {
                let message = format!("a text in a plan has at most {MAX_TEXT_BYTES} bytes");
                return self.fail_at(cx, expr, Code::TextTooLong, message, None);
            }
            Literal::Timestamp(micros)
                if (calendar::MIN_TIMESTAMP..=calendar::MAX_TIMESTAMP).contains(micros) =>
            {
                (Type::Timestamp, Scalar::Number(i128::from(*micros)))
            }
            Literal::Date(_) | Literal::Timestamp(_) => {
                let message = "dates are in the years 1 to 9999".into();
                return self.fail_at(cx, expr, Code::OutOfRange, message, None);
            }
            Literal::Null => return None,
        };
        Some(TypedExpr { ty: ColumnType { ty, nullable: false }, kind: TypedKind::Constant(value) })
    }

    /// Reports a finding at an expression.
    pub(super) fn fail_at<T>(
        &mut self,
        cx: Context<'_>,
        expr: &Expr,
        code: Code,
        message: String,
        hint: Option<String>,
    ) -> Typing<T> {
        let path = self.scope.path(self.current, cx.at);
        self.findings.push(code, path, Some(expr.at), message, hint);
        None
    }
}

/// Message and hint for a column that is not in `schema`.
pub(super) fn unknown_column(schema: &Schema, name: &str) -> (String, Option<String>) {
    let shown: String = name.chars().take(64).collect();
    let names = || schema.columns().iter().map(|column| column.name.as_str());
    let hint = match closest(name, names()) {
        Some(column) => format!("did you mean `{column}`?"),
        None => {
            let list: Vec<_> = names().take(12).collect();
            let more = if schema.len() > list.len() { ", …" } else { "" };
            format!("its columns are {}{more}", list.join(", "))
        }
    };
    (format!("the table has no column `{shown}`"), Some(hint))
}

/// The number of decimal digits of a number; one for zero.
pub(super) fn places(digits: i128) -> u8 {
    let digits = digits.unsigned_abs();
    match u64::try_from(digits) {
        Ok(small) => small.checked_ilog10().map_or(1, |log| log as u8 + 1),
        Err(_) => digits.checked_ilog10().map_or(1, |log| log as u8 + 1),
    }
}

/// The type that holds the values of both: equal types, or numbers widened to the larger integer part and scale.
pub(super) fn common(a: Type, b: Type) -> Option<Type> {
    if a == b {
        return Some(a);
    }
    let ((p1, s1), (p2, s2)) = (as_decimal(a)?, as_decimal(b)?);
    let scale = s1.max(s2);
    Some(Type::Decimal { precision: ((p1 - s1).max(p2 - s2) + scale).min(MAX_PRECISION), scale })
}

/// Precision and scale of a number; an int counts as decimal(19,0).
pub(super) const fn as_decimal(ty: Type) -> Option<(u8, u8)> {
    match ty {
        Type::Int => Some((19, 0)),
        Type::Decimal { precision, scale } => Some((precision, scale)),
        _ => None,
    }
}

/// Brings an expression to a common type. A constant that fits is converted here and now.
pub(super) fn widen(expr: TypedExpr, ty: Type) -> TypedExpr {
    if expr.ty.ty == ty {
        return expr;
    }
    let widened = ColumnType { ty, nullable: expr.ty.nullable };
    if let TypedKind::Constant(value) = &expr.kind
        && let Some(value) = rescale(value, expr.ty.ty, ty)
    {
        return TypedExpr { ty: widened, kind: TypedKind::Constant(value) };
    }
    TypedExpr { ty: widened, kind: TypedKind::Widen(Box::new(expr)) }
}

/// A constant in a wider type, if it fits.
pub(super) fn rescale(value: &Scalar, from: Type, to: Type) -> Option<Scalar> {
    let Scalar::Number(digits) = value else { return Some(value.clone()) };
    let factor = 10i128.checked_pow(u32::from(to.scale()?.checked_sub(from.scale()?)?))?;
    let digits = digits.checked_mul(factor)?;
    let (precision, _) = as_decimal(to)?;
    (places(digits) <= precision).then_some(Scalar::Number(digits))
}
