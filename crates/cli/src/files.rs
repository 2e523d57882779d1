//! Bounded reads, and writes that happen whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use crate::{error::Error, ui::bytes};

/// Reads a whole file of at most `limit` bytes; `-` is standard input.
///
/// # Errors
/// If the file cannot be read or is longer: the first `limit + 1` bytes are all that is ever held.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read { path: path.to_path_buf(), source };
    let mut data = Vec::new();
    let count = if path.as_os_str() == "-" {
        io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut data)
    } else {
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        // A sparse file or a device says what it likes; the reader below does not believe it.
        if metadata.is_file() && metadata.len() > limit {
            return Err(too_large(path, limit));
        }
        file.take(limit.saturating_add(1)).read_to_end(&mut data)
    };
    if count.map_err(failed)? as u64 > limit {
        return Err(too_large(path, limit));
    }
    Ok(data)
}

/// Reads a text file.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, Error> {
    String::from_utf8(read(path, limit)?).map_err(|e| Error::File {
        path: path.to_path_buf(),
        message: format!("not UTF-8 at byte {}", e.utf8_error().valid_up_to()),
        hint: Some("save the file as UTF-8".to_string()),
    })
}

/// Writes one file so that it appears whole or not at all.
pub(crate) fn write_whole(path: &Path, data: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_path_buf(), source };
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    let mut staged = name.to_os_string();
    staged.push(format!(".{}.tmp", std::process::id()));
    let staged = Scratch::file(path.with_file_name(staged));
    write_synced(staged.path(), data, Access::Usual).map_err(failed)?;
    fs::rename(staged.path(), path).map_err(failed)
}

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever the system lets.
    Usual,
    /// Its owner alone, from the first byte on.
    Owner,
}

/// Writes and flushes a file that must not exist yet.
pub(crate) fn write_synced(path: &Path, data: &[u8], access: Access) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if access == Access::Owner {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(data)?;
    file.sync_all()
}

/// The folder that holds `path`, never empty.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// A path that is taken away again when it is dropped, or when the process is told to stop.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A file that may come to exist.
    pub(crate) fn file(path: PathBuf) -> Self {
        crate::cancel::guard(&path, remove);
        Self(path)
    }

    /// A new, empty folder.
    pub(crate) fn folder(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        crate::cancel::guard(&path, remove);
        Ok(Self(path))
    }

    /// The path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
        crate::cancel::unguard(&self.0);
    }
}

/// Takes a scratch file or folder away; one that is gone already is fine.
pub(crate) fn remove(path: &Path) {
    if path.is_dir() {
        let _ = fs::remove_dir_all(path);
    } else {
        let _ = fs::remove_file(path);
    }
}

/// Takes a folder away that nothing is in.
pub(crate) fn remove_empty(path: &Path) {
    let _ = fs::remove_dir(path);
}

fn too_large(path: &Path, limit: u64) -> Error {
    Error::TooLarge {
        path: path.to_path_buf(),
        limit,
        hint: format!("the limit here is {}; for inputs it is the setting inputs.maxBytes", bytes(limit)),
    }
}
