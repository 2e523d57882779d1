//! What the registry knows of a program.

use std::collections::BTreeSet;

use proofmark_core::{Algorithm, Digest};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{EntryFault, entry::text};

/// A zkVM program and what was promised about it when it was registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Program {
    /// The program's id: for RISC Zero its image id.
    pub id: Digest,
    /// The program's name; all versions of one program share it.
    pub name: String,
    /// The proof system that runs it, as receipts name it.
    pub system: String,
    /// Version, `major.minor.patch`, each at most 65535 as the journal holds them.
    pub version: Version,
    /// Day of the release, `YYYY-MM-DD`.
    pub release_date: String,
    /// What the program can do, by the names that policies use.
    pub features: BTreeSet<String>,
    /// The oldest version of this program that is still accepted beside this one.
    pub min_compatible_version: Version,
    /// SHA-256 of the program's file.
    pub elf: Digest,
    /// The compiler and the command that reproduce the file.
    pub build: String,
}

impl Program {
    /// Checks what the types do not: lengths, and versions that a journal can hold.
    ///
    /// # Errors
    /// Names the first field that is out of its range.
    pub fn check(&self) -> Result<(), EntryFault> {
        text("name", &self.name, 64)?;
        text("system", &self.system, 32)?;
        text("build", &self.build, 4096)?;
        for version in [&self.version, &self.min_compatible_version] {
            if Self::journal_version(version).is_none() {
                return bad(format!("version {version} is not three numbers of at most 65535"));
            }
        }
        if self.min_compatible_version > self.version {
            return bad(format!(
                "the oldest compatible version {} is newer than the version {}",
                self.min_compatible_version, self.version
            ));
        }
        for digest in [&self.id, &self.elf] {
            if digest.algorithm() != Algorithm::Sha256 {
                return bad(format!("{digest} is not a SHA-256 digest"));
            }
        }
        if !is_day(&self.release_date) {
            return bad(format!("release date `{}` is not YYYY-MM-DD", self.release_date));
        }
        if self.features.len() > 64 {
            return bad("more than 64 features".into());
        }
        self.features.iter().try_for_each(|feature| text("features", feature, 64))
    }

    /// The version as a guest commits it, if it is three numbers of 16 bits and nothing else.
    pub fn journal_version(version: &Version) -> Option<[u16; 3]> {
        let part = |part: u64| u16::try_from(part).ok();
        (version.pre.is_empty() && version.build.is_empty())
            .then(|| Some([part(version.major)?, part(version.minor)?, part(version.patch)?]))?
    }
}

fn bad(detail: String) -> Result<(), EntryFault> {
    Err(EntryFault::BadProgram(detail))
}

/// The shape of an ISO 8601 day. Informative, so the length of the month is not checked.
fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && ("01"..="12").contains(&&text[5..7])
        && ("01"..="31").contains(&&text[8..])
}
