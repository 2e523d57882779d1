//! Settings of a prover, from variables of the environment.
//!
//! Our own names come first. The names of deployments that planned for EZKL are accepted too, so that those need no new
//! configuration; what they meant by a mock does not exist here.
//!
//! | variable | also accepted | meaning |
//! |---|---|---|
//! | `PROOFMARK_BINDING_ENABLED` | `ENABLE_REAL_EZKL` | `false`: no proof is made, and asking for one is an error. Default `true` |
//! | `PROOFMARK_BINDING_PROVING_KEY` | `EZKL_PROVING_KEY_PATH` | file of the proving key |
//! | `PROOFMARK_BINDING_VERIFYING_KEY` | `EZKL_VERIFYING_KEY_PATH` | file of the verifying key, which must belong to it |
//! | `PROOFMARK_BINDING_CIRCUIT` | `EZKL_CIRCUIT_PATH` | file whose first line is the hash of the circuit that is expected |
//! | `PROOFMARK_BINDING_MAX_PROOF_BYTES` | `EZKL_MAX_PROOF_SIZE` | longest proof that is bearable; proofs have 256 bytes |
//! | `PROOFMARK_BINDING_CACHE_BYTES` | `PROOF_CACHE_SIZE` | memory of the proof cache. Default 16 MiB; 0: none |

use std::path::PathBuf;

use proofmark_core::Digest;

use crate::{
    circuit::Form,
    error::{Error, KeyFault},
    keyfile,
    manager::KeyManager,
    proof::PROOF_BYTES,
};

const ENABLED: [&str; 2] = ["PROOFMARK_BINDING_ENABLED", "ENABLE_REAL_EZKL"];
const PROVING_KEY: [&str; 2] = ["PROOFMARK_BINDING_PROVING_KEY", "EZKL_PROVING_KEY_PATH"];
const VERIFYING_KEY: [&str; 2] = ["PROOFMARK_BINDING_VERIFYING_KEY", "EZKL_VERIFYING_KEY_PATH"];
const CIRCUIT: [&str; 2] = ["PROOFMARK_BINDING_CIRCUIT", "EZKL_CIRCUIT_PATH"];
const MAX_PROOF: [&str; 2] = ["PROOFMARK_BINDING_MAX_PROOF_BYTES", "EZKL_MAX_PROOF_SIZE"];
const CACHE: [&str; 2] = ["PROOFMARK_BINDING_CACHE_BYTES", "PROOF_CACHE_SIZE"];

/// Memory of the proof cache where nothing else is said, in bytes.
pub const DEFAULT_CACHE_BYTES: usize = 16 << 20;

/// What the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The variable that switches proofs off, if one does.
    pub disabled_by: Option<&'static str>,
    /// File of the proving key.
    pub proving_key: Option<PathBuf>,
    /// File of the verifying key.
    pub verifying_key: Option<PathBuf>,
    /// File that names the circuit.
    pub circuit: Option<PathBuf>,
    /// Memory of the proof cache in bytes.
    pub cache_bytes: usize,
}

impl Settings {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// If a value makes no sense. The operator is at fault.
    pub fn from_env() -> Result<Self, Error> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads variables from anywhere. An empty value counts as none.
    ///
    /// # Errors
    /// As [`Settings::from_env`].
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let find = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                Some((name, variable(name)?.trim().to_owned())).filter(|(_, value)| !value.is_empty())
            })
        };
        let path = |names| find(names).map(|(_, value)| PathBuf::from(value));
        let number = |names| match find(names) {
            None => Ok(None),
            Some((variable, value)) => match value.parse::<usize>() {
                Ok(number) => Ok(Some((variable, number))),
                Err(_) => {
                    Err(Error::Setting { variable, detail: format!("`{value}` is no number of bytes") })
                }
            },
        };
        let disabled_by = match find(ENABLED) {
            None => None,
            Some((variable, value)) => match value.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => None,
                "false" | "0" | "no" | "off" => Some(variable),
                _ => {
                    let detail = format!("`{value}` is neither true nor false");
                    return Err(Error::Setting { variable, detail });
                }
            },
        };
        if let Some((variable, bytes)) = number(MAX_PROOF)?
            && bytes < PROOF_BYTES
        {
            let detail = format!("proofs have {PROOF_BYTES} bytes, so none would fit into {bytes}");
            return Err(Error::Setting { variable, detail });
        }
        Ok(Self {
            disabled_by,
            proving_key: path(PROVING_KEY),
            verifying_key: path(VERIFYING_KEY),
            circuit: path(CIRCUIT),
            cache_bytes: number(CACHE)?.map_or(DEFAULT_CACHE_BYTES, |(_, bytes)| bytes),
        })
    }

    /// Loads the keys, if proofs are switched on.
    ///
    /// # Errors
    /// If proofs are switched off, no key is named, or a file cannot be used. There is no mock to fall back to.
    pub fn keys(&self) -> Result<KeyManager, Error> {
        if let Some(variable) = self.disabled_by {
            return Err(Error::Disabled { variable });
        }
        let Some(path) = &self.proving_key else {
            let detail = "names no key; `proofmark binding setup` and `proofmark binding key make` make one";
            return Err(Error::Setting { variable: PROVING_KEY[0], detail: detail.into() });
        };
        let keys = KeyManager::open(path, self.verifying_key.clone())?;
        if let Some(circuit) = &self.circuit {
            let named = keyfile::load_circuit_hash(circuit)?;
            if named != circuit_hash(keys.current().form()) {
                return Err(KeyFault::Foreign("it names another circuit than the key's").at(circuit));
            }
        }
        Ok(keys)
    }
}

/// The hash of a circuit as a digest.
pub fn circuit_hash(form: Form) -> Digest {
    Digest::sha256(form.circuit_hash())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, Error> {
        Settings::read(|name| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_names_of_earlier_plans_are_understood() {
        let settings = read(&[
            ("ENABLE_REAL_EZKL", "true"),
            ("EZKL_PROVING_KEY_PATH", "./keys/pk.key"),
            ("EZKL_VERIFYING_KEY_PATH", "./keys/vk.key"),
            ("EZKL_CIRCUIT_PATH", "./circuits/commitment.circuit"),
            ("EZKL_MAX_PROOF_SIZE", "10000"),
            ("PROOF_CACHE_SIZE", "1000"),
        ])
        .expect("valid");
        assert_eq!(settings.proving_key, Some("./keys/pk.key".into()));
        assert_eq!(settings.verifying_key, Some("./keys/vk.key".into()));
        assert_eq!(settings.circuit, Some("./circuits/commitment.circuit".into()));
        assert_eq!((settings.cache_bytes, settings.disabled_by), (1000, None));
        let ours = read(&[("EZKL_PROVING_KEY_PATH", "a"), ("PROOFMARK_BINDING_PROVING_KEY", "b")]);
        assert_eq!(ours.expect("valid").proving_key, Some("b".into()), "our own names come first");
    }

    #[test]
    fn switched_off_means_an_error_and_never_a_mock() {
        let settings = read(&[("ENABLE_REAL_EZKL", "false")]).expect("valid");
        assert!(matches!(settings.keys(), Err(Error::Disabled { variable: "ENABLE_REAL_EZKL" })));
        assert!(matches!(read(&[]).expect("valid").keys(), Err(Error::Setting { .. })), "no key is named");
        let missing = read(&[("EZKL_PROVING_KEY_PATH", "/nowhere/pk.key")]).expect("valid").keys();
        assert_eq!(missing.expect_err("there is none").code(), "key-missing");
    }

    #[test]
    fn values_that_make_no_sense_are_errors() {
        for pair in [
            ("ENABLE_REAL_EZKL", "maybe"),
            ("EZKL_MAX_PROOF_SIZE", "255"),
            ("EZKL_MAX_PROOF_SIZE", "many"),
            ("PROOF_CACHE_SIZE", "-1"),
        ] {
            assert!(matches!(read(&[pair]), Err(Error::Setting { .. })), "{pair:?}");
        }
    }
}
