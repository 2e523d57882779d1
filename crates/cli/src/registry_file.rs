//! The registry in force: the built-in one, or a longer one kept beside the store.
//!
//! A kept registry can only add to the built-in one, and every entry must be signed by the built-in authority or
//! one that the configuration names. So whoever can write the file cannot make a program good.

use std::path::{Path, PathBuf};

use proofmark_core::PublicKey;
use proofmark_registry::{MAX_REGISTRY_BYTES, Registry, SyncError, SyncOutcome, sync};

use crate::{config::Config, error::Error, files};

/// The kept registry's path.
pub(crate) fn path(config: &Config) -> PathBuf {
    config.store().join("registry.json")
}

/// The authorities that are believed: the built-in one and the configured ones.
pub(crate) fn authorities(config: &Config) -> Vec<PublicKey> {
    let mut keys = vec![Registry::embedded_authority()];
    keys.extend(config.authorities());
    keys
}

/// Reads the registry in force.
///
/// # Errors
/// If the kept registry was tampered with, is signed by somebody else, or contradicts the built-in one.
pub(crate) fn load(config: &Config) -> Result<Registry, Error> {
    read(&path(config), config)
}

/// Reads a registry file, or gives the built-in registry if there is none.
pub(crate) fn read(path: &Path, config: &Config) -> Result<Registry, Error> {
    let built_in = Registry::embedded();
    if !path.exists() {
        return Ok(built_in);
    }
    let bytes = files::read(path, MAX_REGISTRY_BYTES as u64)?;
    match sync(&built_in, &bytes, &authorities(config)) {
        Ok(SyncOutcome::Extended(kept)) => Ok(kept),
        // An update of this software may bring a longer registry than the one that was kept.
        Ok(_) | Err(SyncError::Rollback { .. }) => Ok(built_in),
        Err(error) => Err(refused(path, &error)),
    }
}

/// A registry that is not believed, as the error of a command.
pub(crate) fn refused(path: &Path, error: &SyncError) -> Error {
    let hint = match error {
        SyncError::Fork { .. } => {
            "take the file away to use the built-in registry, and ask its authority what happened"
        }
        SyncError::Rollback { .. } => {
            "an older list would bring deprecated programs back; ask for the newest one"
        }
        _ => {
            "authorities are believed if programRegistry.authorities lists their keys; without the file the built-in registry is used"
        }
    };
    Error::Refused {
        code: "bad-registry",
        message: format!("{}: {error}", path.display()),
        hint: Some(hint.to_string()),
    }
}

/// Writes a registry whole.
pub(crate) fn write(path: &Path, registry: &Registry) -> Result<(), Error> {
    let folder = files::parent(path);
    std::fs::create_dir_all(&folder).map_err(|source| Error::Write { path: folder, source })?;
    files::write_whole(path, registry.to_json().as_bytes())
}
