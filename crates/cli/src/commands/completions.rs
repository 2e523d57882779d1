//! `proofmark completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{args::Args, error::Error, ui::Ui};

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: proofmark completions bash > ~/.local/share/bash-completion/completions/proofmark"
)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn execute(args: &CompletionsArgs, ui: &Ui) -> Result<u8, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "proofmark", &mut script);
    ui.raw(&script);
    Ok(0)
}
