//! How making and proving fail: who is at fault, and whether a retry can help.

use std::{io, path::PathBuf};

use crate::SetupError;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The queue is full. Nobody is at fault; retry after a moment, or slow down.
    #[error("{capacity} proofs are waiting already; try again in a moment")]
    Busy {
        /// Proofs that may wait.
        capacity: usize,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The configuration switches binding proofs off. There is no mock in their place.
    #[error("binding proofs are switched off by {variable}")]
    Disabled {
        /// The variable that says so.
        variable: &'static str,
    },
    /// A file to hash cannot be read, or is none that can be hashed. The caller is at fault.
    #[error("{}: {detail}", path.display())]
    Hash {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A key file cannot be used. Whoever installed it is at fault; a retry cannot help.
    #[error("{}: {fault}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: KeyFault,
    },
    /// The operating system gave no random bytes. A retry may help.
    #[error("the operating system gave no random bytes: {0}")]
    NoRandomness(String),
    /// The proof that was made does not verify, so it was thrown away: the key's tables are damaged, or the machine is.
    #[error("the proof that was made does not verify, so it was thrown away; check key and memory")]
    SelfCheck,
    /// A setting makes no sense. The operator is at fault.
    #[error("{variable}: {detail}")]
    Setting {
        /// The variable.
        variable: &'static str,
        /// What it must be.
        detail: String,
    },
    /// A set-up failed.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The service was stopped.
    #[error("the prover service was stopped")]
    Stopped,
}

impl Error {
    /// The stable code, which metrics use as the label `reason`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Cancelled => "cancelled",
            Self::Disabled { .. } => "disabled",
            Self::Hash { .. } => "unhashable",
            Self::Key { fault, .. } => fault.code(),
            Self::NoRandomness(_) => "no-randomness",
            Self::SelfCheck => "self-check",
            Self::Setting { .. } => "bad-setting",
            Self::Setup(_) => "bad-setup",
            Self::Stopped => "stopped",
        }
    }

    /// Every code, for tests of dashboards and alerts.
    pub const CODES: &[&'static str] = &[
        "bad-setting",
        "bad-setup",
        "busy",
        "cancelled",
        "disabled",
        "key-damaged",
        "key-exposed",
        "key-foreign",
        "key-mismatch",
        "key-missing",
        "key-truncated",
        "key-unreadable",
        "no-randomness",
        "self-check",
        "stopped",
        "unhashable",
    ];

    /// Whether the same call may work later without anybody changing anything.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::NoRandomness(_))
    }
}

/// What is wrong with a key file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// Its content is not what its checksum says, or is no key.
    #[error("the key file is damaged: {0}")]
    Damaged(&'static str),
    /// Others may write it.
    #[error(
        "others than its owner may write this key (mode {mode:03o}); whoever did could learn what sealed proofs hide: chmod go-w"
    )]
    Exposed {
        /// Its permission bits.
        mode: u32,
    },
    /// It is a file of another kind, format version, circuit or form.
    #[error("this is not the key that is needed: {0}")]
    Foreign(&'static str),
    /// Two keys that should belong together do not.
    #[error("the proving key belongs to {proving}, the verifying key is {verifying}")]
    Mismatch {
        /// Id of the verifying key that belongs to the proving key.
        proving: proofmark_core::Digest,
        /// Id of the verifying key at hand.
        verifying: proofmark_core::Digest,
    },
    /// There is no such file.
    #[error("there is no key here; `proofmark binding setup` and `proofmark binding key make` make one")]
    Missing,
    /// It is shorter or longer than it says.
    #[error("the key file has {actual} bytes instead of {expected}")]
    Truncated {
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has.
        actual: u64,
    },
    /// It cannot be read.
    #[error("the key file cannot be read: {0}")]
    Unreadable(io::Error),
}

impl KeyFault {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Damaged(_) => "key-damaged",
            Self::Exposed { .. } => "key-exposed",
            Self::Foreign(_) => "key-foreign",
            Self::Mismatch { .. } => "key-mismatch",
            Self::Missing => "key-missing",
            Self::Truncated { .. } => "key-truncated",
            Self::Unreadable(_) => "key-unreadable",
        }
    }

    /// The fault as the error of a file.
    pub(crate) fn at(self, path: impl Into<PathBuf>) -> Error {
        Error::Key { path: path.into(), fault: self }
    }
}
