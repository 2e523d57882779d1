//! `proofmark binding setup`, `contribute`, `verify-transcript`.

use std::path::{Path, PathBuf};

use proofmark_binding::{
    ceremony::{Ceremony, MIN_CONTRIBUTIONS, development_key},
    circuit::Form,
    keyfile,
    phase1::PowersOfTau,
    setup::Contribution,
};
use serde::Serialize;

use super::{
    files::{FormArg, failed, hex, key_folder, powers},
    key,
};
use crate::{
    config::Config,
    error::Error,
    ui::{Facts, Ui, plural},
};

/// Arguments of `setup`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A ceremony starts from the perpetual powers of tau, which come with this command. Each party adds a \
contribution; if one of them forgets its secret, nobody can forge. `proofmark binding key make` finishes it.

Examples:
  proofmark binding setup --out open.ceremony
  proofmark binding setup --form sealed --out sealed.ceremony
  proofmark binding setup --dev")]
pub(crate) struct SetupArgs {
    /// Which facts the verifier will know
    #[arg(long, value_enum, default_value = "open", hide_possible_values = true, value_name = "open|sealed")]
    form: FormArg,
    /// A .ptau file, instead of the powers that come with this command
    #[arg(long, value_name = "FILE", conflicts_with = "dev")]
    powers: Option<PathBuf>,
    /// Make a development key at once. It is marked, and so is every receipt made with it; policies reject both
    #[arg(long)]
    dev: bool,
    /// The ceremony's file; with --dev a folder for the key
    #[arg(long, short, value_name = "PATH", required_unless_present = "dev")]
    out: Option<PathBuf>,
}

/// Arguments of `contribute`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The secret comes from the operating system, is never written, and is gone when the command ends.\n\n\
                  Example: proofmark binding contribute open-1.ceremony --name 'Alice, example.org' --out open-2.ceremony"
)]
pub(crate) struct ContributeArgs {
    /// The ceremony so far
    ceremony: PathBuf,
    /// Who you are, for the transcript
    #[arg(long, value_name = "TEXT")]
    name: String,
    /// The powers that the ceremony started from, if they are not those that come with this command
    #[arg(long, value_name = "FILE")]
    powers: Option<PathBuf>,
    /// Where the ceremony goes with your contribution
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

/// Arguments of `verify-transcript`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 1 if anything in it is wrong.\n\nExample: proofmark binding verify-transcript open-2.ceremony"
)]
pub(crate) struct TranscriptArgs {
    /// The ceremony
    ceremony: PathBuf,
    /// The powers that the ceremony started from, if they are not those that come with this command
    #[arg(long, value_name = "FILE")]
    powers: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    form: &'static str,
    /// Whether the powers of tau are published ones.
    published_powers: bool,
    powers_blake2b: String,
    contributions: Vec<Contributor>,
    /// Whether a key made now would be a development key.
    dev: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Contributor {
    name: String,
    /// First bytes of `δ` after the contribution, so that a contributor finds their own.
    mark: String,
}

pub(crate) fn start(args: &SetupArgs, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let form = Form::from(args.form);
    if args.dev {
        let folder = args.out.clone().unwrap_or_else(|| key_folder(config));
        let progress = ui.progress();
        progress.phase("making a development key");
        let key = development_key(form).tabulate();
        progress.finish();
        ui.warn(
            "this is a development key: whoever made it can forge proofs, and policies reject its receipts",
        );
        return key::write(&key, &folder, ui);
    }
    let powers = powers(args.powers.as_deref())?;
    let ceremony = Ceremony::start(form, &powers).map_err(|e| failed(e.into()))?;
    save(&ceremony, &powers, args.out.as_deref(), ui)
}

pub(crate) fn contribute(args: &ContributeArgs, ui: &Ui) -> Result<u8, Error> {
    let powers = powers(args.powers.as_deref())?;
    let mut ceremony = read(&args.ceremony, &powers)?;
    let progress = ui.progress();
    progress.phase("checking the ceremony so far");
    ceremony.verify(&powers).map_err(|e| failed(e.into()))?;
    progress.phase("contributing");
    ceremony.contribute(&args.name).map_err(|e| failed(e.into()))?;
    progress.finish();
    save(&ceremony, &powers, Some(&args.out), ui)
}

pub(crate) fn verify(args: &TranscriptArgs, ui: &Ui) -> Result<u8, Error> {
    let powers = powers(args.powers.as_deref())?;
    let ceremony = read(&args.ceremony, &powers)?;
    ceremony.verify(&powers).map_err(|e| failed(e.into()))?;
    show(&ceremony, &powers, None, ui);
    Ok(0)
}

/// Reads a ceremony; its history is still to be verified.
pub(super) fn read(path: &Path, powers: &PowersOfTau) -> Result<Ceremony, Error> {
    let bytes = keyfile::read_ceremony(path).map_err(failed)?;
    Ceremony::decode(&bytes, powers)
        .map_err(|fault| failed(proofmark_binding::error::Error::Key { path: path.to_path_buf(), fault }))
}

fn save(ceremony: &Ceremony, powers: &PowersOfTau, path: Option<&Path>, ui: &Ui) -> Result<u8, Error> {
    if let Some(path) = path {
        key::put(path, &ceremony.encode())?;
    }
    show(ceremony, powers, path, ui);
    Ok(0)
}

fn show(ceremony: &Ceremony, powers: &PowersOfTau, file: Option<&Path>, ui: &Ui) {
    let answer = Answer {
        form: ceremony.points.verifying.form.name(),
        published_powers: powers.published,
        powers_blake2b: hex(&powers.hash),
        contributions: ceremony.transcript.iter().map(contributor).collect(),
        dev: !powers.published || ceremony.transcript.len() < MIN_CONTRIBUTIONS,
        file: file.map(Path::to_path_buf),
    };
    ui.answer(&answer, |ui| {
        let mut facts = Facts::default();
        facts.add("form", answer.form);
        facts.add("powers of tau", if answer.published_powers { "published" } else { "not published ones" });
        facts.add("contributions", plural(answer.contributions.len() as u64, "contribution"));
        for contributor in &answer.contributions {
            facts.add("", format!("{}  {}", contributor.mark, contributor.name));
        }
        if answer.dev {
            facts.add("a key now", format!("would be a development key: it needs published powers and {MIN_CONTRIBUTIONS} contributions"));
        }
        facts.maybe("file", answer.file.as_ref().map(|file| file.display().to_string()));
        facts.render(ui, 0)
    });
}

fn contributor(contribution: &Contribution) -> Contributor {
    let mut point = Vec::new();
    proofmark_binding::point::put_g1(&mut point, &contribution.delta_g1);
    Contributor { name: contribution.name.clone(), mark: hex(&point[..8]) }
}
