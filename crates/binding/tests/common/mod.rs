//! Keys and facts for tests.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses its share of these")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use proofmark_binding::{
    ceremony::development_key,
    circuit::Form,
    keyfile::{encode_proving_key, encode_verifying_key},
    manager::{KeyManager, LoadedKey},
};
use proofmark_core::{Digest, InferenceClaim};
use tempfile::TempDir;

pub fn facts(seed: u64) -> InferenceClaim {
    let digest = |part: u8| Digest::of(&[&seed.to_be_bytes()[..], &[part]].concat());
    InferenceClaim { job: digest(0), model: digest(1), input: digest(2), output: digest(3) }
}

/// The bytes of a proving and a verifying key.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A pair of keys, made once per form and number.
pub fn key_bytes(form: Form, number: usize) -> &'static Pair {
    static KEYS: [[OnceLock<Pair>; 2]; 2] = [const { [const { OnceLock::new() }; 2] }; 2];
    KEYS[form as usize][number].get_or_init(|| {
        let key = development_key(form).tabulate();
        (encode_proving_key(&key), encode_verifying_key(&key.verifying))
    })
}

/// A folder with key files.
pub struct Keys {
    pub folder: TempDir,
}

impl Keys {
    pub fn new(form: Form) -> Self {
        let keys = Self { folder: tempfile::tempdir().expect("a folder") };
        keys.write("pk", &key_bytes(form, 0).0);
        keys.write("vk", &key_bytes(form, 0).1);
        keys
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner may write.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("writes");
        permit(&path, 0o644);
        path
    }

    pub fn manager(&self) -> Arc<KeyManager> {
        Arc::new(KeyManager::open(self.path("pk"), Some(self.path("vk"))).expect("good keys"))
    }
}

#[cfg(unix)]
pub fn permit(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permits");
}

/// A key that is loaded once and stays.
pub fn loaded(form: Form, number: usize) -> LoadedKey {
    let keys = Keys::new(form);
    let path = keys.write("other", &key_bytes(form, number).0);
    LoadedKey::load(&path, None).expect("a good key")
}
