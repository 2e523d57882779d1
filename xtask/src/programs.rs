//! Building the programs for chains, comparing them with the committed ones, and attacking them on a chain in memory.
//!
//! A program's hash is what an auditor compares with what is deployed, so its bytes must come out the same for everybody: as
//! with the [guests](crate::guests), the compiler's version stands in the manifest, lock files are obeyed, the sources are
//! copied to one fixed folder, and panics do not say where they happen.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    guests::{compiler, copy, says_nothing_of_this_machine},
    shell::{self, Watched, capture, cargo, command, root, run as execute, watch},
    test::Outcome,
    tools,
};

/// Where the programs are built, on every machine.
const STAGE: &str = "/tmp/proofmark-programs";
/// What of the repository the build needs.
const SOURCES: [&str; 3] = ["Cargo.toml", "crates/solana", "programs/witness-anchor"];
const TARGET: &str = "bpfel-unknown-none";
const NAME: &str = "proofmark-witness-anchor";

/// Options of the program build.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only compare with the committed programs; write nothing.
    #[arg(long)]
    check: bool,
    /// Run the attacks and the command's tests too, and print compute units.
    #[arg(long)]
    attack: bool,
}

/// Builds the programs, or compares.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.check {
        if let Outcome::Skipped(reason) = check()? {
            bail!("cannot compare: {reason}");
        }
        println!("The committed programs are what their source gives.");
    } else {
        let built = build()?;
        let folder = artifacts();
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{NAME}.so")), &built.binary)?;
        fs::write(folder.join(format!("{NAME}.json")), format!("{:#}\n", built.manifest))?;
        println!("{NAME}: {} bytes, sha256:{}", built.binary.len(), built.manifest["sha256"]);
    }
    if args.attack {
        ensure!(attack()?.success, "an attack succeeded, or the command failed");
    }
    Ok(())
}

/// Whether the committed programs are what their source gives.
pub(crate) fn check() -> Result<Outcome> {
    let read = |suffix: &str| {
        let path = artifacts().join(format!("{NAME}.{suffix}"));
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let manifest: Value = serde_json::from_slice(&read("json")?)?;
    let committed = manifest["compiler"].as_str().unwrap_or_default();
    match compiler() {
        Ok((_, version)) if version == committed => (),
        Ok((_, version)) => {
            return Ok(Outcome::Skipped(format!("needs `{committed}`, this is `{version}`")));
        }
        Err(error) => return Ok(Outcome::Skipped(error.to_string())),
    }
    let built = build()?;
    ensure!(
        built.binary == read("so")? && built.manifest == manifest,
        "the committed program is not what its source gives ({} instead of {}); run: cargo xtask programs",
        manifest["sha256"],
        built.manifest["sha256"]
    );
    Ok(Outcome::Done)
}

/// Tests on a chain in memory. Its dependencies are many, so they are a workspace of their own and no part of the others.
pub(crate) fn attack() -> Result<Watched> {
    execute(cargo(["build", "--package", "proofmark-cli", "--locked"])?)?;
    let mut tests = cargo(["test", "--locked", "--no-fail-fast", "--manifest-path", "programs/tests/Cargo.toml"])?;
    tests.args(["--", "--nocapture", "--test-threads=2"]);
    tests.env("CARGO_TARGET_DIR", shell::target()?.join("programs"));
    tests.env("PROOFMARK_COMMAND", shell::target()?.join("debug/proofmark"));
    watch(tests)
}

/// A program, ready to be committed.
struct Built {
    /// In the loader's ELF format.
    binary: Vec<u8>,
    /// What is said of it beside it.
    manifest: Value,
}

fn build() -> Result<Built> {
    let (rustc, version) = compiler()?;
    let linker = tools::sbpf_linker()?;
    let stage = Path::new(STAGE);
    for source in SOURCES {
        copy(&root().join(source), &stage.join(source))
            .with_context(|| format!("cannot copy {source} to {STAGE}"))?;
    }
    let flags = [
        "-Crelocation-model=static",
        "-Cpanic=abort",
        "-Clink-arg=--llvm-args=--bpf-stack-size=4096",
        "-Zlocation-detail=none",
    ];
    let arguments = ["build", "--release", "--locked", "--target", TARGET, "-Zbuild-std=core,alloc"];
    let mut compile = cargo(arguments)?;
    compile.current_dir(stage.join("programs/witness-anchor"));
    compile.env("CARGO_TARGET_DIR", stage.join("target"));
    compile.env("RUSTC", &rustc).env("RUSTC_BOOTSTRAP", "1");
    compile.env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", linker);
    compile.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    for name in ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTUP_TOOLCHAIN"] {
        compile.env_remove(name);
    }
    execute(compile)?;
    let binary =
        fs::read(stage.join("target").join(TARGET).join("release/libproofmark_witness_anchor.so"))?;
    says_nothing_of_this_machine(&binary, STAGE)?;
    let file = stage.join("target/digest");
    fs::write(&file, &binary)?;
    let digest = capture(command("sha256sum", [&file]))?;
    let manifest = json!({
        "name": NAME,
        "chain": "solana",
        "sha256": digest.split_whitespace().next().unwrap_or_default(),
        "bytes": binary.len(),
        "compiler": version,
        "linker": format!("sbpf-linker {}", tools::SBPF_LINKER),
        "command": format!("cargo {}", arguments.join(" ")),
        "flags": flags.join(" "),
    });
    Ok(Built { binary, manifest })
}

fn artifacts() -> PathBuf {
    root().join("programs/artifacts")
}

/// The folder in which Debian keeps libraries, for the linker of [`tools::sbpf_linker`].
pub(crate) fn llvm() -> Result<PathBuf> {
    if let Some(path) = env::var_os("PROOFMARK_LLVM").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let folders = fs::read_dir("/usr/lib")?.flatten().map(|entry| entry.path());
    let mut found = folders.map(|folder| folder.join("libLLVM.so.22.1")).filter(|path| path.is_file());
    found.next().context("programs need LLVM 22, which Debian's compiler brings: apt-get install rustc-web")
}
