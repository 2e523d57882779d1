//! `proofmark plan backends`.

use std::path::PathBuf;

use proofmark_core::Digest;
use serde::Serialize;

use crate::{
    config::Config,
    error::Error,
    run::{
        backends::{self, Reason},
        plan,
    },
    ui::{Align, Ui, clean, table},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    plans: Vec<PlanAnswer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanAnswer {
    path: PathBuf,
    hash: Digest,
    backends: Vec<Backend>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Backend {
    prover: &'static str,
    supported: bool,
    unsupported: Vec<Reason>,
}

pub(crate) fn execute(paths: &[PathBuf], config: &Config, ui: &Ui) -> Result<u8, Error> {
    let provers = backends::all(config.backends());
    let answer = |path: &PathBuf| -> Result<PlanAnswer, Error> {
        let loaded = plan::load(path, ui)?;
        let judged = provers.iter().map(|prover| {
            let unsupported = backends::reasons(&**prover, &loaded.typed);
            Backend { prover: prover.name(), supported: unsupported.is_empty(), unsupported }
        });
        Ok(PlanAnswer { path: path.clone(), hash: loaded.typed.hash, backends: judged.collect() })
    };
    let plans = paths.iter().map(answer).collect::<Result<Vec<_>, Error>>()?;
    let answer = Answer { plans };
    ui.answer(&answer, |ui| render(ui, &answer));
    Ok(0)
}

fn render(ui: &Ui, answer: &Answer) -> String {
    let mut text = String::new();
    for plan in &answer.plans {
        text.push_str(&format!("{}\n", clean(&plan.path.display().to_string())));
        let heading = ["prover", "can prove it", "step", "reason"].map(|name| (name, Align::Left));
        let rows = plan.backends.iter().flat_map(|backend| {
            let verdict = if backend.supported { "yes" } else { "no" };
            let row = |step: &str, reason: &str| {
                [backend.prover, verdict, step, reason].map(str::to_string).to_vec()
            };
            if backend.supported {
                vec![row("", "")]
            } else {
                backend.unsupported.iter().map(|found| row(&found.step, &found.reason)).collect()
            }
        });
        text.push_str(&table(ui, &heading, &rows.collect::<Vec<_>>()));
    }
    text
}
