//! Why the program refuses.

/// A reason with a number that the chain reports as `custom program error`. Numbers are never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum Fault {
    /// The instruction's bytes are none that the program knows. Its sender is at fault.
    BadInstruction = 6000,
    /// An account is missing, is not writable, does not belong to the program, or has another address than it must.
    BadAccount = 6001,
    /// The account that must sign did not.
    MissingSigner = 6002,
    /// Numbers of shards and validators, quorum or age that make no roster.
    BadRoster = 6003,
    /// The roster has all its keys.
    RosterComplete = 6004,
    /// The roster lacks keys, so nothing can be recorded under it.
    RosterIncomplete = 6005,
    /// A key stands twice among shards or validators.
    KeyTwice = 6006,
    /// The roster has no such shard.
    UnknownShard = 6007,
    /// The record is malformed.
    BadRecord = 6008,
    /// The record's time is older than the roster allows, or lies in the future.
    BadTime = 6009,
    /// The instruction before is no Ed25519 signature in its one canonical form.
    NoSignature = 6010,
    /// The signature is of another key than the shard's.
    WrongKey = 6011,
    /// The signature is over other bytes than this record's for this epoch and roster.
    WrongMessage = 6012,
    /// There is a record for this shard and epoch.
    Replayed = 6013,
    /// The signer is not the validator that it says it is.
    NotValidator = 6014,
    /// The validator voted for this record before.
    VotedAlready = 6015,
    /// The vote is for another record than the one that is kept.
    OtherRecord = 6016,
}

impl Fault {
    /// All faults, by number.
    pub const ALL: [Self; 17] = [
        Self::BadInstruction,
        Self::BadAccount,
        Self::MissingSigner,
        Self::BadRoster,
        Self::RosterComplete,
        Self::RosterIncomplete,
        Self::KeyTwice,
        Self::UnknownShard,
        Self::BadRecord,
        Self::BadTime,
        Self::NoSignature,
        Self::WrongKey,
        Self::WrongMessage,
        Self::Replayed,
        Self::NotValidator,
        Self::VotedAlready,
        Self::OtherRecord,
    ];

    /// The fault with a number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.number() == number)
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Its stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadInstruction => "bad-instruction",
            Self::BadAccount => "bad-account",
            Self::MissingSigner => "missing-signer",
            Self::BadRoster => "bad-roster",
            Self::RosterComplete => "roster-complete",
            Self::RosterIncomplete => "roster-incomplete",
            Self::KeyTwice => "key-twice",
            Self::UnknownShard => "unknown-shard",
            Self::BadRecord => "bad-record",
            Self::BadTime => "bad-time",
            Self::NoSignature => "no-signature",
            Self::WrongKey => "wrong-key",
            Self::WrongMessage => "wrong-message",
            Self::Replayed => "replayed",
            Self::NotValidator => "not-validator",
            Self::VotedAlready => "voted-already",
            Self::OtherRecord => "other-record",
        }
    }

    /// What it means, in one sentence without a full stop.
    pub const fn text(self) -> &'static str {
        match self {
            Self::BadInstruction => "the program does not know this instruction",
            Self::BadAccount => {
                "an account is missing, not writable, not the program's, or has another address than it must"
            }
            Self::MissingSigner => "the account that must sign did not",
            Self::BadRoster => {
                "a roster has 1 to 256 shards, 1 to 256 validators, at most 317 of both, a quorum among them and an age"
            }
            Self::RosterComplete => "the roster has all its keys and never changes",
            Self::RosterIncomplete => "the roster lacks keys",
            Self::KeyTwice => "a key stands twice among the shards or among the validators",
            Self::UnknownShard => "the roster has no such shard",
            Self::BadRecord => "the record is malformed",
            Self::BadTime => "the witness is older than the roster allows, or lies in the future",
            Self::NoSignature => "the instruction before is no Ed25519 signature in its canonical form",
            Self::WrongKey => "another key signed than the one registered for the shard",
            Self::WrongMessage => "the shard signed other bytes than this record for this epoch and roster",
            Self::Replayed => "there is a record for this shard and epoch",
            Self::NotValidator => "the signer is no validator of the roster",
            Self::VotedAlready => "the validator voted for this record before",
            Self::OtherRecord => "the vote is for another record than the one that is kept",
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.code(), self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_them() {
        let page = include_str!("../../../docs/src/witness-solana.md");
        for fault in Fault::ALL {
            let row = format!("| {} | `{}` | {} |", fault.number(), fault.code(), fault.text());
            assert!(page.contains(&row), "{row}");
        }
    }

    #[test]
    fn numbers_and_names_are_different() {
        for (at, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault.number(), 6000 + at as u32);
            assert_eq!(Fault::from_number(fault.number()), Some(fault));
            assert!(Fault::ALL[..at].iter().all(|other| other.code() != fault.code()));
        }
        assert_eq!(Fault::from_number(1), None);
    }
}
