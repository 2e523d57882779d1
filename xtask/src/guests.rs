//! Building the zkVM guests and comparing them with the committed programs.
//!
//! A program's id is a hash of its bytes, so the bytes must come out the same for everybody. They depend on the compiler (its
//! version stands in the manifest beside the program), on the lock file of `guests/`, and on the folder: cargo mixes the absolute
//! path of packages outside a workspace into the names of symbols, which decide their order. So the sources are copied to one
//! fixed folder. Panics do not say where they happen, so neither paths nor the numbers of lines are part of a program.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    shell::{capture, cargo, command, root, run as execute},
    test::Outcome,
    tools,
};

/// Where the guests are built, on every machine.
const STAGE: &str = "/tmp/proofmark-guests";
/// What of the repository the build needs.
const SOURCES: [&str; 5] =
    ["Cargo.toml", "crates/core", "crates/plan", "guests/Cargo.toml", "guests/Cargo.lock"];
const TARGET: &str = "riscv32im-risc0-zkvm-elf";
const PACKAGE: &str = "proofmark-guest-risc0";
const NAME: &str = "proofmark-plan-risc0";

/// Options of the guest build.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only compare with the committed programs; write nothing.
    #[arg(long)]
    check: bool,
    /// Register the programs: sign their ids with the release key into the embedded registry.
    #[arg(long)]
    sign: bool,
    /// With `--sign`: start the log afresh, as long as nothing was released.
    #[arg(long, requires = "sign")]
    new_log: bool,
}

/// Builds the guests, or compares.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.check {
        if let Outcome::Skipped(reason) = check()? {
            bail!("cannot compare: {reason}");
        }
        println!("The committed programs are what their source gives.");
        return Ok(());
    }
    let built = build()?;
    let folder = artifacts();
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("{NAME}.bin")), &built.binary)?;
    fs::write(folder.join(format!("{NAME}.json")), format!("{:#}\n", built.manifest))?;
    println!("{NAME}: {} bytes, image id {}", built.binary.len(), built.manifest["imageId"]);
    if args.sign {
        return sign(&built.manifest, args.new_log);
    }
    println!("If the id changed, register it: cargo xtask guests --sign");
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
        built.binary == read("bin")? && built.manifest == manifest,
        "the committed program is not what its source gives ({} instead of {}); run: cargo xtask guests --sign",
        manifest["imageId"],
        built.manifest["imageId"]
    );
    Ok(Outcome::Done)
}

/// A guest, ready to be committed.
struct Built {
    /// In RISC Zero's program format: our program and RISC Zero's kernel.
    binary: Vec<u8>,
    /// What is said of it beside it.
    manifest: Value,
}

fn build() -> Result<Built> {
    let (rustc, version) = compiler()?;
    stage()?;
    let stage = Path::new(STAGE);
    let flags =
        ["-Cpasses=lower-atomic", "-Clink-arg=-Ttext=0x00200800", "-Cpanic=abort", "-Zlocation-detail=none"];
    let arguments = [
        "build",
        "--release",
        "--locked",
        "--target",
        TARGET,
        "-Zbuild-std=core,alloc,panic_abort",
        "-Zbuild-std-features=compiler-builtins-mem",
        "--package",
        PACKAGE,
    ];
    let mut compile = in_stage(cargo(arguments)?);
    compile.env("RUSTC", &rustc).env("RUSTC_BOOTSTRAP", "1");
    compile.env("CARGO_TARGET_RISCV32IM_RISC0_ZKVM_ELF_LINKER", linker()?);
    compile.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    for name in ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTUP_TOOLCHAIN"] {
        compile.env_remove(name);
    }
    execute(compile)?;

    let elf = stage.join("target").join(TARGET).join("release").join(NAME);
    // Before the kernel is added: RISC Zero built that, and it holds paths of theirs.
    says_nothing_of_this_machine(&fs::read(&elf)?, STAGE)?;
    let out = stage.join("target").join(format!("{NAME}.bin"));
    let mut pack =
        in_stage(cargo(["run", "--quiet", "--locked", "--package", "proofmark-guest-pack", "--"])?);
    pack.args([&elf, &out]);
    let id = capture(pack)?;
    let binary = fs::read(out)?;
    let manifest = json!({
        "name": "proofmark-plan",
        "system": "risc0",
        "version": program_version()?,
        "imageId": format!("sha256:{}", id.trim()),
        "sha256": sha256(&binary)?,
        "bytes": binary.len(),
        "risc0": "5.0.0-rc.1",
        "compiler": version,
        "command": format!("cargo {}", arguments.join(" ")),
        "flags": flags.join(" "),
    });
    Ok(Built { binary, manifest })
}

/// A program that holds a path of the machine it was built on would be another one elsewhere.
pub(crate) fn says_nothing_of_this_machine(program: &[u8], stage: &str) -> Result<()> {
    let home = env::var("HOME").unwrap_or_default();
    let cargo = env::var("CARGO_HOME").unwrap_or_default();
    for place in [stage, "/registry/src/", "/rustlib/src/", home.as_str(), cargo.as_str()] {
        let found = place.len() > 1 && program.windows(place.len()).any(|window| window == place.as_bytes());
        ensure!(!found, "the program holds the path `{place}`");
    }
    Ok(())
}

/// Brings the sources to the fixed folder; what is the same already stays untouched, so that cargo need not build it again.
fn stage() -> Result<()> {
    let stage = Path::new(STAGE);
    let guests = ["guests/risc0", "guests/pack"];
    for source in SOURCES.iter().chain(&guests) {
        copy(&root().join(source), &stage.join(source))
            .with_context(|| format!("cannot copy {source} to {STAGE}"))?;
    }
    Ok(())
}

/// Makes `to` the same as `from`.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(to)? {
            let old = entry?;
            if !from.join(old.file_name()).exists() {
                let path = old.path();
                if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
            }
        }
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    let content = fs::read(from)?;
    if fs::read(to).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::create_dir_all(to.parent().context("a file has a folder")?)?;
    Ok(fs::write(to, content)?)
}

fn in_stage(mut command: Command) -> Command {
    command.current_dir(Path::new(STAGE).join("guests"));
    command.env("CARGO_TARGET_DIR", Path::new(STAGE).join("target"));
    command
}

/// A compiler with the standard library's source beside it: `$PROOFMARK_GUEST_RUSTC`, else Debian's. Its version too.
pub(crate) fn compiler() -> Result<(PathBuf, String)> {
    let rustc =
        env::var_os("PROOFMARK_GUEST_RUSTC").map_or_else(|| PathBuf::from("/usr/bin/rustc"), PathBuf::from);
    let version = capture(command(&rustc, ["--version"]))
        .context("guests need Debian's Rust with its source: apt-get install rustc-web rust-web-src lld")?;
    let sysroot = capture(command(&rustc, ["--print", "sysroot"]))?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    ensure!(source.is_dir(), "{} has no source of the standard library (rust-web-src)", rustc.display());
    Ok((rustc, version.trim().to_owned()))
}

fn linker() -> Result<PathBuf> {
    tools::on_path("ld.lld").context("guests need LLVM's linker: apt-get install lld")
}

/// The version that the program writes into its journals.
fn program_version() -> Result<String> {
    let source = fs::read_to_string(root().join("guests/risc0/src/main.rs"))?;
    let line = source
        .lines()
        .find(|line| line.starts_with("const VERSION: [u16; 3] = ["))
        .context("guests/risc0/src/main.rs defines no VERSION")?;
    let numbers = line.split('[').nth(2).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    Ok(numbers.split(',').map(str::trim).collect::<Vec<_>>().join("."))
}

fn sha256(bytes: &[u8]) -> Result<String> {
    let file = Path::new(STAGE).join("target/digest");
    fs::write(&file, bytes)?;
    let line = capture(command("sha256sum", [&file]))?;
    Ok(line.split_whitespace().next().unwrap_or_default().to_owned())
}

fn artifacts() -> PathBuf {
    root().join("guests/artifacts")
}

/// Registers the program in the embedded registry. A key that did not sign the log starts a new one.
fn sign(manifest: &Value, is_new_log: bool) -> Result<()> {
    let key = release_key()?;
    if !key.exists() {
        new_key(&key)?;
    }
    let public = capture(signer(["public".as_ref(), key.as_os_str()])?)?;
    let folder = root().join("crates/registry/embedded");
    let (authority, log) = (folder.join("authority.pub"), folder.join("registry.json"));
    let is_rotated = fs::read_to_string(&authority).unwrap_or_default().trim() != public.trim();
    if is_rotated {
        println!(
            "The release key is another than before: a new log begins, and its key is {}",
            public.trim()
        );
        fs::write(&authority, &public)?;
    }
    let mut text = fs::read_to_string(&log).unwrap_or_default();
    if is_rotated || is_new_log {
        text = "{\n  \"format\": \"proofmark-registry/1\",\n  \"entries\": []\n}\n".to_owned();
        fs::write(&log, &text)?;
    }
    let id = manifest["imageId"].as_str().context("a manifest has an image id")?;
    if text.contains(&format!("\"id\": \"{id}\"")) {
        println!("{id} is registered already.");
        return Ok(());
    }
    let now = capture(command("date", ["-u", "+%Y-%m-%dT%H:%M:%SZ"]))?;
    let program = json!({
        "id": id,
        "name": manifest["name"],
        "system": manifest["system"],
        "version": manifest["version"],
        "releaseDate": &now[..10],
        "features": ["branch", "loop", "parse", "previous"],
        "minCompatibleVersion": manifest["version"],
        "elf": format!("sha256:{}", manifest["sha256"].as_str().unwrap_or_default()),
        "build": format!("{}: {}", manifest["compiler"].as_str().unwrap_or_default(), "cargo xtask guests"),
    });
    let file = Path::new(STAGE).join("target/program.json");
    fs::write(&file, program.to_string())?;
    execute(signer([
        "register".as_ref(),
        key.as_os_str(),
        log.as_os_str(),
        now.trim().as_ref(),
        file.as_os_str(),
    ])?)
}

fn signer<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<Command> {
    let mut command =
        cargo(["run", "--quiet", "--package", "proofmark-registry", "--example", "sign_registry", "--"])?;
    command.args(arguments);
    Ok(command)
}

/// Makes a release key that only its owner can read.
fn new_key(path: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let folder = path.parent().context("a key lies in a folder")?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    execute(signer(["new-key".as_ref(), path.as_os_str()])?)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    println!("A release key was made: {}. Keep it; without it a new log must begin.", path.display());
    Ok(())
}

/// The release key lies outside the repository: `$PROOFMARK_RELEASE_KEY`, else `~/.config/proofmark/release.key`.
fn release_key() -> Result<PathBuf> {
    if let Some(path) = env::var_os("PROOFMARK_RELEASE_KEY").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let home = env::var_os("HOME").context("neither PROOFMARK_RELEASE_KEY nor HOME is set")?;
    Ok(Path::new(&home).join(".config/proofmark/release.key"))
}
