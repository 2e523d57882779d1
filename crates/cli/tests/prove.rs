//! Proofs that are stopped: by a limit, by a signal, by the death of the prover. A whole proof is made by
//! `cargo xtask test` and `cargo xtask demo`, since it takes minutes.
//!
//! These tests need RISC Zero's prover server. Where `cargo xtask setup` has not installed it they say so and pass.

#![cfg(target_os = "linux")]

mod common;

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::{Desk, Ran, example};

/// Whether the prover server is here; asks the command itself.
fn server_is_here(desk: &Desk) -> bool {
    let ran = desk.run_args(["plan", "cost", &example("weather/hottest.yaml"), "--json"]);
    let here = ran.code == 0;
    if !here {
        eprintln!("skipped, there is no prover server: {}", ran.stdout);
    }
    here
}

fn start(desk: &Desk, extra: &[&str]) -> Child {
    let mut command =
        desk.command(["run", &example("weather/hottest.yaml"), "--tier", "2", "--backend", "risc0"]);
    command.args(["--out", "out", "--json"]);
    command.args(extra).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
}

/// Processes called r0vm below this one.
fn servers(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = vec![parent];
    while let Some(id) = open.pop() {
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        // A child belongs to the thread that made it.
        let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        let of_tasks = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let mut all: Vec<u32> = of_tasks
            .chain([children])
            .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
            .collect();
        all.sort_unstable();
        all.dedup();
        for child in all {
            if fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name.trim() == "r0vm") {
                found.push(child);
            }
            open.push(child);
        }
    }
    found
}

/// Waits until the prover works on the proof itself, and gives its process.
fn proving(child: &Child) -> u32 {
    let begin = Instant::now();
    loop {
        for id in servers(child.id()) {
            let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
            if line.contains("--receipt") {
                std::thread::sleep(Duration::from_millis(500));
                return id;
            }
        }
        assert!(begin.elapsed() < Duration::from_secs(120), "the prover starts");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn kill(signal: &str, id: u32) {
    assert!(Command::new("kill").args([signal, &id.to_string()]).status().expect("kills").success());
}

fn finish(child: Child) -> Ran {
    Ran::from(child.wait_with_output().expect("ends"))
}

fn nothing_is_left(desk: &Desk, prover: u32) {
    let left: Vec<_> = fs::read_dir(desk.path(".")).expect("reads").collect();
    assert!(left.is_empty(), "{left:?}");
    let begin = Instant::now();
    while fs::read_to_string(format!("/proc/{prover}/comm")).is_ok_and(|name| name.trim() == "r0vm") {
        assert!(begin.elapsed() < Duration::from_secs(5), "the prover is gone");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_prover_killed_in_mid_proof_is_an_error_of_its_own() {
    let desk = Desk::new();
    if !server_is_here(&desk) {
        return;
    }
    let child = start(&desk, &[]);
    let prover = proving(&child);
    kill("-KILL", prover);
    let ran = finish(child).exits(4);
    assert_eq!(ran.json()["error"]["code"], "prover-crashed", "{}", ran.stdout);
    nothing_is_left(&desk, prover);
}

#[test]
fn ctrl_c_kills_the_prover_and_leaves_nothing() {
    let desk = Desk::new();
    if !server_is_here(&desk) {
        return;
    }
    let child = start(&desk, &[]);
    let prover = proving(&child);
    kill("-INT", child.id());
    let ran = finish(child).exits(130);
    assert_eq!(ran.json()["error"]["code"], "cancelled");
    nothing_is_left(&desk, prover);
}

#[test]
fn limits_have_their_own_errors() {
    let desk = Desk::new();
    if !server_is_here(&desk) {
        return;
    }
    for (flags, code) in [
        (["--timeout", "3s"], "deadline-exceeded"),
        (["--max-cycles", "1000"], "cycles-exceeded"),
        (["--memory-limit", "64MiB"], "memory-exceeded"),
    ] {
        let ran = finish(start(&desk, &flags)).exits(4);
        assert_eq!(ran.json()["error"]["code"], code, "{}", ran.stdout);
        assert!(ran.json()["error"]["hint"].is_string());
        assert!(!desk.path("out").exists());
    }
}

#[test]
fn cost_tells_cycles_and_time_without_proving() {
    let desk = Desk::new();
    if !server_is_here(&desk) {
        return;
    }
    let cost = desk.run_args(["plan", "cost", &example("stocks/plan.yaml"), "--json"]).exits(0).json();
    let provers = cost["provers"].as_array().expect("provers");
    let risc0 = provers.iter().find(|cost| cost["prover"] == "risc0").expect("is listed");
    let number = |name: &str| risc0[name].as_u64().unwrap_or_else(|| panic!("{name} in {risc0}"));
    assert!(number("userCycles") > 10_000 && number("pagingCycles") > 0);
    // Rows, not cycles: several cycles can share a row, and each segment is a power of two of them.
    assert!(number("segments") > 0 && number("totalCycles").is_multiple_of(1 << 15), "{risc0}");
    assert!(number("provingMs") > 0 && number("memoryBytes") > 0);
}
