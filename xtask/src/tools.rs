//! Tools from package registries, installed when a task first needs them.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell::{self, capture, cargo, command, root, run, succeeds};

/// What the Python checks import.
const PYTHON_PACKAGES: &[&str] = &["duckdb", "jsonschema", "pyyaml"];

/// Makes sure that a C and C++ compiler is there: build scripts of dependencies need one.
pub(crate) fn c_compiler() -> Result<()> {
    if succeeds(command("cc", ["--version"])) && succeeds(command("c++", ["--version"])) {
        return Ok(());
    }
    apt(&["build-essential"]).context("a C and C++ compiler (`cc`, `c++`) is needed")
}

/// Installs Debian packages if this is root on a Debian-like system; otherwise says what to type.
pub(crate) fn apt(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    let is_root = capture(command("id", ["-u"])).is_ok_and(|id| id.trim() == "0");
    if !is_root || !succeeds(command("apt-get", ["--version"])) {
        bail!("install it with: sudo apt-get install {list}");
    }
    let arguments = ["install", "-y", "-q", "--no-install-recommends"];
    let install = || {
        let mut command = command("apt-get", arguments.iter().chain(packages));
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    if run(install()).is_ok() {
        return Ok(());
    }
    run(command("apt-get", ["update", "-q"]))?;
    run(install())
}

/// Makes sure that `perf` is there. Without it the tests of recording say so and pass.
pub(crate) fn perf() {
    if on_path("perf").is_none()
        && let Err(error) = apt(&["linux-perf"])
    {
        println!("perf is missing, so nothing will be recorded in tests: {error:#}");
    }
}

/// A Python with the packages of our checks, in a virtual environment in the cache.
pub(crate) fn python() -> Result<PathBuf> {
    let venv = shell::cache()?.join("venv");
    let python = venv.join("bin/python");
    let imports = ["-c", "import duckdb, jsonschema, yaml"];
    if succeeds(command(&python, imports)) {
        return Ok(python);
    }
    println!("Installing {} into {}", PYTHON_PACKAGES.join(", "), venv.display());
    let create = || {
        let mut create = command("python3", ["-m", "venv", "--clear"]);
        create.arg(&venv);
        create
    };
    if run(create()).is_err() {
        apt(&["python3", "python3-venv"]).context("Python 3 with venv is needed")?;
        run(create())?;
    }
    run(command(&python, ["-m", "pip", "install", "--quiet"].iter().chain(PYTHON_PACKAGES)))?;
    Ok(python)
}

/// A Python with EZKL, in an environment of its own: it is for one measurement, and large.
pub(crate) fn python_with_ezkl() -> Result<PathBuf> {
    let venv = shell::cache()?.join("venv-ezkl");
    let python = venv.join("bin/python");
    if succeeds(command(&python, ["-c", "import ezkl, onnx"])) {
        return Ok(python);
    }
    println!("Installing ezkl and onnx into {}", venv.display());
    let mut create = command("python3", ["-m", "venv", "--clear"]);
    create.arg(&venv);
    run(create)?;
    run(command(&python, ["-m", "pip", "install", "--quiet", "ezkl", "onnx"]))?;
    Ok(python)
}

/// Prometheus' own checker of rules: the one on PATH, else Debian's, unpacked into the cache. Its package would start a server
/// when installed, and needs nothing but the C library.
pub(crate) fn promtool() -> Result<PathBuf> {
    if let Some(path) = on_path("promtool") {
        return Ok(path);
    }
    let folder = shell::cache()?.join("tools/prometheus");
    let promtool = folder.join("usr/bin/promtool");
    if promtool.is_file() {
        return Ok(promtool);
    }
    let needed = "promtool is needed: it is part of Prometheus (Debian: package `prometheus`)";
    println!("Unpacking Debian's promtool into {}", folder.display());
    fs::create_dir_all(&folder)?;
    let download = || {
        let mut command = command("apt-get", ["download", "-q", "prometheus"]);
        command.current_dir(&folder);
        command
    };
    if run(download()).is_err() {
        run(command("apt-get", ["update", "-q"])).context(needed)?;
        run(download()).context(needed)?;
    }
    let package = fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .context(needed)?;
    let mut unpack = command("dpkg-deb", ["--extract"]);
    unpack.arg(&package).arg(&folder);
    run(unpack).context(needed)?;
    fs::remove_file(package)?;
    if !succeeds(command(&promtool, ["--version"])) {
        bail!("{needed}; the one in {} does not start", folder.display());
    }
    Ok(promtool)
}

/// A program from the registry of crates, such as `cargo-deny` or `mdbook`, installed into the cache if it is nowhere.
pub(crate) fn cargo_tool(name: &str) -> Result<PathBuf> {
    let folder = shell::cache()?.join("tools");
    let cached = folder.join("bin").join(name);
    if cached.is_file() {
        return Ok(cached);
    }
    if let Some(path) = on_path(name) {
        return Ok(path);
    }
    println!("Installing {name} into {} (a few minutes, once)", folder.display());
    let install = |locked: &[&str]| -> Result<()> {
        let mut command = cargo(["install", name, "--quiet", "--root"])?;
        command.arg(&folder).args(locked).env("CARGO_TARGET_DIR", shell::cache()?.join("build").join(name));
        run(command)
    };
    // A lock file may name a version that this view of the registry does not have.
    install(&["--locked"]).or_else(|_| install(&[]))?;
    Ok(cached)
}

/// The version of the linker for Solana's machine.
pub(crate) const SBPF_LINKER: &str = "0.2.6";

/// The linker for Solana's machine, built against the LLVM of Debian's compiler: both must be of one version.
pub(crate) fn sbpf_linker() -> Result<PathBuf> {
    let folder = shell::cache()?.join("tools");
    let cached = folder.join("bin/sbpf-linker");
    let version = capture(command(&cached, ["--version"])).unwrap_or_default();
    if version.split_whitespace().any(|word| word == SBPF_LINKER) {
        return Ok(cached);
    }
    println!("Installing sbpf-linker into {} (a few minutes, once)", folder.display());
    let mut install =
        cargo(["install", "sbpf-linker", "--version", SBPF_LINKER, "--quiet", "--force", "--root"])?;
    install.arg(&folder).args(["--no-default-features", "--features"]);
    install.arg("bpf-linker/llvm-22,bpf-linker/no-llvm-linking");
    install.env("RUSTFLAGS", format!("-Clink-arg={}", crate::programs::llvm()?.display()));
    install.env("CARGO_TARGET_DIR", shell::cache()?.join("build/sbpf-linker"));
    run(install)?;
    Ok(cached)
}

/// A program on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// How to build for `wasm32-unknown-unknown`: cargo arguments and environment.
pub(crate) struct Wasm {
    /// Arguments to add.
    pub(crate) args: Vec<&'static str>,
    /// Variables to set.
    pub(crate) env: Vec<(&'static str, PathBuf)>,
}

/// The target from rustup where it has it or can get it, else Debian's compiler with its source.
pub(crate) fn wasm() -> Result<Wasm> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let installed = || {
        let list = capture(command("rustup", ["target", "list", "--installed"]));
        list.is_ok_and(|list| list.lines().any(|line| line == TARGET))
    };
    if installed() || (succeeds(command("rustup", ["target", "add", TARGET])) && installed()) {
        return Ok(Wasm { args: vec!["--target", TARGET], env: Vec::new() });
    }
    let rustc = debian_rustc()?;
    Ok(Wasm {
        args: vec!["--target", TARGET, "-Zbuild-std=std,panic_abort"],
        env: vec![
            ("RUSTC", rustc),
            ("RUSTC_BOOTSTRAP", "1".into()),
            ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", rust_lld()?),
        ],
    })
}

/// Debian's rustc with the source of its standard library.
fn debian_rustc() -> Result<PathBuf> {
    let rustc = PathBuf::from("/usr/bin/rustc");
    let is_complete = || {
        let sysroot = capture(command(&rustc, ["--print", "sysroot"])).unwrap_or_default();
        PathBuf::from(sysroot.trim()).join("lib/rustlib/src/rust/library/std").is_dir()
    };
    if !is_complete() {
        apt(&["rustc-web", "rust-web-src", "lld"])
            .context("rustup has no wasm32 target here, so Debian's compiler with its source is needed")?;
    }
    if !is_complete() {
        bail!("{} has no source of the standard library beside it", rustc.display());
    }
    Ok(rustc)
}

/// A linker for WebAssembly: the one in rustup's toolchain, else Debian's.
fn rust_lld() -> Result<PathBuf> {
    let sysroot = capture(command("rustc", ["--print", "sysroot"]))?;
    let host = capture(command("rustc", ["-vV"]))?;
    let host =
        host.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    let bundled = PathBuf::from(sysroot.trim()).join("lib/rustlib").join(host).join("bin/rust-lld");
    if bundled.is_file() {
        return Ok(bundled);
    }
    on_path("wasm-ld").context("no linker for WebAssembly: install lld")
}

/// The names of files below a folder of the repository with this ending, sorted.
pub(crate) fn files(folder: &str, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
