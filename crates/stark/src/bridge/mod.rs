//! The bridge: one table behind two commitments.
//!
//! Plans are proved over tables that a Poseidon2 digest commits to ([`crate::digest`]); receipts, other provers and
//! the world at large know a table by its *root*, an RFC 6962 tree of SHA-256 over canonical leaves
//! (`proofmark_plan::commit`). A bridge proves in zero knowledge that a digest and a root are of the same table. It is
//! made once for a table and kept beside it.
//!
//! The statement, its proof and what it costs are described in the book's chapter on the bridge. In short, with the
//! chips and what they say in the modules of these names:
//!
//! - `rows`: the table, its digest, and each row's share of its leaf; `halves` and `text` say how numbers and texts
//!   become bytes; `gather` joins words that rows share;
//! - `leaves`: lengths, padding and header of leaves, and the root; `tree`: the nodes over them;
//! - `sha`: SHA-256 of all of these.

mod error;
mod format;
mod gather;
mod halves;
mod leaves;
mod machine;
mod rows;
mod sha;
mod text;
mod tree;
mod witness;

#[cfg(test)]
pub(crate) mod tests;

use alloc::{string::ToString, vec::Vec};

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use proofmark_core::{Algorithm, Digest};
use proofmark_plan::{commit::schema_digest, types::Schema, value::Table};
use rand::{CryptoRng, rngs::StdRng};
use sha2::Digest as _;

pub use self::error::{ProveError, Unsupported, VerifyError};
use self::{format::Format, machine::Machine};
use crate::{
    Cost, Level, Phase, Progress, Salt, TableBounds,
    air::F,
    cost::cost_of_chips,
    digest::from_digest,
    proof::encode,
    prove::{Filled, own, prove_chips},
    security::Security,
    verify::verify_chips,
};

/// Says that public values are those of a bridge: `brdg` as a number. Other statements start with their version.
const DOMAIN: u32 = 0x6272_6467;

/// Version of the constraints and of the encoding of public values. Whatever changes either changes it.
const PROTOCOL: u32 = 1;

/// The longest proof of a bridge, in bytes. Nobody reads a longer one, and none is made. A table of a few columns has
/// two to three million.
pub const MAX_PROOF_BYTES: usize = 16 << 20;

/// The statement of a bridge: *a table of this schema and within these bounds exists whose digest is `digest` under
/// some salt, and whose root is `root` under some salt and with so many rows in a leaf*.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// Names and types of the columns.
    pub schema: &'a Schema,
    /// Public bounds. They decide all sizes of the proof, so that sizes tell nothing else.
    pub bounds: &'a TableBounds,
    /// Rows in a leaf of the tree, 1 to 1024.
    pub rows_per_leaf: u16,
    /// The Poseidon2 digest, under the text bounds of `bounds`.
    pub digest: Digest,
    /// The SHA-256 root.
    pub root: Digest,
    /// Security level.
    pub level: Level,
}

impl Statement<'_> {
    /// SHA-256 of everything that is public, with the version of the protocol: a proof of a statement with another id
    /// does not show this one. A name to keep a proof under.
    pub fn id(&self) -> [u8; 32] {
        let mut hash = sha2::Sha256::new();
        for element in header(self) {
            hash.update(element.as_canonical_u32().to_le_bytes());
        }
        hash.finalize().into()
    }
}

/// What only the prover knows.
#[derive(Clone, Copy, Debug)]
pub struct Witness<'a> {
    /// The table.
    pub table: &'a Table,
    /// The salt of its digest.
    pub digest_salt: Salt,
    /// The salt of its root; zeros for an unsalted root.
    pub root_salt: &'a [u8; 32],
}

/// The bounds under which a table is bridged: [`TableBounds::of`] with fewer rows. The time of a bridge grows with the
/// bound of rows, so that is rounded up to four binary digits instead of one; below 256 rows it makes no difference.
pub fn bounds(table: &Table) -> Option<TableBounds> {
    let bounds = TableBounds::of(table)?;
    let rows = u32::try_from(table.rows).ok()?;
    let unit = match rows.checked_ilog2() {
        Some(digits @ 8..) => 1u32 << (digits - 3),
        _ => return Some(bounds),
    };
    let rounded = rows.checked_next_multiple_of(unit).unwrap_or(u32::MAX);
    Some(TableBounds { rows: rounded.min(bounds.rows), ..bounds })
}

/// Why tables of this schema within these bounds cannot have a bridge; `Ok` if they can.
///
/// # Errors
/// The reason.
pub fn supports(schema: &Schema, bounds: &TableBounds, rows_per_leaf: u16) -> Result<(), Unsupported> {
    Format::new(schema, bounds, rows_per_leaf, Level::Paranoid.least_log_height()).map(|_| ())
}

/// What proving a statement takes. Sizes follow from schema, bounds, rows in a leaf and level alone; the digests are not
/// looked at.
///
/// # Errors
/// [`ProveError::Unsupported`], also if the proof would be longer than [`MAX_PROOF_BYTES`]; [`ProveError::Internal`].
pub fn cost(statement: &Statement<'_>) -> Result<Cost, ProveError> {
    let machine = Machine::new(statement)?;
    let cost = cost_of_chips(&machine.chips, statement.level)
        .map_err(|error| ProveError::Internal(error.to_string()))?;
    match cost.proof_bytes {
        bytes if bytes > MAX_PROOF_BYTES as u64 => Err(Unsupported::TooLong { most: MAX_PROOF_BYTES }.into()),
        _ => Ok(cost),
    }
}

/// Proves a statement.
///
/// `rng` must be the operating system's, or seeded from it: whoever predicts it sees the table through the masks.
///
/// # Errors
/// See [`ProveError`].
pub fn prove(
    statement: &Statement<'_>,
    witness: &Witness<'_>,
    rng: &mut impl CryptoRng,
    progress: &mut dyn Progress,
) -> Result<Vec<u8>, ProveError> {
    // From here on nothing is generic, so this crate compiles all of it, optimised in every profile.
    let mut rng = own(rng);
    let filled = fill(statement, witness, &mut rng, progress)?;
    enter(progress, Phase::Prove)?;
    let (shape, proof) = prove_chips(statement.level, filled, &mut rng).map_err(ProveError::Internal)?;
    enter(progress, Phase::Encode)?;
    encode(&shape, proof).map_err(|error| ProveError::Internal(error.to_string()))
}

/// Checks a proof of a statement. Total: any bytes give an answer.
///
/// # Errors
/// See [`VerifyError`].
pub fn verify(statement: &Statement<'_>, proof: &[u8]) -> Result<Security, VerifyError> {
    if proof.len() > MAX_PROOF_BYTES {
        return Err(VerifyError::Malformed("it is longer than any"));
    }
    let digest = from_digest(&statement.digest).ok_or(VerifyError::BadDigest)?;
    if statement.root.algorithm() != Algorithm::Sha256 {
        return Err(VerifyError::BadDigest);
    }
    let machine = Machine::new(statement)?;
    let publics = publics(statement, &machine, &digest);
    verify_chips(statement.level, &machine.chips, &publics, proof).map_err(|error| match error {
        crate::VerifyError::Malformed(what) => VerifyError::Malformed(what),
        _ => VerifyError::Refused,
    })
}

/// The chips of a statement, if it has a bridge.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn chips(statement: &Statement<'_>) -> Option<Vec<alloc::sync::Arc<crate::air::Chip>>> {
    Machine::new(statement).ok().map(|machine| machine.chips)
}

/// Fills all chips, and checks that the statement's commitments are those of the table.
fn fill(
    statement: &Statement<'_>,
    witness: &Witness<'_>,
    rng: &mut StdRng,
    progress: &mut dyn Progress,
) -> Result<Filled, ProveError> {
    enter(progress, Phase::Compile)?;
    let machine = Machine::new(statement)?;
    enter(progress, Phase::Fill)?;
    let (mut traces, found, root) = witness::fill(statement, witness, &machine, rng)?;
    if crate::digest::to_digest(&found) != statement.digest {
        return Err(ProveError::Mismatch { what: "digest" });
    }
    if Digest::sha256(root) != statement.root {
        return Err(ProveError::Mismatch { what: "root" });
    }
    let publics = publics(statement, &machine, &found);
    // No row computes the root: it comes from the statement.
    traces.tables[machine.leaves.0].publics = publics[machine.leaves.0].clone();
    Ok(Filled { chips: machine.chips, traces, publics })
}

/// The public values of every chip: the range chip has those that describe the statement, whose constraints do not
/// read them (the transcript binds them); the table has the digest, and the leaves have the root.
fn publics(statement: &Statement<'_>, machine: &Machine, digest: &[F; 8]) -> Vec<Vec<F>> {
    let mut publics = alloc::vec![Vec::new(); machine.chips.len()];
    publics[0] = header(statement);
    publics[machine.rows] = digest.to_vec();
    publics[machine.leaves.0] = leaves::halves_of(statement.root.as_bytes()).to_vec();
    publics
}

fn header(statement: &Statement<'_>) -> Vec<F> {
    let bounds = statement.bounds;
    let mut out = alloc::vec![DOMAIN, PROTOCOL, statement.level.number()];
    out.extend([bounds.rows, u32::from(statement.rows_per_leaf), bounds.text_bytes.len() as u32]);
    out.extend(bounds.text_bytes.iter().map(|bound| u32::from(*bound)));
    let schema = schema_digest(statement.schema);
    for bytes in [&schema, statement.digest.as_bytes(), statement.root.as_bytes()] {
        out.extend(bytes.chunks_exact(2).map(|pair| u32::from(u16::from_le_bytes([pair[0], pair[1]]))));
    }
    out.into_iter().map(F::from_u32).collect()
}

/// The number of public values of a header.
fn header_length(bounds: &TableBounds) -> usize {
    6 + bounds.text_bytes.len() + 3 * 16
}

fn enter(progress: &mut dyn Progress, phase: Phase) -> Result<(), ProveError> {
    if progress.cancelled() {
        return Err(ProveError::Cancelled);
    }
    progress.phase(phase);
    Ok(())
}
