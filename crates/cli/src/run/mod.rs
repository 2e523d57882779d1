//! The way of a job, step by step: plan, inputs, execution, evidence, receipt, verdict, files.
//!
//! Each step takes what the steps before it made. Files, the clock and the prover are touched by the adapters
//! here; what is computed is computed by the rooms below.

pub(crate) mod backends;
pub(crate) mod evidence;
pub(crate) mod inputs;
pub(crate) mod job;
pub(crate) mod outdir;
pub(crate) mod plan;
pub(crate) mod summary;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use proofmark_core::{Claim, Digest, Evidence, InputClaim, Receipt, SecurityLevel, StarkEvidence, Tier};
use proofmark_plan::{
    commit, document,
    exec::{self, Execution},
    guest,
    typed::TypedPlan,
    value::Value,
};
use proofmark_prover::CancelToken;
use proofmark_verifier::Expectations;

use self::{
    inputs::{Assignment, Input, Salt, Salting, Salts},
    outdir::{Content, OutDir},
    plan::Loaded,
    summary::{
        Answer, BridgeFacts, Files, InputFacts, OutputFacts, PlanFacts, ProofFacts, ReceiptFacts, Times,
    },
};
use crate::{
    config::Config,
    error::{Error, exit},
    files::{self, Access},
    judge::Judge,
    ui::Ui,
};

/// The largest WASM module that is read.
const MAX_WASM_BYTES: u64 = 64 << 20;

/// What a run is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) plan: PathBuf,
    pub(crate) inputs: Vec<Assignment>,
    pub(crate) tier: Option<Tier>,
    pub(crate) backend: String,
    pub(crate) job: Option<PathBuf>,
    pub(crate) out: Option<PathBuf>,
    pub(crate) wasm: Vec<PathBuf>,
    pub(crate) options: backends::Options,
    pub(crate) timeout: Option<Duration>,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) max_cycles: u64,
    pub(crate) salting: Salting,
    pub(crate) dev: bool,
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    /// Whether the receipt can be valid at all: not for tier 0 and development receipts.
    convinces: bool,
}

impl Outcome {
    /// The exit code: a receipt that a buyer would refuse is no success.
    pub(crate) fn exit(&self) -> u8 {
        if self.convinces && !self.answer.verdict.is_valid() { exit::REFUSED } else { 0 }
    }
}

/// Runs a plan from its file to a receipt in its folder.
pub(crate) fn run(
    request: &Request,
    config: &Config,
    ui: &Ui,
    cancel: &CancelToken,
) -> Result<Outcome, Error> {
    let progress = ui.progress();
    let mut times = Times::default();

    let start = Instant::now();
    let loaded = plan::load(&request.plan, ui)?;
    times.check = micros(start);
    let job = request.job.as_deref().map(job::read).transpose()?;
    let asked = if request.dev { job.as_ref().map(|job| job.tier) } else { request.tier };
    let (job, tier) = job::reconcile(job.as_ref(), &loaded.typed.hash, loaded.typed.job, asked)?;
    let judge = Judge::new(config)?;
    let mut how = evidence::prepare(tier, &loaded.typed, request, config, ui)?;
    let host = wasm_host(&request.wasm)?;
    let paths = inputs::locate(&loaded, &request.inputs, config)?;
    let folder = request.out.clone().unwrap_or_else(|| default_folder(&loaded.source.plan.id));
    let out = OutDir::lock(&folder)?;

    progress.phase("reading inputs");
    let start = Instant::now();
    let inputs = read_inputs(&loaded.typed, &paths, &request.salting, config)?;
    times.read_and_commit = micros(start);

    progress.phase("executing");
    let start = Instant::now();
    let execution = execute(&loaded.typed, &inputs, &*host, cancel)?;
    times.execute = micros(start);

    let start = Instant::now();
    let values = values(&inputs);
    let witness = self::request(&loaded, job, &values);
    let claim = how.claim(&witness, &execution, ui)?;
    times.read_and_commit += micros(start);

    let facts: Vec<_> =
        inputs.iter().zip(&claim.inputs).map(|(input, claimed)| input_facts(input, claimed)).collect();
    let output_root = claim.output;
    let output = document::write(&execution.output);

    let start = Instant::now();
    let receipt = evidence::make(how, Claim::Plan(claim), witness, request, cancel, &progress)?;
    times.evidence = micros(start);

    progress.phase("verifying");
    let start = Instant::now();
    let (json, cbor) = (receipt.to_json(), receipt.to_cbor());
    let expectations = Expectations { job, plan: Some(loaded.typed.hash), ..Expectations::default() };
    let verdict = judge.after_run(&cbor, tier, &expectations.with_output_document(output.clone()));
    times.verify = micros(start);
    if cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }

    judge.keep(&receipt, ui);
    let salts = Salts::of(&inputs).map(|salts| salts.to_json());
    let mut contents: Vec<Content<'_>> = vec![
        ("output.json", &output, Access::Usual),
        ("receipt.cbor", &cbor, Access::Usual),
        ("receipt.json", json.as_bytes(), Access::Usual),
    ];
    if let Some(salts) = &salts {
        contents.push(("salts.json", salts.as_bytes(), Access::Owner));
    }
    out.write(&contents)?;
    progress.finish();

    let convinces = !matches!(receipt.evidence, Evidence::None {} | Evidence::Dev { .. });
    let answer = Answer {
        plan: PlanFacts { id: loaded.source.plan.id.clone(), hash: loaded.typed.hash },
        job,
        tier: receipt.evidence.tier(),
        system: receipt.evidence.system(),
        inputs: facts,
        output: OutputFacts {
            root: output_root,
            rows: inputs::rows(&execution.output),
            document_bytes: output.len() as u64,
        },
        limits: loaded.typed.limits,
        usage: execution.usage,
        proof: proof_facts(&receipt),
        times_us: times,
        receipt: ReceiptFacts {
            cid: receipt.cid(),
            json_bytes: json.len() as u64,
            cbor_bytes: cbor.len() as u64,
        },
        verdict,
        files: Files {
            receipt_json: folder.join("receipt.json"),
            receipt_cbor: folder.join("receipt.cbor"),
            output: folder.join("output.json"),
            salts: salts.map(|_| folder.join("salts.json")),
        },
    };
    Ok(Outcome { answer, convinces })
}

/// Reads all inputs.
pub(crate) fn read_inputs(
    plan: &TypedPlan,
    paths: &[PathBuf],
    salting: &Salting,
    config: &Config,
) -> Result<Vec<Input>, Error> {
    let pairs = plan.inputs.iter().zip(paths);
    pairs
        .map(|(declared, path)| {
            let salt = salting.salt(&declared.name)?;
            inputs::read(declared, path, salt, config.max_input_bytes(), plan.limits.max_memory_bytes)
        })
        .collect()
}

/// Executes natively; the signal to stop is heard between steps.
pub(crate) fn execute(
    plan: &TypedPlan,
    inputs: &[Input],
    host: &dyn exec::CustomHost,
    cancel: &CancelToken,
) -> Result<Execution, Error> {
    struct Watch<'a>(&'a CancelToken);
    impl exec::Observer for Watch<'_> {
        fn cancelled(&mut self) -> bool {
            self.0.is_cancelled()
        }
    }
    let values = inputs.iter().map(|input| input.value.clone()).collect();
    exec::execute_with(plan, values, host, &mut Watch(cancel)).map_err(|error| match error.kind {
        exec::ExecErrorKind::Cancelled => Error::Cancelled,
        // These messages end with what to do.
        _ => Error::Execution { message: error.to_string(), hint: None },
    })
}

/// The values of inputs and the salts of their digests.
pub(crate) fn values(inputs: &[Input]) -> Vec<(Value, Salt)> {
    inputs.iter().map(|input| (input.value.clone(), input.salt.unwrap_or(commit::NO_SALT))).collect()
}

/// What a prover is asked to do.
pub(crate) fn request<'a>(
    loaded: &'a Loaded,
    job: Option<Digest>,
    inputs: &'a [(Value, Salt)],
) -> guest::Request<'a> {
    let (plan, typed) = (&loaded.source.plan, &loaded.typed);
    guest::Request { plan, typed, job, inputs, output_salt: commit::NO_SALT }
}

/// The modules of custom steps, by their digest.
pub(crate) fn wasm_host(paths: &[PathBuf]) -> Result<Box<dyn exec::CustomHost>, Error> {
    if paths.is_empty() {
        return Ok(Box::new(exec::NoCustom));
    }
    let mut host = exec::wasm::WasmHost::new();
    for path in paths {
        let module = files::read(path, MAX_WASM_BYTES)?;
        host.add(&module).map_err(|error| Error::File {
            path: path.clone(),
            message: error.to_string(),
            hint: Some("docs/src/custom-steps.md says what a module of custom steps is".to_string()),
        })?;
    }
    Ok(Box::new(host))
}

/// `out/ID`, with an id that is safe as a name.
fn default_folder(id: &str) -> PathBuf {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let name: String = id.chars().take(64).map(safe).collect();
    Path::new("out").join(name)
}

fn input_facts(input: &Input, claimed: &InputClaim) -> InputFacts {
    InputFacts {
        name: input.name.clone(),
        path: input.path.clone(),
        root: claimed.root,
        rows: input.rows(),
        file_bytes: input.file_bytes,
        salted: input.salt.is_some(),
    }
}

fn proof_facts(receipt: &Receipt) -> Option<ProofFacts> {
    let made = &receipt.provenance;
    let facts = |security: SecurityLevel, proof_bytes: usize| ProofFacts {
        prover: made.prover.clone(),
        program: None,
        program_version: None,
        level: None,
        cycles: made.cycles,
        segments: made.segments,
        trace_cells: made.parameters.get("traceCells").and_then(|cells| cells.parse().ok()),
        proving_ms: made.proving_ms,
        peak_memory_bytes: made.peak_memory_bytes,
        proof_bytes: proof_bytes as u64,
        security,
        conjectured_bits: None,
        bridges: Vec::new(),
        bridges_made: None,
    };
    match &receipt.evidence {
        Evidence::Risc0(evidence) => Some(ProofFacts {
            program: Some(evidence.program),
            program_version: Some(evidence.program_version.clone()),
            ..facts(evidence.security, evidence.seal.len())
        }),
        Evidence::Stark(evidence) => Some(ProofFacts {
            level: Some(evidence.level.clone()),
            conjectured_bits: Some(evidence.conjectured_bits),
            bridges: evidence.bridges.iter().map(BridgeFacts::of).collect(),
            bridges_made: made.parameters.get("bridgesMade").and_then(|count| count.parse().ok()),
            ..facts(evidence.security, stark_bytes(evidence))
        }),
        _ => None,
    }
}

/// Bytes of all proofs of one receipt.
fn stark_bytes(evidence: &StarkEvidence) -> usize {
    let shards = evidence.shards.iter().flat_map(|found| &found.shards);
    evidence.proof.len() + shards.map(|shard| shard.proof.len()).sum::<usize>()
}

fn micros(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plans_id_cannot_choose_another_folder() {
        assert_eq!(default_folder("best-sellers"), Path::new("out/best-sellers"));
        assert_eq!(default_folder("../../etc"), Path::new("out/______etc"));
    }
}
