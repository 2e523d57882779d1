//! Keys, powers, jobs and hashes as the binding commands take them.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

use proofmark_binding::{
    circuit::Form,
    error,
    hashing::{self, ModelHash, Watch},
    phase1::{POWERS_08, PowersOfTau},
    settings::Settings,
};
use proofmark_core::Digest;
use proofmark_prover::CancelToken;
use serde::Serialize;

use crate::{cancel, config::Config, error::Error, files, run::job, ui::Ui};

/// The largest `.ptau` file that is read: 2^12 constraints have some 5 MB.
const MAX_POWERS_BYTES: u64 = 256 << 20;
/// How often progress is shown.
const TICK: Duration = Duration::from_millis(100);

/// Which facts a verifier knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FormArg {
    /// All four hashes
    Open,
    /// The job and a salted commitment
    Sealed,
}

impl From<FormArg> for Form {
    fn from(form: FormArg) -> Self {
        match form {
            FormArg::Open => Self::Open,
            FormArg::Sealed => Self::Sealed,
        }
    }
}

/// A file or a digest that was written out.
#[derive(Clone, Debug)]
pub(super) enum PathOrHash {
    /// `sha256:…`
    Hash(Digest),
    /// Anything else.
    Path(PathBuf),
}

impl FromStr for PathOrHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("sha256:") {
            return text.parse().map(Self::Hash).map_err(|e| format!("{e}"));
        }
        Ok(Self::Path(text.into()))
    }
}

impl PathOrHash {
    /// The digest of a job: of its file's canonical form, or as written.
    pub(super) fn job(&self) -> Result<Digest, Error> {
        match self {
            Self::Hash(digest) => Ok(*digest),
            Self::Path(path) => Ok(job::read(path)?.digest()),
        }
    }

    /// The digest of a model, an input or an output: of its bytes, or as written.
    pub(super) fn bytes(&self, what: &str, ui: &Ui, cancel: &CancelToken) -> Result<Digest, Error> {
        match self {
            Self::Hash(digest) => Ok(*digest),
            Self::Path(path) => Ok(hash(path, what, ui, cancel)?.digest),
        }
    }
}

/// Hashes a file or folder, with progress, until it is done or the user stops it.
pub(super) fn hash(path: &Path, what: &str, ui: &Ui, stop: &CancelToken) -> Result<ModelHash, Error> {
    let watch = Watch::default();
    let progress = ui.progress();
    let phase = format!("hashing the {what}");
    let start = Instant::now();
    let result = cancel::watching(|| {
        thread::scope(|scope| {
            let work = scope.spawn(|| hashing::model(path, &watch));
            let mut next = start + TICK;
            while !work.is_finished() {
                if stop.is_cancelled() {
                    watch.cancel();
                }
                // Short files are done before anybody could read a bar.
                if Instant::now() >= next {
                    next += TICK;
                    let (done, total) = watch.progress();
                    let permille = (done * 1000).checked_div(total);
                    let left = (done > 0)
                        .then(|| start.elapsed().mul_f64((total.saturating_sub(done)) as f64 / done as f64));
                    progress.update(&phase, permille, left);
                }
                thread::sleep(Duration::from_millis(1));
            }
            work.join().expect("hashing does not panic")
        })
    });
    progress.finish();
    result.map_err(failed)
}

/// The powers of tau: a file, or those that come with the command.
pub(super) fn powers(path: Option<&Path>) -> Result<PowersOfTau, Error> {
    let Some(path) = path else {
        return PowersOfTau::read(POWERS_08).map_err(|e| failed(e.into()));
    };
    let bytes = files::read(path, MAX_POWERS_BYTES)?;
    PowersOfTau::read(&bytes).map_err(|e| Error::File {
        path: path.to_path_buf(),
        message: e.to_string(),
        hint: Some(
            "leave --powers away: the perpetual powers of tau that come with this command serve both forms"
                .to_string(),
        ),
    })
}

/// The folder of the keys that commands use where no other is named.
pub(super) fn key_folder(config: &Config) -> PathBuf {
    config.store().join("binding-keys")
}

/// What the environment says, with the usual key file where it says nothing.
pub(super) fn settings(form: Form, key: Option<&Path>, config: &Config) -> Result<Settings, Error> {
    let mut settings = Settings::from_env().map_err(failed)?;
    if let Some(key) = key {
        // Another key than the environment's: what it says of that one does not count.
        settings = Settings { proving_key: Some(key.to_path_buf()), verifying_key: None, ..settings };
    }
    if settings.proving_key.is_none() {
        settings.proving_key = Some(key_folder(config).join(format!("{}.pk", form.name())));
    }
    Ok(settings)
}

/// Makes a folder.
pub(super) fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::Write { path: path.to_path_buf(), source })
}

/// Bytes in hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    crate::keys::hex(bytes)
}

/// An error of the binding crate as the error of a command.
pub(super) fn failed(error: error::Error) -> Error {
    let message = error.to_string();
    match error {
        error::Error::Cancelled => Error::Cancelled,
        error::Error::Disabled { variable } => Error::Config {
            place: variable.to_string(),
            message,
            hint: format!("there is no mock in place of a proof; set {variable}=true, or unset it"),
        },
        error::Error::Hash { path, detail } => Error::File { path, message: detail, hint: None },
        error::Error::Key { path, fault } => Error::Key {
            path,
            message: fault.to_string(),
            hint: "`proofmark binding key show FILE` tells what a key file is; docs/src/binding-keys.md explains keys"
                .to_string(),
        },
        error::Error::Setting { variable, detail } => Error::Config {
            place: variable.to_string(),
            message: detail,
            hint: "docs/src/binding-deployment.md lists the variables".to_string(),
        },
        error::Error::Setup(_) => Error::Refused { code: "bad-setup", message, hint: None },
        other => Error::Prover { code: "prover-failed", message: format!("{}: {message}", other.code()), hint: None },
    }
}
