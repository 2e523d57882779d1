//! The processes that descend from a child, as `/proc` shows them.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// How often `/proc` is walked through at most to find the descendants of descendants.
const GENERATIONS: usize = 32;

/// A child and everything it started. A process that lost its parent stays known.
#[derive(Debug)]
pub(super) struct Tree {
    root: u32,
    members: Vec<Process>,
}

/// A process. Process ids are used again, so a process is its id together with its start time.
#[derive(Clone, Copy, Debug)]
struct Process {
    id: u32,
    parent: u32,
    group: u32,
    started: u64,
    resident_pages: u64,
    is_zombie: bool,
}

impl Tree {
    pub(super) fn new(root: u32) -> Self {
        let mut tree = Self { root, members: Vec::new() };
        tree.refresh();
        tree
    }

    /// Looks up who is alive.
    pub(super) fn refresh(&mut self) {
        let all = processes();
        let known = |process: &Process| {
            process.group == self.root
                || process.id == self.root
                || self.members.iter().any(|old| old.id == process.id && old.started == process.started)
        };
        let (mut members, mut others): (Vec<_>, Vec<_>) = all.into_iter().partition(known);
        for _ in 0..GENERATIONS {
            let is_child = |process: &Process| members.iter().any(|member| member.id == process.parent);
            let (children, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(is_child);
            others = rest;
            if children.is_empty() {
                break;
            }
            members.extend(children);
        }
        self.members = members;
    }

    pub(super) fn resident_bytes(&self) -> u64 {
        let pages: u64 = self.members.iter().map(|process| process.resident_pages).sum();
        pages * rustix::param::page_size() as u64
    }

    /// Whether nobody is left but zombies, which wait for somebody else to read their exit status.
    pub(super) fn is_gone(&self) -> bool {
        self.members.iter().all(|process| process.is_zombie)
    }

    pub(super) fn signal(&self, signal: Signal) {
        for process in self.members.iter().filter(|process| !process.is_zombie) {
            if let Some(pid) = i32::try_from(process.id).ok().and_then(Pid::from_raw) {
                // A process that has just ended is what we want.
                let _ = kill_process(pid, signal);
            }
        }
    }
}

fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            parse(id, &fs::read_to_string(entry.path().join("stat")).ok()?)
        })
        .collect()
}

/// Reads a line of `/proc/PID/stat` (proc_pid_stat(5)). The second field is a name in parentheses that may hold anything.
fn parse(id: u32, stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    Some(Process {
        id,
        parent: field(4)?.parse().ok()?,
        group: field(5)?.parse().ok()?,
        started: field(22)?.parse().ok()?,
        resident_pages: field(24)?.parse().unwrap_or(0),
        is_zombie: matches!(field(3)?, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_parentheses() {
        let stat = "77 (a) b (c) S 1 70 70 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1000 12 rest";
        let process = parse(77, stat).expect("a line of stat");
        assert_eq!(
            (process.parent, process.group, process.started, process.resident_pages),
            (1, 70, 4242, 12)
        );
        assert!(!process.is_zombie);
        assert!(parse(77, "77 (cut off").is_none());
    }
}
