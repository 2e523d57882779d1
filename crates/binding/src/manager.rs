//! The keys in use, and their exchange while proofs are made.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use proofmark_core::Digest;

use crate::{
    circuit::Form,
    error::{Error, KeyFault},
    key::ProvingKey,
    keyfile,
    proof::PreparedKey,
};

/// A proving key, checked and ready.
#[derive(Debug)]
pub struct LoadedKey {
    /// The tables.
    pub proving: ProvingKey,
    /// The verifying key, prepared: no proof leaves unchecked.
    pub prepared: PreparedKey,
    /// What policies and registries call the key.
    pub id: Digest,
    /// The verifying key as evidence carries it.
    pub bytes: Vec<u8>,
}

impl LoadedKey {
    /// Makes a key ready.
    pub fn new(proving: ProvingKey) -> Self {
        let prepared = PreparedKey::new(proving.verifying.clone());
        let bytes = proving.verifying.to_bytes();
        Self { id: proving.verifying.id(), bytes, prepared, proving }
    }

    /// Loads a key file; with the file of a verifying key, checks that they belong together.
    ///
    /// # Errors
    /// If a file cannot be used, or the two do not belong together.
    pub fn load(proving: &Path, verifying: Option<&Path>) -> Result<Self, Error> {
        let key = Self::new(keyfile::load_proving_key(proving)?);
        if let Some(path) = verifying {
            let found = keyfile::load_verifying_key(path)?.id();
            if found != key.id {
                return Err(KeyFault::Mismatch { proving: key.id, verifying: found }.at(path));
            }
        }
        Ok(key)
    }

    /// Which claims the key serves.
    pub const fn form(&self) -> Form {
        self.proving.verifying.form
    }

    /// Whether it was made for development.
    pub const fn is_dev(&self) -> bool {
        self.proving.verifying.dev
    }
}

/// The key in use and where it came from. A proof that is being made keeps the key that it began with.
#[derive(Debug)]
pub struct KeyManager {
    proving: PathBuf,
    verifying: Option<PathBuf>,
    current: RwLock<Arc<LoadedKey>>,
}

impl KeyManager {
    /// Loads a key.
    ///
    /// # Errors
    /// As [`LoadedKey::load`].
    pub fn open(proving: impl Into<PathBuf>, verifying: Option<PathBuf>) -> Result<Self, Error> {
        let proving = proving.into();
        let key = LoadedKey::load(&proving, verifying.as_deref())?;
        Ok(Self { proving, verifying, current: RwLock::new(Arc::new(key)) })
    }

    /// The key in use.
    pub fn current(&self) -> Arc<LoadedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Loads the files again, after they were replaced: proofs from now on use the new key. Returns it.
    ///
    /// # Errors
    /// If the new files cannot be used, or hold a key of another form. The old key then stays in use, and the caller
    /// knows.
    pub fn reload(&self) -> Result<Arc<LoadedKey>, Error> {
        let key = Arc::new(LoadedKey::load(&self.proving, self.verifying.as_deref())?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if key.form() != current.form() {
            return Err(KeyFault::Foreign("it is for the other form of claim").at(&self.proving));
        }
        *current = Arc::clone(&key);
        Ok(key)
    }
}
