//! Which prover proves a plan.

use proofmark_plan::typed::TypedPlan;
use proofmark_prover::{Gpu, Prover, select};
use proofmark_prover_risc0::{Options, Risc0};
use serde::Serialize;

use super::evidence::failed;
use crate::{error::Error, ui::Ui};

/// The name that leaves the choice to the plan.
pub(crate) const AUTO: &str = "auto";

/// A step that a prover cannot prove.
#[derive(Debug, Serialize)]
pub(crate) struct Reason {
    pub(crate) step: String,
    pub(crate) reason: String,
}

/// Every prover of this build, the fastest first.
pub(crate) fn all(gpu: Gpu) -> Vec<Box<dyn Prover>> {
    vec![Box::new(Risc0::new(Options { gpu, ..Options::default() }))]
}

/// Why a prover cannot prove a plan; empty if it can.
pub(crate) fn reasons(prover: &dyn Prover, plan: &TypedPlan) -> Vec<Reason> {
    let unsupported = prover.unsupported(plan).into_iter();
    unsupported.map(|found| Reason { step: found.step, reason: found.reason }).collect()
}

/// The prover called `name`, or for [`AUTO`] the first that can prove the plan.
///
/// # Errors
/// If there is no such prover, or it cannot prove the plan; says which step is the reason.
pub(crate) fn choose(name: &str, plan: &TypedPlan, gpu: Gpu, ui: &Ui) -> Result<Box<dyn Prover>, Error> {
    let mut provers = all(gpu);
    if name != AUTO {
        let name = if name == "risc-zero" { "risc0" } else { name };
        let found = select(name, &provers).map_err(failed)?.name();
        provers.retain(|prover| prover.name() == found);
    }
    let mut refusals = Vec::new();
    for prover in provers {
        match reasons(&*prover, plan).into_iter().next() {
            None => {
                refusals
                    .iter()
                    .for_each(|refusal: &String| ui.note(&format!("{refusal}; using {}", prover.name())));
                return Ok(prover);
            }
            Some(Reason { step, reason }) => {
                refusals.push(format!("{} cannot prove step {step}: {reason}", prover.name()));
            }
        }
    }
    Err(Error::Prover {
        code: "unsupported-step",
        message: refusals.join("; "),
        hint: Some(
            "`proofmark plan backends PLAN` lists every reason; --tier 1 signs a result without a proof"
                .to_string(),
        ),
    })
}
