//! Exact conversions between types.

use alloc::vec::Vec;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use proofmark_core::json::Sink as _;

use super::{
    super::{
        error::{ExecErrorKind, Fault, Result},
        exact::{self, Rounding},
    },
    cells::{Cells, Frame, TextBuilder},
    number as arithmetic, scale_factor,
};
use crate::{
    calendar::{date_text, timestamp_text},
    number::{parse_decimal, parse_int, write_decimal, write_int},
    types::Type,
    value::Values,
};

/// `int(x)` and `decimal(x, p, s)`: exact, or an error.
pub(super) fn to_number(arg: &Cells, from: Type, ty: Type, frame: Frame<'_>) -> Result<Values> {
    let to_scale = ty.scale().ok_or(ExecErrorKind::BadPlan("a conversion to what is no number"))?;
    let fault = Fault::Conversion(ty);
    let result = match from {
        Type::Bool => {
            let bits = arg.bools()?;
            arithmetic::store(ty, "conversion", frame, |at| {
                Ok(exact::product_wide(
                    i128::from(bits.at(at)),
                    exact::power10(u32::from(to_scale)).unwrap_or(1),
                ))
            })
        }
        Type::String => {
            let texts = arg.texts()?;
            arithmetic::store(ty, "conversion", frame, |at| parse(texts.at(at), ty).map(Some).ok_or(fault))
        }
        _ => {
            let numbers = arg.numbers()?;
            let from_scale = from.scale().unwrap_or(0);
            if to_scale == from_scale {
                let same = arithmetic::store(ty, "conversion", frame, |at| Ok(Some(numbers.at(at))));
                return same.map_err(|error| as_conversion(error, fault));
            }
            let factor = scale_factor(from_scale.abs_diff(to_scale))?;
            arithmetic::store(ty, "conversion", frame, |at| {
                let value = numbers.at(at);
                if to_scale > from_scale {
                    return Ok(exact::product_wide(value, factor));
                }
                let quotient = exact::divide(value, factor, Rounding::Trunc).ok_or(fault)?;
                if quotient * factor == value { Ok(Some(quotient)) } else { Err(fault) }
            })
        }
    };
    result.map_err(|error| as_conversion(error, fault))
}

/// An overflow of `store` is a value that the target type cannot hold.
fn as_conversion(error: ExecErrorKind, fault: Fault) -> ExecErrorKind {
    match error {
        ExecErrorKind::Overflow { row, .. } => fault.at(row),
        other => other,
    }
}

fn parse(text: &[u8], ty: Type) -> Option<i128> {
    match ty {
        Type::Decimal { precision, scale } => parse_decimal(text, precision, scale).ok(),
        _ => parse_int(text).ok().map(i128::from),
    }
}

/// `string(x)`, as JSON output writes the value.
pub(super) fn to_text(arg: &Cells, from: Type, frame: Frame<'_>, budget: u64) -> Result<Values> {
    let mut builder = TextBuilder::new(frame.len, budget);
    // Each text is made here and then copied, so that one buffer serves all rows.
    let mut text: Vec<u8> = Vec::new();
    for at in 0..frame.len {
        text.clear();
        if frame.validity.is_none_or(|bits| bits[at]) {
            match from {
                Type::Bool => text.put(if arg.bools()?.at(at) { b"true" } else { b"false" }),
                Type::Bytes => text.put(BASE64.encode(arg.texts()?.at(at)).as_bytes()),
                Type::Date => text.put(&date_text(arg.numbers()?.at(at) as i32)),
                Type::Decimal { scale, .. } => write_decimal(&mut text, arg.numbers()?.at(at), scale),
                Type::Int => write_int(&mut text, arg.numbers()?.at(at) as i64),
                Type::String => text.put(arg.texts()?.at(at)),
                Type::Timestamp => {
                    let (written, len) = timestamp_text(arg.numbers()?.at(at) as i64);
                    text.put(&written[..len]);
                }
            }
        }
        builder.push(&[&text])?;
    }
    Ok(builder.finish())
}
