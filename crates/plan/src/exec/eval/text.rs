//! Functions of texts and byte strings.

use alloc::{sync::Arc, vec::Vec};

use proofmark_core::sha256::Sha256;

use super::{
    super::error::{ExecErrorKind, Result},
    cells::{Cells, Frame, TextBuilder, Texts},
};
use crate::{
    expr::Function,
    types::Type,
    value::{Text, Values},
};

/// Calls `f` for each position that is not null and pushes an empty text elsewhere.
fn build(frame: Frame<'_>, budget: u64, f: impl Fn(&mut TextBuilder, usize) -> Result<()>) -> Result<Values> {
    let mut builder = TextBuilder::new(frame.len, budget);
    for at in 0..frame.len {
        if frame.validity.is_none_or(|bits| bits[at]) {
            f(&mut builder, at)?;
        } else {
            builder.push(&[])?;
        }
    }
    Ok(builder.finish())
}

/// `s + t`.
pub(super) fn concat(args: &[Cells], frame: Frame<'_>, budget: u64) -> Result<Values> {
    let (a, b) = (args[0].texts()?, args[1].texts()?);
    build(frame, budget, |builder, at| builder.push(&[a.at(at), b.at(at)]))
}

/// `startsWith`, `endsWith`, `contains`.
pub(super) fn test(function: Function, args: &[Cells], frame: Frame<'_>) -> Result<Values> {
    let (a, b) = (args[0].texts()?, args[1].texts()?);
    Ok(Values::Bool(match function {
        Function::StartsWith => frame.fill(|at| a.at(at).starts_with(b.at(at))),
        Function::EndsWith => frame.fill(|at| a.at(at).ends_with(b.at(at))),
        _ => frame.fill(|at| contains(a.at(at), b.at(at))),
    }))
}

/// Two-way search of the standard library where both are UTF-8, which strings are.
fn contains(text: &[u8], part: &[u8]) -> bool {
    match (core::str::from_utf8(text), core::str::from_utf8(part)) {
        (Ok(text), Ok(part)) => text.contains(part),
        _ => part.is_empty() || text.windows(part.len()).any(|window| window == part),
    }
}

/// `lowerAscii`, `upperAscii`.
pub(super) fn change_case(function: Function, arg: &Cells, frame: Frame<'_>, budget: u64) -> Result<Values> {
    let a = arg.texts()?;
    build(frame, budget, |builder, at| {
        if function == Function::LowerAscii {
            builder.push_with(a.at(at), |text| text.make_ascii_lowercase())
        } else {
            builder.push_with(a.at(at), |text| text.make_ascii_uppercase())
        }
    })
}

/// `size`: code points of a string, bytes of a byte string.
pub(super) fn size(arg: &Cells, ty: Type, frame: Frame<'_>) -> Result<Values> {
    let a = arg.texts()?;
    Ok(Values::Narrow(match ty {
        Type::String => frame.fill(|at| code_points(a.at(at)) as i64),
        _ => frame.fill(|at| a.at(at).len() as i64),
    }))
}

fn code_points(text: &[u8]) -> usize {
    text.iter().filter(|byte| starts_code_point(**byte)).count()
}

/// Whether a byte of UTF-8 text begins a code point, rather than continuing one.
fn starts_code_point(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// `sha256`.
pub(super) fn sha256(arg: &Cells, frame: Frame<'_>, budget: u64) -> Result<Values> {
    let a = arg.texts()?;
    build(frame, budget, |builder, at| {
        let mut hasher = Sha256::new();
        hasher.update(a.at(at));
        builder.push(&[&hasher.finish()])
    })
}

/// `substring`, `trim`: places in the same heap.
pub(super) fn cut(function: Function, args: &[Cells], frame: Frame<'_>) -> Result<Values> {
    let bounds = match function {
        Function::Substring => Some((args[1].numbers()?, args[2].numbers()?)),
        _ => None,
    };
    let piece = |at: usize, text: &[u8]| match bounds {
        Some((from, to)) => substring(text, from.at(at), to.at(at)),
        None => trim(text),
    };
    let shared;
    let (heap, base): (Arc<Vec<u8>>, &dyn Fn(usize) -> u32) = match args[0].texts()? {
        Texts::Many(text) => {
            shared = |at: usize| text.spans[at].0;
            (text.heap.clone(), &shared)
        }
        Texts::One(bytes) => (Arc::new(bytes.to_vec()), &|_| 0),
    };
    let texts = args[0].texts()?;
    let spans = frame.fill(|at| {
        let (start, len) = piece(at, texts.at(at));
        (base(at) + start as u32, len as u32)
    });
    let end = heap.len() as u64;
    if spans.iter().any(|(start, len)| u64::from(*start) + u64::from(*len) > end) {
        return Err(ExecErrorKind::BadPlan("a text outside its heap"));
    }
    Ok(Values::Text(Text { heap, spans }))
}

/// Start and length in bytes of the code points `from .. to`, clamped to the text.
fn substring(text: &[u8], from: i128, to: i128) -> (usize, usize) {
    let from = usize::try_from(from.max(0)).unwrap_or(usize::MAX);
    let to = usize::try_from(to.max(0)).unwrap_or(usize::MAX);
    if to <= from {
        return (0, 0);
    }
    let mut starts = text.iter().enumerate().filter(|(_, byte)| starts_code_point(**byte)).map(|(at, _)| at);
    let Some(start) = starts.nth(from) else { return (0, 0) };
    let end = starts.nth(to - from - 1).unwrap_or(text.len());
    (start, end - start)
}

fn trim(text: &[u8]) -> (usize, usize) {
    let trimmed = text.trim_ascii_start();
    let start = text.len() - trimmed.len();
    (start, trimmed.trim_ascii_end().len())
}
