//! The account of a roster: who may record, who may vote, and how many votes make a record final.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | 1: a roster |
//! | 1 | bump of the address |
//! | 2..4, 4..6, 6..8 | shards, validators, quorum |
//! | 8..10 | keys written so far |
//! | 10..16 | zeros |
//! | 16..24 | the oldest witness that is recorded, in seconds |
//! | 24..56 | the authority that opened it |
//! | 56..88 | its label |
//! | 88.. | keys of the shards, then of the validators, 32 bytes each |

use crate::{Fault, bytes::field};

/// What the address is derived from, before the authority and the label.
pub const SEED: &[u8] = b"roster";
/// The most shards, and the most validators.
pub const MAX_EACH: u16 = 256;
/// The most keys: an instruction can make an account of 10 240 bytes.
pub const MAX_KEYS: u16 = ((10_240 - KEYS_AT) / 32) as u16;
/// How far the chain's clock may be behind a shard's, in seconds. Validators vote on the chain's clock, and it drifts.
pub const MAX_SKEW_S: i64 = 300;

const TAG: u8 = 1;
const KEYS_AT: usize = 88;

/// The fixed part of a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Shards, from 1 to [`MAX_EACH`].
    pub shards: u16,
    /// Validators, from 1 to [`MAX_EACH`].
    pub validators: u16,
    /// Votes that make a record final, from 1 to all validators.
    pub quorum: u16,
    /// The oldest witness that is recorded, in seconds from its start; not 0.
    pub max_age_s: u64,
    /// Who opens it.
    pub authority: [u8; 32],
    /// What tells it from other rosters of the same authority.
    pub label: [u8; 32],
}

impl Terms {
    /// Whether a roster can have these numbers.
    ///
    /// # Errors
    /// [`Fault::BadRoster`].
    pub fn check(&self) -> Result<(), Fault> {
        let each = 1..=MAX_EACH;
        let fits = each.contains(&self.shards)
            && each.contains(&self.validators)
            && self.shards + self.validators <= MAX_KEYS
            && (1..=self.validators).contains(&self.quorum)
            && self.max_age_s > 0;
        if fits { Ok(()) } else { Err(Fault::BadRoster) }
    }

    /// Bytes of its account.
    pub const fn account_bytes(&self) -> usize {
        KEYS_AT + 32 * (self.shards as usize + self.validators as usize)
    }

    /// Writes the account of a new roster. `account` is zeros of [`Terms::account_bytes`].
    pub fn open(&self, bump: u8, account: &mut [u8]) {
        account[0] = TAG;
        account[1] = bump;
        account[2..4].copy_from_slice(&self.shards.to_le_bytes());
        account[4..6].copy_from_slice(&self.validators.to_le_bytes());
        account[6..8].copy_from_slice(&self.quorum.to_le_bytes());
        account[16..24].copy_from_slice(&self.max_age_s.to_le_bytes());
        account[24..56].copy_from_slice(&self.authority);
        account[56..88].copy_from_slice(&self.label);
    }
}

/// A roster's account, read. The keys stay where they are.
#[derive(Clone, Copy, Debug)]
pub struct Roster<'a> {
    bytes: &'a [u8],
    /// Shards.
    pub shards: u16,
    /// Validators.
    pub validators: u16,
    /// Votes that make a record final.
    pub quorum: u16,
    /// Keys that it has.
    pub filled: u16,
}

impl<'a> Roster<'a> {
    /// Reads an account that the program owns.
    ///
    /// # Errors
    /// [`Fault::BadAccount`] if it is no roster.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        if bytes.len() < KEYS_AT || bytes[0] != TAG {
            return Err(Fault::BadAccount);
        }
        let number = |at| u16::from_le_bytes(field(bytes, at));
        let roster =
            Self { bytes, shards: number(2), validators: number(4), quorum: number(6), filled: number(8) };
        let keys = usize::from(roster.shards) + usize::from(roster.validators);
        if bytes.len() != KEYS_AT + 32 * keys || usize::from(roster.filled) > keys {
            return Err(Fault::BadAccount);
        }
        Ok(roster)
    }

    /// The fixed part.
    pub fn terms(&self) -> Terms {
        Terms {
            shards: self.shards,
            validators: self.validators,
            quorum: self.quorum,
            max_age_s: self.max_age_s(),
            authority: *self.authority(),
            label: field(self.bytes, 56),
        }
    }

    /// The oldest witness that is recorded, in seconds.
    pub fn max_age_s(&self) -> u64 {
        u64::from_le_bytes(field(self.bytes, 16))
    }

    /// Who opened it.
    pub fn authority(&self) -> &'a [u8; 32] {
        self.bytes[24..56].try_into().expect("32 bytes")
    }

    /// Whether it has all its keys.
    ///
    /// # Errors
    /// [`Fault::RosterIncomplete`].
    pub fn check_complete(&self) -> Result<(), Fault> {
        if self.filled == self.shards + self.validators { Ok(()) } else { Err(Fault::RosterIncomplete) }
    }

    /// The key of a shard.
    ///
    /// # Errors
    /// [`Fault::UnknownShard`].
    pub fn shard(&self, shard: u8) -> Result<&'a [u8; 32], Fault> {
        if u16::from(shard) < self.shards { Ok(self.key(shard.into())) } else { Err(Fault::UnknownShard) }
    }

    /// The key of a validator.
    ///
    /// # Errors
    /// [`Fault::NotValidator`].
    pub fn validator(&self, validator: u16) -> Result<&'a [u8; 32], Fault> {
        if validator < self.validators {
            Ok(self.key(self.shards + validator))
        } else {
            Err(Fault::NotValidator)
        }
    }

    fn key(&self, at: u16) -> &'a [u8; 32] {
        let start = KEYS_AT + 32 * usize::from(at);
        self.bytes[start..start + 32].try_into().expect("32 bytes")
    }
}

/// Adds keys to a roster's account, in the order of shards and then validators.
///
/// # Errors
/// [`Fault::RosterComplete`] if there are more than it lacks, [`Fault::KeyTwice`] if one stands among its kind already,
/// [`Fault::BadInstruction`] if the bytes are no keys. Then the account may have been written to: its transaction fails.
pub fn enrol(account: &mut [u8], keys: &[u8]) -> Result<(), Fault> {
    let Roster { shards, validators, mut filled, .. } = Roster::read(account)?;
    let (keys, []) = keys.as_chunks::<32>() else { return Err(Fault::BadInstruction) };
    if keys.is_empty() {
        return Err(Fault::BadInstruction);
    }
    for key in keys {
        if filled == shards + validators {
            return Err(Fault::RosterComplete);
        }
        let kind = if filled < shards { 0 } else { shards };
        let roster = Roster::read(account)?;
        if (kind..filled).any(|at| roster.key(at) == key) {
            return Err(Fault::KeyTwice);
        }
        let start = KEYS_AT + 32 * usize::from(filled);
        account[start..start + 32].copy_from_slice(key);
        filled += 1;
        account[8..10].copy_from_slice(&filled.to_le_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn terms() -> Terms {
        Terms { shards: 3, validators: 4, quorum: 3, max_age_s: 60, authority: [1; 32], label: [2; 32] }
    }

    #[test]
    fn numbers_are_checked() {
        assert_eq!(terms().check(), Ok(()));
        let most = Terms { shards: 256, validators: 61, ..terms() };
        assert_eq!((most.check(), most.account_bytes()), (Ok(()), 10_232));
        for bad in [
            Terms { shards: 0, ..terms() },
            Terms { shards: 257, ..terms() },
            Terms { validators: 0, quorum: 0, ..terms() },
            Terms { shards: 256, validators: 62, ..terms() },
            Terms { shards: u16::MAX, validators: u16::MAX, ..terms() },
            Terms { quorum: 0, ..terms() },
            Terms { quorum: 5, ..terms() },
            Terms { max_age_s: 0, ..terms() },
        ] {
            assert_eq!(bad.check(), Err(Fault::BadRoster), "{bad:?}");
        }
    }

    #[test]
    fn keys_are_different_among_their_kind_and_come_once() {
        let mut account = vec![0; terms().account_bytes()];
        assert!(Roster::read(&account).is_err());
        terms().open(254, &mut account);
        assert_eq!(Roster::read(&account).unwrap().terms(), terms());
        let keys = |numbers: &[u8]| numbers.iter().flat_map(|number| [*number; 32]).collect::<Vec<u8>>();
        assert_eq!(enrol(&mut account, &keys(&[1, 2])), Ok(()));
        assert_eq!(enrol(&mut account, &keys(&[2])), Err(Fault::KeyTwice));
        assert_eq!(enrol(&mut account, &[3; 31]), Err(Fault::BadInstruction));
        assert_eq!(enrol(&mut account, &[]), Err(Fault::BadInstruction));
        assert_eq!(Roster::read(&account).unwrap().check_complete(), Err(Fault::RosterIncomplete));
        // A shard may be a validator too.
        assert_eq!(enrol(&mut account, &keys(&[3, 1, 7, 8])), Ok(()));
        assert_eq!(enrol(&mut account.clone(), &keys(&[8])), Err(Fault::KeyTwice));
        assert_eq!(enrol(&mut account.clone(), &keys(&[9, 10])), Err(Fault::RosterComplete));
        assert_eq!(enrol(&mut account, &keys(&[9])), Ok(()));
        assert_eq!(enrol(&mut account, &keys(&[10])), Err(Fault::RosterComplete));
        let roster = Roster::read(&account).unwrap();
        assert_eq!(roster.check_complete(), Ok(()));
        assert_eq!((roster.shard(2), roster.shard(3)), (Ok(&[3; 32]), Err(Fault::UnknownShard)));
        assert_eq!(roster.validator(3), Ok(&[9; 32]));
        assert_eq!(roster.validator(4), Err(Fault::NotValidator));
        assert!(Roster::read(&account[1..]).is_err());
    }
}
