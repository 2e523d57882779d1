//! `proofmark witness`.

mod analyse;
mod anchor;
mod cluster;
mod epoch;
mod fetch;
mod fleet;
mod folder;
mod roster;
mod run;
mod simulate;
mod verify;

use clap::Subcommand;

use crate::{args::Command, config::Config, error::Error, ui::Ui};

/// Subcommands of `witness`.
#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Run a command under perf and sign what it left behind; exits as the command does
    Run(run::RunArgs),
    /// Judge a witness with its recording: a receipt, an envelope, a folder of a shard, or a URL
    Verify(verify::VerifyArgs),
    /// Where the time went: text, --json, or a page with a flame graph
    Report(analyse::ReportArgs),
    /// Two runs side by side
    Compare(analyse::CompareArgs),
    /// Is a run like the earlier runs of its agent?
    #[command(subcommand)]
    Baseline(analyse::BaselineCommand),
    /// Run a command on many shards, each with its key, and collect their witnesses
    Fleet(fleet::FleetArgs),
    /// Lay all witnesses out for a web server, as files per shard and one array
    Collect(fleet::CollectArgs),
    /// A validator: check every witness of an epoch and sign the root over all of them
    Vote(epoch::VoteArgs),
    /// Count votes: a certificate, or evidence of double signing
    Certify(epoch::CertifyArgs),
    /// Check a certificate, and that a witness is under its root
    Certificate(epoch::CertificateArgs),
    /// Look for counter-examples to validity and uniqueness, by seeds
    Simulate(simulate::SimulateArgs),
    /// A copy without arguments, environment and paths, signed again
    Redact(analyse::RedactArgs),
    /// Write down on a Solana cluster who may anchor witnesses and who may vote
    Roster(roster::RosterArgs),
    /// Anchor a witness on a Solana cluster, or vote for an anchored one
    Anchor(anchor::AnchorArgs),
    /// What a Solana cluster keeps of a shard and epoch, and whether it is final
    Anchored(anchor::AnchoredArgs),
}

/// Whether a command passes signals on instead of ending by them.
pub(crate) const fn owns_signals(command: &Command) -> bool {
    matches!(command, Command::Witness(WitnessCommand::Run(_)))
}

pub(crate) fn execute(command: WitnessCommand, config: &Config, ui: &Ui) -> Result<u8, Error> {
    match command {
        WitnessCommand::Run(args) => Ok(run::execute(&args, config, ui)),
        WitnessCommand::Verify(args) => verify::execute(&args, config, ui),
        WitnessCommand::Report(args) => analyse::report(&args, ui),
        WitnessCommand::Compare(args) => analyse::compare(&args, ui),
        WitnessCommand::Baseline(command) => analyse::baseline(&command, ui),
        WitnessCommand::Fleet(args) => fleet::execute(&args, ui),
        WitnessCommand::Collect(args) => fleet::collect(&args, ui),
        WitnessCommand::Vote(args) => epoch::vote(&args, config, ui),
        WitnessCommand::Certify(args) => epoch::certify(&args, ui),
        WitnessCommand::Certificate(args) => epoch::check(&args, ui),
        WitnessCommand::Simulate(args) => simulate::execute(&args, ui),
        WitnessCommand::Redact(args) => analyse::redact(&args, config, ui),
        WitnessCommand::Roster(args) => roster::execute(&args, config, ui),
        WitnessCommand::Anchor(args) => anchor::execute(&args, config, ui),
        WitnessCommand::Anchored(args) => anchor::anchored(&args, ui),
    }
}
