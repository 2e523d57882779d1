//! The chain of a shard's witnesses: each names the claim before it, so that none can be left out or put beside.

use proofmark_core::{Digest, Reason, WitnessClaim};
use serde::{Deserialize, Serialize};

use crate::Rejection;

/// The last witness of a shard that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Head {
    /// Its place in the chain, from 0.
    pub sequence: u64,
    /// Digest of its claim.
    pub claim: Digest,
}

impl Head {
    /// A claim as the head of its chain.
    pub fn of(claim: &WitnessClaim) -> Self {
        Self { sequence: claim.sequence, claim: digest(claim) }
    }
}

/// Checks that a claim follows a head, or is it. Without a head the claim must be a first one.
///
/// # Errors
/// [`Reason::ChainGap`] if witnesses are missing between them, [`Reason::ChainFork`] if the shard signed another one for
/// the same place.
pub fn follow(head: Option<&Head>, claim: &WitnessClaim) -> Result<Head, Rejection> {
    let own = Head::of(claim);
    let expected = match head {
        Some(head) if *head == own => return Ok(own),
        Some(head) => head.sequence.saturating_add(1),
        None => 0,
    };
    if claim.sequence > expected {
        let detail = format!("its number is {}, expected {expected}", claim.sequence);
        return Err((Reason::ChainGap, detail));
    }
    let previous = head.map(|head| head.claim);
    if claim.sequence < expected || claim.previous != previous {
        let shown = |digest: Option<Digest>| digest.map_or("none".to_owned(), |digest| digest.to_string());
        return Err((
            Reason::ChainFork,
            format!(
                "its number is {} after {}; the known head is {} at number {}",
                claim.sequence,
                shown(claim.previous),
                shown(previous),
                expected as i128 - 1
            ),
        ));
    }
    Ok(own)
}

/// Whether a claim is consistent in itself: the first of a chain follows nothing, all others something.
pub(crate) fn check_form(claim: &WitnessClaim) -> Result<(), Rejection> {
    if (claim.sequence == 0) != claim.previous.is_none() {
        return Err((Reason::ChainGap, "only the first witness of a shard follows none".into()));
    }
    Ok(())
}

/// Digest of a witness claim: what the next one names, and a leaf of an epoch's tree.
pub fn digest(claim: &WitnessClaim) -> Digest {
    proofmark_core::Claim::from(claim.clone()).digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::claim;

    #[test]
    fn gaps_and_forks_are_seen() {
        let mut chain = vec![WitnessClaim { sequence: 0, previous: None, ..claim() }];
        for sequence in 1..4 {
            let previous = Some(digest(&chain[sequence - 1]));
            chain.push(WitnessClaim { sequence: sequence as u64, previous, ..claim() });
        }
        let mut head = None;
        for claim in &chain {
            check_form(claim).unwrap();
            head = Some(follow(head.as_ref(), claim).unwrap());
            // The same witness twice is one witness.
            assert_eq!(follow(head.as_ref(), claim), Ok(head.unwrap()));
        }
        let second = Head::of(&chain[1]);
        assert_eq!(follow(Some(&second), &chain[3]).unwrap_err().0, Reason::ChainGap);
        assert_eq!(follow(None, &chain[1]).unwrap_err().0, Reason::ChainGap);
        let mut fork = chain[2].clone();
        fork.agent.push('x');
        let third = Head::of(&chain[2]);
        assert_eq!(follow(Some(&third), &fork).unwrap_err().0, Reason::ChainFork);
        fork.previous = Some(Digest::of(b"elsewhere"));
        assert_eq!(follow(Some(&second), &fork).unwrap_err().0, Reason::ChainFork);
        assert!(check_form(&WitnessClaim { previous: None, ..chain[1].clone() }).is_err());
    }
}
