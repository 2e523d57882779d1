//! Progress on stderr: a bar on a terminal, a plain line now and then elsewhere.

use std::{
    io::{self, IsTerminal as _},
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::duration;

/// How often a plain line may appear within a phase.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// How far a long piece of work has come. May be fed from several threads.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    plain: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: String,
    started: Instant,
    line: Instant,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let bar = (terminal && !quiet).then(|| {
            let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
            bar.set_style(spinner());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let now = Instant::now();
        let state = State { phase: String::new(), started: now, line: now };
        Self { bar, plain: !terminal && !quiet, state: Mutex::new(state) }
    }

    /// Begins a phase.
    pub(crate) fn phase(&self, name: &str) {
        self.update(name, None, None);
    }

    /// Reports within a phase: parts of a thousand that are done, and the time that is left.
    pub(crate) fn update(&self, phase: &str, permille: Option<u64>, left: Option<Duration>) {
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let is_new = state.phase != phase;
        if is_new {
            state.phase = phase.to_string();
            state.started = Instant::now();
        }
        let estimate = left.map(|left| format!(", about {} left", duration(left))).unwrap_or_default();
        if let Some(bar) = &self.bar {
            match permille {
                Some(done) => {
                    bar.set_style(gauge());
                    bar.set_position(done.min(1000));
                }
                None => bar.set_style(spinner()),
            }
            bar.set_message(format!("{phase}{estimate}"));
        }
        if self.plain && !phase.is_empty() && (is_new || state.line.elapsed() >= LINE_EVERY) {
            state.line = Instant::now();
            let percent = permille.map(|done| format!(" {} %", done.min(1000) / 10)).unwrap_or_default();
            super::write_err(&format!("{phase}{percent}{estimate}\n"));
        }
    }

    /// Takes the display away, so that other text can follow.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}").expect("the template is a constant")
}

fn gauge() -> ProgressStyle {
    let style = ProgressStyle::with_template("{spinner} {elapsed:>4} [{bar:30}] {percent:>3} % {msg}");
    style.expect("the template is a constant").progress_chars("=> ")
}
