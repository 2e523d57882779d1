//! Errors.

use alloc::string::String;

/// Why there is no bridge. Unless a variant says otherwise, retrying does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The table is not of the statement's schema, or a text passes its bound.
    #[error("the table is not of its schema, or a text passes its bound")]
    BadTable,
    /// The caller stopped the proof.
    #[error("cancelled")]
    Cancelled,
    /// A commitment of the statement is not that of the table: the caller states something else than he knows.
    #[error("the {what} of the statement is not that of the table")]
    Mismatch {
        /// Which commitment.
        what: &'static str,
    },
    /// The protocol refused its own parameters: an error of this crate.
    #[error("the prover failed: {0}")]
    Internal(String),
    /// More rows than the public bound allows; a larger bound helps.
    #[error("the table has {rows} rows, its public bound is {bound}")]
    TooManyRows {
        /// Its rows.
        rows: usize,
        /// The bound.
        bound: u32,
    },
    /// There is no bridge for such tables.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// Why a bridge is refused. Retrying does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A commitment of the statement has the wrong algorithm or is not canonical.
    #[error("a commitment of the statement is not a canonical digest of its kind")]
    BadDigest,
    /// The bytes are no proof of this statement's shape.
    #[error("the proof is malformed: {0}")]
    Malformed(&'static str),
    /// The proof does not show the statement.
    #[error("the proof does not show the statement")]
    Refused,
    /// There is no bridge for such tables.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// Why tables of a schema within some bounds have no bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// The text bounds are not those of the text columns.
    #[error("text bounds do not belong to the text columns")]
    TextBounds,
    /// A leaf may hold more bytes of one text column than the gadget counts; fewer rows in a leaf help.
    #[error("a leaf may hold more than 16383 bytes of one text column: take fewer rows in a leaf")]
    TextsTooLong,
    /// A leaf may be longer than places are numbered; fewer rows in a leaf help.
    #[error("a leaf may be longer than {most} bytes: take fewer rows in a leaf")]
    LeafTooLong {
        /// The most bytes.
        most: u32,
    },
    /// Texts of this bound are not in the digest byte by byte.
    #[error("no bridge for texts with a bound of {bound} bytes, only for 3, 7, 11, 15 or 30")]
    LongTexts {
        /// The bound.
        bound: u8,
    },
    /// Nobody would read the proof; fewer columns help.
    #[error("the proof would be longer than {most} bytes: take fewer columns")]
    TooLong {
        /// The longest proof.
        most: usize,
    },
    /// Rows in a leaf are from 1 to 1024.
    #[error("rows in a leaf are from 1 to 1024")]
    RowsPerLeaf,
    /// More leaves than messages are numbered for; more rows in a leaf help.
    #[error("tables of a bridge have at most {most} leaves: take more rows in a leaf")]
    TooManyLeaves {
        /// The most leaves.
        most: u32,
    },
    /// More rows than a table of the proof has.
    #[error("tables of a bridge have at most {most} rows")]
    TooManyRows {
        /// The most rows.
        most: u32,
    },
    /// More data than one proof hashes.
    #[error(
        "the leaves of such a table may be {blocks} blocks of SHA-256, more than one proof hashes ({most})"
    )]
    TooMuchData {
        /// The blocks.
        blocks: u64,
        /// The most blocks.
        most: u64,
    },
}
