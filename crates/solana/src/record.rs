//! The account of a record: one shard's witness of one epoch, and who voted for it.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | 2: a record |
//! | 1 | bump of the address |
//! | 2..4 | votes |
//! | 4 | 1 if final |
//! | 5..8 | zeros |
//! | 8..16 | epoch |
//! | 16..48 | roster |
//! | 48..80 | SHA-256 of what the shard signed: what a vote names |
//! | 80..112 | a bit for each validator that voted |
//! | 112..120, 120..128 | chain's time at which it was recorded, and became final; 0 if it has not |
//! | 128.. | the witness in Borsh |

use crate::{Fault, ZkPerfWitness, bytes::field, roster::MAX_EACH};

/// What the address is derived from, before roster, epoch and shard.
pub const SEED: &[u8] = b"record";

const TAG: u8 = 2;
const BITS_AT: usize = 80;
const WITNESS_AT: usize = 128;

// A bit for each validator.
const _: () = assert!(8 * 32 == MAX_EACH as usize);

/// Bytes of the account of a witness with a Borsh form of this length.
pub const fn account_bytes(borsh_bytes: usize) -> usize {
    WITNESS_AT + borsh_bytes
}

/// A new record.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Bump of its address.
    pub bump: u8,
    /// The epoch.
    pub epoch: u64,
    /// The roster's address.
    pub roster: &'a [u8; 32],
    /// SHA-256 of what the shard signed.
    pub digest: [u8; 32],
    /// The chain's time.
    pub now: i64,
    /// The witness in Borsh.
    pub borsh: &'a [u8],
}

impl New<'_> {
    /// Writes the account. `account` is zeros of [`account_bytes`].
    pub fn write(&self, account: &mut [u8]) {
        account[0] = TAG;
        account[1] = self.bump;
        account[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        account[16..48].copy_from_slice(self.roster);
        account[48..80].copy_from_slice(&self.digest);
        account[112..120].copy_from_slice(&self.now.to_le_bytes());
        account[WITNESS_AT..].copy_from_slice(self.borsh);
    }
}

/// A record's account, read.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads an account that the program owns.
    ///
    /// # Errors
    /// [`Fault::BadAccount`] if it is no record.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        if bytes.len() < WITNESS_AT || bytes[0] != TAG { Err(Fault::BadAccount) } else { Ok(Self { bytes }) }
    }

    /// Votes.
    pub fn votes(&self) -> u16 {
        u16::from_le_bytes(field(self.bytes, 2))
    }

    /// Whether a quorum voted for it.
    pub fn is_final(&self) -> bool {
        self.bytes[4] == 1
    }

    /// The epoch.
    pub fn epoch(&self) -> u64 {
        u64::from_le_bytes(field(self.bytes, 8))
    }

    /// The roster's address.
    pub fn roster(&self) -> [u8; 32] {
        field(self.bytes, 16)
    }

    /// SHA-256 of what the shard signed.
    pub fn digest(&self) -> [u8; 32] {
        field(self.bytes, 48)
    }

    /// Whether a validator voted.
    pub fn has_voted(&self, validator: u16) -> bool {
        let (byte, bit) = place(validator);
        validator < MAX_EACH && self.bytes[byte] & bit != 0
    }

    /// The chain's time at which it was recorded.
    pub fn recorded_at(&self) -> i64 {
        i64::from_le_bytes(field(self.bytes, 112))
    }

    /// The chain's time at which it became final.
    pub fn final_at(&self) -> Option<i64> {
        self.is_final().then(|| i64::from_le_bytes(field(self.bytes, 120)))
    }

    /// The witness. Nothing if the bytes are none, which the program never writes.
    pub fn witness(&self) -> Option<ZkPerfWitness<'a>> {
        ZkPerfWitness::from_borsh(&self.bytes[WITNESS_AT..])
    }
}

/// Counts a validator's vote in a record's account. `validator` is one of the roster's, `now` the chain's time.
///
/// # Errors
/// [`Fault::BadAccount`] if it is no record, [`Fault::OtherRecord`] if the vote is for another one,
/// [`Fault::VotedAlready`].
pub fn vote(
    account: &mut [u8],
    validator: u16,
    digest: &[u8; 32],
    quorum: u16,
    now: i64,
) -> Result<(), Fault> {
    let record = Record::read(account)?;
    if record.digest() != *digest {
        return Err(Fault::OtherRecord);
    }
    if validator >= MAX_EACH {
        return Err(Fault::NotValidator);
    }
    if record.has_voted(validator) {
        return Err(Fault::VotedAlready);
    }
    let (votes, was_final) = (record.votes() + 1, record.is_final());
    let (byte, bit) = place(validator);
    account[byte] |= bit;
    account[2..4].copy_from_slice(&votes.to_le_bytes());
    if votes >= quorum && !was_final {
        account[4] = 1;
        account[120..128].copy_from_slice(&now.to_le_bytes());
    }
    Ok(())
}

/// Byte and bit of a validator.
const fn place(validator: u16) -> (usize, u8) {
    (BITS_AT + validator as usize / 8, 1 << (validator % 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_validator_counts_once_and_the_quorum_makes_it_final() {
        let witness = ZkPerfWitness {
            shard_id: 4,
            agent: "a",
            timestamp: 5,
            perf_hash: [6; 32],
            samples: 7,
            signature: [8; 64],
        };
        let borsh = witness.to_borsh().unwrap();
        let mut account = vec![0; account_bytes(borsh.len())];
        assert!(Record::read(&account).is_err());
        New { bump: 253, epoch: 11, roster: &[9; 32], digest: [3; 32], now: 1000, borsh: &borsh }
            .write(&mut account);
        let read = Record::read(&account).unwrap();
        assert_eq!((read.epoch(), read.roster(), read.digest()), (11, [9; 32], [3; 32]));
        assert_eq!((read.votes(), read.final_at(), read.recorded_at()), (0, None, 1000));
        assert_eq!(read.witness(), Some(witness));

        assert_eq!(vote(&mut account, 0, &[4; 32], 2, 0), Err(Fault::OtherRecord));
        assert_eq!(vote(&mut account, 256, &[3; 32], 2, 0), Err(Fault::NotValidator));
        assert_eq!(vote(&mut account, 255, &[3; 32], 2, 1001), Ok(()));
        assert_eq!(vote(&mut account, 255, &[3; 32], 2, 1002), Err(Fault::VotedAlready));
        assert!(!Record::read(&account).unwrap().is_final());
        assert_eq!(vote(&mut account, 0, &[3; 32], 2, 1003), Ok(()));
        assert_eq!(Record::read(&account).unwrap().final_at(), Some(1003));
        assert_eq!(vote(&mut account, 1, &[3; 32], 2, 1004), Ok(()));
        let read = Record::read(&account).unwrap();
        assert_eq!((read.votes(), read.final_at()), (3, Some(1003)), "it becomes final once");
        let voted: Vec<u16> = (0..300).filter(|validator| read.has_voted(*validator)).collect();
        assert_eq!(voted, [0, 1, 255]);
        assert_eq!(read.witness(), Some(witness), "votes do not touch the witness");
    }
}
