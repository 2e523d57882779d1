//! Demanding binding proofs for a share of jobs, to be raised step by step.

use std::{collections::BTreeSet, fmt};

use proofmark_core::{Digest, Reason, Receipt, sha256::Sha256};
use serde::{Deserialize, Serialize};

use crate::{
    Expectations, Policy,
    gate::{Rejection, reject},
};

/// What a policy says about binding receipts. Without this section none is accepted: a binding proof does not show that
/// the model ran, and who asks for computed work must not get one by surprise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BindingPolicy {
    /// Ids of verifying keys that are trusted beside those of the registry. Old and new keys stand side by side during a
    /// rotation. Default: none.
    pub keys: BTreeSet<Digest>,
    /// The share of jobs, in percent, whose receipts must be binding proofs. Default: 0; the tier that the policy demands
    /// holds in any case.
    pub share: Share,
}

/// A share in percent, 0 to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Share(u8);

impl Share {
    /// No job.
    pub const NONE: Self = Self(0);
    /// Every job.
    pub const ALL: Self = Self(100);

    /// The share of this many percent; `None` above 100.
    pub const fn percent(percent: u8) -> Option<Self> {
        if percent <= 100 { Some(Self(percent)) } else { None }
    }

    /// Whether a job is among the share. A function of the job's digest, and a job that is among one share is
    /// among every larger one: `⌊100 · h / 2^64⌋ < percent`, with `h` the first eight bytes, big-endian, of SHA-256 under the
    /// domain `proofmark/binding/rollout/v1` over the algorithm's name and the 32 bytes of the digest.
    pub fn contains(self, job: &Digest) -> bool {
        let mut hasher = Sha256::domain("proofmark/binding/rollout/v1");
        hasher.update_sized(job.algorithm().name().as_bytes());
        hasher.update(job.as_bytes());
        let hash = hasher.finish();
        let head = u64::from_be_bytes(hash[..8].try_into().expect("eight of 32 bytes"));
        (u128::from(head) * 100) >> 64 < u128::from(self.0)
    }
}

impl TryFrom<u8> for Share {
    type Error = &'static str;

    fn try_from(percent: u8) -> Result<Self, Self::Error> {
        Self::percent(percent).ok_or("a share is 0 to 100 percent")
    }
}

impl From<Share> for u8 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

impl BindingPolicy {
    /// Whether work for this job must come with a binding proof. Work for no job counts as work for any.
    pub fn requires_proof(&self, job: Option<&Digest>) -> bool {
        match job {
            Some(job) => self.share.contains(job),
            None => self.share > Share::NONE,
        }
    }
}

/// Refuses whatever is no binding proof, for jobs among the policy's share. Which job it is, the reader says if they
/// know; else the receipt.
pub(crate) fn check(
    receipt: &Receipt,
    policy: &Policy,
    expectations: &Expectations,
) -> Result<(), Rejection> {
    let Some(binding) = &policy.binding else { return Ok(()) };
    let job = expectations.job.as_ref().or_else(|| receipt.claim.job());
    if receipt.evidence.system() == "binding" || !binding.requires_proof(job) {
        return Ok(());
    }
    reject(
        Reason::BindingRequired,
        format!(
            "the policy demands binding proofs for {} of jobs, and this one is among them; the receipt has `{}`",
            binding.share,
            receipt.evidence.system()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs() -> impl Iterator<Item = Digest> {
        (0u32..10_000).map(|at| Digest::of(&at.to_be_bytes()))
    }

    #[test]
    fn a_share_is_a_share_of_jobs() {
        for percent in [0, 1, 10, 50, 99, 100] {
            let share = Share::percent(percent).expect("in range");
            let found = jobs().filter(|job| share.contains(job)).count() as i64;
            assert!((found - i64::from(percent) * 100).abs() <= 150, "{percent} %: {found} of 10000");
        }
        assert_eq!(jobs().filter(|job| Share::NONE.contains(job)).count(), 0);
        assert_eq!(jobs().filter(|job| Share::ALL.contains(job)).count(), 10_000);
    }

    #[test]
    fn raising_the_share_keeps_every_job_that_was_in_it() {
        for job in jobs().take(500) {
            let first = (0..=100).find(|percent| Share(*percent).contains(&job)).expect("100 has all");
            assert!((first..=100).all(|percent| Share(percent).contains(&job)));
        }
    }

    #[test]
    fn a_share_is_read_strictly() {
        assert!(Policy::parse(br#"{"binding": {"share": 100}}"#).is_ok());
        for bad in ["101", "-1", "1.5", "\"10\"", "null"] {
            let text = format!(r#"{{"binding": {{"share": {bad}}}}}"#);
            assert!(Policy::parse(text.as_bytes()).is_err(), "{bad}");
        }
    }
}
