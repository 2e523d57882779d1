//! Coverage-guided fuzzing of everything that reads bytes from outside.

use std::{fs, path::Path, process::Command};

use anyhow::{Result, bail, ensure};

use crate::{
    shell::{self, command, root, succeeds, watch},
    tools,
};

/// Options of the fuzzer.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these targets (all if none is named).
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Runs each target for its time; a finding is an error and stays in `fuzz/artifacts`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let known = targets()?;
    if let Some(unknown) = args.targets.iter().find(|name| !known.contains(name)) {
        bail!("no fuzz target is called {unknown}; there are {}", known.join(", "));
    }
    let wanted = if args.targets.is_empty() { &known } else { &args.targets };
    let tool = tools::cargo_tool("cargo-fuzz")?;
    let mut table = Vec::new();
    for target in wanted {
        let seen = watch(fuzz(&tool, target, args.seconds)?)?;
        let runs = seen.text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let Some(runs) = runs else { bail!("{target} could not be built or started") };
        table.push((target, runs.trim().to_owned(), seen.success));
    }
    println!("\n{:12} {:>12}  result", "target", "executions");
    for (target, runs, clean) in &table {
        println!(
            "{target:12} {runs:>12}  {}",
            if *clean { "no finding" } else { "FINDING in fuzz/artifacts" }
        );
    }
    ensure!(table.iter().all(|row| row.2), "the fuzzer found something");
    Ok(())
}

/// The names of the targets, from their files.
fn targets() -> Result<Vec<String>> {
    let files = tools::files("fuzz/fuzz_targets", ".rs")?;
    let name = |path: &std::path::PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(files.iter().filter_map(name).collect())
}

/// One run. What the fuzzer learns is kept in the cache; what it starts from is committed in `fuzz/seeds`.
fn fuzz(tool: &Path, target: &str, seconds: u64) -> Result<Command> {
    let corpus = shell::cache()?.join("fuzz").join(target);
    fs::create_dir_all(&corpus)?;
    let mut command = command(tool, ["fuzz", "run", target, "--fuzz-dir", "fuzz"]);
    command.arg(&corpus);
    let seeds = root().join("fuzz/seeds").join(target);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    let limit = format!("-max_total_time={seconds}");
    command.args([
        "--",
        &limit,
        "-timeout=10",
        "-rss_limit_mb=4096",
        "-max_len=65536",
        "-print_final_stats=1",
    ]);
    command.env_remove("CARGO").env_remove("RUSTC");
    // Sanitizers are for nightly compilers, or for another one that is told to act like one.
    if succeeds(shell::command("rustup", ["run", "nightly", "rustc", "--version"])) {
        command.env("RUSTUP_TOOLCHAIN", "nightly");
    } else {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    command.env("CARGO_TARGET_DIR", shell::target()?.join("fuzz"));
    Ok(command)
}
