//! What `run` answers: the summary table and its JSON form.

use std::{path::PathBuf, time::Duration};

use proofmark_core::{Bridge, Digest, Limits, SecurityLevel, Tier, Usage, Verdict};
use serde::Serialize;

use crate::ui::{Align, Facts, Tone, Ui, bytes, duration, grouped, table};

/// The answer of `run`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) plan: PlanFacts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<Digest>,
    pub(crate) tier: Tier,
    pub(crate) system: &'static str,
    pub(crate) inputs: Vec<InputFacts>,
    pub(crate) output: OutputFacts,
    pub(crate) limits: Limits,
    pub(crate) usage: Usage,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<ProofFacts>,
    pub(crate) times_us: Times,
    pub(crate) receipt: ReceiptFacts,
    pub(crate) verdict: Verdict,
    pub(crate) files: Files,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanFacts {
    pub(crate) id: String,
    pub(crate) hash: Digest,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InputFacts {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) root: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u64>,
    pub(crate) file_bytes: u64,
    pub(crate) salted: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutputFacts {
    pub(crate) root: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<u64>,
    pub(crate) document_bytes: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProofFacts {
    pub(crate) prover: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) program: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) program_version: Option<String>,
    /// Name of the security parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cycles: Option<u64>,
    pub(crate) segments: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_cells: Option<u64>,
    pub(crate) proving_ms: Option<u64>,
    pub(crate) peak_memory_bytes: Option<u64>,
    pub(crate) proof_bytes: u64,
    pub(crate) security: SecurityLevel,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) conjectured_bits: Option<u16>,
    /// Of inputs that the claim names by their roots.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) bridges: Vec<BridgeFacts>,
    /// How many of them were made in this run; the others were kept from earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bridges_made: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BridgeFacts {
    pub(crate) input: String,
    pub(crate) table_digest: Digest,
    pub(crate) proof_bytes: u64,
}

impl BridgeFacts {
    pub(crate) fn of(bridge: &Bridge) -> Self {
        let proof_bytes = bridge.proof.len() as u64;
        Self { input: bridge.input.clone(), table_digest: bridge.table_digest, proof_bytes }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        format!("{} ({})\n{}", self.input, bytes(self.proof_bytes), self.table_digest)
    }
}

/// Wall time of each phase, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Times {
    pub(crate) check: u64,
    pub(crate) read_and_commit: u64,
    pub(crate) execute: u64,
    pub(crate) evidence: u64,
    pub(crate) verify: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptFacts {
    pub(crate) cid: String,
    pub(crate) json_bytes: u64,
    pub(crate) cbor_bytes: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Files {
    pub(crate) receipt_json: PathBuf,
    pub(crate) receipt_cbor: PathBuf,
    pub(crate) output: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) salts: Option<PathBuf>,
}

/// The table for people.
pub(crate) fn render(ui: &Ui, answer: &Answer) -> String {
    let mut facts = Facts::default();
    facts.add("plan", format!("{}\n{}", answer.plan.id, answer.plan.hash));
    facts.maybe("job", answer.job.map(|job| job.to_string()));
    for input in &answer.inputs {
        let salted = if input.salted { ", salted" } else { "" };
        let size = size(input.rows, input.file_bytes);
        facts.add("input", format!("{} ({size}{salted})\n{}", input.name, input.root));
    }
    let output = &answer.output;
    facts.add("output", format!("{}\n{}", size(output.rows, output.document_bytes), output.root));
    facts.add("tier", format!("{} ({})", answer.tier, answer.system));
    if let Some(proof) = &answer.proof {
        facts.maybe("prover", proof.prover.clone());
        let program = proof.program_version.as_ref().zip(proof.program);
        facts.maybe("program", program.map(|(version, id)| format!("{version}\n{id}")));
        let segments = proof.segments.map(|count| format!(" in {}", crate::ui::plural(count, "segment")));
        facts.maybe("cycles", proof.cycles.map(|cycles| grouped(cycles) + &segments.unwrap_or_default()));
        facts.maybe("cells", proof.trace_cells.map(grouped));
        facts.maybe("memory", proof.peak_memory_bytes.map(bytes));
        facts.add("proof", bytes(proof.proof_bytes));
        proof.bridges.iter().for_each(|bridge| {
            facts.add("bridge", bridge.text());
        });
        let all = proof.bridges.len() as u64;
        facts.maybe(
            "bridges",
            proof.bridges_made.map(|made| match made {
                0 => "kept from earlier, checked again".to_string(),
                made if made == all => "made in this run; kept for the next".to_string(),
                made => format!("{made} made in this run, {} kept from earlier", all.saturating_sub(made)),
            }),
        );
        facts.add("security", security(proof.security, proof.conjectured_bits));
    }
    let sizes =
        format!("{} CBOR, {} JSON", bytes(answer.receipt.cbor_bytes), bytes(answer.receipt.json_bytes));
    facts.add("receipt", format!("{sizes}\n{}", answer.receipt.cid));
    let mut text = facts.render(ui, 0);

    let times = answer.times_us;
    let evidence = match answer.tier {
        _ if answer.proof.is_some() => "prove",
        Tier::Commitment => "sign",
        _ => "evidence",
    };
    let phases = [
        ("check", times.check),
        ("read and commit", times.read_and_commit),
        ("execute", times.execute),
        (evidence, times.evidence),
        ("verify", times.verify),
    ];
    let rows: Vec<_> = phases
        .iter()
        .map(|(name, micros)| vec![(*name).to_string(), duration(Duration::from_micros(*micros))])
        .collect();
    text.push('\n');
    text.push_str(&table(ui, &[("phase", Align::Left), ("time", Align::Right)], &rows));
    text.push('\n');
    text.push_str(&crate::commands::verify::render_verdict(ui, &answer.verdict));
    text.push('\n');
    for path in [&answer.files.output, &answer.files.receipt_json, &answer.files.receipt_cbor] {
        text.push_str(&format!("{} {}\n", ui.paint(Tone::Dim, "wrote"), path.display()));
    }
    if let Some(path) = &answer.files.salts {
        text.push_str(&format!(
            "{} {} (keep it: without it nobody can show that data belongs to these roots)\n",
            ui.paint(Tone::Dim, "wrote"),
            path.display()
        ));
    }
    text
}

/// What a proof is worth, by theorem and by the usual conjectures.
pub(crate) fn security(level: SecurityLevel, conjectured_bits: Option<u16>) -> String {
    let conjectured = conjectured_bits.map(|bits| format!(", {bits} bits conjectured"));
    level.to_string() + &conjectured.unwrap_or_default()
}

fn size(rows: Option<u64>, count: u64) -> String {
    match rows {
        Some(rows) => format!("{}, {}", crate::ui::plural(rows, "row"), bytes(count)),
        None => bytes(count),
    }
}
