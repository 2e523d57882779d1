//! What the program can be asked for.
//!
//! | first byte | what | accounts |
//! |---|---|---|
//! | 0 | open a roster: label, shards, validators, quorum, age | authority (signs, pays), roster (written), system program |
//! | 1 | add keys to it: 32 bytes each | authority (signs), roster (written) |
//! | 2 | record a witness: epoch, Borsh; right after an Ed25519 instruction with the shard's signature | payer (signs, pays), roster, record (written), instructions sysvar, system program |
//! | 3 | vote for a record: validator's place, digest | validator (signs), roster, record (written) |
//!
//! Numbers are written little end first.

use crate::{bytes::Reader, roster::Terms};

/// An instruction, read from its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction<'a> {
    /// Opens a roster. The authority comes from the accounts.
    Open(Terms),
    /// Adds keys to it.
    Enrol {
        /// Keys, 32 bytes each.
        keys: &'a [u8],
    },
    /// Records a witness.
    Record {
        /// The epoch.
        epoch: u64,
        /// The witness in Borsh.
        borsh: &'a [u8],
    },
    /// Votes for a record.
    Vote {
        /// The validator's place in the roster, from 0.
        validator: u16,
        /// The digest of what it votes for: see [`crate::Record::digest`].
        digest: &'a [u8; 32],
    },
}

/// The longest data of an instruction other than [`Instruction::Enrol`], and of what goes before the keys or the Borsh
/// bytes.
pub const MAX_HEAD_BYTES: usize = 1 + 32 + 3 * 2 + 8;

impl<'a> Instruction<'a> {
    /// Reads an instruction's data. Nothing if it is none.
    pub fn read(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(data);
        let [tag] = *reader.array()?;
        let instruction = match tag {
            0 => Self::Open(Terms {
                label: *reader.array()?,
                shards: reader.u16()?,
                validators: reader.u16()?,
                quorum: reader.u16()?,
                max_age_s: reader.u64()?,
                authority: [0; 32],
            }),
            1 => return Some(Self::Enrol { keys: reader.0 }),
            2 => return Some(Self::Record { epoch: reader.u64()?, borsh: reader.0 }),
            3 => Self::Vote { validator: reader.u16()?, digest: reader.array()? },
            _ => return None,
        };
        reader.end(instruction)
    }

    /// Its data: a head of at most [`MAX_HEAD_BYTES`], how long that is, and the bytes that follow it.
    pub fn data(&self) -> ([u8; MAX_HEAD_BYTES], usize, &'a [u8]) {
        let mut head = [0; MAX_HEAD_BYTES];
        let (length, rest) = match self {
            Self::Open(terms) => {
                head[1..33].copy_from_slice(&terms.label);
                head[33..35].copy_from_slice(&terms.shards.to_le_bytes());
                head[35..37].copy_from_slice(&terms.validators.to_le_bytes());
                head[37..39].copy_from_slice(&terms.quorum.to_le_bytes());
                head[39..47].copy_from_slice(&terms.max_age_s.to_le_bytes());
                (47, &[][..])
            }
            Self::Enrol { keys } => {
                head[0] = 1;
                (1, *keys)
            }
            Self::Record { epoch, borsh } => {
                head[0] = 2;
                head[1..9].copy_from_slice(&epoch.to_le_bytes());
                (9, *borsh)
            }
            Self::Vote { validator, digest } => {
                head[0] = 3;
                head[1..3].copy_from_slice(&validator.to_le_bytes());
                head[3..35].copy_from_slice(*digest);
                (35, &[][..])
            }
        };
        (head, length, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let terms = Terms {
            shards: 71,
            validators: 70,
            quorum: 48,
            max_age_s: 86_400,
            authority: [0; 32],
            label: [5; 32],
        };
        let all = [
            Instruction::Open(terms),
            Instruction::Enrol { keys: &[7; 64] },
            Instruction::Record { epoch: u64::MAX - 1, borsh: b"any" },
            Instruction::Vote { validator: 258, digest: &[6; 32] },
        ];
        for instruction in all {
            let (head, length, rest) = instruction.data();
            let data = [&head[..length], rest].concat();
            assert_eq!(Instruction::read(&data), Some(instruction));
        }
        assert_eq!(Instruction::read(&[]), None);
        assert_eq!(Instruction::read(&[4]), None);
        assert_eq!(Instruction::read(&[3; 36]), None, "bytes follow a vote");
        assert_eq!(Instruction::read(&[0; 46]), None, "a roster cut off");
    }
}
