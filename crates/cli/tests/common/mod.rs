//! Running the real binary in a home of its own.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A folder that stands for a user's machine: home, configuration, data, work.
pub struct Desk {
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("work")).expect("a folder");
        Self { folder }
    }

    /// A path in the work folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    /// Writes a file in the work folder.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("has a parent")).expect("a folder");
        fs::write(&path, content).expect("writes");
        path
    }

    /// The user's configuration folder.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config/proofmark")
    }

    /// The command, not yet run.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proofmark"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PROOFMARK_") && name != "PROOFMARK_CACHE" {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .current_dir(self.folder.path().join("work"))
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env("XDG_DATA_HOME", self.folder.path().join("data"))
            .env("COLUMNS", "100")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command line, split at blanks.
    pub fn run(&self, line: &str) -> Ran {
        self.run_args(line.split_whitespace())
    }

    /// Runs with arguments.
    pub fn run_args<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::from(self.command(args).output().expect("the binary starts"))
    }
}

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        let ran = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!ran.stderr.contains("panicked at"), "a panic: {}", ran.stderr);
        ran
    }
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Asserts what an error says, in any order.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is missing in: {}", self.stderr);
        }
        self
    }

    /// The JSON on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e} in: {}\n{}", self.stdout, self.stderr))
    }
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A file of the examples.
pub fn example(name: &str) -> String {
    repository().join("examples").join(name).display().to_string()
}

/// Compares with a file under `tests/golden`; `UPDATE_GOLDEN=1` writes it.
#[track_caller]
pub fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().expect("has a parent")).expect("a folder");
        fs::write(&path, actual).expect("writes");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(expected, actual, "{} differs; UPDATE_GOLDEN=1 writes it anew", path.display());
}
