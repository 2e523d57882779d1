//! Keeping a heavy prover within its limits: a child process, with everything it starts, that has a deadline, a memory limit and
//! no way to outlive us.
//!
//! - The child leads its own process group, so that a Ctrl-C of the terminal reaches it through us only.
//! - On Linux the kernel kills it if we die, however we die.
//! - Its output is drained all the time; the last 8 KiB of each stream are kept for a crash report.
//! - Memory is the sum of the resident memory of all its descendants.
//! - However a call ends, the whole tree is gone afterwards: SIGTERM first, SIGKILL a second later.

mod drain;
mod thread;
mod tree;

use std::{
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

pub use self::thread::{Abandoned, in_thread};
use self::{drain::Drain, tree::Tree};
use crate::{Control, ProveError};

/// How often a child's end, the clock and the cancellation are looked at.
pub const POLL: Duration = Duration::from_millis(20);

/// How often its memory is measured. Walking through `/proc` costs about a millisecond.
const MEASURE: Duration = Duration::from_millis(100);

/// The time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(1);

/// How long we wait for a killed process to vanish before we give up on it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The bounds of a caller, and when its call began.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    /// When the call began.
    pub start: Instant,
    /// The bounds.
    pub control: &'a Control<'a>,
}

impl<'a> Bounds<'a> {
    /// Bounds of a call that begins now.
    pub fn from_now(control: &'a Control<'a>) -> Self {
        Self { start: Instant::now(), control }
    }

    /// Fails if the caller cancelled or the deadline passed.
    ///
    /// # Errors
    /// [`ProveError::Cancelled`], [`ProveError::DeadlineExceeded`].
    pub fn check(&self) -> Result<(), ProveError> {
        if self.control.cancel.is_cancelled() {
            return Err(ProveError::Cancelled { after: self.start.elapsed() });
        }
        match (self.control.ends(self.start), self.control.deadline) {
            (Some(end), Some(limit)) if Instant::now() >= end => Err(ProveError::DeadlineExceeded { limit }),
            _ => Ok(()),
        }
    }
}

/// Work in a thread that ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended<T> {
    /// What it made.
    pub value: T,
    /// Largest resident memory of this process, in bytes.
    pub peak_memory_bytes: u64,
    /// Wall time.
    pub time: Duration,
}

/// A child process that ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// The end of what it wrote to standard error and output.
    pub output: String,
    /// Largest resident memory of the tree, in bytes.
    pub peak_memory_bytes: u64,
    /// Wall time.
    pub time: Duration,
}

impl Finished {
    /// Fails unless the exit status is zero.
    ///
    /// # Errors
    /// [`ProveError::Crashed`].
    pub fn success(self) -> Result<Self, ProveError> {
        if self.status.success() {
            return Ok(self);
        }
        let exit = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(9)) => "signal 9; if nobody killed it, the system ran out of memory".to_owned(),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no exit status".to_owned(),
        };
        Err(ProveError::Crashed { exit, stderr: self.output })
    }
}

/// Runs a command to its end within bounds. `on_line` hears each line of its output.
///
/// # Errors
/// [`ProveError::Io`] if it cannot be started, and the error of the limit that it exceeded. An exit status other than zero is no
/// error here: see [`Finished::success`].
pub fn run(
    command: Command,
    bounds: &Bounds<'_>,
    mut on_line: impl FnMut(&str),
) -> Result<Finished, ProveError> {
    let mut child = Supervised::spawn(command)?;
    loop {
        let finished = child.poll(bounds)?;
        for line in child.lines() {
            on_line(&line);
        }
        if let Some(finished) = finished {
            return Ok(finished);
        }
        std::thread::sleep(POLL);
    }
}

/// A child process under supervision. Dropping it kills the whole tree.
///
/// The kernel ties the child to the *thread* that spawned it: keep the value in the thread that made it.
#[derive(Debug)]
pub struct Supervised {
    child: Child,
    tree: Tree,
    drain: Drain,
    start: Instant,
    measured: Option<Instant>,
    peak_memory_bytes: u64,
    ended: Option<ExitStatus>,
}

impl Supervised {
    /// Starts a command. Its standard output and error are drained; standard input is the caller's choice.
    ///
    /// # Errors
    /// [`ProveError::Io`].
    pub fn spawn(mut command: Command) -> Result<Self, ProveError> {
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(target_os = "linux")]
        die_with_us(&mut command);
        let program = command.get_program().to_owned();
        let mut child = command.spawn().map_err(|e| {
            ProveError::io(format!("cannot start {}", program.display()), std::path::Path::new(&program), e)
        })?;
        let drain = Drain::start(child.stdout.take(), child.stderr.take());
        let tree = Tree::new(child.id());
        Ok(Self {
            child,
            tree,
            drain,
            start: Instant::now(),
            measured: None,
            peak_memory_bytes: 0,
            ended: None,
        })
    }

    /// The process id of the child itself.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Looks after the child once: its end, the bounds, its memory. On an error the tree is already gone.
    ///
    /// # Errors
    /// The error of the limit that was exceeded.
    pub fn poll(&mut self, bounds: &Bounds<'_>) -> Result<Option<Finished>, ProveError> {
        if let Some(status) = self.wait_now() {
            self.kill();
            return Ok(Some(Finished {
                status,
                output: self.drain.tail(),
                peak_memory_bytes: self.peak_memory_bytes,
                time: self.start.elapsed(),
            }));
        }
        let checked = bounds.check().and_then(|()| self.check_memory(bounds));
        if checked.is_err() {
            self.kill();
        }
        checked.map(|()| None)
    }

    /// The lines of output since the last call; some may be missing if there were very many.
    pub fn lines(&self) -> Vec<String> {
        self.drain.lines()
    }

    /// The end of what it wrote.
    pub fn output(&self) -> String {
        self.drain.tail()
    }

    /// Largest resident memory of the tree so far, in bytes.
    pub fn peak_memory_bytes(&self) -> u64 {
        self.peak_memory_bytes
    }

    /// Ends the whole tree.
    pub fn kill(&mut self) {
        for (signal, patience) in
            [(rustix::process::Signal::TERM, GRACE), (rustix::process::Signal::KILL, PATIENCE)]
        {
            let end = Instant::now() + patience;
            self.tree.refresh();
            self.tree.signal(signal);
            loop {
                let _ = self.wait_now();
                self.tree.refresh();
                if self.tree.is_gone() && self.ended.is_some() {
                    self.drain.finish();
                    return;
                }
                if Instant::now() >= end {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    fn wait_now(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    fn check_memory(&mut self, bounds: &Bounds<'_>) -> Result<(), ProveError> {
        if self.measured.is_some_and(|at| at.elapsed() < MEASURE) {
            return Ok(());
        }
        self.measured = Some(Instant::now());
        self.tree.refresh();
        let used = self.tree.resident_bytes();
        self.peak_memory_bytes = self.peak_memory_bytes.max(used);
        match bounds.control.memory_limit_bytes {
            Some(limit_bytes) if used > limit_bytes => {
                Err(ProveError::MemoryExceeded { limit_bytes, needed_bytes: used, predicted: false })
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks the kernel to kill the child when the spawning thread ends.
#[cfg(target_os = "linux")]
fn die_with_us(command: &mut Command) {
    use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
    let parent = getpid();
    // SAFETY: two system calls that allocate nothing and take no locks, as is allowed between fork and exec.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have died before the line above.
            if getppid() == Some(parent) {
                Ok(())
            } else {
                Err(std::io::Error::from_raw_os_error(3)) // ESRCH
            }
        });
    }
}
