//! The typing rules of operators and functions, as the table in the language's documentation.

use alloc::{boxed::Box, format, string::String, vec, vec::Vec};

use super::{
    Checker, Typing,
    expr::{Context, Inferred, as_decimal, common, places, rescale, widen},
};
use crate::{
    diagnostic::Code,
    expr::{Expr, ExprKind, Function, Literal},
    typed::{Scalar, TypedExpr, TypedKind},
    types::{ColumnType, MAX_PRECISION, Type},
};

/// The largest exponent of `power`.
const MAX_EXPONENT: i64 = 38;

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        cx: Context<'_>,
        expr: &Expr,
        function: Function,
        arguments: &[Expr],
        depth: u32,
    ) -> Typing<Inferred> {
        let (fewest, most) = function.arity();
        if arguments.len() < fewest || arguments.len() > most {
            let expected = if fewest == most { format!("{fewest}") } else { format!("{fewest} to {most}") };
            let message =
                format!("`{}` takes {expected} arguments, and here are {}", function.name(), arguments.len());
            return self.fail_at(cx, expr, Code::Arguments, message, None);
        }
        let depth = depth + 1;
        let typed = match function {
            Function::Coalesce | Function::Greatest | Function::If | Function::Least => {
                return self.choice(cx, function, arguments, depth);
            }
            Function::DateOf | Function::Decimal | Function::Int | Function::String => {
                return self.conversion(cx, expr, function, arguments, depth).map(Inferred::Typed);
            }
            Function::In => self.is_in(cx, arguments, depth),
            Function::IsNull => {
                let argument = self.typed(cx, &arguments[0], depth)?;
                Some(call(Type::Bool, false, function, vec![argument]))
            }
            Function::Div | Function::Round | Function::Sqrt | Function::Trunc => {
                self.scaled(cx, expr, function, arguments, depth)
            }
            Function::Power => self.power(cx, expr, arguments, depth),
            _ => {
                let typed: Vec<_> =
                    arguments.iter().map(|argument| self.typed(cx, argument, depth)).collect();
                let typed: Vec<_> = typed.into_iter().collect::<Option<_>>()?;
                self.plain(cx, expr, function, arguments, typed)
            }
        };
        typed.map(Inferred::Typed)
    }

    /// Functions whose arguments are all values of known types.
    fn plain(
        &mut self,
        cx: Context<'_>,
        expr: &Expr,
        function: Function,
        sources: &[Expr],
        mut arguments: Vec<TypedExpr>,
    ) -> Typing<TypedExpr> {
        use Type::{Bool, Bytes, Date, Decimal, Int, String as Text, Timestamp};
        let nullable = arguments.iter().any(|argument| argument.ty.nullable);
        let first = arguments[0].ty.ty;
        let second = arguments.get(1).map_or(first, |argument| argument.ty.ty);
        let ty = match function {
            Function::Abs | Function::Neg if first.scale().is_some() => first,
            Function::Sign if first.scale().is_some() => Int,
            Function::Floor | Function::Ceil if first == Int => return arguments.pop(),
            Function::Floor | Function::Ceil if first.scale().is_some() => {
                let (precision, scale) = as_decimal(first)?;
                Decimal { precision: (precision - scale + 1).min(MAX_PRECISION), scale: 0 }
            }
            Function::Add | Function::Sub if first.scale().is_some() && second.scale().is_some() => {
                let shared = common(first, second)?;
                arguments = arguments.into_iter().map(|argument| widen(argument, shared)).collect();
                match shared {
                    Decimal { precision, scale } => {
                        Decimal { precision: (precision + 1).min(MAX_PRECISION), scale }
                    }
                    other => other,
                }
            }
            Function::Add if (first, second) == (Text, Text) => Text,
            Function::Add | Function::Sub if (first, second) == (Date, Int) => Date,
            Function::Sub if (first, second) == (Date, Date) => Int,
            Function::Mul if first.scale().is_some() && second.scale().is_some() => {
                if (first, second) == (Int, Int) {
                    Int
                } else {
                    let ((p1, s1), (p2, s2)) = (as_decimal(first)?, as_decimal(second)?);
                    if s1 + s2 > MAX_PRECISION {
                        let message =
                            format!("the product of {first} and {second} has scale {}, above 38", s1 + s2);
                        let hint = Some("bring an operand to a smaller scale with `round(x, scale)`".into());
                        return self.fail_at(cx, expr, Code::OutOfRange, message, hint);
                    }
                    Decimal { precision: (p1 + p2).min(MAX_PRECISION), scale: s1 + s2 }
                }
            }
            Function::Quotient if (first, second) == (Int, Int) => Int,
            Function::Quotient if first.scale().is_some() && second.scale().is_some() => {
                let message = format!("`/` divides integers, and here are {first} and {second}");
                let hint = Some("write `div(a, b, scale)`, which says how many digits the result has".into());
                return self.fail_at(cx, expr, Code::TypeMismatch, message, hint);
            }
            Function::Remainder if first.scale().is_some() && second.scale().is_some() => {
                let shared = common(first, second)?;
                arguments = arguments.into_iter().map(|argument| widen(argument, shared)).collect();
                shared
            }
            Function::Eq | Function::Ge | Function::Gt | Function::Le | Function::Lt | Function::Ne => {
                let shared = self.comparable(cx, expr, &arguments[0], &arguments[1])?;
                arguments = arguments.into_iter().map(|argument| widen(argument, shared)).collect();
                Bool
            }
            Function::And | Function::Or if (first, second) == (Bool, Bool) => Bool,
            Function::Not if first == Bool => Bool,
            Function::Contains | Function::EndsWith | Function::StartsWith
                if (first, second) == (Text, Text) =>
            {
                Bool
            }
            Function::LowerAscii | Function::Trim | Function::UpperAscii if first == Text => Text,
            Function::Substring if first == Text && second == Int && arguments[2].ty.ty == Int => Text,
            Function::Size if matches!(first, Text | Bytes) => Int,
            Function::Sha256 if matches!(first, Text | Bytes) => Bytes,
            Function::Day | Function::Month | Function::Year if first == Date => Int,
            Function::Day | Function::Month | Function::Year if first == Timestamp => {
                let date = call(Date, nullable, Function::DateOf, arguments);
                arguments = vec![date];
                Int
            }
            _ => return self.mismatch(cx, expr, function, sources, &arguments),
        };
        Some(call(ty, nullable, function, arguments))
    }

    fn mismatch<T>(
        &mut self,
        cx: Context<'_>,
        expr: &Expr,
        function: Function,
        sources: &[Expr],
        arguments: &[TypedExpr],
    ) -> Typing<T> {
        let types: Vec<_> = arguments.iter().map(|argument| format!("{}", argument.ty)).collect();
        let wanted = match function {
            Function::Abs | Function::Ceil | Function::Floor | Function::Neg | Function::Sign => "a number",
            Function::Add => "two numbers, two strings, or a date and a number of days (int)",
            Function::Sub => "two numbers, two dates, or a date and a number of days (int)",
            Function::Mul | Function::Quotient | Function::Remainder => "two numbers",
            Function::And | Function::Or => "two bools",
            Function::Not => "a bool",
            Function::Contains | Function::EndsWith | Function::StartsWith => "two strings",
            Function::LowerAscii | Function::Trim | Function::UpperAscii => "a string",
            Function::Substring => "a string and two ints",
            Function::Sha256 | Function::Size => "a string or bytes",
            Function::Day | Function::Month | Function::Year => "a date or timestamp",
            _ => "other types",
        };
        let message = format!("{} takes {wanted}, and here is {}", display(function), types.join(" and "));
        let literal_text = |at: usize| {
            matches!(sources.get(at), Some(Expr { kind: ExprKind::Literal(Literal::String(_)), .. }))
        };
        let hint = if function == Function::Add && types.iter().any(|ty| ty.starts_with("string")) {
            Some("`string(x)` makes a string of any value".into())
        } else if literal_text(0) || literal_text(1) {
            Some("a date is written `date('2012-01-31')`".into())
        } else {
            None
        };
        self.fail_at(cx, expr, Code::TypeMismatch, message, hint)
    }

    /// The type in which two values are compared. It is no wider than needed: an integer literal counts with its digits.
    fn comparable(&mut self, cx: Context<'_>, expr: &Expr, a: &TypedExpr, b: &TypedExpr) -> Typing<Type> {
        let (left, right) = (a.ty.ty, b.ty.ty);
        if left == right {
            return Some(left);
        }
        match common(narrow(a), narrow(b)) {
            Some(shared) => Some(shared),
            None => {
                let message = format!("{left} and {right} cannot be compared");
                let hint = match (left, right) {
                    (Type::Date, Type::String) | (Type::String, Type::Date) => {
                        Some("a date is written `date('2012-01-31')`".into())
                    }
                    (Type::Timestamp, Type::String) | (Type::String, Type::Timestamp) => {
                        Some("a timestamp is written `timestamp('2012-01-31T08:00:00Z')`".into())
                    }
                    (Type::Date, Type::Timestamp) | (Type::Timestamp, Type::Date) => {
                        Some("`date(t)` is the date of a timestamp".into())
                    }
                    (Type::String, other) | (other, Type::String) if other.scale().is_some() => {
                        Some("`int(s)` and `decimal(s, p, s)` read numbers from strings".into())
                    }
                    _ => None,
                };
                self.fail_at(cx, expr, Code::TypeMismatch, message, hint)
            }
        }
    }

    /// `? :`, `coalesce`, `least`, `greatest`: one of several values of a common type.
    fn choice(
        &mut self,
        cx: Context<'_>,
        function: Function,
        arguments: &[Expr],
        depth: u32,
    ) -> Typing<Inferred> {
        let condition = match function {
            Function::If => {
                let condition = self.typed(cx, &arguments[0], depth)?;
                if condition.ty.ty != Type::Bool {
                    let message = format!("the condition of `? :` is a bool, and this is {}", condition.ty);
                    return self.fail_at(cx, &arguments[0], Code::TypeMismatch, message, None);
                }
                Some(condition)
            }
            _ => None,
        };
        let values = &arguments[usize::from(condition.is_some())..];
        let inferred: Vec<_> = values.iter().map(|value| self.infer(cx, value, depth)).collect();
        let inferred: Vec<_> = inferred.into_iter().collect::<Option<_>>()?;
        let mut shared: Option<Type> = None;
        for (value, source) in inferred.iter().zip(values) {
            let Inferred::Typed(value) = value else { continue };
            shared = match shared {
                None => Some(value.ty.ty),
                Some(so_far) => match common(so_far, value.ty.ty) {
                    Some(ty) => Some(ty),
                    None => {
                        let message = format!(
                            "{} needs values of one type, and here are {so_far} and {}",
                            display(function),
                            value.ty.ty
                        );
                        return self.fail_at(cx, source, Code::TypeMismatch, message, None);
                    }
                },
            };
        }
        let Some(ty) = shared else {
            return match function {
                Function::If => self.typed(cx, &values[0], depth).map(Inferred::Typed),
                _ => Some(Inferred::Null),
            };
        };
        let some_null = inferred.iter().any(|value| match value {
            Inferred::Null => true,
            Inferred::Typed(value) => value.ty.nullable,
        });
        let all_null = inferred.iter().all(|value| match value {
            Inferred::Null => true,
            Inferred::Typed(value) => value.ty.nullable,
        });
        let nullable = match function {
            Function::Coalesce => all_null,
            // A null condition takes the second value, so it makes nothing null by itself.
            _ => some_null,
        };
        let mut typed: Vec<TypedExpr> = Vec::with_capacity(arguments.len());
        typed.extend(condition);
        typed.extend(inferred.into_iter().map(|value| match value {
            Inferred::Null => null(ty),
            Inferred::Typed(value) => widen(value, ty),
        }));
        if function != Function::If && typed.len() == 1 {
            return typed.pop().map(Inferred::Typed);
        }
        Some(Inferred::Typed(call(ty, nullable, function, typed)))
    }

    fn conversion(
        &mut self,
        cx: Context<'_>,
        expr: &Expr,
        function: Function,
        arguments: &[Expr],
        depth: u32,
    ) -> Typing<TypedExpr> {
        let ty = match function {
            Function::DateOf => Type::Date,
            Function::Int => Type::Int,
            Function::String => Type::String,
            _ => {
                let precision =
                    self.whole(cx, &arguments[1], "a precision", 1, i64::from(MAX_PRECISION))? as u8;
                let scale = self.whole(cx, &arguments[2], "a scale", 0, i64::from(precision))? as u8;
                Type::Decimal { precision, scale }
            }
        };
        let value = match self.infer(cx, &arguments[0], depth)? {
            Inferred::Null => return Some(null(ty)),
            Inferred::Typed(value) => value,
        };
        let from = value.ty.ty;
        let takes = match function {
            Function::DateOf => matches!(from, Type::Date | Type::Timestamp),
            Function::Int => matches!(from, Type::Int | Type::Decimal { .. } | Type::String | Type::Bool),
            Function::Decimal => matches!(from, Type::Int | Type::Decimal { .. } | Type::String),
            _ => true,
        };
        if !takes {
            let message = format!("{} cannot convert {from}", display(function));
            let hint = match (function, from) {
                (Function::DateOf, Type::String) => {
                    Some("dates in files are read by a column of type `date` with a `format`; a literal is `date('2012-01-31')`".into())
                }
                _ => None,
            };
            return self.fail_at(cx, expr, Code::TypeMismatch, message, hint);
        }
        if from == ty {
            return Some(value);
        }
        let nullable = value.ty.nullable;
        Some(call(ty, nullable, function, vec![value]))
    }

    /// `div`, `sqrt`, `round`, `trunc`: the last argument is a literal scale.
    fn scaled(
        &mut self,
        cx: Context<'_>,
        expr: &Expr,
        function: Function,
        arguments: &[Expr],
        depth: u32,
    ) -> Typing<TypedExpr> {
        let (scale_source, values) = arguments.split_last()?;
        let scale = self.whole(cx, scale_source, "a scale", 0, i64::from(MAX_PRECISION));
        let typed: Vec<_> = values.iter().map(|value| self.typed(cx, value, depth)).collect();
        let (scale, typed) = (scale? as u8, typed.into_iter().collect::<Option<Vec<_>>>()?);
        if let Some(wrong) = typed.iter().find(|value| value.ty.ty.scale().is_none()) {
            let message = format!("{} takes numbers, and here is {}", display(function), wrong.ty);
            return self.fail_at(cx, expr, Code::TypeMismatch, message, None);
        }
        let nullable = typed.iter().any(|value| value.ty.nullable);
        let ty = match function {
            Function::Round | Function::Trunc => {
                let (precision, own) = as_decimal(typed[0].ty.ty)?;
                Type::Decimal { precision: (precision - own + scale + 1).min(MAX_PRECISION), scale }
            }
            _ => Type::Decimal { precision: MAX_PRECISION, scale },
        };
        let typed = match function {
            // Rounding works on decimals only.
            Function::Round | Function::Trunc => typed
                .into_iter()
                .map(|value| match value.ty.ty {
                    Type::Int => widen(value, Type::Decimal { precision: 19, scale: 0 }),
                    _ => value,
                })
                .collect(),
            _ => typed,
        };
        Some(call(ty, nullable, function, typed))
    }

    fn power(&mut self, cx: Context<'_>, expr: &Expr, arguments: &[Expr], depth: u32) -> Typing<TypedExpr> {
        let exponent = self.whole(cx, &arguments[1], "an exponent", 0, MAX_EXPONENT);
        let base = self.typed(cx, &arguments[0], depth)?;
        let exponent = exponent?;
        let ty = match base.ty.ty {
            Type::Int => Type::Int,
            Type::Decimal { scale, .. } => {
                let scale = i64::from(scale) * exponent;
                if scale > i64::from(MAX_PRECISION) {
                    let message = format!("this power has scale {scale}, above 38");
                    let hint = Some("bring the base to a smaller scale with `round(x, scale)`".into());
                    return self.fail_at(cx, expr, Code::OutOfRange, message, hint);
                }
                Type::Decimal { precision: MAX_PRECISION, scale: scale as u8 }
            }
            other => {
                let message = format!("`power` takes a number, and here is {other}");
                return self.fail_at(cx, expr, Code::TypeMismatch, message, None);
            }
        };
        let nullable = base.ty.nullable;
        let kind = TypedKind::Constant(Scalar::Number(i128::from(exponent)));
        let exponent = TypedExpr { ty: ColumnType { ty: Type::Int, nullable: false }, kind };
        Some(call(ty, nullable, Function::Power, vec![base, exponent]))
    }

    fn is_in(&mut self, cx: Context<'_>, arguments: &[Expr], depth: u32) -> Typing<TypedExpr> {
        let value = self.typed(cx, &arguments[0], depth);
        let mut constants = Vec::with_capacity(arguments.len() - 1);
        for source in &arguments[1..] {
            let constant = match &source.kind {
                ExprKind::Literal(Literal::Null) => None,
                ExprKind::Literal(literal) => Some(self.literal(cx, source, literal)?),
                _ => None,
            };
            let Some(constant) = constant else {
                let message = "the list of `in` holds literals that are not null".into();
                let hint = Some("write `x == a || x == b` for other values, `x == null` for null".into());
                return self.fail_at(cx, source, Code::Arguments, message, hint);
            };
            constants.push(constant);
        }
        let value = value?;
        let mut shared = narrow(&value);
        for (constant, source) in constants.iter().zip(&arguments[1..]) {
            if constant.ty.ty == shared {
                continue;
            }
            shared = match common(shared, narrow(constant)) {
                Some(ty) => ty,
                None => {
                    let message = format!("{} and {} cannot be compared", value.ty.ty, constant.ty.ty);
                    return self.fail_at(cx, source, Code::TypeMismatch, message, None);
                }
            };
        }
        let mut scalars = Vec::with_capacity(constants.len());
        for (constant, source) in constants.into_iter().zip(&arguments[1..]) {
            let TypedKind::Constant(scalar) = &constant.kind else { return None };
            let scalar = if constant.ty.ty == shared {
                Some(scalar.clone())
            } else {
                rescale(scalar, constant.ty.ty, shared)
            };
            let Some(scalar) = scalar else {
                let message = format!("this literal does not fit {shared}, in which the values are compared");
                return self.fail_at(cx, source, Code::OutOfRange, message, None);
            };
            scalars.push(scalar);
        }
        let ty = ColumnType { ty: Type::Bool, nullable: value.ty.nullable };
        Some(TypedExpr { ty, kind: TypedKind::In(Box::new(widen(value, shared)), scalars) })
    }

    /// A whole number that must be written in the plan.
    fn whole(&mut self, cx: Context<'_>, expr: &Expr, what: &str, least: i64, most: i64) -> Typing<i64> {
        match expr.kind {
            ExprKind::Literal(Literal::Int(value)) if (least..=most).contains(&value) => Some(value),
            _ => {
                let message = format!("{what} is a literal from {least} to {most}");
                self.fail_at(cx, expr, Code::Arguments, message, None)
            }
        }
    }
}

/// The type that a value needs at least: an integer literal needs its digits only.
fn narrow(expr: &TypedExpr) -> Type {
    match (&expr.kind, expr.ty.ty) {
        (TypedKind::Constant(Scalar::Number(digits)), Type::Int) => {
            Type::Decimal { precision: places(*digits), scale: 0 }
        }
        (_, ty) => ty,
    }
}

fn call(ty: Type, nullable: bool, function: Function, arguments: Vec<TypedExpr>) -> TypedExpr {
    TypedExpr { ty: ColumnType { ty, nullable }, kind: TypedKind::Call(function, arguments) }
}

fn null(ty: Type) -> TypedExpr {
    TypedExpr { ty: ColumnType { ty, nullable: true }, kind: TypedKind::Constant(Scalar::Null) }
}

/// An operator or function as it is written.
fn display(function: Function) -> String {
    match crate::expr::operator(function) {
        Some(operator) => format!("`{operator}`"),
        None => format!("`{}`", function.name()),
    }
}
