//! Every example of the README is run, and prints what the README shows.

mod common;

use std::fs;

use common::{Desk, repository};

/// `(command, expected lines)` of every `$ …` in the `sh` blocks of a text.
fn sessions(text: &str) -> Vec<(String, Vec<String>)> {
    let mut sessions: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    let mut follows = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside && line == "```sh";
            follows = false;
        } else if inside && let Some(command) = line.strip_prefix("$ ") {
            follows = true;
            sessions.push((command.to_string(), Vec::new()));
        } else if inside && follows {
            sessions.last_mut().expect("a command came before").1.push(line.to_string());
        }
    }
    sessions
}

/// Whether `line` is `pattern`, where `…` stands for anything.
fn matches(line: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (at, part) in parts.iter().enumerate() {
        let found = if at + 1 == parts.len() {
            rest.ends_with(part).then(|| rest.len() - part.len())
        } else {
            rest.find(part)
        };
        match found {
            Some(start) => rest = &rest[start + part.len()..],
            None => return false,
        }
    }
    !parts.is_empty() || rest.is_empty()
}

#[test]
fn the_readme_shows_what_happens() {
    let desk = Desk::new();
    #[cfg(unix)]
    std::os::unix::fs::symlink(repository().join("examples"), desk.path("examples")).expect("links");
    let text = fs::read_to_string(repository().join("README.md")).expect("reads");
    let sessions = sessions(&text);
    assert!(sessions.len() >= 4, "the README has a session");
    for (command, expected) in sessions {
        // Pipes and redirections are the shell's, so a shell runs the line.
        let line = command.replacen("proofmark", "\"$PROOFMARK\"", 1);
        let like = desk.command(["x"]);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("{line} 2>&1")]).current_dir(desk.path("."));
        for (name, value) in like.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let output = shell.env("PROOFMARK", env!("CARGO_BIN_EXE_proofmark")).output().expect("starts");
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let mut lines = printed.lines();
        let mut skipping = false;
        for pattern in &expected {
            if pattern == "…" {
                skipping = true;
                continue;
            }
            let found = if skipping {
                lines.any(|line| matches(line, pattern))
            } else {
                lines.next().is_some_and(|line| matches(line, pattern))
            };
            assert!(found, "after `{command}` the README shows\n{pattern}\nbut it prints\n{printed}");
            skipping = false;
        }
        assert!(
            skipping || lines.next().is_none(),
            "`{command}` prints more than the README shows:\n{printed}"
        );
    }
}

#[test]
fn patterns_have_holes() {
    assert!(matches("time 12 ms", "time … ms"));
    assert!(matches("abc", "abc"));
    assert!(!matches("abcd", "abc"));
    assert!(!matches("time 12 s", "time … ms"));
}

#[test]
fn links_lead_somewhere() {
    let text = fs::read_to_string(repository().join("README.md")).expect("reads");
    for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(link.starts_with("http") || repository().join(link).exists(), "{link}");
    }
}
