//! How fast this machine proves, learnt from the proofs it made.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// Speed of one prover on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calibration {
    /// Cycles or cells proved in a thousand seconds.
    pub rate_per_1000_s: u64,
    /// Whether it was measured here.
    pub measured: bool,
}

impl Calibration {
    /// What was learnt of `prover`, or `guess`: cycles or cells a second on one core.
    pub fn load(cache: &Path, prover: &str, guess: u64) -> Self {
        let learnt = fs::read_to_string(file(cache, prover)).ok().and_then(|text| {
            let rate = text.lines().find_map(|line| line.strip_prefix("rate_per_1000_s = "))?;
            rate.trim().parse::<u64>().ok().filter(|rate| (1..1 << 50).contains(rate))
        });
        match learnt {
            Some(rate_per_1000_s) => Self { rate_per_1000_s, measured: true },
            None => {
                let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
                Self { rate_per_1000_s: guess.saturating_mul(1000 * cores), measured: false }
            }
        }
    }

    /// The time for so many of them.
    pub fn time(&self, work: u64) -> Duration {
        let ms = u128::from(work) * 1_000_000 / u128::from(self.rate_per_1000_s.max(1));
        Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
    }

    /// Remembers one proof; half of the new figure, half of the old. A cache that cannot be written is no error.
    pub fn learn(self, cache: &Path, prover: &str, work: u64, time: Duration) {
        let ms = time.as_millis().max(1);
        let new = u64::try_from(u128::from(work) * 1_000_000 / ms).unwrap_or(u64::MAX).clamp(1, 1 << 49);
        let rate = if self.measured { (self.rate_per_1000_s + new) / 2 } else { new };
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(cache)?;
            let mut temporary = tempfile::NamedTempFile::new_in(cache)?;
            writeln!(temporary, "rate_per_1000_s = {rate}")?;
            temporary.persist(file(cache, prover))?;
            Ok(())
        };
        let _ = write();
    }
}

/// The folder for things that survive a clean checkout: `$PROOFMARK_CACHE`, else `~/.cache/proofmark`.
pub fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match set("PROOFMARK_CACHE") {
        Some(path) => Some(path.into()),
        None => Some(Path::new(&set("HOME")?).join(".cache/proofmark")),
    }
}

fn file(cache: &Path, prover: &str) -> PathBuf {
    cache.join(format!("calibration-{prover}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_is_remembered() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let guess = Calibration::load(folder.path(), "risc0", 600);
        assert!(!guess.measured);
        guess.learn(folder.path(), "risc0", 131_072, Duration::from_secs(100));
        let first = Calibration::load(folder.path(), "risc0", 600);
        assert_eq!(first, Calibration { rate_per_1000_s: 1_310_720, measured: true });
        assert_eq!(first.time(131_072), Duration::from_secs(100));
        first.learn(folder.path(), "risc0", 131_072, Duration::from_secs(50));
        assert_eq!(Calibration::load(folder.path(), "risc0", 600).rate_per_1000_s, 1_966_080);
    }

    #[test]
    fn a_damaged_file_is_a_guess() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(file(folder.path(), "risc0"), "rate_per_1000_s = 0\n").expect("writable");
        assert!(!Calibration::load(folder.path(), "risc0", 600).measured);
    }
}
