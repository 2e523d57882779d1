//! A request as the STARK sees it: owned, so that a thread can work on it, and with public bounds that fit.

use proofmark_core::{Algorithm, Claim, Digest, PlanClaim, TableBounds as StatedBounds};
use proofmark_plan::{
    guest,
    typed::{TypedBlock, TypedOp, TypedPlan},
    value::{Table, Value},
    wire,
};
use proofmark_prover::ProveError;
use proofmark_stark::{
    Bounds, Level, ProveError as StarkError, Salt, Statement, TableBounds, Witness, bridge, digest,
};

use crate::prove::NAME;

/// Groups of a `reduce` step, until the data has more.
const GROUPS: u32 = 255;

/// Tables with their bounds and salts.
pub(crate) struct Tables<'a> {
    pub(crate) tables: Vec<&'a Table>,
    pub(crate) salts: Vec<Salt>,
    pub(crate) bounds: Bounds,
}

impl<'a> Tables<'a> {
    /// # Errors
    /// [`ProveError::Unsupported`] if an input is no table, or has 2^32 rows.
    pub(crate) fn of(request: &guest::Request<'a>) -> Result<Self, ProveError> {
        let mut found = Self { tables: Vec::new(), salts: Vec::new(), bounds: Bounds::default() };
        for ((value, salt), input) in request.inputs.iter().zip(&request.typed.inputs) {
            let Value::Table(table) = value else {
                return Err(unsupported(format!("input {} is bytes", input.name)));
            };
            let bounds = TableBounds::of(table)
                .ok_or_else(|| unsupported(format!("input {} has too many rows", input.name)))?;
            found.tables.push(table);
            found.salts.push(Salt::from_seed(salt));
            found.bounds.inputs.push(bounds);
        }
        Ok(found)
    }

    /// The digest of an input.
    ///
    /// # Errors
    /// [`ProveError::Unsupported`].
    pub(crate) fn digest(&self, input: usize) -> Result<Digest, ProveError> {
        let text = &self.bounds.inputs[input].text_bytes;
        digest::table_with_text_bounds(self.tables[input], text, self.salts[input])
            .map_err(|error| unsupported(error.to_string()))
    }

    /// As [`Self::digest`] for all inputs.
    pub(crate) fn digests(&self) -> Result<Vec<Digest>, ProveError> {
        (0..self.tables.len()).map(|input| self.digest(input)).collect()
    }
}

/// The bounds of inputs as evidence states them.
pub(crate) fn stated(bounds: &Bounds) -> Vec<StatedBounds> {
    let stated = bounds.inputs.iter();
    stated.map(|table| StatedBounds { rows: table.rows, text_bytes: table.text_bytes.clone() }).collect()
}

/// Whether an input is named by its root, which takes a bridge.
pub(crate) fn is_root(digest: &Digest) -> bool {
    digest.algorithm() == Algorithm::Sha256
}

/// What is proved.
pub(crate) struct Job {
    pub(crate) plan: TypedPlan,
    /// The plan as evidence carries it.
    pub(crate) plan_bytes: Vec<u8>,
    claim: [u8; 32],
    inputs: Vec<Digest>,
    output: Digest,
    output_salt: Salt,
    level: Level,
    tables: Vec<Table>,
    salts: Vec<Salt>,
    pub(crate) bounds: Bounds,
}

impl Job {
    /// # Errors
    /// [`ProveError::Unsupported`] if the claim is not one that these proofs show,
    /// [`ProveError::Diverged`] if it is about another plan.
    pub(crate) fn new(claim: &Claim, request: &guest::Request<'_>, level: Level) -> Result<Self, ProveError> {
        let PlanClaim { inputs, output, .. } = check_claim(claim, request)?;
        let typed = request.typed;
        let tables = Tables::of(request)?;
        let digests = match inputs.iter().any(|input| is_root(&input.root)) {
            true => tables.digests()?,
            false => Vec::new(),
        };
        // The proof names by its table digest what a bridge ties to the claim's root.
        let digest = |at: usize, named: Digest| match digests.get(at) {
            Some(digest) if is_root(&named) => *digest,
            _ => named,
        };
        let named: Vec<Digest> = inputs.iter().map(|input| input.root).collect();
        let inputs = named.iter().enumerate().map(|(at, named)| digest(at, *named)).collect();
        let Tables { tables, salts, mut bounds } = tables;
        for ((named, table), bounds) in named.iter().zip(&tables).zip(&mut bounds.inputs) {
            // Both proofs about an input have the same bounds.
            if let Some(bridged) = bridge::bounds(table).filter(|_| is_root(named)) {
                *bounds = bridged;
            }
        }
        Ok(Self {
            plan: typed.clone(),
            plan_bytes: wire::encode(request.plan),
            claim: *claim.digest().as_bytes(),
            inputs,
            output: *output,
            output_salt: Salt::from_seed(&request.output_salt),
            level,
            tables: tables.into_iter().cloned().collect(),
            salts,
            bounds,
        })
    }

    pub(crate) fn statement(&self) -> Statement<'_> {
        Statement {
            plan: &self.plan,
            claim: self.claim,
            inputs: &self.inputs,
            output: self.output,
            bounds: &self.bounds,
            level: self.level,
        }
    }

    pub(crate) fn witness(&self) -> Witness<'_> {
        Witness { inputs: &self.tables, salts: &self.salts, output_salt: self.output_salt }
    }

    /// Raises the bound that an attempt found too low. `false` if there is none to raise.
    pub(crate) fn raise(&mut self, error: &StarkError) -> bool {
        raise_by(&self.plan, &mut self.bounds.groups, error)
    }
}

/// Whether a claim is about a request, and of the kind that these proofs show.
///
/// # Errors
/// As [`Job::new`].
pub(crate) fn check_claim<'c>(
    claim: &'c Claim,
    request: &guest::Request<'_>,
) -> Result<&'c PlanClaim, ProveError> {
    let Claim::Plan(found) = claim else {
        return Err(unsupported("it is not about a plan"));
    };
    let PlanClaim { plan, job, inputs, limits, usage, .. } = found;
    if limits.is_some() || usage.is_some() {
        return Err(unsupported("it states limits or usage, which a proof over tables does not show"));
    }
    let typed = request.typed;
    let names = inputs.iter().map(|input| &input.name);
    if *plan != typed.hash || *job != request.job.or(typed.job) {
        return Err(ProveError::Diverged { detail: "another plan or job".to_owned() });
    }
    if !names.eq(typed.inputs.iter().map(|input| &input.name)) {
        return Err(ProveError::Diverged { detail: "other inputs".to_owned() });
    }
    Ok(found)
}

/// Raises the bound of groups that an attempt to prove a plan found too low. `false` if there is none to raise.
pub(crate) fn raise_by(plan: &TypedPlan, groups: &mut Vec<u32>, error: &StarkError) -> bool {
    let StarkError::TooManyRows { step, rows, bound } = error else { return false };
    let mut steps = Vec::new();
    reduce_steps(&plan.body, &mut steps);
    let Some(at) = steps.iter().position(|id| *id == step) else { return false };
    // Each attempt raises a bound, so there is an end.
    u32::try_from(*rows).is_ok_and(|needed| needed as usize > *bound && raise(groups, at, needed))
}

/// Makes room for so many groups in the bound at `at`. `false` if there was.
pub(crate) fn raise(groups: &mut Vec<u32>, at: usize, rows: u32) -> bool {
    let needed = rows.checked_add(1).and_then(u32::checked_next_power_of_two);
    let Some(needed) = needed else { return false };
    if groups.get(at).copied().unwrap_or(GROUPS) >= needed - 1 {
        return false;
    }
    groups.resize(groups.len().max(at + 1), GROUPS);
    groups[at] = needed - 1;
    true
}

/// The ids of `reduce` steps in execution order. A checked plan has at most 64 levels, which bounds the recursion.
fn reduce_steps<'a>(block: &'a TypedBlock, found: &mut Vec<&'a str>) {
    for step in &block.steps {
        match &step.op {
            TypedOp::Branch { then, otherwise, .. } => {
                reduce_steps(then, found);
                reduce_steps(otherwise, found);
            }
            TypedOp::Loop { body, .. } => reduce_steps(body, found),
            TypedOp::Reduce { .. } => found.push(&step.id),
            _ => (),
        }
    }
}

pub(crate) fn unsupported(detail: impl Into<String>) -> ProveError {
    ProveError::Unsupported { prover: NAME, detail: detail.into() }
}
