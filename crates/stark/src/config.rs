//! Parameters of the protocol.

use alloc::vec::Vec;

use p3_challenger::{HashChallenger, SerializingChallenger32};
use p3_commit::ExtensionMmcs;
use p3_field::extension::QuinticTrinomialExtensionField;
use p3_fri::FriParameters;
use p3_keccak::Sha3_256Hash;
use p3_merkle_tree::{MerkleTreeMmcs, PrunedMerklePaths};
use p3_symmetric::{CompressionFunctionFromHasher, MerkleCap, SerializingHasher};
use p3_uni_stark::StarkConfig;
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    air::F,
    hash::{HASH_BYTES, Node, ShortHash},
    masked::MaskedFri,
};

/// The field of challenges, of degree five: 155 bits.
pub(crate) type Challenge = QuinticTrinomialExtensionField<F>;
/// SHA3: nothing checks these trees in a circuit, and a vector holds several instances of it, so it takes a fraction of
/// the time of a hash over field elements.
type Hash = SerializingHasher<ShortHash>;
type Compress = CompressionFunctionFromHasher<ShortHash, 2, HASH_BYTES>;
/// Merkle trees over matrices of several heights. A leaf is the hash of a row of each matrix of one height.
pub(crate) type Trees = MerkleTreeMmcs<F, u8, Hash, Compress, 2, HASH_BYTES>;
/// Siblings on the paths of several leaves, each once.
pub(crate) type Paths = PrunedMerklePaths<u8, HASH_BYTES>;
/// The commitment to a tree.
pub(crate) type Root = MerkleCap<F, Node>;
pub(crate) type ChallengeMmcs = ExtensionMmcs<F, Challenge, Trees>;
pub(crate) type Challenger = SerializingChallenger32<F, HashChallenger<u8, Sha3_256Hash, 32>>;
pub(crate) type Config = StarkConfig<MaskedFri, Challenge, Challenger>;

/// Degree of the field of challenges.
pub(crate) const DEGREE: usize = 5;

/// Logarithm of the blow-up: points of the domain of the low-degree test for each row of a table.
pub(crate) const LOG_BLOWUP: usize = 3;

/// Logarithm of how much longer a table is than the masks that a polynomial has room for beside its rows.
pub(crate) const LOG_ROOM: usize = 3;

/// Logarithm of the blow-up that Plonky3's low-degree test is told. It reckons with polynomials of powers of two
/// coefficients, so those of a table with its masks count as twice the table.
pub(crate) const LOG_TOLD_BLOWUP: usize = LOG_BLOWUP - 1;

/// Logarithm of the length of the polynomial that folding ends with, as Plonky3 is told. Sending it costs less than
/// folding on: a round has seven elements of the extension and a path in every query.
pub(crate) const LOG_TOLD_FINAL: usize = 8;

/// The coefficients of that polynomial that may differ from zero, the first ones. This is what bounds degrees: after all
/// foldings it is as long for its domain as a table of `n` rows with room for masks, `n + n / 8`, for its own.
pub(crate) const FINAL: usize = room(1 << (LOG_TOLD_FINAL + LOG_TOLD_BLOWUP - LOG_BLOWUP));

/// The coefficients of a table of so many rows: with its masks.
pub(crate) const fn room(rows: usize) -> usize {
    rows + (rows >> LOG_ROOM)
}

/// Most points at which a table is opened.
pub(crate) const POINTS: usize = 2;

/// Logarithm of the most values that one folding takes.
pub(crate) const MAX_LOG_ARITY: usize = 3;

/// Bits of work before the challenge that batches all openings: a millisecond, without which that step would be the
/// weakest at the better levels.
const BATCH_WORK_BITS: usize = 12;

/// How sure a proof is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// For development: about 40 bits. No policy should accept it.
    Fast,
    /// At least 100 proven bits in the Johnson regime.
    Standard,
    /// At least 110 proven bits in the Johnson regime.
    Paranoid,
}

impl Level {
    /// The name in receipts and options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Standard => "standard",
            Self::Paranoid => "paranoid",
        }
    }

    /// The level called `name`.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Fast, Self::Standard, Self::Paranoid].into_iter().find(|level| level.name() == name)
    }

    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Fast => 0,
            Self::Standard => 1,
            Self::Paranoid => 2,
        }
    }

    /// The level of each of many proofs of which a forger needs one: what their number takes away is there before.
    pub(crate) const fn of_each(self) -> Self {
        match self {
            Self::Standard => Self::Paranoid,
            Self::Fast | Self::Paranoid => self,
        }
    }

    /// Queries into each commitment.
    pub(crate) const fn queries(self) -> usize {
        match self {
            Self::Fast => 16,
            Self::Standard => 60,
            Self::Paranoid => 67,
        }
    }

    /// Bits of work before the queries are drawn.
    pub(crate) const fn query_work_bits(self) -> usize {
        match self {
            Self::Fast => 8,
            Self::Standard | Self::Paranoid => 20,
        }
    }

    /// Masks of a column, one more than the values that openings tell: an element of the base field a query and `DEGREE`
    /// a point.
    pub(crate) const fn masks(self) -> usize {
        self.queries() + DEGREE * POINTS + 1
    }

    /// Logarithm of the fewest rows of a table: those that have room for masks.
    pub(crate) const fn least_log_height(self) -> u32 {
        (self.masks() << LOG_ROOM).next_power_of_two().ilog2()
    }
}

/// Parameters of the low-degree test.
pub(crate) const fn fri<M>(level: Level, mmcs: M) -> FriParameters<M> {
    FriParameters {
        log_blowup: LOG_TOLD_BLOWUP,
        log_final_poly_len: LOG_TOLD_FINAL,
        max_log_arity: MAX_LOG_ARITY,
        num_queries: level.queries(),
        batch_proof_of_work_bits: BATCH_WORK_BITS,
        commit_proof_of_work_bits: 0,
        query_proof_of_work_bits: level.query_work_bits(),
        mmcs,
    }
}

/// The protocol at a level, its masks drawn from `seed`: uniform and secret for a prover, anything for a verifier.
pub(crate) fn config(level: Level, seed: [u8; 32]) -> Config {
    let (hash, compress) = (Hash::new(ShortHash), Compress::new(ShortHash));
    // Whole paths to one root: many queries share the nodes near it, which a proof has once.
    let trees = Trees::new(hash, compress, 0);
    let parameters = fri(level, ChallengeMmcs::new(trees.clone()));
    let pcs = MaskedFri::new(level, trees, parameters, StdRng::from_seed(seed));
    StarkConfig::new(pcs, Challenger::from_hasher(Vec::new(), Sha3_256Hash))
}
