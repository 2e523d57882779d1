//! Ctrl-C and its relatives: stop, leave nothing half written, exit 130.
//!
//! A thread waits for the signals. While a prover runs, the signal raises the token that the prover watches;
//! it kills its process tree and the command ends by its ordinary error path. At any other time, and if
//! that path takes too long, the thread itself takes scratch files away and ends the process.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ},
    iterator::Signals,
};

use proofmark_prover::CancelToken;

use crate::error::{Error, exit};

/// How long the ordinary error path may take after a signal.
const GRACE: Duration = Duration::from_secs(10);

/// A path to take away, and how.
type Guarded = (PathBuf, fn(&Path));

static GUARDED: Mutex<Vec<Guarded>> = Mutex::new(Vec::new());
static PROVING: AtomicBool = AtomicBool::new(false);

/// Starts to listen. Without signal handling the program still works; the default action then kills it.
pub(crate) fn install(json: bool) -> CancelToken {
    let token = CancelToken::default();
    // Only so that a write beyond RLIMIT_FSIZE fails with an error instead of killing us.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        let raised = token.clone();
        std::thread::spawn(move || {
            let mut arrivals = signals.forever();
            arrivals.next();
            raised.cancel();
            if PROVING.load(Ordering::SeqCst) {
                std::thread::sleep(GRACE);
            }
            stop(json);
        });
    }
    token
}

/// Runs `work`, which watches the token itself.
pub(crate) fn watching<T>(work: impl FnOnce() -> T) -> T {
    PROVING.store(true, Ordering::SeqCst);
    let result = work();
    PROVING.store(false, Ordering::SeqCst);
    result
}

/// Remembers a path to take away, and how; what was remembered last goes first.
pub(crate) fn guard(path: &Path, remove: fn(&Path)) {
    paths().push((path.to_path_buf(), remove));
}

/// Forgets a path.
pub(crate) fn unguard(path: &Path) {
    paths().retain(|(guarded, _)| guarded != path);
}

fn stop(json: bool) -> ! {
    let paths = paths();
    for (path, remove) in paths.iter().rev() {
        remove(path);
    }
    // Not through `Ui`: the main thread may hold the locks on stdout and stderr.
    if json {
        let report = serde_json::to_string_pretty(&Error::Cancelled.report()).unwrap_or_default();
        let _ = writeln!(std::io::stdout(), "{report}");
    } else {
        let _ = writeln!(std::io::stderr(), "\nerror: {}", Error::Cancelled);
    }
    // The lock on the list is held to the end, so that no other thread moves a scratch file into place now.
    std::process::exit(i32::from(exit::CANCELLED))
}

fn paths() -> std::sync::MutexGuard<'static, Vec<Guarded>> {
    GUARDED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
