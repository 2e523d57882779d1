//! Everything that must hold before a change is merged. `.ci/run` runs this and nothing else.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    demo, r0vm,
    shell::{self, Watched, capture, cargo, command, succeeds, watch},
    tools,
};

/// Options of the tests.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these steps (all if none is named); `--list` names them.
    steps: Vec<String>,
    /// Not these steps.
    #[arg(long)]
    skip: Vec<String>,
    /// Name the steps and stop.
    #[arg(long)]
    list: bool,
}

/// A step: its name, what it checks, and how.
type Step = (&'static str, &'static str, fn(&mut Counts) -> Result<Outcome>);

/// The steps, the fastest to fail first.
const STEPS: &[Step] = &[
    ("format", "rustfmt", format),
    ("clippy", "lints of all targets", clippy),
    ("deny", "licences, bans, sources, advisories", deny),
    ("tests", "unit, integration and doc tests, fuzz bodies on fixed seeds", tests),
    ("schema", "the JSON Schema of plans in an independent validator", schema),
    ("expected", "expected outputs of the examples, made anew by DuckDB", expected),
    ("wasm", "the verifier for wasm32-unknown-unknown", wasm),
    ("guests", "committed guest programs against their source", guests),
    ("programs", "committed programs for chains against their source, and attacks on them", programs),
    ("heavy", "tests marked as heavy, optimised: provers, random plans in the guest, mutations", heavy),
    ("proof", "a RISC Zero proof of the sales example, verified, tampered with", proof),
    ("deploy", "alert rules, when they fire, dashboards and metrics, by promtool", deploy),
    ("book", "the documentation as a book", book),
];

/// How a step went that did not fail.
pub(crate) enum Outcome {
    /// It holds.
    Done,
    /// It could not be checked here, and why.
    Skipped(String),
}

/// Figures of `cargo test`.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
}

/// Runs the steps, all of them even if one fails, and prints a table.
pub(crate) fn run(args: &Args) -> Result<()> {
    let known = |name: &String| STEPS.iter().any(|step| step.0 == name);
    if let Some(unknown) = args.steps.iter().chain(&args.skip).find(|name| !known(name)) {
        bail!("no step is called {unknown}; `cargo xtask test --list` names them");
    }
    let wanted = |name: &str| {
        (args.steps.is_empty() || args.steps.iter().any(|step| step == name))
            && !args.skip.iter().any(|step| step == name)
    };
    let mut counts = Counts::default();
    let mut table = Vec::new();
    for (name, what, check) in STEPS.iter().filter(|step| wanted(step.0)) {
        if args.list {
            println!("{name:10} {what}");
            continue;
        }
        println!("\n\x1b[1m== {name}: {what}\x1b[0m");
        let (start, failed_before) = (Instant::now(), counts.failed);
        let outcome = check(&mut counts);
        if outcome.is_err() && counts.failed == failed_before {
            counts.failed += 1; // a step that failed outside a counted test
        }
        if let Err(error) = &outcome {
            println!("\x1b[31m{name} failed: {error:#}\x1b[0m");
        }
        table.push((*name, outcome, start.elapsed()));
    }
    if args.list { Ok(()) } else { conclude(&table, &counts) }
}

/// Prints the table and the closing line.
fn conclude(table: &[(&str, Result<Outcome>, Duration)], counts: &Counts) -> Result<()> {
    println!("\n{:10} {:>8}  result", "step", "seconds");
    for (name, outcome, time) in table {
        let result = match outcome {
            Ok(Outcome::Done) => "ok".to_owned(),
            Ok(Outcome::Skipped(why)) => format!("SKIPPED: {why}"),
            Err(error) => format!("FAILED: {}", format!("{error:#}").lines().next().unwrap_or_default()),
        };
        println!("{name:10} {:>8.1}  {result}", time.as_secs_f64());
    }
    let total: Duration = table.iter().map(|row| row.2).sum();
    println!("{:10} {:>8.1}", "all", total.as_secs_f64());
    println!("{} passed, {} failed", counts.passed, counts.failed);
    ensure!(counts.failed == 0, "not everything passed");
    Ok(())
}

fn format(_: &mut Counts) -> Result<Outcome> {
    shell::run(cargo(["fmt", "--all", "--check"])?)?;
    Ok(Outcome::Done)
}

fn clippy(_: &mut Counts) -> Result<Outcome> {
    shell::run(cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?)?;
    Ok(Outcome::Done)
}

/// Licences, bans and sources need nothing but the lock file; advisories need the advisory database.
fn deny(_: &mut Counts) -> Result<Outcome> {
    let deny = tools::cargo_tool("cargo-deny")?;
    let check = |what: &[&str]| command(&deny, ["--all-features", "check"].iter().chain(what));
    shell::run(check(&["--hide-inclusion-graph", "licenses", "bans", "sources"]))?;
    if succeeds(command(&deny, ["fetch", "db"])) {
        shell::run(check(&["advisories"]))?;
    } else {
        println!("Advisories NOT checked: the advisory database cannot be reached from here.");
    }
    Ok(Outcome::Done)
}

fn tests(counts: &mut Counts) -> Result<Outcome> {
    // Some of them start the prover server and kill it.
    r0vm::ensure()?;
    tools::perf();
    counts.add(&watch(cargo(["test", "--workspace", "--locked", "--no-fail-fast"])?)?)
}

/// Ignored tests that the step `heavy` leaves out. The suite makes one zkVM proof, from end to end, in the step `proof`; of the
/// others, which take up to an hour each, smaller versions are among the `tests`.
const BY_HAND: &[&str] = &[
    "a_real_proof",
    "a_million_mutations",
    "withstand_all_lies",
    "do_not_tell_databases_apart",
    "many_random_plans_in_shards",
    "every_date_has_one_year",
];

/// Tests that are `#[ignore = "heavy: …"]`. Dependencies are the optimised ones of the step before; only our own crates are
/// built again, optimised, with their assertions on.
fn heavy(counts: &mut Counts) -> Result<Outcome> {
    let server = r0vm::ensure()?;
    println!("r0vm {} at {}", r0vm::VERSION, server.display());
    let optimised =
        ["test", "--workspace", "--locked", "--no-fail-fast", "--config", "profile.dev.opt-level=2"];
    let skipped = BY_HAND.iter().flat_map(|name| ["--skip", name]);
    let ignored = ["--lib", "--bins", "--tests", "--", "--ignored", "--test-threads=1"];
    let ignored = ignored.into_iter().chain(skipped).collect::<Vec<_>>();
    counts.add(&watch(cargo(optimised.iter().chain(&ignored))?)?)
}

/// Validates plans with Python's `jsonschema` against what `proofmark plan schema` prints.
fn schema(_: &mut Counts) -> Result<Outcome> {
    let python = tools::python()?;
    shell::run(cargo(["build", "--package", "proofmark-cli", "--locked"])?)?;
    let file = shell::target()?.join("plan.schema.json");
    fs::write(&file, capture(demo::proofmark(&["plan", "schema"])?)?)?;
    let plans = [tools::files("examples", ".yaml")?, tools::files("docs/src", ".md")?].concat();
    let mut validate = command(python, ["xtask/validate.py"]);
    validate.arg(file).args(plans);
    shell::run(validate)?;
    Ok(Outcome::Done)
}

fn expected(_: &mut Counts) -> Result<Outcome> {
    shell::run(command(tools::python()?, ["examples/expected.py", "--check"]))?;
    Ok(Outcome::Done)
}

/// The verifier must build where there is no network, clock, file or thread. Nobody may skip this in CI.
fn wasm(_: &mut Counts) -> Result<Outcome> {
    let wasm = match tools::wasm() {
        Ok(wasm) => wasm,
        Err(error) if !shell::is_ci() => return Ok(Outcome::Skipped(format!("{error:#}"))),
        Err(error) => return Err(error),
    };
    let mut build = cargo(["build", "--package", "proofmark-verifier", "--release", "--locked"])?;
    // A folder of its own: another compiler must not disturb the builds of this one.
    build.args(wasm.args).env("CARGO_TARGET_DIR", shell::target()?.join("wasm"));
    for (name, value) in wasm.env {
        build.env(name, value);
    }
    shell::run(build)?;
    Ok(Outcome::Done)
}

fn guests(_: &mut Counts) -> Result<Outcome> {
    crate::guests::check()
}

/// First what is committed, then what it withstands.
fn programs(counts: &mut Counts) -> Result<Outcome> {
    let outcome = crate::programs::check()?;
    if let Outcome::Skipped(reason) = &outcome {
        println!("The program was NOT built again: {reason}");
    }
    counts.add(&crate::programs::attack()?)?;
    Ok(outcome)
}

/// A proof from end to end, through the command that users type.
fn proof(_: &mut Counts) -> Result<Outcome> {
    r0vm::ensure()?;
    shell::run(cargo(["build", "--package", "proofmark-cli", "--locked"])?)?;
    demo::prove_and_cheat(&demo::SALES, &shell::target()?.join("proof"))?;
    Ok(Outcome::Done)
}

/// Prometheus' own tool reads the rules, plays their tests, reads what dashboards ask, and lints the metrics of a prover that
/// did some work.
fn deploy(_: &mut Counts) -> Result<Outcome> {
    let promtool = match tools::promtool() {
        Ok(promtool) => promtool,
        Err(error) => return Ok(Outcome::Skipped(format!("there is no promtool: {error:#}"))),
    };
    for (what, ending) in [("check", ".rules.yml"), ("test", ".test.yml")] {
        let files = tools::files("deploy/prometheus", ending)?;
        ensure!(!files.is_empty(), "there are no rules to {what}");
        let mut promtool = command(&promtool, [what, "rules"]);
        promtool.args(files);
        shell::run(promtool)?;
    }
    let asked = shell::target()?.join("dashboards.rules.json");
    fs::write(&asked, dashboards()?)?;
    let mut check = command(&promtool, ["check", "rules"]);
    check.arg(&asked);
    shell::run(check)?;
    let shown = shell::target()?.join("binding-metrics.prom");
    let example = ["run", "--quiet", "--locked", "--package", "proofmark-binding", "--example", "metrics"];
    fs::write(&shown, capture(cargo(example)?)?)?;
    let mut lint = command(&promtool, ["check", "metrics"]);
    lint.stdin(fs::File::open(&shown)?);
    shell::run(lint)?;
    Ok(Outcome::Done)
}

/// Every query of every dashboard as a recording rule, since that is what promtool reads. Rules are YAML, of which JSON is a part.
fn dashboards() -> Result<String> {
    let mut rules = Vec::new();
    for file in tools::files("deploy/grafana", ".json")? {
        let dashboard: Value = serde_json::from_slice(&fs::read(&file)?)?;
        for panel in dashboard["panels"].as_array().context("a dashboard has panels")? {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let query = target["expr"].as_str().context("a target has an expression")?;
                let query = query.replace("$__rate_interval", "5m");
                rules.push(json!({ "record": format!("dashboard:query{}", rules.len()), "expr": query }));
            }
        }
    }
    ensure!(!rules.is_empty(), "the dashboards ask nothing");
    Ok(json!({ "groups": [{ "name": "dashboards", "rules": rules }] }).to_string())
}

fn book(_: &mut Counts) -> Result<Outcome> {
    let mdbook = tools::cargo_tool("mdbook")?;
    let mut build = command(mdbook, ["build", "docs", "--dest-dir"]);
    build.arg(shell::target()?.join("book"));
    shell::run(build)?;
    Ok(Outcome::Done)
}

impl Counts {
    /// Adds the figures of one `cargo test`.
    fn add(&mut self, tests: &Watched) -> Result<Outcome> {
        for line in tests.text.lines() {
            let Some((_, figures)) = line.split_once("test result: ") else { continue };
            self.passed += figure(figures, "passed").context("a test result without a count")?;
            self.failed += figure(figures, "failed").context("a test result without a count")?;
        }
        ensure!(tests.success, "cargo test failed");
        Ok(Outcome::Done)
    }
}

/// The number before a word: 12 in `ok. 12 passed; 0 failed`.
fn figure(text: &str, word: &str) -> Option<u64> {
    text[..text.find(word)?].split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests_of_counts {
    use super::*;

    #[test]
    fn counts_are_summed_over_binaries() {
        let text = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured\nnoise\n\
                    test result: FAILED. 3 passed; 2 failed; 0 ignored"
            .to_owned();
        let mut counts = Counts::default();
        assert!(counts.add(&Watched { success: false, code: Some(101), text }).is_err());
        assert_eq!((counts.passed, counts.failed), (15, 2));
    }
}
