//! The files of one shard.
//!
//! ```text
//! OUT/shard-7/zkperf-7.data        the recording
//! OUT/shard-7/zkwitness-7.json     the short witness
//! OUT/shard-7/witness-7.dsse.json  the signed in-toto statement
//! OUT/shard-7/receipt-7.json       claim and signature
//! OUT/shard-7/head.json            the chain's head
//! OUT/shard-7/history/3/…          the files of the witness with number 3, once another followed
//! ```

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use proofmark_core::{Evidence, Provenance, Receipt, WitnessClaim, WitnessEvidence};
use proofmark_witness::{chain::Head, dsse::Envelope, seed::SeedWitness};

use crate::{error::Error, files};

/// Recordings up to this many bytes travel inside their receipt.
const MAX_INLINE_BYTES: u64 = 1 << 20;
/// The longest small file of a shard.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// The files of one shard.
#[derive(Clone, Debug)]
pub(crate) struct ShardFolder {
    shard: u32,
    path: PathBuf,
}

impl ShardFolder {
    /// The folder of a shard below `out`.
    pub(crate) fn new(out: &Path, shard: u32) -> Self {
        Self { shard, path: out.join(format!("shard-{shard}")) }
    }

    /// All folders of shards below `out`, by shard.
    pub(crate) fn list(out: &Path) -> Result<Vec<Self>, Error> {
        let failed = |source| Error::Read { path: out.to_path_buf(), source };
        let mut folders = Vec::new();
        for entry in fs::read_dir(out).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("shard-")?.parse().ok());
            folders.extend(
                number.map(|shard| Self::new(out, shard)).filter(|folder| folder.receipt().is_file()),
            );
        }
        folders.sort_by_key(|folder| folder.shard);
        Ok(folders)
    }

    /// Makes it, and locks it until the file is dropped: a shard runs one command at a time.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let failed = |source| Error::Write { path: self.path.clone(), source };
        fs::create_dir_all(&self.path).map_err(failed)?;
        let lock = File::options().create(true).truncate(false).write(true).open(self.path.join("lock"));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(fs::TryLockError::WouldBlock) => Err(Error::Busy { path: self.path.clone() }),
            Err(fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    pub(crate) fn shard(&self) -> u32 {
        self.shard
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn perf(&self) -> PathBuf {
        self.path.join(format!("zkperf-{}.data", self.shard))
    }

    pub(crate) fn seed(&self) -> PathBuf {
        self.path.join(format!("zkwitness-{}.json", self.shard))
    }

    pub(crate) fn envelope(&self) -> PathBuf {
        self.path.join(format!("witness-{}.dsse.json", self.shard))
    }

    pub(crate) fn receipt(&self) -> PathBuf {
        self.path.join(format!("receipt-{}.json", self.shard))
    }

    /// The last witness of this shard, if there is one.
    pub(crate) fn head(&self) -> Result<Option<Head>, Error> {
        let path = self.path.join("head.json");
        if !path.exists() {
            return Ok(None);
        }
        serde_json::from_slice(&files::read(&path, MAX_FILE_BYTES)?).map(Some).map_err(|e| Error::File {
            path,
            message: format!("no head of a chain: {e}"),
            hint: None,
        })
    }

    /// Puts a witness in place of the last one, which goes to the history. The recording lies in `perf` already.
    pub(crate) fn put(
        &self,
        claim: &WitnessClaim,
        mut evidence: WitnessEvidence,
        perf: &Path,
        tool: String,
    ) -> Result<Receipt, Error> {
        let failed = |source| Error::Write { path: self.path.clone(), source };
        if let Some(head) = self.head()? {
            let history = self.path.join("history").join(head.sequence.to_string());
            fs::create_dir_all(&history).map_err(failed)?;
            for file in [self.perf(), self.seed(), self.envelope(), self.receipt()] {
                let name = file.file_name().unwrap_or_default();
                if file.exists() {
                    fs::rename(&file, history.join(name)).map_err(failed)?;
                }
            }
        }
        let envelope = Envelope::of(claim, &evidence).to_json();
        if claim.recording.perf_bytes <= MAX_INLINE_BYTES {
            evidence.perf = Some(files::read(perf, MAX_INLINE_BYTES)?.into());
        }
        fs::rename(perf, self.perf()).map_err(failed)?;
        let seed = SeedWitness::of(claim, self.perf().display().to_string());
        let receipt = Receipt {
            version: Receipt::VERSION,
            claim: claim.clone().into(),
            evidence: Evidence::Witness(evidence),
            provenance: Provenance { tool, ..Provenance::default() },
        };
        files::write_whole(&self.envelope(), envelope.as_bytes())?;
        files::write_whole(&self.seed(), seed.to_json().as_bytes())?;
        files::write_whole(&self.receipt(), receipt.to_json().as_bytes())?;
        let head = serde_json::to_vec(&Head::of(claim)).expect("a head holds a number and a digest");
        // Last: what has a head is complete.
        files::write_whole(&self.path.join("head.json"), &head)?;
        Ok(receipt)
    }
}
