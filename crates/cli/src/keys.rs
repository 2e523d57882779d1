//! Ed25519 key files: PKCS#8 PEM, mode 0600, never printed, wiped from memory.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use proofmark_core::PublicKey;
use zeroize::Zeroizing;

use crate::{error::Error, files};

/// The largest key file that is read; a PKCS#8 Ed25519 key has some 120 bytes.
const MAX_KEY_BYTES: u64 = 4096;

/// Reads a private key.
///
/// # Errors
/// If there is none, if others than its owner may read it, or if it is no Ed25519 key.
pub(crate) fn load(path: &Path) -> Result<SigningKey, Error> {
    refuse_if_exposed(path)?;
    let pem = Zeroizing::new(files::read(path, MAX_KEY_BYTES)?);
    let text = std::str::from_utf8(&pem).ok();
    text.and_then(|text| SigningKey::from_pkcs8_pem(text).ok()).ok_or_else(|| Error::Key {
        path: path.to_path_buf(),
        message: "this is no Ed25519 key in PKCS#8 PEM form".to_string(),
        hint: "`proofmark key new` makes one; so does `openssl genpkey -algorithm ed25519`".to_string(),
    })
}

/// Reads a private key of ours, or one that the Solana tools wrote: a JSON array of 64 numbers, the seed and the public
/// key.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_any(path: &Path) -> Result<SigningKey, Error> {
    let bytes = Zeroizing::new(files::read(path, MAX_KEY_BYTES)?);
    if !bytes.trim_ascii_start().starts_with(b"[") {
        return load(path);
    }
    refuse_if_exposed(path)?;
    let numbers = serde_json::from_slice::<Vec<u8>>(&bytes).ok().map(Zeroizing::new);
    let pair: Option<Zeroizing<[u8; 64]>> =
        numbers.and_then(|numbers| numbers[..].try_into().ok()).map(Zeroizing::new);
    pair.and_then(|pair| SigningKey::from_keypair_bytes(&pair).ok()).ok_or_else(|| Error::Key {
        path: path.to_path_buf(),
        message: "this is no Solana keypair: 64 numbers, the second half the public key of the first"
            .to_string(),
        hint: "`solana-keygen new` makes one; a key of `proofmark key new` can be used too".to_string(),
    })
}

/// Makes a key and writes it, readable by its owner only.
///
/// # Errors
/// If the file exists already or cannot be written.
pub(crate) fn create(path: &Path) -> Result<SigningKey, Error> {
    let failed = |source: io::Error| {
        match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Key {
            path: path.to_path_buf(),
            message: "there is a key already".to_string(),
            hint: "receipts signed by it name it, so it is never overwritten; move it away first, or give another --path"
                .to_string(),
        },
        _ => Error::Write { path: path.to_path_buf(), source },
    }
    };
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|e| failed(io::Error::other(e.to_string())))?;
    let key = SigningKey::from_bytes(&seed);
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|e| failed(io::Error::other(e.to_string())))?;
    fs::create_dir_all(files::parent(path)).map_err(failed)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    if let Err(error) = file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()) {
        let _ = fs::remove_file(path);
        return Err(failed(error));
    }
    Ok(key)
}

/// The public half, as receipts and registries write it.
pub(crate) fn public(key: &SigningKey) -> PublicKey {
    PublicKey::new(key.verifying_key().to_bytes())
}

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(unix)]
fn refuse_if_exposed(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs::metadata(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::Key {
        path: path.to_path_buf(),
        message: format!("others than its owner may use this key (mode {mode:03o})"),
        hint: format!(
            "if nobody else has read it: chmod 600 {}; otherwise make a new one with `proofmark key new`",
            path.display()
        ),
    })
}

#[cfg(not(unix))]
fn refuse_if_exposed(_: &Path) -> Result<(), Error> {
    Ok(())
}
