//! The log and what it adds up to.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use proofmark_core::{Digest, PublicKey};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{Action, Entry, EntryFault, Program, RegistryError, entry::genesis};

/// The longest registry, in bytes, that is read.
pub const MAX_REGISTRY_BYTES: usize = 8 << 20;
/// The most entries that a registry has.
pub const MAX_REGISTRY_ENTRIES: usize = 10_000;

const FORMAT: &str = "proofmark-registry/1";

/// Which programs are good: a signed, hash-chained log and its sum.
///
/// Every value of this type was checked: the chain is whole and every entry is signed by an authority that
/// was trusted when it was read.
#[derive(Clone, Debug)]
pub struct Registry {
    entries: Vec<Entry>,
    digests: Vec<Digest>,
    programs: BTreeMap<Digest, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    program: Program,
    deprecated: Option<String>,
}

/// What the registry says of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It is good.
    Allowed(&'a Program),
    /// It was good once.
    Deprecated {
        /// The program.
        program: &'a Program,
        /// Why it no longer is.
        reason: &'a str,
    },
    /// A newer version of the same program no longer tolerates this one.
    TooOld {
        /// The program.
        program: &'a Program,
        /// The oldest version that is tolerated.
        minimum: &'a Version,
    },
    /// The registry never heard of it.
    Unknown,
}

/// One line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditLine {
    /// The entry's place.
    pub seq: u64,
    /// When the authority says that it was made.
    pub time: String,
    /// Who signed.
    pub signer: PublicKey,
    /// The entry's digest.
    pub digest: Digest,
    /// What it did, in words.
    pub change: String,
}

/// The file. Its text has one form: two spaces of indentation, members in this order, a line feed at the end.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    format: String,
    entries: Vec<Entry>,
}

impl Registry {
    /// A registry without entries.
    pub fn empty() -> Self {
        Self { entries: Vec::new(), digests: Vec::new(), programs: BTreeMap::new() }
    }

    /// The registry that comes with this software.
    pub fn embedded() -> Self {
        Self::parse(include_bytes!("../embedded/registry.json"), &[Self::embedded_authority()])
            .expect("the embedded registry is checked by this crate's tests")
    }

    /// The key that signs the embedded registry.
    pub fn embedded_authority() -> PublicKey {
        include_str!("../embedded/authority.pub")
            .trim()
            .parse()
            .expect("the embedded key is checked by this crate's tests")
    }

    /// Reads a registry and walks its whole chain.
    ///
    /// # Errors
    /// If the bytes are too many, are not the one text form of a registry, or an entry is out of place, not
    /// signed by one of `authorities`, or contradicts an earlier one. Names the first bad entry.
    pub fn parse(bytes: &[u8], authorities: &[PublicKey]) -> Result<Self, RegistryError> {
        if bytes.len() > MAX_REGISTRY_BYTES {
            let actual = bytes.len();
            return Err(RegistryError::TooLarge { limit: MAX_REGISTRY_BYTES, actual, unit: "bytes" });
        }
        let file: File =
            serde_json::from_slice(bytes).map_err(|e| RegistryError::Malformed(e.to_string()))?;
        if file.format != FORMAT {
            return Err(RegistryError::UnsupportedFormat(file.format));
        }
        if file.entries.len() > MAX_REGISTRY_ENTRIES {
            let actual = file.entries.len();
            return Err(RegistryError::TooLarge { limit: MAX_REGISTRY_ENTRIES, actual, unit: "entries" });
        }
        if write(&file).as_bytes() != bytes {
            return Err(RegistryError::NotCanonical);
        }
        let mut registry = Self::empty();
        for entry in file.entries {
            let seq = registry.entries.len() as u64;
            registry.push(entry, authorities).map_err(|fault| RegistryError::Entry { seq, fault })?;
        }
        Ok(registry)
    }

    /// The text form, which [`Registry::parse`] reads.
    pub fn to_json(&self) -> String {
        write(&File { format: FORMAT.into(), entries: self.entries.clone() })
    }

    /// Signs and appends a change.
    ///
    /// # Errors
    /// If the change contradicts the log or a text is out of its range. The registry is then unchanged.
    pub fn append(&mut self, action: Action, time: &str, key: &SigningKey) -> Result<&Entry, EntryFault> {
        let entry = Entry::sign(self.entries.len() as u64, self.head(), time, action, key);
        let signer = entry.signer;
        self.push(entry, &[signer])?;
        Ok(self.entries.last().expect("an entry was just pushed"))
    }

    /// Registers a program; see [`Registry::append`].
    ///
    /// # Errors
    /// As [`Registry::append`].
    pub fn register(&mut self, program: Program, time: &str, key: &SigningKey) -> Result<&Entry, EntryFault> {
        self.append(Action::Register(program), time, key)
    }

    /// Deprecates a program; see [`Registry::append`].
    ///
    /// # Errors
    /// As [`Registry::append`].
    pub fn deprecate(
        &mut self,
        program: Digest,
        reason: &str,
        time: &str,
        key: &SigningKey,
    ) -> Result<&Entry, EntryFault> {
        self.append(Action::Deprecate { program, reason: reason.into() }, time, key)
    }

    /// Walks the chain again and tells every change in words.
    ///
    /// # Errors
    /// As [`Registry::parse`], for the authorities that are trusted now.
    pub fn audit(&self, authorities: &[PublicKey]) -> Result<Vec<AuditLine>, RegistryError> {
        let again = Self::parse(self.to_json().as_bytes(), authorities)?;
        Ok(again.entries.iter().zip(&again.digests).map(|(entry, digest)| line(entry, *digest)).collect())
    }

    /// What identifies the registry's whole content: the digest of its last entry.
    pub fn head(&self) -> Digest {
        self.digests.last().copied().unwrap_or_else(genesis)
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The digests of all entries.
    pub(crate) fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// All programs, deprecated ones too, by id.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.programs.values().map(|known| &known.program)
    }

    /// The program with this id.
    pub fn program(&self, id: &Digest) -> Option<&Program> {
        self.programs.get(id).map(|known| &known.program)
    }

    /// Whether a proof about this program is acceptable.
    pub fn is_allowed(&self, id: &Digest) -> bool {
        matches!(self.standing(id), Standing::Allowed(_))
    }

    /// Whether the program was deprecated.
    pub fn is_deprecated(&self, id: &Digest) -> bool {
        self.programs.get(id).is_some_and(|known| known.deprecated.is_some())
    }

    /// Whether the program has a feature.
    pub fn has_feature(&self, id: &Digest, feature: &str) -> bool {
        self.program(id).is_some_and(|program| program.features.contains(feature))
    }

    /// What the registry says of a program.
    pub fn standing(&self, id: &Digest) -> Standing<'_> {
        let Some(Known { program, deprecated }) = self.programs.get(id) else { return Standing::Unknown };
        if let Some(reason) = deprecated {
            return Standing::Deprecated { program, reason };
        }
        match self.minimum_version(&program.system, &program.name) {
            Some(minimum) if program.version < *minimum => Standing::TooOld { program, minimum },
            _ => Standing::Allowed(program),
        }
    }

    /// The oldest version that all good versions of a program tolerate.
    pub fn minimum_version(&self, system: &str, name: &str) -> Option<&Version> {
        let good = self.programs.values().filter(|known| known.deprecated.is_none());
        good.filter(|known| known.program.system == system && known.program.name == name)
            .map(|known| &known.program.min_compatible_version)
            .max()
    }

    /// The newest good version of a program.
    pub fn newest(&self, system: &str, name: &str) -> Option<&Program> {
        self.programs()
            .filter(|program| program.system == system && program.name == name)
            .filter(|program| self.is_allowed(&program.id))
            .max_by(|left, right| left.version.cmp(&right.version))
    }

    /// Checks an entry against the log, then adds it.
    fn push(&mut self, entry: Entry, authorities: &[PublicKey]) -> Result<(), EntryFault> {
        let expected = self.entries.len() as u64;
        if entry.seq != expected {
            return Err(EntryFault::WrongSequence { expected, found: entry.seq });
        }
        if entry.prev != self.head() {
            return Err(EntryFault::BrokenChain { expected: self.head(), found: entry.prev });
        }
        if !authorities.contains(&entry.signer) {
            return Err(EntryFault::UntrustedSigner(entry.signer));
        }
        entry.check()?;
        match &entry.action {
            Action::Register(program) => {
                if self.programs.contains_key(&program.id) {
                    return Err(EntryFault::AlreadyRegistered(program.id));
                }
                let known = Known { program: program.clone(), deprecated: None };
                self.programs.insert(program.id, known);
            }
            Action::Deprecate { program, reason } => {
                let known = self.programs.get_mut(program).ok_or(EntryFault::UnknownProgram(*program))?;
                if known.deprecated.is_some() {
                    return Err(EntryFault::AlreadyDeprecated(*program));
                }
                known.deprecated = Some(reason.clone());
            }
        }
        self.digests.push(entry.digest());
        self.entries.push(entry);
        Ok(())
    }
}

fn write(file: &File) -> String {
    let mut text = serde_json::to_string_pretty(file).expect("entries hold strings and integers only");
    text.push('\n');
    text
}

fn line(entry: &Entry, digest: Digest) -> AuditLine {
    let change = match &entry.action {
        Action::Register(program) => {
            format!(
                "registered {} {} for {} as {}",
                program.name, program.version, program.system, program.id
            )
        }
        Action::Deprecate { program, reason } => format!("deprecated {program}: {reason}"),
    };
    AuditLine { seq: entry.seq, time: entry.time.clone(), signer: entry.signer, digest, change }
}
