//! Configuration: built-in defaults, then a file, then environment variables, then flags.
//!
//! The file is `--config`, else `proofmark.yaml` in the current folder, else `config.yaml` in the user's
//! configuration folder. Its shape is `agent: { zkvm: { … } }`; an unknown key is an error.

mod file;
mod keys;
mod value;

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use proofmark_core::{Digest, PublicKey};
use proofmark_plan::diagnostic::closest;
use proofmark_prover::Gpu;
use proofmark_prover_stark::{Level, MAX_SHARD_ROWS};
use serde::Serialize;

use self::{file::Node, keys::KEYS};
pub(crate) use self::{
    file::first_line,
    value::{Value, read_size},
};
use crate::{error::Error, files, run::backends};

/// The largest configuration file that is read.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// The effective configuration.
#[derive(Debug)]
pub(crate) struct Config {
    settings: Vec<Setting>,
    /// The folder for the user's configuration and keys.
    home: PathBuf,
    /// The folder for what the program keeps.
    data: PathBuf,
}

/// A key with its value and where it came from.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    /// The path below `agent.zkvm`.
    pub(crate) key: &'static str,
    /// The effective value.
    pub(crate) value: Value,
    /// Where it came from.
    pub(crate) origin: Origin,
    /// The variable that would override it.
    pub(crate) variable: String,
    /// What the key does.
    pub(crate) help: &'static str,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// The table of keys.
    Default,
    /// An environment variable.
    Environment { variable: String },
    /// A file.
    File { path: PathBuf, line: u64 },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment { variable } => f.write_str(variable),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

impl Config {
    /// Reads the configuration of this process.
    ///
    /// # Errors
    /// If the file that was asked for cannot be read, or any value or key is wrong. The user is at fault.
    pub(crate) fn load(asked: Option<&Path>) -> Result<Self, Error> {
        Self::load_from(asked, |name| std::env::var_os(name))
    }

    fn load_from(asked: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let folder = |xdg: &str, fallback: &str| {
            variable(xdg)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(fallback)))
                .unwrap_or_else(|| PathBuf::from("."))
                .join("proofmark")
        };
        let home = folder("XDG_CONFIG_HOME", ".config");
        let data = folder("XDG_DATA_HOME", ".local/share");
        let mut settings: Vec<Setting> = KEYS
            .iter()
            .map(|key| Setting {
                key: key.path,
                value: key.default_value(),
                origin: Origin::Default,
                variable: key.variable(),
                help: key.help,
            })
            .collect();

        let asked = asked.map(Path::to_path_buf).or_else(|| variable("PROOFMARK_CONFIG").map(PathBuf::from));
        let path = match asked {
            Some(path) => Some(path),
            None => {
                [PathBuf::from("proofmark.yaml"), home.join("config.yaml")].into_iter().find(|p| p.exists())
            }
        };
        if let Some(path) = path {
            apply_file(&mut settings, &path)?;
        }
        for (setting, key) in settings.iter_mut().zip(KEYS) {
            if let Some(text) = variable(&setting.variable) {
                let bad = |message: String| Error::Config {
                    place: setting.variable.clone(),
                    message,
                    hint: format!("{} sets {}: {}", setting.variable, key.path, key.help),
                };
                let text = text.into_string().map_err(|_| bad("not UTF-8".into()))?;
                setting.value = key.kind.read_text(&text).map_err(bad)?;
                setting.origin = Origin::Environment { variable: setting.variable.clone() };
            }
        }
        Ok(Self { settings, home, data })
    }

    /// All settings, sorted by key.
    pub(crate) fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Whether this machine may prove.
    pub(crate) fn enabled(&self) -> bool {
        self.value("enabled") == &Value::Bool(true)
    }

    /// The prover, by the name that receipts use.
    pub(crate) fn backend(&self) -> &str {
        match self.text("backend") {
            Some("risc-zero") => "risc0",
            Some(name) => name,
            None => backends::AUTO,
        }
    }

    /// Whether proofs are made on a GPU.
    pub(crate) fn gpu(&self) -> Gpu {
        match self.text("proving.gpuAcceleration") {
            Some("on") => Gpu::On,
            Some("off" | "false") => Gpu::Off,
            _ => Gpu::Auto,
        }
    }

    /// How sure proofs over tables are.
    pub(crate) fn security(&self) -> Level {
        self.text("proving.securityLevel").and_then(Level::of_name).unwrap_or(Level::Standard)
    }

    /// Rows of a shard of a large table.
    pub(crate) fn shard_rows(&self) -> u32 {
        let rows = self.number("proving.shardRows").unwrap_or_else(|| MAX_SHARD_ROWS.into());
        u32::try_from(rows).unwrap_or(MAX_SHARD_ROWS).clamp(1, MAX_SHARD_ROWS)
    }

    /// The provers' options.
    pub(crate) fn backends(&self) -> backends::Options {
        backends::Options {
            gpu: self.gpu(),
            security: self.security(),
            bridge: false,
            shard_rows: self.shard_rows(),
            memory_limit: self.memory_limit(),
        }
    }

    /// Cycles after which a proof is refused.
    pub(crate) fn max_cycles(&self) -> u64 {
        self.number("proving.maxCycles").unwrap_or(u64::MAX)
    }

    /// Time after which a proof is given up.
    pub(crate) fn timeout(&self) -> Option<std::time::Duration> {
        self.number("proving.timeout").map(std::time::Duration::from_millis)
    }

    /// Memory of the whole prover, in bytes.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        self.number("proving.memoryLimit")
    }

    /// The largest input file.
    pub(crate) fn max_input_bytes(&self) -> u64 {
        self.number("inputs.maxBytes").unwrap_or(1 << 30)
    }

    /// How many verdicts are remembered.
    pub(crate) fn cache_size(&self) -> usize {
        if self.value("verification.cacheProofs") != &Value::Bool(true) {
            return 0;
        }
        usize::try_from(self.number("verification.cacheSize").unwrap_or(0)).unwrap_or(usize::MAX)
    }

    /// The only programs that are accepted; empty: all in the registry.
    pub(crate) fn allowed_programs(&self) -> Vec<Digest> {
        let items = self.list("programRegistry.allowedPrograms");
        items.iter().filter_map(|item| item.parse().ok()).collect()
    }

    /// Ed25519 keys whose registries are believed.
    pub(crate) fn authorities(&self) -> Vec<PublicKey> {
        let keys = self.list("programRegistry.authorities");
        keys.iter().filter_map(|key| key.parse().ok()).collect()
    }

    /// Whether the registry that `program sync` fetched is used.
    pub(crate) fn remote_registry(&self) -> bool {
        self.text("programRegistry.source") == Some("remote")
    }

    /// Where `program sync` reads.
    pub(crate) fn registry_url(&self) -> Option<&str> {
        self.text("programRegistry.url")
    }

    /// `none`, `optional` or `required`.
    pub(crate) fn tls_attestation(&self) -> &str {
        self.text("externalData.tlsAttestation").unwrap_or("optional")
    }

    /// Hosts whose data may be used; empty: any.
    pub(crate) fn trusted_providers(&self) -> &[String] {
        self.list("externalData.trustedProviders")
    }

    /// The provider's key file.
    pub(crate) fn provider_key(&self) -> PathBuf {
        self.text("provider.key").map_or_else(|| self.home.join("provider.key"), PathBuf::from)
    }

    /// The folder of the store and the synced registry.
    pub(crate) fn store(&self) -> PathBuf {
        self.text("store.path").map_or_else(|| self.data.clone(), PathBuf::from)
    }

    fn value(&self, path: &str) -> &Value {
        let setting = self.settings.iter().find(|setting| setting.key == path);
        &setting.expect("accessors name keys of the table").value
    }

    fn text(&self, path: &str) -> Option<&str> {
        match self.value(path) {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    fn number(&self, path: &str) -> Option<u64> {
        match self.value(path) {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn list(&self, path: &str) -> &[String] {
        match self.value(path) {
            Value::List(items) => items,
            _ => &[],
        }
    }
}

fn apply_file(settings: &mut [Setting], path: &Path) -> Result<(), Error> {
    let text = files::read_text(path, MAX_CONFIG_BYTES)?;
    let bad = |place: Option<(u64, u64)>, message: String, hint: String| Error::Config {
        place: match place {
            Some((line, column)) => format!("{}:{line}:{column}", path.display()),
            None => path.display().to_string(),
        },
        message,
        hint,
    };
    let root = file::read(&text).map_err(|e| {
        bad(e.place, e.message, "a configuration file is YAML: `agent: { zkvm: { backend: risc0 } }`".into())
    })?;
    let mut open = vec![(String::new(), &root)];
    while let Some((prefix, node)) = open.pop() {
        let place = Some((node.referenced.line(), node.referenced.column()));
        let members = match &node.value {
            Node::Map(members) => members,
            Node::Null => continue,
            other => {
                let name = if prefix.is_empty() { "the file" } else { prefix.trim_end_matches('.') };
                return Err(bad(
                    place,
                    format!("{name} must be a mapping, found {other}"),
                    "`proofmark config show` lists every key".into(),
                ));
            }
        };
        for (name, value) in members {
            let full = format!("{prefix}{}", name.value);
            let place = Some((name.referenced.line(), name.referenced.column()));
            let inner = full.strip_prefix("agent.zkvm.");
            if full == "agent" || full == "agent.zkvm" || inner.is_some_and(is_group) {
                open.push((format!("{full}."), value));
            } else if let Some(key) = inner.and_then(keys::find) {
                let read = key.kind.read_node(&value.value);
                let read =
                    read.map_err(|message| bad(place, format!("{full}: {message}"), key.help.into()))?;
                let setting = settings.iter_mut().find(|setting| setting.key == key.path);
                let setting = setting.expect("settings and keys are parallel");
                setting.value = if read == Value::Unset { key.default_value() } else { read };
                setting.origin = Origin::File { path: path.to_path_buf(), line: name.referenced.line() };
            } else {
                return Err(bad(place, format!("unknown key `{full}`"), unknown_hint(&full)));
            }
        }
    }
    Ok(())
}

/// Whether keys begin with this path and a dot.
fn is_group(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

fn unknown_hint(full: &str) -> String {
    let known: Vec<String> = KEYS.iter().map(|key| format!("agent.zkvm.{}", key.path)).collect();
    let last = full.rsplit('.').next().unwrap_or(full);
    // The same name at another place is the likelier mistake than a spelling error.
    let elsewhere =
        known.iter().find(|key| key.rsplit('.').next().is_some_and(|name| name.eq_ignore_ascii_case(last)));
    let nearest =
        elsewhere.cloned().or_else(|| closest(full, known.iter().map(String::as_str)).map(str::to_string));
    match nearest {
        Some(key) => format!("did you mean `{key}`?"),
        None => "`proofmark config show` lists every key".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, fs};

    use super::*;

    fn load(yaml: &str, variables: &[(&str, &str)]) -> Result<Config, Error> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("c.yaml");
        fs::write(&path, yaml).expect("writes");
        Config::load_from(Some(&path), |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsStr::new(value).to_owned())
        })
    }

    #[test]
    fn the_example_of_the_source_document_is_read() {
        let config = load(
            "agent:\n  zkvm:\n    enabled: true\n    backend: 'risc-zero'\n    proving:\n      gpuAcceleration: true\n      \
             maxCycles: 5\n      timeout: 300000\n    externalData:\n      trustedProviders:\n        - 'api.coingecko.com'\n",
            &[("PROOFMARK_PROVING_TIMEOUT", "7")],
        )
        .expect("is valid");
        assert!(config.enabled());
        assert_eq!(config.backend(), "risc0");
        assert_eq!(config.gpu(), Gpu::Auto);
        assert_eq!(config.max_cycles(), 5);
        assert_eq!(config.timeout(), Some(std::time::Duration::from_millis(7)));
        assert_eq!(config.trusted_providers(), ["api.coingecko.com"]);
        let origin = |key: &str| &config.settings().iter().find(|s| s.key == key).expect("is there").origin;
        assert!(matches!(origin("proving.maxCycles"), Origin::File { line: 7, .. }));
        assert_eq!(origin("inputs.maxBytes"), &Origin::Default);
        assert!(matches!(origin("proving.timeout"), Origin::Environment { .. }));
    }

    #[test]
    fn unknown_keys_are_errors_with_a_place_and_a_suggestion() {
        for (yaml, place, hint) in [
            ("agent:\n  zkvm:\n    bakend: risc0\n", ":3:5", "agent.zkvm.backend"),
            ("agent:\n  zkvm:\n    maxCycles: 1\n", ":3:5", "agent.zkvm.proving.maxCycles"),
            ("agnet:\n  zkvm: {}\n", ":1:1", "config show"),
        ] {
            let error = load(yaml, &[]).expect_err("is wrong");
            assert!(error.to_string().contains(place), "{error}");
            assert!(error.hint().expect("has one").contains(hint), "{error:?}");
        }
    }

    #[test]
    fn wrong_values_are_errors() {
        for yaml in [
            "agent: { zkvm: { enabled: 3 } }",
            "agent: { zkvm: { proving: 3 } }",
            "agent: { zkvm: { proving: { maxCycles: -1 } } }",
            "agent: { zkvm: { proving: { maxCycles: 1.5 } } }",
            "agent: { zkvm: { backend: x, backend: y } }",
            "agent: [",
            "[1]",
        ] {
            assert!(matches!(load(yaml, &[]), Err(Error::Config { .. })), "{yaml}");
        }
        assert!(load("", &[]).is_ok());
        assert!(load("agent:\n", &[("PROOFMARK_ENABLED", "maybe")]).is_err());
    }
}
