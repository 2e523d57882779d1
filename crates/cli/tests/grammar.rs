//! The command line itself: help, usage errors, completions.

mod common;

use common::{Desk, golden};

const COMMANDS: &[&str] = &[
    "",
    "run",
    "plan",
    "plan check",
    "plan hash",
    "plan schema",
    "plan graph",
    "plan backends",
    "plan cost",
    "verify",
    "inspect",
    "program",
    "program list",
    "program show",
    "program register",
    "program deprecate",
    "program sync",
    "program audit",
    "binding",
    "binding setup",
    "binding contribute",
    "binding verify-transcript",
    "binding key",
    "binding key make",
    "binding key show",
    "binding key install",
    "binding hash",
    "binding prove",
    "binding verify",
    "binding bench",
    "data commit",
    "data bridge",
    "key show",
    "key new",
    "config show",
    "completions",
    "witness",
    "witness run",
    "witness verify",
    "witness report",
    "witness compare",
    "witness baseline",
    "witness fleet",
    "witness collect",
    "witness vote",
    "witness certify",
    "witness certificate",
    "witness simulate",
    "witness redact",
    "witness roster",
    "witness anchor",
    "witness anchored",
    "witness baseline add",
    "witness baseline judge",
];

#[test]
fn every_help_text_is_as_it_was_agreed() {
    let desk = Desk::new();
    for command in COMMANDS {
        let ran = desk.run(&format!("{command} --help")).exits(0);
        let name = if command.is_empty() { "proofmark".to_string() } else { command.replace(' ', "-") };
        golden(&format!("help/{name}.txt"), &ran.stdout);
        let is_group = ran.stdout.contains("Commands:");
        assert!(is_group || ran.stdout.contains("proofmark "), "{command} has an example");
    }
}

#[test]
fn usage_errors_exit_2_and_suggest() {
    let desk = Desk::new();
    desk.run("").exits(2);
    desk.run("vreify x").exits(2).says(&["verify"]);
    desk.run("run").exits(2).says(&["PLAN"]);
    desk.run("run plan.yaml --tier 7").exits(2).says(&["a tier is one of 0, 1, 1.5, 2, 3"]);
    desk.run("run plan.yaml --input nothing").exits(2).says(&["NAME=PATH"]);
    desk.run("run plan.yaml --timeout 5days").exits(2).says(&["unknown unit"]);
    desk.run("run plan.yaml --memory-limit many").exits(2).says(&["8GiB"]);
}

#[test]
fn usage_errors_are_json_where_json_was_asked_for() {
    let ran = Desk::new().run("--json run").exits(2);
    let error = &ran.json()["error"];
    assert_eq!(error["code"], "usage");
    assert_eq!(error["exit"], 2);
    assert!(error["message"].as_str().expect("a text").contains("PLAN"), "{error}");
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = Desk::new().run(&format!("completions {shell}")).exits(0);
        assert!(ran.stdout.contains("deprecate"), "{shell}");
    }
}

#[test]
fn colours_are_for_terminals_or_for_who_asks() {
    let desk = Desk::new();
    assert!(!desk.run("config show").exits(0).stdout.contains('\u{1b}'));
    assert!(desk.run("config show --color always").exits(0).stdout.contains('\u{1b}'));
    assert!(!desk.run("config show --color never").exits(0).stdout.contains('\u{1b}'));
}
