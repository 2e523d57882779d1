//! What can go wrong with a store, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file's content is not what its name says: the disk or somebody else changed it.
    #[error(
        "{path}: the content is {found}, not what its name says; move the file away and store the receipt again"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The id of what it holds, or why it holds no receipt.
        found: String,
    },
    /// The disk or a quota is full. Nothing was half written.
    #[error("{path}: no space left; free some, for example by collecting receipts that are not pinned")]
    DiskFull {
        /// Where the bytes should have gone.
        path: PathBuf,
    },
    /// The text is no id of a receipt or a recording.
    #[error(
        "`{0}` is not the id of a receipt or a recording: ids begin with `bafyrei` or `bafkrei` and have 59 characters of \
         base32"
    )]
    InvalidId(String),
    /// Any other fault of the file system.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no such receipt.
    #[error("there is no receipt {0} in this store")]
    NotFound(String),
    /// The user may not read or write there.
    #[error("{path}: permission denied; choose another folder or change its owner")]
    PermissionDenied {
        /// The file or folder.
        path: PathBuf,
    },
    /// The receipt is longer than the store takes.
    #[error("a receipt has at most {limit} bytes, found {actual}")]
    TooLarge {
        /// The most that is taken.
        limit: usize,
        /// What was given.
        actual: usize,
    },
}

impl StoreError {
    /// Whether the same call may succeed after somebody made room or changed rights.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::DiskFull { .. } | Self::PermissionDenied { .. } | Self::Io { .. })
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::PermissionDenied { path }
            }
            _ => Self::Io { path, source },
        }
    }
}
