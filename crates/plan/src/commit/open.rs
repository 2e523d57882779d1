//! Opening one leaf of a table's root, without the rest of the table.

use alloc::vec::Vec;

use proofmark_core::{
    Digest,
    merkle::{inclusion_path, root_from_path},
};

use super::{
    CommitErrorKind, MAX_ROWS_PER_LEAF, ROWS, TABLE_HEADER, TABLE_HEADER_BYTES, decode_rows, hash, header,
    schema_digest, write_rows,
};
use crate::{
    types::Schema,
    value::{Table, Value},
};

/// Two leaves of a table and their audit paths: the header, which says how large the table is, and a leaf of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Preimage of leaf 0.
    pub header: Vec<u8>,
    /// From leaf 0 to the root.
    pub header_path: Vec<[u8; 32]>,
    /// Preimage of the leaf of rows.
    pub rows: Vec<u8>,
    /// Which leaf of rows it is, counting from zero.
    pub index: u64,
    /// From that leaf to the root.
    pub rows_path: Vec<[u8; 32]>,
}

/// What an opening shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The rows.
    pub table: Table,
    /// The index of the first of them in the whole table.
    pub first_row: u64,
    /// Rows of the whole table.
    pub of_rows: u64,
}

/// Opens leaf `index` of the rows of `table`; `None` if there is no such leaf.
///
/// # Panics
/// If `rows_per_leaf` is not from 1 to [`MAX_ROWS_PER_LEAF`].
pub fn open(table: &Table, rows_per_leaf: u16, salt: &[u8; 32], index: u64) -> Option<Opening> {
    assert!((1..=MAX_ROWS_PER_LEAF).contains(&rows_per_leaf), "rows in a leaf are from 1 to 1024");
    let per_leaf = usize::from(rows_per_leaf);
    let wanted = usize::try_from(index).ok()?;
    if wanted >= table.rows.div_ceil(per_leaf) {
        return None;
    }
    let header = header(&Value::Table(table.clone()), rows_per_leaf, salt);
    let mut hashes = alloc::vec![hash(&header)];
    let mut rows = Vec::new();
    for (at, start) in (0..table.rows).step_by(per_leaf).enumerate() {
        let mut leaf = Vec::new();
        write_rows(table, start..table.rows.min(start + per_leaf), &mut leaf);
        hashes.push(hash(&leaf));
        if at == wanted {
            rows = leaf;
        }
    }
    let header_path = inclusion_path(&hashes, 0)?;
    let rows_path = inclusion_path(&hashes, wanted + 1)?;
    Some(Opening { header, header_path, rows, index, rows_path })
}

impl Opening {
    /// The rows, if this is an opening of `root` and of a table with this schema.
    ///
    /// # Errors
    /// [`CommitErrorKind::Header`] if a path does not lead to the root, else as for decoding. Whoever made the opening
    /// is at fault.
    pub fn verify(&self, root: &Digest, schema: &Schema) -> Result<Opened, CommitErrorKind> {
        let header = &self.header;
        if header.len() != TABLE_HEADER_BYTES || header[..2] != TABLE_HEADER {
            return Err(CommitErrorKind::Header);
        }
        if header[12..44] != schema_digest(schema) {
            return Err(CommitErrorKind::Schema);
        }
        let per_leaf = u64::from(u16::from_le_bytes([header[2], header[3]]));
        let mut of_rows = [0; 8];
        of_rows.copy_from_slice(&header[4..12]);
        let of_rows = u64::from_le_bytes(of_rows);
        if per_leaf == 0 || per_leaf > u64::from(MAX_ROWS_PER_LEAF) {
            return Err(CommitErrorKind::Header);
        }
        let leaves = of_rows.div_ceil(per_leaf);
        if self.index >= leaves {
            return Err(CommitErrorKind::Header);
        }
        let trees = leaves.checked_add(1).ok_or(CommitErrorKind::Header)?;
        let leads = |preimage: &[u8], index, path| {
            root_from_path(hash(preimage), index, trees, path).map(Digest::sha256) == Some(*root)
        };
        if !leads(header, 0, &self.header_path) || !leads(&self.rows, self.index + 1, &self.rows_path) {
            return Err(CommitErrorKind::Header);
        }
        let first_row = self.index * per_leaf;
        let table = decode_rows(self.rows.clone(), schema)?;
        if self.rows[..2] != ROWS || table.rows as u64 != per_leaf.min(of_rows - first_row) {
            return Err(CommitErrorKind::Header);
        }
        Ok(Opened { table, first_row, of_rows })
    }
}
