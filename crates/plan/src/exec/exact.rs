//! Exact arithmetic: products, quotients and roots of integers with one rounding, half to even.
//!
//! A zkVM pays several instructions for a 64-bit product, a hundred for a 64-bit quotient and thousands for a
//! 128-bit one, so every function first tries the narrowest width that holds its operands. Widths never change
//! results. What exceeds 256 bits on the way is an overflow.

use core::cmp::Ordering;

use ethnum::{I256, U256};

use super::error::Fault;
use crate::number::{POW10, fits};

/// `10^exponent` for exponents up to 38.
pub(super) fn power10(exponent: u32) -> Option<i128> {
    POW10.get(exponent as usize).copied()
}

/// `value` if it has at most `precision` digits.
#[inline]
pub(super) fn fit(value: i128, precision: u8, what: &'static str) -> Result<i128, Fault> {
    if fits(value, precision) { Ok(value) } else { Err(Fault::Overflow(what)) }
}

/// The exact product of two 64-bit numbers.
#[inline]
pub(super) fn product(a: i64, b: i64) -> i128 {
    if let (Ok(a), Ok(b)) = (i32::try_from(a), i32::try_from(b)) {
        i128::from(i64::from(a) * i64::from(b))
    } else {
        i128::from(a) * i128::from(b)
    }
}

/// The product of two 64-bit numbers if it is one.
#[inline]
pub(super) fn product_narrow(a: i64, b: i64) -> Option<i64> {
    if let (Ok(a), Ok(b)) = (i32::try_from(a), i32::try_from(b)) {
        Some(i64::from(a) * i64::from(b))
    } else {
        a.checked_mul(b)
    }
}

/// The product of two 128-bit numbers if it is one.
#[inline]
pub(super) fn product_wide(a: i128, b: i128) -> Option<i128> {
    if let (Ok(a), Ok(b)) = (i64::try_from(a), i64::try_from(b)) {
        Some(product(a, b))
    } else {
        a.checked_mul(b)
    }
}

/// The product of two 256-bit numbers if it is one. Whether there is an overflow is found by a division, which numbers that
/// cannot overflow are spared.
pub(super) fn product_256(a: I256, b: I256) -> Option<I256> {
    match (i128::try_from(a), i128::try_from(b)) {
        (Ok(_), Ok(_)) => Some(a.wrapping_mul(b)),
        _ => a.checked_mul(b),
    }
}

/// How a quotient becomes an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    /// To the next larger integer.
    Ceil,
    /// To the next smaller integer.
    Floor,
    /// To the nearest, ties to even.
    HalfEven,
    /// Towards zero.
    Trunc,
}

/// `a / b` rounded. `None` if `b` is zero, or the quotient exceeds 127 bits (`i128::MIN / -1`).
pub(super) fn divide(a: i128, b: i128, rounding: Rounding) -> Option<i128> {
    if b == 0 {
        return None;
    }
    let negative = (a < 0) != (b < 0);
    if let (Ok(a), Ok(b)) = (i64::try_from(a), i64::try_from(b)) {
        let (dividend, divisor) = (a.unsigned_abs(), b.unsigned_abs());
        let (quotient, rest) = divide_64(dividend, divisor);
        let up = rounds_up(rest.cmp(&(divisor - rest)), rest != 0, quotient & 1 == 1, negative, rounding);
        // At most 2^63, so the sum is below 2^64.
        let magnitude = i128::from(quotient + u64::from(up));
        return Some(if negative { -magnitude } else { magnitude });
    }
    let (dividend, divisor) = (a.unsigned_abs(), b.unsigned_abs());
    let (quotient, rest) = divide_128(dividend, divisor);
    let up = rounds_up(rest.cmp(&(divisor - rest)), rest != 0, quotient & 1 == 1, negative, rounding);
    signed(quotient + u128::from(up), negative)
}

/// Whether the magnitude of a quotient is rounded up. `half` compares the rest with what is missing to the divisor,
/// which tells on which side of one half it lies.
#[inline]
fn rounds_up(half: Ordering, inexact: bool, odd: bool, negative: bool, rounding: Rounding) -> bool {
    match rounding {
        Rounding::Ceil => inexact && !negative,
        Rounding::Floor => inexact && negative,
        Rounding::Trunc => false,
        Rounding::HalfEven => half == Ordering::Greater || (half == Ordering::Equal && odd),
    }
}

fn divide_128(a: u128, b: u128) -> (u128, u128) {
    if let (Ok(a), Ok(b)) = (u64::try_from(a), u64::try_from(b)) {
        let (quotient, rest) = divide_64(a, b);
        return (u128::from(quotient), u128::from(rest));
    }
    let quotient = a / b;
    (quotient, a - quotient * b)
}

fn divide_64(a: u64, b: u64) -> (u64, u64) {
    if let (Ok(a), Ok(b)) = (u32::try_from(a), u32::try_from(b)) {
        return (u64::from(a / b), u64::from(a % b));
    }
    // Only a 32-bit machine has to be helped.
    if cfg!(target_pointer_width = "32")
        && let Ok(b) = u16::try_from(b)
    {
        return divide_by_16_bits(a, b);
    }
    let quotient = a / b;
    (quotient, a - quotient * b)
}

/// Division by a small number in the 32-bit instructions of the machine: one digit of 32 bits, then two of 16.
fn divide_by_16_bits(a: u64, b: u16) -> (u64, u64) {
    let b = u32::from(b);
    let (high, low) = ((a >> 32) as u32, a as u32);
    let (first, rest) = (high / b, high % b);
    // A rest has 16 bits, so that the next digit fits beside it.
    let upper = rest << 16 | low >> 16;
    let (second, rest) = (upper / b, upper % b);
    let lower = rest << 16 | low & 0xffff;
    let (third, rest) = (lower / b, lower % b);
    (u64::from(first) << 32 | u64::from(second) << 16 | u64::from(third), u64::from(rest))
}

fn signed(magnitude: u128, negative: bool) -> Option<i128> {
    if negative { 0i128.checked_sub_unsigned(magnitude) } else { i128::try_from(magnitude).ok() }
}

/// `a · factor / b`, rounded half to even; `None` if this needs more than 64 bits, or `b` is zero.
#[inline]
pub(super) fn quotient_narrow(a: i64, factor: i64, b: i64) -> Option<i64> {
    if b == 0 {
        return None;
    }
    let a = product_narrow(a, factor)?;
    let (dividend, divisor) = (a.unsigned_abs(), b.unsigned_abs());
    let (quotient, rest) = divide_64(dividend, divisor);
    let other = divisor - rest;
    let up = rest > other || (rest == other && quotient & 1 == 1);
    let magnitude = i64::try_from(quotient + u64::from(up)).ok()?;
    Some(if (a < 0) != (b < 0) { -magnitude } else { magnitude })
}

/// `a / b · 10^shift`, rounded half to even, for any sign of `shift`.
pub(super) fn scaled_quotient(a: i128, b: i128, shift: i32, what: &'static str) -> Result<i128, Fault> {
    if b == 0 {
        return Err(Fault::Division);
    }
    if let Some(factor) = power10(shift.unsigned_abs()) {
        let pair = if shift >= 0 {
            product_wide(a, factor).map(|a| (a, b))
        } else {
            product_wide(b, factor).map(|b| (a, b))
        };
        if let Some((a, b)) = pair
            && let Some(quotient) = divide(a, b, Rounding::HalfEven)
        {
            return Ok(quotient);
        }
    }
    wide_quotient(I256::from(a), I256::from(b), shift, what)
}

/// As `scaled_quotient` for larger numbers. `b` must not be zero.
pub(super) fn quotient_256(a: I256, b: I256, shift: i32, what: &'static str) -> Result<i128, Fault> {
    match (i128::try_from(a), i128::try_from(b)) {
        (Ok(a), Ok(b)) => scaled_quotient(a, b, shift, what),
        _ => wide_quotient(a, b, shift, what),
    }
}

fn wide_quotient(a: I256, b: I256, shift: i32, what: &'static str) -> Result<i128, Fault> {
    let negative = (a < 0) != (b < 0);
    let Some((dividend, divisor)) = shifted(a.unsigned_abs(), b.unsigned_abs(), shift, what)? else {
        return Ok(0);
    };
    let quotient = dividend / divisor;
    let rest = dividend - quotient * divisor;
    let other = divisor - rest;
    let up = rest > other || (rest == other && quotient & U256::ONE == U256::ONE);
    let magnitude = u128::try_from(quotient + U256::from(u8::from(up))).map_err(|_| Fault::Overflow(what))?;
    signed(magnitude, negative).ok_or(Fault::Overflow(what))
}

/// `(a, b)` such that `a / b` is multiplied by `10^shift`; `None` if `b` passes 256 bits, and so twice any `a` that
/// comes from a signed number.
fn shifted(a: U256, b: U256, shift: i32, what: &'static str) -> Result<Option<(U256, U256)>, Fault> {
    let mut scaled = if shift >= 0 { a } else { b };
    let mut left = shift.unsigned_abs();
    while left > 0 && scaled != U256::ZERO {
        let step = left.min(38);
        scaled = match scaled.checked_mul(U256::from(POW10[step as usize].unsigned_abs())) {
            Some(scaled) => scaled,
            None if shift < 0 => return Ok(None),
            None => return Err(Fault::Overflow(what)),
        };
        left -= step;
    }
    Ok(Some(if shift >= 0 { (scaled, b) } else { (a, scaled) }))
}

/// The square root of `a / b · 10^shift`, rounded half to even. `a` must not be negative, `b` must be positive.
pub(super) fn root_of_ratio(a: I256, b: I256, shift: i32, what: &'static str) -> Result<i128, Fault> {
    let (whole_a, whole_b) = (a.unsigned_abs(), b.unsigned_abs());
    let Some((a, b)) = shifted(whole_a, whole_b, shift, what)? else {
        // The ratio is below one. Its root lies above 1/2 exactly if a > b / 4, and 4 divides the power of ten.
        let quarter = shifted(U256::ONE, whole_b * U256::from(25u8), shift + 2, what)?;
        return Ok(i128::from(quarter.is_some_and(|(_, quarter)| whole_a > quarter)));
    };
    let floor = root(divide_256(a, b));
    // The root lies above floor + 1/2 exactly if 4 (a - b (floor^2 + floor)) > b.
    let up = match a.checked_sub(b * (floor * floor + floor)) {
        None => false,
        Some(rest) => match rest.checked_mul(U256::from(4u8)) {
            None => true,
            Some(rest) => rest > b || (rest == b && floor & U256::ONE == U256::ONE),
        },
    };
    let magnitude = u128::try_from(floor + U256::from(u8::from(up))).map_err(|_| Fault::Overflow(what))?;
    i128::try_from(magnitude).map_err(|_| Fault::Overflow(what))
}

fn divide_256(a: U256, b: U256) -> U256 {
    if let (Ok(a), Ok(b)) = (u128::try_from(a), u128::try_from(b)) {
        U256::from(divide_128(a, b).0)
    } else {
        a / b
    }
}

/// The integer square root.
fn root(value: U256) -> U256 {
    if let Ok(value) = u64::try_from(value) {
        return U256::from(value.isqrt());
    }
    if let Ok(value) = u128::try_from(value) {
        return U256::from(value.isqrt());
    }
    // Newton from above: the first guess is a power of two not below the root.
    let bits = 256 - value.leading_zeros();
    let mut guess = U256::ONE << bits.div_ceil(2);
    loop {
        let next = (guess + value / guess) >> 1u32;
        if next >= guess {
            return guess;
        }
        guess = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_round_half_to_even() {
        let cases =
            [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (1, 3, 0), (2, 3, 1), (-2, 3, -1), (6, -4, -2)];
        for (a, b, expected) in cases.map(|(a, b, expected)| (i128::from(a), i128::from(b), expected)) {
            assert_eq!(divide(a, b, Rounding::HalfEven), Some(expected), "{a}/{b}");
            assert_eq!(wide_quotient(I256::from(a), I256::from(b), 0, "test"), Ok(expected), "{a}/{b}");
        }
        for (a, b, expected) in cases {
            assert_eq!(quotient_narrow(a, 1, b), Some(expected as i64), "{a}/{b}");
        }
        assert_eq!(quotient_narrow(i64::MIN, 1, 1), None);
        assert_eq!(quotient_narrow(i64::MIN, 1, 2), Some(i64::MIN / 2));
        assert_eq!(quotient_narrow(i64::MAX, 2, 3), None);
        assert_eq!(quotient_narrow(1, 1, 0), None);
        assert_eq!(divide(i128::MIN, -1, Rounding::HalfEven), None);
        assert_eq!(divide(i128::MIN, 1, Rounding::HalfEven), Some(i128::MIN));
        assert_eq!(divide(i128::MAX, 2, Rounding::Ceil), Some(i128::MAX / 2 + 1));
        assert_eq!(divide(-7, 2, Rounding::Floor), Some(-4));
        assert_eq!(divide(-7, 2, Rounding::Ceil), Some(-3));
        assert_eq!(divide(-7, 2, Rounding::Trunc), Some(-3));
    }

    #[test]
    fn products_of_256_bits_are_exact_or_none() {
        let (least, most) = (I256::from(i128::MIN), I256::from(i128::MAX));
        for (a, b) in
            [(least, least), (least, most), (most, most), (most * most, most), (I256::MIN, -I256::ONE)]
        {
            assert_eq!(product_256(a, b), a.checked_mul(b), "{a} {b}");
        }
    }

    #[test]
    fn wide_quotients_agree_with_narrow_ones() {
        let huge = 10i128.pow(37);
        assert_eq!(scaled_quotient(huge * 9, huge * 7, 20, "test"), scaled_quotient(9, 7, 20, "test"));
        assert_eq!(scaled_quotient(-huge, 3, -36, "test"), Ok(-3));
        assert_eq!(scaled_quotient(1, 0, 0, "test"), Err(Fault::Division));
        assert_eq!(scaled_quotient(huge, 1, 38, "test"), Err(Fault::Overflow("test")));
    }

    #[test]
    fn division_in_digits_is_division() {
        let mut state = 1u64;
        for round in 0..20_000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (a, b) = (state >> (round % 64), ((state >> 20) as u16).max(1) >> (round % 16));
            let b = b.max(1);
            assert_eq!(divide_by_16_bits(a, b), (a / u64::from(b), a % u64::from(b)), "{a}/{b}");
        }
        assert_eq!(divide_by_16_bits(u64::MAX, 1), (u64::MAX, 0));
        assert_eq!(divide(i64::MIN.into(), -1, Rounding::Trunc), Some(1 << 63));
    }

    #[test]
    fn roots_round_to_the_nearest() {
        let root_at = |value: i128, shift| root_of_ratio(I256::from(value), I256::ONE, shift, "test");
        assert_eq!(root_at(2, 4), Ok(141));
        assert_eq!(root_at(2, 36), Ok(1_414_213_562_373_095_049));
        assert_eq!(root_at(3, 0), Ok(2));
        assert_eq!(root_at(0, 12), Ok(0));
        // 0.25 has the root 0.5, a tie: to even.
        assert_eq!(root_of_ratio(I256::ONE, I256::from(4), 0, "test"), Ok(0));
        assert_eq!(root_of_ratio(I256::from(9), I256::from(4), 0, "test"), Ok(2));
        // Divisors of more than 256 bits.
        assert_eq!(root_of_ratio(I256::from(10i128.pow(38)), I256::from(1000), -76, "test"), Ok(0));
        assert_eq!(root_of_ratio(I256::MAX, I256::from(24), -76, "test"), Ok(0));
        assert_eq!(root_of_ratio(I256::MAX, I256::from(23), -76, "test"), Ok(1));
        assert_eq!(wide_quotient(I256::MAX, I256::from(10), -76, "test"), Ok(1));
        assert_eq!(wide_quotient(I256::MAX, I256::from(12), -76, "test"), Ok(0));
        let large = U256::from(u128::MAX) * U256::from(u128::MAX);
        assert_eq!(root(large), U256::from(u128::MAX));
        assert_eq!(root(large - U256::ONE), U256::from(u128::MAX - 1));
    }
}
