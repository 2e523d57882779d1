//! Commitments to values: leaves, roots, openings (see the book's chapter on commitments).
//!
//! A leaf is kept as its *preimage*: RFC 6962's `0x00` and the leaf's content. All preimages but a file's last chunk
//! are a multiple of four bytes long, so a buffer of preimages one after the other keeps every one aligned.

mod decode;
mod encode;
mod open;

use alloc::vec::Vec;
use core::fmt;

use proofmark_core::{Digest, merkle::RootBuilder, sha256::Sha256};

use crate::{canonical, types::Schema, value::Value};

pub use decode::{Decoder, decode_rows};
pub use encode::{header, row_hashes, write_rows, write_value};
pub use open::{Opened, Opening, open};

/// The most rows in a leaf.
pub const MAX_ROWS_PER_LEAF: u16 = 1024;
/// Rows in a leaf where nothing else is said, and in every output.
pub const DEFAULT_ROWS_PER_LEAF: u16 = 64;
/// Bytes of a file in a leaf.
pub const CHUNK_BYTES: usize = 4096;
/// The salt of an unsalted root.
pub const NO_SALT: [u8; 32] = [0; 32];

/// First four bytes of preimages: `0x00`, the kind, and a number that is added to the third and fourth byte.
const TABLE_HEADER: [u8; 2] = [0, 0];
const ROWS: [u8; 2] = [0, 1];
const BYTES_HEADER: [u8; 4] = [0, 2, 0, 0];
const CHUNK: [u8; 4] = [0, 3, 0, 0];
/// Length of the preimages of headers.
const TABLE_HEADER_BYTES: usize = 76;
const BYTES_HEADER_BYTES: usize = 44;

/// The root of `value`.
///
/// # Panics
/// If `rows_per_leaf` is not from 1 to [`MAX_ROWS_PER_LEAF`]; `check` guarantees it.
pub fn root(value: &Value, rows_per_leaf: u16, salt: &[u8; 32]) -> Digest {
    assert!((1..=MAX_ROWS_PER_LEAF).contains(&rows_per_leaf), "rows in a leaf are from 1 to 1024");
    let mut tree = RootBuilder::new();
    tree.push_hash(hash(&header(value, rows_per_leaf, salt)));
    match value {
        Value::Bytes(bytes) => bytes.chunks(CHUNK_BYTES).for_each(|chunk| tree.push_hash(chunk_hash(chunk))),
        Value::Table(table) => {
            let leaves = table.rows.div_ceil(usize::from(rows_per_leaf)).max(1);
            let mut leaf = Vec::with_capacity(table.logical_bytes() as usize / leaves + 128);
            for start in (0..table.rows).step_by(usize::from(rows_per_leaf)) {
                leaf.clear();
                write_rows(table, start..table.rows.min(start + usize::from(rows_per_leaf)), &mut leaf);
                tree.push_hash(hash(&leaf));
            }
        }
    }
    Digest::sha256(tree.finish())
}

/// SHA-256 of the canonical schema under its domain.
pub fn schema_digest(schema: &Schema) -> [u8; 32] {
    let mut text = Vec::with_capacity(64 + 32 * schema.len());
    canonical::schema(&mut text, schema, &[]);
    let mut hasher = Sha256::domain("proofmark/schema/v1");
    hasher.update(&text);
    hasher.finish()
}

/// SHA-256 of a preimage: the hash of a leaf.
fn hash(preimage: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(preimage);
    hasher.finish()
}

fn chunk_hash(chunk: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(&CHUNK);
    hasher.update(chunk);
    hasher.finish()
}

/// Leaves are not the encoding of a value. Whoever sent them is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitError {
    /// What is wrong.
    pub kind: CommitErrorKind,
    /// The leaf, counting from zero; the header is leaf zero.
    pub leaf: u64,
}

/// What is wrong with leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitErrorKind {
    /// A bool is neither zero nor one.
    Bool,
    /// The beginning of the leaf is not what it must be.
    Header,
    /// A null holds something.
    Null,
    /// A number or date is outside its type.
    OutOfRange,
    /// Padding is not zero.
    Padding,
    /// The header has another schema.
    Schema,
    /// The bytes end too early.
    Truncated,
    /// A string is not UTF-8.
    Utf8,
}

impl fmt::Display for CommitErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "a bool is neither zero nor one",
            Self::Header => "its beginning is wrong",
            Self::Null => "a null holds a value",
            Self::OutOfRange => "a value is outside its type",
            Self::Padding => "padding is not zero",
            Self::Schema => "it has another schema",
            Self::Truncated => "it ends too early",
            Self::Utf8 => "a string is not UTF-8",
        })
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leaf {} is malformed: {}", self.leaf, self.kind)
    }
}

impl core::error::Error for CommitError {}

#[cfg(test)]
pub(crate) mod test_values;
#[cfg(test)]
mod tests;
