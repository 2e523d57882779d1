//! Parameters of the protocol.

use p3_challenger::DuplexChallenger;
use p3_commit::ExtensionMmcs;
use p3_dft::Radix2DitParallel;
use p3_field::{Field, extension::QuinticTrinomialExtensionField};
use p3_fri::{FriParameters, HidingFriPcs};
use p3_koala_bear::{Poseidon2KoalaBear, default_koalabear_poseidon2_16};
use p3_symmetric::{PaddingFreeSponge, TruncatedPermutation};
use p3_uni_stark::StarkConfig;
use rand::{SeedableRng, rngs::StdRng};

use crate::{air::F, salted::SaltedTrees};

/// The field of challenges, of degree five: 155 bits.
pub(crate) type Challenge = QuinticTrinomialExtensionField<F>;
pub(crate) type Permutation = Poseidon2KoalaBear<16>;
pub(crate) type Hash = PaddingFreeSponge<Permutation, 16, 8, 8>;
pub(crate) type Compress = TruncatedPermutation<Permutation, 2, 8, 16>;
pub(crate) type Packing = <F as Field>::Packing;
pub(crate) type ChallengeMmcs = ExtensionMmcs<F, Challenge, SaltedTrees>;
pub(crate) type Challenger = DuplexChallenger<F, Permutation, 16, 8>;
pub(crate) type ProofPcs = HidingFriPcs<F, Radix2DitParallel<F>, SaltedTrees, ChallengeMmcs, StdRng>;
pub(crate) type Config = StarkConfig<ProofPcs, Challenge, Challenger>;

/// Degree of the field of challenges.
pub(crate) const DEGREE: usize = 5;

/// Random columns beside each committed table.
pub(crate) const RANDOM_COLUMNS: usize = DEGREE;

/// Logarithm of the blow-up.
pub(crate) const LOG_BLOWUP: usize = 2;

/// Logarithm of the length of the polynomial that folding ends with. Sending it costs less than folding on: a round has
/// seven elements of the extension, a salt and a path in every query.
pub(crate) const LOG_FINAL: usize = 7;

/// Logarithm of the most values that one folding takes.
pub(crate) const MAX_LOG_ARITY: usize = 3;

/// Logarithm of the number of roots that commit to a table: its tree without the top.
pub(crate) const CAP_HEIGHT: usize = 5;

/// How sure a proof is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// For development: about 40 bits. No policy should accept it.
    Fast,
    /// At least 100 proven bits in the Johnson regime.
    Standard,
    /// At least 114 proven bits in the Johnson regime.
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

    /// Queries into each commitment.
    pub(crate) const fn queries(self) -> usize {
        match self {
            Self::Fast => 24,
            Self::Standard => 90,
            Self::Paranoid => 110,
        }
    }

    /// Bits of work before the queries are drawn.
    pub(crate) const fn query_work_bits(self) -> usize {
        match self {
            Self::Fast => 8,
            Self::Standard | Self::Paranoid => 16,
        }
    }

    /// Logarithm of the fewest rows of a table: masks must outnumber what is opened.
    pub(crate) const fn least_log_height(self) -> u32 {
        let needed = 2 * (self.queries() + 2 * DEGREE);
        needed.next_power_of_two().ilog2()
    }
}

/// Parameters of the low-degree test.
pub(crate) const fn fri<M>(level: Level, mmcs: M) -> FriParameters<M> {
    FriParameters {
        log_blowup: LOG_BLOWUP,
        log_final_poly_len: LOG_FINAL,
        max_log_arity: MAX_LOG_ARITY,
        num_queries: level.queries(),
        batch_proof_of_work_bits: 0,
        commit_proof_of_work_bits: 0,
        query_proof_of_work_bits: level.query_work_bits(),
        mmcs,
    }
}

/// The protocol at a level, its masks drawn from `seed`: uniform and secret for a prover, anything for a verifier.
pub(crate) fn config(level: Level, seed: [u8; 32]) -> Config {
    let mut rng = StdRng::from_seed(seed);
    let permutation = default_koalabear_poseidon2_16();
    let hash = Hash::new(permutation.clone());
    let compress = Compress::new(permutation.clone());
    let leaves = SaltedTrees::new(hash, compress, StdRng::from_rng(&mut rng));
    let parameters = fri(level, ChallengeMmcs::new(leaves.clone()));
    let pcs = ProofPcs::new(
        Radix2DitParallel::default(),
        leaves,
        parameters,
        RANDOM_COLUMNS,
        StdRng::from_rng(&mut rng),
    );
    StarkConfig::new(pcs, Challenger::new(permutation))
}
