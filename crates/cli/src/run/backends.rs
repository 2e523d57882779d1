//! Which prover proves a plan.

use proofmark_plan::{guest, typed::TypedPlan, value::Value};
use proofmark_prover::{Digests, Gpu, ProveError, Prover, select};
use proofmark_prover_risc0::Risc0;
use proofmark_prover_stark::{Level, Stark};
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

/// Choices of the user that one prover or another listens to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Whether to prove on a graphics processor.
    pub(crate) gpu: Gpu,
    /// How sure proofs over tables are.
    pub(crate) security: Level,
    /// Whether proofs over tables name all inputs by their SHA-256 roots.
    pub(crate) bridge: bool,
    /// Rows of a shard of a table that is too large for one proof.
    pub(crate) shard_rows: u32,
    /// Memory of a prover, in bytes.
    pub(crate) memory_limit: Option<u64>,
}

/// Every prover of this build, the fastest first.
pub(crate) fn all(options: Options) -> Vec<Box<dyn Prover>> {
    let stark = proofmark_prover_stark::Options {
        level: options.security,
        bridge: options.bridge,
        shard_rows: options.shard_rows,
        memory_limit_bytes: options.memory_limit,
        ..Default::default()
    };
    let risc0 = proofmark_prover_risc0::Options { gpu: options.gpu, ..Default::default() };
    vec![Box::new(Stark::new(stark)), Box::new(Risc0::new(risc0))]
}

/// Why a prover cannot prove a plan; empty if it can.
pub(crate) fn reasons(prover: &dyn Prover, plan: &TypedPlan) -> Vec<Reason> {
    let unsupported = prover.unsupported(plan).into_iter();
    unsupported.map(|found| Reason { step: found.step, reason: found.reason }).collect()
}

/// Provers that can prove one plan.
pub(crate) struct Candidates {
    first: Box<dyn Prover>,
    /// To try where the first turns out to be unable to prove this plan on this data.
    others: std::vec::IntoIter<Box<dyn Prover>>,
}

impl Candidates {
    /// The prover called `name`, or for [`AUTO`] all that can prove the plan.
    ///
    /// # Errors
    /// If there is no such prover, or none can prove the plan; says which step is the reason.
    pub(crate) fn choose(name: &str, plan: &TypedPlan, options: Options, ui: &Ui) -> Result<Self, Error> {
        let mut provers = all(options);
        if name != AUTO {
            let name = if name == "risc-zero" { "risc0" } else { name };
            let found = select(name, &provers).map_err(failed)?.name();
            provers.retain(|prover| prover.name() == found);
        }
        let mut refusals = Vec::new();
        provers.retain(|prover| match reasons(&**prover, plan).into_iter().next() {
            None => true,
            Some(Reason { step, reason }) => {
                refusals.push(format!("{} cannot prove step {step}: {reason}", prover.name()));
                false
            }
        });
        let mut others = provers.into_iter();
        match others.next() {
            Some(first) => {
                refusals.iter().for_each(|refusal| ui.note(&format!("{refusal}; using {}", first.name())));
                Ok(Self { first, others })
            }
            None => Err(Error::Prover {
                code: "unsupported-step",
                message: refusals.join("; "),
                hint: Some(
                    "`proofmark plan backends PLAN` lists every reason; --tier 1 signs a result without a proof"
                        .to_string(),
                ),
            }),
        }
    }

    /// The prover to try.
    pub(crate) fn first(&self) -> &dyn Prover {
        &*self.first
    }

    /// Drops provers until the first has digests for these values, and gives them: what a plan allows its data may not.
    ///
    /// # Errors
    /// Why the last one has none, or that the next one is not there.
    pub(crate) fn settle(
        &mut self,
        request: &guest::Request<'_>,
        output: &Value,
        ui: &Ui,
    ) -> Result<Digests, Error> {
        loop {
            let error = match self.first.digests(request, output) {
                Ok(digests) => return Ok(digests),
                Err(error) => error,
            };
            match (error, self.others.next()) {
                (ProveError::Unsupported { prover, detail }, Some(next)) => {
                    ui.note(&format!("{prover} cannot prove this: {detail}; using {}", next.name()));
                    next.availability().map_err(failed)?;
                    self.first = next;
                }
                (error, _) => return Err(failed(error)),
            }
        }
    }
}
