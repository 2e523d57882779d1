//! Rows from two columns, Kleene logic, and the least or greatest of several columns.

use alloc::{sync::Arc, vec::Vec};
use core::cmp::Ordering;

use super::{
    super::error::{ExecErrorKind, Result},
    cells::{Cells, Frame, TextBuilder},
};
use crate::{
    typed::Scalar,
    types::Type,
    value::{Text, Values},
};

/// One of the two columns that `blend` reads.
pub(super) struct Part {
    cells: Cells,
    /// Whether it holds values only for the rows that take it, rather than for all.
    compact: bool,
}

impl Part {
    pub(super) fn compact(cells: Cells) -> Self {
        Self { cells, compact: true }
    }

    pub(super) fn dense(cells: Cells) -> Self {
        Self { cells, compact: false }
    }
}

/// The values of the first part where `mask` is true, of the second elsewhere.
pub(super) fn blend(mask: &[bool], parts: [Part; 2], ty: Type, budget: u64) -> Result<Cells> {
    let [first, second] = parts;
    let rows = mask.len();
    let choice = Choice { mask, compact: [first.compact, second.compact] };
    let columns = [first.cells.into_column(ty, rows), second.cells.into_column(ty, rows)];
    let [left, right] = [&*columns[0], &*columns[1]];
    let values = match (&left.values, &right.values) {
        (Values::Bool(left), Values::Bool(right)) => Values::Bool(choice.pick(left, right)),
        (Values::Narrow(left), Values::Narrow(right)) => Values::Narrow(choice.pick(left, right)),
        (Values::Wide(left), Values::Wide(right)) => Values::Wide(choice.pick(left, right)),
        (Values::Text(left), Values::Text(right)) if Arc::ptr_eq(&left.heap, &right.heap) => {
            Values::Text(Text { heap: left.heap.clone(), spans: choice.pick(&left.spans, &right.spans) })
        }
        (Values::Text(left), Values::Text(right)) => {
            let mut builder = TextBuilder::new(rows, budget);
            for (of_first, at) in choice.places() {
                builder.push(&[if of_first { left.get(at) } else { right.get(at) }])?;
            }
            builder.finish()
        }
        _ => return Err(ExecErrorKind::BadPlan("branches of different types")),
    };
    let validity = match (&left.validity, &right.validity) {
        (None, None) => None,
        (left, right) => {
            let valid = |side: &Option<Vec<bool>>, at: usize| side.as_ref().is_none_or(|bits| bits[at]);
            Some(
                choice
                    .places()
                    .map(|(of_first, at)| valid(if of_first { left } else { right }, at))
                    .collect(),
            )
        }
    };
    Ok(Cells::new(values, validity))
}

struct Choice<'a> {
    mask: &'a [bool],
    compact: [bool; 2],
}

impl Choice<'_> {
    /// For each row, whether it is of the first part, and where it is there.
    fn places(&self) -> impl Iterator<Item = (bool, usize)> {
        let [compact_first, compact_second] = self.compact;
        let mut taken = 0;
        self.mask.iter().enumerate().map(move |(at, bit)| {
            let place = if *bit {
                if compact_first { taken } else { at }
            } else if compact_second {
                at - taken
            } else {
                at
            };
            taken += usize::from(*bit);
            (*bit, place)
        })
    }

    fn pick<T: Copy>(&self, left: &[T], right: &[T]) -> Vec<T> {
        let mut out = Vec::with_capacity(self.mask.len());
        out.extend(self.places().map(|(of_first, at)| if of_first { left[at] } else { right[at] }));
        out
    }
}

/// Kleene's connective: `decided` if a side is, null if a side is null, else its opposite.
pub(super) fn kleene(left: &Cells, right: &Cells, decided: bool, len: usize) -> Result<Cells> {
    if let (Cells::Constant(left), Cells::Constant(right)) = (left, right) {
        let settled = [left, right].contains(&&Scalar::Bool(decided));
        let unknown = [left, right].contains(&&Scalar::Null);
        return Ok(Cells::Constant(match (settled, unknown) {
            (true, _) => Scalar::Bool(decided),
            (_, true) => Scalar::Null,
            _ => Scalar::Bool(!decided),
        }));
    }
    let (a, b) = (left.bools()?, right.bools()?);
    let nulls = [left, right].iter().any(|side| side.validity().is_some() || side.is_null_constant());
    if !nulls {
        let bits = if decided {
            (0..len).map(|at| a.at(at) | b.at(at)).collect()
        } else {
            (0..len).map(|at| a.at(at) & b.at(at)).collect()
        };
        return Ok(Cells::new(Values::Bool(bits), None));
    }
    let valid =
        |side: &Cells, at: usize| !side.is_null_constant() && side.validity().is_none_or(|bits| bits[at]);
    let mut values = Vec::with_capacity(len);
    let mut validity = Vec::with_capacity(len);
    for at in 0..len {
        let (known_a, known_b) = (valid(left, at), valid(right, at));
        let settled = (known_a && a.at(at) == decided) || (known_b && b.at(at) == decided);
        let known = settled || (known_a && known_b);
        validity.push(known);
        values.push(known && (settled == decided));
    }
    Ok(Cells::new(Values::Bool(values), Some(validity)))
}

/// The smallest, or largest, of the operands in each row.
pub(super) fn extreme(
    args: &[Cells],
    ty: Type,
    largest: bool,
    frame: Frame<'_>,
    budget: u64,
) -> Result<Values> {
    let wanted = if largest { Ordering::Greater } else { Ordering::Less };
    match ty {
        Type::Bool => {
            let args = args.iter().map(Cells::bools).collect::<Result<Vec<_>>>()?;
            Ok(Values::Bool(frame.fill(|at| {
                let mut bits = args.iter().map(|arg| arg.at(at));
                if largest { bits.any(|bit| bit) } else { bits.all(|bit| bit) }
            })))
        }
        Type::String | Type::Bytes => {
            let args = args.iter().map(Cells::texts).collect::<Result<Vec<_>>>()?;
            let mut builder = TextBuilder::new(frame.len, budget);
            for at in 0..frame.len {
                let valid = frame.validity.is_none_or(|bits| bits[at]);
                let best = args
                    .iter()
                    .map(|arg| arg.at(at))
                    .reduce(|best, next| if next.cmp(best) == wanted { next } else { best });
                builder.push(&[best.filter(|_| valid).unwrap_or(&[])])?;
            }
            Ok(builder.finish())
        }
        _ => {
            let args = args.iter().map(Cells::numbers).collect::<Result<Vec<_>>>()?;
            let best = |at: usize| {
                let first = args[0].at(at);
                args[1..]
                    .iter()
                    .map(|arg| arg.at(at))
                    .fold(first, |best, next| if next.cmp(&best) == wanted { next } else { best })
            };
            Ok(if ty.is_wide() {
                Values::Wide(frame.fill(best))
            } else {
                Values::Narrow(frame.fill(|at| best(at) as i64))
            })
        }
    }
}
