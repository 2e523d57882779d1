//! `proofmark inspect`.

use std::path::PathBuf;

use proofmark_core::{Claim, Evidence, MAX_RECEIPT_BYTES, Receipt};
use proofmark_verifier::{Statement, statement};
use serde::Serialize;

use crate::{
    error::Error,
    files,
    run::summary::{BridgeFacts, security},
    ui::{Facts, Tone, Ui, bytes, duration, grouped, plural},
};

/// Arguments of `inspect`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Inspecting does not verify: everything shown is what the receipt says of itself.\n\nExample: proofmark inspect out/receipt.json"
)]
pub(crate) struct InspectArgs {
    /// The receipt, JSON or CBOR; - reads standard input
    receipt: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    cid: String,
    tier: proofmark_core::Tier,
    system: &'static str,
    claim_digest: proofmark_core::Digest,
    json_bytes: usize,
    cbor_bytes: usize,
    proves: String,
    does_not_prove: String,
    receipt: &'a Receipt,
}

pub(crate) fn execute(args: &InspectArgs, ui: &Ui) -> Result<u8, Error> {
    let receipt = read_receipt(&args.receipt)?.1;
    let Statement { proves, does_not_prove } = statement(&receipt, None);
    let answer = Answer {
        cid: receipt.cid(),
        tier: receipt.evidence.tier(),
        system: receipt.evidence.system(),
        claim_digest: receipt.claim.digest(),
        json_bytes: receipt.to_json().len(),
        cbor_bytes: receipt.to_cbor().len(),
        proves,
        does_not_prove,
        receipt: &receipt,
    };
    ui.answer(&answer, |ui| render(ui, &answer));
    Ok(0)
}

/// What was used of what was allowed, as far as a claim says.
fn of_most(show: impl Fn(u64) -> String, used: Option<u64>, most: Option<u64>) -> String {
    match (used, most) {
        (Some(used), Some(most)) => format!("{} of at most {}", show(used), show(most)),
        (Some(used), None) => show(used),
        (None, Some(most)) => format!("at most {}", show(most)),
        (None, None) => "not stated".to_string(),
    }
}

/// Reads a receipt in either form, with its bytes.
pub(crate) fn read_receipt(path: &std::path::Path) -> Result<(Vec<u8>, Receipt), Error> {
    let data = files::read(path, MAX_RECEIPT_BYTES as u64)?;
    let receipt = Receipt::decode(&data).map_err(|e| Error::File {
        path: path.to_path_buf(),
        message: e.to_string(),
        hint: Some("a receipt is the receipt.json or receipt.cbor that `proofmark run` writes".to_string()),
    })?;
    Ok((data, receipt))
}

/// What a witness says.
fn witness_facts(facts: &mut Facts, claim: &proofmark_core::WitnessClaim) {
    facts.add("shard", format!("{}, agent {}, number {}", claim.shard, claim.agent, claim.sequence));
    facts.add("previous", claim.previous.map_or("none".to_string(), |previous| previous.to_string()));
    facts.add("challenge", claim.nonce.clone().unwrap_or_else(|| "none".to_string()));
    facts.add("job", claim.job.map_or("none".to_string(), |job| job.to_string()));
    facts.add("command", claim.command.arguments.join(" "));
    facts.add("program", format!("{} {}", claim.command.program.path, claim.command.program.digest));
    let nanos = claim.ended_ns.saturating_sub(claim.started_ns);
    facts.add("took", duration(std::time::Duration::from_nanos(nanos)));
    facts.add("ended", format!("{:?}", claim.outcome));
    facts.add("recording", format!("{} {}", bytes(claim.recording.perf_bytes), claim.recording.perf));
    facts.add("samples", grouped(claim.recording.samples));
}

fn render(ui: &Ui, answer: &Answer<'_>) -> String {
    let mut text = String::new();
    let mut section = |title: &str, facts: &Facts| {
        text.push_str(&format!("{}\n{}", ui.paint(Tone::Bold, title), facts.render(ui, 2)));
    };
    let receipt = answer.receipt;

    let mut facts = Facts::default();
    facts.add("id", answer.cid.clone());
    facts.add("format", format!("version {}", receipt.version));
    facts.add(
        "size",
        format!("{} as CBOR, {} as JSON", bytes(answer.cbor_bytes as u64), bytes(answer.json_bytes as u64)),
    );
    facts.add("tier", format!("{} ({})", answer.tier, answer.system));
    section("receipt", &facts);

    let mut facts = Facts::default();
    match &receipt.claim {
        Claim::Binding(claim) => {
            facts.add("job", claim.job.to_string());
            facts.add("model", claim.model.to_string());
            facts.add("input", claim.input.to_string());
            facts.add("output", claim.output.to_string());
        }
        Claim::SealedBinding(claim) => {
            facts.add("job", claim.job.to_string());
            facts.add("commitment", claim.commitment.to_string());
        }
        Claim::Plan(claim) => {
            facts.add("plan", claim.plan.to_string());
            facts.add("job", claim.job.map_or("none".to_string(), |job| job.to_string()));
            for input in &claim.inputs {
                facts.add(&format!("input {}", input.name), input.root.to_string());
            }
            facts.add("output", claim.output.to_string());
            let (used, limits) = (claim.usage, claim.limits);
            facts.add("steps", of_most(grouped, used.map(|it| it.steps), limits.map(|it| it.max_steps)));
            facts.add("rows", of_most(grouped, used.map(|it| it.rows), None));
            let memory = (used.map(|it| it.peak_memory_bytes), limits.map(|it| it.max_memory_bytes));
            facts.add("memory", of_most(bytes, memory.0, memory.1));
            let output = (used.map(|it| it.output_bytes), limits.map(|it| it.max_output_bytes));
            facts.add("output size", of_most(bytes, output.0, output.1));
            facts.add("cycles", of_most(grouped, None, limits.map(|it| it.max_cycles)));
        }
        Claim::Witness(claim) => witness_facts(&mut facts, claim),
        _ => {
            facts.add("kind", "unknown to this version");
        }
    }
    facts.add("digest", answer.claim_digest.to_string());
    section("claim", &facts);

    let mut facts = Facts::default();
    match &receipt.evidence {
        Evidence::Binding(evidence) => {
            let label = proofmark_binding::evidence::key_label(&evidence.key);
            facts.add("key", label.map_or("malformed".to_string(), |label| label.id.to_string()));
            facts.add("made for", if evidence.dev { "DEVELOPMENT: its maker can forge" } else { "use" });
            facts.add("proof", bytes(evidence.proof.len() as u64));
            facts.add("security", evidence.security.to_string());
        }
        Evidence::Commitment(commitment) => {
            facts.add("provider key", commitment.key.to_string());
            facts.add("signature", crate::keys::hex(&commitment.signature));
        }
        Evidence::Dev { mode } => {
            facts.add("development mode", mode.clone());
        }
        Evidence::Risc0(evidence) => {
            facts.add("program", evidence.program.to_string());
            facts.add("version", evidence.program_version.clone());
            facts.add("seal", bytes(evidence.seal.len() as u64));
            facts.add("security", evidence.security.to_string());
        }
        Evidence::Stark(evidence) => {
            facts.add("security level", evidence.level.clone());
            for (at, table) in evidence.inputs.iter().enumerate() {
                facts.add(
                    &format!("input {}", at + 1),
                    format!("at most {}", plural(table.rows.into(), "row")),
                );
            }
            facts.add("plan", bytes(evidence.plan.len() as u64));
            if let Some(found) = &evidence.shards {
                let count = plural(found.shards.len() as u64, "shard");
                let rows = plural(found.rows.into(), "row");
                facts.add("in shards", format!("{}: {count} of at most {rows}", found.input));
                let proofs: usize = found.shards.iter().map(|shard| shard.proof.len()).sum();
                facts.add("proofs", bytes(proofs as u64));
            }
            facts.add("proof", bytes(evidence.proof.len() as u64));
            for bridge in &evidence.bridges {
                facts.add("bridge of input", BridgeFacts::of(bridge).text());
            }
            facts.add("security", security(evidence.security, Some(evidence.conjectured_bits)));
        }
        Evidence::Witness(evidence) => {
            facts.add("shard's key", evidence.key.to_string());
            facts.add("signature", crate::keys::hex(&evidence.signature));
            let inside = evidence.perf.as_ref().map(|perf| bytes(perf.len() as u64));
            facts.add("recording", inside.unwrap_or_else(|| "beside the receipt".to_string()));
        }
        _ => {
            facts.add("bytes", "none");
        }
    }
    section("evidence", &facts);

    let made = &receipt.provenance;
    let mut facts = Facts::default();
    facts.add("tool", made.tool.clone());
    facts.maybe("prover", made.prover.clone());
    facts.maybe("cycles", made.cycles.map(grouped));
    facts.maybe("segments", made.segments.map(grouped));
    facts.maybe("proving", made.proving_ms.map(|ms| duration(std::time::Duration::from_millis(ms))));
    facts.maybe("memory", made.peak_memory_bytes.map(bytes));
    for (name, value) in &made.parameters {
        facts.add(name, value.clone());
    }
    section("how it was made (nothing of this is proved)", &facts);

    text.push_str(&format!(
        "\n{} {}\n{} {}\n{}\n",
        ui.paint(Tone::Good, "If it verifies, it proves:"),
        answer.proves,
        ui.paint(Tone::Warn, "It does not prove:"),
        answer.does_not_prove,
        ui.paint(Tone::Dim, "This was not verified. `proofmark verify` does that."),
    ));
    text
}
