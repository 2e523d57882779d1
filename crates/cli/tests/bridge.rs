//! Proofs over tables that name data by its SHA-256 root, through the command.

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use common::{Desk, example};
use serde_json::Value;

/// A plan over ten rows.
const PLAN: &str = "version: \"1.0\"\nid: small\nsteps:\n  - id: rows\n    type: data-input\n    schema: { columns: { name: string, amount: int } }\n    \
    source: { type: file, uri: rows.csv }\n  - id: kept\n    type: filter\n    input: rows\n    condition: \"amount > 3\"\noutput: { step: kept }\n";

/// A desk with a plan, its data, and a cache of its own: nothing was bridged here before.
struct Small {
    desk: Desk,
    cache: PathBuf,
}

impl Small {
    fn new() -> Self {
        let desk = Desk::new();
        desk.file("plan.yaml", PLAN);
        let rows = (0..10).map(|row| format!("n{row},{}\n", row * 7 % 10));
        desk.file("rows.csv", format!("name,amount\n{}", rows.collect::<String>()));
        desk.file("lax.yaml", "minSecurityBits: 0\n");
        let cache = desk.path("cache");
        Self { desk, cache }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.desk.command(line.split_whitespace());
        command.env("PROOFMARK_CACHE", &self.cache);
        command
    }

    fn run(&self, line: &str) -> common::Ran {
        common::Ran::from(self.command(line).output().expect("the binary starts"))
    }

    /// The root of the data.
    fn root(&self) -> String {
        let answer = self.run("data commit rows.csv --plan plan.yaml --json").exits(0).json();
        answer["root"].as_str().expect("a root").to_string()
    }

    /// Fixes a root in the plan.
    fn fix(&self, root: &str) {
        let line = format!("type: data-input\n    dataCommitment: {root}");
        self.desk.file("plan.yaml", PLAN.replacen("type: data-input", &line, 1));
    }

    fn kept(&self) -> Vec<PathBuf> {
        match fs::read_dir(self.cache.join("bridges")) {
            Ok(files) => files.map(|file| file.expect("a file").path()).collect(),
            Err(_) => Vec::new(),
        }
    }

    /// The reason of the verdict on a receipt; `None` if it is valid under a policy for development levels.
    fn reason(&self, file: &str) -> Option<String> {
        let verdict = self.run(&format!("verify {file} --policy lax.yaml --json")).json();
        verdict["receipts"][0]["verdict"]["reason"].as_str().map(str::to_string)
    }

    fn receipt(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.desk.path("out/receipt.json")).expect("reads"))
            .expect("JSON")
    }
}

#[test]
fn a_plan_that_fixes_the_root_of_its_data_is_proved_over_tables() {
    let small = Small::new();
    let root = small.root();
    small.fix(&root);
    let backends = small.run("plan backends plan.yaml --json").exits(0).json();
    assert_eq!(backends["plans"][0]["backends"][0]["prover"], "stark");
    assert_eq!(backends["plans"][0]["backends"][0]["supported"], true);

    let ran = small.run("run plan.yaml --out out --json").exits(0);
    assert!(ran.stderr.contains("making the bridge of input 1 of 1"), "{}", ran.stderr);
    let answer = ran.json();
    assert_eq!(
        (answer["system"].as_str(), answer["verdict"]["verdict"].as_str()),
        (Some("stark"), Some("valid"))
    );
    assert_eq!(answer["inputs"][0]["root"].as_str(), Some(&root[..]));
    let proof = &answer["proof"];
    assert!(proof["security"]["bits"].as_u64() >= Some(100) && proof["security"]["kind"] == "proven");
    let bridge = &proof["bridges"][0];
    assert_eq!((proof["bridgesMade"].as_u64(), bridge["input"].as_str()), (Some(1), Some("rows")));
    assert!(bridge["tableDigest"].as_str().is_some_and(|it| it.starts_with("poseidon2-koalabear:")));
    assert!(bridge["proofBytes"].as_u64() > Some(500_000));
    assert_eq!(small.kept().len(), 1);

    for receipt in ["out/receipt.json", "out/receipt.cbor"] {
        let line =
            format!("verify {receipt} --plan plan.yaml --input rows=rows.csv --output out/output.json");
        small.run(&line).exits(0);
        small.run(&format!("verify {receipt} --input rows={root}")).exits(0);
    }
    let shown = small.run("inspect out/receipt.cbor").exits(0).stdout;
    for part in
        [&root, "bridge of input", "rows (", "poseidon2-koalabear:", "where a bridge ties these together"]
    {
        assert!(shown.contains(part), "`{part}` in {shown}");
    }
    let json = small.run("inspect out/receipt.cbor --json").exits(0).json();
    assert_eq!(json["receipt"]["evidence"]["stark"]["bridges"][0]["input"], "rows");

    // Once made, it is there.
    let again = small.run("run plan.yaml --out out --json").exits(0);
    assert!(!again.stderr.contains("making the bridge"), "{}", again.stderr);
    assert_eq!(again.json()["proof"]["bridgesMade"], 0);
    let text = small.run("run plan.yaml --out out").exits(0).stdout;
    assert!(text.contains("kept from earlier, checked again"), "{text}");

    // Another root than the data has is refused before anything is proved.
    small.fix(&format!("sha256:{}", "0".repeat(64)));
    small.run("run plan.yaml --out other").exits(2).says(&["the plan demands", "--salts"]);
}

#[test]
fn who_wants_roots_gets_them_and_forgeries_are_refused() {
    let small = Small::new();
    let root = small.root();
    let answer =
        small.run("data bridge plan.yaml --input rows=rows.csv --security fast --json").exits(0).json();
    let bridge = &answer["bridges"][0];
    assert_eq!((bridge["input"].as_str(), bridge["root"].as_str()), (Some("rows"), Some(&root[..])));
    assert_eq!((bridge["made"].as_bool(), bridge["level"].as_str()), (Some(true), Some("fast")));
    assert_eq!(bridge["file"].as_str().map(PathBuf::from), small.kept().pop());
    let again = small.run("data bridge plan.yaml --security fast").exits(0);
    assert!(again.stdout.contains("was there and holds"), "{}", again.stdout);

    let answer = small.run("run plan.yaml --out out --bridge --security fast --json").exits(1).json();
    assert_eq!(answer["verdict"]["reason"], "security-too-low");
    assert_eq!(
        (answer["inputs"][0]["root"].as_str(), answer["proof"]["bridgesMade"].as_u64()),
        (Some(&root[..]), Some(0))
    );
    assert_eq!(small.reason("out/receipt.json"), None);

    let receipt = small.receipt();
    let forged = |change: &dyn Fn(&mut Value)| {
        let mut copy = receipt.clone();
        change(&mut copy["evidence"]["stark"]);
        small.desk.file("forged.json", copy.to_string());
        small.reason("forged.json")
    };
    let bad = Some("bad-seal".to_string());
    assert_eq!(forged(&|it| it["bridges"] = serde_json::json!([])), bad);
    assert_eq!(forged(&|it| it["bridges"][0]["input"] = "other".into()), bad);
    assert_eq!(forged(&|it| it["bridges"][0]["proof"] = "AAAA".into()), bad);
    assert_eq!(forged(&|it| it["bridges"][0]["proof"] = it["proof"].clone()), bad);
    assert_eq!(forged(&|it| it["level"] = "standard".into()), bad);
    assert_eq!(forged(&|it| it["bridges"][0]["tableDigest"] = root.clone().into()), bad);
    assert_eq!(forged(&|it| it["bridges"][0]["note"] = 1.into()), Some("bad-encoding".to_string()));
}

#[test]
fn a_damaged_bridge_is_made_again() {
    let small = Small::new();
    small.run("data bridge plan.yaml --security fast").exits(0);
    let file = small.kept().pop().expect("one file");
    let mut proof = fs::read(&file).expect("reads");
    let middle = proof.len() / 2;
    proof[middle] ^= 1;
    fs::write(&file, &proof).expect("writes");
    let answer = small.run("data bridge plan.yaml --security fast --json").exits(0).json();
    assert_eq!(answer["bridges"][0]["made"], true);
    let answer = small.run("data bridge plan.yaml --security fast --json").exits(0).json();
    assert_eq!((answer["bridges"][0]["made"].as_bool(), small.kept().len()), (Some(false), 1));
}

#[test]
fn salted_data_keep_their_root_and_their_bridge_by_their_salts() {
    let small = Small::new();
    let line = "run plan.yaml --bridge --security fast --json";
    let first = small.run(&format!("{line} --salt --out first")).exits(1).json();
    let root = first["inputs"][0]["root"].as_str().expect("a root").to_string();
    assert_ne!(root, small.root());
    small.run(&format!("{line} --salts first/salts.json --salt")).exits(2);
    // The plan fixes the salted root, which nobody can guess.
    small.fix(&root);
    small.run("run plan.yaml --out second").exits(2).says(&["--salts"]);
    let second = small.run(&format!("{line} --salts first/salts.json --out out")).exits(1).json();
    assert_eq!(second["inputs"][0]["root"].as_str(), Some(&root[..]));
    assert_eq!((second["proof"]["bridgesMade"].as_u64(), small.reason("out/receipt.json")), (Some(0), None));
    let bridged =
        small.run("data bridge plan.yaml --salts first/salts.json --security fast --json").exits(0).json();
    assert_eq!(
        (bridged["bridges"][0]["made"].as_bool(), bridged["bridges"][0]["salted"].as_bool()),
        (Some(false), Some(true))
    );
}

#[test]
fn ctrl_c_leaves_nothing_broken() {
    let small = Small::new();
    // Enough rows that the bridge takes seconds.
    let rows = (0..3000).map(|row| format!("n{row},{row}\n"));
    small.desk.file("rows.csv", format!("name,amount\n{}", rows.collect::<String>()));
    let start = Instant::now();
    let mut child = small.command("data bridge plan.yaml --security fast --json");
    let mut child = child
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    let mut said = String::new();
    // Held to the end, so that nothing is written into a closed pipe.
    let mut lines = BufReader::new(child.stderr.take().expect("piped"));
    while !said.contains("making the bridge") {
        assert!(lines.read_line(&mut said).expect("reads") > 0, "{said}");
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(60));
    assert_eq!(small.kept(), Vec::<PathBuf>::new(), "nothing half written");
    // And with few rows again it works.
    small.desk.file("rows.csv", "name,amount\nx,9\n");
    small.run("data bridge plan.yaml --security fast").exits(0);
}

#[test]
fn what_cannot_be_bridged_is_said() {
    let small = Small::new();
    small.run("data bridge plan.yaml --input nothing=rows.csv").exits(2).says(&["no input `nothing`"]);
    small.run("data bridge plan.yaml --input rows=missing.csv").exits(2);
    let twice = "data bridge plan.yaml --input rows=rows.csv --input rows=rows.csv";
    small.run(twice).exits(2).says(&["given twice"]);
    let long = format!("name,amount\n{},1\n", "x".repeat(31));
    small.desk.file("rows.csv", long);
    small.run("data bridge plan.yaml").exits(4).says(&["input rows has no bridge", "3, 7, 11, 15 or 30"]);
    // The plan can be proved over tables, but not under a root.
    small.run("run plan.yaml --backend stark --bridge").exits(4).says(&["input rows has no bridge"]);
    let examples = example("signals/plan.yaml");
    small.run(&format!("plan backends {examples}")).exits(0);
}
