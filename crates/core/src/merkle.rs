//! RFC 6962 Merkle trees over SHA-256.
//!
//! `leaf = SHA-256(0x00 ‖ data)`, `node = SHA-256(0x01 ‖ left ‖ right)`, and a tree of `n > 1` leaves splits
//! at the largest power of two below `n` (RFC 6962 section 2.1).

use alloc::vec::Vec;

use crate::sha256::Sha256;

/// The hash of a leaf whose content is `data`.
pub fn leaf_hash(data: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(&[0]);
    hasher.update(data);
    hasher.finish()
}

/// The hash of a node over two subtrees.
pub fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    // Assembled first so that a zkVM hashes aligned memory in one call.
    #[repr(C, align(4))]
    struct Preimage([u8; 65]);
    let mut preimage = Preimage([1; 65]);
    preimage.0[1..33].copy_from_slice(left);
    preimage.0[33..].copy_from_slice(right);
    let mut hasher = Sha256::new();
    hasher.update(&preimage.0);
    hasher.finish()
}

/// Builds a root from leaf hashes in order, holding one hash per level.
#[derive(Clone, Debug, Default)]
pub struct RootBuilder {
    /// Roots of perfect subtrees, largest first, each with its height.
    peaks: Vec<(u32, [u8; 32])>,
    leaves: u64,
}

impl RootBuilder {
    /// Starts an empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf by its content.
    pub fn push(&mut self, data: &[u8]) {
        self.push_hash(leaf_hash(data));
    }

    /// Appends a leaf by its hash, as [`leaf_hash`] computes it.
    pub fn push_hash(&mut self, hash: [u8; 32]) {
        let mut top = (0, hash);
        while let Some(&(height, left)) = self.peaks.last() {
            if height != top.0 {
                break;
            }
            self.peaks.pop();
            top = (height + 1, node_hash(&left, &top.1));
        }
        self.peaks.push(top);
        self.leaves += 1;
    }

    /// Leaves appended so far.
    pub fn len(&self) -> u64 {
        self.leaves
    }

    /// Whether no leaf was appended.
    pub fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// The root; for no leaves, SHA-256 of nothing (RFC 6962 section 2.1).
    pub fn finish(mut self) -> [u8; 32] {
        let Some((_, mut root)) = self.peaks.pop() else {
            return Sha256::new().finish();
        };
        while let Some((_, left)) = self.peaks.pop() {
            root = node_hash(&left, &root);
        }
        root
    }
}

/// The audit path of leaf `index` among `hashes`, from the leaf up (RFC 6962 section 2.1.1).
///
/// Returns `None` if there is no such leaf.
pub fn inclusion_path(hashes: &[[u8; 32]], index: usize) -> Option<Vec<[u8; 32]>> {
    if index >= hashes.len() {
        return None;
    }
    if hashes.len() == 1 {
        return Some(Vec::new());
    }
    let split = hashes.len().next_power_of_two() / 2;
    let (left, right) = hashes.split_at(split);
    let (mut path, sibling) = if index < split {
        (inclusion_path(left, index)?, root_of(right))
    } else {
        (inclusion_path(right, index - split)?, root_of(left))
    };
    path.push(sibling);
    Some(path)
}

/// The root that a leaf's hash and its audit path lead to (RFC 9162 section 2.1.3.2), or `None` if the path
/// does not fit a tree of `leaves` leaves. Compare the result with the root that you trust.
pub fn root_from_path(leaf: [u8; 32], index: u64, leaves: u64, path: &[[u8; 32]]) -> Option<[u8; 32]> {
    if index >= leaves {
        return None;
    }
    let (mut node, mut last, mut root) = (index, leaves - 1, leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            root = node_hash(sibling, &root);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            root = node_hash(&root, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

fn root_of(hashes: &[[u8; 32]]) -> [u8; 32] {
    let mut builder = RootBuilder::new();
    for hash in hashes {
        builder.push_hash(*hash);
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    /// Leaves and roots of the certificate-transparency reference implementation's test tree.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn roots_match_certificate_transparency() {
        for (count, expected) in (1..).zip(ROOTS) {
            let mut builder = RootBuilder::new();
            LEAVES[..count].iter().for_each(|leaf| builder.push(leaf));
            assert_eq!(Digest::sha256(builder.finish()).to_hex(), expected, "{count} leaves");
        }
    }

    #[test]
    fn paths_lead_to_the_root_and_to_no_other_place() {
        for count in 1..=33usize {
            let hashes: Vec<_> = (0..count).map(|i| leaf_hash(&[i as u8])).collect();
            let root = root_of(&hashes);
            for index in 0..count {
                let path = inclusion_path(&hashes, index).expect("index is below count");
                let lead = |at, n, p: &[_]| root_from_path(hashes[index], at, n, p);
                assert_eq!(lead(index as u64, count as u64, &path), Some(root));
                for other in (0..count).filter(|other| *other != index) {
                    assert_ne!(lead(other as u64, count as u64, &path), Some(root));
                }
                let mut longer = path.clone();
                longer.push(root);
                assert_ne!(lead(index as u64, count as u64, &longer), Some(root));
            }
        }
    }
}
