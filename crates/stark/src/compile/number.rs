//! Arithmetic: exact, with the bounds of every result known or shown.

use alloc::format;

use ethnum::I256;
use proofmark_plan::{expr::Function, types::Type};

use super::{
    Reason,
    expr::Scope,
    relation::{Data, Val, no},
};
use crate::{
    air::Node,
    gadget::{Comparison, Int},
    table::bounds,
};

/// `10^exponent`.
pub(crate) fn power10(exponent: u32) -> I256 {
    I256::from(10).pow(exponent)
}

/// The part of `range` that a type has, and whether the type cuts it, so that it has to be shown.
fn within(range: (I256, I256), ty: Type) -> Result<((I256, I256), bool), Reason> {
    let (lo, hi) = bounds(ty, 0).ok_or_else(|| no("a type without bounds"))?;
    let cut = range.0 < lo || range.1 > hi;
    let bounds = (range.0.max(lo), range.1.min(hi));
    if bounds.0 > bounds.1 {
        return Err(no("a result that never fits its type"));
    }
    Ok((bounds, cut))
}

/// The least and the largest product.
pub(crate) fn product_range(a: &Int, b: &Int) -> Option<(I256, I256)> {
    let ends = [(a.lo, b.lo), (a.lo, b.hi), (a.hi, b.lo), (a.hi, b.hi)];
    let mut range: Option<(I256, I256)> = None;
    for (a, b) in ends {
        let product = a.checked_mul(b)?;
        range = Some(range.map_or((product, product), |(lo, hi)| (lo.min(product), hi.max(product))));
    }
    range
}

const WIDE: &str = "its numbers have too many digits";

impl Scope<'_> {
    /// Functions of numbers that are null where an operand is.
    pub(super) fn arithmetic(
        &mut self,
        function: Function,
        values: &[Val],
        types: &[Type],
        ty: Type,
        live: Node,
    ) -> Result<Val, Reason> {
        use Function as F;
        let int = |at: usize| {
            values.get(at).and_then(Val::int).cloned().ok_or_else(|| no("arithmetic with what is no number"))
        };
        if let (F::Decimal | F::Int, [val, ..]) = (function, values) {
            return match types[0] {
                Type::Bool | Type::String => {
                    Err(format!("a conversion from {} has no constraints yet", types[0]))
                }
                _ => self.rescaled(val, types[0], ty, live),
            };
        }
        if let (F::Ceil | F::Floor | F::Round | F::Trunc, [val, ..]) = (function, values) {
            return self.rounded(function, val, (types[0], ty), live);
        }
        if matches!(types[0], Type::Bytes | Type::String | Type::Timestamp) {
            return Err(format!("the function {} on {} has no constraints yet", function.name(), types[0]));
        }
        let binary = matches!(function, F::Add | F::Div | F::Mul | F::Quotient | F::Remainder | F::Sub);
        let mut valid = values[0].valid;
        if binary {
            let second = values.get(1).ok_or_else(|| no("a function has too few arguments"))?.valid;
            valid = self.chip.and(valid, second);
        }
        let both = self.chip.and(live, valid);
        let a = int(0)?;
        let result = match function {
            F::Add | F::Sub => {
                let b = int(1)?;
                let (sign, range) = match function {
                    F::Add => (1, (a.lo + b.lo, a.hi + b.hi)),
                    _ => (-1, (a.lo - b.hi, a.hi - b.lo)),
                };
                let (range, cut) = within(range, ty)?;
                self.chip.combine(both, &[(1, &a, None), (sign, &b, None)], range, cut)
            }
            F::Neg => {
                let (range, cut) = within((-a.hi, -a.lo), ty)?;
                self.chip.combine(both, &[(-1, &a, None)], range, cut)
            }
            F::Sign => {
                let Comparison { lt, gt, .. } = self.chip.against_zero(both, &a);
                let [lt, gt] = [lt, gt].map(|bit| crate::gadget::bit_int(self.chip, bit));
                self.chip.combine(both, &[(1, &gt, None), (-1, &lt, None)], (-I256::ONE, I256::ONE), false)
            }
            F::Abs => {
                let negative = self.chip.against_zero(both, &a).lt;
                let negative = crate::gadget::bit_int(self.chip, negative);
                let (range, cut) = within((I256::ZERO, a.hi.max(-a.lo)), ty)?;
                self.chip.combine(both, &[(1, &a, None), (-2, &a, Some(&negative))], range, cut)
            }
            F::Mul => {
                let b = int(1)?;
                let (range, cut) = within(product_range(&a, &b).ok_or_else(|| no(WIDE))?, ty)?;
                self.chip.combine(both, &[(1, &a, Some(&b))], range, cut)
            }
            F::Quotient => {
                let b = int(1)?;
                let quotient = self.chip.truncate(both, &a, &b).quotient;
                self.cut(both, quotient, ty)?
            }
            F::Remainder => {
                let b = int(1)?;
                let rest = self.chip.truncate(both, &a, &b).rest;
                self.cut(both, rest, ty)?
            }
            F::Sqrt => {
                let scale = |ty: Type| i32::from(ty.scale().unwrap_or(0));
                self.square_root(both, &a, 2 * scale(ty) - scale(types[0]), ty)?
            }
            _ => {
                let b = int(1)?;
                let scale = |ty: Type| i32::from(ty.scale().unwrap_or(0));
                let shift = scale(ty) + scale(types[1]) - scale(types[0]);
                self.quotient(both, &a, &b, shift, ty)?
            }
        };
        Ok(Val { valid, data: Data::Int(result) })
    }

    /// `a / b · 10^shift`, rounded half to even.
    fn quotient(&mut self, live: Node, a: &Int, b: &Int, shift: i32, ty: Type) -> Result<Int, Reason> {
        let factor = power10(shift.max(0).unsigned_abs());
        let divisor = if shift < 0 {
            let scale = self.chip.constant(power10(shift.unsigned_abs()));
            let range = product_range(b, &scale).ok_or_else(|| no(WIDE))?;
            self.chip.combine(live, &[(1, b, Some(&scale))], range, false)
        } else {
            b.clone()
        };
        // The divisor is at least one in size.
        let most = a.hi.max(-a.lo).checked_mul(factor).ok_or_else(|| no(WIDE))?;
        let (range, cut) = within((-most, most), ty)?;
        Ok(self.chip.divide(live, a, factor, &divisor, range, cut))
    }

    /// A number that has to fit a type.
    fn cut(&mut self, live: Node, int: Int, ty: Type) -> Result<Int, Reason> {
        let (range, cut) = within((int.lo, int.hi), ty)?;
        if !cut {
            return Ok(int);
        }
        let int = self.chip.encoded(live, &int, range.0, range.1);
        self.chip.exact(live, &int);
        Ok(int)
    }

    /// `sqrt(a · 10^shift)`, rounded half to even; no proof where `a` is negative.
    fn square_root(&mut self, live: Node, a: &Int, shift: i32, ty: Type) -> Result<Int, Reason> {
        let factor = self.chip.constant(power10(shift.unsigned_abs()));
        let one = self.chip.constant(I256::ONE);
        let (top, bottom) = if shift < 0 {
            (a.clone(), factor)
        } else {
            let range = product_range(a, &factor).ok_or_else(|| no(WIDE))?;
            (self.chip.combine(live, &[(1, a, Some(&factor))], range, false), one)
        };
        let most = crate::gadget::root_half_even(top.hi, bottom.hi) + I256::ONE;
        let (_, largest) = bounds(ty, 0).ok_or_else(|| no("a type without bounds"))?;
        Ok(self.chip.root(live, &top, &bottom, most.min(largest)))
    }

    /// A number at a smaller scale, rounded; at a larger one it is exact.
    fn rounded(
        &mut self,
        function: Function,
        val: &Val,
        (from, to): (Type, Type),
        live: Node,
    ) -> Result<Val, Reason> {
        let (Some(have), Some(want)) = (from.scale(), to.scale()) else {
            return Err(no("it rounds what is no number"));
        };
        if want >= have {
            return self.rescaled(val, from, to, live);
        }
        let int = val.int().ok_or_else(|| no("it rounds what is no number"))?.clone();
        let both = self.chip.and(live, val.valid);
        let factor = power10((have - want).into());
        let divisor = self.chip.constant(factor);
        let (range, cut) = within((int.lo / factor - I256::ONE, int.hi / factor + I256::ONE), to)?;
        let result = if function == Function::Round {
            self.chip.divide(both, &int, I256::ONE, &divisor, range, cut)
        } else {
            let truncated = self.chip.truncate(both, &int, &divisor);
            let quotient = truncated.quotient;
            if function == Function::Trunc {
                self.cut(both, quotient, to)?
            } else {
                // One more step from zero where there is a rest on that side.
                let whole = self.chip.zero_int(both, &truncated.size);
                let broken = self.chip.sub(both, whole);
                let below = self.chip.and(broken, truncated.negative);
                let (step, sign) = match function {
                    Function::Floor => (below, -1),
                    _ => (self.chip.sub(broken, below), 1),
                };
                let step = crate::gadget::bit_int(self.chip, step);
                self.chip.combine(both, &[(1, &quotient, None), (sign, &step, None)], range, cut)
            }
        };
        Ok(Val { valid: val.valid, data: Data::Int(result) })
    }

    /// A number at another scale: exact, or nothing can be proved.
    pub(super) fn rescaled(&mut self, val: &Val, from: Type, to: Type, live: Node) -> Result<Val, Reason> {
        let int = val.int().ok_or_else(|| no("a conversion of what is no number"))?;
        let (Some(have), Some(want)) = (from.scale(), to.scale()) else {
            return Err(no("a conversion of what is no number"));
        };
        let both = self.chip.and(live, val.valid);
        let factor = power10(have.abs_diff(want).into());
        let data = if want >= have {
            let constant = self.chip.constant(factor);
            let (range, cut) = within(product_range(int, &constant).ok_or_else(|| no(WIDE))?, to)?;
            if factor == I256::ONE && !cut {
                int.clone()
            } else if int.lo == int.hi {
                self.chip.constant(int.lo * factor)
            } else {
                self.chip.combine(both, &[(1, int, Some(&constant))], range, cut)
            }
        } else {
            // The result times the factor is the number.
            let (range, cut) = within((int.lo / factor, int.hi / factor), to)?;
            let slot = int.slot;
            let result = self.chip.witness(both, range.0, range.1, move |row| {
                let value = row.get(slot);
                if value % factor == 0 {
                    Ok(value / factor)
                } else {
                    Err(crate::air::FillError::Number("a conversion is not exact"))
                }
            });
            let constant = self.chip.constant(factor);
            self.chip.identity(
                both,
                &[crate::gadget::Term::product(1, &result, &constant), crate::gadget::Term::of(-1, int)],
            );
            if cut {
                self.chip.exact(both, &result);
            }
            result
        };
        Ok(Val { valid: val.valid, data: Data::Int(data) })
    }
}
