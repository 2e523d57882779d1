//! Agreement on an epoch: validators check every witness and sign the root over all of them.
//!
//! With `n` validators of which at most `f` are faulty in any way, and `q` signatures to a certificate:
//!
//! - **Validity.** If `f < q`, every certificate has a signature of an honest validator, who had checked every witness
//!   under the root.
//! - **Uniqueness.** If `f < 2q − n`, no two roots are certified in one epoch: two quorums share at least `2q − n`
//!   validators, so an honest one, who signs one root an epoch.
//! - **Liveness.** If `f ≤ n − q` and the honest validators get the same witnesses, they suffice to certify.
//!
//! For 71 validators, `q = 36` gives validity and liveness with up to 35 faulty ones, but two quorums may share a single
//! member: one that signs twice can get two roots certified. `q = 48` gives all three with up to 23. The proofs, and
//! what a dishonest collector can still do, are in `docs/src/witness-quorum.md`; [`simulation`] looks for counter-examples.

mod certificate;
pub mod simulation;
mod tree;
mod vote;

use proofmark_core::{Digest, PublicKey, sha256::Sha256};
use serde::{Deserialize, Serialize};

pub use self::{
    certificate::{Certificate, MAX_CERTIFICATE_BYTES, Tally, TallyError},
    tree::{EpochTree, Inclusion, TreeError},
    vote::{Ballot, DoubleSigning, Vote},
};

/// The most validators of a committee.
pub const MAX_VALIDATORS: usize = 10_000;

/// The validators of an epoch and how many of them certify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, try_from = "Plain")]
pub struct Committee {
    validators: Vec<PublicKey>,
    quorum: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Plain {
    validators: Vec<PublicKey>,
    /// Missing, it is [`Committee::default_quorum`].
    quorum: Option<usize>,
}

impl TryFrom<Plain> for Committee {
    type Error = String;

    fn try_from(plain: Plain) -> Result<Self, String> {
        let quorum = plain.quorum.unwrap_or_else(|| Self::default_quorum(plain.validators.len()));
        Self::new(plain.validators, quorum)
    }
}

/// What a certificate of a committee guarantees, and with how many faulty validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Guarantee {
    /// The root holds no witness that an honest validator refused. Another root may be certified beside it.
    Validity {
        /// Faulty validators up to which this holds and certificates still come about.
        faulty: usize,
    },
    /// Besides, no other root is certified in this epoch.
    Uniqueness {
        /// Faulty validators up to which this holds and certificates still come about.
        faulty: usize,
    },
}

impl Committee {
    /// A committee of different validators, of which `quorum` certify.
    ///
    /// # Errors
    /// If there is none or too many of them, one is named twice, or the quorum is not among 1 and their number.
    pub fn new(mut validators: Vec<PublicKey>, quorum: usize) -> Result<Self, String> {
        let count = validators.len();
        if !(1..=MAX_VALIDATORS).contains(&count) || !(1..=count).contains(&quorum) {
            return Err(format!(
                "1 to {MAX_VALIDATORS} validators and a quorum among them, found {quorum} of {count}"
            ));
        }
        validators.sort();
        match validators.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("{} is named twice", pair[0])),
            None => Ok(Self { validators, quorum }),
        }
    }

    /// The smallest quorum that makes roots unique and lets certificates come about with the most faulty validators.
    ///
    /// `f < 2q − n` and `f ≤ n − q` together give `f ≤ (n − 1) / 3`; the smallest `q` for that `f` is
    /// `(n + f) / 2 + 1`, rounded down: 48 of 71.
    pub const fn default_quorum(validators: usize) -> usize {
        (validators + validators.saturating_sub(1) / 3) / 2 + 1
    }

    /// Its validators, sorted.
    pub fn validators(&self) -> &[PublicKey] {
        &self.validators
    }

    /// Signatures to a certificate.
    pub const fn quorum(&self) -> usize {
        self.quorum
    }

    /// The place of a validator.
    pub fn position(&self, key: &PublicKey) -> Option<usize> {
        self.validators.binary_search(key).ok()
    }

    /// What its certificates are worth.
    pub fn guarantee(&self) -> Guarantee {
        guarantee(self.validators.len(), self.quorum)
    }

    /// SHA-256 over the quorum and the sorted keys: what a vote is for.
    pub fn digest(&self) -> Digest {
        let mut hasher = Sha256::domain("proofmark/committee/v1");
        hasher.update(&(self.quorum as u64).to_be_bytes());
        for key in &self.validators {
            hasher.update(key.as_bytes());
        }
        Digest::sha256(hasher.finish())
    }
}

/// What a quorum of `q` among `n` is worth: see the theorems above.
pub fn guarantee(n: usize, q: usize) -> Guarantee {
    let live = n - q;
    match (2 * q).checked_sub(n + 1) {
        // A tolerance of nobody at all is not worth the name, unless nobody else is there.
        Some(unique) if unique.min(live) > 0 || n == 1 => Guarantee::Uniqueness { faulty: unique.min(live) },
        _ => Guarantee::Validity { faulty: (q - 1).min(live) },
    }
}

impl std::fmt::Display for Guarantee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Validity { faulty } => write!(
                f,
                "validity with up to {faulty} faulty validators; not uniqueness: another root may be certified in \
                 this epoch"
            ),
            Self::Uniqueness { faulty } => {
                write!(f, "validity and uniqueness with up to {faulty} faulty validators")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_those_of_the_theorems() {
        assert_eq!(Committee::default_quorum(71), 48);
        assert_eq!(guarantee(71, 36), Guarantee::Validity { faulty: 35 });
        assert_eq!(guarantee(71, 48), Guarantee::Uniqueness { faulty: 23 });
        assert_eq!(guarantee(4, 3), Guarantee::Uniqueness { faulty: 1 });
        // No quorum does better than the default one.
        for n in 4..200 {
            let best = |q| match guarantee(n, q) {
                Guarantee::Uniqueness { faulty } => faulty,
                Guarantee::Validity { .. } => 0,
            };
            let q = Committee::default_quorum(n);
            assert!((1..=n).all(|other| best(other) <= best(q)), "{n}");
            assert!((1..q).all(|smaller| best(smaller) < best(q)), "{n}");
        }
    }

    #[test]
    fn a_committee_is_checked_when_it_is_read() {
        let keys: Vec<_> = (1..=4).map(crate::testing::public).collect();
        let committee = Committee::new(keys.clone(), 3).unwrap();
        let json = serde_json::to_string(&committee).unwrap();
        assert_eq!(serde_json::from_str::<Committee>(&json).unwrap(), committee);
        assert!(serde_json::from_str::<Committee>(&json.replace("\"quorum\":3", "\"quorum\":5")).is_err());
        assert!(Committee::new([&keys[..], &keys[..1]].concat(), 3).is_err());
    }
}
