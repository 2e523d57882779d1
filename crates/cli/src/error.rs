//! The one error type of the binary, with its exit codes.

use std::{io, path::PathBuf};

use serde::Serialize;

use crate::ui::clean;

/// Exit codes. They are part of the interface and documented in `docs/src/command-line.md`.
pub(crate) mod exit {
    /// The answer is no: the receipt or plan is invalid.
    pub(crate) const REFUSED: u8 = 1;
    /// The command, its configuration or a file it was given cannot be used.
    pub(crate) const USAGE: u8 = 2;
    /// The plan failed on this data.
    pub(crate) const EXECUTION: u8 = 3;
    /// The prover failed.
    pub(crate) const PROVER: u8 = 4;
    /// The machine failed: a full disk, a folder in use.
    pub(crate) const MACHINE: u8 = 5;
    /// Cancelled by the user.
    pub(crate) const CANCELLED: u8 = 130;
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// Another process writes the same folder.
    #[error("{} is being written by another proofmark process", path.display())]
    Busy { path: PathBuf },
    /// The user asked to stop.
    #[error("cancelled; nothing was written")]
    Cancelled,
    /// A configuration file or variable is wrong.
    #[error("{place}: {message}")]
    Config { place: String, message: String, hint: String },
    /// The plan failed on this data.
    #[error("the plan failed: {message}")]
    Execution { message: String, hint: Option<String> },
    /// A file is not what it must be; the text names the place in it.
    #[error("{}: {message}", path.display())]
    File { path: PathBuf, message: String, hint: Option<String> },
    /// Input data does not fit the plan; the text names row and column.
    #[error("input {name} ({}): {message}", path.display())]
    Input { name: String, path: PathBuf, message: String, hint: Option<String> },
    /// A key file cannot be used.
    #[error("{}: {message}", path.display())]
    Key { path: PathBuf, message: String, hint: String },
    /// A plan has errors, already rendered.
    #[error("{}: {}", path.display(), plural_errors(*errors))]
    Plan { path: PathBuf, errors: usize, rendered: String, diagnostics: Vec<serde_json::Value> },
    /// The prover failed.
    #[error("{message}")]
    Prover { code: &'static str, message: String, hint: Option<String> },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// What was asked for is refused.
    #[error("{message}")]
    Refused { code: &'static str, message: String, hint: Option<String> },
    /// A file is longer than its limit.
    #[error("{} is longer than {limit} bytes", path.display())]
    TooLarge { path: PathBuf, limit: u64, hint: String },
    /// The command line does not make sense.
    #[error("{message}")]
    Usage { message: String, hint: Option<String> },
    /// Something cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The JSON form of an error.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) error: ReportBody,
}

#[derive(Debug, Serialize)]
pub(crate) struct ReportBody {
    code: &'static str,
    exit: u8,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<serde_json::Value>,
}

impl Error {
    /// A usage error.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: Some(hint.into()).filter(|hint: &String| !hint.is_empty()),
        }
    }

    /// The exit code.
    pub(crate) const fn exit(&self) -> u8 {
        match self {
            Self::Plan { .. } | Self::Refused { .. } => exit::REFUSED,
            Self::Config { .. }
            | Self::File { .. }
            | Self::Input { .. }
            | Self::Key { .. }
            | Self::Read { .. }
            | Self::TooLarge { .. }
            | Self::Usage { .. } => exit::USAGE,
            Self::Execution { .. } => exit::EXECUTION,
            Self::Prover { .. } => exit::PROVER,
            Self::Busy { .. } | Self::Write { .. } => exit::MACHINE,
            Self::Cancelled => exit::CANCELLED,
        }
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Cancelled => "cancelled",
            Self::Config { .. } => "bad-config",
            Self::Execution { .. } => "execution-failed",
            Self::File { .. } => "bad-file",
            Self::Input { .. } => "bad-input",
            Self::Key { .. } => "bad-key",
            Self::Plan { .. } => "invalid-plan",
            Self::Prover { code, .. } | Self::Refused { code, .. } => code,
            Self::Read { .. } => "unreadable",
            Self::TooLarge { .. } => "too-large",
            Self::Usage { .. } => "usage",
            Self::Write { source, .. } if is_full(source) => "disk-full",
            Self::Write { .. } => "unwritable",
        }
    }

    /// What to do next.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Busy { .. } => Some("wait until it ends, or choose another folder with --out".to_string()),
            Self::Config { hint, .. } | Self::Key { hint, .. } | Self::TooLarge { hint, .. } => {
                Some(hint.clone())
            }
            Self::Execution { hint, .. }
            | Self::File { hint, .. }
            | Self::Input { hint, .. }
            | Self::Prover { hint, .. }
            | Self::Refused { hint, .. }
            | Self::Usage { hint, .. } => hint.clone(),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("check the path; relative paths start at the current folder".to_string())
            }
            Self::Write { source, .. } if is_full(source) => Some(
                "free some space or choose another folder with --out; nothing was left half written"
                    .to_string(),
            ),
            Self::Cancelled | Self::Plan { .. } | Self::Read { .. } | Self::Write { .. } => None,
        }
    }

    /// The text for a person.
    pub(crate) fn render(&self) -> String {
        match self {
            Self::Plan { rendered, .. } => {
                format!("{}\n{}", clean(&self.to_string()), clean(rendered).trim_end())
            }
            _ => clean(&self.to_string()).into_owned(),
        }
    }

    /// The form for a program.
    pub(crate) fn report(&self) -> Report {
        let diagnostics = match self {
            Self::Plan { diagnostics, .. } => diagnostics.clone(),
            _ => Vec::new(),
        };
        Report {
            error: ReportBody {
                code: self.code(),
                exit: self.exit(),
                message: self.to_string(),
                hint: self.hint(),
                diagnostics,
            },
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
}

fn plural_errors(count: usize) -> String {
    format!("the plan has {count} error{}", if count == 1 { "" } else { "s" })
}
