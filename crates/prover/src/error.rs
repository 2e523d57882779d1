//! How proving fails: who is at fault, and whether a retry can help.

use std::{io, path::PathBuf, time::Duration};

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The prover ended well but what it made is not evidence for the claim.
    #[error("the prover made something else than evidence for the claim: {detail}")]
    BadOutput {
        /// What is wrong with it.
        detail: String,
    },
    /// The caller cancelled.
    #[error("cancelled after {:.1} s", after.as_secs_f64())]
    Cancelled {
        /// How long it had run.
        after: Duration,
    },
    /// The prover's process died.
    #[error("the prover died ({exit}){}", tail(stderr))]
    Crashed {
        /// Its exit code or signal.
        exit: String,
        /// The end of what it wrote.
        stderr: String,
    },
    /// The program needs more cycles than the caller allows.
    #[error("the program needs {needed} cycles, the limit is {limit}")]
    CyclesExceeded {
        /// Cycles of the program.
        needed: u64,
        /// What was allowed.
        limit: u64,
    },
    /// The caller's deadline passed.
    #[error("not done within the deadline of {} s", limit.as_secs())]
    DeadlineExceeded {
        /// The deadline.
        limit: Duration,
    },
    /// The disk is full.
    #[error("no space left on the disk, at {}", path.display())]
    DiskFull {
        /// Where.
        path: PathBuf,
    },
    /// The program made another journal than native execution predicted.
    #[error(
        "the program's journal differs from native execution: {detail}; this is a bug of Proofmark, please report it"
    )]
    Diverged {
        /// The first difference.
        detail: String,
    },
    /// A graphics processor was demanded and cannot be used.
    #[error("cannot prove on a GPU: {reason}")]
    GpuUnavailable {
        /// What was detected.
        reason: String,
    },
    /// The program refused its input.
    #[error("the program refused its input: {message}")]
    GuestRejected {
        /// What it said.
        message: String,
    },
    /// A file or pipe failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// The prover needs more memory than the caller allows.
    #[error("{}", memory(*limit_bytes, *needed_bytes, *predicted))]
    MemoryExceeded {
        /// What was allowed.
        limit_bytes: u64,
        /// What it used, or would use.
        needed_bytes: u64,
        /// Whether it was refused before it began.
        predicted: bool,
    },
    /// The prover is not on this machine.
    #[error("{what} is not installed; {hint}")]
    NotInstalled {
        /// What is missing.
        what: String,
        /// How to get it.
        hint: String,
    },
    /// No prover has this name.
    #[error("there is no prover called `{name}`; known are: {known}")]
    UnknownBackend {
        /// The name.
        name: String,
        /// Names that exist.
        known: String,
    },
    /// The claim is of a kind that this prover cannot prove.
    #[error("{prover} cannot prove this claim: {detail}")]
    Unsupported {
        /// The prover.
        prover: &'static str,
        /// Why not.
        detail: String,
    },
    /// The prover on this machine is another version than the program needs.
    #[error("{} is version {found}, needed is {needed}; {hint}", path.display())]
    WrongVersion {
        /// Where it was found.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The version that is needed.
        needed: String,
        /// How to get it.
        hint: String,
    },
}

impl ProveError {
    /// An I/O error, or [`ProveError::DiskFull`] if that is what it is.
    pub fn io(doing: impl Into<String>, path: impl Into<PathBuf>, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path: path.into() },
            _ => Self::Io { doing: doing.into(), source },
        }
    }

    /// Who is at fault.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::BadOutput { .. } | Self::Crashed { .. } => Fault::Prover,
            Self::Cancelled { .. }
            | Self::CyclesExceeded { .. }
            | Self::DeadlineExceeded { .. }
            | Self::GuestRejected { .. }
            | Self::MemoryExceeded { .. }
            | Self::UnknownBackend { .. }
            | Self::Unsupported { .. } => Fault::Request,
            Self::DiskFull { .. }
            | Self::GpuUnavailable { .. }
            | Self::Io { .. }
            | Self::NotInstalled { .. }
            | Self::WrongVersion { .. } => Fault::Machine,
            Self::Diverged { .. } => Fault::Proofmark,
        }
    }

    /// Whether the same call can succeed another time.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Crashed { .. } | Self::Io { .. } | Self::Cancelled { .. } => Retry::Same,
            Self::CyclesExceeded { .. } | Self::DeadlineExceeded { .. } | Self::MemoryExceeded { .. } => {
                Retry::WithHigherLimit
            }
            Self::DiskFull { .. }
            | Self::GpuUnavailable { .. }
            | Self::NotInstalled { .. }
            | Self::WrongVersion { .. } => Retry::AfterRepair,
            Self::BadOutput { .. }
            | Self::Diverged { .. }
            | Self::GuestRejected { .. }
            | Self::UnknownBackend { .. }
            | Self::Unsupported { .. } => Retry::Never,
        }
    }
}

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The machine lacks something.
    Machine,
    /// This software.
    Proofmark,
    /// The prover's software.
    Prover,
    /// The caller's request or its limits.
    Request,
}

/// Whether a retry can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Once the machine is repaired as the message says.
    AfterRepair,
    /// No.
    Never,
    /// As it is.
    Same,
    /// With a higher limit.
    WithHigherLimit,
}

fn tail(stderr: &str) -> String {
    let text = stderr.trim();
    if text.is_empty() { String::new() } else { format!("; it wrote last:\n{text}") }
}

fn memory(limit: u64, needed: u64, predicted: bool) -> String {
    let mib = |bytes: u64| bytes >> 20;
    if predicted {
        format!("the proof would need about {} MiB of memory, the limit is {} MiB", mib(needed), mib(limit))
    } else {
        format!("the prover used {} MiB of memory, the limit is {} MiB", mib(needed), mib(limit))
    }
}
