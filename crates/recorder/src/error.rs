//! What can go wrong with recording, and what to do about it.

use std::{io, path::PathBuf};

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The command cannot be started: its user is at fault.
    #[error("cannot run `{command}`: {source}")]
    Command {
        /// The command's name.
        command: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The kernel does not let this user record.
    #[error("the kernel does not let this user record (kernel.perf_event_paranoid is {paranoid})")]
    NotPermitted {
        /// The setting as it stands.
        paranoid: String,
    },
    /// There is no `perf` on this machine.
    #[error("there is no `perf` on this machine")]
    NoPerf,
    /// `perf` failed. The command ran to its end all the same, if it was started.
    #[error("perf failed: {0}")]
    PerfFailed(String),
    /// The recording cannot be read back.
    #[error("the recording cannot be read back: {0}")]
    Unreadable(proofmark_witness::perf::PerfError),
}

impl RecordError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::PerfFailed(_))
    }

    /// What to do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoPerf => Some("install it: on Debian `apt-get install linux-perf`"),
            Self::NotPermitted { .. } => Some(
                "as root: sysctl kernel.perf_event_paranoid=2; in a container, allow the perf_event_open system call \
                 or add the capability PERFMON",
            ),
            Self::PerfFailed(_) => {
                Some("run it again; `perf record -- true` shows whether perf works here at all")
            }
            Self::Command { .. } | Self::Io { .. } | Self::Unreadable(_) => None,
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}
