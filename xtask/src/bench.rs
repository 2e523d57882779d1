//! Measurements, with the machine's name beside them. `docs/src/benchmarks.md` is written by hand from what they print.

use std::{fs, thread, time::Instant};

use anyhow::{Context, Result, bail};

use crate::{
    r0vm,
    shell::{self, capture, cargo, command},
    tools,
};

/// Options of the measurements.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to measure (all but `build` if nothing is named).
    #[arg(value_enum)]
    what: Vec<What>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Native execution against DuckDB: filter and group-by over a million rows.
    Native,
    /// Cycles of our guest against hand-written guests, and of an empty plan.
    Guest,
    /// Verifying a receipt: library and whole process.
    Verify,
    /// Checking a plan of a thousand steps.
    Check,
    /// Sizes of receipts.
    Receipt,
    /// A debug build of the command from cold dependencies.
    Build,
}

/// Prints the machine, then measures.
pub(crate) fn run(args: &Args) -> Result<()> {
    let all = [What::Native, What::Guest, What::Verify, What::Check, What::Receipt];
    let wanted = if args.what.is_empty() { &all[..] } else { &args.what };
    println!("{}", machine()?);
    for what in wanted {
        println!("\n\x1b[1m{what:?}\x1b[0m");
        match what {
            What::Native => bench("plan", "native")?,
            What::Guest => bench("prover-risc0", "guest")?,
            What::Verify => bench("verifier", "verify")?,
            What::Check => bench("plan", "check")?,
            What::Receipt => bench("verifier", "receipt")?,
            What::Build => build()?,
        }
    }
    Ok(())
}

/// Runs the benchmark in `crates/<room>/benches/<name>.rs`, which prints a table itself.
fn bench(room: &str, name: &str) -> Result<()> {
    let file = shell::root().join("crates").join(room).join("benches").join(format!("{name}.rs"));
    if !file.is_file() {
        bail!("crates/{room}/benches/{name}.rs does not exist");
    }
    let package = format!("proofmark-{room}");
    let mut command = cargo(["bench", "--package", &package, "--bench", name])?;
    if name == "native" {
        command.env("PROOFMARK_PYTHON", tools::python()?);
    }
    if matches!(name, "guest" | "verify" | "receipt") {
        command.env("PROOFMARK_R0VM", r0vm::ensure()?);
    }
    shell::run(command)
}

/// Builds the command into an empty folder. Downloads happen before the clock starts.
fn build() -> Result<()> {
    let folder = shell::cache()?.join("bench-build");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    shell::run(cargo(["fetch", "--locked"])?)?;
    let mut command = cargo(["build", "--package", "proofmark-cli", "--locked"])?;
    command.env("CARGO_TARGET_DIR", &folder);
    let start = Instant::now();
    shell::run(command)?;
    println!("debug build of proofmark-cli from cold: {:.0} s", start.elapsed().as_secs_f64());
    fs::remove_dir_all(&folder).context("cannot remove the folder of the measurement")
}

/// Processor, cores, memory, compiler and date.
fn machine() -> Result<String> {
    let line = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let value = text.lines().find(|line| line.starts_with(key)).and_then(|line| line.split(':').nth(1));
        value.map_or("unknown".to_owned(), |value| value.trim().to_owned())
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let compiler = capture(command("rustc", ["--version"]))?;
    let date = capture(command("date", ["-u", "+%Y-%m-%d"]))?;
    Ok(format!(
        "{} · {cores} cores · {} memory · {} · {}",
        line("/proc/cpuinfo", "model name"),
        line("/proc/meminfo", "MemTotal"),
        compiler.trim(),
        date.trim()
    ))
}
