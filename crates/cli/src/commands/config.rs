//! `proofmark config`.

use clap::Subcommand;
use serde::Serialize;

use crate::{
    config::{Config, Setting},
    error::Error,
    ui::{Align, Ui, table},
};

/// Subcommands of `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every setting: its value, where the value came from, and the variable that overrides it
    #[command(after_help = "Example: PROOFMARK_BACKEND=risc0 proofmark config show")]
    Show,
}

#[derive(Serialize)]
struct Answer<'a> {
    settings: &'a [Setting],
}

pub(crate) fn execute(command: &ConfigCommand, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let ConfigCommand::Show = command;
    ui.answer(&Answer { settings: config.settings() }, |ui| {
        let rows: Vec<Vec<String>> = config
            .settings()
            .iter()
            .map(|setting| {
                vec![
                    setting.key.to_string(),
                    setting.value.to_string(),
                    setting.origin.to_string(),
                    setting.variable.clone(),
                ]
            })
            .collect();
        let left = Align::Left;
        let heading = [("agent.zkvm.…", left), ("value", left), ("from", left), ("override with", left)];
        table(ui, &heading, &rows)
    });
    Ok(0)
}
