//! Everything that the documentation shows is run.
//!
//! - A `yaml` block that starts with `version:` is a plan and must check.
//! - A `json` block must be JSON, unless it leaves something out (`…`).
//! - In an `sh` block, a line `$ command` is run by a shell in a folder that looks like the root of the repository; the lines below
//!   it, up to the next `$`, are what it prints. A line `…` stands for any lines, and `…` in a line for any text. `# exit 1` after
//!   the command states an exit code other than zero. Blocks of one page share the folder. (The README has a test of its own.)
//! - `sh,heavy` blocks prove, which takes minutes: the step `proof` of `cargo xtask test` types the same commands.
//! - Links to pages and files must lead somewhere, and every page must be in the summary.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[test]
fn every_plan_checks() {
    let folder = tempfile::tempdir().unwrap();
    let mut plans = 0;
    for page in pages() {
        for block in blocks(&page, "yaml").iter().filter(|block| block.text.starts_with("version:")) {
            let plan = folder.path().join("plan.yaml");
            fs::write(&plan, &block.text).unwrap();
            let checked = shell(folder.path(), "proofmark plan check plan.yaml").output().unwrap();
            let said = String::from_utf8_lossy(&checked.stdout);
            assert!(checked.status.success(), "{}:{}: {said}", page.display(), block.line);
            plans += 1;
        }
    }
    assert!(plans > 0, "the documentation shows no plan");
}

#[test]
fn every_json_block_is_json() {
    for page in pages() {
        for block in blocks(&page, "json").iter().filter(|block| !block.text.contains('…')) {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(&block.text);
            assert!(parsed.is_ok(), "{}:{}: {}", page.display(), block.line, parsed.unwrap_err());
        }
    }
}

#[test]
fn every_command_does_what_is_shown() {
    let pages = pages();
    let others =
        pages.iter().filter(|page| !page.ends_with("README.md") || page.starts_with(root().join("examples")));
    let commands: usize = others.map(|page| run_page(page)).sum();
    assert!(commands > 0, "the documentation shows no command");
}

#[test]
fn every_link_leads_somewhere() {
    let summary = fs::read_to_string(root().join("docs/src/SUMMARY.md")).unwrap();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || target.contains("://") || target.contains(' ') {
                continue;
            }
            let there = page.parent().unwrap().join(file);
            assert!(there.exists(), "{}: the link to {target} leads nowhere", page.display());
        }
        let name = page.file_name().unwrap().to_str().unwrap();
        let is_in_book = page.starts_with(root().join("docs/src")) && name != "SUMMARY.md";
        assert!(!is_in_book || summary.contains(&format!("({name})")), "{name} is not in the summary");
    }
}

/// Runs the commands of a page, and returns how many.
fn run_page(page: &Path) -> usize {
    let folder = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    for name in ["examples", "docs"] {
        std::os::unix::fs::symlink(root().join(name), folder.path().join(name)).unwrap();
    }
    let mut count = 0;
    for block in blocks(page, "sh") {
        for (line, command, shown) in commands(&block) {
            let place = format!("{}:{line}: $ {command}", page.display());
            let (command, code) = match command.split_once("# exit ") {
                Some((command, code)) => (command.trim(), code.trim().parse().unwrap()),
                None => (command.as_str(), 0),
            };
            assert!(command.starts_with("proofmark "), "{place}: only our own command can be run");
            let result = shell(folder.path(), command).output().unwrap();
            let printed = String::from_utf8_lossy(&result.stdout);
            assert_eq!(result.status.code(), Some(code), "{place}\n{printed}");
            let (shown, printed): (Vec<_>, Vec<_>) = (shown.lines().collect(), printed.lines().collect());
            assert!(matches(&shown, &printed), "{place} prints\n{}", printed.join("\n"));
            count += 1;
        }
    }
    count
}

/// The commands of a block: line number, command, and the lines shown below it.
fn commands(block: &Block) -> Vec<(usize, String, String)> {
    let mut found: Vec<(usize, String, String)> = Vec::new();
    for (at, line) in block.text.lines().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push((block.line + at, command.to_owned(), String::new()));
        } else if let Some(last) = found.last_mut() {
            last.2.push_str(line.trim_end());
            last.2.push('\n');
        }
    }
    found
}

/// Whether printed lines are the shown ones, where the line `…` stands for any lines.
fn matches(shown: &[&str], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.iter().all(|line| line.trim().is_empty()),
        Some((&"…", rest)) => (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..])),
        Some((first, rest)) => printed
            .split_first()
            .is_some_and(|(line, others)| fits(first, line.trim_end()) && matches(rest, others)),
    }
}

/// Whether a line is the shown one, where `…` stands for any text.
fn fits(shown: &str, line: &str) -> bool {
    match shown.split_once('…') {
        None => shown == line,
        Some((start, rest)) => line
            .strip_prefix(start)
            .is_some_and(|line| line.char_indices().any(|(at, _)| fits(rest, &line[at..])) || fits(rest, "")),
    }
}

/// A fenced block and the line number of its first line.
struct Block {
    line: usize,
    text: String,
}

/// The fenced blocks of a page with this info string.
fn blocks(page: &Path, kind: &str) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap();
    let mut found = Vec::new();
    let mut open: Option<(bool, Block)> = None;
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some((info == kind, Block { line: at + 2, text: String::new() }));
            }
            (Some(_), Some(_)) => {
                found.extend(open.take().filter(|(wanted, _)| *wanted).map(|(_, block)| block))
            }
            (Some((_, block)), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{}: a block is not closed", page.display());
    found
}

/// All pages: the book, the examples, and the README.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    let mut open = vec![root().join("docs/src"), root().join("examples")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.retain(|page| page.exists());
    pages.sort();
    pages
}

fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

/// A shell in a folder that finds our command, with a home of its own but the prover of this machine.
fn shell(folder: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{{ {line}; }} 2>&1")]);
    let binary = Path::new(env!("CARGO_BIN_EXE_proofmark")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(binary.to_path_buf()).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(folders).unwrap());
    if std::env::var_os("PROOFMARK_CACHE").is_none()
        && let Some(home) = std::env::var_os("HOME")
    {
        command.env("PROOFMARK_CACHE", Path::new(&home).join(".cache/proofmark"));
    }
    command.current_dir(folder).env("HOME", folder).env("XDG_CONFIG_HOME", folder).env("NO_COLOR", "1");
    command
}
