//! The command: started, held back before its `exec`, let go, waited for.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    thread::{self, JoinHandle},
};

use proofmark_core::{Outcome, ProcessUsage};
use rustix::pipe::{PipeFlags, pipe_with};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH},
    iterator::{SignalsInfo, exfiltrator::WithOrigin},
    low_level::siginfo::Cause,
};

/// A command that was forked and waits before its `exec`.
pub(crate) struct Held {
    pub(crate) pid: i32,
    go: File,
    spawn: JoinHandle<io::Result<Child>>,
}

impl Held {
    /// Forks a child that waits before it becomes the command.
    ///
    /// `Command::spawn` comes back only after `exec`, so it runs in a thread of its own, and the child tells its id
    /// through a pipe.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        let (told, tell) = pipe_with(PipeFlags::CLOEXEC)?;
        let (wait, go) = pipe_with(PipeFlags::CLOEXEC)?;
        let go_raw = go.as_raw_fd();
        let wait: OwnedFd = wait;
        // SAFETY: between fork and exec only system calls are made, on descriptors that the closure owns; nothing is
        // allocated and no lock is taken. `close` is of the child's copy of the pipe's other end, which nobody uses
        // there: with it open, the child would not see that its parent has gone.
        unsafe {
            command.pre_exec(move || {
                libc::close(go_raw);
                let pid = libc::getpid().to_ne_bytes();
                rustix::io::write(&tell, &pid)?;
                let mut byte = [0];
                loop {
                    match rustix::io::read(&wait, &mut byte) {
                        Ok(1) => return Ok(()),
                        Ok(_) => return Err(io::ErrorKind::Interrupted.into()),
                        Err(rustix::io::Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            });
        }
        // The closure keeps `tell` and `wait` open here until the thread has spawned and dropped the command.
        let spawn = thread::spawn(move || command.spawn());
        let mut pid = [0; 4];
        match File::from(told).read_exact(&mut pid) {
            Ok(()) => Ok(Self { pid: i32::from_ne_bytes(pid), go: File::from(go), spawn }),
            // The fork itself failed; the thread knows why.
            Err(error) => match spawn.join() {
                Ok(Err(cause)) => Err(cause),
                _ => Err(error),
            },
        }
    }

    /// Lets the child become the command.
    pub(crate) fn release(mut self) -> io::Result<Running> {
        self.go.write_all(&[1])?;
        drop(self.go);
        let child = self.spawn.join().map_err(|_| io::Error::other("the spawning thread died"))??;
        Ok(Running { pid: self.pid, _child: child })
    }

    /// Makes the child give up before it became anything.
    pub(crate) fn abandon(self) {
        drop(self.go);
        let _ = self.spawn.join();
    }
}

/// A running command. Dropping it does not end it.
pub(crate) struct Running {
    pid: i32,
    _child: Child,
}

impl Running {
    /// Waits for the end, and says how it came and what the operating system counted.
    pub(crate) fn wait(self) -> io::Result<(Outcome, ProcessUsage)> {
        let mut status = 0;
        // SAFETY: `rusage` is plain integers, for which zeros are a value; both pointers are to live locals.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            loop {
                if libc::wait4(self.pid, &raw mut status, 0, &raw mut usage) == self.pid {
                    break usage;
                }
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        };
        let outcome = if libc::WIFSIGNALED(status) {
            Outcome::Killed(libc::WTERMSIG(status))
        } else {
            Outcome::Exited(libc::WEXITSTATUS(status))
        };
        let count = |value: libc::c_long| u64::try_from(value).unwrap_or_default();
        let micros = |time: libc::timeval| count(time.tv_sec) * 1_000_000 + count(time.tv_usec);
        let usage = ProcessUsage {
            user_us: micros(usage.ru_utime),
            system_us: micros(usage.ru_stime),
            max_resident_bytes: count(usage.ru_maxrss) * 1024,
            minor_faults: count(usage.ru_minflt),
            major_faults: count(usage.ru_majflt),
            voluntary_switches: count(usage.ru_nvcsw),
            involuntary_switches: count(usage.ru_nivcsw),
            left_running: 0,
        };
        Ok((outcome, usage))
    }
}

/// Passes signals on to the command while it lives.
///
/// A signal of the terminal reaches the command by itself, because it is in our process group; only what was sent to us
/// is passed on.
pub(crate) struct Forwarding {
    target: Arc<AtomicI32>,
    handle: Option<signal_hook::iterator::Handle>,
}

impl Forwarding {
    pub(crate) fn start() -> Self {
        let target = Arc::new(AtomicI32::new(0));
        let all = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH];
        let handle = SignalsInfo::<WithOrigin>::new(all).ok().map(|mut signals| {
            let (handle, target) = (signals.handle(), target.clone());
            thread::spawn(move || {
                for origin in signals.forever() {
                    let pid = target.load(Ordering::SeqCst);
                    if pid > 0 && !matches!(origin.cause, Cause::Kernel) {
                        // SAFETY: `kill` takes two integers. The process has not been waited for while the target
                        // is set, so its id cannot have gone to another one.
                        unsafe { libc::kill(pid, origin.signal) };
                    }
                }
            });
            handle
        });
        Self { target, handle }
    }

    pub(crate) fn to(&self, pid: i32) {
        self.target.store(pid, Ordering::SeqCst);
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.target.store(0, Ordering::SeqCst);
        if let Some(handle) = &self.handle {
            handle.close();
        }
    }
}

/// Children of this process that still run, but for one.
pub(crate) fn children_but(perf: u32) -> u32 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0 };
    let texts = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let others = texts.map(|text| {
        text.split_whitespace()
            .filter(|pid| pid.parse().is_ok_and(|pid: u32| pid != perf && is_alive(pid)))
            .count()
    });
    others.sum::<usize>().try_into().unwrap_or(u32::MAX)
}

/// A process that ended and is only not waited for does not run.
fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}
