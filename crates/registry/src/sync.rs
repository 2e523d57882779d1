//! Taking over a newer registry from elsewhere.

use proofmark_core::PublicKey;

use crate::{Entry, Registry, RegistryError};

/// What came of a sync.
#[derive(Clone, Debug)]
pub enum SyncOutcome {
    /// The remote registry holds everything that the local one does, and more.
    Extended(Registry),
    /// Both are the same.
    UpToDate,
}

impl SyncOutcome {
    /// The entries that are new.
    pub fn new_entries(&self, local: &Registry) -> &[Entry] {
        match self {
            Self::Extended(registry) => &registry.entries()[local.entries().len()..],
            Self::UpToDate => &[],
        }
    }
}

/// Why a remote registry was not taken over. The local one stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The two logs say different things at the same place: one of them was rewritten.
    #[error("the remote registry contradicts the local one at entry {seq}: one of them was rewritten")]
    Fork {
        /// The first entry that differs.
        seq: u64,
    },
    /// The remote registry cannot be trusted in itself.
    #[error("the remote registry is bad: {0}")]
    Remote(#[from] RegistryError),
    /// The remote registry is older, so it would bring deprecated programs back.
    #[error("the remote registry has {remote} entries, the local one {local}: an older list is refused")]
    Rollback {
        /// Entries that are known here.
        local: usize,
        /// Entries that were offered.
        remote: usize,
    },
}

/// Takes over `fetched` if it only adds to `local`.
///
/// # Errors
/// If the fetched bytes are no good registry for these authorities, are older than the local one, or
/// contradict it.
pub fn sync(local: &Registry, fetched: &[u8], authorities: &[PublicKey]) -> Result<SyncOutcome, SyncError> {
    let remote = Registry::parse(fetched, authorities)?;
    let pairs = local.digests().iter().zip(remote.digests());
    if let Some(seq) = pairs.enumerate().find_map(|(seq, (here, there))| (here != there).then_some(seq)) {
        return Err(SyncError::Fork { seq: seq as u64 });
    }
    match (local.entries().len(), remote.entries().len()) {
        (local, remote) if remote < local => Err(SyncError::Rollback { local, remote }),
        (local, remote) if remote == local => Ok(SyncOutcome::UpToDate),
        _ => Ok(SyncOutcome::Extended(remote)),
    }
}
