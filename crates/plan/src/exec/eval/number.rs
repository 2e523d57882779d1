//! Arithmetic: narrow loops where operands and result have 64 bits, 128-bit loops otherwise. Every result is
//! checked against its type.

use alloc::vec::Vec;

use ethnum::I256;

use super::{
    super::{
        error::{ExecErrorKind, Fault, Result},
        exact::{self, Rounding},
    },
    cells::{Cells, Frame, Numbers},
    scale_factor,
};
use crate::{
    expr::Function,
    types::{MAX_PRECISION, Type},
    value::Values,
};

type Checked<T> = core::result::Result<T, Fault>;

/// Operators and functions of one or two numbers.
pub(super) fn arithmetic(
    function: Function,
    args: &[Cells],
    types: &[Type],
    ty: Type,
    frame: Frame<'_>,
) -> Result<Values> {
    use Function as F;
    let a = args[0].numbers()?;
    match function {
        F::Abs => store(ty, "abs", frame, |at| Ok(a.at(at).checked_abs())),
        F::Neg => store(ty, "-", frame, |at| Ok(a.at(at).checked_neg())),
        F::Sign => store(ty, "sign", frame, |at| Ok(Some(a.at(at).signum()))),
        F::Add => {
            let b = args[1].numbers()?;
            match narrow_pair(a, b, types, ty) {
                Some(pair) => narrow(pair, ty, frame, "+", i64::checked_add),
                None => store(ty, "+", frame, |at| Ok(a.at(at).checked_add(b.at(at)))),
            }
        }
        F::Sub => {
            let b = args[1].numbers()?;
            match narrow_pair(a, b, types, ty) {
                Some(pair) => narrow(pair, ty, frame, "-", i64::checked_sub),
                None => store(ty, "-", frame, |at| Ok(a.at(at).checked_sub(b.at(at)))),
            }
        }
        F::Mul => multiply(a, args[1].numbers()?, types, ty, frame),
        F::Div => {
            let b = args[1].numbers()?;
            let shift = i32::from(scale(ty)) + i32::from(scale(types[1])) - i32::from(scale(types[0]));
            let wide = |at| exact::scaled_quotient(a.at(at), b.at(at), shift, "div").map(Some);
            let factor = u32::try_from(shift).ok().and_then(exact::power10).map(i64::try_from);
            if let (Numbers::Narrow(a), Numbers::Narrow(b), Some(Ok(factor))) = (a, b, factor) {
                return store(ty, "div", frame, |at| match exact::quotient_narrow(a[at], factor, b[at]) {
                    Some(quotient) => Ok(Some(i128::from(quotient))),
                    None => wide(at),
                });
            }
            store(ty, "div", frame, wide)
        }
        F::Quotient => {
            let b = args[1].numbers()?;
            store(ty, "/", frame, |at| {
                if b.at(at) == 0 {
                    return Err(Fault::Division);
                }
                Ok(exact::divide(a.at(at), b.at(at), Rounding::Trunc))
            })
        }
        F::Remainder => {
            let b = args[1].numbers()?;
            store(ty, "%", frame, |at| remainder(a.at(at), b.at(at)).map(Some))
        }
        F::Power => {
            let n = args[1].numbers()?;
            store(ty, "power", frame, |at| Ok(power(a.at(at), n.at(at))))
        }
        _ => Err(ExecErrorKind::BadPlan("not an arithmetic function")),
    }
}

/// `round`, `trunc`, `floor`, `ceil` and `sqrt`.
pub(super) fn round_or_root(
    function: Function,
    arg: &Cells,
    from: Type,
    ty: Type,
    frame: Frame<'_>,
) -> Result<Values> {
    let a = arg.numbers()?;
    let (have, want) = (scale(from), scale(ty));
    let (rounding, what) = match function {
        Function::Ceil => (Rounding::Ceil, "ceil"),
        Function::Floor => (Rounding::Floor, "floor"),
        Function::Trunc => (Rounding::Trunc, "trunc"),
        Function::Round => (Rounding::HalfEven, "round"),
        _ => {
            let shift = 2 * i32::from(want) - i32::from(have);
            return store(ty, "sqrt", frame, |at| {
                let value = a.at(at);
                if value < 0 {
                    return Err(Fault::Root);
                }
                exact::root_of_ratio(I256::from(value), I256::ONE, shift, "sqrt").map(Some)
            });
        }
    };
    let factor = scale_factor(have.abs_diff(want))?;
    if want >= have {
        store(ty, what, frame, |at| Ok(exact::product_wide(a.at(at), factor)))
    } else {
        store(ty, what, frame, |at| Ok(exact::divide(a.at(at), factor, rounding)))
    }
}

/// Whether every value of `from` has an equal in `to`.
pub(super) fn widen_cannot_fail(from: Type, to: Type) -> bool {
    let (Some(have), Some(want), Type::Decimal { precision, .. }) = (from.scale(), to.scale(), to) else {
        return from == to;
    };
    want >= have && digits(from) + (want - have) <= precision
}

/// Whether a widening leaves the representation as it is.
pub(super) fn widens_for_free(from: Type, to: Type) -> bool {
    from.scale() == to.scale() && from.is_wide() == to.is_wide() && widen_cannot_fail(from, to)
}

/// A number of smaller scale brought to `ty`.
pub(super) fn widen(arg: &Cells, from: Type, ty: Type, frame: Frame<'_>) -> Result<Values> {
    let a = arg.numbers()?;
    let Some(shift) = scale(ty).checked_sub(scale(from)) else {
        return Err(ExecErrorKind::BadPlan("a widening to a smaller scale"));
    };
    let factor = scale_factor(shift)?;
    if let Numbers::Narrow(values) = a
        && let Ok(factor) = i64::try_from(factor)
        && widen_cannot_fail(from, ty)
    {
        return Ok(if ty.is_wide() {
            Values::Wide(frame.fill(|at| exact::product(values[at], factor)))
        } else {
            Values::Narrow(frame.fill(|at| values[at].wrapping_mul(factor)))
        });
    }
    store(ty, "widening to the common type", frame, |at| Ok(exact::product_wide(a.at(at), factor)))
}

/// Stores numbers in the representation of `ty` after checking that they are values of it; `None` is overflow.
pub(super) fn store(
    ty: Type,
    what: &'static str,
    frame: Frame<'_>,
    f: impl Fn(usize) -> Checked<Option<i128>>,
) -> Result<Values> {
    let (least, most) = bounds(ty);
    if ty.is_wide() {
        let values = frame.try_fill(|at| match f(at)? {
            Some(value) if least <= value && value <= most => Ok(value),
            _ => Err(Fault::Overflow(what)),
        });
        return values.map(Values::Wide);
    }
    // Bounds of 64 bits are compared in 64 bits.
    let (least, most) = (least as i64, most as i64);
    let values = frame.try_fill(|at| match f(at)?.map(i64::try_from) {
        Some(Ok(value)) if least <= value && value <= most => Ok(value),
        _ => Err(Fault::Overflow(what)),
    });
    values.map(Values::Narrow)
}

fn multiply(a: Numbers<'_>, b: Numbers<'_>, types: &[Type], ty: Type, frame: Frame<'_>) -> Result<Values> {
    if let Some((a, b)) = Narrow::of(a).zip(Narrow::of(b)) {
        // Unless the precision was cut at 38 digits, the type has room for every product.
        let roomy = matches!(ty, Type::Decimal { precision, .. } if precision < MAX_PRECISION)
            || u32::from(digits(types[0])) + u32::from(digits(types[1])) <= u32::from(MAX_PRECISION);
        if ty.is_wide() && roomy {
            return Ok(Values::Wide(match (a, b) {
                (Narrow::Many(a), Narrow::Many(b)) => frame.fill(|at| exact::product(a[at], b[at])),
                (Narrow::Many(a), Narrow::One(b)) | (Narrow::One(b), Narrow::Many(a)) => {
                    frame.fill(|at| exact::product(a[at], b))
                }
                (Narrow::One(a), Narrow::One(b)) => frame.fill(|_| exact::product(a, b)),
            }));
        }
        if !ty.is_wide() {
            return narrow((a, b), ty, frame, "*", exact::product_narrow);
        }
    }
    store(ty, "*", frame, |at| Ok(exact::product_wide(a.at(at), b.at(at))))
}

/// An operand of 64 bits.
#[derive(Clone, Copy)]
enum Narrow<'a> {
    Many(&'a [i64]),
    One(i64),
}

impl<'a> Narrow<'a> {
    fn of(numbers: Numbers<'a>) -> Option<Self> {
        match numbers {
            Numbers::Narrow(values) => Some(Self::Many(values)),
            Numbers::One(value) => i64::try_from(value).ok().map(Self::One),
            Numbers::Wide(_) => None,
        }
    }
}

/// The operands if they and the result have 64 bits and no result can pass its precision unnoticed.
fn narrow_pair<'a>(
    a: Numbers<'a>,
    b: Numbers<'a>,
    types: &[Type],
    ty: Type,
) -> Option<(Narrow<'a>, Narrow<'a>)> {
    let same = |from: &Type| from.scale() == ty.scale();
    (!ty.is_wide() && types.iter().all(same)).then_some(())?;
    Narrow::of(a).zip(Narrow::of(b))
}

/// A loop over 64-bit operands.
#[inline]
fn narrow(
    pair: (Narrow<'_>, Narrow<'_>),
    ty: Type,
    frame: Frame<'_>,
    what: &'static str,
    f: impl Fn(i64, i64) -> Option<i64>,
) -> Result<Values> {
    let bound = match ty {
        Type::Decimal { precision, .. } => scale_factor(precision)? as i64 - 1,
        _ => i64::MAX,
    };
    let least = if bound == i64::MAX { i64::MIN } else { -bound };
    let check = |value: Option<i64>| match value {
        Some(value) if least <= value && value <= bound => Ok(value),
        _ => Err(Fault::Overflow(what)),
    };
    let values: Vec<i64> = match pair {
        (Narrow::Many(a), Narrow::Many(b)) => frame.try_fill(|at| check(f(a[at], b[at])))?,
        (Narrow::Many(a), Narrow::One(b)) => frame.try_fill(|at| check(f(a[at], b)))?,
        (Narrow::One(a), Narrow::Many(b)) => frame.try_fill(|at| check(f(a, b[at])))?,
        (Narrow::One(a), Narrow::One(b)) => frame.try_fill(|_| check(f(a, b)))?,
    };
    Ok(Values::Narrow(values))
}

fn remainder(a: i128, b: i128) -> Checked<i128> {
    if b == 0 {
        return Err(Fault::Division);
    }
    Ok(match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => match (i32::try_from(a), i32::try_from(b)) {
            (Ok(a), Ok(b)) => i128::from(a.wrapping_rem(b)),
            _ => i128::from(a.wrapping_rem(b)),
        },
        _ => a.wrapping_rem(b),
    })
}

fn power(base: i128, exponent: i128) -> Option<i128> {
    let mut result = 1i128;
    for _ in 0..u32::try_from(exponent).ok().filter(|n| *n <= u32::from(MAX_PRECISION))? {
        result = exact::product_wide(result, base)?;
    }
    Some(result)
}

/// The scale of a number type; zero for what is stored as a plain integer.
fn scale(ty: Type) -> u8 {
    ty.scale().unwrap_or(0)
}

/// The most digits of a number type.
fn digits(ty: Type) -> u8 {
    if let Type::Decimal { precision, .. } = ty { precision } else { 19 }
}

/// The least and the largest value of a number type.
fn bounds(ty: Type) -> (i128, i128) {
    match ty {
        Type::Decimal { precision, .. } => {
            let bound = exact::power10(u32::from(precision)).map_or(i128::MAX, |power| power - 1);
            (-bound, bound)
        }
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    }
}
