//! `proofmark key`.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use crate::{
    config::Config,
    error::Error,
    keys,
    ui::{Facts, Ui},
};

/// Subcommands of `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// The public half of the key that signs tier 1 receipts
    #[command(after_help = "Example: proofmark key show --json")]
    Show {
        /// Another key file than the configured one
        #[arg(long, value_name = "FILE")]
        path: Option<PathBuf>,
    },
    /// Make a key; never overwrites one
    #[command(after_help = "Example: proofmark key new --path ./authority.key")]
    New {
        /// Another key file than the configured one
        #[arg(long, value_name = "FILE")]
        path: Option<PathBuf>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    public_key: proofmark_core::PublicKey,
    path: PathBuf,
}

pub(crate) fn execute(command: KeyCommand, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let (path, key) = match command {
        KeyCommand::Show { path } => {
            let path = path.unwrap_or_else(|| config.provider_key());
            if !path.exists() {
                return Err(Error::Key {
                    path,
                    message: "there is no key yet".to_string(),
                    hint: "`proofmark key new` makes one; so does the first `proofmark run --tier 1`"
                        .to_string(),
                });
            }
            let key = keys::load(&path)?;
            (path, key)
        }
        KeyCommand::New { path } => {
            let path = path.unwrap_or_else(|| config.provider_key());
            let key = keys::create(&path)?;
            (path, key)
        }
    };
    let answer = Answer { public_key: keys::public(&key), path };
    ui.answer(&answer, |ui| {
        let mut facts = Facts::default();
        facts.add("public key", answer.public_key.to_string());
        facts.add("file", answer.path.display().to_string());
        facts.render(ui, 0)
    });
    Ok(0)
}
