//! Finding RISC Zero's prover server.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use proofmark_prover::{
    Control, Gpu, ProveError, ServerInfo,
    calibration::cache_folder,
    supervise::{self, Bounds},
};

/// The version that program and verifier are made for. Another version has another circuit.
pub const VERSION: &str = "5.0.0-rc.1";

const HINT: &str =
    "run `cargo xtask setup`, or install it with RISC Zero's rzup, or set PROOFMARK_R0VM to its path";

/// A server that is fit for use.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) path: PathBuf,
    gpu: GpuUse,
}

#[derive(Clone, Debug)]
struct GpuUse {
    wanted: Gpu,
    found: String,
    used: bool,
}

impl Server {
    /// Finds the server: `chosen`, else `$PROOFMARK_R0VM`, `$PATH`, our cache, the vendor's folder.
    pub(crate) fn find(chosen: Option<&Path>, gpu: Gpu) -> Result<Self, ProveError> {
        let chosen = chosen
            .map(Path::to_path_buf)
            .or_else(|| env::var_os("PROOFMARK_R0VM").filter(|path| !path.is_empty()).map(PathBuf::from));
        let places = match &chosen {
            Some(path) => vec![path.clone()],
            None => places(),
        };
        let mut wrong = None;
        for path in places.iter().filter(|path| path.is_file()) {
            match version(path) {
                Ok(found) if found == VERSION => {
                    let gpu = GpuUse::detect(path, gpu)?;
                    return Ok(Self { path: path.clone(), gpu });
                }
                Ok(found) => wrong = wrong.or(Some((path.clone(), found))),
                Err(error) if chosen.is_some() => return Err(error),
                Err(_) => wrong = wrong.or_else(|| Some((path.clone(), "unknown".to_owned()))),
            }
        }
        match (wrong, chosen) {
            (Some((path, found)), _) => Err(ProveError::WrongVersion {
                path,
                found,
                needed: VERSION.to_owned(),
                hint: HINT.to_owned(),
            }),
            (None, Some(path)) => Err(ProveError::NotInstalled {
                what: format!("the prover server {}", path.display()),
                hint: "PROOFMARK_R0VM or the configuration names it".to_owned(),
            }),
            (None, None) => Err(ProveError::NotInstalled {
                what: format!("RISC Zero's prover server r0vm {VERSION}"),
                hint: HINT.to_owned(),
            }),
        }
    }

    pub(crate) fn info(&self) -> ServerInfo {
        ServerInfo {
            path: Some(self.path.clone()),
            version: VERSION.to_owned(),
            gpu: self.gpu.found.clone(),
            uses_gpu: self.gpu.used,
        }
    }

    /// The server with a clean environment. RISC Zero reads `RISC0_*`, among them its development mode, which makes receipts that
    /// prove nothing.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("RISC0_") || text == "RUST_LOG" {
                command.env_remove(&name);
            }
        }
        if self.gpu.wanted == Gpu::Off {
            command.env("CUDA_VISIBLE_DEVICES", "");
        }
        command.env("NO_COLOR", "1");
        command.stdin(Stdio::null());
        command
    }
}

impl GpuUse {
    fn detect(path: &Path, wanted: Gpu) -> Result<Self, ProveError> {
        let has_device = Path::new("/dev/nvidia0").exists()
            || fs::read_dir("/proc/driver/nvidia/gpus").is_ok_and(|mut list| list.next().is_some());
        let device = if has_device { "an NVIDIA device is present" } else { "no NVIDIA device was found" };
        if wanted == Gpu::Off {
            return Ok(Self { wanted, found: format!("off; {device}"), used: false });
        }
        // A server built with CUDA carries its runtime, which names the driver's library.
        let has_cuda = fs::read(path).is_ok_and(|binary| contains(&binary, b"libcuda.so"));
        let server =
            if has_cuda { "the server was built with CUDA" } else { "the server was built without CUDA" };
        let found = format!("{server}; {device}");
        match (wanted, has_cuda && has_device) {
            (Gpu::On, false) => Err(ProveError::GpuUnavailable { reason: found }),
            (_, used) => Ok(Self { wanted, found, used }),
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        rest = &rest[at..];
        if rest.starts_with(needle) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

fn places() -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("r0vm"))
        .collect();
    if let Some(cache) = cache_folder() {
        places.push(cache.join("r0vm").join(VERSION).join("bin/r0vm"));
    }
    if let Some(home) = env::var_os("HOME") {
        let vendor = Path::new(&home).join(".risc0");
        places.push(vendor.join("bin/r0vm"));
        // rzup keeps every version in a folder of its own.
        let mut versions: Vec<_> = fs::read_dir(vendor.join("extensions"))
            .map(|list| list.flatten().map(|entry| entry.path().join("r0vm")).collect())
            .unwrap_or_default();
        versions.sort();
        places.extend(versions.into_iter().filter(|path| path.to_string_lossy().contains(VERSION)));
    }
    places
}

/// What the executable says of itself: `risc0-r0vm 5.0.0-rc.1`.
fn version(path: &Path) -> Result<String, ProveError> {
    let control = Control { deadline: Some(Duration::from_secs(20)), ..Control::default() };
    let mut command = Command::new(path);
    command.arg("--version").stdin(Stdio::null());
    let finished = supervise::run(command, &Bounds::from_now(&control), |_| ())?.success()?;
    let words = finished.output.split_whitespace().map(str::to_owned);
    let version = words.skip(1).find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    version.ok_or_else(|| ProveError::BadOutput {
        detail: format!("{} --version says `{}`", path.display(), finished.output.trim()),
    })
}
