//! Proofs over tables, through the command: made, judged, forged, refused.

mod common;

use std::fs;

use common::{Desk, example};

const SALES: [&str; 2] = ["run", "--tier=2"];

fn prove(desk: &Desk, plan: &str, extra: &[&str]) -> common::Ran {
    let plan = example(plan);
    desk.run_args(
        SALES.iter().copied().chain([plan.as_str(), "--out", "out", "--json"]).chain(extra.iter().copied()),
    )
}

#[test]
fn the_examples_are_proved_in_this_process_and_verify() {
    for plan in ["sales/plan.yaml", "stocks/plan.yaml", "weather/plan.yaml"] {
        let desk = Desk::new();
        // No prover server is needed, whatever the machine has.
        let answer = prove(&desk, plan, &[]).exits(0).json();
        assert_eq!(
            (answer["system"].as_str(), answer["verdict"]["verdict"].as_str()),
            (Some("stark"), Some("valid"))
        );
        let proof = &answer["proof"];
        assert!(
            proof["security"]["bits"].as_u64() >= Some(100) && proof["security"]["zeroKnowledge"] == true
        );
        assert_eq!(
            (proof["security"]["kind"].as_str(), proof["level"].as_str()),
            (Some("proven"), Some("standard"))
        );
        assert!(proof["traceCells"].as_u64() > Some(1000), "{proof}");
        assert!(
            answer["inputs"][0]["root"].as_str().is_some_and(|root| root.starts_with("poseidon2-koalabear:"))
        );

        let data = fs::read_dir(example(plan.split_once('/').expect("a folder").0)).expect("reads");
        let csv = data
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|it| it == "csv"));
        let input = format!(
            "{}={}",
            answer["inputs"][0]["name"].as_str().expect("a name"),
            csv.expect("data").display()
        );
        let plan = example(plan);
        for receipt in ["out/receipt.json", "out/receipt.cbor"] {
            let demands = ["--output", "out/output.json", "--plan", &plan, "--input", &input, "--json"];
            let ran = desk.run_args(["verify", receipt].iter().chain(&demands));
            assert_eq!(ran.exits(0).json()["receipts"][0]["verdict"]["verdict"], "valid");
        }
        let shown = desk.run("inspect out/receipt.cbor").exits(0).stdout;
        for part in ["stark", "proven", "knew tables", "limits on memory and steps"] {
            assert!(shown.contains(part), "`{part}` in {shown}");
        }
    }
}

#[test]
fn forgeries_are_refused_with_a_reason() {
    let desk = Desk::new();
    prove(&desk, "sales/plan.yaml", &["--security", "fast"]).exits(1);
    prove(&desk, "sales/plan.yaml", &[]).exits(0);
    let reason = |args: &[&str]| {
        let ran = desk.run_args(["verify"].iter().chain(args).chain(&["--json"])).exits(1);
        ran.json()["receipts"][0]["verdict"]["reason"].as_str().expect("a reason").to_string()
    };
    let text = fs::read_to_string(desk.path("out/output.json")).expect("reads");
    let digit = text.rfind(|c: char| c.is_ascii_digit()).expect("a digit");
    let other = if &text[digit..=digit] == "7" { "8" } else { "7" };
    desk.file("forged.json", format!("{}{other}{}", &text[..digit], &text[digit + 1..]));
    assert_eq!(reason(&["out/receipt.json", "--output", "forged.json"]), "output-mismatch");

    let mut receipt: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(desk.path("out/receipt.json")).expect("reads"))
            .expect("JSON");
    let forged = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut copy = receipt.clone();
        change(&mut copy);
        desk.file("forged.json", copy.to_string());
        reason(&["forged.json"])
    };
    let evidence = |receipt: &mut serde_json::Value| receipt["evidence"]["stark"].as_object_mut().cloned();
    assert_eq!(forged(&|it| it["evidence"]["stark"]["inputs"][0]["rows"] = 31.into()), "bad-seal");
    assert_eq!(forged(&|it| it["evidence"]["stark"]["level"] = "paranoid".into()), "bad-seal");
    assert_eq!(forged(&|it| it["evidence"]["stark"]["groups"] = serde_json::json!([511])), "bad-seal");
    assert_eq!(
        forged(&|it| it["claim"]["plan"]["output"] = it["claim"]["plan"]["inputs"][0]["root"].clone()),
        "bad-seal"
    );
    assert_eq!(
        forged(&|it| it["claim"]["plan"]["job"] = format!("sha256:{}", "1".repeat(64)).into()),
        "bad-seal"
    );
    assert!(evidence(&mut receipt).is_some());

    let other = example("stocks/plan.yaml");
    assert_eq!(reason(&["out/receipt.json", "--plan", &other]), "wrong-plan");
    let wrong = format!("sales=poseidon2-koalabear:{}", "00".repeat(32));
    assert_eq!(reason(&["out/receipt.json", "--input", &wrong]), "wrong-data-root");
    desk.file("policy.yaml", "systems: [risc0]\n");
    assert_eq!(reason(&["out/receipt.json", "--policy", "policy.yaml"]), "system-not-allowed");
}

#[test]
fn what_it_cannot_prove_is_said_and_goes_to_another_prover() {
    let desk = Desk::new();
    let plan = example("signals/plan.yaml");
    let answer = desk.run_args(["plan", "backends", &plan, "--json"]).exits(0).json();
    let backends = answer["plans"][0]["backends"].as_array().expect("backends");
    let stark = backends.iter().find(|it| it["prover"] == "stark").expect("is listed");
    assert_eq!(stark["supported"], false);
    assert!(!stark["unsupported"].as_array().expect("reasons").is_empty());
    desk.run_args(["run", &plan, "--tier", "2", "--backend", "stark"])
        .exits(4)
        .says(&["stark cannot prove step", "plan backends"]);
}

#[test]
fn texts_that_are_too_long_are_the_datas_fault_not_the_plans() {
    let desk = Desk::new();
    let plan = desk.file(
        "plan.yaml",
        "version: \"1.0\"\nid: long\nsteps:\n  - id: rows\n    type: data-input\n    schema: { columns: { name: string } }\n    \
         source: { type: file, uri: rows.csv }\n  - id: groups\n    type: aggregate\n    input: rows\n    operation: { op: reduce, \
         groupBy: [name], aggregates: { n: { fn: count } } }\noutput: { step: groups }\n",
    );
    desk.file("rows.csv", format!("name\n{}\n", "x".repeat(31)));
    let plan = plan.display().to_string();
    desk.run_args(["run", &plan, "--tier", "2", "--backend", "stark"])
        .exits(4)
        .says(&["texts of more than 30 bytes", "groups"]);
    desk.file("rows.csv", format!("name\n{}\n", "x".repeat(30)));
    desk.run_args(["run", &plan, "--tier", "2"]).exits(0);
}

#[test]
fn data_are_hidden_behind_salts_that_can_be_shown() {
    let desk = Desk::new();
    let answer = prove(&desk, "sales/plan.yaml", &["--salt"]).exits(0).json();
    let plain = prove(&Desk::new(), "sales/plan.yaml", &[]).exits(0).json();
    assert_ne!(answer["inputs"][0]["root"], plain["inputs"][0]["root"]);
    let (plan, input) = (example("sales/plan.yaml"), format!("sales={}", example("sales/sales.csv")));
    let args = ["verify", "out/receipt.cbor", "--plan", &plan, "--input", &input];
    desk.run_args(args).exits(1);
    desk.run_args(args.iter().chain(&["--salts", "out/salts.json"])).exits(0);
}

#[test]
fn limits_and_costs_are_known_before_the_proof() {
    let desk = Desk::new();
    let cost = desk.run_args(["plan", "cost", &example("sales/plan.yaml"), "--json"]).json();
    let stark = cost["provers"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|it| it["prover"] == "stark")
        .expect("is listed")
        .clone();
    assert!(
        stark["traceCells"].as_u64() > Some(1000) && stark["memoryBytes"].as_u64() > Some(1 << 20),
        "{stark}"
    );
    for (limit, amount, code) in
        [("--memory-limit", "1MiB", "memory-exceeded"), ("--timeout", "1ms", "deadline-exceeded")]
    {
        let error = prove(&desk, "sales/plan.yaml", &[limit, amount]).exits(4).json();
        assert_eq!(error["error"]["code"], code);
    }
    assert!(!desk.path("out/receipt.json").exists(), "nothing half written");
}

#[test]
fn a_large_table_is_proved_shard_by_shard() {
    let desk = Desk::new();
    let (plan, csv) = (example("sales/plan.yaml"), example("sales/sales.csv"));
    let rows = fs::read_to_string(&csv).expect("reads").lines().count() - 1;
    let size = rows.div_ceil(3).to_string();
    let answer =
        prove(&desk, "sales/plan.yaml", &["--backend", "stark", "--shard-rows", &size]).exits(0).json();
    assert_eq!(answer["verdict"]["verdict"], "valid");
    assert_eq!(answer["proof"]["segments"], 4, "three shards and a merge");
    let root = answer["inputs"][0]["root"].as_str().expect("a root");

    // The buyer computes the digest of the shards from the data, and the output is that of the whole table.
    let commit = ["data", "commit", &csv, "--plan", &plan, "--shard-rows", &size, "--json"];
    let digests = desk.run_args(commit).exits(0).json();
    assert_eq!(digests["shardedDigest"].as_str(), Some(root));
    assert_ne!(digests["tableDigest"], digests["shardedDigest"]);
    let input = format!("sales={csv}");
    let demands =
        ["verify", "out/receipt.json", "--output", "out/output.json", "--plan", &plan, "--input", &input];
    desk.run_args(demands).exits(0);
    let whole = Desk::new();
    prove(&whole, "sales/plan.yaml", &["--backend", "stark"]).exits(0);
    assert_eq!(
        fs::read(desk.path("out/output.json")).expect("reads"),
        fs::read(whole.path("out/output.json")).expect("reads")
    );
    let inspected = desk.run("inspect out/receipt.json").exits(0).stdout;
    assert!(inspected.contains("3 shards of at most"), "{inspected}");

    // From the configuration too; and other data are refused.
    desk.file("proofmark.yaml", format!("agent: {{ zkvm: {{ proving: {{ shardRows: {size} }} }} }}\n"));
    let again = desk.run_args(&commit[..5]).exits(0);
    assert!(again.stdout.contains(root), "{}", again.stdout);
    let mut lines: Vec<String> =
        fs::read_to_string(&csv).expect("reads").lines().map(str::to_string).collect();
    lines.swap(1, 2);
    let other = desk.file("other.csv", lines.join("\n") + "\n");
    let input = format!("sales={}", other.display());
    desk.run_args(["verify", "out/receipt.json", "--plan", &plan, "--input", &input]).exits(1);
    desk.run_args(["run", &plan, "--shard-rows", "0"]).exits(2);
}
