//! The inputs of a plan: which file feeds which step, what it holds, and its root.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
};

use proofmark_core::Digest;
use proofmark_plan::{
    commit,
    format::{self, FormatErrorKind},
    model::{Attestation, DataInput, ParseFormat, SourceKind, StepKind},
    typed::{TypedInput, TypedPlan},
    types::ValueType,
    value::{Bytes, Value},
};
use serde::{Deserialize, Serialize};

use super::plan::Loaded;
use crate::{config::Config, error::Error, files};

/// The largest file of salts that is read.
const MAX_SALTS_BYTES: u64 = 16 << 20;

/// `NAME=PATH` on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// Id of the data-input step.
    pub(crate) name: String,
    /// The file, or something else that the command reads.
    pub(crate) value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Ok(Self { name: name.to_string(), value: value.to_string() })
            }
            _ => Err("expected NAME=PATH, where NAME is the id of a data-input step".to_string()),
        }
    }
}

/// A salt of a root.
pub(crate) type Salt = [u8; 32];

/// An input, read.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// Id of the step.
    pub(crate) name: String,
    /// The file.
    pub(crate) path: PathBuf,
    /// Its size.
    pub(crate) file_bytes: u64,
    /// What it holds.
    pub(crate) value: Value,
    /// Rows in a leaf of its root.
    rows_per_leaf: u16,
    /// The salt of its digests.
    pub(crate) salt: Option<Salt>,
}

impl Input {
    /// The root of its value. Hashes all of it.
    pub(crate) fn root(&self) -> Digest {
        commit::root(&self.value, self.rows_per_leaf, &self.salt.unwrap_or(commit::NO_SALT))
    }

    /// The digest of its value in proofs over tables, if it can be in one. Hashes all of it.
    pub(crate) fn table_digest(&self) -> Option<Digest> {
        proofmark_prover_stark::table_digest(&self.value, &self.salt.unwrap_or(commit::NO_SALT))
    }

    /// The digest of its value in proofs over tables in shards of so many rows, if it has two shards or more.
    pub(crate) fn sharded_digest(&self, rows: u32) -> Option<Digest> {
        proofmark_prover_stark::sharded_table_digest(&self.value, &self.salt.unwrap_or(commit::NO_SALT), rows)
    }

    /// Rows, if it is a table.
    pub(crate) fn rows(&self) -> Option<u64> {
        rows(&self.value)
    }
}

/// Rows of a value, if it is a table.
pub(crate) fn rows(value: &Value) -> Option<u64> {
    match value {
        Value::Bytes(_) => None,
        Value::Table(table) => Some(table.rows as u64),
    }
}

/// The files of all inputs, in plan order: as assigned, else where the plan says, relative to the plan.
///
/// # Errors
/// If a name is unknown or assigned twice, an input has no file, or the configuration forbids its source.
pub(crate) fn locate(
    loaded: &Loaded,
    assigned: &[Assignment],
    config: &Config,
) -> Result<Vec<PathBuf>, Error> {
    let plan = &loaded.typed;
    self::assigned(plan, assigned)?;
    let folder = files::parent(&loaded.path);
    plan.inputs
        .iter()
        .map(|input| {
            let step = loaded.source.plan.steps.iter().find(|step| step.id == input.name);
            let source = match step.map(|step| &step.kind) {
                Some(StepKind::DataInput(data)) => Some(data),
                _ => None,
            };
            if let Some(data) = source {
                allowed(&input.name, data, config)?;
            }
            if let Some(assignment) = assigned.iter().find(|assignment| assignment.name == input.name) {
                return Ok(PathBuf::from(&assignment.value));
            }
            let uri = source
                .filter(|data| data.source.kind == SourceKind::File)
                .and_then(|data| data.source.uri.as_deref());
            let named = uri.map(|uri| folder.join(uri.strip_prefix("file://").unwrap_or(uri)));
            match named {
                Some(path) if path.exists() => Ok(path),
                named => {
                    let why = named
                        .map(|path| format!("; the plan names {}, which does not exist", path.display()));
                    Err(Error::usage(
                        format!("input {} has no file{}", input.name, why.unwrap_or_default()),
                        format!("give one with --input {}=PATH", input.name),
                    ))
                }
            }
        })
        .collect()
}

/// The inputs that are assigned a file, and these files.
///
/// # Errors
/// If a name is unknown or assigned twice.
pub(crate) fn assigned<'a>(
    plan: &'a TypedPlan,
    assigned: &[Assignment],
) -> Result<Vec<(&'a TypedInput, PathBuf)>, Error> {
    let mut found = Vec::with_capacity(assigned.len());
    for (at, assignment) in assigned.iter().enumerate() {
        let input = declared(plan, Some(&assignment.name))?;
        if assigned[..at].iter().any(|other| other.name == assignment.name) {
            return Err(Error::usage(
                format!("input {} is given twice", assignment.name),
                "give each input once",
            ));
        }
        found.push((input, PathBuf::from(&assignment.value)));
    }
    Ok(found)
}

/// The declaration of an input; the only one if no name is given.
pub(crate) fn declared<'a>(plan: &'a TypedPlan, name: Option<&str>) -> Result<&'a TypedInput, Error> {
    let names: Vec<&str> = plan.inputs.iter().map(|input| input.name.as_str()).collect();
    let found = match name {
        Some(name) => plan.inputs.iter().find(|input| input.name == name),
        None if plan.inputs.len() == 1 => plan.inputs.first(),
        None => None,
    };
    found.ok_or_else(|| match name {
        Some(name) => Error::usage(
            format!("the plan has no input `{name}`"),
            match proofmark_plan::diagnostic::closest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its inputs are: {}", names.join(", ")),
            },
        ),
        None => Error::usage("say which input this is", format!("--input is one of: {}", names.join(", "))),
    })
}

/// Reads a file of at most `limit` bytes as an input of at most `max_memory` bytes and computes its root.
///
/// # Errors
/// If the file cannot be read, does not fit the input's schema (with row and column), or has another root than the
/// plan demands.
pub(crate) fn read(
    declared: &TypedInput,
    path: &Path,
    salt: Option<Salt>,
    limit: u64,
    max_memory: u64,
) -> Result<Input, Error> {
    let bytes = Bytes::from(files::read(path, limit)?);
    let file_bytes = bytes.len() as u64;
    let bad = |message: String, hint: Option<String>| Error::Input {
        name: declared.name.clone(),
        path: path.to_path_buf(),
        message,
        hint,
    };
    let value = match &declared.ty {
        ValueType::Bytes => Value::Bytes(bytes),
        ValueType::Table(schema) => {
            let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
            let form = match extension.as_ref().and_then(|extension| extension.to_str()) {
                Some("csv") => ParseFormat::Csv { delimiter: b',' },
                Some("tsv") => ParseFormat::Csv { delimiter: b'\t' },
                Some("json") => ParseFormat::Json { path: Vec::new() },
                _ => {
                    return Err(bad(
                        "a table is read from a .csv, .tsv or .json file".to_string(),
                        Some("rename the file, or declare the input as `schema: bytes` and parse it in the plan".to_string()),
                    ));
                }
            };
            let table = format::parse(&bytes, &form, schema, &declared.hints, max_memory);
            Value::Table(table.map_err(|error| {
                let hint =
                    matches!(error.kind, FormatErrorKind::TooLarge { limit, .. } if limit == max_memory);
                let hint = hint.then(|| "raise limits.maxMemoryBytes of the plan".to_string());
                bad(error.to_string(), hint)
            })?)
        }
    };
    let (name, path) = (declared.name.clone(), path.to_path_buf());
    let input = Input { name, path, file_bytes, value, rows_per_leaf: declared.rows_per_leaf, salt };
    // A claim hashes the data once more, in its prover's way; here only what a plan fixes is compared.
    if let Some(demanded) = declared.data_commitment {
        let root = input.root();
        if root != demanded {
            return Err(bad(
                format!("its root is {root}, the plan demands {demanded}"),
                Some("this is other data than the plan was made for, or its root was salted: `run --salts` takes its salt".to_string()),
            ));
        }
    }
    Ok(input)
}

/// A fresh random salt.
fn new_salt() -> Result<Salt, Error> {
    let mut salt = Salt::default();
    getrandom::fill(&mut salt).map_err(|e| Error::Read {
        path: PathBuf::from("the system's random numbers"),
        source: std::io::Error::other(e.to_string()),
    })?;
    Ok(salt)
}

/// A salt of 64 hex digits.
pub(crate) fn read_salt(text: Option<&str>) -> Result<Option<Salt>, Error> {
    let Some(text) = text else { return Ok(None) };
    // A digest and a salt have one spelling, so one parser reads both.
    let digest: Digest = format!("sha256:{text}").parse().map_err(|_| {
        Error::usage("a salt has 64 lower-case hex digits", "salts.json of a salted run holds them")
    })?;
    Ok(Some(*digest.as_bytes()))
}

/// Which salts inputs get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Salting {
    /// None: anybody with the data can compute the roots.
    None,
    /// New ones.
    Fresh,
    /// Those of an earlier run, so that roots are the same again. An input that is not among them has none.
    Given(Salts),
}

impl Salting {
    /// The salt of an input.
    pub(crate) fn salt(&self, name: &str) -> Result<Option<Salt>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Fresh => new_salt().map(Some),
            Self::Given(salts) => salts.get(name),
        }
    }
}

/// The salts of a run, as they stand in `salts.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Salts {
    /// Hex digits by input.
    salts: BTreeMap<String, String>,
}

impl Salts {
    /// The salts of these inputs, if they have any.
    pub(crate) fn of(inputs: &[Input]) -> Option<Self> {
        let salts: BTreeMap<_, _> = inputs
            .iter()
            .filter_map(|input| Some((input.name.clone(), crate::keys::hex(&input.salt?))))
            .collect();
        (!salts.is_empty()).then_some(Self { salts })
    }

    /// Reads `salts.json`.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = files::read(path, MAX_SALTS_BYTES)?;
        serde_json::from_slice(&text).map_err(|e| Error::File {
            path: path.to_path_buf(),
            message: format!("not a file of salts: {e}"),
            hint: Some("`proofmark run --salt` writes it as salts.json".to_string()),
        })
    }

    /// The salt of an input.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Salt>, Error> {
        read_salt(self.salts.get(name).map(String::as_str))
    }

    /// The JSON form.
    pub(crate) fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("salts are texts, so they always serialise");
        text.push('\n');
        text
    }
}

/// Whether the configuration lets data from this source in.
fn allowed(name: &str, data: &DataInput, config: &Config) -> Result<(), Error> {
    let attested = data.source.attestation == Attestation::TlsNotary;
    if data.source.kind == SourceKind::Api && !attested && config.tls_attestation() == "required" {
        return Err(Error::usage(
            format!(
                "input {name} comes from an API without a TLS attestation, which the configuration requires"
            ),
            "agent.zkvm.externalData.tlsAttestation is `required`",
        ));
    }
    let trusted = config.trusted_providers();
    if data.source.attestation == Attestation::TrustedProvider && !trusted.is_empty() {
        let uri = data.source.uri.as_deref().unwrap_or_default();
        let host = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let host = host.split(['/', ':', '?', '#']).next().unwrap_or_default();
        if !trusted.iter().any(|provider| provider == host) {
            return Err(Error::usage(
                format!("input {name} comes from `{host}`, which is not a trusted provider"),
                "agent.zkvm.externalData.trustedProviders lists them",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_have_two_sides() {
        let assignment: Assignment = "a=b=c".parse().expect("is one");
        assert_eq!((assignment.name.as_str(), assignment.value.as_str()), ("a", "b=c"));
        for wrong in ["", "a", "=b", "a="] {
            assert!(wrong.parse::<Assignment>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn salts_are_read_as_they_are_written() {
        let salts = Salts { salts: [("a".to_string(), "07".repeat(32))].into() };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("salts.json");
        std::fs::write(&path, salts.to_json()).expect("writes");
        let read = Salts::read(&path).expect("reads");
        assert_eq!(read.get("a").expect("is a salt"), Some([7; 32]));
        assert_eq!(read.get("b").expect("is none"), None);
        assert!(read_salt(Some("07")).is_err());
    }
}
