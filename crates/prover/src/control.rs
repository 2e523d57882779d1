//! How a caller bounds and watches a prover.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Bounds on one call of a prover, and where it reports. The default bounds nothing and reports nowhere.
#[derive(Clone, Default)]
pub struct Control<'a> {
    /// Wall time for the whole call.
    pub deadline: Option<Duration>,
    /// Resident memory of the prover's process tree, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// Cycles of the program, where the proof system runs one.
    pub cycle_limit: Option<u64>,
    /// Stops the call from another thread or a signal handler.
    pub cancel: CancelToken,
    /// Hears of progress.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("deadline", &self.deadline)
            .field("memory_limit_bytes", &self.memory_limit_bytes)
            .field("cycle_limit", &self.cycle_limit)
            .finish_non_exhaustive()
    }
}

impl Control<'_> {
    /// The moment at which a call that began at `start` must be over.
    pub fn ends(&self, start: Instant) -> Option<Instant> {
        start.checked_add(self.deadline?)
    }

    /// Reports progress, if anybody listens.
    pub fn report(&self, progress: Progress) {
        if let Some(sink) = self.progress {
            sink(progress);
        }
    }
}

/// Tells a running call to stop. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Stops every call that holds this token.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`CancelToken::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Time since the call began.
    pub elapsed: Duration,
    /// Time until it will be over, as far as one can tell.
    pub remaining: Option<Duration>,
}

/// What a prover is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Proving that two digests of an input are of one table.
    Bridge {
        /// Which input that needs it, from 1.
        input: u64,
        /// How many there are.
        of: u64,
    },
    /// Running the program without proving.
    Execute,
    /// Proving a segment.
    Prove {
        /// Which one, from 1.
        segment: u64,
        /// How many there are.
        of: u64,
    },
    /// Checking what was made.
    Verify,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bridge { input, of } => write!(f, "bridge input {input}/{of}"),
            Self::Execute => f.write_str("execute"),
            Self::Prove { segment, of } => write!(f, "prove segment {segment}/{of}"),
            Self::Verify => f.write_str("verify"),
        }
    }
}

/// Whether to prove on a graphics processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gpu {
    /// If the prover supports it and the machine has one.
    #[default]
    Auto,
    /// Never.
    Off,
    /// Or else fail.
    On,
}

impl FromStr for Gpu {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            "on" => Ok(Self::On),
            _ => Err("the use of a GPU is one of auto, on, off".to_owned()),
        }
    }
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Off => "off",
            Self::On => "on",
        })
    }
}
