//! Keeping a prover in this process within its limits: a thread that is watched, and left behind if need be.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Instant,
};

use super::{Bounds, Ended, MEASURE, POLL};
use crate::ProveError;

/// Tells work in a thread that nobody waits for it any more. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Abandoned(Arc<AtomicBool>);

impl Abandoned {
    /// Whether the work should end without a result.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs `work` in a thread, within the bounds. Calls `tick` now and then while it waits.
///
/// A thread cannot be killed. When a bound is passed this returns at once, and `work` ends when it next looks at what
/// it was given, or with the process. Memory is the resident memory of the whole process.
///
/// # Errors
/// [`ProveError::Cancelled`], [`ProveError::DeadlineExceeded`], [`ProveError::MemoryExceeded`];
/// [`ProveError::Crashed`] if `work` panics; [`ProveError::Io`] if the system gives no thread.
pub fn in_thread<T: Send + 'static>(
    bounds: &Bounds<'_>,
    work: impl FnOnce(Abandoned) -> T + Send + 'static,
    mut tick: impl FnMut(),
) -> Result<Ended<T>, ProveError> {
    bounds.check()?;
    let start = Instant::now();
    let abandoned = Abandoned::default();
    let (sender, receiver) = mpsc::sync_channel(1);
    let seen = abandoned.clone();
    let body = move || {
        let _ = sender.send(work(seen));
    };
    let handle = thread::Builder::new()
        .name("prover".to_owned())
        .spawn(body)
        .map_err(|source| ProveError::Io { doing: "cannot start a thread".into(), source })?;
    let mut peak = resident_bytes();
    let mut measured = Instant::now();
    let failed = loop {
        match receiver.recv_timeout(POLL) {
            Ok(value) => {
                let peak_memory_bytes = peak.max(resident_bytes());
                return Ok(Ended { value, peak_memory_bytes, time: start.elapsed() });
            }
            Err(RecvTimeoutError::Disconnected) => {
                let message = match handle.join() {
                    Ok(()) => String::new(),
                    Err(panic) => match panic.downcast::<String>() {
                        Ok(text) => *text,
                        Err(panic) => {
                            (*panic.downcast::<&str>().unwrap_or(Box::new("no message"))).to_owned()
                        }
                    },
                };
                return Err(ProveError::Crashed {
                    exit: "a panic in its thread".to_owned(),
                    stderr: message,
                });
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Err(error) = bounds.check() {
                    break error;
                }
                if measured.elapsed() >= MEASURE {
                    measured = Instant::now();
                    peak = peak.max(resident_bytes());
                    match bounds.control.memory_limit_bytes {
                        Some(limit_bytes) if peak > limit_bytes => {
                            break ProveError::MemoryExceeded {
                                limit_bytes,
                                needed_bytes: peak,
                                predicted: false,
                            };
                        }
                        _ => (),
                    }
                }
                tick();
            }
        }
    };
    abandoned.0.store(true, Ordering::Relaxed);
    Err(failed)
}

/// Resident memory of this process, in bytes; 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok().and_then(|text| {
        // proc_pid_statm(5): size, resident, ... in pages.
        text.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Control;

    #[test]
    fn work_ends_or_is_left_behind() {
        let control = Control::default();
        let ended = in_thread(&Bounds::from_now(&control), |_| 7, || ()).expect("it ends");
        assert_eq!(ended.value, 7);
        assert!(ended.peak_memory_bytes > 100 << 10);

        let control = Control { deadline: Some(Duration::from_millis(50)), ..Control::default() };
        let (sender, receiver) = mpsc::channel();
        let work = move |abandoned: Abandoned| {
            while !abandoned.is_set() {
                thread::sleep(Duration::from_millis(1));
            }
            let _ = sender.send(());
        };
        let result = in_thread(&Bounds::from_now(&control), work, || ());
        assert!(matches!(result, Err(ProveError::DeadlineExceeded { .. })), "{result:?}");
        receiver.recv_timeout(Duration::from_secs(60)).expect("the work is told");
    }

    #[test]
    fn a_panic_is_a_crash() {
        let control = Control::default();
        let result = in_thread(&Bounds::from_now(&control), |_| panic!("broken {}", 1), || ());
        let Err(ProveError::Crashed { stderr, .. }) = result.map(|ended: Ended<()>| ended.time) else {
            panic!("it crashed")
        };
        assert_eq!(stderr, "broken 1");
    }
}
