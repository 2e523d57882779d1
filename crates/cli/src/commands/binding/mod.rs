//! `proofmark binding`: an answer tied to its job, model and input.

mod bench;
mod files;
mod hash;
mod key;
mod prove;
mod setup;
mod verify;

use clap::Subcommand;
use proofmark_prover::CancelToken;

use crate::{config::Config, error::Error, ui::Ui};

/// Subcommands of `binding`.
#[derive(Debug, Subcommand)]
pub(crate) enum BindingCommand {
    /// Start a ceremony for a key, or make a development key at once
    Setup(setup::SetupArgs),
    /// Add your secret to a ceremony and forget it
    Contribute(setup::ContributeArgs),
    /// Check every contribution of a ceremony
    VerifyTranscript(setup::TranscriptArgs),
    /// Finish, show and install keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// The hash of a model, an input or an output
    Hash(hash::HashArgs),
    /// Prove that job, model, input and output belong together. It does not show that the model ran
    Prove(prove::ProveArgs),
    /// Judge receipts about an inference: exit 0 valid, 1 invalid, 2 unreadable
    Verify(verify::VerifyArgs),
    /// Measure this machine with a key
    Bench(bench::BenchArgs),
}

pub(crate) fn execute(
    command: BindingCommand,
    config: &Config,
    ui: &Ui,
    cancel: &CancelToken,
) -> Result<u8, Error> {
    match command {
        BindingCommand::Setup(args) => setup::start(&args, config, ui),
        BindingCommand::Contribute(args) => setup::contribute(&args, ui),
        BindingCommand::VerifyTranscript(args) => setup::verify(&args, ui),
        BindingCommand::Key(command) => key::execute(command, config, ui),
        BindingCommand::Hash(args) => hash::execute(&args, ui, cancel),
        BindingCommand::Prove(args) => prove::execute(&args, config, ui, cancel),
        BindingCommand::Verify(args) => verify::execute(args, config, ui, cancel),
        BindingCommand::Bench(args) => bench::execute(&args, config, ui, cancel),
    }
}
