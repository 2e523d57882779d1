//! Reading and writing key files.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::Path,
    sync::Arc,
    vec::Vec,
};

use memmap2::Mmap;
use proofmark_core::Digest;

use super::{HEADER_BYTES, Kind, Layout, decode, decode_verifying_key, verifying_key};
use crate::{
    error::{Error, KeyFault},
    key::{ProvingKey, VerifyingKey},
    point,
    proving::Table,
};

/// The longest file that is read or mapped. A proving key with tables has some 4 MB.
const MAX_BYTES: u64 = 64 << 20;

/// Maps a proving key into memory after checking all of it: permissions, length, header, checksum, and the points that are
/// not in tables. The tables are covered by the checksum; a proof from bad ones would not pass the prover's own check.
///
/// # Errors
/// What is wrong with the file. There is no fallback.
pub fn load_proving_key(path: &Path) -> Result<ProvingKey, Error> {
    map_proving_key(path).map_err(|fault| fault.at(path))
}

fn map_proving_key(path: &Path) -> Result<ProvingKey, KeyFault> {
    if cfg!(target_endian = "big") {
        return Err(KeyFault::Foreign("tables are little-endian and used in place; this machine is not"));
    }
    let file = open(path)?;
    // SAFETY: the map is read-only and private. `open` refused files that others than the owner may write; the owner replaces key
    // files by renaming (`install`), which leaves mapped ones as they are. The content was checked by a checksum, and any bits
    // are a valid `u64`.
    let map = Arc::new(unsafe { Mmap::map(&file) }.map_err(KeyFault::Unreadable)?);
    let (header, body) = decode(&map, Kind::Proving)?;
    let layout = Layout::of(header.form);
    if body.len() != layout.bytes() {
        let [expected, actual] = [layout.bytes(), body.len()].map(|bytes| (bytes + HEADER_BYTES) as u64);
        return Err(KeyFault::Truncated { expected, actual });
    }
    let verifying = verifying_key(&header, &body[..layout.verifying])?;
    let mut rest = &body[layout.verifying..];
    let bad = KeyFault::Damaged("a point is not canonical or not on its curve");
    let (Some(beta_g1), Some(delta_g1)) = (point::take_g1(&mut rest), point::take_g1(&mut rest)) else {
        return Err(bad);
    };
    let mut start = HEADER_BYTES + layout.tables;
    let [a, b, c] = layout.limbs.map(|limbs| {
        let table = Table::mapped(Arc::clone(&map), start, limbs);
        start += 8 * limbs;
        table
    });
    Ok(ProvingKey { verifying, beta_g1, delta_g1, a, b, c })
}

/// Reads a verifying key and checks all of it.
///
/// # Errors
/// What is wrong with the file.
pub fn load_verifying_key(path: &Path) -> Result<VerifyingKey, Error> {
    read(path).and_then(|bytes| decode_verifying_key(&bytes)).map_err(|fault| fault.at(path))
}

/// Reads the bytes of a ceremony; [`crate::ceremony::Ceremony::decode`] checks them.
///
/// # Errors
/// If the file cannot be read or others may write it.
pub fn read_ceremony(path: &Path) -> Result<Vec<u8>, Error> {
    read(path).map_err(|fault| fault.at(path))
}

/// Reads a file that names a circuit: its hash, `sha256:<hex>`, on the first line.
///
/// # Errors
/// If the file cannot be read or names none.
pub fn load_circuit_hash(path: &Path) -> Result<Digest, Error> {
    let named = read(path).and_then(|bytes| {
        let text = std::str::from_utf8(&bytes).ok();
        text.and_then(|text| text.lines().next()?.trim().parse().ok())
            .ok_or(KeyFault::Foreign("it names no circuit: its first line should be sha256:<hash>"))
    });
    named.map_err(|fault| fault.at(path))
}

/// Writes a file that must not exist yet, whole or not at all, writable by its owner alone.
///
/// # Errors
/// If it exists or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    put(path, bytes)
}

/// Puts a file in place of another in one step: whoever has the old one mapped keeps it.
///
/// # Errors
/// If it cannot be written.
pub fn install(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes)
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut staged = name.to_os_string();
    staged.push(format!(".{}.tmp", std::process::id()));
    let staged = path.with_file_name(staged);
    let written = (|| {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
        let mut file = options.open(&staged)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&staged, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&staged);
    }
    written
}

fn read(path: &Path) -> Result<Vec<u8>, KeyFault> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(KeyFault::Unreadable)?;
    Ok(bytes)
}

/// Opens a regular file of bearable size that only its owner may write.
fn open(path: &Path) -> Result<File, KeyFault> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => KeyFault::Missing,
        _ => KeyFault::Unreadable(error),
    })?;
    // Of the open file, not of the path: nobody can exchange it in between.
    let metadata = file.metadata().map_err(KeyFault::Unreadable)?;
    if !metadata.is_file() {
        return Err(KeyFault::Foreign("it is no regular file"));
    }
    if metadata.len() > MAX_BYTES {
        return Err(KeyFault::Truncated { expected: MAX_BYTES, actual: metadata.len() });
    }
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o022 != 0 {
            return Err(KeyFault::Exposed { mode });
        }
    }
    Ok(file)
}
