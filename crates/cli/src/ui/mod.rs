//! What the user sees: text and tables on stdout, notes and progress on stderr, JSON where it is asked for.
//!
//! Text from files and receipts is never written to a terminal as it is: [`clean`] takes away control
//! characters, so that a receipt cannot move the cursor or repaint a verdict.

mod progress;
mod table;
mod words;

use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

pub(crate) use self::{
    progress::Progress,
    table::{Align, Facts, table},
    words::{bytes, clean, duration, grouped, plural},
};

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On terminals, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Colours by meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
    /// Bad news.
    Bad,
    /// A heading.
    Bold,
    /// Side remarks.
    Dim,
    /// Good news.
    Good,
    /// Something to look at.
    Warn,
}

/// The user's terminal, or whatever stands in for it.
#[derive(Debug)]
pub(crate) struct Ui {
    json: bool,
    quiet: bool,
    color_out: bool,
    color_err: bool,
}

impl Ui {
    /// Decides on colours once.
    pub(crate) fn new(json: bool, quiet: bool, color: ColorChoice) -> Self {
        let decide = |terminal: bool| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let off = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
                terminal && !off("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        Self {
            json,
            quiet,
            color_out: decide(io::stdout().is_terminal()),
            color_err: decide(io::stderr().is_terminal()),
        }
    }

    /// Whether the machine form was asked for.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Writes the one answer of a command: `value` as JSON, or what `human` makes of it.
    pub(crate) fn answer<T: Serialize>(&self, value: &T, human: impl FnOnce(&Self) -> String) {
        if self.json {
            let mut text = serde_json::to_string_pretty(value)
                .expect("answers have string keys and no floats, so they always serialise");
            text.push('\n');
            write_out(text.as_bytes());
        } else {
            write_out(human(self).as_bytes());
        }
    }

    /// Writes text or bytes to stdout as they are, for output that programs read.
    pub(crate) fn raw(&self, bytes: &[u8]) {
        write_out(bytes);
    }

    /// A remark on stderr; nothing under `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            write_err(&format!("{text}\n"));
        }
    }

    /// Findings on stderr, which `--quiet` does not hide.
    pub(crate) fn message(&self, text: &str) {
        write_err(&format!("{text}\n"));
    }

    /// Something on stderr that the user should look at.
    pub(crate) fn warn(&self, text: &str) {
        write_err(&format!("{} {text}\n", self.paint_err(Tone::Warn, "warning:")));
    }

    /// The end of a command that failed.
    pub(crate) fn fail(&self, error: &crate::error::Error) {
        if self.json {
            self.answer(&error.report(), |_| String::new());
            return;
        }
        let mut text = format!("{} {}\n", self.paint_err(Tone::Bad, "error:"), error.render());
        if let Some(hint) = error.hint() {
            text.push_str(&format!("{} {}\n", self.paint_err(Tone::Good, " hint:"), clean(&hint)));
        }
        write_err(&text);
    }

    /// A progress display on stderr.
    pub(crate) fn progress(&self) -> Progress {
        Progress::new(self.quiet)
    }

    /// Text for stdout in a colour.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        paint(self.color_out, tone, text)
    }

    fn paint_err(&self, tone: Tone, text: &str) -> String {
        paint(self.color_err, tone, text)
    }
}

fn paint(on: bool, tone: Tone, text: &str) -> String {
    if !on {
        return text.to_string();
    }
    let style = match tone {
        Tone::Bad => AnsiColor::Red.on_default().bold(),
        Tone::Bold => Style::new().bold(),
        Tone::Dim => Style::new().dimmed(),
        Tone::Good => AnsiColor::Green.on_default().bold(),
        Tone::Warn => AnsiColor::Yellow.on_default().bold(),
    };
    format!("{style}{text}{style:#}")
}

/// A reader that went away (`proofmark … | head`) is no error of ours; anything else is reported once.
fn write_out(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        write_err(&format!("error: cannot write to stdout: {error}\n"));
    }
}

/// Where stderr is gone there is nobody to tell.
fn write_err(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
