//! `proofmark run` without a prover: the examples, the files it leaves, and what stops it.

mod common;

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, Instant},
};

use common::{Desk, Ran, example, golden, repository};
use serde_json::Value;

/// Every example with its expected rows, in one place with the input that is not the plan's default.
const EXAMPLES: &[(&str, &str)] = &[
    ("sales/plan.yaml", "sales/expected.json"),
    ("stocks/plan.yaml", "stocks/expected.json"),
    ("weather/plan.yaml", "weather/expected.json"),
    ("weather/hottest.yaml", "weather/hottest.expected.json"),
    ("signals/plan.yaml", "signals/expected.json"),
];

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

#[test]
fn the_examples_give_what_an_independent_engine_gives() {
    for (plan, expected) in EXAMPLES {
        let desk = Desk::new();
        desk.run_args(["run", &example(plan), "--tier", "1", "--out", "out"]).exits(0);
        let read = |path: &Path| -> Value {
            serde_json::from_slice(&fs::read(path).expect("is there")).expect("is JSON")
        };
        let output = read(&desk.path("out/output.json"));
        let expected = read(Path::new(&example(expected)));
        // The expectation is a list of rows, or a document with them.
        let rows = if expected.is_array() { &expected } else { &expected["rows"] };
        assert_eq!(&output["rows"], rows, "{plan}");
        assert_eq!(names(&desk.path("out")), ["output.json", "receipt.cbor", "receipt.json"]);
        desk.run("verify out/receipt.json out/receipt.cbor --tier 1 --output out/output.json").exits(0);
    }
}

#[test]
fn the_summary_has_hashes_times_sizes_and_the_verdict() {
    let desk = Desk::new();
    let ran = desk.run_args(["run", &example("stocks/plan.yaml"), "--tier", "1", "--out", "out"]).exits(0);
    for part in ["sha256:", "tier", "check", "execute", "verify", "560 rows", "valid", "out/receipt.json"] {
        assert!(ran.stdout.contains(part), "`{part}` is missing in: {}", ran.stdout);
    }
    assert!(ran.stderr.contains("provider.key"), "the new key is announced: {}", ran.stderr);
    let again =
        desk.run_args(["run", &example("stocks/plan.yaml"), "--tier", "1", "--out", "out", "--quiet"]);
    assert_eq!(again.exits(0).stderr, "");
}

#[test]
fn the_json_form_has_a_stable_shape() {
    let desk = Desk::new();
    let answer =
        desk.run_args(["run", &example("weather/plan.yaml"), "--tier", "1", "--json"]).exits(0).json();
    golden("shape/run.txt", &shape(&answer));
    assert_eq!(answer["tier"], "1");
    assert_eq!(answer["verdict"]["verdict"], "valid");
    assert_eq!(
        answer["files"]["output"],
        format!("out/{}/output.json", answer["plan"]["id"].as_str().expect("a text"))
    );
    let verdict = desk.run_args([
        "verify",
        answer["files"]["receiptCbor"].as_str().expect("a path"),
        "--tier",
        "1",
        "--json",
        "--plan",
        &example("weather/plan.yaml"),
        "--input",
        &format!(
            "{}={}",
            answer["inputs"][0]["name"].as_str().expect("a name"),
            example("weather/seattle-weather.csv")
        ),
    ]);
    golden("shape/verify.txt", &shape(&verdict.exits(0).json()));
}

/// Every path in a document with the kind of its value; items of a list count once.
fn shape(value: &Value) -> String {
    fn walk(value: &Value, path: &str, lines: &mut std::collections::BTreeSet<String>) {
        let kind = match value {
            Value::Array(items) => {
                return items.iter().for_each(|item| walk(item, &format!("{path}[]"), lines));
            }
            Value::Object(members) => {
                return members
                    .iter()
                    .for_each(|(name, value)| walk(value, &format!("{path}.{name}"), lines));
            }
            Value::Bool(_) => "bool",
            Value::Null => "null",
            Value::Number(_) => "number",
            Value::String(_) => "string",
        };
        lines.insert(format!("{path}: {kind}\n"));
    }
    let mut lines = std::collections::BTreeSet::new();
    walk(value, "", &mut lines);
    lines.into_iter().collect()
}

#[test]
fn two_runs_give_one_claim_and_one_receipt() {
    let desk = Desk::new();
    desk.run_args(["run", &example("signals/plan.yaml"), "--tier", "1", "--out", "a"]).exits(0);
    desk.run_args(["run", &example("signals/plan.yaml"), "--tier", "1", "--out", "b"]).exits(0);
    for name in ["receipt.cbor", "receipt.json", "output.json"] {
        let read = |folder: &str| fs::read(desk.path(folder).join(name)).expect("is there");
        assert_eq!(read("a"), read("b"), "{name}");
    }
}

#[test]
fn tier_0_and_development_receipts_convince_nobody() {
    let desk = Desk::new();
    desk.run_args(["run", &example("signals/plan.yaml"), "--tier", "0", "--out", "zero"]).exits(0);
    desk.run("verify zero/receipt.json").exits(1);
    desk.run("verify zero/receipt.json --tier 1").exits(1);
    let ran = desk.run_args(["run", &example("signals/plan.yaml"), "--dev", "--out", "dev"]).exits(0);
    assert!(ran.stderr.contains("development"), "{}", ran.stderr);
    for tier in ["0", "1", "2"] {
        let ran = desk.run(&format!("verify dev/receipt.json --tier {tier} --json")).exits(1);
        assert_eq!(ran.json()["receipts"][0]["verdict"]["reason"], "dev-receipt");
    }
}

#[test]
fn a_job_binds_the_receipt_and_its_tier_is_a_minimum() {
    let desk = Desk::new();
    let plan = example("signals/plan.yaml");
    desk.file("job.json", JOB);
    desk.run_args(["run", &plan, "--job", "job.json", "--tier", "0"]).exits(2).says(&["tier"]);
    desk.run_args(["run", &plan, "--job", "job.json", "--out", "out"]).exits(0);
    desk.run("verify out/receipt.json --tier 1 --job job.json").exits(0);
    desk.file("other.json", JOB.replace("signals", "other signals"));
    let ran = desk.run("verify out/receipt.json --tier 1 --job other.json --json").exits(1);
    assert_eq!(ran.json()["receipts"][0]["verdict"]["reason"], "wrong-job");
    let text = fs::read_to_string(&plan).expect("reads");
    let named = format!("jobRequestHash: sha256:{}\n{text}", "0".repeat(64));
    desk.file("named.yaml", named);
    let ohlc = format!("quotes={}", example("signals/ohlc.json"));
    desk.run_args(["run", "named.yaml", "--job", "job.json", "--input", &ohlc])
        .exits(1)
        .says(&["jobRequestHash"]);
}

const JOB: &str = include_str!("fixtures/job.json");

#[test]
fn inputs_are_named_exactly() {
    let desk = Desk::new();
    let plan = example("stocks/plan.yaml");
    let run = |input: &str| desk.run_args(["run", &plan, "--tier", "1", "--input", input]);
    run(&format!("price={}", example("stocks/stocks.csv"))).exits(2).says(&["price", "prices"]);
    run("prices=absent.csv").exits(2).says(&["cannot read absent.csv"]);
    let prices = format!("prices={}", example("stocks/stocks.csv"));
    desk.run_args(["run", &plan, "--tier", "1", "--input", &prices, "--input", &prices])
        .exits(2)
        .says(&["twice"]);
    desk.file("plan.yaml", fs::read_to_string(&plan).expect("reads"));
    // Beside this copy of the plan there is no data.
    desk.run("run plan.yaml --tier 1").exits(2).says(&["stocks.csv", "--input prices=PATH"]);
}

#[test]
fn what_cannot_be_proved_here_is_said_before_any_work() {
    let desk = Desk::new();
    let plan = example("signals/plan.yaml");
    desk.run_args(["run", &plan, "--tier", "1.5"]).exits(2).says(&["1.5"]);
    desk.run_args(["run", &plan, "--tier", "3"]).exits(2).says(&["TLS"]);
    desk.run_args(["run", &plan, "--backend", "sp1"]).exits(2).says(&["sp1", "risc0"]);
    let ran = desk.command(["run", &plan, "--tier", "2"]).env("PROOFMARK_ENABLED", "false").output();
    Ran::from(ran.expect("starts")).exits(2).says(&["enabled"]);
    let ran = desk.command(["run", &plan, "--tier", "2", "--out", "out"]);
    let mut ran = ran;
    ran.env("PATH", "").env("HOME", desk.path("nobody")).env("PROOFMARK_CACHE", desk.path("empty"));
    let ran = Ran::from(ran.output().expect("starts")).exits(4);
    assert!(ran.stderr.contains("r0vm") && ran.stderr.contains("hint:"), "{}", ran.stderr);
    assert!(!desk.path("out").exists());
}

#[test]
fn a_second_run_into_the_same_folder_is_refused() {
    let desk = Desk::new();
    let lock = File::create(desk.path(".out.lock")).expect("creates");
    lock.lock().expect("locks");
    let plan = example("signals/plan.yaml");
    let run = || desk.run_args(["run", &plan, "--tier", "1", "--out", "out"]);
    let ran = run().exits(5);
    assert!(ran.stderr.contains("another proofmark process"), "{}", ran.stderr);
    assert!(!desk.path("out").exists());
    drop(lock);
    run().exits(0);
    assert_eq!(names(&desk.path(".")), ["out"], "no lock stays behind");
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let desk = Desk::new();
    let run = |limit: &str| {
        let mut command = std::process::Command::new("sh");
        let inner = desk.command(["run", &example("weather/plan.yaml"), "--tier", "1", "--out", "out"]);
        let args: Vec<_> = inner.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        // A limit on file sizes stands for a full disk: the same write fails, without root.
        command.args([
            "-c",
            &format!("ulimit -f {limit}; exec \"$0\" \"$@\""),
            env!("CARGO_BIN_EXE_proofmark"),
        ]);
        command.args(args).current_dir(desk.path("."));
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Ran::from(command.output().expect("starts"))
    };
    run("unlimited").exits(0);
    let before = fs::read(desk.path("out/receipt.json")).expect("is there");
    let ran = run("1").exits(5);
    assert!(ran.stderr.contains("cannot write") && ran.stderr.contains("hint:"), "{}", ran.stderr);
    assert_eq!(fs::read(desk.path("out/receipt.json")).expect("is there"), before);
    assert_eq!(names(&desk.path("out")), ["output.json", "receipt.cbor", "receipt.json"]);
    fs::remove_dir_all(desk.path("out")).expect("removes");
    run("1").exits(5);
    assert!(names(&desk.path(".")).is_empty(), "{:?}", names(&desk.path(".")));
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_and_exits_130() {
    let desk = Desk::new();
    // A pipe that nobody writes keeps the run in its reading phase.
    let fifo = desk.path("slow.json");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo is there");
    assert!(made.success());
    let mut command =
        desk.command(["run", &example("signals/plan.yaml"), "--tier", "1", "--out", "out", "--input"]);
    let child = command.arg(format!("quotes={}", fifo.display()));
    let child = child.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    let mut child = child.expect("starts");
    std::thread::sleep(Duration::from_millis(400));
    assert!(child.try_wait().expect("waits").is_none(), "it waits for its input");
    let start = Instant::now();
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().expect("kills").success());
    let ran = Ran::from(child.wait_with_output().expect("ends"));
    assert!(start.elapsed() < Duration::from_secs(5));
    let ran = ran.exits(130);
    assert!(ran.stderr.contains("cancelled"), "{}", ran.stderr);
    assert_eq!(names(&desk.path(".")), ["slow.json"]);
}

#[test]
fn salted_roots_differ_and_can_still_be_checked() {
    let desk = Desk::new();
    let plan = example("signals/plan.yaml");
    let root = |out: &str, flag: &str| {
        let mut args = vec!["run", &plan, "--tier", "1", "--json", "--out", out];
        args.extend((!flag.is_empty()).then_some(flag));
        desk.run_args(args).exits(0).json()["inputs"][0]["root"].clone()
    };
    let plain = root("plain", "");
    assert_eq!(plain, root("public", "--public"));
    let (one, two) = (root("one", "--salt"), root("two", "--salt"));
    assert!(one != plain && one != two);
    let input = format!("quotes={}", example("signals/ohlc.json"));
    let check = |extra: &[&str]| {
        let mut args =
            vec!["verify", "one/receipt.json", "--tier", "1", "--plan", &plan, "--input", &input, "--json"];
        args.extend(extra);
        desk.run_args(args)
    };
    check(&["--salts", "one/salts.json"]).exits(0);
    assert_eq!(check(&[]).exits(1).json()["receipts"][0]["verdict"]["reason"], "wrong-data-root");
    check(&["--salts", "two/salts.json"]).exits(1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(desk.path("one/salts.json")).expect("is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "salts are private");
    }
}

#[test]
fn receipts_are_judged_even_if_one_among_them_cannot_be_read() {
    let desk = Desk::new();
    desk.run_args(["run", &example("signals/plan.yaml"), "--tier", "1", "--out", "out"]).exits(0);
    let line = "verify absent.json out/receipt.json --tier 1";
    let ran = desk.run(line).exits(2);
    assert!(
        ran.stdout.contains("cannot read absent.json") && ran.stdout.contains("1 of 2 valid"),
        "{}",
        ran.stdout
    );
    let receipts = desk.run(&format!("{line} --json")).exits(2).json()["receipts"].clone();
    assert_eq!(receipts[0]["error"]["code"], "unreadable");
    assert_eq!(receipts[1]["verdict"]["verdict"], "valid");
    desk.run("verify absent.json --tier 1").exits(2).says(&["cannot read absent.json"]);
}

#[test]
fn the_repository_has_the_examples_that_these_tests_run() {
    for (plan, _) in EXAMPLES {
        assert!(repository().join("examples").join(plan).exists(), "{plan}");
    }
}
