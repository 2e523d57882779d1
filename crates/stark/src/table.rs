//! How the rows of a table become field elements: the encoding that digests are of.
//!
//! Every column is a number between public bounds, a bit, or a text; a text of at most `w` bytes is the number
//! `bytes · 256 + length`, its bytes padded with zeros at the end, so numbers compare as texts do. Where a column has a
//! text of more than 30 bytes, each of its texts is the number of its hash, the first 240 bits of a SHA-256. A nullable column
//! has a bit before its value, one where the value is there; the value of a null is zero. Digits of 13 bits, from
//! the lowest, and bits are packed in the order of the schema into elements of at most 30 bits.

use alloc::{string::ToString, vec::Vec};

use ethnum::I256;
use p3_field::PrimeCharacteristicRing;
use proofmark_plan::{
    calendar::{DAY_MICROSECONDS, MAX_DATE, MIN_DATE},
    types::{ColumnType, Schema, Type},
    value::{ColumnData, Table, Values},
};
use sha2::{Digest as _, Sha256};

use crate::{
    air::F,
    gadget::{RATE, digits, encoding},
};

/// Bits of an element.
const ELEMENT_BITS: u32 = 30;

/// Text bounds, in bytes: a column's is the first that its longest text fits.
pub(crate) const TEXT_CLASSES: [u8; 5] = [3, 7, 11, 15, 30];

/// The bound of columns with longer texts: they are known by their hashes, which can be equal and have no order.
pub(crate) const HASHED: u8 = 255;

/// Bits of the hash of a text.
const HASH_BITS: u32 = 240;

/// Whether texts can have this bound.
pub(crate) fn is_text_bound(bound: u8) -> bool {
    bound == HASHED || TEXT_CLASSES.contains(&bound)
}

/// The encoding of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) columns: Vec<ColumnLayout>,
    pub(crate) iv: [F; RATE],
}

/// The encoding of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnLayout {
    pub(crate) nullable: bool,
    pub(crate) kind: Kind,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bit,
    Number { lo: I256, hi: I256 },
}

impl Layout {
    /// The encoding under a schema with text bounds for its text columns, in order. `None` if their number is not
    /// that of the text columns, or a bound is not one of `TEXT_CLASSES`.
    pub(crate) fn new(schema: &Schema, text: &[u8]) -> Option<Self> {
        let mut bounds = text.iter();
        let mut hash = Sha256::new();
        hash.update(b"proofmark table 1\0");
        hash.update(schema.to_string().as_bytes());
        let mut columns = Vec::with_capacity(schema.len());
        for column in schema.columns() {
            let bound = if is_text(column.ty) { *bounds.next()? } else { 0 };
            hash.update([0, bound]);
            columns.push(ColumnLayout { nullable: column.ty.nullable, kind: kind(column.ty.ty, bound)? });
        }
        if bounds.next().is_some() {
            return None;
        }
        let hash = hash.finalize();
        let iv = core::array::from_fn(|lane| {
            let bytes = [hash[4 * lane], hash[4 * lane + 1], hash[4 * lane + 2], hash[4 * lane + 3]];
            F::from_u32(u32::from_le_bytes(bytes) & ((1 << ELEMENT_BITS) - 1))
        });
        Some(Self { columns, iv })
    }

    /// The elements of a row.
    pub(crate) fn elements(&self, cells: impl Iterator<Item = (I256, bool)>) -> Vec<F> {
        let mut fields = Vec::new();
        for (column, (value, valid)) in self.columns.iter().zip(cells) {
            if column.nullable {
                fields.push((F::from_bool(valid), 1));
            }
            match column.kind {
                Kind::Bit => fields.push((F::from_bool(value != 0), 1)),
                Kind::Number { lo, hi } => {
                    let widths = encoding(lo, hi);
                    let digits = digits(value - lo, widths.len());
                    fields
                        .extend(digits.into_iter().zip(widths).map(|(d, (bits, _))| (F::from_u32(d), bits)));
                }
            }
        }
        pack(&fields)
            .into_iter()
            .map(|parts| parts.iter().map(|(field, shift)| *field * F::from_u32(1 << shift)).sum())
            .collect()
    }
}

/// Fields of so many bits in elements: for each element its fields and where they start in it.
pub(crate) fn pack<T: Copy>(fields: &[(T, u32)]) -> Vec<Vec<(T, u32)>> {
    let mut elements: Vec<Vec<(T, u32)>> = Vec::new();
    let mut used = ELEMENT_BITS;
    for (field, bits) in fields {
        if used + bits > ELEMENT_BITS {
            elements.push(Vec::new());
            used = 0;
        }
        if let Some(element) = elements.last_mut() {
            element.push((*field, used));
        }
        used += bits;
    }
    elements
}

pub(crate) const fn is_text(ty: ColumnType) -> bool {
    matches!(ty.ty, Type::Bytes | Type::String)
}

/// What values of a type are; `bound` is that of texts. `None` if it is no text bound.
pub(crate) fn kind(ty: Type, bound: u8) -> Option<Kind> {
    if let Type::Bool = ty {
        return Some(Kind::Bit);
    }
    let (lo, hi) = bounds(ty, bound)?;
    Some(Kind::Number { lo, hi })
}

/// The least and the largest number of a type.
pub(crate) fn bounds(ty: Type, bound: u8) -> Option<(I256, I256)> {
    Some(match ty {
        Type::Bool => (I256::ZERO, I256::ONE),
        Type::Bytes | Type::String => {
            if !is_text_bound(bound) {
                return None;
            }
            let bits = if bound == HASHED { HASH_BITS } else { 8 * (u32::from(bound) + 1) };
            (I256::ZERO, (I256::ONE << bits) - I256::ONE)
        }
        Type::Date => (I256::from(MIN_DATE), I256::from(MAX_DATE)),
        Type::Decimal { precision, .. } => {
            let most = I256::from(10).pow(precision.into()) - I256::ONE;
            (-most, most)
        }
        Type::Int => (I256::from(i64::MIN), I256::from(i64::MAX)),
        Type::Timestamp => (
            I256::from(i64::from(MIN_DATE) * DAY_MICROSECONDS),
            I256::from((i64::from(MAX_DATE) + 1) * DAY_MICROSECONDS - 1),
        ),
    })
}

/// A text as a number.
pub(crate) fn text_number(text: &[u8], bound: u8) -> I256 {
    if bound == HASHED {
        let mut hash = Sha256::new();
        hash.update(b"proofmark text 1\0");
        hash.update(text);
        let bytes = hash.finalize();
        return bytes[..HASH_BITS as usize / 8]
            .iter()
            .fold(I256::ZERO, |value, byte| (value << 8u32) | I256::from(*byte));
    }
    let mut value = I256::ZERO;
    for at in 0..usize::from(bound) {
        value = (value << 8u32) | I256::from(text.get(at).copied().unwrap_or(0));
    }
    (value << 8u32) | I256::from(text.len() as u64)
}

/// The text bounds that a table's text columns need.
pub(crate) fn text_bounds(table: &Table) -> Vec<u8> {
    let mut bounds = Vec::new();
    for data in &table.columns {
        if let Values::Text(text) = &data.values {
            let longest = text.iter().map(<[u8]>::len).max().unwrap_or(0);
            let class = TEXT_CLASSES.iter().find(|class| usize::from(**class) >= longest);
            bounds.push(class.copied().unwrap_or(HASHED));
        }
    }
    bounds
}

/// The columns of a table as numbers.
pub(crate) struct Columns {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<Numbers>,
}

/// A column as numbers.
pub(crate) struct Numbers {
    values: Vec<I256>,
    validity: Option<Vec<bool>>,
}

impl Numbers {
    pub(crate) fn at(&self, row: usize) -> (I256, bool) {
        (self.values[row], self.validity.as_ref().is_none_or(|bits| bits[row]))
    }
}

impl Columns {
    /// The numbers of a table, or `None` if a value is not of its column's encoding.
    pub(crate) fn of(table: &Table, text: &[u8]) -> Option<Self> {
        let mut bounds = text.iter();
        let mut columns = Vec::with_capacity(table.columns.len());
        for (column, data) in table.schema.columns().iter().zip(&table.columns) {
            let bound = if is_text(column.ty) { *bounds.next()? } else { 0 };
            columns.push(numbers(data, column.ty.ty, bound, table.rows)?);
        }
        Some(Self { rows: table.rows, columns })
    }
}

fn numbers(data: &ColumnData, ty: Type, bound: u8, rows: usize) -> Option<Numbers> {
    if data.len() != rows {
        return None;
    }
    let mut values: Vec<I256> = match &data.values {
        Values::Bool(bits) => bits.iter().map(|bit| I256::from(u8::from(*bit))).collect(),
        Values::Narrow(values) => values.iter().map(|value| I256::from(*value)).collect(),
        Values::Wide(values) => values.iter().map(|value| I256::from(*value)).collect(),
        Values::Text(text) => {
            if bound != HASHED && text.iter().any(|value| value.len() > usize::from(bound)) {
                return None;
            }
            text.iter().map(|value| text_number(value, bound)).collect()
        }
    };
    let (lo, hi) = bounds(ty, bound)?;
    for (row, value) in values.iter_mut().enumerate() {
        if data.is_null(row) {
            *value = I256::ZERO;
        }
        if *value < lo || *value > hi {
            return None;
        }
    }
    Some(Numbers { values, validity: data.validity.clone() })
}
