//! From a checked plan and public bounds to chips.
//!
//! A step's value is a [`Relation`]: columns of one chip, a bit that says which rows are in the table, and where rows
//! are in its order. Steps that compute row by row add columns to the chip of their input; a filter only narrows the
//! bit; steps that move rows open a new chip, which takes them over a bus. Prover and verifier run the same code, so
//! there is nothing to set up.

mod control;
mod expr;
mod gather;
mod groups;
mod number;
mod reduce;
mod relation;
mod shape;
mod step;
mod supports;

use alloc::{collections::BTreeMap, format, string::String, sync::Arc, vec::Vec};

use proofmark_plan::{typed::TypedPlan, types::Schema};

#[cfg(test)]
pub(crate) use self::expr::Scope;
pub(crate) use self::{
    reduce::DEFAULT_GROUPS,
    relation::{Data, Relation, Val},
    step::load_table,
    supports::supports,
};
use crate::{
    air::{Chip, boards},
    gadget::range_chip,
    statement::{Bounds, header_length},
};

/// Logarithm of the most rows of a chip: sums of digits stay below the order of the field.
pub(crate) const MAX_LOG_HEIGHT: u32 = 17;

/// Most columns of all chips together: a bound on what a verifier computes.
const MAX_CELLS_WIDTH: usize = 60_000;

const TOO_WIDE: &str = "the plan needs too many columns";

/// A step that this back end cannot prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The id of the step.
    pub step: String,
    /// Why, as one sentence.
    pub reason: String,
}

/// Why a part of a step cannot be proved.
pub(crate) type Reason = String;

/// A plan as chips.
pub(crate) struct Machine {
    /// The range chip is the first. Sources of rows come before the chips that take them.
    pub(crate) chips: Vec<Arc<Chip>>,
    /// The chip of each input's digest, then that of the output.
    pub(crate) digests: Vec<usize>,
    /// The text bounds of the output's encoding.
    pub(crate) output_text: Vec<u8>,
    /// The step that made each chip, for messages.
    pub(crate) steps: Vec<String>,
}

/// Builds the chips of a plan. Heights are at least `2^least_log_height`.
pub(crate) fn compile(
    plan: &TypedPlan,
    bounds: &Bounds,
    least_log_height: u32,
) -> Result<Machine, Vec<Unsupported>> {
    let mut compiler = Compiler::new(plan, bounds, least_log_height);
    let output = compiler.block(&plan.body);
    if !compiler.unsupported.is_empty() {
        return Err(compiler.unsupported);
    }
    let finished = match output {
        Some(relation) => compiler.finish(relation, plan),
        None => Err("it has no value".into()),
    };
    finished.map_err(|reason| {
        let step = plan.body.steps.iter().find(|step| step.slot == plan.body.output);
        alloc::vec![Unsupported { step: step.map_or_else(String::new, |step| step.id.clone()), reason }]
    })
}

/// Links boards by masks, each by one of its chips. Links go out from the board with the fewest rows, where their columns
/// cost least.
pub(crate) fn hide_terminals(chips: &mut [Chip]) {
    let boards = boards(chips.iter().map(|chip| chip.log_height)).into_iter();
    let ends = boards.filter_map(|board| board.into_iter().find(|at| !chips[*at].interactions.is_empty()));
    let ends: Vec<usize> = ends.collect();
    let Some(hub) = ends.iter().copied().min_by_key(|at| chips[*at].log_height) else { return };
    for (link, other) in ends.into_iter().filter(|at| *at != hub).enumerate() {
        chips[hub].mask(link, true);
        chips[other].mask(link, false);
    }
}

/// Chips under construction.
pub(crate) struct Compiler<'a> {
    plan: &'a TypedPlan,
    bounds: &'a Bounds,
    least_log_height: u32,
    chips: Vec<Chip>,
    steps: Vec<String>,
    relations: BTreeMap<usize, Relation>,
    schemas: BTreeMap<usize, Schema>,
    unsupported: Vec<Unsupported>,
    input_digests: BTreeMap<usize, usize>,
    /// `reduce` steps so far: each has its own bound of groups.
    reductions: usize,
    buses: usize,
    /// The step that is compiled.
    step: String,
}

impl<'a> Compiler<'a> {
    fn new(plan: &'a TypedPlan, bounds: &'a Bounds, least_log_height: u32) -> Self {
        Self {
            plan,
            bounds,
            least_log_height,
            chips: alloc::vec![range_chip()],
            steps: alloc::vec![String::new()],
            relations: BTreeMap::new(),
            schemas: BTreeMap::new(),
            unsupported: Vec::new(),
            input_digests: BTreeMap::new(),
            reductions: 0,
            buses: 0,
            step: String::new(),
        }
    }

    /// A new chip for at most `rows` rows.
    fn chip(&mut self, kind: &str, rows: u32) -> Result<usize, Reason> {
        let log_height = (u64::from(rows) + 1).next_power_of_two().ilog2().max(self.least_log_height);
        if log_height > MAX_LOG_HEIGHT {
            return Err(format!("tables have at most {} rows here", (1u32 << MAX_LOG_HEIGHT) - 1));
        }
        self.chips.push(Chip::new(format!("{}: {kind}", self.step), log_height));
        self.steps.push(self.step.clone());
        Ok(self.chips.len() - 1)
    }

    fn is_too_wide(&self) -> bool {
        self.chips.iter().map(|chip| chip.width).sum::<usize>() > MAX_CELLS_WIDTH
    }

    fn bus(&mut self) -> String {
        self.buses += 1;
        format!("rows {}", self.buses)
    }

    /// Commits to the output, hides terminals, and closes the chips.
    fn finish(mut self, relation: Relation, plan: &TypedPlan) -> Result<Machine, Reason> {
        let (chip, output_text) = self.output(relation, plan)?;
        hide_terminals(&mut self.chips);
        if let Some(fault) = self.chips.iter().find_map(|chip| chip.fault) {
            return Err(fault.into());
        }
        if self.is_too_wide() {
            return Err(TOO_WIDE.into());
        }
        self.chips[0].publics = header_length(self.bounds);
        let inputs: Option<Vec<usize>> =
            (0..plan.inputs.len()).map(|input| self.input_digests.get(&input).copied()).collect();
        let mut digests = inputs.ok_or("an input is not read")?;
        digests.push(chip);
        Ok(Machine {
            chips: self.chips.into_iter().map(Arc::new).collect(),
            digests,
            output_text,
            steps: self.steps,
        })
    }
}
