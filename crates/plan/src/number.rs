//! Exact numbers as text: reading integers and decimals, and writing them.
//!
//! Nothing rounds and nothing wraps: a text either is a number that fits, or one of three errors.

use proofmark_core::json::Sink;

use crate::types::MAX_PRECISION;

/// `10^0 … 10^38`.
pub const POW10: [i128; MAX_PRECISION as usize + 1] = {
    let mut powers = [1; MAX_PRECISION as usize + 1];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// `10^0 … 10^18`, for numbers that fit a machine word or two.
const POW10_NARROW: [u64; 19] = {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// Why a text is not a number of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Too many digits before the point.
    OutOfRange,
    /// Digits after the point that the scale has no place for. Zeros there do no harm.
    TooPrecise,
    /// Not a number.
    WrongForm,
}

/// Reads `-12`: digits after an optional minus sign, and nothing else.
///
/// # Errors
/// If the text is something else, or beyond 64 bits.
pub fn parse_int(text: &[u8]) -> Result<i64, NumberError> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::WrongForm);
    }
    if digits.len() <= 9 {
        let value = i64::from(small(digits));
        return Ok(if negative { -value } else { value });
    }
    let digits = &digits[digits.iter().take_while(|digit| **digit == b'0').count()..];
    if digits.len() > 19 {
        return Err(NumberError::OutOfRange);
    }
    let value = digits.iter().fold(0i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    i64::try_from(if negative { -value } else { value }).map_err(|_| NumberError::OutOfRange)
}

/// Reads `-12.50` or `1.25e1` as digits at `scale`, for a precision of at most 18.
///
/// # Errors
/// If the text is something else or does not fit.
///
/// # Panics
/// If the precision is above 18.
pub fn parse_narrow(text: &[u8], precision: u8, scale: u8) -> Result<i64, NumberError> {
    assert!(precision <= 18, "wide decimals have their own function");
    let (negative, unsigned) = sign(text);
    if let Some(value) = plain(unsigned, precision, scale) {
        return Ok(if negative { -(value as i64) } else { value as i64 });
    }
    parse_decimal(text, precision, scale).map(|value| value as i64)
}

/// As [`parse_narrow`], for any precision.
///
/// # Errors
/// If the text is something else or does not fit.
pub fn parse_decimal(text: &[u8], precision: u8, scale: u8) -> Result<i128, NumberError> {
    let (negative, text) = sign(text);
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&text[..at], exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) if at + 1 < mantissa.len() => (&mantissa[..at], &mantissa[at + 1..]),
        Some(_) => return Err(NumberError::WrongForm),
        None => (mantissa, &[][..]),
    };
    if whole.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(NumberError::WrongForm);
    }
    // The number is its significant digits times a power of ten.
    let digits = || whole.iter().chain(fraction);
    let leading = digits().take_while(|digit| **digit == b'0').count();
    let all = whole.len() + fraction.len();
    if leading == all {
        return Ok(0);
    }
    let trailing = digits().rev().take_while(|digit| **digit == b'0').count();
    let significant = all - leading - trailing;
    let power = trailing as i64 - fraction.len() as i64 + exponent + i64::from(scale);
    if significant as i64 + power > i64::from(precision) {
        return Err(NumberError::OutOfRange);
    }
    if power < 0 {
        return Err(NumberError::TooPrecise);
    }
    let value = digits()
        .skip(leading)
        .take(significant)
        .fold(0i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    let value = value * POW10[power as usize];
    Ok(if negative { -value } else { value })
}

/// Whether `value` has at most `precision` digits.
pub const fn fits(value: i128, precision: u8) -> bool {
    let bound = POW10[precision as usize];
    -bound < value && value < bound
}

/// Writes an integer.
pub fn write_int(sink: &mut impl Sink, value: i64) {
    if value < 0 {
        sink.put(b"-");
    }
    proofmark_core::json::unsigned(sink, value.unsigned_abs());
}

/// Writes `digits` with `scale` of them after a point, and at least one before it.
pub fn write_decimal(sink: &mut impl Sink, digits: i128, scale: u8) {
    const LONGEST: usize = 1 + MAX_PRECISION as usize + 1 + 40;
    let scale = usize::from(scale.min(MAX_PRECISION));
    let mut out = [b'0'; LONGEST];
    let mut at = LONGEST;
    let mut place = |byte| {
        at -= 1;
        out[at] = byte;
    };
    let mut written = 0;
    let mut rest = digits.unsigned_abs();
    // Division of 128 bits is slow on every machine, so most digits come from 64 bits.
    while rest != 0 || written <= scale {
        let chunk = 18;
        let (high, mut low) = match u64::try_from(rest) {
            Ok(low) => (0, low),
            Err(_) => {
                let base = POW10[chunk] as u128;
                (rest / base, (rest % base) as u64)
            }
        };
        let mut left = if high != 0 { chunk } else { 0 };
        while left > 0 || low != 0 || (high == 0 && written <= scale) {
            place(b'0' + (low % 10) as u8);
            low /= 10;
            left = left.saturating_sub(1);
            written += 1;
            if written == scale {
                place(b'.');
            }
        }
        rest = high;
    }
    if digits < 0 {
        place(b'-');
    }
    sink.put(&out[at..]);
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    }
}

/// At most nine digits.
fn small(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
}

/// The common case: at most nine digits, with an optional point. `None` means that it is another case.
fn plain(text: &[u8], precision: u8, scale: u8) -> Option<u64> {
    let mut value = 0u32;
    let mut digits = 0;
    let mut point = None;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value.wrapping_mul(10).wrapping_add(u32::from(digit));
            digits += 1;
        } else if *byte == b'.' && point.is_none() && digits > 0 {
            point = Some(digits);
        } else {
            return None;
        }
    }
    let fraction = point.map_or(0, |before| digits - before);
    let shift = usize::from(scale).checked_sub(fraction)?;
    if digits == 0 || digits > 9 || shift > 9 || (point.is_some() && fraction == 0) {
        return None;
    }
    let value = if shift == 0 { u64::from(value) } else { u64::from(value) * POW10_NARROW[shift] };
    (value < POW10_NARROW[usize::from(precision)]).then_some(value)
}

fn exponent(text: &[u8]) -> Result<i64, NumberError> {
    let (negative, digits) = match text.split_first() {
        Some((b'+', rest)) => (false, rest),
        _ => sign(text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::WrongForm);
    }
    // Beyond this no text that fits memory can bring the number back into range.
    const BEYOND: i64 = 1 << 40;
    let value = digits.iter().fold(0, |sum: i64, digit| (sum * 10 + i64::from(digit - b'0')).min(BEYOND));
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{
        format,
        string::{String, ToString},
        vec::Vec,
    };
    use proptest::prelude::*;

    fn written(digits: i128, scale: u8) -> String {
        let mut out = Vec::new();
        write_decimal(&mut out, digits, scale);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers_have_one_form() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("12", 12),
            ("-9223372036854775808", i64::MIN),
            ("000000000000000000000007", 7),
        ] {
            assert_eq!(parse_int(text.as_bytes()), Ok(value), "{text}");
        }
        for text in ["", "-", "+1", "1.0", "1e2", " 1", "1 ", "--1", "0x1", "NaN", "١"] {
            assert_eq!(parse_int(text.as_bytes()), Err(NumberError::WrongForm), "{text}");
        }
        for text in ["9223372036854775808", "-9223372036854775809", "99999999999999999999999999"] {
            assert_eq!(parse_int(text.as_bytes()), Err(NumberError::OutOfRange), "{text}");
        }
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        use NumberError::{OutOfRange, TooPrecise, WrongForm};
        for (text, precision, scale, expected) in [
            ("39.81", 9, 2, Ok(3981)),
            ("-0.5", 9, 2, Ok(-50)),
            ("7", 9, 2, Ok(700)),
            ("1e2", 5, 2, Ok(10000)),
            ("1.25E+1", 5, 2, Ok(1250)),
            ("12500e-4", 5, 2, Ok(125)),
            ("1.5000000000000000000000000000000000000000000000", 5, 2, Ok(150)),
            ("0e999999999999999999999", 5, 2, Ok(0)),
            ("1000", 5, 2, Err(OutOfRange)),
            ("999.99", 5, 2, Ok(99999)),
            ("1e400", 38, 0, Err(OutOfRange)),
            ("1e99999999999999999999", 38, 0, Err(OutOfRange)),
            ("1e-400", 38, 38, Err(TooPrecise)),
            ("0.001", 5, 2, Err(TooPrecise)),
            ("NaN", 5, 2, Err(WrongForm)),
            ("", 5, 2, Err(WrongForm)),
            ("-", 5, 2, Err(WrongForm)),
            (".5", 5, 2, Err(WrongForm)),
            ("5.", 5, 2, Err(WrongForm)),
            ("1.2.3", 5, 2, Err(WrongForm)),
            ("1e", 5, 2, Err(WrongForm)),
            ("1_0", 5, 2, Err(WrongForm)),
            ("+1", 5, 2, Err(WrongForm)),
        ] {
            assert_eq!(parse_decimal(text.as_bytes(), precision, scale), expected, "{text}");
            if precision <= 18 {
                let narrow = parse_narrow(text.as_bytes(), precision, scale).map(i128::from);
                assert_eq!(narrow, expected, "{text}");
            }
        }
        assert_eq!(parse_decimal("9".repeat(38).as_bytes(), 38, 0), Ok(POW10[38] - 1));
        assert_eq!(written(-5, 2), "-0.05");
        assert_eq!(written(0, 0), "0");
        assert_eq!(written(i128::MIN, 38), format!("-1.{}", &i128::MIN.to_string()[2..]));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(value: i128, precision in 1u8..=38, scale in 0u8..=38) {
            let value = value % POW10[usize::from(precision)];
            let scale = scale.min(precision);
            let text = written(value, scale);
            prop_assert_eq!(parse_decimal(text.as_bytes(), precision, scale), Ok(value));
            // Without the point it is the integer that Rust writes.
            let magnitude = text.replace(['.', '-'], "").parse::<u128>().unwrap();
            prop_assert_eq!(magnitude, value.unsigned_abs());
            prop_assert_eq!(text.split_once('.').map_or(0, |parts| parts.1.len()), usize::from(scale));
            if precision <= 18 {
                prop_assert_eq!(parse_narrow(text.as_bytes(), precision, scale), Ok(value as i64));
            }
        }

        #[test]
        fn both_widths_agree_on_any_text(text in "-?[0-9]{0,6}[.]?[0-9]{0,6}(e-?[0-9]{1,2})?", scale in 0u8..=12) {
            let wide = parse_decimal(text.as_bytes(), 12, scale);
            let narrow = parse_narrow(text.as_bytes(), 12, scale).map(i128::from);
            prop_assert_eq!(wide, narrow);
        }

        #[test]
        fn integers_read_as_in_rust(value: i64) {
            prop_assert_eq!(parse_int(value.to_string().as_bytes()), Ok(value));
        }
    }
}
