//! Building the zkVM guests and comparing them with the committed programs.

use anyhow::{Result, bail};

use crate::test::Outcome;

/// Options of the guest build.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only compare with the committed programs; write nothing.
    #[arg(long)]
    check: bool,
}

/// Builds the guests, or compares.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.check {
        return check().map(drop);
    }
    bail!("there is no guest in guests/ yet")
}

/// Whether the committed programs are what their source gives.
pub(crate) fn check() -> Result<Outcome> {
    bail!("there is no guest in guests/ yet")
}
