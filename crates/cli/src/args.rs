//! The grammar of the command line. Names here are a contract.

use std::path::PathBuf;

use clap::{Parser, Subcommand, error::ErrorKind};

use crate::{
    commands,
    error::Error,
    ui::{ColorChoice, Ui, clean},
};

const AFTER_HELP: &str = "\
Exit codes:
  0    done, or valid
  1    refused: the receipt or the plan is invalid
  2    usage, configuration or unreadable input
  3    the plan failed on this data
  4    the prover failed
  5    the machine failed: full disk, folder in use
  130  cancelled

Begin with: proofmark run examples/stocks/plan.yaml --tier 1";

const GLOBAL: &str = "Everywhere";

/// Compute that carries its proof.
///
/// A plan and data go in; the result and a receipt come out, and anybody can check the receipt offline in milliseconds.
#[derive(Debug, Parser)]
#[command(name = "proofmark", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// Reads the command line of this process.
    ///
    /// # Errors
    /// The exit code, after help or the error was shown: as JSON if `--json` stands anywhere.
    pub(crate) fn read() -> Result<Self, u8> {
        Self::try_parse().map_err(|error| {
            let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            if !is_help && std::env::args_os().any(|arg| arg == "--json") {
                let text = error.render().to_string();
                let text = text.strip_prefix("error: ").unwrap_or(&text);
                let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
                let refused = Error::usage(clean(message), clean(rest.trim()));
                Ui::new(true, true, ColorChoice::Never).fail(&refused);
                return refused.exit();
            }
            // Where stderr is gone there is nobody to tell.
            let _ = error.print();
            if is_help { 0 } else { crate::error::exit::USAGE }
        })
    }
}

/// Options of every command.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// Print one JSON document on stdout, errors too
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// No remarks and no progress on stderr
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub(crate) color: ColorChoice,
    /// Configuration file, instead of ./proofmark.yaml or the user's config.yaml
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Execute a plan, prove it, verify the proof, write receipt and output
    Run(commands::run::RunArgs),
    /// Check, hash, draw and price plans
    #[command(subcommand)]
    Plan(commands::plan::PlanCommand),
    /// Judge receipts: exit 0 valid, 1 invalid, 2 unreadable
    Verify(commands::verify::VerifyArgs),
    /// Show everything in a receipt, and what it proves and does not prove
    Inspect(commands::inspect::InspectArgs),
    /// The registry of programs that may prove plans
    #[command(subcommand)]
    Program(commands::program::ProgramCommand),
    /// Receipts that tie an answer to its job, model and input
    #[command(subcommand)]
    Binding(commands::binding::BindingCommand),
    /// Commitments to data
    #[command(subcommand)]
    Data(commands::data::DataCommand),
    /// The provider's signing key
    #[command(subcommand)]
    Key(commands::key::KeyCommand),
    /// Run commands under perf, sign what they leave behind, agree on it
    #[command(subcommand)]
    Witness(commands::witness::WitnessCommand),
    /// The effective configuration
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
    /// Print a completion script for a shell
    Completions(commands::completions::CompletionsArgs),
}
