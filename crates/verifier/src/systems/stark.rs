//! Tier 2: a proof over the columns of a plan's tables.
//!
//! There is no program and no key: what is proved follows from the plan, which the evidence carries and the claim
//! fixes by its hash.

mod bridge;
mod shards;

use proofmark_core::{Digest, PlanClaim, SecurityKind, SecurityLevel, StarkEvidence};
use proofmark_plan::{check, typed::TypedPlan, value::Table, wire};
use proofmark_stark::{Bounds, Level, Salt, Security, Statement, TableBounds, digest, output_text_bounds};

/// Evidence whose plan was read and is the claim's. Whether the proof holds is for [`Proof::check`] to say.
pub(crate) struct Proof<'a> {
    evidence: &'a StarkEvidence,
    plan: TypedPlan,
    bounds: Bounds,
    level: Level,
    /// By which the proof names the inputs.
    inputs: Vec<Digest>,
    /// If an input is in shards.
    shards: Option<shards::Shards<'a>>,
}

impl<'a> Proof<'a> {
    /// Reads the plan and compares it with the claim.
    ///
    /// # Errors
    /// In words, if the evidence cannot belong to the claim.
    pub(crate) fn parse(evidence: &'a StarkEvidence, claim: &PlanClaim) -> Result<Self, String> {
        let source = wire::decode(&evidence.plan).map_err(|e| format!("the plan is malformed: {e}"))?;
        // One receipt, one spelling.
        if wire::encode(&source) != *evidence.plan {
            return Err("the plan is not the encoding of what it decodes to".into());
        }
        let plan = check::typed(&source).map_err(|_| "the plan has errors")?;
        if plan.hash != claim.plan {
            return Err(format!("the plan has hash {}; the claim is about {}", plan.hash, claim.plan));
        }
        if plan.job.is_some() && plan.job != claim.job {
            return Err("the plan answers another job than the claim".into());
        }
        if claim.limits.is_some() || claim.usage.is_some() {
            return Err(
                "a proof over tables shows neither limits nor usage, but the claim states them".into()
            );
        }
        if plan.inputs.len() != claim.inputs.len() {
            return Err(format!(
                "the plan has {} inputs, the claim {}",
                plan.inputs.len(),
                claim.inputs.len()
            ));
        }
        for (input, claimed) in plan.inputs.iter().zip(&claim.inputs) {
            if input.name != claimed.name {
                return Err(format!("the plan's input {} is `{}` in the claim", input.name, claimed.name));
            }
            if input.data_commitment.is_some_and(|fixed| fixed != claimed.root) {
                return Err(format!("the plan fixes another digest of input {}", input.name));
            }
        }
        let level = Level::of_name(&evidence.level).ok_or("its security level has no known name")?;
        let inputs = evidence.inputs.iter();
        let inputs =
            inputs.map(|table| TableBounds { rows: table.rows, text_bytes: table.text_bytes.clone() });
        let bounds = Bounds { inputs: inputs.collect(), groups: evidence.groups.clone() };
        let inputs = bridge::table_digests(claim, &evidence.bridges)?;
        let shards = evidence.shards.as_ref();
        if shards.is_some() && !evidence.bridges.is_empty() {
            return Err("a table in shards has no bridge".into());
        }
        let shards = shards.map(|found| shards::Shards::parse(found, (&source, &plan), claim)).transpose()?;
        Ok(Self { evidence, plan, bounds, level, inputs, shards })
    }

    /// The digest that an output has under this proof.
    ///
    /// # Errors
    /// In words, if it cannot be an output of the plan.
    pub(crate) fn output_digest(&self, output: &Table) -> Result<Digest, String> {
        let text = match &self.shards {
            Some(shards) => shards.output_text_bounds(self.common())?,
            None => output_text_bounds(&self.plan, &self.bounds)
                .map_err(|_| "the plan cannot be proved under the stated bounds")?,
        };
        digest::table_with_text_bounds(output, &text, Salt::NONE).map_err(|e| e.to_string())
    }

    const fn common(&self) -> shards::Common<'_> {
        shards::Common { plan: &self.plan, bounds: &self.bounds, level: self.level }
    }

    /// What the proof of a table that is not in shards is worth, with its bridges.
    fn check_whole(&self, claim: &PlanClaim, claim_digest: &Digest) -> Result<Security, String> {
        let statement = Statement {
            plan: &self.plan,
            claim: *claim_digest.as_bytes(),
            inputs: &self.inputs,
            output: claim.output,
            bounds: &self.bounds,
            level: self.level,
        };
        let security =
            proofmark_stark::verify(&statement, &self.evidence.proof).map_err(|e| e.to_string())?;
        let bridges = bridge::Bridges {
            plan: &self.plan,
            bounds: &self.bounds,
            level: self.level,
            bridges: &self.evidence.bridges,
        };
        Ok(security.and(bridges.check(claim)?))
    }

    /// Whether the proof shows the claim and is worth what it states.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn check(&self, claim: &PlanClaim, claim_digest: &Digest) -> Result<(), String> {
        let security = match &self.shards {
            Some(shards) => shards.check(self.common(), (claim, claim_digest), &self.evidence.proof)?,
            None => self.check_whole(claim, claim_digest)?,
        };
        let stated = (self.evidence.security, self.evidence.conjectured_bits);
        if level(&security) != stated {
            let (level, conjectured) = level(&security);
            return Err(format!(
                "it states {} and {} conjectured bits; it has {level} and {conjectured}",
                stated.0, stated.1
            ));
        }
        Ok(())
    }
}

/// What a proof is worth: by theorem, and the bits under the usual conjectures.
pub fn level(security: &Security) -> (SecurityLevel, u16) {
    let narrow = |bits: u32| u16::try_from(bits).unwrap_or(u16::MAX);
    let proven = SecurityLevel {
        bits: narrow(security.proven_bits),
        kind: SecurityKind::Proven,
        zero_knowledge: security.zero_knowledge,
    };
    (proven, narrow(security.conjectured_bits))
}
