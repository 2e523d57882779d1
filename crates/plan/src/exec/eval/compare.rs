//! Comparisons and membership.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::{
    super::{error::Result, exact},
    Strict,
    cells::{Cells, Frame, Numbers},
    number::widen_cannot_fail,
};
use crate::{
    expr::Function,
    typed::{Scalar, TypedExpr, TypedKind},
    value::{ColumnData, Values},
};

/// An operand of a comparison, possibly at a smaller scale than the plan says.
pub(super) enum Operand<'a> {
    Expr(&'a TypedExpr),
    Number(i128),
}

/// Removes widenings on both sides that do not change how the values compare, so that narrow columns are compared
/// as they are: `amount > 5` need not bring every amount to the 128 bits of their common type.
pub(super) fn peel<'a>(left: &'a TypedExpr, right: &'a TypedExpr) -> (Operand<'a>, Operand<'a>) {
    let unwiden = |expr: &'a TypedExpr| -> Option<(&'a TypedExpr, u8)> {
        let TypedKind::Widen(inner) = &expr.kind else { return None };
        let shift = expr.ty.ty.scale()?.checked_sub(inner.ty.ty.scale()?)?;
        widen_cannot_fail(inner.ty.ty, expr.ty.ty).then_some((&**inner, shift))
    };
    let constant = |expr: &'a TypedExpr| match &expr.kind {
        TypedKind::Constant(Scalar::Number(number)) => Some(*number),
        _ => None,
    };
    let unscale = |number: i128, shift: u8| {
        let factor = exact::power10(u32::from(shift))?;
        let quotient = number / factor;
        (quotient * factor == number && i64::try_from(quotient).is_ok()).then_some(quotient)
    };
    match (unwiden(left), unwiden(right)) {
        (Some((left, a)), Some((right, b))) if a == b => (Operand::Expr(left), Operand::Expr(right)),
        (Some((inner, shift)), None) => match constant(right).and_then(|number| unscale(number, shift)) {
            Some(number) => (Operand::Expr(inner), Operand::Number(number)),
            None => (Operand::Expr(left), Operand::Expr(right)),
        },
        (None, Some((inner, shift))) => match constant(left).and_then(|number| unscale(number, shift)) {
            Some(number) => (Operand::Number(number), Operand::Expr(inner)),
            None => (Operand::Expr(left), Operand::Expr(right)),
        },
        _ => (Operand::Expr(left), Operand::Expr(right)),
    }
}

/// `==`, `!=`, `<`, `<=`, `>`, `>=`.
pub(super) fn compare(function: Function, args: &[Cells], frame: Frame<'_>) -> Result<Strict> {
    let (left, right) = (&args[0], &args[1]);
    let mut bits = match kind(left, right) {
        Kind::Number => match (left.numbers()?, right.numbers()?) {
            (Numbers::Narrow(a), Numbers::Narrow(b)) => narrow(function, a, |at| b[at]),
            (Numbers::Narrow(a), Numbers::One(b)) if i64::try_from(b).is_ok() => {
                let b = b as i64;
                narrow(function, a, |_| b)
            }
            (Numbers::One(a), Numbers::Narrow(b)) if i64::try_from(a).is_ok() => {
                let a = a as i64;
                narrow(mirror(function), b, |_| a)
            }
            (a, b) => (0..frame.len).map(|at| holds(function, a.at(at).cmp(&b.at(at)))).collect(),
        },
        Kind::Text => {
            let (a, b) = (left.texts()?, right.texts()?);
            match function {
                Function::Eq => (0..frame.len).map(|at| a.at(at) == b.at(at)).collect(),
                Function::Ne => (0..frame.len).map(|at| a.at(at) != b.at(at)).collect(),
                _ => (0..frame.len).map(|at| holds(function, a.at(at).cmp(b.at(at)))).collect(),
            }
        }
        Kind::Bool => {
            let (a, b) = (left.bools()?, right.bools()?);
            (0..frame.len).map(|at| holds(function, a.at(at).cmp(&b.at(at)))).collect::<Vec<_>>()
        }
    };
    if let Some(validity) = frame.validity {
        bits.iter_mut().zip(validity).for_each(|(bit, valid)| *bit &= valid);
    }
    Ok(Strict::Values(Values::Bool(bits)))
}

enum Kind {
    Bool,
    Number,
    Text,
}

fn kind(left: &Cells, right: &Cells) -> Kind {
    let of = |cells: &Cells| match cells {
        Cells::Column(column) => match column.values {
            Values::Bool(_) => Kind::Bool,
            Values::Narrow(_) | Values::Wide(_) => Kind::Number,
            Values::Text(_) => Kind::Text,
        },
        Cells::Constant(Scalar::Bool(_)) => Kind::Bool,
        Cells::Constant(Scalar::Bytes(_)) => Kind::Text,
        Cells::Constant(_) => Kind::Number,
    };
    if matches!(left, Cells::Constant(_)) { of(right) } else { of(left) }
}

/// Comparisons of 64-bit numbers: three loops, two of them used with the result turned over.
fn narrow(function: Function, left: &[i64], right: impl Fn(usize) -> i64) -> Vec<bool> {
    let pairs = left.iter().enumerate();
    match function {
        Function::Eq => pairs.map(|(at, a)| *a == right(at)).collect(),
        Function::Ne => pairs.map(|(at, a)| *a != right(at)).collect(),
        Function::Lt => pairs.map(|(at, a)| *a < right(at)).collect(),
        Function::Le => pairs.map(|(at, a)| *a <= right(at)).collect(),
        Function::Gt => pairs.map(|(at, a)| *a > right(at)).collect(),
        _ => pairs.map(|(at, a)| *a >= right(at)).collect(),
    }
}

/// The comparison with its operands exchanged.
fn mirror(function: Function) -> Function {
    match function {
        Function::Lt => Function::Gt,
        Function::Le => Function::Ge,
        Function::Gt => Function::Lt,
        Function::Ge => Function::Le,
        other => other,
    }
}

fn holds(function: Function, order: Ordering) -> bool {
    match function {
        Function::Eq => order.is_eq(),
        Function::Ne => order.is_ne(),
        Function::Lt => order.is_lt(),
        Function::Le => order.is_le(),
        Function::Gt => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// Whether each value is among constants. As in SQL, no match among constants with a null is null.
pub(super) fn one_of(cells: &Cells, constants: &[Scalar], frame: Frame<'_>) -> Result<Strict> {
    let with_null = constants.contains(&Scalar::Null);
    let numbers = || constants.iter().filter_map(|c| if let Scalar::Number(n) = c { Some(*n) } else { None });
    let values: Vec<bool> = match kind(cells, cells) {
        Kind::Number => {
            let operand = cells.numbers()?;
            let mut sorted: Vec<i128> = numbers().collect();
            sorted.sort_unstable();
            let narrow: Vec<i64> = sorted.iter().filter_map(|number| i64::try_from(*number).ok()).collect();
            match operand {
                Numbers::Narrow(values) if narrow.len() <= 8 => frame.fill(|at| narrow.contains(&values[at])),
                Numbers::Narrow(values) => frame.fill(|at| narrow.binary_search(&values[at]).is_ok()),
                _ => frame.fill(|at| sorted.binary_search(&operand.at(at)).is_ok()),
            }
        }
        Kind::Text => {
            let operand = cells.texts()?;
            let mut texts: Vec<&[u8]> = constants
                .iter()
                .filter_map(|c| if let Scalar::Bytes(bytes) = c { Some(&**bytes) } else { None })
                .collect();
            texts.sort_unstable();
            if texts.len() <= 8 {
                frame.fill(|at| texts.contains(&operand.at(at)))
            } else {
                frame.fill(|at| texts.binary_search(&operand.at(at)).is_ok())
            }
        }
        Kind::Bool => {
            let operand = cells.bools()?;
            frame.fill(|at| constants.contains(&Scalar::Bool(operand.at(at))))
        }
    };
    if !with_null {
        return Ok(Strict::Values(Values::Bool(values)));
    }
    let validity = Some(values.clone());
    Ok(Strict::Column(ColumnData { values: Values::Bool(values), validity }))
}
