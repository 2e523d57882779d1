//! RISC Zero's prover server `r0vm`, which proves as a child process of ours.

use std::{
    env, fs,
    net::{TcpStream, ToSocketAddrs},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    shell::{self, capture, cargo, command, run, succeeds, watch},
    tools,
};

/// The version that the guests and the verifier are made for.
pub(crate) const VERSION: &str = "5.0.0-rc.1";

/// The server's path; installs it if it is neither in the cache nor on PATH.
pub(crate) fn ensure() -> Result<PathBuf> {
    if let Some(path) = find()? {
        return Ok(path);
    }
    println!("RISC Zero's prover server r0vm {VERSION} is missing.");
    if let Some(path) = prebuilt()? {
        return Ok(path);
    }
    build()
}

/// The server, if it is installed.
pub(crate) fn find() -> Result<Option<PathBuf>> {
    let places = [Some(cached()?), tools::on_path("r0vm"), at_home()];
    Ok(places.into_iter().flatten().find(|path| {
        let version = capture(command(path, ["--version"])).unwrap_or_default();
        version.split_whitespace().any(|word| word == VERSION)
    }))
}

/// Where it lives in the cache: `r0vm/<version>/bin/r0vm`.
fn cached() -> Result<PathBuf> {
    Ok(folder()?.join("bin/r0vm"))
}

fn folder() -> Result<PathBuf> {
    Ok(shell::cache()?.join("r0vm").join(VERSION))
}

/// Where the vendor's installer puts it.
fn at_home() -> Option<PathBuf> {
    Some(PathBuf::from(env::var_os("HOME")?).join(".risc0/bin/r0vm"))
}

/// Asks the vendor's installer, if the user has it, for the prebuilt server (with GPU support).
fn prebuilt() -> Result<Option<PathBuf>> {
    if !succeeds(command("rzup", ["--version"])) {
        return Ok(None);
    }
    if let Err(error) = run(command("rzup", ["install", "r0vm", VERSION])) {
        println!("The vendor's installer failed ({error}); building from source instead.");
    }
    find()
}

/// Builds it from the package registry.
fn build() -> Result<PathBuf> {
    tools::c_compiler()?;
    println!(
        "Building it from the package registry: 15 to 40 minutes on two cores, once. It goes to {}.",
        folder()?.display()
    );
    let start = Instant::now();
    let reach = recursion_programs();
    if let Reach::No(host) = &reach {
        println!("{host}, from where its build downloads recursion_zkr.zip, cannot be reached.");
    }
    let mut without = matches!(reach, Reach::No(_));
    loop {
        if without {
            println!(
                "Building without the recursion programs: this server makes composite receipts (one seal per segment) \
                 and cannot join segments into one succinct receipt."
            );
        }
        let built = watch(install(without)?)?;
        if built.success {
            break;
        }
        let lacks_download =
            built.text.contains("risc0-circuit-recursion") && built.text.contains("custom build command");
        if without || !lacks_download {
            bail!("building r0vm failed; its messages are above");
        }
        without = true;
    }
    println!("r0vm {VERSION} built in {} min", start.elapsed().as_secs().div_ceil(60));
    find()?
        .with_context(|| format!("{} was installed but does not run", folder().unwrap_or_default().display()))
}

/// The installation. `without` the recursion programs, the build script is told what it is told on docs.rs: not to
/// download them.
fn install(without: bool) -> Result<std::process::Command> {
    let folder = folder()?;
    fs::create_dir_all(&folder)?;
    let mut command = cargo(["install", "risc0-r0vm", "--version", VERSION, "--root"])?;
    // The prover's packed field arithmetic needs the vector units of this very machine.
    command.arg(&folder).env("RUSTFLAGS", "-C target-cpu=native");
    command.env("CARGO_TARGET_DIR", shell::cache()?.join("build/r0vm")).env_remove("CARGO_ENCODED_RUSTFLAGS");
    if without {
        command.env("DOCS_RS", "1");
    }
    Ok(command)
}

/// Whether the build can download what it wants to.
enum Reach {
    /// No: this host does not answer.
    No(String),
    /// Nothing says otherwise.
    Perhaps,
}

/// Looks up in the build script of the crate in question which host it downloads from, and knocks. The script would notice
/// itself, but cargo reports it only when the C++ circuits, built at the same time, are done: 20 minutes later.
fn recursion_programs() -> Reach {
    if env::var_os("RECURSION_SRC_PATH").is_some() {
        return Reach::Perhaps;
    }
    let Some(url) = download_url() else { return Reach::Perhaps };
    let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default().to_owned();
    let probe =
        format!("import urllib.request as u; u.urlopen(u.Request('{url}', method='HEAD'), timeout=10)");
    let answers = if succeeds(command("python3", ["--version"])) {
        succeeds(command("python3", ["-c", &probe]))
    } else {
        connects(&host)
    };
    if answers { Reach::Perhaps } else { Reach::No(host) }
}

/// The address in the build script of `risc0-circuit-recursion`, which our lock file names too.
fn download_url() -> Option<String> {
    let metadata = capture(cargo(["metadata", "--format-version", "1"]).ok()?).ok()?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).ok()?;
    let mut packages = metadata["packages"].as_array()?.iter();
    let package = packages.find(|package| package["name"] == "risc0-circuit-recursion")?;
    let manifest = PathBuf::from(package["manifest_path"].as_str()?);
    let script = fs::read_to_string(manifest.with_file_name("build.rs")).ok()?;
    let quoted = |after: &str, start: &str| {
        let rest = &script[script.find(after)?..];
        let rest = &rest[rest.find(start)?..];
        Some(rest[..rest[1..].find('"')? + 1].trim_matches('"').to_owned())
    };
    let hash = quoted("SHA256_HASH: &str", "\"")?;
    let url = quoted("let url", "https://")?.replace("{SHA256_HASH}", &hash);
    let is_plain = url.chars().all(|c| c.is_ascii_alphanumeric() || "-._/:".contains(c));
    is_plain.then_some(url)
}

/// Whether a TLS port opens within five seconds.
fn connects(host: &str) -> bool {
    let addresses = (host, 443).to_socket_addrs();
    addresses
        .is_ok_and(|mut list| list.any(|at| TcpStream::connect_timeout(&at, Duration::from_secs(5)).is_ok()))
}
