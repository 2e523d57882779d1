//! Recordings that are too long to travel inside their receipts, by their content.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use cid::{Cid, multihash::Multihash};
use proofmark_core::{Digest, sha256::Sha256};

use crate::{Store, StoreError};

/// The content id of bytes as they are: CIDv1, codec `raw`, SHA-256. IPFS tools give a file of one block the same.
pub fn id(digest: &Digest) -> String {
    const RAW: u64 = 0x55;
    const SHA2_256: u64 = 0x12;
    let multihash = Multihash::wrap(SHA2_256, digest.as_bytes()).expect("32 bytes fit a multihash");
    Cid::new_v1(RAW, multihash).to_string()
}

impl Store {
    /// Copies a recording into the store and returns its id. Storing one twice changes nothing.
    ///
    /// # Errors
    /// If the file has another digest, or the file system refuses. Then nothing was stored.
    pub fn put_recording(&self, digest: &Digest, from: &Path) -> Result<String, StoreError> {
        let path = self.recording_path(digest);
        if !path.is_file() {
            self.put_in_place(&path, |to| copy(digest, from, to))?;
        }
        Ok(id(digest))
    }

    /// The file of a recording, if it is here. Whether it still has its digest is for the verifier to see, who reads it
    /// anyway.
    pub fn recording(&self, digest: &Digest) -> Option<PathBuf> {
        Some(self.recording_path(digest)).filter(|path| path.is_file())
    }

    /// The file of the recording with an id, if it is here.
    ///
    /// # Errors
    /// [`StoreError::InvalidId`] if the text is no id of a recording.
    pub fn recording_by_id(&self, text: &str) -> Result<Option<PathBuf>, StoreError> {
        let digest = text.parse::<Cid>().ok().and_then(|cid| cid.hash().digest().try_into().ok());
        let digest = digest.map(Digest::sha256).filter(|digest| id(digest) == text);
        digest
            .map(|digest| self.recording(&digest))
            .ok_or_else(|| StoreError::InvalidId(text.chars().take(80).collect()))
    }
}

fn copy(digest: &Digest, from: &Path, to: &mut File) -> Result<(), StoreError> {
    let failed = |e: io::Error| StoreError::io(from, e);
    let mut source = File::open(from).map_err(failed)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let count = source.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        to.write_all(&buffer[..count]).map_err(failed)?;
    }
    match Digest::sha256(hasher.finish()) {
        found if found == *digest => Ok(()),
        found => Err(StoreError::Corrupt { path: from.into(), found: found.to_string() }),
    }
}
