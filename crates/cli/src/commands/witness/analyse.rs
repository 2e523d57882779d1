//! `proofmark witness report`, `compare`, `baseline` and `redact`.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use proofmark_core::{Evidence, WitnessClaim};
use proofmark_recorder::Symbols;
use proofmark_witness::{
    analysis::{self, Baseline, Collector, MAX_BASELINE_BYTES, Profile, Report, Run},
    dsse::Envelope,
    perf::{self, Limits},
    perf_digest,
};
use serde::Serialize;

use super::{folder::ShardFolder, verify::read_claim};
use crate::{
    config::Config,
    error::{Error, exit},
    files, keys,
    ui::{Align, Facts, Tone, Ui, bytes, clean, duration, grouped, table},
};

/// Arguments of `witness report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Functions are named by the files of this machine, where they still have the build ids that were recorded.

Example: proofmark witness report witnesses/shard-0 --html report.html")]
pub(crate) struct ReportArgs {
    /// A shard's folder, or a receipt
    witness: PathBuf,
    /// The recording; default: inside the receipt, or beside it
    #[arg(long, value_name = "FILE")]
    perf: Option<PathBuf>,
    /// Write a page with a flame graph too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Arguments of `witness compare`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// A shard's folder, or a receipt
    first: PathBuf,
    /// Another
    second: PathBuf,
}

/// Subcommands of `witness baseline`.
#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Add runs to a baseline; makes it if there is none
    Add {
        /// The baseline
        baseline: PathBuf,
        /// Shards' folders, or receipts
        #[arg(required = true)]
        witnesses: Vec<PathBuf>,
    },
    /// Judge a run: exit 0 like the earlier ones, 1 unlike them
    Judge {
        /// The baseline
        baseline: PathBuf,
        /// A shard's folder, or a receipt
        witness: PathBuf,
        /// How often an ordinary run may be reported
        #[arg(long, value_name = "RATE", default_value_t = 0.05, value_parser = rate)]
        rate: f64,
    },
}

/// Arguments of `witness redact`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The copy has no arguments, environment, paths or machine model; publish it without the recording, which has them.
It names the claim that it was made from, and is signed by the same key.")]
pub(crate) struct RedactArgs {
    /// A shard's folder, or a receipt
    witness: PathBuf,
    /// The shard's key; default: the provider's
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where the signed copy goes, a DSSE envelope
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn report(args: &ReportArgs, ui: &Ui) -> Result<u8, Error> {
    let (claim, profile) = load(&args.witness, args.perf.as_deref())?;
    let report = Report::new(&claim, &profile);
    if let Some(path) = &args.html {
        files::write_whole(path, analysis::html(&report, &profile).as_bytes())?;
        ui.note(&format!("wrote {}", path.display()));
    }
    ui.answer(&report, |ui| render(ui, &report));
    Ok(0)
}

fn render(ui: &Ui, report: &Report) -> String {
    let mut facts = Facts::default();
    facts.add("command", report.command.join(" "));
    facts.add("agent", format!("{} on shard {}", report.agent, report.shard));
    for (name, value) in &report.counters {
        match name.split_once(", ") {
            Some((name, "µs")) => {
                facts.add(name, duration(std::time::Duration::from_micros(*value)));
            }
            Some((name, "bytes")) => {
                facts.add(name, bytes(*value));
            }
            _ => {
                facts.add(name, grouped(*value));
            }
        }
    }
    let events = report.events.iter().filter(|event| event.samples > 0);
    let events: Vec<_> = events.map(|event| format!("{} ×{}", event.name, event.samples)).collect();
    facts.add("samples", events.join(", "));
    facts.add("profile of", report.profiled.join(", then "));
    facts.add("when", format!("|{}|", report.bars()));
    let rows: Vec<Vec<String>> = report
        .functions
        .iter()
        .map(|(name, own, total)| vec![percent(*own), percent(*total), name.clone()])
        .collect();
    let heading = [("own", Align::Right), ("with callees", Align::Right), ("function", Align::Left)];
    format!(
        "{}\n{}\n{} {}\n",
        facts.render(ui, 0),
        table(ui, &heading, &rows),
        ui.paint(Tone::Dim, "attested, not proved:"),
        "this is what the signer recorded"
    )
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

pub(super) fn compare(args: &CompareArgs, ui: &Ui) -> Result<u8, Error> {
    let (first, second) = (load(&args.first, None)?, load(&args.second, None)?);
    let answer = analysis::compare((&first.0, &first.1), (&second.0, &second.1));
    ui.answer(&answer, |ui| {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (name, before, after) in &answer.counters {
            let change = *after as f64 / (*before).max(1) as f64 * 100.0 - 100.0;
            rows.push(vec![grouped(*before), grouped(*after), format!("{change:+.1} %"), name.clone()]);
        }
        for shift in answer.shifts.iter().take(12) {
            let change = format!("{:+.1} points", (shift.after - shift.before) * 100.0);
            rows.push(vec![percent(shift.before), percent(shift.after), change, shift.function.clone()]);
        }
        let heading = [
            ("first", Align::Right),
            ("second", Align::Right),
            ("change", Align::Right),
            ("what", Align::Left),
        ];
        let same = |same: bool| if same { "the same" } else { "another" };
        format!(
            "{} program, {} command, profiles {} apart\n{}",
            same(answer.same_program),
            same(answer.same_command),
            percent(answer.distance),
            table(ui, &heading, &rows)
        )
    });
    Ok(0)
}

pub(super) fn baseline(command: &BaselineCommand, ui: &Ui) -> Result<u8, Error> {
    match command {
        BaselineCommand::Add { baseline: path, witnesses } => {
            let mut baseline = if path.exists() { read_baseline(path)? } else { Baseline::new(Vec::new()) };
            for witness in witnesses {
                let (claim, profile) = load(witness, None)?;
                baseline.push(Run::of(&claim, &profile));
            }
            files::write_whole(path, baseline.to_json().as_bytes())?;
            #[derive(Serialize)]
            struct Answer {
                runs: usize,
            }
            let answer = Answer { runs: baseline.len() };
            ui.answer(&answer, |_| format!("{} runs\n", answer.runs));
            Ok(0)
        }
        BaselineCommand::Judge { baseline: path, witness, rate } => {
            let baseline = read_baseline(path)?;
            let (claim, profile) = load(witness, None)?;
            let finding = baseline.judge(&Run::of(&claim, &profile), *rate).map_err(|e| {
                let hint = "add more ordinary runs with `witness baseline add`, or allow a higher --rate";
                Error::usage(e.to_string(), hint)
            })?;
            ui.answer(&finding, |ui| {
                let word = if finding.anomalous {
                    ui.paint(Tone::Bad, "unlike the earlier runs")
                } else {
                    ui.paint(Tone::Good, "like the earlier runs")
                };
                let mut text = format!(
                    "{word}: score {:.1}, reported above {:.1}; an ordinary run is reported in at most {} of cases\n",
                    finding.score,
                    finding.threshold,
                    percent(finding.false_alarm_rate)
                );
                for cause in finding.causes.iter().take(4) {
                    text.push_str(&format!("  {} {:+.1}\n", cause.feature, cause.deviations.clamp(-1e6, 1e6)));
                }
                text
            });
            Ok(if finding.anomalous { exit::REFUSED } else { 0 })
        }
    }
}

pub(super) fn redact(args: &RedactArgs, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let (_, claim) = read_claim(&receipt_path(&args.witness))?;
    let key = keys::load(&args.key.clone().unwrap_or_else(|| config.provider_key()))?;
    let copy = proofmark_witness::redact(&claim);
    let evidence = proofmark_witness::sign(&copy, &key);
    files::write_whole(&args.out, Envelope::of(&copy, &evidence).to_json().as_bytes())?;
    ui.note(&format!("wrote {}; publish it without the recording", args.out.display()));
    Ok(0)
}

/// The claim of a witness and the profile of its recording, which must have the claimed digest.
fn load(witness: &Path, perf: Option<&Path>) -> Result<(WitnessClaim, Profile), Error> {
    let path = receipt_path(witness);
    let (receipt, claim) = read_claim(&path)?;
    let refuse = |path: &Path, message: String| Error::File { path: path.to_path_buf(), message, hint: None };
    let profile = match (perf, &receipt.evidence) {
        (None, Evidence::Witness(evidence)) if evidence.perf.is_some() => {
            let bytes = evidence.perf.as_ref().map_or(&[][..], |bytes| &bytes.0);
            let digest = proofmark_core::Digest::of(bytes);
            profile(&claim, std::io::Cursor::new(bytes), bytes.len() as u64, digest)
        }
        _ => {
            let beside = perf.map(Path::to_path_buf).or_else(|| beside(witness)).ok_or_else(|| {
                refuse(&path, "its recording is not inside; name it with --perf".to_owned())
            })?;
            let open = || File::open(&beside).map_err(|source| Error::Read { path: beside.clone(), source });
            let read = perf_digest(open()?, u64::MAX - 1);
            let (digest, length) = read.map_err(|source| Error::Read { path: beside.clone(), source })?;
            profile(&claim, BufReader::new(open()?), length, digest)
        }
    };
    profile.map(|profile| (claim, profile)).map_err(|message| refuse(&path, message))
}

fn profile(
    claim: &WitnessClaim,
    source: impl std::io::Read + std::io::Seek,
    length: u64,
    digest: proofmark_core::Digest,
) -> Result<Profile, String> {
    if digest != claim.recording.perf {
        return Err(format!("the recording is {digest}, the claim is about {}", claim.recording.perf));
    }
    let mut collector = Collector::default();
    let facts = perf::read(source, length, &Limits::default(), |record| collector.see(record));
    let facts = facts.map_err(|e| clean(&e.to_string()).into_owned())?;
    let mut symbols = Symbols::new(&facts.build_ids);
    collector.finish(&facts.events, |frame| symbols.resolve(frame)).map_err(|e| e.to_string())
}

pub(super) fn receipt_path(witness: &Path) -> PathBuf {
    folder(witness).map_or_else(|| witness.to_path_buf(), |folder| folder.receipt())
}

pub(super) fn beside(witness: &Path) -> Option<PathBuf> {
    folder(witness).map(|folder| folder.perf()).filter(|path| path.is_file())
}

fn folder(witness: &Path) -> Option<ShardFolder> {
    let number = witness.file_name()?.to_str()?.strip_prefix("shard-")?.parse().ok()?;
    witness.is_dir().then(|| ShardFolder::new(&files::parent(witness), number))
}

fn read_baseline(path: &Path) -> Result<Baseline, Error> {
    Baseline::parse(&files::read(path, MAX_BASELINE_BYTES as u64)?).map_err(|e| Error::File {
        path: path.to_path_buf(),
        message: e.to_string(),
        hint: None,
    })
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate < 1.0 => Ok(rate),
        _ => Err("a rate lies between 0 and 1, for example 0.05".to_owned()),
    }
}
