//! What the proofs of a table in shards state together, and what each of them states.

use alloc::{boxed::Box, vec::Vec};

use proofmark_core::Digest;
use proofmark_plan::typed::{TypedBlock, TypedOp, TypedPlan};
use sha2::{Digest as _, Sha256};

use super::{MAX_SHARD_ROWS, MAX_SHARDS, Source, Split, sharded_digest};
use crate::{
    Bounds, Level, Security, Statement, TableBounds, Unsupported, VerifyError,
    compile::{DEFAULT_GROUPS, compile},
    verify::verify_machine,
};

/// The statement of a receipt about a table in shards: *shards with these digests exist such that the plan, on the rows
/// of all of them one after the other, gives a table with that digest*.
#[derive(Clone, Copy, Debug)]
pub struct Sharded<'a> {
    /// Hash of the whole plan.
    pub plan: Digest,
    /// The plans that follow from it, for as many shards as there are.
    pub split: &'a Split,
    /// SHA-256 of the claim that the proofs are for.
    pub claim: [u8; 32],
    /// The digest of each input of the whole plan; of the large one it is [`sharded_digest`].
    pub inputs: &'a [Digest],
    /// Which input is in shards.
    pub input: usize,
    /// Rows of each shard but the last: 1 to [`MAX_SHARD_ROWS`].
    pub rows: u32,
    /// The shards in order.
    pub shards: &'a [Part],
    /// The digest of the output.
    pub output: Digest,
    /// Bounds of the whole plan's inputs, of the large one those of a shard, and of the groups of the shard plan.
    pub bounds: &'a Bounds,
    /// For each `reduce` step of the merge plan in execution order, the most groups.
    pub merge_groups: &'a [u32],
    /// Security level of all proofs together.
    pub level: Level,
}

/// What is public of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The digest of its rows.
    pub table: Digest,
    /// The salted digest of its partial groups.
    pub groups: Digest,
}

/// The statement of one of the proofs.
#[derive(Clone, Debug)]
pub struct Piece<'a> {
    plan: &'a TypedPlan,
    claim: [u8; 32],
    inputs: Vec<Digest>,
    output: Digest,
    bounds: Bounds,
    level: Level,
}

impl Piece<'_> {
    /// The statement.
    pub fn statement(&self) -> Statement<'_> {
        let Self { plan, claim, inputs, output, bounds, level } = self;
        Statement { plan, claim: *claim, inputs, output: *output, bounds, level: *level }
    }
}

impl<'a> Sharded<'a> {
    /// Whether the parts belong together, before any proof is read.
    ///
    /// # Errors
    /// [`VerifyError::Shards`].
    pub fn check(&self) -> Result<(), VerifyError> {
        let no = |reason| Err(VerifyError::Shards(reason));
        if !(2..=MAX_SHARDS).contains(&self.shards.len()) {
            return no("their number is not 2 to 64");
        }
        if !(1..=MAX_SHARD_ROWS).contains(&self.rows) {
            return no("they have no or too many rows");
        }
        let parts = |source: &&Source| matches!(source, Source::Part(_));
        if self.split.merge_inputs.iter().filter(parts).count() != self.shards.len() {
            return no("the plan was split for another number");
        }
        if self.bounds.inputs.len() != self.inputs.len() {
            return Err(VerifyError::BadBounds);
        }
        // One shard size, one spelling.
        if self.bounds.inputs.get(self.input).map(|table| table.rows) != Some(shard_bound(self.rows)) {
            return no("the public bound is not that of their rows");
        }
        let tables: Vec<Digest> = self.shards.iter().map(|shard| shard.table).collect();
        if sharded_digest(self.rows, &tables).as_ref() != self.inputs.get(self.input) {
            return no("their digests are not those of the input");
        }
        Ok(())
    }

    /// What the proof of a shard states. The shard must be there, and the bounds those of the whole plan's inputs.
    pub fn shard(&self, at: usize) -> Option<Piece<'a>> {
        let part = self.shards.get(at)?;
        let inputs = self.split.shard_inputs.iter().map(|source| match source {
            Source::Input(input) => self.inputs.get(*input).copied(),
            Source::Part(_) => None,
            Source::Shard => Some(part.table),
        });
        Some(Piece {
            plan: &self.split.shard,
            claim: self.binding(at),
            inputs: inputs.collect::<Option<_>>()?,
            output: part.groups,
            bounds: self.split.shard_bounds(self.input, self.bounds)?,
            level: self.level.of_each(),
        })
    }

    /// What the proof of the merge states.
    ///
    /// # Errors
    /// If the shard plan cannot be proved under the bounds.
    pub fn merge(&self) -> Result<Option<Piece<'a>>, Vec<Unsupported>> {
        let bounds = self.split.merge_bounds(self.input, self.bounds, self.merge_groups)?;
        let Some(bounds) = bounds else { return Ok(None) };
        let inputs = self.split.merge_inputs.iter().map(|source| match source {
            Source::Input(input) => self.inputs.get(*input).copied(),
            Source::Part(shard) => self.shards.get(*shard).map(|part| part.groups),
            Source::Shard => None,
        });
        let Some(inputs) = inputs.collect::<Option<_>>() else { return Ok(None) };
        Ok(Some(Piece {
            plan: &self.split.merge,
            claim: self.binding(self.shards.len()),
            inputs,
            output: self.output,
            bounds,
            level: self.level.of_each(),
        }))
    }

    /// SHA-256 of everything that the proofs state together, and of the proof's place. Each proof is for its own claim
    /// of that kind, so it serves in no other receipt, place, order or number.
    fn binding(&self, place: usize) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"proofmark stark shards 1\0");
        hash.update(self.claim);
        for plan in [&self.plan, &self.split.shard.hash, &self.split.merge.hash] {
            hash.update(plan.as_bytes());
        }
        let numbers =
            [self.level.number() as usize, self.input, self.rows as usize, self.shards.len(), place];
        for number in numbers {
            hash.update((number as u64).to_le_bytes());
        }
        for part in self.shards {
            // Both are digests of tables, or no statement about them is accepted.
            hash.update(part.table.as_bytes());
            hash.update(part.groups.as_bytes());
        }
        hash.finalize().into()
    }

    /// Checks all proofs. Total: any bytes give an answer.
    ///
    /// The result is what the weakest proof is worth, less the logarithm of the number of proofs: a forger needs to
    /// succeed with one of them.
    ///
    /// # Errors
    /// [`VerifyError::Shards`] if the parts do not belong together, [`VerifyError::Shard`] with the reason of the first
    /// proof of a shard that is refused, or the reason why the proof of the merge is.
    pub fn verify(&self, shards: &[&[u8]], merge: &[u8]) -> Result<Security, VerifyError> {
        self.check()?;
        if shards.len() != self.shards.len() {
            return Err(VerifyError::Shards("there is not one proof for each"));
        }
        let stray = || VerifyError::Shards("the plan was split for other inputs");
        let bounds = self.split.shard_bounds(self.input, self.bounds).ok_or_else(stray)?;
        if !bounds.are_sane(self.split.shard.inputs.len()) {
            return Err(VerifyError::BadBounds);
        }
        // All shards have the same chips.
        let least = self.level.of_each().least_log_height();
        let machine = compile(&self.split.shard, &bounds, least).map_err(VerifyError::Unsupported)?;
        let mut all = Vec::with_capacity(shards.len());
        for (at, proof) in shards.iter().enumerate() {
            let piece = self.shard(at).ok_or_else(stray)?;
            let security = verify_machine(&piece.statement(), &machine, proof)
                .map_err(|error| VerifyError::Shard { shard: at, error: Box::new(error) })?;
            all.push(security);
        }
        let piece = self.merge().map_err(VerifyError::Unsupported)?.ok_or_else(stray)?;
        Ok(crate::verify(&piece.statement(), merge)?.and(all))
    }
}

/// The bound of the form `2^k - 1` of so many rows, below `2^31`.
pub const fn shard_bound(rows: u32) -> u32 {
    (rows + 1).next_power_of_two() - 1
}

impl Split {
    /// The bounds of the shard plan's inputs and groups, from those of the whole plan's, of the large input those of a
    /// shard. `None` if they are not those of the plan.
    pub fn shard_bounds(&self, input: usize, bounds: &Bounds) -> Option<Bounds> {
        let inputs = self.shard_inputs.iter().map(|source| match source {
            Source::Input(input) => bounds.inputs.get(*input).cloned(),
            Source::Part(_) => None,
            Source::Shard => bounds.inputs.get(input).cloned(),
        });
        Some(Bounds { inputs: inputs.collect::<Option<_>>()?, groups: bounds.groups.clone() })
    }

    /// The bounds of the merge plan, of whose `reduce` steps `groups` are. `None` if they are not those of the plan.
    ///
    /// # Errors
    /// If the shard plan cannot be proved under its bounds.
    pub fn merge_bounds(
        &self,
        input: usize,
        bounds: &Bounds,
        groups: &[u32],
    ) -> Result<Option<Bounds>, Vec<Unsupported>> {
        let Some(of_shard) = self.shard_bounds(input, bounds) else { return Ok(None) };
        let text_bytes = crate::output_text_bounds(&self.shard, &of_shard)?;
        let (at, keyed) = self.last_reduction();
        let most = if keyed { bounds.groups.get(at).copied().unwrap_or(DEFAULT_GROUPS) } else { 1 };
        let part = TableBounds { rows: shard_bound(most.min(u32::MAX >> 1)), text_bytes };
        let inputs = self.merge_inputs.iter().map(|source| match source {
            Source::Input(input) => bounds.inputs.get(*input).cloned(),
            Source::Part(_) => Some(part.clone()),
            Source::Shard => None,
        });
        let inputs = inputs.collect::<Option<_>>();
        Ok(inputs.map(|inputs| Bounds { inputs, groups: groups.to_vec() }))
    }

    /// The groups of a shard: which of the shard plan's bounds of groups is theirs, and whether they have keys.
    pub fn last_reduction(&self) -> (usize, bool) {
        let (mut reductions, mut last) = (0, (0, false));
        // The last step of a shard plan is at its top.
        for step in &self.shard.body.steps {
            if let TypedOp::Reduce { keys, .. } = &step.op
                && step.slot == self.shard.body.output
            {
                last = (reductions, !keys.is_empty());
            }
            reductions += reductions_of(&step.op);
        }
        last
    }
}

/// `reduce` steps of a step, in the order of their bounds. A loop's are compiled once a round.
fn reductions_of(op: &TypedOp) -> usize {
    let block = |block: &TypedBlock| block.steps.iter().map(|step| reductions_of(&step.op)).sum::<usize>();
    match op {
        TypedOp::Branch { then, otherwise, .. } => block(then) + block(otherwise),
        TypedOp::Loop { max_iterations, body, .. } => (*max_iterations as usize).saturating_mul(block(body)),
        TypedOp::Reduce { .. } => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_the_least_of_their_form() {
        for (rows, bound) in [(1, 1), (2, 3), (16, 31), (255, 255), (MAX_SHARD_ROWS, MAX_SHARD_ROWS)] {
            assert_eq!(shard_bound(rows), bound);
        }
        assert_eq!(MAX_SHARD_ROWS, 131_071);
    }
}
