//! Evidence about a table in shards: a proof for each, and one of the merge.

use proofmark_core::{Digest, PlanClaim, StarkShards};
use proofmark_plan::{model::Plan, typed::TypedPlan};
use proofmark_stark::{
    Bounds, Level, Security, output_text_bounds,
    shards::{MAX_SHARDS, Part, Sharded, Split},
};

const _: () = assert!(MAX_SHARDS == StarkShards::MOST, "a receipt holds as many as there may be");

/// Shards whose plans were derived. Whether their proofs hold is for [`Shards::check`] to say.
pub(super) struct Shards<'a> {
    evidence: &'a StarkShards,
    split: Split,
    /// Which input is in shards.
    input: usize,
    parts: Vec<Part>,
    /// Digests of the inputs in the claim.
    inputs: Vec<Digest>,
}

/// What the evidence says beside the shards.
#[derive(Clone, Copy)]
pub(super) struct Common<'a> {
    pub(super) plan: &'a TypedPlan,
    pub(super) bounds: &'a Bounds,
    pub(super) level: Level,
}

impl<'a> Shards<'a> {
    /// Derives the plans of shards and merge.
    ///
    /// # Errors
    /// In words, if the evidence cannot belong to the plan.
    pub(super) fn parse(
        evidence: &'a StarkShards,
        (source, typed): (&Plan, &TypedPlan),
        claim: &PlanClaim,
    ) -> Result<Self, String> {
        // Splitting takes time for each shard, so their number is looked at first.
        if !(2..=MAX_SHARDS).contains(&evidence.shards.len()) {
            return Err(format!("a table is in 2 to {MAX_SHARDS} shards, not {}", evidence.shards.len()));
        }
        let input = typed.inputs.iter().position(|input| input.name == evidence.input);
        let input = input.ok_or_else(|| format!("the plan has no input `{}`", evidence.input))?;
        let split = Split::new(source, &evidence.input, evidence.shards.len());
        let split = split.map_err(|found| format!("step {} in shards: {}", found.step, found.reason))?;
        let parts =
            evidence.shards.iter().map(|shard| Part { table: shard.table, groups: shard.groups }).collect();
        let inputs = claim.inputs.iter().map(|input| input.root).collect();
        Ok(Self { evidence, split, input, parts, inputs })
    }

    fn sharded<'b>(&'b self, common: Common<'b>, claim: [u8; 32], output: Digest) -> Sharded<'b> {
        Sharded {
            plan: common.plan.hash,
            split: &self.split,
            claim,
            inputs: &self.inputs,
            input: self.input,
            rows: self.evidence.rows,
            shards: &self.parts,
            output,
            bounds: common.bounds,
            merge_groups: &self.evidence.groups,
            level: common.level,
        }
    }

    /// The bounds of the texts of an output.
    ///
    /// # Errors
    /// In words, if the plan cannot be proved in these shards.
    pub(super) fn output_text_bounds(&self, common: Common<'_>) -> Result<Vec<u8>, String> {
        const NO: &str = "the plan cannot be proved in the stated shards";
        // The bounds depend on no digest.
        let sharded = self.sharded(common, [0; 32], common.plan.hash);
        sharded.check().map_err(|error| error.to_string())?;
        let piece = sharded.merge().map_err(|_| NO)?.ok_or(NO)?;
        let statement = piece.statement();
        output_text_bounds(statement.plan, statement.bounds).map_err(|_| NO.into())
    }

    /// Whether all proofs show the claim; what they are worth together.
    ///
    /// # Errors
    /// In words.
    pub(super) fn check(
        &self,
        common: Common<'_>,
        (claim, digest): (&PlanClaim, &Digest),
        merge: &[u8],
    ) -> Result<Security, String> {
        let proofs: Vec<&[u8]> = self.evidence.shards.iter().map(|shard| &shard.proof[..]).collect();
        let sharded = self.sharded(common, *digest.as_bytes(), claim.output);
        sharded.verify(&proofs, merge).map_err(|error| error.to_string())
    }
}
