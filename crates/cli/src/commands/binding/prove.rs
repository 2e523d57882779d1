//! `proofmark binding prove`.

use std::{path::PathBuf, time::Instant};

use proofmark_binding::{circuit::Form, error::KeyFault, manager::KeyManager, receipt::bind};
use proofmark_core::{Claim, Evidence, InferenceClaim, Provenance, Receipt, SealedOpening, Tier, Verdict};
use proofmark_prover::CancelToken;
use proofmark_verifier::{BindingPolicy, Expectations, Policy, systems::commitment};
use serde::Serialize;

use super::files::{FormArg, PathOrHash, failed, settings};
use crate::{
    commands::verify::render_verdict,
    config::Config,
    error::Error,
    files::Access,
    judge::{Judge, read_policy},
    keys,
    run::outdir::{Content, OutDir},
    ui::{Facts, Ui, duration},
};

const TOOL: &str = concat!("proofmark ", env!("CARGO_PKG_VERSION"));

/// Arguments of `prove`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes receipt.json and receipt.cbor; with --sealed also opening.json, which only you can read: it opens the claim to whom you \
give it. The proof is checked before it is written. It does not show that the model ran.

Without a usable key nothing is made up: the command fails, unless --policy allows a signature (tier 1) for this job. The \
receipt then says so.

Example: proofmark binding prove --job job.json --model model.gguf --input prompt.txt --output answer.txt")]
pub(crate) struct ProveArgs {
    /// The job that was answered: its file, or its digest
    #[arg(long, value_name = "FILE|HASH")]
    job: PathOrHash,
    /// The model: a file, a folder of weights, or its hash
    #[arg(long, value_name = "PATH|HASH")]
    model: PathOrHash,
    /// The input (prompt): a file, or its hash
    #[arg(long, short, value_name = "FILE|HASH")]
    input: PathOrHash,
    /// The output (answer): a file, or its hash
    #[arg(long, value_name = "FILE|HASH")]
    output: PathOrHash,
    /// Hide model, input and output behind a salted commitment
    #[arg(long)]
    sealed: bool,
    /// The proving key, instead of the configured one
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The buyer's policy: says whether a signature may stand in where no proof can be made
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The folder for the files
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    form: FormArg,
    facts: InferenceClaim,
    tier: Tier,
    system: &'static str,
    dev: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    degraded: Option<String>,
    proving_us: u64,
    cid: String,
    cbor_bytes: usize,
    verdict: Verdict,
    files: Vec<PathBuf>,
}

/// What was made, and why it is less than a proof, if it is.
struct Made {
    receipt: Receipt,
    opening: Option<SealedOpening>,
    degraded: Option<String>,
}

pub(crate) fn execute(args: &ProveArgs, config: &Config, ui: &Ui, cancel: &CancelToken) -> Result<u8, Error> {
    let facts = InferenceClaim {
        job: args.job.job()?,
        model: args.model.bytes("model", ui, cancel)?,
        input: args.input.bytes("input", ui, cancel)?,
        output: args.output.bytes("output", ui, cancel)?,
    };
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let judge = Judge::new(config)?;
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("out").join(&facts.job.to_hex()[..16]));
    let out = OutDir::lock(&folder)?;

    let start = Instant::now();
    let form = if args.sealed { Form::Sealed } else { Form::Open };
    let keys = settings(form, args.key.as_deref(), config)?.keys().and_then(|keys| match keys.current() {
        key if key.form() != form => Err(proofmark_binding::error::Error::Key {
            path: args.key.clone().unwrap_or_default(),
            fault: KeyFault::Foreign("it is for the other form of claim; see --sealed"),
        }),
        _ => Ok(keys),
    });
    let made = match keys {
        Ok(keys) => proof(&keys, &facts)?,
        Err(error) => degrade(failed(error), &facts, args.sealed, policy.as_ref(), config)?,
    };
    let proving_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let Made { receipt, opening, degraded } = made;
    if let Some(reason) = &degraded {
        ui.warn(&format!("no proof could be made, so the receipt is only signed (tier 1): {reason}"));
    }

    // As its buyer would judge it; what the key is worth, is for the buyer to say.
    let (json, cbor) = (receipt.to_json(), receipt.to_cbor());
    let mut trusting = BindingPolicy::default();
    let dev = matches!(&receipt.evidence, Evidence::Binding(evidence) if evidence.dev);
    if let Evidence::Binding(evidence) = &receipt.evidence {
        let label = proofmark_binding::evidence::key_label(&evidence.key);
        trusting.keys.extend(label.map(|label| label.id));
    }
    let judged = Policy {
        min_tier: receipt.evidence.tier(),
        allow_dev: dev,
        binding: Some(trusting),
        ..Policy::default()
    };
    let expectations = Expectations {
        job: Some(facts.job),
        model: Some(facts.model),
        input: Some(facts.input),
        output: Some(proofmark_verifier::ExpectedOutput::Root(facts.output)),
        opening: opening.clone(),
        ..Expectations::default()
    };
    let verdict = judge.judge(&cbor, &judged, &expectations);
    if let Verdict::Invalid { reason, detail } = &verdict {
        return Err(Error::Prover {
            code: "prover-bad-output",
            message: format!("the receipt that was made is not valid: {reason}: {detail}"),
            hint: None,
        });
    }
    if cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    judge.keep(&receipt, ui);
    let opening = opening.map(|opening| {
        let mut text = serde_json::to_string_pretty(&opening).expect("digests and bytes always encode");
        text.push('\n');
        text
    });
    let mut contents: Vec<Content<'_>> =
        vec![("receipt.cbor", &cbor, Access::Usual), ("receipt.json", json.as_bytes(), Access::Usual)];
    if let Some(opening) = &opening {
        contents.push(("opening.json", opening.as_bytes(), Access::Owner));
    }
    out.write(&contents)?;

    let answer = Answer {
        form: if args.sealed { FormArg::Sealed } else { FormArg::Open },
        facts,
        tier: receipt.evidence.tier(),
        system: receipt.evidence.system(),
        dev,
        degraded,
        proving_us,
        cid: receipt.cid(),
        cbor_bytes: cbor.len(),
        verdict,
        files: contents.iter().map(|(name, ..)| folder.join(name)).collect(),
    };
    if dev {
        ui.warn("made with a development key: policies reject this receipt");
    }
    ui.answer(&answer, |ui| render(ui, &answer));
    Ok(0)
}

fn proof(keys: &KeyManager, facts: &InferenceClaim) -> Result<Made, Error> {
    let start = Instant::now();
    let bound = bind(&keys.current(), facts).map_err(failed)?;
    let proving_ms = u64::try_from(start.elapsed().as_millis()).ok();
    Ok(Made { receipt: bound.receipt(TOOL, proving_ms), opening: bound.opening, degraded: None })
}

/// A signature in place of a proof, if the buyer's policy takes one for this job. Never silently.
fn degrade(
    error: Error,
    facts: &InferenceClaim,
    sealed: bool,
    policy: Option<&Policy>,
    config: &Config,
) -> Result<Made, Error> {
    let allowed = policy.is_some_and(|policy| {
        policy.min_tier <= Tier::Commitment
            && policy.binding.as_ref().is_some_and(|binding| !binding.requires_proof(Some(&facts.job)))
    });
    // A sealed claim without a proof would be a commitment that nobody can check.
    if !allowed || sealed {
        return Err(error);
    }
    let path = config.provider_key();
    let key = if path.exists() { keys::load(&path)? } else { keys::create(&path)? };
    let claim = Claim::Binding(*facts);
    let evidence = Evidence::Commitment(commitment::sign(&claim, &key));
    let mut provenance = Provenance { tool: TOOL.into(), ..Provenance::default() };
    provenance.parameters.insert("degraded".into(), format!("signed instead of proved: {}", error.code()));
    let receipt = Receipt { version: Receipt::VERSION, claim, evidence, provenance };
    Ok(Made { receipt, opening: None, degraded: Some(error.to_string()) })
}

fn render(ui: &Ui, answer: &Answer) -> String {
    let mut facts = Facts::default();
    facts.add("job", answer.facts.job.to_string());
    facts.add("model", answer.facts.model.to_string());
    facts.add("input", answer.facts.input.to_string());
    facts.add("output", answer.facts.output.to_string());
    facts.add("tier", format!("{} ({})", answer.tier, answer.system));
    facts.add("made in", duration(std::time::Duration::from_micros(answer.proving_us)));
    facts.add("receipt", format!("{} ({} bytes)", answer.cid, answer.cbor_bytes));
    let mut text = facts.render(ui, 0);
    text.push_str(&render_verdict(ui, &answer.verdict));
    for file in &answer.files {
        text.push_str(&format!("wrote {}\n", file.display()));
    }
    text
}
