//! What can be wrong with a registry, and who is at fault.

use proofmark_core::{Digest, PublicKey};

/// Why bytes are not a registry that can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// An entry is wrong: whoever wrote, signed or changed it is at fault.
    #[error("registry entry {seq}: {fault}")]
    Entry {
        /// The first bad entry, counted from zero.
        seq: u64,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// Not the JSON of a registry; the text says where.
    #[error("not a registry: {0}")]
    Malformed(String),
    /// The JSON is not written the one way this format has, so somebody edited it.
    #[error("not a registry: the text is not in the form that this format prescribes; somebody edited it")]
    NotCanonical,
    /// Longer than is read.
    #[error("a registry has at most {limit} {unit}, found {actual}")]
    TooLarge {
        /// The most that is read.
        limit: usize,
        /// What was given.
        actual: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// Another format than this software reads.
    #[error("registry format `{0}`; this software reads `proofmark-registry/1`")]
    UnsupportedFormat(String),
}

/// What is wrong with one entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryFault {
    /// The program was deprecated before.
    #[error("program {0} is already deprecated")]
    AlreadyDeprecated(Digest),
    /// The program was registered before.
    #[error("program {0} is already registered")]
    AlreadyRegistered(Digest),
    /// The program's metadata are out of their ranges.
    #[error("the program's metadata: {0}")]
    BadProgram(String),
    /// The signature is not the signer's over this entry.
    #[error("the signature is not the signer's")]
    BadSignature,
    /// A text is empty, too long or holds control characters.
    #[error("`{field}` must be 1 to {most} bytes of text without control characters")]
    BadText {
        /// The field.
        field: &'static str,
        /// The most bytes.
        most: usize,
    },
    /// The entry does not name the digest of the one before it.
    #[error("it follows {found}, but the entry before it is {expected}")]
    BrokenChain {
        /// The digest of the entry before.
        expected: Digest,
        /// What the entry says.
        found: Digest,
    },
    /// The program that is to be deprecated was never registered.
    #[error("program {0} is not registered")]
    UnknownProgram(Digest),
    /// The signer is none of the trusted authorities.
    #[error("the signer {0} is not a trusted authority")]
    UntrustedSigner(PublicKey),
    /// The entry is not where it says.
    #[error("it says that it is entry {found}, but it is entry {expected}")]
    WrongSequence {
        /// Its place in the log.
        expected: u64,
        /// What the entry says.
        found: u64,
    },
}
