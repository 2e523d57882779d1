//! A validator's signature under a root, and what it means to give two of them.

use ed25519_dalek::{Signer as _, SigningKey};
use proofmark_core::{Bytes, Digest, PublicKey};
use serde::{Deserialize, Serialize};

use super::{Committee, EpochTree};
use crate::dsse::check_message;

/// What is voted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ballot {
    /// The epoch.
    pub epoch: u64,
    /// Who votes: the committee's digest.
    pub committee: Digest,
    /// The root over all witnesses.
    pub root: Digest,
    /// How many witnesses are under it.
    pub leaves: u64,
}

impl Ballot {
    /// The ballot for a tree.
    pub fn of(tree: &EpochTree, committee: &Committee) -> Self {
        Self { epoch: tree.epoch(), committee: committee.digest(), root: tree.root(), leaves: tree.len() }
    }

    /// What a validator signs.
    fn message(&self) -> Vec<u8> {
        let mut bytes = b"proofmark/witness-vote/v1\0".to_vec();
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
        bytes.extend_from_slice(self.committee.as_bytes());
        bytes.extend_from_slice(self.root.as_bytes());
        bytes.extend_from_slice(&self.leaves.to_be_bytes());
        bytes
    }
}

/// A validator's signature under a ballot. Who gives it says that he checked every witness under the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vote {
    /// What it is for.
    pub ballot: Ballot,
    /// Who voted.
    pub validator: PublicKey,
    /// The signature, 64 bytes (RFC 8032).
    pub signature: Bytes,
}

impl Vote {
    /// Signs a ballot. An honest validator does so once an epoch: the caller keeps the book.
    pub fn sign(ballot: Ballot, key: &SigningKey) -> Self {
        Self {
            ballot,
            validator: PublicKey::new(key.verifying_key().to_bytes()),
            signature: Bytes(key.sign(&ballot.message()).to_bytes().to_vec()),
        }
    }

    /// Whether the validator signed this.
    ///
    /// # Errors
    /// Says what is wrong with key or signature.
    pub fn check(&self) -> Result<(), &'static str> {
        check_message(&self.validator, &self.signature, &self.ballot.message())
    }
}

/// Two votes of one validator for different ballots of one epoch: proof of its fault that anybody can check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DoubleSigning {
    /// One vote.
    pub first: Vote,
    /// The other.
    pub second: Vote,
}

impl DoubleSigning {
    /// Whether it proves that its validator signed twice.
    ///
    /// # Errors
    /// Says what it lacks.
    pub fn check(&self) -> Result<PublicKey, &'static str> {
        let (first, second) = (&self.first, &self.second);
        if first.validator != second.validator {
            return Err("the votes are of two validators");
        }
        let place = |vote: &Vote| (vote.ballot.epoch, vote.ballot.committee);
        if place(first) != place(second) {
            return Err("the votes are for two epochs or committees");
        }
        if first.ballot == second.ballot {
            return Err("the votes are for one ballot");
        }
        first.check()?;
        second.check()?;
        Ok(first.validator)
    }
}
