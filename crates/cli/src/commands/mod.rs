//! One file per command: its arguments, and how its answer looks.

mod backends;
pub(crate) mod binding;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod cost;
pub(crate) mod data;
pub(crate) mod inspect;
pub(crate) mod key;
pub(crate) mod plan;
pub(crate) mod program;
pub(crate) mod run;
mod schema;
pub(crate) mod verify;
pub(crate) mod witness;

use proofmark_prover::CancelToken;

use crate::{
    args::{Args, Command},
    config::Config,
    error::Error,
    ui::Ui,
};

/// Runs the command; returns its exit code.
pub(crate) fn dispatch(args: Args, ui: &Ui, cancel: &CancelToken) -> Result<u8, Error> {
    if let Command::Completions(args) = &args.command {
        return completions::execute(args, ui);
    }
    let config = Config::load(args.global.config.as_deref())?;
    match args.command {
        Command::Run(args) => run::execute(args, &config, ui, cancel),
        Command::Plan(command) => plan::execute(command, &config, ui, cancel),
        Command::Verify(args) => verify::execute(args, &config, ui),
        Command::Inspect(args) => inspect::execute(&args, ui),
        Command::Program(command) => program::execute(command, &config, ui),
        Command::Binding(command) => binding::execute(command, &config, ui, cancel),
        Command::Data(command) => data::execute(command, &config, ui, cancel),
        Command::Key(command) => key::execute(command, &config, ui),
        Command::Witness(command) => witness::execute(command, &config, ui),
        Command::Config(command) => config::execute(&command, &config, ui),
        Command::Completions(_) => Ok(0),
    }
}
