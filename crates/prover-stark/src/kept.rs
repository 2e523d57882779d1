//! Proofs of bridges that are kept: a folder of the cache, one file for each statement, by its id.
//!
//! Files appear whole or not at all, can be read by their owner alone (who sees one knows which root and which table
//! digest are of one table), and the oldest go when there are too many. Nothing here is needed: a cache that cannot be
//! read is empty, and one that cannot be written stays as it is.

use std::{
    fs::{self, File, FileTimes},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// The most bytes that are kept: about a hundred bridges.
const MAX_KEPT_BYTES: u64 = 256 << 20;

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    folder: PathBuf,
    most_bytes: u64,
}

impl Kept {
    pub(crate) fn new(cache: &Path) -> Self {
        Self { folder: cache.join("bridges"), most_bytes: MAX_KEPT_BYTES }
    }

    /// Where the proof of a statement is, or would be.
    pub(crate) fn path(&self, id: &[u8; 32]) -> PathBuf {
        let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(hex)
    }

    /// The proof of a statement, if there is a file of at most so many bytes. Nobody has checked it.
    pub(crate) fn read(&self, id: &[u8; 32], most_bytes: usize) -> Option<Vec<u8>> {
        let file =
            File::open(self.path(id)).ok().filter(|file| file.metadata().is_ok_and(|it| it.is_file()))?;
        // What is used stays longest. A cache that is only read is fine.
        let _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
        let mut proof = Vec::new();
        file.take(most_bytes as u64 + 1).read_to_end(&mut proof).ok()?;
        (proof.len() <= most_bytes).then_some(proof)
    }

    /// Keeps the proof of a statement, in place of what was there.
    pub(crate) fn write(&self, id: &[u8; 32], proof: &[u8]) {
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            self.make_room(proof.len() as u64);
            // Temporary files are their owner's alone from the start.
            let mut temporary = tempfile::NamedTempFile::new_in(&self.folder)?;
            temporary.write_all(proof)?;
            temporary.as_file().sync_all()?;
            temporary.persist(self.path(id))?;
            Ok(())
        };
        let _ = write();
    }

    /// Removes the files that were not used for the longest time, until there is room. What a killed process left
    /// half written is among them.
    fn make_room(&self, bytes: u64) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let files = entries.flatten().filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        });
        let mut files: Vec<_> = files.collect();
        files.sort();
        let mut used: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if used + bytes <= self.most_bytes {
                break;
            }
            let _ = fs::remove_file(path);
            used -= length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_belongs_to_its_owner() {
        let cache = tempfile::tempdir().expect("a folder");
        let kept = Kept::new(cache.path());
        assert_eq!(kept.read(&[1; 32], 10), None);
        kept.write(&[1; 32], b"proof");
        assert_eq!(kept.read(&[1; 32], 10).as_deref(), Some(&b"proof"[..]));
        assert_eq!(kept.read(&[1; 32], 4), None, "longer than allowed");
        kept.write(&[1; 32], b"other");
        assert_eq!(kept.read(&[1; 32], 10).as_deref(), Some(&b"other"[..]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(kept.path(&[1; 32])).expect("is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(cache.path().join("bridges")).expect("a folder").count(), 1);
    }

    #[test]
    fn a_cache_that_is_none_is_empty() {
        let cache = tempfile::tempdir().expect("a folder");
        let kept = Kept::new(cache.path());
        fs::create_dir_all(kept.path(&[1; 32])).expect("a folder in the place of a file");
        kept.write(&[1; 32], b"proof");
        assert_eq!(kept.read(&[1; 32], 10), None);
        fs::write(cache.path().join("file"), "").expect("writes");
        let kept = Kept::new(&cache.path().join("file"));
        kept.write(&[1; 32], b"proof");
        assert_eq!(kept.read(&[1; 32], 10), None);
    }

    #[test]
    fn the_oldest_go_first() {
        let cache = tempfile::tempdir().expect("a folder");
        let kept = Kept { most_bytes: 30, ..Kept::new(cache.path()) };
        for id in 0..3 {
            kept.write(&[id; 32], &[id; 10]);
            let age = FileTimes::new()
                .set_modified(SystemTime::now() - std::time::Duration::from_secs(100 - u64::from(id)));
            File::open(kept.path(&[id; 32])).and_then(|file| file.set_times(age)).expect("sets");
        }
        // The first was used again, so the second goes.
        assert!(kept.read(&[0; 32], 10).is_some());
        kept.write(&[3; 32], &[3; 10]);
        let there: Vec<bool> = (0..4).map(|id| kept.path(&[id; 32]).exists()).collect();
        assert_eq!(there, [true, false, true, true]);
    }
}
