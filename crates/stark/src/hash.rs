//! The hash of Merkle trees: SHA3-256 cut to 28 bytes.
//!
//! Collisions take 2^112 hashes, as those of SHA3-224, and no level has as many proven bits. Paths are a third of a proof
//! of few rows, and an eighth shorter so. Cutting is NIST's own way to shorter hashes (SP 800-107 Rev. 1, section 5.1);
//! Plonky3 has vectors of SHA3-256 and not of SHA3-224.

use alloc::vec;

use p3_keccak::Sha3_256Hash;
use p3_symmetric::CryptographicHasher;

/// Bytes of a hash.
pub(crate) const HASH_BYTES: usize = 28;

/// A hash in a tree.
pub(crate) type Node = [u8; HASH_BYTES];

#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortHash;

fn cut(hash: [u8; 32]) -> Node {
    core::array::from_fn(|at| hash[at])
}

impl CryptographicHasher<u8, Node> for ShortHash {
    const LANES: usize = Sha3_256Hash::LANES;

    fn hash_iter<I: IntoIterator<Item = u8>>(&self, input: I) -> Node {
        cut(Sha3_256Hash.hash_iter(input))
    }

    fn hash_iter_slices<'a, I: IntoIterator<Item = &'a [u8]>>(&self, input: I) -> Node {
        cut(Sha3_256Hash.hash_iter_slices(input))
    }

    fn hash_many(&self, input: &[u8], out: &mut [Node]) {
        let mut hashes = vec![[0; 32]; out.len()];
        Sha3_256Hash.hash_many(input, &mut hashes);
        out.iter_mut().zip(hashes).for_each(|(out, hash)| *out = cut(hash));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standard() {
        // SHA3-256 of "abc": FIPS 202, example values.
        let abc: Node = [
            0x3a, 0x98, 0x5d, 0xa7, 0x4f, 0xe2, 0x25, 0xb2, 0x04, 0x5c, 0x17, 0x2d, 0x6b, 0xd3, 0x90, 0xbd,
            0x85, 0x5f, 0x08, 0x6e, 0x3e, 0x9d, 0x52, 0x5b, 0x46, 0xbf, 0xe2, 0x45,
        ];
        assert_eq!(ShortHash.hash_slice(b"abc"), abc);
        let mut many = [Node::default(); 9];
        ShortHash.hash_many(&b"abc".repeat(9), &mut many);
        assert!(many.iter().all(|hash| *hash == abc));
    }
}
