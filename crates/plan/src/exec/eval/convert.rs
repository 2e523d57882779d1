//! Exact conversions between types.

use super::{
    super::{
        error::{ExecErrorKind, Fault, Result},
        exact::{self, Rounding},
    },
    cells::{Cells, Frame, TextBuilder},
    number, scale_factor,
};
use crate::{
    calendar::{date_text, timestamp_text},
    types::Type,
    value::Values,
};

/// `int(x)` and `decimal(x, p, s)`: exact, or an error.
pub(super) fn to_number(arg: &Cells, from: Type, ty: Type, frame: Frame<'_>) -> Result<Values> {
    let to_scale = ty.scale().ok_or(ExecErrorKind::BadPlan("a conversion to what is no number"))?;
    let fault = Fault::Conversion(ty);
    // An overflow of `store` is a value that the target type cannot hold.
    let result = match from {
        Type::Bool => {
            let bits = arg.bools()?;
            number::store(ty, "conversion", frame, |at| {
                Ok(exact::product_wide(
                    i128::from(bits.at(at)),
                    exact::power10(u32::from(to_scale)).unwrap_or(1),
                ))
            })
        }
        Type::String => {
            let texts = arg.texts()?;
            number::store(ty, "conversion", frame, |at| parse(texts.at(at), to_scale).map(Some).ok_or(fault))
        }
        _ => {
            let numbers = arg.numbers()?;
            let from_scale = from.scale().unwrap_or(0);
            let factor = scale_factor(from_scale.abs_diff(to_scale))?;
            number::store(ty, "conversion", frame, |at| {
                let value = numbers.at(at);
                if to_scale >= from_scale {
                    return Ok(exact::product_wide(value, factor));
                }
                let quotient = exact::divide(value, factor, Rounding::Trunc).ok_or(fault)?;
                if quotient * factor == value { Ok(Some(quotient)) } else { Err(fault) }
            })
        }
    };
    result.map_err(|error| match error {
        ExecErrorKind::Overflow { row, .. } => fault.at(row),
        other => other,
    })
}

/// An optional minus, digits, and optionally a point and digits, of which those beyond `scale` must be zero.
fn parse(text: &[u8], scale: u8) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &[][..]),
    };
    if whole.is_empty() || (point.is_some() && fraction.is_empty()) {
        return None;
    }
    let mut value: i128 = 0;
    let mut push = |byte: u8| {
        let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
        Some(())
    };
    whole.iter().try_for_each(|byte| push(*byte))?;
    let (kept, rest) = fraction.split_at(fraction.len().min(usize::from(scale)));
    kept.iter().try_for_each(|byte| push(*byte))?;
    (kept.len()..usize::from(scale)).try_for_each(|_| push(b'0'))?;
    rest.iter().all(|byte| *byte == b'0').then_some(if negative { -value } else { value })
}

/// `string(x)`, as JSON output writes the value.
pub(super) fn to_text(arg: &Cells, from: Type, frame: Frame<'_>, budget: u64) -> Result<Values> {
    let mut builder = TextBuilder::new(frame.len, budget);
    for at in 0..frame.len {
        if !frame.validity.is_none_or(|bits| bits[at]) {
            builder.push(&[])?;
            continue;
        }
        match from {
            Type::Bool => builder.push(&[if arg.bools()?.at(at) { b"true" } else { b"false" }])?,
            Type::Bytes => {
                let bytes = arg.texts()?.at(at);
                for (index, chunk) in bytes.chunks(3).enumerate() {
                    builder.extend(&base64(chunk), index == 0)?;
                }
                if bytes.is_empty() {
                    builder.push(&[])?;
                }
            }
            Type::Date => builder.push(&[&date_text(arg.numbers()?.at(at) as i32)])?,
            Type::Decimal { scale, .. } => {
                builder.push(&[Digits::new(arg.numbers()?.at(at), scale).text()])?
            }
            Type::Int => builder.push(&[Digits::new(arg.numbers()?.at(at), 0).text()])?,
            Type::String => builder.push(&[arg.texts()?.at(at)])?,
            Type::Timestamp => {
                let (text, len) = timestamp_text(arg.numbers()?.at(at) as i64);
                builder.push(&[&text[..len]])?;
            }
        }
    }
    Ok(builder.finish())
}

/// Four characters of RFC 4648 base64 for at most three bytes.
fn base64(chunk: &[u8]) -> [u8; 4] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let byte = |at: usize| chunk.get(at).copied().unwrap_or(0);
    let bits = u32::from_be_bytes([0, byte(0), byte(1), byte(2)]);
    let letter = |at: usize| ALPHABET[(bits >> (18 - 6 * at)) as usize & 63];
    let padded = |at: usize| if at <= chunk.len() { letter(at) } else { b'=' };
    [letter(0), letter(1), padded(2), padded(3)]
}

/// A number in decimal notation, on the stack.
struct Digits {
    buffer: [u8; 44],
    start: usize,
}

impl Digits {
    fn new(value: i128, scale: u8) -> Self {
        let mut out = Self { buffer: [b'0'; 44], start: 44 };
        let mut rest = value.unsigned_abs();
        let mut written = 0;
        while rest > 0 || written <= scale {
            if written == scale && scale > 0 {
                out.push(b'.');
            }
            // Small numbers are divided with the machine's instruction.
            let digit = if let Ok(small) = u32::try_from(rest) {
                rest = u128::from(small / 10);
                (small % 10) as u8
            } else {
                let digit = (rest % 10) as u8;
                rest /= 10;
                digit
            };
            out.push(b'0' + digit);
            written += 1;
        }
        if value < 0 {
            out.push(b'-');
        }
        out
    }

    /// At most 39 digits, a point and a sign.
    fn push(&mut self, byte: u8) {
        self.start -= 1;
        self.buffer[self.start] = byte;
    }

    fn text(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_and_read_back() {
        let cases: [(i128, u8, &str); 7] = [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (150, 2, "1.50"),
            (-1234, 1, "-123.4"),
            (i128::from(i64::MIN), 0, "-9223372036854775808"),
            (10i128.pow(38) - 1, 38, "0.99999999999999999999999999999999999999"),
        ];
        for (value, scale, text) in cases {
            assert_eq!(Digits::new(value, scale).text(), text.as_bytes());
            assert_eq!(parse(text.as_bytes(), scale), Some(value));
        }
    }

    #[test]
    fn what_is_no_exact_number_is_refused() {
        for text in ["", "-", ".", "1.", ".5", "+1", " 1", "1e3", "1_000", "0x1", "NaN", "1.25"] {
            assert_eq!(parse(text.as_bytes(), 1), None, "{text}");
        }
        assert_eq!(parse(b"1.20", 1), Some(12));
        assert_eq!(parse(&[b'9'; 60], 0), None);
    }

    #[test]
    fn base64_pads() {
        assert_eq!(&base64(b"f"), b"Zg==");
        assert_eq!(&base64(b"fo"), b"Zm8=");
        assert_eq!(&base64(b"foo"), b"Zm9v");
    }
}
