//! The tree over all witnesses of an epoch, and proofs that one of them is in it.

use proofmark_core::{Digest, WitnessClaim, merkle};
use serde::{Deserialize, Serialize};

/// The witnesses of an epoch, one a shard, in the order of shards.
///
/// An RFC 6962 tree; a leaf is the shard in four bytes, big end first, and the digest of its claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochTree {
    epoch: u64,
    leaves: Vec<(u32, Digest)>,
    hashes: Vec<[u8; 32]>,
}

/// That a shard's claim is a leaf under a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inclusion {
    /// The epoch.
    pub epoch: u64,
    /// The shard.
    pub shard: u32,
    /// Digest of its claim.
    pub claim: Digest,
    /// Its place among the leaves.
    pub index: u64,
    /// How many leaves there are.
    pub leaves: u64,
    /// Siblings from the leaf up.
    pub path: Vec<Digest>,
}

/// Why witnesses make no tree. Their collector is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// There is nothing to agree on.
    #[error("an epoch has at least one witness")]
    Empty,
    /// Two witnesses of one shard.
    #[error("shard {0} has two witnesses")]
    Twice(u32),
}

impl EpochTree {
    /// The tree over these claims.
    ///
    /// # Errors
    /// If there is none, or two of one shard.
    pub fn new<'a>(
        epoch: u64,
        claims: impl IntoIterator<Item = &'a WitnessClaim>,
    ) -> Result<Self, TreeError> {
        Self::of_digests(epoch, claims.into_iter().map(|claim| (claim.shard, crate::chain::digest(claim))))
    }

    /// The tree over claims of which shard and digest are known.
    ///
    /// # Errors
    /// As [`EpochTree::new`].
    pub fn of_digests(
        epoch: u64,
        claims: impl IntoIterator<Item = (u32, Digest)>,
    ) -> Result<Self, TreeError> {
        let mut leaves: Vec<_> = claims.into_iter().collect();
        leaves.sort();
        if let Some(pair) = leaves.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(TreeError::Twice(pair[0].0));
        }
        if leaves.is_empty() {
            return Err(TreeError::Empty);
        }
        let hashes = leaves.iter().map(|(shard, claim)| leaf(*shard, claim)).collect();
        Ok(Self { epoch, leaves, hashes })
    }

    /// The epoch.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How many witnesses there are.
    pub fn len(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// Never: a tree has at least one witness.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// The root.
    pub fn root(&self) -> Digest {
        let mut builder = merkle::RootBuilder::new();
        self.hashes.iter().for_each(|hash| builder.push_hash(*hash));
        Digest::sha256(builder.finish())
    }

    /// The proof that a shard's claim is in it, if it is.
    pub fn prove(&self, shard: u32) -> Option<Inclusion> {
        let index = self.leaves.binary_search_by_key(&shard, |(shard, _)| *shard).ok()?;
        let path = merkle::inclusion_path(&self.hashes, index)?;
        Some(Inclusion {
            epoch: self.epoch,
            shard,
            claim: self.leaves[index].1,
            index: index as u64,
            leaves: self.len(),
            path: path.into_iter().map(Digest::sha256).collect(),
        })
    }
}

impl Inclusion {
    /// The root that it leads to, if it fits a tree of that size. Compare it, and the number of leaves, with a
    /// certificate.
    pub fn root(&self) -> Option<Digest> {
        let path: Vec<_> = self.path.iter().map(|digest| *digest.as_bytes()).collect();
        merkle::root_from_path(leaf(self.shard, &self.claim), self.index, self.leaves, &path)
            .map(Digest::sha256)
    }
}

fn leaf(shard: u32, claim: &Digest) -> [u8; 32] {
    let mut data = [0; 36];
    data[..4].copy_from_slice(&shard.to_be_bytes());
    data[4..].copy_from_slice(claim.as_bytes());
    merkle::leaf_hash(&data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_71_is_in_the_tree_and_nothing_else_is() {
        let claims = |shard: u32| (shard, Digest::of(&shard.to_be_bytes()));
        let tree = EpochTree::of_digests(5, (0..71).rev().map(claims)).unwrap();
        for shard in 0..71 {
            let proof = tree.prove(shard).unwrap();
            assert_eq!(proof.root(), Some(tree.root()));
            assert_ne!(Inclusion { shard: shard + 1, ..proof.clone() }.root(), Some(tree.root()));
            assert_ne!(Inclusion { claim: Digest::of(b"x"), ..proof }.root(), Some(tree.root()));
        }
        assert_eq!(tree.prove(71), None);
        assert_eq!(EpochTree::of_digests(5, [claims(1), claims(1)]), Err(TreeError::Twice(1)));
        assert_eq!(EpochTree::of_digests(5, []), Err(TreeError::Empty));
    }
}
