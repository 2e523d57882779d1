//! The canonical leaves of a table, as far as they are public: what lies where, and how much there may be.
//!
//! A leaf of `k` rows is, in words of four bytes (see the book's chapter on commitments),
//!
//! ```text
//!     1 word       00, 01, k
//!     per column   ceil(k / 32) words of validity, if it may be null
//!                  k · width / 4 words of numbers, or ceil(k / 4) words of truth values,
//!                  or k words of lengths and ceil(content / 4) words of texts
//! ```
//!
//! Every leaf but the last has `k` rows where `k` is public, so the only unknowns are the rows of the last leaf and
//! the lengths of texts; all places are linear in these numbers.

use alloc::vec::Vec;

use proofmark_plan::{
    commit::MAX_ROWS_PER_LEAF,
    types::{Schema, Type},
};

use super::{
    error::Unsupported,
    sha::{PLACE_BITS, ROWS},
};
use crate::{
    air::{Chip, Node},
    compile::MAX_LOG_HEIGHT,
    statement::TableBounds,
    table::{TEXT_CLASSES, is_text},
};

/// Most leaves with rows: message ids have 13 bits, one for the header, one for each leaf, one for each inner node.
const MAX_LEAVES: u32 = (1 << 12) - 1;

/// Most bytes of a text column in a leaf.
const MAX_TEXT_BYTES: u32 = (1 << 14) - 1;

/// Logarithm of the most rows of all tables with hashes together.
const MAX_LOG_HASH_ROWS: u32 = MAX_LOG_HEIGHT;

/// Rows that are worth a second table with hashes: about a second.
const WORTHWHILE_ROWS: u32 = 1 << 12;

/// What a column's cells are in a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    /// Two's complement in so many words.
    Number {
        words: u32,
    },
    /// At most so many bytes.
    Text {
        bound: u8,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) nullable: bool,
    pub(super) kind: Kind,
}

/// The public part of the leaves of a table.
#[derive(Clone, Debug)]
pub(super) struct Format {
    pub(super) fields: Vec<Field>,
    pub(super) rows_per_leaf: u32,
    /// Most leaves with rows.
    pub(super) leaves: u32,
    /// Most words, over all leaves, that are gathered from several rows.
    pub(super) gathered: u32,
    /// Logarithm of the rows of each table with hashes.
    pub(super) hash_heights: Vec<u32>,
}

/// Expressions that decide where things lie in a leaf.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    /// Rows of the leaf.
    pub(super) rows: Node,
    /// A quarter of them, rounded up; there if a column is of truth values.
    pub(super) quarters: Option<Node>,
    /// A thirty-second of them, rounded up; there if a column may be null.
    pub(super) bitmaps: Option<Node>,
    /// For each text column the words of its texts.
    pub(super) texts: Vec<Node>,
}

impl Counts {
    /// All of them, in the order of messages.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let optional = [Some(self.rows), self.quarters, self.bitmaps];
        optional.into_iter().flatten().chain(self.texts.iter().copied()).collect()
    }
}

/// Where a column starts in its leaf, in words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) validity: Node,
    pub(super) values: Node,
    /// Of the bytes of texts.
    pub(super) content: Node,
}

impl Format {
    pub(super) fn new(
        schema: &Schema,
        bounds: &TableBounds,
        rows_per_leaf: u16,
        least_log_height: u32,
    ) -> Result<Self, Unsupported> {
        if !(1..=MAX_ROWS_PER_LEAF).contains(&rows_per_leaf) {
            return Err(Unsupported::RowsPerLeaf);
        }
        let most = (1 << MAX_LOG_HEIGHT) - 1;
        if bounds.rows > most {
            return Err(Unsupported::TooManyRows { most });
        }
        let rows_per_leaf = u32::from(rows_per_leaf);
        let leaves = bounds.rows.div_ceil(rows_per_leaf);
        if leaves > MAX_LEAVES {
            return Err(Unsupported::TooManyLeaves { most: MAX_LEAVES });
        }
        let mut texts = bounds.text_bytes.iter();
        let mut fields = Vec::with_capacity(schema.len());
        for column in schema.columns() {
            let kind = match (column.ty.ty, column.ty.ty.width()) {
                (Type::Bool, _) => Kind::Bool,
                (_, Some(width)) => Kind::Number { words: width as u32 / 4 },
                (_, None) => {
                    debug_assert!(is_text(column.ty), "all other types have a width");
                    let bound = *texts.next().ok_or(Unsupported::TextBounds)?;
                    if !TEXT_CLASSES.contains(&bound) {
                        return Err(Unsupported::LongTexts { bound });
                    }
                    if u32::from(bound) * rows_per_leaf > MAX_TEXT_BYTES {
                        return Err(Unsupported::TextsTooLong);
                    }
                    Kind::Text { bound }
                }
            };
            fields.push(Field { nullable: column.ty.nullable, kind });
        }
        if texts.next().is_some() {
            return Err(Unsupported::TextBounds);
        }
        let mut format = Self { fields, rows_per_leaf, leaves, gathered: 0, hash_heights: Vec::new() };
        let (words, gathered) = format.longest_leaf();
        // The padding takes up to sixteen words more.
        if words + 32 > 1 << PLACE_BITS {
            return Err(Unsupported::LeafTooLong { most: 4 * ((1 << PLACE_BITS) - 32) });
        }
        format.gathered = gathered * leaves;
        let blocks = (words + 3).div_ceil(16);
        format.hash_heights =
            hash_heights(leaves, blocks, least_log_height).ok_or(Unsupported::TooMuchData {
                blocks: u64::from(leaves) * u64::from(blocks + 2) + 2,
                most: 1 << (MAX_LOG_HASH_ROWS - ROWS.ilog2()),
            })?;
        Ok(format)
    }

    pub(super) fn has_bools(&self) -> bool {
        self.fields.iter().any(|field| field.kind == Kind::Bool)
    }

    pub(super) fn has_nulls(&self) -> bool {
        self.fields.iter().any(|field| field.nullable)
    }

    /// The words of the longest leaf, and how many of them are gathered.
    fn longest_leaf(&self) -> (u32, u32) {
        let rows = self.rows_per_leaf;
        let (mut words, mut gathered) = (1, 0);
        for field in &self.fields {
            let validity = if field.nullable { rows.div_ceil(32) } else { 0 };
            let (own, shared) = match field.kind {
                Kind::Bool => (0, rows.div_ceil(4)),
                Kind::Number { words } => (words * rows, 0),
                Kind::Text { bound } => (rows, (u32::from(bound) * rows).div_ceil(4)),
            };
            words += own + shared + validity;
            gathered += shared + validity;
        }
        (words, gathered)
    }

    /// Where each column starts, and the words of the leaf.
    pub(super) fn places(&self, chip: &mut Chip, counts: &Counts) -> (Vec<Place>, Node) {
        let mut at = chip.int(1);
        let mut texts = counts.texts.iter();
        let mut places = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let validity = at;
            if let (true, Some(bitmaps)) = (field.nullable, counts.bitmaps) {
                at = chip.add(at, bitmaps);
            }
            let values = at;
            let mut content = at;
            match field.kind {
                Kind::Bool => {
                    if let Some(quarters) = counts.quarters {
                        at = chip.add(at, quarters);
                    }
                }
                Kind::Number { words } => {
                    let length = chip.scale(counts.rows, words.into());
                    at = chip.add(at, length);
                }
                Kind::Text { .. } => {
                    content = chip.add(at, counts.rows);
                    at = content;
                    if let Some(text) = texts.next() {
                        at = chip.add(at, *text);
                    }
                }
            }
            places.push(Place { validity, values, content });
        }
        (places, at)
    }
}

/// Heights of one or two tables that hold all messages: `leaves` of at most so many blocks, and as many inner nodes
/// and one header of two blocks each. Two if that saves a good part of the rows.
fn hash_heights(leaves: u32, blocks: u32, least_log_height: u32) -> Option<Vec<u32>> {
    let fits = |heights: &[u32]| {
        let (mut left, mut pairs) = (leaves, 0);
        for height in heights {
            let capacity = (1u32 << height) / ROWS as u32;
            let here = left.min(capacity / blocks);
            left -= here;
            pairs += (capacity - here * blocks) / 2;
        }
        left == 0 && pairs > leaves
    };
    let one = (least_log_height..=MAX_LOG_HASH_ROWS).find(|height| fits(&[*height]));
    let two = (least_log_height..MAX_LOG_HASH_ROWS)
        .flat_map(|large| (least_log_height..large).map(move |small| [large, small]))
        .filter(|heights| fits(heights))
        .min_by_key(|heights| (1u32 << heights[0]) + (1 << heights[1]));
    match (one, two) {
        // A second table has to pay for what it adds to the proof, more than half a megabyte.
        (Some(one), Some([large, small])) if (1u32 << large) + (1 << small) + WORTHWHILE_ROWS <= 1 << one => {
            Some(alloc::vec![large, small])
        }
        (Some(one), _) => Some(alloc::vec![one]),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_with_hashes_hold_every_message() {
        for (leaves, blocks, heights) in [
            (157, 33, &[14, 13][..]),
            (157, 17, &[13, 12]),
            (0, 1, &[8]),
            (15, 33, &[12]),
            (20, 33, &[12]),
            (4000, 33, &[]),
        ] {
            let found = hash_heights(leaves, blocks, 8).unwrap_or_default();
            assert_eq!(found, heights, "{leaves} leaves of {blocks} blocks");
        }
    }
}
