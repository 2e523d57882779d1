//! Bridges: proofs that the root and the table digest of an input are of one table.
//!
//! A bridge is about a table alone, so it is made once, kept in the cache under the id of its statement, and put into
//! every receipt about the table. What is read from the cache is checked as if a stranger had sent it; what does not hold
//! is made again.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use proofmark_core::{Bridge, Digest, PlanClaim};
use proofmark_plan::{
    commit, guest,
    typed::{TypedInput, TypedPlan},
    types::{Schema, ValueType},
    value::{Table, Value},
};
use proofmark_prover::{
    Control, Phase, ProveError,
    supervise::{self, Abandoned, Bounds},
};
use proofmark_stark::{
    Cost, Level, Salt, Security, TableBounds,
    bridge::{self, ProveError as BridgeError, Statement, VerifyError, Witness},
    digest,
};
use rand::{SeedableRng as _, rngs::StdRng};

use crate::{
    job::{is_root, unsupported},
    kept::Kept,
    prove::{Stark, Watch, refuse_memory, seed},
    stage::report,
};

/// The least text bound: whether a plan can have bridges at all is asked for the shortest texts.
const LEAST_TEXT_BYTES: u8 = 3;

/// A bridge, and how it came about.
#[derive(Clone, Debug)]
pub struct Bridged {
    /// As evidence carries it.
    pub bridge: Bridge,
    /// The root that it ties to the table digest.
    pub root: Digest,
    /// Whether it was made now, or was there.
    pub origin: Origin,
    /// What it is worth.
    pub security: Security,
    /// Wall time of making it, or of reading and checking it.
    pub time: Duration,
    /// Largest resident memory of this process meanwhile, in bytes; 0 if it was not made.
    pub peak_memory_bytes: u64,
    /// Where it is kept, if it is.
    pub file: Option<PathBuf>,
}

/// Where a bridge came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was made now.
    Made,
    /// It was in the cache, and holds.
    Reused,
}

/// A table with its two commitments.
pub(crate) struct Task {
    input: String,
    table: Table,
    salt: [u8; 32],
    bounds: TableBounds,
    rows_per_leaf: u16,
    digest: Digest,
    pub(crate) root: Digest,
    level: Level,
}

impl Task {
    /// # Errors
    /// [`ProveError::Unsupported`] if the input is no table or has no table digest.
    pub(crate) fn new(
        input: &TypedInput,
        value: &Value,
        salt: &[u8; 32],
        level: Level,
    ) -> Result<Self, ProveError> {
        let Value::Table(table) = value else {
            return Err(unsupported(format!("input {} is bytes", input.name)));
        };
        let bounds = bridge::bounds(table)
            .ok_or_else(|| unsupported(format!("input {} has too many rows", input.name)))?;
        let digest = digest::table_with_text_bounds(table, &bounds.text_bytes, Salt::from_seed(salt))
            .map_err(|error| unsupported(format!("input {}: {error}", input.name)))?;
        Ok(Self {
            input: input.name.clone(),
            table: table.clone(),
            salt: *salt,
            bounds,
            rows_per_leaf: input.rows_per_leaf,
            digest,
            root: commit::root(value, input.rows_per_leaf, salt),
            level,
        })
    }

    fn statement(&self) -> Statement<'_> {
        Statement {
            schema: &self.table.schema,
            bounds: &self.bounds,
            rows_per_leaf: self.rows_per_leaf,
            digest: self.digest,
            root: self.root,
            level: self.level,
        }
    }

    /// What making the bridge takes.
    ///
    /// # Errors
    /// [`ProveError::Unsupported`] if there is no bridge for such tables.
    pub(crate) fn cost(&self) -> Result<Cost, ProveError> {
        bridge::cost(&self.statement()).map_err(|error| self.failed(error, Duration::ZERO))
    }

    fn failed(&self, error: BridgeError, after: Duration) -> ProveError {
        match error {
            BridgeError::Cancelled => ProveError::Cancelled { after },
            BridgeError::Internal(detail) => ProveError::BadOutput { detail },
            BridgeError::Mismatch { what } => ProveError::Diverged { detail: format!("another {what}") },
            error => unsupported(format!("input {} has no bridge: {error}", self.input)),
        }
    }
}

/// Why no bridge was made.
enum Failure {
    Prove(BridgeError),
    Random(ProveError),
    Verify(VerifyError),
}

impl Stark {
    /// The bridge of one input, from the cache or made now, which is told by [`Phase::Bridge`].
    ///
    /// # Errors
    /// As [`proofmark_prover::Prover::prove`].
    pub fn bridge(
        &self,
        input: &TypedInput,
        value: &Value,
        salt: &[u8; 32],
        control: &Control<'_>,
    ) -> Result<Bridged, ProveError> {
        self.bridge_of(Task::new(input, value, salt, self.level())?, (1, 1), &Bounds::from_now(control))
    }

    /// The bridges that evidence for a claim needs, in plan order.
    ///
    /// # Errors
    /// As for one; [`ProveError::Diverged`] if a root of the claim is not that of the data.
    pub(crate) fn bridges(
        &self,
        claim: &PlanClaim,
        request: &guest::Request<'_>,
        bounds: &Bounds<'_>,
    ) -> Result<Vec<Bridged>, ProveError> {
        let tasks = self.bridge_tasks(claim, request)?;
        let of = tasks.len() as u64;
        (1..).zip(tasks).map(|(at, task)| self.bridge_of(task, (at, of), bounds)).collect()
    }

    /// What there is to bridge for a claim.
    pub(crate) fn bridge_tasks(
        &self,
        claim: &PlanClaim,
        request: &guest::Request<'_>,
    ) -> Result<Vec<Task>, ProveError> {
        let mut tasks = Vec::new();
        let inputs = request.typed.inputs.iter().zip(request.inputs).zip(&claim.inputs);
        for ((input, (value, salt)), claimed) in inputs.filter(|(_, claimed)| is_root(&claimed.root)) {
            let task = Task::new(input, value, salt, self.level())?;
            if task.root != claimed.root {
                return Err(ProveError::Diverged { detail: format!("another root of input {}", input.name) });
            }
            tasks.push(task);
        }
        Ok(tasks)
    }

    /// Whether a task's bridge is in the cache, unchecked.
    pub(crate) fn has_kept(&self, task: &Task) -> bool {
        self.kept().is_some_and(|kept| kept.path(&task.statement().id()).is_file())
    }

    /// Whether claims name this input by its root.
    pub(crate) fn names_by_root(&self, input: &TypedInput) -> bool {
        self.options().bridge || input.data_commitment.is_some_and(|fixed| is_root(&fixed))
    }

    /// Why inputs of a plan that need a bridge cannot have one, whatever their data.
    pub(crate) fn without_bridge(&self, plan: &TypedPlan) -> Vec<proofmark_prover::Unsupported> {
        let bridged = plan.inputs.iter().filter(|input| self.names_by_root(input));
        let refused = bridged.filter_map(|input| {
            let reason = match &input.ty {
                ValueType::Bytes => return None,
                ValueType::Table(schema) => {
                    bridge::supports(schema, &least_bounds(schema), input.rows_per_leaf).err()?
                }
            };
            let reason = format!("its root has no bridge to a table digest: {reason}");
            Some(proofmark_prover::Unsupported { step: input.name.clone(), reason })
        });
        refused.collect()
    }

    fn bridge_of(
        &self,
        task: Task,
        (input, of): (u64, u64),
        bounds: &Bounds<'_>,
    ) -> Result<Bridged, ProveError> {
        bounds.check()?;
        let start = Instant::now();
        let kept = self.kept();
        let id = task.statement().id();
        let file = kept.as_ref().map(|kept| kept.path(&id));
        let found = kept.as_ref().and_then(|kept| {
            let proof = kept.read(&id, bridge::MAX_PROOF_BYTES)?;
            let security = bridge::verify(&task.statement(), &proof).ok()?;
            Some((proof, security))
        });
        let bridged = |task: &Task, proof: Vec<u8>, security, origin| Bridged {
            bridge: Bridge { input: task.input.clone(), table_digest: task.digest, proof: proof.into() },
            root: task.root,
            origin,
            security,
            time: start.elapsed(),
            peak_memory_bytes: 0,
            file: file.clone().filter(|file| file.is_file()),
        };
        if let Some((proof, security)) = found {
            return Ok(bridged(&task, proof, security, Origin::Reused));
        }

        let cost = task.cost()?;
        refuse_memory(cost.memory_bytes, bounds)?;
        let (calibration, cache, key) = self.calibration("bridge");
        let tick = || {
            let remaining = calibration.time(cost.work).saturating_sub(start.elapsed());
            report(bounds, Phase::Bridge { input, of }, Some(remaining));
        };
        tick();
        let body = move |abandoned: Abandoned| (make(&task, &abandoned), task);
        let ended = supervise::in_thread(bounds, body, tick)?;
        let (made, task) = ended.value;
        let (proof, security) = made.map_err(|failure| match failure {
            Failure::Prove(error) => task.failed(error, bounds.start.elapsed()),
            Failure::Random(error) => error,
            Failure::Verify(error) => ProveError::BadOutput { detail: format!("the bridge: {error}") },
        })?;
        if let Some(cache) = cache {
            calibration.learn(&cache, &key, cost.work, ended.time);
        }
        // The proof is there; one that cannot be kept is made again next time.
        kept.iter().for_each(|kept| kept.write(&id, &proof));
        let bridged = bridged(&task, proof, security, Origin::Made);
        Ok(Bridged { peak_memory_bytes: ended.peak_memory_bytes, ..bridged })
    }

    fn kept(&self) -> Option<Kept> {
        self.cache().map(|cache| Kept::new(&cache))
    }
}

fn make(task: &Task, abandoned: &Abandoned) -> Result<(Vec<u8>, Security), Failure> {
    let mut rng = StdRng::from_seed(seed().map_err(Failure::Random)?);
    let statement = task.statement();
    let witness =
        Witness { table: &task.table, digest_salt: Salt::from_seed(&task.salt), root_salt: &task.salt };
    let proof =
        bridge::prove(&statement, &witness, &mut rng, &mut Watch(abandoned)).map_err(Failure::Prove)?;
    let security = bridge::verify(&statement, &proof).map_err(Failure::Verify)?;
    Ok((proof, security))
}

fn least_bounds(schema: &Schema) -> TableBounds {
    let texts = schema.columns().iter().filter(|column| column.ty.ty.width().is_none());
    TableBounds { rows: 1, text_bytes: texts.map(|_| LEAST_TEXT_BYTES).collect() }
}
