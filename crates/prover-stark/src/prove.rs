//! The prover: find bounds, estimate, prove, check.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use proofmark_core::{Claim, Digest, Evidence, StarkEvidence};
use proofmark_plan::{guest, typed::TypedPlan, value::Value};
use proofmark_prover::{
    Control, Digests, Estimate, Executed, Phase, Program, ProofStats, ProveError, ProveRequest, Proved,
    Prover, ServerInfo, Unsupported, Work,
    calibration::{Calibration, cache_folder},
    supervise::{self, Abandoned, Bounds, Ended},
};
use proofmark_stark::{
    Cost, Level, ProveError as StarkError, Salt, VerifyError, cost, digest, dry_run, output_text_bounds,
    shards::MAX_SHARD_ROWS,
};
use proofmark_verifier::systems::stark;
use rand::{SeedableRng as _, TryRng as _, rngs::StdRng, rngs::SysRng};

use crate::{
    bridge::{Origin, Task},
    cut::{Cut, steps},
    job::{Job, Tables, stated, unsupported},
    shards::{Made, ShardedJob},
    stage::{Stage, Teller, report},
};

/// The proof system's name.
pub(crate) const NAME: &str = "stark";

/// Elements of work that a core does in a second, before anything was measured.
const WORK_PER_SECOND: u64 = 17_000_000;

/// The columnar STARK, in this process.
#[derive(Clone, Debug)]
pub struct Stark {
    options: Options,
}

/// Choices of the user.
#[derive(Clone, Debug)]
pub struct Options {
    /// How sure the proofs are.
    pub level: Level,
    /// Where the speed of this machine and bridges are kept; `None` is the proofmark cache.
    pub cache: Option<PathBuf>,
    /// Whether claims name all inputs by their SHA-256 roots, as other provers do. A root that a plan fixes is named in
    /// any case.
    pub bridge: bool,
    /// Most rows of a shard, 1 to [`MAX_SHARD_ROWS`]: larger tables are proved
    /// shard by shard, where their plan allows it. The digest of such a table depends on it.
    pub shard_rows: u32,
    /// Memory that a proof may take, in bytes: if one of a whole table takes more, shards are as small as they must be.
    pub memory_limit_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            level: Level::Standard,
            cache: None,
            bridge: false,
            shard_rows: MAX_SHARD_ROWS,
            memory_limit_bytes: None,
        }
    }
}

impl Default for Stark {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Stark {
    /// A prover with these options.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) const fn level(&self) -> Level {
        self.options.level
    }

    /// The folder of the cache.
    pub(crate) fn cache(&self) -> Option<PathBuf> {
        self.options.cache.clone().or_else(cache_folder)
    }

    /// What is known of the speed of one kind of work, where it is kept, and under which name.
    pub(crate) fn calibration(&self, kind: &str) -> (Calibration, Option<PathBuf>, String) {
        let key = format!("{kind}-work-{}", self.options.level.name());
        let cache = self.cache();
        let folder = cache.as_deref().unwrap_or(Path::new("/nonexistent"));
        (Calibration::load(folder, &key, WORK_PER_SECOND), cache, key)
    }

    /// Works on a request in a thread, with the least bounds that fit its data: `work` tells which bound is too low.
    /// Calls `tick` before and now and then during each attempt.
    fn attempt<T: Send + 'static>(
        &self,
        request: &ProveRequest<'_>,
        bounds: &Bounds<'_>,
        work: impl Fn(&Job, &Abandoned) -> Result<T, Failure> + Clone + Send + 'static,
        mut tick: impl FnMut(&Cost),
    ) -> Result<(Job, Cost, Ended<T>), ProveError> {
        bounds.check()?;
        report(bounds, Phase::Execute, None);
        let mut job = Job::new(request.claim, &request.request, self.options.level)?;
        loop {
            // The sizes of tables tell what a proof takes before anything is computed.
            let cost =
                cost(&job.plan, &job.bounds, self.options.level).map_err(|error| failed(error, bounds))?;
            refuse_memory(cost.memory_bytes, bounds)?;
            tick(&cost);
            let work = work.clone();
            let body = move |abandoned: Abandoned| (work(&job, &abandoned), job);
            let Ended { value: (made, tried), peak_memory_bytes, time } =
                supervise::in_thread(bounds, body, || tick(&cost))?;
            job = tried;
            match made {
                Ok(value) => return Ok((job, cost, Ended { value, peak_memory_bytes, time })),
                Err(Failure::Prove(error)) if job.raise(&error) => (),
                Err(failure) => return Err(failure.told(bounds)),
            }
        }
    }
}

impl Prover for Stark {
    fn name(&self) -> &'static str {
        NAME
    }

    fn program(&self) -> Option<Program> {
        None
    }

    fn unsupported(&self, plan: &TypedPlan) -> Vec<Unsupported> {
        let steps = proofmark_stark::supports(plan).into_iter();
        let mut found: Vec<_> =
            steps.map(|found| Unsupported { step: found.step, reason: found.reason }).collect();
        found.extend(self.without_bridge(plan));
        found
    }

    fn digests(&self, request: &guest::Request<'_>, output: &Value) -> Result<Digests, ProveError> {
        let tables = Tables::of(request)?;
        let Value::Table(output) = output else { return Err(unsupported("the output is bytes")) };
        if let Some(cut) = Cut::of(&self.options, request, &tables)? {
            if let Some(input) = request.typed.inputs.iter().find(|input| self.names_by_root(input)) {
                return Err(unsupported(format!(
                    "input {} is to be named by its root, and nothing ties the digest of a table in shards to that",
                    input.name
                )));
            }
            return cut.digests(request, &tables, output);
        }
        let text = output_text_bounds(request.typed, &tables.bounds).map_err(steps)?;
        let salt = Salt::from_seed(&request.output_salt);
        let output = digest::table_with_text_bounds(output, &text, salt)
            .map_err(|error| unsupported(format!("the output: {error}")))?;
        let inputs = request.typed.inputs.iter().zip(request.inputs).enumerate();
        let inputs = inputs.map(|(at, (input, (value, salt)))| {
            if !self.names_by_root(input) {
                return tables.digest(at);
            }
            // Whether such a table has a bridge is a matter of its data too.
            let task = Task::new(input, value, salt, self.level())?;
            task.cost()?;
            Ok(task.root)
        });
        let inputs = inputs.collect::<Result<_, _>>()?;
        Ok(Digests { inputs, output })
    }

    fn availability(&self) -> Result<ServerInfo, ProveError> {
        Ok(ServerInfo {
            path: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            gpu: "not used".to_owned(),
            uses_gpu: false,
        })
    }

    fn execute(&self, request: &ProveRequest<'_>, control: &Control<'_>) -> Result<Executed, ProveError> {
        let (start, bounds) = (Instant::now(), Bounds::from_now(control));
        if let Some(mut job) = self.sharded(request, control)? {
            report(&bounds, Phase::Execute, None);
            let body = move |abandoned: Abandoned| job.dry_run(&abandoned);
            let ended = supervise::in_thread(&bounds, body, || ())?;
            let (cost, proofs) = ended.value.map_err(|failure| failure.told(&bounds))?;
            return Ok(Executed { journal: Vec::new(), work: work(&cost, proofs), time: start.elapsed() });
        }
        let (_, mut cost, _) = self.attempt(request, &bounds, dry, |_| ())?;
        if let Claim::Plan(claim) = request.claim {
            for task in self.bridge_tasks(claim, &request.request)? {
                if !self.has_kept(&task) {
                    let bridge = task.cost()?;
                    cost.cells += bridge.cells;
                    cost.work += bridge.work;
                    cost.memory_bytes = cost.memory_bytes.max(bridge.memory_bytes);
                }
            }
        }
        Ok(Executed { journal: Vec::new(), work: work(&cost, 1), time: start.elapsed() })
    }

    fn estimate(&self, executed: &Executed) -> Estimate {
        let (calibration, ..) = self.calibration(NAME);
        let memory_bytes = match executed.work {
            Work::Cells { memory_bytes, .. } => memory_bytes,
            Work::Cycles { .. } => 0,
        };
        Estimate {
            time: calibration.time(executed.work.total()),
            memory_bytes,
            calibrated: calibration.measured,
        }
    }

    fn prove(&self, request: &ProveRequest<'_>, control: &Control<'_>) -> Result<Proved, ProveError> {
        let bounds = Bounds::from_now(control);
        if let Some(job) = self.sharded(request, control)? {
            return self.prove_shards(job, &bounds);
        }
        // Evidence without its bridges is none, and they do not depend on what the plan turns out to need.
        let bridges = match request.claim {
            Claim::Plan(claim) => self.bridges(claim, &request.request, &bounds)?,
            _ => Vec::new(),
        };
        let (calibration, cache, key) = self.calibration(NAME);
        let stage = Arc::new(Stage::default());
        let mut teller = Teller::new(&bounds, &calibration);
        let of_thread = stage.clone();
        let prove = move |job: &Job, abandoned: &Abandoned| prove_and_check(job, abandoned, &of_thread);
        let tick = |cost: &Cost| {
            stage.prove(1, 1, cost.work);
            teller.tick(&stage);
        };
        let (job, cost, ended) = self.attempt(request, &bounds, prove, tick)?;
        teller.verify();
        let (proof, security, time) = ended.value;
        let work = work(&cost, 1);
        if let Some(cache) = cache {
            calibration.learn(&cache, &key, work.total(), time);
        }
        let security = security.and(bridges.iter().map(|bridge| bridge.security));
        let (security, conjectured_bits) = stark::level(&security);
        let level = self.options.level.name();
        let origins: Vec<Origin> = bridges.iter().map(|bridge| bridge.origin).collect();
        let time = time + bridges.iter().map(|bridge| bridge.time).sum::<Duration>();
        let memory = bridges.iter().map(|bridge| bridge.peak_memory_bytes).max().unwrap_or(0);
        let evidence = StarkEvidence {
            plan: job.plan_bytes.clone().into(),
            inputs: stated(&job.bounds),
            groups: job.bounds.groups.clone(),
            level: level.to_owned(),
            proof: proof.into(),
            bridges: bridges.into_iter().map(|bridged| bridged.bridge).collect(),
            shards: None,
            security,
            conjectured_bits,
        };
        Ok(self.proved(evidence, &cost, &origins, (work, time, ended.peak_memory_bytes.max(memory))))
    }
}

impl Stark {
    /// The work on a request whose largest table is cut into shards; `None` if it is not.
    fn sharded(
        &self,
        request: &ProveRequest<'_>,
        control: &Control<'_>,
    ) -> Result<Option<ShardedJob>, ProveError> {
        let tables = Tables::of(&request.request)?;
        let Some(cut) = Cut::of(&self.options, &request.request, &tables)? else { return Ok(None) };
        let how = (self.options.level, control.memory_limit_bytes);
        ShardedJob::new(request.claim, &request.request, (cut, tables), how).map(Some)
    }

    /// Proves shard by shard.
    fn prove_shards(&self, mut job: ShardedJob, bounds: &Bounds<'_>) -> Result<Proved, ProveError> {
        bounds.check()?;
        let (calibration, cache, key) = self.calibration(NAME);
        let stage = Arc::new(Stage::default());
        let mut teller = Teller::new(bounds, &calibration);
        let of_thread = stage.clone();
        report(bounds, Phase::Execute, None);
        let body = move |abandoned: Abandoned| job.prove(&abandoned, &of_thread);
        let ended = supervise::in_thread(bounds, body, || teller.tick(&stage))?;
        let Made { evidence, time, cost, proofs } = ended.value.map_err(|failure| failure.told(bounds))?;
        teller.verify();
        let work = work(&cost, proofs);
        if let Some(cache) = cache {
            calibration.learn(&cache, &key, work.total(), time);
        }
        Ok(self.proved(evidence, &cost, &[], (work, time, ended.peak_memory_bytes)))
    }

    fn proved(
        &self,
        evidence: StarkEvidence,
        cost: &Cost,
        bridges: &[Origin],
        (work, time, peak_memory_bytes): (Work, Duration, u64),
    ) -> Proved {
        let mut parameters = vec![
            ("securityLevel", self.options.level.name().to_owned()),
            ("traceCells", cost.cells.to_string()),
            ("tables", cost.tables.len().to_string()),
        ];
        if let Some(shards) = &evidence.shards {
            parameters.push(("shardRows", shards.rows.to_string()));
        }
        if !bridges.is_empty() {
            let count = |origin| bridges.iter().filter(|found| **found == origin).count().to_string();
            parameters.push(("bridgesMade", count(Origin::Made)));
            parameters.push(("bridgesReused", count(Origin::Reused)));
        }
        let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value));
        Proved {
            stats: ProofStats {
                prover: format!("proofmark-stark {}", env!("CARGO_PKG_VERSION")),
                parameters: parameters.collect::<BTreeMap<_, _>>(),
                work,
                time,
                peak_memory_bytes,
            },
            evidence: Evidence::Stark(evidence),
        }
    }
}

/// The digest by which proofs name a value, under a salt as for [`Digests`]; `None` if no proof can be about it.
pub fn table_digest(value: &Value, salt: &[u8; 32]) -> Option<Digest> {
    let Value::Table(table) = value else { return None };
    digest::table(table, Salt::from_seed(salt)).ok()
}

/// Fills the tables without proving. Nothing of this is ever told, so the masks need not be random.
fn dry(job: &Job, abandoned: &Abandoned) -> Result<(), Failure> {
    let mut rng = StdRng::from_seed([0; 32]);
    dry_run(&job.statement(), &job.witness(), &mut rng, &mut Watch(abandoned)).map_err(Failure::Prove)
}

pub(crate) enum Failure {
    Prove(StarkError),
    Random(ProveError),
    Told(Box<ProveError>),
    Verify(VerifyError),
}

impl Failure {
    /// What it is for a caller.
    fn told(self, bounds: &Bounds<'_>) -> ProveError {
        match self {
            Self::Prove(error) => failed(error, bounds),
            Self::Random(error) => error,
            Self::Told(error) => *error,
            Self::Verify(error) => ProveError::BadOutput { detail: error.to_string() },
        }
    }
}

fn prove_and_check(
    job: &Job,
    abandoned: &Abandoned,
    stage: &Stage,
) -> Result<(Vec<u8>, proofmark_stark::Security, Duration), Failure> {
    let start = Instant::now();
    let mut rng = system_random()?;
    let statement = job.statement();
    let proof = proofmark_stark::prove(&statement, &job.witness(), &mut rng, &mut Watch(abandoned))
        .map_err(Failure::Prove)?;
    let time = start.elapsed();
    stage.verify();
    let security = proofmark_stark::verify(&statement, &proof).map_err(Failure::Verify)?;
    Ok((proof, security, time))
}

/// A generator seeded by the operating system.
pub(crate) fn system_random() -> Result<StdRng, Failure> {
    Ok(StdRng::from_seed(seed().map_err(Failure::Random)?))
}

/// Secret bytes from the operating system.
///
/// # Errors
/// [`ProveError::Io`] if it gives none.
pub(crate) fn seed() -> Result<[u8; 32], ProveError> {
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).map_err(|error| ProveError::Io {
        doing: "the system gives no random numbers".to_owned(),
        source: std::io::Error::other(error.to_string()),
    })?;
    Ok(seed)
}

pub(crate) struct Watch<'a>(pub(crate) &'a Abandoned);

impl proofmark_stark::Progress for Watch<'_> {
    fn cancelled(&mut self) -> bool {
        self.0.is_set()
    }
}

fn work(cost: &Cost, proofs: u64) -> Work {
    let Cost { cells, work: total, memory_bytes, .. } = *cost;
    Work::Cells { cells, total, memory_bytes, shards: proofs }
}

pub(crate) fn refuse_memory(needed_bytes: u64, bounds: &Bounds<'_>) -> Result<(), ProveError> {
    match bounds.control.memory_limit_bytes {
        Some(limit_bytes) if needed_bytes > limit_bytes => {
            Err(ProveError::MemoryExceeded { limit_bytes, needed_bytes, predicted: true })
        }
        _ => Ok(()),
    }
}

/// What an error of the STARK is for a caller.
fn failed(error: StarkError, bounds: &Bounds<'_>) -> ProveError {
    match error {
        StarkError::Cancelled => ProveError::Cancelled { after: bounds.start.elapsed() },
        StarkError::DigestMismatch { what } => ProveError::Diverged { detail: format!("another {what}") },
        StarkError::Internal(detail) => ProveError::BadOutput { detail },
        error => unsupported(error.to_string()),
    }
}
