//! Evaluated expressions: a constant or a column, and the rows that they stand for.

use alloc::{sync::Arc, vec, vec::Vec};

use super::super::error::{ExecErrorKind, Fault, LimitKind, Result};
use crate::{
    typed::Scalar,
    types::Type,
    value::{ColumnData, Text, Values},
};

/// The rows of a table that an expression is evaluated for. Results are dense: one value for each live row.
#[derive(Clone, Copy, Debug)]
pub(in crate::exec) enum Live<'a> {
    /// This many, from the first on.
    All(usize),
    /// These, ascending.
    Some(&'a [u32]),
}

impl Live<'_> {
    pub(super) fn len(self) -> usize {
        match self {
            Self::All(rows) => rows,
            Self::Some(rows) => rows.len(),
        }
    }

    /// The row of the table that is live at position `at`.
    pub(super) fn row(self, at: usize) -> usize {
        match self {
            Self::All(_) => at,
            Self::Some(rows) => rows.get(at).map_or(0, |row| *row as usize),
        }
    }

    /// The rows at the positions where `mask` is `wanted`.
    pub(super) fn restrict(self, mask: &[bool], wanted: bool) -> Vec<u32> {
        let positions = mask.iter().enumerate().filter(|(_, bit)| **bit == wanted);
        positions.map(|(at, _)| self.row(at) as u32).collect()
    }
}

/// An evaluated expression.
#[derive(Clone, Debug)]
pub(in crate::exec) enum Cells {
    /// One value per live row.
    Column(Arc<ColumnData>),
    /// The same value in every row.
    Constant(Scalar),
}

impl Cells {
    pub(super) fn new(values: Values, validity: Option<Vec<bool>>) -> Self {
        Self::Column(Arc::new(ColumnData { values, validity }))
    }

    pub(super) fn is_null_constant(&self) -> bool {
        matches!(self, Self::Constant(Scalar::Null))
    }

    /// Which values are there, if some may not be.
    pub(super) fn validity(&self) -> Option<&[bool]> {
        match self {
            Self::Column(column) => column.validity.as_deref(),
            Self::Constant(_) => None,
        }
    }

    /// As a column of `len` values of type `ty`.
    pub(in crate::exec) fn into_column(self, ty: Type, len: usize) -> Arc<ColumnData> {
        match self {
            Self::Column(column) => column,
            Self::Constant(scalar) => Arc::new(broadcast(&scalar, ty, len)),
        }
    }

    pub(super) fn numbers(&self) -> Result<Numbers<'_>> {
        match self {
            Self::Column(column) => match &column.values {
                Values::Narrow(values) => Ok(Numbers::Narrow(values)),
                Values::Wide(values) => Ok(Numbers::Wide(values)),
                _ => Err(ExecErrorKind::BadPlan("an operand is not a number")),
            },
            Self::Constant(Scalar::Number(value)) => Ok(Numbers::One(*value)),
            Self::Constant(Scalar::Null) => Ok(Numbers::One(0)),
            Self::Constant(_) => Err(ExecErrorKind::BadPlan("an operand is not a number")),
        }
    }

    pub(super) fn texts(&self) -> Result<Texts<'_>> {
        match self {
            Self::Column(column) => match &column.values {
                Values::Text(text) => Ok(Texts::Many(text)),
                _ => Err(ExecErrorKind::BadPlan("an operand is not a text")),
            },
            Self::Constant(Scalar::Bytes(bytes)) => Ok(Texts::One(bytes)),
            Self::Constant(Scalar::Null) => Ok(Texts::One(&[])),
            Self::Constant(_) => Err(ExecErrorKind::BadPlan("an operand is not a text")),
        }
    }

    pub(super) fn bools(&self) -> Result<Bools<'_>> {
        match self {
            Self::Column(column) => match &column.values {
                Values::Bool(values) => Ok(Bools::Many(values)),
                _ => Err(ExecErrorKind::BadPlan("an operand is not a bool")),
            },
            Self::Constant(Scalar::Bool(value)) => Ok(Bools::One(*value)),
            Self::Constant(Scalar::Null) => Ok(Bools::One(false)),
            Self::Constant(_) => Err(ExecErrorKind::BadPlan("an operand is not a bool")),
        }
    }
}

/// Numbers of any width.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    Narrow(&'a [i64]),
    One(i128),
    Wide(&'a [i128]),
}

impl Numbers<'_> {
    #[inline]
    pub(super) fn at(self, at: usize) -> i128 {
        match self {
            Self::Narrow(values) => i128::from(values[at]),
            Self::One(value) => value,
            Self::Wide(values) => values[at],
        }
    }
}

/// Texts or byte strings.
#[derive(Clone, Copy)]
pub(super) enum Texts<'a> {
    Many(&'a Text),
    One(&'a [u8]),
}

impl<'a> Texts<'a> {
    #[inline]
    pub(super) fn at(self, at: usize) -> &'a [u8] {
        match self {
            Self::Many(text) => text.get(at),
            Self::One(bytes) => bytes,
        }
    }
}

/// Truth values; a null is false.
#[derive(Clone, Copy)]
pub(super) enum Bools<'a> {
    Many(&'a [bool]),
    One(bool),
}

impl Bools<'_> {
    #[inline]
    pub(super) fn at(self, at: usize) -> bool {
        match self {
            Self::Many(values) => values[at],
            Self::One(value) => value,
        }
    }
}

/// `len` copies of a scalar.
fn broadcast(scalar: &Scalar, ty: Type, len: usize) -> ColumnData {
    let validity = matches!(scalar, Scalar::Null).then(|| vec![false; len]);
    let number = if let Scalar::Number(number) = scalar { *number } else { 0 };
    let values = match ty {
        Type::Bool => Values::Bool(vec![matches!(scalar, Scalar::Bool(true)); len]),
        Type::Bytes | Type::String => {
            let bytes: &[u8] = if let Scalar::Bytes(bytes) = scalar { bytes } else { &[] };
            Values::Text(Text { heap: Arc::new(bytes.to_vec()), spans: vec![(0, bytes.len() as u32); len] })
        }
        _ if ty.is_wide() => Values::Wide(vec![number; len]),
        _ => Values::Narrow(vec![number as i64; len]),
    };
    ColumnData { values, validity }
}

/// The value in `row` of a column.
pub(in crate::exec) fn scalar_at(column: &ColumnData, row: usize) -> Scalar {
    if column.validity.as_ref().is_some_and(|validity| !validity[row]) {
        return Scalar::Null;
    }
    match &column.values {
        Values::Bool(values) => Scalar::Bool(values[row]),
        Values::Narrow(values) => Scalar::Number(i128::from(values[row])),
        Values::Text(text) => Scalar::Bytes(text.get(row).into()),
        Values::Wide(values) => Scalar::Number(values[row]),
    }
}

/// Where the values of a kernel go: how many, which are null, which rows they are.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) len: usize,
    pub(super) validity: Option<&'a [bool]>,
    pub(super) live: Live<'a>,
}

impl Frame<'_> {
    /// One value per position from a function that cannot fail; nulls hold the default.
    #[inline]
    pub(super) fn fill<T: Default>(&self, mut f: impl FnMut(usize) -> T) -> Vec<T> {
        match self.validity {
            None => (0..self.len).map(f).collect(),
            Some(validity) => {
                (0..self.len).map(|at| if validity[at] { f(at) } else { T::default() }).collect()
            }
        }
    }

    /// One value per position, or the error of the lowest row that fails.
    #[inline]
    pub(super) fn try_fill<T: Default>(
        &self,
        mut f: impl FnMut(usize) -> core::result::Result<T, Fault>,
    ) -> Result<Vec<T>> {
        let mut failed = None;
        // The loop goes on after a failure: without an exit it needs no capacity checks.
        let out = self.fill(|at| match f(at) {
            Ok(value) => value,
            Err(fault) => {
                failed.get_or_insert((at, fault));
                T::default()
            }
        });
        match failed {
            None => Ok(out),
            Some((at, fault)) => Err(fault.at(self.live.row(at))),
        }
    }
}

/// The validity of a strict operator's result: valid where all operands are.
pub(super) fn all_valid(operands: &[Cells]) -> Option<Vec<bool>> {
    let mut result: Option<Vec<bool>> = None;
    for validity in operands.iter().filter_map(Cells::validity) {
        match &mut result {
            None => result = Some(validity.to_vec()),
            Some(result) => result.iter_mut().zip(validity).for_each(|(left, right)| *left &= right),
        }
    }
    result
}

/// Builds texts one after the other within a memory budget.
pub(super) struct TextBuilder {
    heap: Vec<u8>,
    spans: Vec<(u32, u32)>,
    budget: u64,
}

impl TextBuilder {
    pub(super) fn new(rows: usize, budget: u64) -> Self {
        Self { heap: Vec::new(), spans: Vec::with_capacity(rows), budget }
    }

    /// Appends a text made of `parts`.
    pub(super) fn push(&mut self, parts: &[&[u8]]) -> Result<()> {
        let start = self.heap.len();
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let needed = start as u64 + len as u64;
        let limit = self.budget.min(u64::from(u32::MAX));
        if needed > limit {
            return Err(ExecErrorKind::LimitExceeded { which: LimitKind::MemoryBytes, limit, needed });
        }
        for part in parts {
            self.heap.extend_from_slice(part);
        }
        self.spans.push((start as u32, len as u32));
        Ok(())
    }

    /// Appends a text, changed in place by `f`, which keeps its length.
    pub(super) fn push_with(&mut self, text: &[u8], f: impl Fn(&mut [u8])) -> Result<()> {
        let start = self.heap.len();
        self.push(&[text])?;
        f(&mut self.heap[start..]);
        Ok(())
    }

    pub(super) fn finish(self) -> Values {
        Values::Text(Text { heap: Arc::new(self.heap), spans: self.spans })
    }
}
