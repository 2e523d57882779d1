//! Counting votes, and what a quorum of them is worth.

use std::collections::BTreeMap;

use proofmark_core::Digest;
use serde::{Deserialize, Serialize};

use super::{Ballot, Committee, DoubleSigning, Guarantee, Vote};

/// The longest certificate, in bytes, that is read.
pub const MAX_CERTIFICATE_BYTES: usize = 8 << 20;

/// A quorum of votes for one root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Certificate {
    /// What was certified.
    pub ballot: Ballot,
    /// What the committee's quorum guarantees.
    pub guarantee: Guarantee,
    /// The votes, in the order of their validators.
    pub votes: Vec<Vote>,
}

impl Certificate {
    /// Reads a certificate. Whether it holds is for [`Certificate::check`] to say.
    ///
    /// # Errors
    /// If the bytes are too long or no certificate.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_CERTIFICATE_BYTES {
            return Err(format!("a certificate has at most {MAX_CERTIFICATE_BYTES} bytes"));
        }
        serde_json::from_slice(bytes).map_err(|e| format!("no certificate: {e}"))
    }

    /// Whether a quorum of this committee signed, each validator once, and the stated guarantee is the right one.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self, committee: &Committee) -> Result<(), String> {
        if self.ballot.committee != committee.digest() {
            return Err("it is a certificate of another committee".into());
        }
        if self.guarantee != committee.guarantee() {
            return Err(format!(
                "it claims another guarantee than its quorum gives: {}",
                committee.guarantee()
            ));
        }
        if self.votes.len() < committee.quorum() {
            return Err(format!("{} votes, the quorum is {}", self.votes.len(), committee.quorum()));
        }
        let mut last = None;
        for vote in &self.votes {
            if vote.ballot != self.ballot {
                return Err(format!("the vote of {} is for another ballot", vote.validator));
            }
            let position = committee.position(&vote.validator);
            if position.is_none() {
                return Err(format!("{} is no validator", vote.validator));
            }
            if position <= last {
                return Err("its votes are not in order, each once".into());
            }
            last = position;
            vote.check().map_err(|error| format!("the vote of {}: {error}", vote.validator))?;
        }
        Ok(())
    }
}

/// Why a vote does not count. Its sender is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TallyError {
    /// The signature does not hold.
    #[error("the vote of {0}: {1}")]
    BadVote(proofmark_core::PublicKey, &'static str),
    /// The validator had voted for another ballot. Its first vote stands.
    #[error("{} voted twice", .0.first.validator)]
    DoubleSigning(Box<DoubleSigning>),
    /// For another epoch or committee, or by nobody in it.
    #[error("the vote is not for this epoch and committee, or {0} is no validator")]
    Foreign(proofmark_core::PublicKey),
}

/// Counts the votes of one epoch.
#[derive(Clone, Debug)]
pub struct Tally<'a> {
    committee: &'a Committee,
    digest: Digest,
    epoch: u64,
    votes: BTreeMap<usize, Vote>,
}

impl<'a> Tally<'a> {
    /// An empty count.
    pub fn new(committee: &'a Committee, epoch: u64) -> Self {
        Self { committee, digest: committee.digest(), epoch, votes: BTreeMap::new() }
    }

    /// Counts a vote. The same vote twice counts once.
    ///
    /// # Errors
    /// If it does not count. Evidence of double signing comes with the error.
    pub fn add(&mut self, vote: Vote) -> Result<(), TallyError> {
        let Some(position) = self.committee.position(&vote.validator) else {
            return Err(TallyError::Foreign(vote.validator));
        };
        if vote.ballot.epoch != self.epoch || vote.ballot.committee != self.digest {
            return Err(TallyError::Foreign(vote.validator));
        }
        vote.check().map_err(|error| TallyError::BadVote(vote.validator, error))?;
        match self.votes.get(&position) {
            Some(first) if first.ballot != vote.ballot => {
                let evidence = DoubleSigning { first: first.clone(), second: vote };
                Err(TallyError::DoubleSigning(Box::new(evidence)))
            }
            Some(_) => Ok(()),
            None => {
                self.votes.insert(position, vote);
                Ok(())
            }
        }
    }

    /// The certificate, once a ballot has its quorum.
    pub fn certificate(&self) -> Option<Certificate> {
        let mut counts: BTreeMap<&Ballot, usize> = BTreeMap::new();
        for vote in self.votes.values() {
            *counts.entry(&vote.ballot).or_default() += 1;
        }
        let ballot = **counts.iter().find(|(_, count)| **count >= self.committee.quorum())?.0;
        let votes = self.votes.values().filter(|vote| vote.ballot == ballot).cloned().collect();
        Some(Certificate { ballot, guarantee: self.committee.guarantee(), votes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{key, public};

    fn committee(quorum: usize) -> Committee {
        Committee::new((1..=4).map(public).collect(), quorum).unwrap()
    }

    fn ballot(committee: &Committee, root: &[u8]) -> Ballot {
        Ballot { epoch: 9, committee: committee.digest(), root: Digest::of(root), leaves: 71 }
    }

    #[test]
    fn a_quorum_certifies_and_less_does_not() {
        let committee = committee(3);
        let mut tally = Tally::new(&committee, 9);
        for number in 1..=3 {
            assert_eq!(tally.certificate(), None);
            tally.add(Vote::sign(ballot(&committee, b"a"), &key(number))).unwrap();
            tally.add(Vote::sign(ballot(&committee, b"a"), &key(number))).unwrap();
        }
        let certificate = tally.certificate().unwrap();
        assert_eq!(certificate.check(&committee), Ok(()));
        let json = serde_json::to_vec(&certificate).unwrap();
        assert_eq!(Certificate::parse(&json), Ok(certificate.clone()));

        let spoil = |change: fn(&mut Certificate)| {
            let mut bad = certificate.clone();
            change(&mut bad);
            bad.check(&committee).unwrap_err()
        };
        assert!(spoil(|c| drop(c.votes.pop())).contains("quorum"));
        assert!(spoil(|c| c.votes[2] = c.votes[1].clone()).contains("order"));
        assert!(spoil(|c| c.guarantee = Guarantee::Uniqueness { faulty: 3 }).contains("guarantee"));
        assert!(spoil(|c| c.votes[0].signature.0[5] ^= 1).contains("signature"));
        assert!(spoil(|c| c.ballot.leaves = 70).contains("ballot"));
        assert!(certificate.check(&super::tests::committee(2)).is_err());
    }

    #[test]
    fn double_signing_is_kept_as_evidence() {
        let committee = committee(3);
        let mut tally = Tally::new(&committee, 9);
        tally.add(Vote::sign(ballot(&committee, b"a"), &key(2))).unwrap();
        let second = Vote::sign(ballot(&committee, b"b"), &key(2));
        let Err(TallyError::DoubleSigning(evidence)) = tally.add(second) else { panic!("not seen") };
        assert_eq!(evidence.check(), Ok(public(2)));
        // It travels as JSON, and cannot be made without the key.
        let json = serde_json::to_string(&evidence).unwrap();
        let mut forged: DoubleSigning = serde_json::from_str(&json).unwrap();
        assert_eq!(forged.check(), Ok(public(2)));
        forged.second.ballot.root = Digest::of(b"c");
        assert!(forged.check().is_err());
        forged.second = forged.first.clone();
        assert!(forged.check().is_err(), "one vote is no double signing");
        assert!(tally.add(Vote::sign(ballot(&committee, b"a"), &key(9))).is_err());
    }
}
