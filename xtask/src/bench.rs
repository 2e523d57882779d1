//! Measurements, with the machine's name beside them. `docs/src/benchmarks.md` is written by hand from what they print.

use std::{fs, path::PathBuf, thread, time::Instant};

use anyhow::{Context, Result};
use proofmark_measure as measure;

use crate::{
    r0vm,
    shell::{self, capture, cargo, command},
    tools,
};

/// Options of the measurements.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to measure (all but `build` and `sql` if nothing is named).
    #[arg(value_enum)]
    what: Vec<What>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Binding proofs: prove, verify, batch, load, cache, memory, against arkworks' stock prover and EZKL.
    Binding,
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
    /// Proofs over tables against `proof-of-sql` on the same rows; building that takes a quarter of an hour.
    Sql,
}

/// Prints the machine, then measures.
pub(crate) fn run(args: &Args) -> Result<()> {
    let all = [What::Binding, What::Native, What::Guest, What::Verify, What::Check, What::Receipt];
    let wanted = if args.what.is_empty() { &all[..] } else { &args.what };
    println!("{}", machine()?);
    for what in wanted {
        println!("\n\x1b[1m{what:?}\x1b[0m");
        match what {
            What::Binding => binding()?,
            What::Native => native()?,
            What::Guest => guest()?,
            What::Verify => verify()?,
            What::Check => example("plan", "bench_check", &[])?,
            What::Receipt => receipt()?,
            What::Build => build()?,
            What::Sql => sql()?,
        }
    }
    Ok(())
}

/// Ours and arkworks' stock prover in one process, then EZKL on circuits that hash as much, and how many times longer it takes.
fn binding() -> Result<()> {
    let figures = shell::target()?.join("bench-binding.json");
    let path = figures.to_str().context("the target folder has a name in UTF-8")?;
    example("binding", "bench_binding", &["--json", path])?;
    match tools::python_with_ezkl() {
        Ok(python) => shell::run(command(&python, ["benches/ezkl_binding.py", path])),
        Err(error) => {
            println!("EZKL was NOT measured: it cannot be installed here: {error:#}");
            Ok(())
        }
    }
}

/// Ours and DuckDB, on one table, one after the other.
fn native() -> Result<()> {
    let csv = shell::target()?.join("bench-native.csv");
    let path = csv.to_str().context("the target folder has a name in UTF-8")?;
    example("plan", "bench_group", &["--csv", path])?;
    let python = tools::python()?;
    for threads in ["1".to_owned(), cores().to_string()] {
        println!("DuckDB with {threads} threads:");
        shell::run(command(&python, ["benches/duckdb_group.py", path, &threads]))?;
    }
    fs::remove_file(&csv).context("cannot remove the table of the measurement")
}

/// By execution in the zkVM, so the figures are the same on every machine.
fn guest() -> Result<()> {
    r0vm::ensure()?;
    if !shell::root().join("benches/handwritten/artifacts/stocks.bin").is_file() {
        let mut build = command("sh", ["benches/handwritten/build.sh"]);
        build.env("CARGO_TARGET_DIR", shell::target()?);
        shell::run(build)
            .context("the hand-written guests need Debian's compiler: see `cargo xtask guests`")?;
    }
    shell::run(cargo(["bench", "--package", "proofmark-prover-risc0", "--bench", "guest"])?)
}

/// For each proof system: a library call, and the whole process.
fn verify() -> Result<()> {
    const ROUNDS: usize = 20;
    for proved in proved()? {
        println!("{}:", proved.display());
        let receipt = proved.join("receipt.cbor");
        example("verifier", "verify_time", &[receipt.to_str().context("the cache has a name in UTF-8")?])?;
        let mut millis: Vec<f64> = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let mut command = command(release()?, ["verify"]);
            command.arg(&receipt).arg("--output").arg(proved.join("output.json"));
            let start = Instant::now();
            capture(command)?;
            millis.push(start.elapsed().as_secs_f64() * 1e3);
        }
        millis.sort_by(f64::total_cmp);
        println!("whole process: best {:.1} ms, median {:.1} ms of {ROUNDS}", millis[0], millis[ROUNDS / 2]);
    }
    Ok(())
}

/// What a proof weighs, and what it took.
fn receipt() -> Result<()> {
    for proved in proved()? {
        println!("{}:", proved.display());
        let json: serde_json::Value = serde_json::from_slice(&fs::read(proved.join("receipt.json"))?)?;
        for name in ["receipt.cbor", "receipt.json", "output.json"] {
            println!("{name:14} {:>9} bytes", fs::metadata(proved.join(name))?.len());
        }
        println!("provenance: {:#}", json["provenance"]);
    }
    Ok(())
}

/// Folders with a receipt and its output: the committed one by RISC Zero, and the examples by the STARK, made now, whose times
/// from the start of the process to the verified receipt are printed.
fn proved() -> Result<[PathBuf; 3]> {
    shell::run(cargo(["build", "--release", "--package", "proofmark-cli"])?)?;
    let made = |name: &str, input: &str| -> Result<PathBuf> {
        let (plan, folder) =
            (format!("examples/{name}/plan.yaml"), shell::target()?.join("bench-receipts").join(name));
        let mut run = command(release()?, ["run", &plan, "--input", input, "--backend", "stark", "--quiet"]);
        run.arg("--out").arg(&folder);
        let start = Instant::now();
        capture(run)?;
        println!("{name}: proved and verified in {:.2} s", start.elapsed().as_secs_f64());
        Ok(folder)
    };
    Ok([
        shell::root().join("tests/fixtures/best-sellers"),
        made("stocks", "prices=examples/stocks/stocks.csv")?,
        made("weather", "days=examples/weather/seattle-weather.csv")?,
    ])
}

fn release() -> Result<PathBuf> {
    Ok(shell::target()?.join("release/proofmark"))
}

/// Runs `crates/<room>/examples/<name>.rs`, optimised.
fn example(room: &str, name: &str, args: &[&str]) -> Result<()> {
    let package = format!("proofmark-{room}");
    let start = ["run", "--release", "--quiet", "--package", &package, "--example", name, "--"];
    shell::run(cargo(start.iter().chain(args))?)
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

/// Ours and `proof-of-sql`, one after the other.
fn sql() -> Result<()> {
    example("stark", "figures", &[])?;
    let manifest = ["run", "--release", "--locked", "--manifest-path", "benches/proof-of-sql/Cargo.toml"];
    shell::run(cargo(manifest)?)
}

/// Processor, cores, memory, compiler and date.
fn machine() -> Result<String> {
    let compiler = capture(command("rustc", ["--version"]))?;
    let date = capture(command("date", ["-u", "+%Y-%m-%d"]))?;
    Ok(format!("{} · {} · {}", measure::machine(), compiler.trim(), date.trim()))
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
