//! Tier 2: RISC Zero proofs that a known program executed a plan.
//!
//! RISC Zero's verifier panics on a seal of the wrong length or with a word outside the field, and leaves some
//! fields of its receipts unchecked because they carry no meaning. Here both are refused before it runs: a
//! seal reaches it only in the one shape that an honest prover writes, so it can neither panic nor be
//! varied into a second receipt for the same proof.

use std::fmt;

use bincode::Options as _;
use proofmark_core::{Digest, PlanClaim, SecurityKind, SecurityLevel};
use risc0_circuit_recursion::{CIRCUIT as RECURSION, control_id::ALLOWED_CONTROL_ROOT};
use risc0_circuit_rv32im::{CircuitImpl as Rv32im, RV32IM_SEAL_VERSION};
use risc0_zkp::{
    FRI_FOLD, INV_RATE, QUERIES,
    adapter::{CircuitInfo as _, TapsProvider as _},
    core::{digest::Digest as Words, hash::poseidon2::Poseidon2HashSuite},
    field::baby_bear::P,
    taps::TapSet,
};
use risc0_zkvm::{
    CompositeReceipt, CompositeReceiptVerifierParameters, InnerReceipt, Receipt, ReceiptClaim,
    SegmentReceiptVerifierParameters, SuccinctReceipt, SuccinctReceiptVerifierParameters, VerifierContext,
    sha::Digestible as _,
};

/// The most bytes of a seal: 200 segments of the usual size.
pub const MAX_SEAL_BYTES: usize = 48 << 20;
/// The most segments of a composite receipt.
pub const MAX_SEGMENTS: usize = 256;

/// Segments that a verifier accepts have 2^12 to 2^22 cycles: what RISC Zero can lift, up to `DEFAULT_MAX_PO2`.
const SEGMENT_PO2: std::ops::RangeInclusive<u32> = 12..=22;
/// Cycles of the recursion circuit, as a power of two: `RECURSION_PO2`.
const RECURSION_PO2: u32 = 18;
/// Public values at the head of a segment's seal, after version and size.
const SEGMENT_GLOBALS: usize = 54;
/// FRI folds until the polynomial is no longer than this: `FRI_MIN_DEGREE`.
const FRI_MIN_DEGREE: usize = 256;
/// Elements of one row of the check polynomial, and of an extension field element.
const EXTENSION: usize = 4;
/// Levels of the tree of allowed recursion programs: `ALLOWED_CODE_MERKLE_DEPTH`.
const CONTROL_TREE_DEPTH: usize = 8;

/// A seal of an acceptable shape. Whether it holds is for [`Seal::check`] to say.
pub struct Seal {
    inner: InnerReceipt,
    /// Size of the largest segment as a power of two, where the seal shows it.
    po2: Option<u32>,
}

/// Why bytes are not an acceptable seal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// Made in RISC Zero's development mode: it proves nothing.
    Fake,
    /// Not what an honest prover writes.
    Malformed(String),
    /// A kind of receipt that this verifier does not judge.
    Unsupported(&'static str),
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fake => f.write_str("the seal is a fake receipt of RISC Zero's development mode"),
            Self::Malformed(detail) => write!(f, "the seal is malformed: {detail}"),
            Self::Unsupported(kind) => {
                write!(f, "{kind} receipts of RISC Zero are not supported; composite and succinct ones are")
            }
        }
    }
}

impl std::error::Error for SealError {}

impl Seal {
    /// Reads a seal: RISC Zero's `InnerReceipt` in bincode, as `r0vm` writes it.
    ///
    /// # Errors
    /// If it is too long, is no such receipt, is of another kind, or has not the one shape of its kind.
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        let inner: InnerReceipt = decode(bytes)?;
        // One receipt, one spelling: whatever bincode reads laxly must not make a second one.
        if encode(&inner).as_deref() != Ok(bytes) {
            return malformed("it is not the encoding of what it decodes to");
        }
        Self::of(inner)
    }

    /// Splits what `r0vm` writes into a seal and the journal, for the prover's side.
    ///
    /// # Errors
    /// As [`Seal::parse`].
    pub fn split(receipt: &[u8]) -> Result<(Self, Vec<u8>), SealError> {
        let receipt: Receipt = decode(receipt)?;
        Ok((Self::of(receipt.inner)?, receipt.journal.bytes))
    }

    fn of(inner: InnerReceipt) -> Result<Self, SealError> {
        let po2 = match &inner {
            InnerReceipt::Composite(composite) => Some(check_composite(composite)?),
            InnerReceipt::Succinct(succinct) => {
                check_succinct(succinct)?;
                None
            }
            InnerReceipt::Fake(_) => return Err(SealError::Fake),
            InnerReceipt::Groth16(_) => return Err(SealError::Unsupported("Groth16")),
            _ => return Err(SealError::Unsupported("these")),
        };
        Ok(Self { inner, po2 })
    }

    /// The bytes that belong into a receipt's evidence.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&self.inner).expect("a receipt within the limit was read, so it can be written")
    }

    /// What the proof is worth.
    ///
    /// RISC Zero states 97 bits under the conjecture of ethSTARK for segments of up to 2^21 cycles, and one bit
    /// less for each doubling: 94 at 2^24 (documentation of `DEFAULT_MAX_PO2` in `risc0-zkvm` 5.0.0-rc.1;
    /// `risc0-zkp/src/prove/soundness.rs` names the conjecture). A succinct receipt does not show how large its
    /// segments were, and the recursion programs accept 2^24, so it counts as the least of these.
    pub fn security(&self) -> SecurityLevel {
        let bits = match self.po2 {
            Some(po2) => 97 - po2.saturating_sub(21).min(3) as u16,
            None => 94,
        };
        SecurityLevel { bits, kind: SecurityKind::Conjectured, zero_knowledge: true }
    }

    /// Whether the seal proves that the program committed exactly the journal that this claim implies.
    pub(crate) fn check(&self, program: &Digest, version: [u16; 3], claim: &PlanClaim) -> Result<(), String> {
        let journal = claim
            .journal(version)
            .ok_or("the claim lacks limits or usage, or has digests that are not SHA-256")?;
        self.check_journal(program, &journal.encode())
    }

    /// Whether the seal proves that the program committed exactly this journal and exited well.
    ///
    /// # Errors
    /// Says what RISC Zero's verifier objected to.
    pub fn check_journal(&self, program: &Digest, journal: &[u8]) -> Result<(), String> {
        let context = VerifierContext::empty()
            .with_suites(VerifierContext::default_hash_suites())
            .with_segment_verifier_parameters(SegmentReceiptVerifierParameters::default())
            .with_succinct_verifier_parameters(SuccinctReceiptVerifierParameters::default())
            // Whatever the environment says: no fake receipt is ever accepted.
            .with_dev_mode(false);
        Receipt::new(self.inner.clone(), journal.to_vec())
            .verify_with_context(&context, Words::from(*program.as_bytes()))
            .map_err(|e| e.to_string())
    }
}

/// The program's version as it stands in the journal: three numbers, without leading zeros.
pub(crate) fn journal_version(text: &str) -> Option<[u16; 3]> {
    let mut parts = text.split('.').map(|part| {
        let number: u16 = part.parse().ok()?;
        (number.to_string() == part).then_some(number)
    });
    let version = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(version)
}

/// Checks all that RISC Zero's verifier ignores or would panic about. Returns the largest segment's size.
fn check_composite(composite: &CompositeReceipt) -> Result<u32, SealError> {
    let segments = &composite.segments;
    if segments.is_empty() || segments.len() > MAX_SEGMENTS {
        return malformed(format!("1 to {MAX_SEGMENTS} segments, found {}", segments.len()));
    }
    // Our programs verify no other proofs. An assumption could also bring its own, weaker, control root.
    if !composite.assumption_receipts.is_empty() {
        return Err(SealError::Unsupported("conditional"));
    }
    if composite.verifier_parameters != CompositeReceiptVerifierParameters::default().digest() {
        return malformed("it was made for other verifier parameters");
    }
    let parameters = SegmentReceiptVerifierParameters::default().digest();
    let mut largest = 0;
    for (index, segment) in segments.iter().enumerate() {
        if segment.index as usize != index {
            return malformed(format!("segment {index} says that it is segment {}", segment.index));
        }
        if segment.hashfn != "poseidon2" || segment.verifier_parameters != parameters {
            return malformed(format!("segment {index} was made for other verifier parameters"));
        }
        let &[version, po2, ref body @ ..] = segment.seal.as_slice() else {
            return malformed(format!("segment {index} is empty"));
        };
        if version != RV32IM_SEAL_VERSION || !SEGMENT_PO2.contains(&po2) {
            return malformed(format!("segment {index} has format {version} and 2^{po2} cycles"));
        }
        check_words(body, SEGMENT_GLOBALS + words(Rv32im.get_taps(), po2))?;
        largest = largest.max(po2);
    }
    Ok(largest)
}

fn check_succinct(succinct: &SuccinctReceipt<ReceiptClaim>) -> Result<(), SealError> {
    if succinct.hashfn != "poseidon2" {
        return malformed("its hash function is not poseidon2");
    }
    let head = risc0_circuit_recursion::CircuitImpl::OUTPUT_SIZE;
    if succinct.seal.get(head) != Some(&RECURSION_PO2) {
        return malformed(format!("the recursion has not 2^{RECURSION_PO2} cycles"));
    }
    check_words(&succinct.seal, head + 1 + words(RECURSION.get_taps(), RECURSION_PO2))?;
    // RISC Zero takes the program that was run from the seal and leaves this field unread.
    let proof = &succinct.control_inclusion_proof;
    let depth = proof.digests.len();
    if depth != CONTROL_TREE_DEPTH || proof.index >> CONTROL_TREE_DEPTH != 0 {
        return malformed("the place of its control id is not in the tree of allowed ones");
    }
    for digest in proof.digests.iter().chain([&succinct.control_id]) {
        check_words(digest.as_words(), 8)?;
    }
    let suite = Poseidon2HashSuite::new_suite();
    if proof.verify(&succinct.control_id, &ALLOWED_CONTROL_ROOT, suite.hashfn.as_ref()).is_err() {
        return malformed("its control id is not among the allowed ones");
    }
    Ok(())
}

/// RISC Zero asserts both, so they are checked first.
fn check_words(words: &[u32], expected: usize) -> Result<(), SealError> {
    if words.len() != expected {
        return malformed(format!("a part has {} words instead of {expected}", words.len()));
    }
    if words.iter().any(|word| *word >= P) {
        return malformed("a word is no element of the field");
    }
    Ok(())
}

/// How many words a STARK of 2^po2 cycles has after its public values. The protocol reads a fixed number for a
/// given size: the tops of the trees, the values at the queried point, the last polynomial, and at each query
/// a row and a path of every tree.
fn words(taps: &TapSet<'_>, po2: u32) -> usize {
    let check_columns = INV_RATE * EXTENSION;
    let mut rows = INV_RATE << po2;
    let mut trees: Vec<Tree> = (0..taps.num_groups())
        .map(|group| Tree { rows, columns: taps.group_size(group) })
        .chain([Tree { rows, columns: check_columns }])
        .collect();
    let mut degree = 1usize << po2;
    while degree > FRI_MIN_DEGREE {
        rows /= FRI_FOLD;
        degree /= FRI_FOLD;
        trees.push(Tree { rows, columns: FRI_FOLD * EXTENSION });
    }
    let once: usize = trees.iter().map(|tree| 8 << tree.top_layer()).sum();
    let each: usize = trees.iter().map(|tree| tree.columns + 8 * (tree.layers() - tree.top_layer())).sum();
    once + (taps.tap_size() + check_columns) * EXTENSION + degree * EXTENSION + QUERIES * each
}

/// A Merkle tree of a STARK, as RISC Zero lays it out.
struct Tree {
    rows: usize,
    columns: usize,
}

impl Tree {
    fn layers(&self) -> usize {
        self.rows.ilog2() as usize
    }

    /// The lowest layer with at most as many nodes as there are queries; it is sent once, whole.
    fn top_layer(&self) -> usize {
        (1..self.layers()).take_while(|layer| 1 << layer <= QUERIES).last().unwrap_or(0)
    }
}

fn options() -> impl bincode::Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_limit(MAX_SEAL_BYTES as u64)
        .reject_trailing_bytes()
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, SealError> {
    if bytes.len() > MAX_SEAL_BYTES {
        return malformed(format!("at most {MAX_SEAL_BYTES} bytes, found {}", bytes.len()));
    }
    options().deserialize(bytes).map_err(|e| SealError::Malformed(e.to_string()))
}

fn encode(inner: &InnerReceipt) -> Result<Vec<u8>, ()> {
    options().serialize(inner).map_err(|_| ())
}

fn malformed<T>(detail: impl Into<String>) -> Result<T, SealError> {
    Err(SealError::Malformed(detail.into()))
}
