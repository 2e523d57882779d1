//! `proofmark witness simulate`.

use std::time::Instant;

use proofmark_witness::quorum::{
    guarantee,
    simulation::{Behaviour, LIVE_WITHIN, Setting, run},
};
use serde::Serialize;

use crate::{
    error::{Error, exit},
    ui::{Tone, Ui, grouped},
};

/// Arguments of `witness simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Byzantine validators are silent, late, lying or double-signing; the network delays, loses and parts.

Exit codes: 0 as the theorems say, 1 a counter-example to them

Example: proofmark witness simulate --seeds 10000")]
pub(crate) struct SimulateArgs {
    /// Seeds for each question
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    seeds: u64,
    /// Validators
    #[arg(long, value_name = "N", default_value_t = 71)]
    validators: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    question: String,
    seeds: u64,
    /// Seeds that show it, or speak against it.
    found: u64,
    first_seed: Option<u64>,
    as_proved: bool,
    milliseconds: u64,
}

pub(super) fn execute(args: &SimulateArgs, ui: &Ui) -> Result<u8, Error> {
    let n = args.validators;
    if !(4..=10_000).contains(&n) {
        return Err(Error::usage(format!("{n} validators"), "4 to 10000 validators"));
    }
    let simple = n / 2 + 1;
    let full = proofmark_witness::quorum::Committee::default_quorum(n);
    let (valid, unique) = (n - simple, (n - 1) / 3);
    let setting = |quorum, faulty, behaviour, honest_collector| Setting {
        validators: n,
        quorum,
        faulty,
        behaviour,
        honest_collector,
    };
    let doubles = Some(Behaviour::DoubleSigning);
    let mut answers = Vec::new();
    let mut ask = |question: String, setting: Setting, expected: bool, against: fn(&Setting, u64) -> bool| {
        let start = Instant::now();
        let hits: Vec<u64> = (0..args.seeds).filter(|seed| against(&setting, *seed)).collect();
        answers.push(Answer {
            question,
            seeds: args.seeds,
            found: hits.len() as u64,
            first_seed: hits.first().copied(),
            as_proved: hits.is_empty() != expected,
            milliseconds: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
    };
    let bad: fn(&Setting, u64) -> bool = |setting, seed| !run(setting, seed).is_valid();
    let two: fn(&Setting, u64) -> bool = |setting, seed| !run(setting, seed).is_unique();
    let stuck: fn(&Setting, u64) -> bool =
        |setting, seed| run(setting, seed).rounds.is_none_or(|rounds| rounds > LIVE_WITHIN);
    ask(
        format!("{simple} of {n}, {valid} faulty: a bad root certified"),
        setting(simple, valid, None, false),
        false,
        bad,
    );
    ask(
        format!("{simple} of {n}, {valid} double signers: a bad root certified"),
        setting(simple, valid, doubles, false),
        false,
        bad,
    );
    ask(
        format!("{simple} of {n}, {valid} faulty: nothing certified"),
        setting(simple, valid, None, true),
        false,
        stuck,
    );
    ask(
        format!("{simple} of {n}, 1 double signer: two roots certified"),
        setting(simple, 1, doubles, false),
        true,
        two,
    );
    ask(
        format!("{full} of {n}, {unique} faulty: two roots certified"),
        setting(full, unique, None, false),
        false,
        two,
    );
    ask(
        format!("{full} of {n}, {unique} double signers: two roots certified"),
        setting(full, unique, doubles, false),
        false,
        two,
    );
    ask(
        format!("{full} of {n}, {unique} faulty: a bad root certified"),
        setting(full, unique, None, false),
        false,
        bad,
    );
    ask(
        format!("{full} of {n}, {unique} faulty: nothing certified"),
        setting(full, unique, None, true),
        false,
        stuck,
    );
    ui.answer(&answers, |ui| {
        let mut text =
            format!("{simple} of {n}: {}\n{full} of {n}: {}\n", guarantee(n, simple), guarantee(n, full));
        for answer in &answers {
            let word = if answer.as_proved {
                ui.paint(Tone::Good, "as proved")
            } else {
                ui.paint(Tone::Bad, "NOT as proved")
            };
            let seed = answer.first_seed.map_or(String::new(), |seed| format!(", first by seed {seed}"));
            text.push_str(&format!(
                "{word}: {}: {} of {} seeds{seed} ({} ms)\n",
                answer.question,
                grouped(answer.found),
                grouped(answer.seeds),
                answer.milliseconds
            ));
        }
        text
    });
    Ok(if answers.iter().all(|answer| answer.as_proved) { 0 } else { exit::REFUSED })
}
