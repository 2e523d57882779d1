//! The `proofmark` command: plans go in, proved and verified results come out.

mod args;
mod cancel;
mod commands;
mod config;
mod error;
mod files;
mod judge;
mod keys;
mod processor;
mod registry_file;
mod run;
mod ui;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(missing) = processor::lacks() {
        eprintln!("error: this build needs {missing}, which this processor does not have");
        eprintln!("  help: build it on this machine with RUSTFLAGS=\"-C target-cpu=native\" cargo install --path crates/cli");
        return ExitCode::from(error::exit::USAGE);
    }
    let args = match args::Args::read() {
        Ok(args) => args,
        Err(code) => return ExitCode::from(code),
    };
    let ui = ui::Ui::new(args.global.json, args.global.quiet, args.global.color);
    // A witnessed command gets the signals; they must not end us before it.
    let cancel = if commands::witness::owns_signals(&args.command) {
        proofmark_prover::CancelToken::default()
    } else {
        cancel::install(args.global.json)
    };
    match commands::dispatch(args, &ui, &cancel) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            ui.fail(&error);
            ExitCode::from(error.exit())
        }
    }
}
