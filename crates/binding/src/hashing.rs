//! Which bytes are hashed: models, inputs, outputs.
//!
//! Everything is plain SHA-256 of the bytes as they are, so `sha256sum` gives the same. No normalisation of any kind: no trimming,
//! no line endings, no Unicode forms, no JSON canonicalisation.
//!
//! - **input**: the bytes that are sent to the model server as the body of the request.
//! - **output**: the UTF-8 of the answer's text; of a stream, the pieces in order, joined with nothing between them.
//! - **model in one file**: the file's bytes.
//! - **model in a folder** (sharded weights): the bytes of its *manifest*. The first line is `proofmark-manifest/1`; then one line for
//!   each regular file below the folder: 64 hex digits of its SHA-256, two blanks, its path relative to the folder with `/`
//!   between parts. Lines end with a line feed and are sorted by the bytes of the path. Symbolic links to files count as the
//!   file they lead to; links to folders, other kinds of file, and names that are not UTF-8 or have control characters are
//!   errors. Nothing is left out, hidden files neither.
//!
//! Large files are read in one thread and hashed in another; the files of a folder are hashed on all cores.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::sync_channel,
    },
    thread,
};

use proofmark_core::{Digest, sha256::Sha256};

use crate::error::Error;

/// The first line of a manifest.
pub const MANIFEST_HEAD: &str = "proofmark-manifest/1\n";
/// The most files of one model.
pub const MAX_FILES: usize = 100_000;
/// The deepest folder in a model.
const MAX_DEPTH: usize = 32;
/// Bytes read at once.
const BLOCK: usize = 1 << 20;
/// Blocks that may wait for the hasher.
const BLOCKS_AHEAD: usize = 8;

/// Watches and stops a hash that takes long.
#[derive(Debug, Default)]
pub struct Watch {
    done: AtomicU64,
    total: AtomicU64,
    stop: AtomicBool,
}

impl Watch {
    /// Bytes that were hashed so far, and bytes in all, as far as known.
    pub fn progress(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// Stops the work; it then fails with [`Error::Cancelled`].
    pub fn cancel(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn advance(&self, bytes: usize) -> Result<(), Error> {
        self.done.fetch_add(bytes as u64, Ordering::Relaxed);
        if self.stop.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// What identifies a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelHash {
    /// SHA-256 of the file, or of the manifest.
    pub digest: Digest,
    /// Bytes of all files.
    pub bytes: u64,
    /// The manifest, if the model is a folder.
    pub manifest: Option<String>,
}

/// Hashes a model: a file, or a folder of files.
///
/// # Errors
/// If a file cannot be read or may not be part of a model, or `watch` was cancelled.
pub fn model(path: &Path, watch: &Watch) -> Result<ModelHash, Error> {
    let metadata = fs::metadata(path).map_err(|e| failed(path, e))?;
    if !metadata.is_dir() {
        watch.total.store(metadata.len(), Ordering::Relaxed);
        let (digest, bytes) = file(path, watch)?;
        return Ok(ModelHash { digest, bytes, manifest: None });
    }
    let files = list(path)?;
    let total = files.iter().map(|file| file.bytes).sum();
    watch.total.store(total, Ordering::Relaxed);
    let digests = hash_all(&files, watch)?;
    let mut manifest = String::from(MANIFEST_HEAD);
    let mut bytes = 0;
    for (file, (digest, length)) in files.iter().zip(digests) {
        manifest.push_str(&format!("{}  {}\n", digest.to_hex(), file.name));
        bytes += length;
    }
    Ok(ModelHash { digest: Digest::of(manifest.as_bytes()), bytes, manifest: Some(manifest) })
}

/// SHA-256 of a file and its length, read and hashed at the same time.
///
/// # Errors
/// If the file cannot be read, or `watch` was cancelled.
pub fn file(path: &Path, watch: &Watch) -> Result<(Digest, u64), Error> {
    let mut file = File::open(path).map_err(|e| failed(path, e))?;
    let (full, blocks) = sync_channel::<Vec<u8>>(BLOCKS_AHEAD);
    let (used, empty) = sync_channel::<Vec<u8>>(BLOCKS_AHEAD + 2);
    thread::scope(|scope| {
        let hasher = scope.spawn(move || {
            let mut hasher = Sha256::new();
            let mut bytes = 0u64;
            for block in blocks {
                hasher.update(&block);
                bytes += block.len() as u64;
                // The reader may be gone already.
                let _ = used.try_send(block);
            }
            (Digest::sha256(hasher.finish()), bytes)
        });
        let read = (|| loop {
            let mut block = empty.try_recv().unwrap_or_default();
            block.clear();
            let count =
                file.by_ref().take(BLOCK as u64).read_to_end(&mut block).map_err(|e| failed(path, e))?;
            if count == 0 {
                return Ok(());
            }
            watch.advance(count)?;
            if full.send(block).is_err() {
                return Ok(()); // the hasher panicked; joining it tells
            }
        })();
        drop(full);
        let result = hasher.join().expect("hashing does not panic");
        read.map(|()| result)
    })
}

/// A file of a folder.
struct Entry {
    /// Its path below the folder, with `/`.
    name: String,
    path: PathBuf,
    bytes: u64,
}

/// All files below a folder, sorted by the bytes of their names.
fn list(root: &Path) -> Result<Vec<Entry>, Error> {
    let mut files = Vec::new();
    let mut open = vec![(root.to_path_buf(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(refused(&folder, "folders are nested too deep"));
        }
        for entry in fs::read_dir(&folder).map_err(|e| failed(&folder, e))? {
            let entry = entry.map_err(|e| failed(&folder, e))?;
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_str().filter(|name| !name.chars().any(char::is_control));
            let Some(name) = name else {
                return Err(refused(&path, "its name is not UTF-8 or has control characters"));
            };
            let name = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(|e| failed(&path, e))?;
            if kind.is_dir() {
                open.push((path, format!("{name}/"), depth + 1));
                continue;
            }
            let metadata = fs::metadata(&path).map_err(|e| failed(&path, e))?;
            if !metadata.is_file() {
                return Err(refused(&path, "a model consists of regular files"));
            }
            if files.len() >= MAX_FILES {
                return Err(refused(root, "the folder has more than 100000 files"));
            }
            files.push(Entry { name, path, bytes: metadata.len() });
        }
    }
    if files.is_empty() {
        return Err(refused(root, "the folder has no files"));
    }
    files.sort_by(|left, right| left.name.as_bytes().cmp(right.name.as_bytes()));
    Ok(files)
}

/// Hashes files on all cores, the next one wherever a thread is free.
fn hash_all(files: &[Entry], watch: &Watch) -> Result<Vec<(Digest, u64)>, Error> {
    let next = AtomicU64::new(0);
    let results = Mutex::new(vec![None; files.len()]);
    let first_error = Mutex::new(None);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(files.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed) as usize;
                    let Some(entry) = files.get(at) else { return };
                    match file(&entry.path, watch) {
                        Ok(result) => {
                            results.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(result)
                        }
                        Err(error) => {
                            let mut slot = first_error.lock().unwrap_or_else(PoisonError::into_inner);
                            slot.get_or_insert(error);
                            watch.cancel();
                            return;
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = first_error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(results.into_iter().map(|result| result.expect("without an error every file was hashed")).collect())
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::Hash { path: path.to_path_buf(), detail: error.to_string() }
}

fn refused(path: &Path, detail: &str) -> Error {
    Error::Hash { path: path.to_path_buf(), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_hash_that_sha256sum_prints() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("weights.bin");
        let bytes: Vec<u8> = (0..5 * BLOCK + 17).map(|at| (at * 31 % 251) as u8).collect();
        fs::write(&path, &bytes).expect("writes");
        let watch = Watch::default();
        let hash = model(&path, &watch).expect("hashes");
        assert_eq!(hash, ModelHash { digest: Digest::of(&bytes), bytes: bytes.len() as u64, manifest: None });
        assert_eq!(watch.progress(), (bytes.len() as u64, bytes.len() as u64));
        fs::write(&path, b"").expect("writes");
        assert_eq!(model(&path, &Watch::default()).expect("hashes").digest, Digest::of(b""));
    }

    #[test]
    fn a_folder_has_the_hash_of_its_manifest() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("b")).expect("a folder");
        for (name, text) in [("b/2.bin", "two"), ("a.bin", "one"), (".hidden", ""), ("b.bin", "three")] {
            fs::write(folder.path().join(name), text).expect("writes");
        }
        let hash = model(folder.path(), &Watch::default()).expect("hashes");
        let line = |text: &str, name: &str| format!("{}  {name}\n", Digest::of(text.as_bytes()).to_hex());
        let expected = [
            MANIFEST_HEAD.to_owned(),
            line("", ".hidden"),
            line("one", "a.bin"),
            line("three", "b.bin"),
            line("two", "b/2.bin"),
        ]
        .concat();
        assert_eq!(hash.manifest.as_deref(), Some(expected.as_str()));
        assert_eq!((hash.digest, hash.bytes), (Digest::of(expected.as_bytes()), 11));
    }

    #[test]
    fn what_cannot_be_hashed_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(model(&folder.path().join("no"), &Watch::default()), Err(Error::Hash { .. })));
        assert!(matches!(model(folder.path(), &Watch::default()), Err(Error::Hash { .. })), "empty");
        fs::write(folder.path().join("line\nfeed"), "x").expect("writes");
        assert!(matches!(model(folder.path(), &Watch::default()), Err(Error::Hash { .. })));
    }

    #[test]
    fn hashing_can_be_cancelled() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a", "b"] {
            fs::write(folder.path().join(name), vec![0; 3 * BLOCK]).expect("writes");
        }
        let watch = Watch::default();
        watch.cancel();
        assert!(matches!(model(folder.path(), &watch), Err(Error::Cancelled)));
    }
}
