//! The store of receipts in a folder.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use proofmark_core::{Claim, Digest, MAX_RECEIPT_BYTES, Receipt};

use crate::StoreError;

type Result<T> = std::result::Result<T, StoreError>;

/// Receipts in a folder, by their ids.
///
/// Several processes may use one folder: writers hold its lock shared, a collection holds it alone.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// A stored receipt, as [`Store::list`] shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The receipt's id.
    pub cid: String,
    /// Bytes of its binary form.
    pub bytes: u64,
    /// Whether it survives collection.
    pub pinned: bool,
}

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Receipts.
    pub receipts: usize,
    /// Their bytes, those of recordings that no pinned receipt is about, and of files that a crash left behind.
    pub bytes: u64,
}

impl Store {
    /// Opens the store in a folder and makes the folder if need be.
    ///
    /// # Errors
    /// If the folders cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let store = Self { root: root.into() };
        for folder in [store.receipts(), store.pins(), store.tmp()] {
            fs::create_dir_all(&folder).map_err(|e| StoreError::io(&folder, e))?;
        }
        Ok(store)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Stores a receipt and returns its id. Storing one twice changes nothing.
    ///
    /// # Errors
    /// If it is too long or the file system refuses. Then nothing was stored.
    pub fn put(&self, receipt: &Receipt) -> Result<String> {
        let bytes = receipt.to_cbor();
        if bytes.len() > MAX_RECEIPT_BYTES {
            return Err(StoreError::TooLarge { limit: MAX_RECEIPT_BYTES, actual: bytes.len() });
        }
        let cid = receipt.cid();
        let path = self.path(&cid)?;
        let _lock = self.lock(false)?;
        if matches!(self.read(&cid, &path), Ok(Some(_))) {
            return Ok(cid);
        }
        self.write(&path, &bytes)?;
        Ok(cid)
    }

    /// Reads a receipt and checks that it is the one its id names.
    ///
    /// # Errors
    /// If there is none, or its file holds something else.
    pub fn get(&self, cid: &str) -> Result<Receipt> {
        let path = self.path(cid)?;
        self.read(cid, &path)?.ok_or_else(|| StoreError::NotFound(cid.into()))
    }

    /// Where a receipt's file is, or would be.
    ///
    /// # Errors
    /// If the text is no id.
    pub fn path(&self, cid: &str) -> Result<PathBuf> {
        // The id becomes a file's name, so it must be an id and nothing else.
        let base32 = |byte: u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
        if cid.len() != 59 || !cid.starts_with("bafyrei") || !cid.bytes().all(base32) {
            return Err(StoreError::InvalidId(cid.chars().take(80).collect()));
        }
        Ok(self.receipts().join(&cid[57..]).join(cid))
    }

    /// Makes a receipt survive collection.
    ///
    /// # Errors
    /// If there is no such receipt, or the file system refuses.
    pub fn pin(&self, cid: &str) -> Result<()> {
        let path = self.path(cid)?;
        let _lock = self.lock(false)?;
        if !path.exists() {
            return Err(StoreError::NotFound(cid.into()));
        }
        self.write(&self.pins().join(cid), &[])
    }

    /// Lets a receipt be collected again. Not being pinned is no error.
    ///
    /// # Errors
    /// If the text is no id, or the file system refuses.
    pub fn unpin(&self, cid: &str) -> Result<()> {
        self.path(cid)?;
        let _lock = self.lock(false)?;
        remove(&self.pins().join(cid)).map(|_| ())
    }

    /// All receipts, by id.
    ///
    /// # Errors
    /// If the folders cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let pins: BTreeSet<String> =
            files(&self.pins())?.into_iter().filter_map(|path| name(&path)).collect();
        let mut entries = Vec::new();
        for shard in files(&self.receipts())? {
            for path in files(&shard)? {
                let Some(cid) = name(&path).filter(|cid| self.path(cid).is_ok_and(|own| own == path)) else {
                    continue;
                };
                // Another process may have collected it in the meantime.
                let Ok(metadata) = fs::metadata(&path) else { continue };
                let pinned = pins.contains(&cid);
                entries.push(Entry { cid, bytes: metadata.len(), pinned });
            }
        }
        entries.sort();
        Ok(entries)
    }

    /// Removes every receipt that is not pinned, every recording that none of the others is about, and what crashes left
    /// behind. Waits for writers to finish.
    ///
    /// # Errors
    /// If the file system refuses. What was removed before stays removed.
    pub fn collect(&self) -> Result<Collected> {
        let _lock = self.lock(true)?;
        let mut collected = Collected::default();
        for entry in self.list()?.into_iter().filter(|entry| !entry.pinned) {
            if remove(&self.path(&entry.cid)?)? {
                collected.receipts += 1;
                collected.bytes += entry.bytes;
            }
        }
        self.collect_recordings(&mut collected)?;
        for path in files(&self.tmp())? {
            let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            if remove(&path)? {
                collected.bytes += bytes;
            }
        }
        Ok(collected)
    }

    fn receipts(&self) -> PathBuf {
        self.root.join("receipts")
    }

    /// Removes recordings that no receipt which is left is about.
    fn collect_recordings(&self, collected: &mut Collected) -> Result<()> {
        let mut kept = BTreeSet::new();
        for entry in self.list()? {
            if let Claim::Witness(claim) = self.get(&entry.cid)?.claim {
                kept.insert(self.recording_path(&claim.recording.perf));
            }
        }
        for shard in files(&self.recordings())? {
            for path in files(&shard)?.into_iter().filter(|path| !kept.contains(path)) {
                let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
                if remove(&path)? {
                    collected.bytes += bytes;
                }
            }
        }
        Ok(())
    }

    /// Where a recording is, or would be.
    pub(crate) fn recording_path(&self, digest: &Digest) -> PathBuf {
        let id = crate::recordings::id(digest);
        self.recordings().join(&id[id.len() - 2..]).join(id)
    }

    fn recordings(&self) -> PathBuf {
        self.root.join("recordings")
    }

    fn pins(&self) -> PathBuf {
        self.root.join("pins")
    }

    fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Holds the folder until the file is dropped; the operating system lets go of it if the process dies.
    fn lock(&self, exclusive: bool) -> Result<File> {
        let path = self.root.join("lock");
        let lock = || -> io::Result<File> {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            if exclusive {
                file.lock()?
            } else {
                file.lock_shared()?
            }
            Ok(file)
        };
        lock().map_err(|e| StoreError::io(&path, e))
    }

    /// The checked content of a receipt's file, if there is one.
    fn read(&self, cid: &str, path: &Path) -> Result<Option<Receipt>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::io(path, e)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_RECEIPT_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| StoreError::io(path, e))?;
        let corrupt = |found: String| StoreError::Corrupt { path: path.into(), found };
        let receipt = Receipt::decode(&bytes).map_err(|e| corrupt(e.to_string()))?;
        match receipt.cid() {
            // The id is of the binary form; a JSON form with the same content is not what was stored.
            found if found == cid && receipt.to_cbor() == bytes => Ok(Some(receipt)),
            found => Err(corrupt(found)),
        }
    }

    /// Holds a place in the store for bytes: see [`crate::recordings`].
    pub(crate) fn put_in_place(&self, path: &Path, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
        let _lock = self.lock(false)?;
        let folder = path.parent().expect("a stored file lies in a folder of the store");
        let failed = |e| StoreError::io(path, e);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(self.tmp()).map_err(failed)?;
        fill(file.as_file_mut())?;
        let finish = || -> io::Result<()> {
            file.as_file().sync_all()?;
            file.persist(path)?;
            File::open(folder)?.sync_all()
        };
        finish().map_err(failed)
    }

    /// Puts a whole file in place or none: temporary file, `fsync`, rename, `fsync` of the folder.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let folder = path.parent().expect("a stored file lies in a folder of the store");
        let write = || -> io::Result<()> {
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(self.tmp())?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|e| StoreError::io(path, e))
    }
}

/// What lies in a folder; nothing, if another process removed it.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(e) => return Err(StoreError::io(folder, e)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<io::Result<_>>().map_err(|e| StoreError::io(folder, e))
}

fn name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

/// Whether there was a file to remove.
fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(StoreError::io(path, e)),
    }
}
