//! The public outputs of a plan proof: a fixed layout that a zkVM guest commits and a verifier rebuilds.
//!
//! A verifier never *reads* a journal out of evidence. It builds the journal that the claim implies and asks
//! the proof system whether that is what was proved, so claim and journal cannot disagree.

use crate::{Digest, sha256::Sha256};

/// Bytes of an encoded [`Journal`].
pub const JOURNAL_BYTES: usize = 208;

const MAGIC: [u8; 8] = *b"PMJRNL01";

/// What a guest makes public, and nothing else: digests, limits and resources, never data.
///
/// All digests are SHA-256. Integers are little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Version of the guest program: major, minor, patch.
    pub program_version: [u16; 3],
    /// SHA-256 of the canonical plan.
    pub plan: [u8; 32],
    /// Digest of the job that asked for the work; zeros if there is none.
    pub job: [u8; 32],
    /// [`inputs_digest`] over the plan's inputs.
    pub inputs: [u8; 32],
    /// Root of the output value.
    pub output: [u8; 32],
    /// Limits in force: memory bytes, cycles, output bytes, steps.
    pub limits: [u64; 4],
    /// Resources used: steps executed, rows produced, peak memory bytes, output bytes.
    pub usage: [u64; 4],
}

impl Journal {
    /// Writes the fixed layout.
    pub fn encode(&self) -> [u8; JOURNAL_BYTES] {
        let mut out = [0; JOURNAL_BYTES];
        out[..8].copy_from_slice(&MAGIC);
        for (slot, part) in out[8..14].chunks_exact_mut(2).zip(self.program_version) {
            slot.copy_from_slice(&part.to_le_bytes());
        }
        for (slot, digest) in
            out[16..144].chunks_exact_mut(32).zip([self.plan, self.job, self.inputs, self.output])
        {
            slot.copy_from_slice(&digest);
        }
        for (slot, number) in out[144..].chunks_exact_mut(8).zip(self.limits.iter().chain(&self.usage)) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        out
    }
}

/// One digest over all named inputs of a plan, in plan order.
pub fn inputs_digest<'a>(inputs: impl IntoIterator<Item = (&'a str, &'a Digest)>) -> [u8; 32] {
    let mut hasher = Sha256::domain("proofmark/inputs/v1");
    for (name, root) in inputs {
        hasher.update_sized(name.as_bytes());
        hasher.update_sized(root.algorithm().name().as_bytes());
        hasher.update(root.as_bytes());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_changes_the_bytes() {
        let zero = Journal {
            program_version: [0; 3],
            plan: [0; 32],
            job: [0; 32],
            inputs: [0; 32],
            output: [0; 32],
            limits: [0; 4],
            usage: [0; 4],
        };
        let one = [1; 32];
        let variants = [
            Journal { program_version: [0, 0, 1], ..zero },
            Journal { plan: one, ..zero },
            Journal { job: one, ..zero },
            Journal { inputs: one, ..zero },
            Journal { output: one, ..zero },
            Journal { limits: [0, 0, 0, 1], ..zero },
            Journal { usage: [1, 0, 0, 0], ..zero },
            Journal { usage: [0, 0, 0, 1], ..zero },
        ];
        for (at, variant) in variants.iter().enumerate() {
            assert_ne!(variant.encode(), zero.encode());
            for other in &variants[..at] {
                assert_ne!(variant.encode(), other.encode());
            }
        }
        assert_eq!(variants[7].encode()[JOURNAL_BYTES - 8..], 1u64.to_le_bytes());
    }

    #[test]
    fn inputs_cannot_be_cut_at_another_place() {
        let root = Digest::of(b"x");
        assert_ne!(inputs_digest([("ab", &root)]), inputs_digest([("a", &root)]));
        assert_ne!(inputs_digest([("a", &root), ("b", &root)]), inputs_digest([("b", &root), ("a", &root)]));
    }
}
