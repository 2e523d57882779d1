//! The prover: execute, compare, estimate, prove, check.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use proofmark_core::Claim;
use proofmark_plan::{
    guest,
    typed::{TypedBlock, TypedOp, TypedPlan},
};
use proofmark_prover::{
    Control, Estimate, Executed, Gpu, Phase, Program, Progress, ProofStats, ProveError, ProveRequest, Proved,
    Prover, ServerInfo, Unsupported, Work,
    calibration::{Calibration, cache_folder},
    supervise::{self, Bounds},
};

use crate::{
    evidence,
    program::{PROGRAM_BINARY, program},
    rpc::{self, Executor},
    server::{Server, VERSION},
};

/// Resident memory of the server, whatever it proves.
const MEMORY_BASE_BYTES: u64 = 256 << 20;
/// Resident memory for each cycle of the largest segment.
const MEMORY_BYTES_PER_CYCLE: u64 = 11 << 10;

/// What a core proves, before anything was measured: slow for any machine of today.
const CYCLES_PER_SECOND: u64 = 600;

/// RISC Zero's zkVM, through its server `r0vm`.
#[derive(Debug, Default)]
pub struct Risc0 {
    options: Options,
    executor: Executor,
}

/// Choices of the user.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The server's path; `None` looks for it.
    pub server: Option<PathBuf>,
    /// Whether to prove on a graphics processor.
    pub gpu: Gpu,
    /// What kind of receipt to make.
    pub receipt_kind: ReceiptKind,
    /// Where the speed of this machine is remembered; `None` is the proofmark cache.
    pub cache: Option<PathBuf>,
}

/// Kinds of RISC Zero receipts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiptKind {
    /// One seal for each segment: the fastest to make.
    #[default]
    Composite,
    /// One seal in all. Joining several segments needs a server that was built with the recursion programs.
    Succinct,
}

impl ReceiptKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Composite => "composite",
            Self::Succinct => "succinct",
        }
    }
}

impl Risc0 {
    /// A prover with these options. Nothing is looked for or started yet.
    pub fn new(options: Options) -> Self {
        Self { options, executor: Executor::default() }
    }

    /// Runs another program than ours on another input than a request: for comparisons.
    ///
    /// # Errors
    /// As [`Prover::execute`].
    pub fn execute_program(
        &self,
        program: &[u8],
        input: &[u8],
        control: &Control<'_>,
    ) -> Result<Executed, ProveError> {
        self.executor.execute(&self.server()?, program, input, &Bounds::from_now(control))
    }

    fn server(&self) -> Result<Server, ProveError> {
        Server::find(self.options.server.as_deref(), self.options.gpu)
    }

    fn cache(&self) -> Option<PathBuf> {
        self.options.cache.clone().or_else(cache_folder)
    }

    fn calibration(&self, uses_gpu: bool) -> (Calibration, Option<PathBuf>, &'static str) {
        let key = if uses_gpu { "risc0-cuda" } else { "risc0-cpu" };
        let cache = self.cache();
        let calibration =
            Calibration::load(cache.as_deref().unwrap_or(Path::new("/nonexistent")), key, CYCLES_PER_SECOND);
        (calibration, cache, key)
    }

    fn execute_on(&self, server: &Server, input: &[u8], bounds: &Bounds<'_>) -> Result<Executed, ProveError> {
        report(bounds, Phase::Execute, None);
        let executed = self.executor.execute(server, PROGRAM_BINARY, input, bounds)?;
        match (bounds.control.cycle_limit, executed.work.user_cycles()) {
            (Some(limit), Some(needed)) if needed > limit => {
                Err(ProveError::CyclesExceeded { needed, limit })
            }
            _ => Ok(executed),
        }
    }

    fn estimate_with(calibration: &Calibration, executed: &Executed) -> Estimate {
        let largest = segments(&executed.work).iter().max().map_or(0, |po2| 1u64 << (*po2).min(40));
        Estimate {
            time: calibration.time(executed.work.total()),
            memory_bytes: MEMORY_BASE_BYTES + largest * MEMORY_BYTES_PER_CYCLE,
            calibrated: calibration.measured,
        }
    }

    /// Runs the server on files in `folder`.
    fn run_server(
        &self,
        server: &Server,
        folder: &Path,
        executed: &Executed,
        estimate: Estimate,
        bounds: &Bounds<'_>,
    ) -> Result<supervise::Finished, ProveError> {
        let segments = executed.work.parts();
        let mut command = server.command();
        command.arg("--elf").arg(folder.join("program")).arg("--initial-input").arg(folder.join("input"));
        command.arg("--receipt").arg(folder.join("receipt"));
        command.args(["--receipt-kind", self.options.receipt_kind.name()]);
        command.env("TMPDIR", folder).env("RUST_LOG", "risc0_zkvm::host::server::prove=debug");
        let mut begun = 0;
        let finished = supervise::run(command, bounds, |line| {
            // The server logs this once at the start of each segment.
            if line.trim_end().ends_with("prove_segment") {
                begun += 1;
                let left = segments.saturating_sub(begun - 1);
                let remaining = estimate.time.mul_f64(left as f64 / segments.max(1) as f64);
                report(bounds, Phase::Prove { segment: begun, of: segments }, Some(remaining));
            }
        })?;
        if !finished.status.success() {
            if finished.output.contains("No space left on device") {
                return Err(ProveError::DiskFull { path: folder.to_path_buf() });
            }
            if finished.output.contains("Guest panicked: ") {
                return Err(rpc::failed(&finished.output));
            }
        }
        finished.success()
    }
}

impl Prover for Risc0 {
    fn name(&self) -> &'static str {
        "risc0"
    }

    fn program(&self) -> Option<Program> {
        Some(program())
    }

    fn unsupported(&self, plan: &TypedPlan) -> Vec<Unsupported> {
        let mut found = Vec::new();
        custom_steps(&plan.body, &mut found);
        found
    }

    fn availability(&self) -> Result<ServerInfo, ProveError> {
        Ok(self.server()?.info())
    }

    fn execute(&self, request: &ProveRequest<'_>, control: &Control<'_>) -> Result<Executed, ProveError> {
        self.execute_on(&self.server()?, &framed(&request.request)?, &Bounds::from_now(control))
    }

    fn estimate(&self, executed: &Executed) -> Estimate {
        let uses_gpu = self.server().is_ok_and(|server| server.info().uses_gpu);
        Self::estimate_with(&self.calibration(uses_gpu).0, executed)
    }

    fn prove(&self, request: &ProveRequest<'_>, control: &Control<'_>) -> Result<Proved, ProveError> {
        let bounds = Bounds::from_now(control);
        let expected = expected_journal(request.claim)?;
        let server = self.server()?;
        let input = framed(&request.request)?;
        let executed = self.execute_on(&server, &input, &bounds)?;
        compare(&executed.journal, &expected)?;

        let info = server.info();
        let (calibration, cache, key) = self.calibration(info.uses_gpu);
        let estimate = Self::estimate_with(&calibration, &executed);
        match control.memory_limit_bytes {
            // On a GPU most of it is not ours to measure.
            Some(limit_bytes) if !info.uses_gpu && estimate.memory_bytes > limit_bytes => {
                let needed_bytes = estimate.memory_bytes;
                return Err(ProveError::MemoryExceeded { limit_bytes, needed_bytes, predicted: true });
            }
            _ => (),
        }

        let folder = tempfile::Builder::new().prefix("proofmark-").tempdir();
        let folder =
            folder.map_err(|e| ProveError::io("cannot make a temporary folder", std::env::temp_dir(), e))?;
        for (name, content) in [("program", PROGRAM_BINARY), ("input", &input)] {
            let path = folder.path().join(name);
            fs::write(&path, content)
                .map_err(|e| ProveError::io(format!("cannot write {}", path.display()), &path, e))?;
        }
        let finished = self.run_server(&server, folder.path(), &executed, estimate, &bounds)?;

        report(&bounds, Phase::Verify, None);
        let path = folder.path().join("receipt");
        let receipt = fs::read(&path).map_err(|e| ProveError::BadOutput {
            detail: format!("{} cannot be read although the server succeeded: {e}", path.display()),
        })?;
        let (evidence, mut parameters) = evidence::from_receipt(&receipt, &executed.journal)?;
        if let Some(cache) = cache {
            calibration.learn(&cache, key, executed.work.total(), finished.time);
        }
        let po2: Vec<_> = segments(&executed.work).iter().map(u32::to_string).collect();
        parameters.insert("segmentPo2".to_owned(), po2.join(","));
        parameters.insert("accelerator".to_owned(), if info.uses_gpu { "cuda" } else { "cpu" }.to_owned());
        Ok(Proved {
            evidence,
            stats: ProofStats {
                prover: format!("r0vm {VERSION}"),
                parameters,
                work: executed.work,
                time: finished.time,
                peak_memory_bytes: finished.peak_memory_bytes,
            },
        })
    }
}

/// The guest's standard input: the length (u32, little-endian), then the flat buffer.
fn framed(request: &guest::Request<'_>) -> Result<Vec<u8>, ProveError> {
    let input =
        request.encode().map_err(|e| ProveError::Unsupported { prover: "risc0", detail: e.to_string() })?;
    let length = u32::try_from(input.len()).expect("requests have at most 4 GiB, which encode checks");
    Ok([&length.to_le_bytes()[..], &input].concat())
}

/// The segments of an execution, each as the base-2 logarithm of its length.
fn segments(work: &Work) -> &[u32] {
    match work {
        Work::Cycles { segments, .. } => segments,
        Work::Cells { .. } => &[],
    }
}

/// Custom steps of a block. A checked plan has at most 64 levels, which bounds the recursion.
fn custom_steps(block: &TypedBlock, found: &mut Vec<Unsupported>) {
    for step in &block.steps {
        match &step.op {
            TypedOp::Custom { .. } => found.push(Unsupported {
                step: step.id.clone(),
                reason: "it runs a WASM module, which the guest cannot; proving these comes with the zkWASM back end"
                    .to_owned(),
            }),
            TypedOp::Branch { then, otherwise, .. } => {
                custom_steps(then, found);
                custom_steps(otherwise, found);
            }
            TypedOp::Loop { body, .. } => custom_steps(body, found),
            _ => (),
        }
    }
}

fn expected_journal(claim: &Claim) -> Result<Vec<u8>, ProveError> {
    let unsupported = |detail: &str| ProveError::Unsupported { prover: "risc0", detail: detail.to_owned() };
    #[allow(unreachable_patterns, reason = "claims of other kinds come later")]
    match claim {
        Claim::Plan(claim) => claim
            .journal(program().version)
            .map(|journal| journal.encode().to_vec())
            .ok_or_else(|| unsupported("it lacks limits or usage, or a digest in it is not SHA-256")),
        _ => Err(unsupported("it is not about a plan")),
    }
}

/// Fails, naming the first field that differs.
fn compare(actual: &[u8], expected: &[u8]) -> Result<(), ProveError> {
    const FIELDS: [(usize, &str); 8] = [
        (16, "program version"),
        (48, "plan hash"),
        (80, "job"),
        (112, "inputs"),
        (144, "output"),
        (176, "limits"),
        (208, "usage"),
        (usize::MAX, "length"),
    ];
    let differs = actual.iter().zip(expected).position(|(a, b)| a != b);
    let at = match differs {
        Some(at) => at,
        None if actual.len() == expected.len() => return Ok(()),
        None => actual.len().min(expected.len()).max(208),
    };
    let (_, name) = FIELDS[FIELDS.iter().position(|(end, _)| at < *end).unwrap_or(FIELDS.len() - 1)];
    Err(ProveError::Diverged { detail: format!("another {name}") })
}

fn report(bounds: &Bounds<'_>, phase: Phase, remaining: Option<Duration>) {
    bounds.control.report(Progress { phase, elapsed: bounds.start.elapsed(), remaining });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_named() {
        let journal = [0; 208];
        assert!(compare(&journal, &journal).is_ok());
        for (at, name) in [(20, "plan hash"), (130, "output"), (207, "usage")] {
            let mut other = journal;
            other[at] = 1;
            let error = compare(&other, &journal).expect_err("they differ");
            assert!(error.to_string().contains(name), "{error}");
        }
        let error = compare(&journal[..200], &journal).expect_err("they differ");
        assert!(error.to_string().contains("length"), "{error}");
    }
}
