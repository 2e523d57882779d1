//! The output folder: locked while we work, filled whole or not at all.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{
    cancel,
    error::Error,
    files::{self, Access, Scratch},
};

/// How often a lock is tried again that its holder took away in the same moment.
const MAX_ATTEMPTS: usize = 100;

/// A file to write: its name, what is in it, who may read it.
pub(crate) type Content<'a> = (&'a str, &'a [u8], Access);

/// A locked output folder.
#[derive(Debug)]
pub(crate) struct OutDir {
    path: PathBuf,
    /// Beside the folder, since the folder may be exchanged as a whole.
    lock_path: PathBuf,
    /// The folders above that did not exist before, the outermost first. They go again if nothing comes into them.
    made: Vec<PathBuf>,
    _lock: File,
}

impl OutDir {
    /// Locks the folder; a second process gets [`Error::Busy`]. Nothing is created in it yet.
    pub(crate) fn lock(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Write { path: path.to_path_buf(), source };
        if path.exists() && !path.is_dir() {
            return Err(failed(io::Error::from(io::ErrorKind::NotADirectory)));
        }
        let path = absolute(path).map_err(failed)?;
        let parent = files::parent(&path);
        let lock_path = parent.join(beside(&path, "lock"));
        let made = missing(&parent);
        for _ in 0..MAX_ATTEMPTS {
            fs::create_dir_all(&parent).map_err(failed)?;
            let file = match File::options().create(true).truncate(false).write(true).open(&lock_path) {
                // Another process, at its end, took away the folder that it had made.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(failed)?,
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::Busy { path }),
                // A file system without locks: go on, renames still keep each file whole.
                Err(TryLockError::Error(_)) => {}
            }
            // The holder before us may have removed the file that we opened.
            if same_file(&file, &lock_path) {
                for folder in &made {
                    cancel::guard(folder, files::remove_empty);
                }
                cancel::guard(&lock_path, files::remove);
                return Ok(Self { path, lock_path, made, _lock: file });
            }
        }
        Err(Error::Busy { path })
    }

    /// Writes all files, or none.
    ///
    /// They are written and flushed beside the folder first, so a full disk is met there. A new folder then appears
    /// in one step; in an existing one the files are exchanged one by one and put back if that fails.
    pub(crate) fn write(&self, contents: &[Content<'_>]) -> Result<(), Error> {
        let failed = |source| Error::Write { path: self.path.clone(), source };
        let staged =
            files::parent(&self.path).join(beside(&self.path, &format!("{}.tmp", std::process::id())));
        files::remove(&staged);
        let staged = Scratch::folder(staged).map_err(failed)?;
        for (name, data, access) in contents {
            let path = staged.path().join(name);
            files::write_synced(&path, data, *access)
                .map_err(|source| Error::Write { path: self.path.join(name), source })?;
        }
        if !self.path.exists() {
            fs::rename(staged.path(), &self.path).map_err(failed)?;
        } else {
            self.exchange(staged.path(), contents).map_err(failed)?;
        }
        sync_folder(&files::parent(&self.path));
        sync_folder(&self.path);
        Ok(())
    }

    /// Moves the old files into the staged folder and the new ones out of it.
    fn exchange(&self, staged: &Path, contents: &[Content<'_>]) -> io::Result<()> {
        let old = |name: &str| staged.join(format!("{name}.old"));
        let mut moved = Vec::new();
        for (name, ..) in contents {
            let target = self.path.join(name);
            let kept = match fs::rename(&target, old(name)) {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return self.put_back(&moved, old, error),
            };
            moved.push((*name, kept));
            if let Err(error) = fs::rename(staged.join(name), &target) {
                return self.put_back(&moved, old, error);
            }
        }
        Ok(())
    }

    fn put_back(
        &self,
        moved: &[(&str, bool)],
        old: impl Fn(&str) -> PathBuf,
        error: io::Error,
    ) -> io::Result<()> {
        for (name, kept) in moved {
            let target = self.path.join(name);
            let _ = if *kept { fs::rename(old(name), target) } else { fs::remove_file(target) };
        }
        Err(error)
    }
}

impl Drop for OutDir {
    fn drop(&mut self) {
        files::remove(&self.lock_path);
        cancel::unguard(&self.lock_path);
        for folder in self.made.iter().rev() {
            files::remove_empty(folder);
            cancel::unguard(folder);
        }
    }
}

/// The folders up to `path` that do not exist, the outermost first.
fn missing(path: &Path) -> Vec<PathBuf> {
    let mut missing: Vec<_> =
        path.ancestors().take_while(|folder| !folder.exists()).map(Path::to_path_buf).collect();
    missing.reverse();
    missing
}

/// `.NAME.suffix`
fn beside(path: &Path, suffix: &str) -> OsString {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(suffix);
    name
}

/// `.` and `..` have no name to stand beside, so the folder is resolved as far as it exists.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    let path = if path.exists() { path.canonicalize()? } else { std::path::absolute(path)? };
    if path.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this folder cannot be used for output"));
    }
    Ok(path)
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(left), Ok(right)) => left.ino() == right.ino() && left.dev() == right.dev(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Makes renames last through a power cut, where the system can.
fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(path) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_and_then_exchanged_with_what_else_is_in_it_kept() {
        let base = tempfile::tempdir().expect("a folder");
        let path = base.path().join("deep/out");
        let out = OutDir::lock(&path).expect("locks");
        out.write(&[("a", b"1", Access::Usual), ("b", b"2", Access::Usual)]).expect("writes");
        fs::write(path.join("mine"), "x").expect("writes");
        out.write(&[("a", b"3", Access::Usual), ("c", b"4", Access::Owner)]).expect("writes");
        let read = |name: &str| fs::read_to_string(path.join(name)).expect("is there");
        assert_eq!(
            (read("a"), read("b"), read("c"), read("mine")),
            ("3".into(), "2".into(), "4".into(), "x".into())
        );
        drop(out);
        let left: Vec<_> = fs::read_dir(base.path().join("deep")).expect("reads").collect();
        assert_eq!(left.len(), 1, "no lock and no staged folder stays: {left:?}");
    }

    #[test]
    fn a_run_that_fails_leaves_no_folder_that_it_made() {
        let base = tempfile::tempdir().expect("a folder");
        drop(OutDir::lock(&base.path().join("one/two/out")).expect("locks"));
        assert_eq!(fs::read_dir(base.path()).expect("reads").count(), 0);
        fs::create_dir(base.path().join("mine")).expect("makes");
        drop(OutDir::lock(&base.path().join("mine/out")).expect("locks"));
        assert!(base.path().join("mine").exists(), "what was there before stays");
    }

    #[test]
    fn a_second_writer_is_told() {
        let base = tempfile::tempdir().expect("a folder");
        let first = OutDir::lock(&base.path().join("out")).expect("locks");
        assert!(matches!(OutDir::lock(&base.path().join("out")), Err(Error::Busy { .. })));
        drop(first);
        OutDir::lock(&base.path().join("out")).expect("locks again");
    }

    #[test]
    fn what_cannot_be_exchanged_is_put_back() {
        let base = tempfile::tempdir().expect("a folder");
        let path = base.path().join("out");
        let out = OutDir::lock(&path).expect("locks");
        out.write(&[("a", b"old", Access::Usual), ("z", b"old", Access::Usual)]).expect("writes");
        // A folder in the place of the second file cannot be replaced by a file.
        fs::remove_file(path.join("z")).expect("removes");
        fs::create_dir_all(path.join("z/full")).expect("makes");
        let staged = base.path().join("staged");
        fs::create_dir(&staged).expect("makes");
        fs::write(staged.join("a"), "new").expect("writes");
        // `z` is missing in the staged folder, so the exchange fails after `a` was moved.
        assert!(out.exchange(&staged, &[("a", b"", Access::Usual), ("z", b"", Access::Usual)]).is_err());
        assert_eq!(fs::read_to_string(path.join("a")).expect("is there"), "old");
        assert!(path.join("z/full").is_dir());
    }
}
