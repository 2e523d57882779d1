//! Which values are read last by which step.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::typed::{Slot, TypedBlock, TypedLoopMode, TypedOp};

/// How long the values of a block live.
pub(super) struct Lives {
    /// Parallel to the steps of the block.
    pub(super) steps: Vec<StepLives>,
    /// Whether the block's output is the value of one of its steps, rather than one from outside.
    pub(super) owns_output: bool,
    /// The value, if it is the block's own and not its output, that `until` looks at when the block has run.
    pub(super) kept: Option<Slot>,
}

/// What ends with a step.
pub(super) struct StepLives {
    /// Slots that no later step reads.
    pub(super) last_read: Vec<Slot>,
    /// The step's sub-plans in order.
    pub(super) blocks: Vec<Lives>,
}

impl Lives {
    /// Finds out for a block; `until` is what a condition looks at after it has run.
    pub(super) fn of(block: &TypedBlock, until: Option<Slot>) -> Self {
        let mut last: BTreeMap<Slot, usize> = BTreeMap::new();
        for (at, step) in block.steps.iter().enumerate() {
            each_read(&step.op, &mut |slot| {
                if let Some(seat) = last.get_mut(&slot) {
                    *seat = at;
                }
            });
            last.insert(step.slot, at);
        }
        let owns_output = last.remove(&block.output).is_some();
        let kept = until.filter(|slot| last.remove(slot).is_some());
        let mut steps: Vec<StepLives> = block
            .steps
            .iter()
            .map(|step| StepLives { last_read: Vec::new(), blocks: sub_plans(&step.op) })
            .collect();
        for (slot, at) in last {
            steps[at].last_read.push(slot);
        }
        Self { steps, owns_output, kept }
    }
}

fn sub_plans(op: &TypedOp) -> Vec<Lives> {
    match op {
        TypedOp::Branch { then, otherwise, .. } => [Lives::of(then, None), Lives::of(otherwise, None)].into(),
        TypedOp::Loop { mode: TypedLoopMode::Until(condition), body, .. } => {
            [Lives::of(body, Some(condition.input))].into()
        }
        TypedOp::Loop { body, .. } => [Lives::of(body, None)].into(),
        _ => Vec::new(),
    }
}

/// Every slot that a step reads, itself or in its sub-plans.
fn each_read(op: &TypedOp, f: &mut dyn FnMut(Slot)) {
    each_input(op, f);
    let block = |block: &TypedBlock, f: &mut dyn FnMut(Slot)| {
        block.steps.iter().for_each(|step| each_read(&step.op, f));
        f(block.output);
    };
    match op {
        TypedOp::Branch { then, otherwise, .. } => {
            block(then, f);
            block(otherwise, f);
        }
        TypedOp::Loop { body, mode, .. } => {
            block(body, f);
            if let TypedLoopMode::Until(condition) = mode {
                f(condition.input);
            }
        }
        _ => {}
    }
}

/// Every slot that a step itself reads.
pub(super) fn each_input(op: &TypedOp, f: &mut dyn FnMut(Slot)) {
    match op {
        TypedOp::Branch { condition, .. } => f(condition.input),
        TypedOp::Concat { inputs } => inputs.iter().for_each(|slot| f(*slot)),
        TypedOp::Merge { left, right, .. } => {
            f(*left);
            f(*right);
        }
        TypedOp::Custom { input, .. }
        | TypedOp::Distinct { input, .. }
        | TypedOp::Filter { input, .. }
        | TypedOp::HashRows { input, .. }
        | TypedOp::Limit { input, .. }
        | TypedOp::Loop { input, .. }
        | TypedOp::Map { input, .. }
        | TypedOp::Parse { input, .. }
        | TypedOp::Reduce { input, .. }
        | TypedOp::Serialize { input, .. }
        | TypedOp::Sort { input, .. }
        | TypedOp::Statistics { input, .. } => f(*input),
        TypedOp::Input { .. } => {}
    }
}
