//! Bridges: inputs that a claim names by their SHA-256 roots, in a proof that names them by table digests.
//!
//! The claim fixes the root, the proof over tables has the table digest as a public value, and the bridge has both:
//! nothing is left that could be exchanged. Schema and rows in a leaf come from the plan, bounds and level from the
//! evidence, and both proofs are for the same ones.

use proofmark_core::{Algorithm, Bridge, Digest, InputClaim, PlanClaim};
use proofmark_plan::{typed::TypedPlan, types::ValueType};
use proofmark_stark::{
    Bounds, Level, Security,
    bridge::{self, Statement},
};

/// Whether a claim names an input by its root, so that a bridge has to tie it to its table digest.
fn is_bridged(input: &InputClaim) -> bool {
    input.root.algorithm() == Algorithm::Sha256
}

/// The table digest of each input: the claim's own, or the one that a bridge is about.
///
/// # Errors
/// In words, unless there is one bridge for each input that needs it, in plan order, and no other.
pub(super) fn table_digests(claim: &PlanClaim, bridges: &[Bridge]) -> Result<Vec<Digest>, String> {
    let mut bridges = bridges.iter();
    let mut digests = Vec::with_capacity(claim.inputs.len());
    for input in &claim.inputs {
        if !is_bridged(input) {
            digests.push(input.root);
            continue;
        }
        match bridges.next() {
            Some(bridge) if bridge.input == input.name => digests.push(bridge.table_digest),
            _ => {
                return Err(format!(
                    "input {} is named by its SHA-256 root, and no bridge ties that to a table digest",
                    input.name
                ));
            }
        }
    }
    match bridges.next() {
        None => Ok(digests),
        Some(bridge) => Err(format!("it has a bridge for `{}` that nothing needs", bridge.input)),
    }
}

/// The bridges of evidence, in their places: see [`table_digests`].
pub(super) struct Bridges<'a> {
    pub(super) plan: &'a TypedPlan,
    pub(super) bounds: &'a Bounds,
    pub(super) level: Level,
    pub(super) bridges: &'a [Bridge],
}

impl Bridges<'_> {
    /// What each bridge is worth.
    ///
    /// # Errors
    /// In words, if one does not hold.
    pub(super) fn check(&self, claim: &PlanClaim) -> Result<Vec<Security>, String> {
        let inputs = claim.inputs.iter().zip(&self.plan.inputs).zip(&self.bounds.inputs);
        let bridged = inputs.filter(|((input, _), _)| is_bridged(input));
        let mut checked = Vec::with_capacity(self.bridges.len());
        for (((input, declared), bounds), bridge) in bridged.zip(self.bridges) {
            let ValueType::Table(schema) = &declared.ty else {
                return Err(format!("input {} is no table", input.name));
            };
            let statement = Statement {
                schema,
                bounds,
                rows_per_leaf: declared.rows_per_leaf,
                digest: bridge.table_digest,
                root: input.root,
                level: self.level,
            };
            let security = bridge::verify(&statement, &bridge.proof)
                .map_err(|error| format!("the bridge of input {}: {error}", input.name))?;
            checked.push(security);
        }
        match checked.len() == self.bridges.len() {
            true => Ok(checked),
            // Lists of other lengths were refused before; this says so where it matters.
            false => Err("not every bridge belongs to an input".into()),
        }
    }
}
