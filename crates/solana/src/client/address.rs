//! Where the program keeps things.

use sha2::{Digest as _, Sha256};
use solana_address::Address;

use crate::{record, roster};

/// The address of a roster.
pub fn roster_address(program: &Address, authority: &Address, label: &[u8; 32]) -> Address {
    derive(program, &[roster::SEED, authority.as_array(), label])
}

/// The address of a record.
pub fn record_address(program: &Address, roster: &Address, epoch: u64, shard: u8) -> Address {
    derive(program, &[record::SEED, roster.as_array(), &epoch.to_le_bytes(), &[shard]])
}

/// The first address off the curve, counting the bump down from 255: nobody has a key for it.
///
/// # Panics
/// If all 256 lie on the curve, which happens to one in 2^256 seeds.
fn derive(program: &Address, seeds: &[&[u8]]) -> Address {
    let addresses = (0..=u8::MAX).rev().map(|bump| {
        let mut hasher = Sha256::new();
        seeds.iter().for_each(|seed| hasher.update(seed));
        hasher.update([bump]);
        hasher.update(program.as_array());
        hasher.update(b"ProgramDerivedAddress");
        <[u8; 32]>::from(hasher.finalize())
    });
    let mut off_curve = addresses.filter(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).is_err());
    Address::new_from_array(off_curve.next().expect("half of all points are off the curve"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_has_an_address_of_its_own() {
        let at = |byte| Address::new_from_array([byte; 32]);
        let mut seen = std::collections::BTreeSet::new();
        for program in [at(1), at(2)] {
            for roster in [at(3), at(4)] {
                for epoch in [0, 1, 256] {
                    for shard in [0, 1, 255] {
                        assert!(seen.insert(record_address(&program, &roster, epoch, shard)));
                    }
                }
            }
        }
    }
}
