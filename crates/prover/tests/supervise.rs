//! Limits on child processes, with the shell as the child.

#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use proofmark_prover::{
    Control, ProveError,
    supervise::{Bounds, Supervised, run},
};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Whether a process with this marker in its command line is alive.
fn is_alive(marker: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(marker) && !stat.contains(") Z ")
    })
}

#[test]
fn output_of_a_success_is_drained() {
    let control = Control::default();
    let mut lines = Vec::new();
    // More than a pipe holds.
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo last >&2";
    let finished =
        run(shell(script), &Bounds::from_now(&control), |line| lines.push(line.to_owned())).unwrap();
    assert!(finished.status.success());
    assert!(finished.output.contains("last"));
    assert!(finished.output.len() <= 16 << 10);
    assert_eq!(lines[0], "line 0");
}

#[test]
fn a_crash_tells_its_exit_and_last_words() {
    let control = Control::default();
    let error =
        run(shell("echo out of luck >&2; exit 3"), &Bounds::from_now(&control), |_| ()).unwrap().success();
    match error {
        Err(ProveError::Crashed { exit, stderr }) => {
            assert_eq!((exit.as_str(), stderr.trim()), ("exit code 3", "out of luck"));
        }
        other => panic!("{other:?}"),
    }
    let killed = run(shell("kill -9 $$"), &Bounds::from_now(&control), |_| ()).unwrap().success();
    assert!(matches!(killed, Err(ProveError::Crashed { exit, .. }) if exit.starts_with("signal 9")));
}

#[test]
fn the_deadline_ends_the_whole_tree() {
    let control = Control { deadline: Some(Duration::from_millis(300)), ..Control::default() };
    let start = Instant::now();
    // A grandchild that ignores SIGTERM, in a session of its own.
    let script = "setsid sh -c 'trap \"\" TERM; sleep 31.4151' & setsid sleep 31.4151 & wait";
    let error = run(shell(script), &Bounds::from_now(&control), |_| ()).unwrap_err();
    assert!(matches!(error, ProveError::DeadlineExceeded { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(!is_alive("31.4151"));
}

#[test]
fn cancellation_ends_the_whole_tree() {
    let control = Control::default();
    let token = control.cancel.clone();
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        token.cancel();
    });
    let error = run(shell("sleep 31.4152 & sleep 31.4152"), &Bounds::from_now(&control), |_| ()).unwrap_err();
    canceller.join().unwrap();
    assert!(matches!(error, ProveError::Cancelled { .. }), "{error}");
    assert!(!is_alive("31.4152"));
}

#[test]
fn the_memory_of_grandchildren_counts() {
    let control = Control { memory_limit_bytes: Some(40 << 20), ..Control::default() };
    // The shell itself stays small; its child holds 100 MB.
    let script = "sh -c 'x=$(head -c 100000000 /dev/zero | tr \"\\\\0\" x); sleep 31.4153'; true";
    let error = run(shell(script), &Bounds::from_now(&control), |_| ()).unwrap_err();
    match error {
        ProveError::MemoryExceeded { limit_bytes, needed_bytes, predicted: false } => {
            assert!(limit_bytes == 40 << 20 && needed_bytes > limit_bytes);
        }
        other => panic!("{other}"),
    }
    assert!(!is_alive("31.4153"));
}

#[test]
fn what_a_finished_child_left_behind_is_ended() {
    let control = Control::default();
    let script = "setsid sleep 31.4154 & sleep 0.3";
    let finished = run(shell(script), &Bounds::from_now(&control), |_| ()).unwrap();
    assert!(finished.status.success());
    assert!(!is_alive("31.4154"));
}

#[test]
fn dropping_ends_the_tree() {
    drop(Supervised::spawn(shell("sleep 31.4155 & sleep 31.4155")).unwrap());
    assert!(!is_alive("31.4155"));
}

#[test]
#[cfg(target_os = "linux")]
fn the_death_of_the_parent_ends_the_child() {
    // The kernel ties the child to the thread that spawned it; a thread that ends stands for a parent that was killed.
    thread::spawn(|| {
        let child = Supervised::spawn(shell("exec sleep 31.4156")).unwrap();
        std::mem::forget(child);
    })
    .join()
    .unwrap();
    thread::sleep(Duration::from_millis(200));
    assert!(!is_alive("31.4156"));
}

#[test]
fn a_missing_program_is_an_error() {
    let error = Supervised::spawn(Command::new("/nonexistent/program")).unwrap_err();
    assert!(matches!(error, ProveError::Io { .. }), "{error}");
}
