//! Branches and loops.
//!
//! A branch compiles both blocks and shows the rows of one. The truth of its condition is a value of the one row of
//! some chip; every chip that depends on it has it as a column `c` with one value on all rows:
//!
//! ```text
//!     c' = c      the head sends c, the condition's row receives it
//! ```
//!
//! Since the head sends once and every selected row of the condition's table receives once, that table has exactly one
//! row. What a block reads from outside is narrowed to `select · c`, or `select · (1 - c)`: the block that is not taken
//! works on empty tables, so it cannot fail.

use alloc::{collections::BTreeMap, format, vec::Vec};

use p3_field::PrimeCharacteristicRing;
use proofmark_plan::typed::{TypedBlock, TypedCondition, TypedLoopMode, TypedOp};

use super::{
    Compiler, Reason,
    relation::{Data, Relation, no},
};
use crate::air::{F, Import, Node};

/// Most rounds of a loop.
const MOST_ROUNDS: u32 = 64;

/// The truth of a condition.
struct Decision {
    chip: usize,
    select: Node,
    bit: Node,
    /// The column that holds it, in chips that have one.
    columns: BTreeMap<usize, Node>,
}

impl Compiler<'_> {
    pub(super) fn branch(
        &mut self,
        condition: &TypedCondition,
        then: &TypedBlock,
        otherwise: &TypedBlock,
    ) -> Result<Option<Relation>, Reason> {
        let Some(source) = self.relations.get(&condition.input).cloned() else { return Ok(None) };
        let (source, windows) = self.windows(source, &[&condition.expression])?;
        let chip = &mut self.chips[source.chip];
        let val = super::expr::Scope { chip, columns: &source.columns, windows: &windows }
            .value(&condition.expression, source.select)?;
        let Data::Bit(bit) = val.data else { return Err(no("its condition is no truth value")) };
        // A null is no true bit.
        let mut decision =
            Decision { chip: source.chip, select: source.select, bit, columns: BTreeMap::new() };
        let step = self.step.clone();
        let mut results = Vec::with_capacity(2);
        for (block, taken) in [(then, true), (otherwise, false)] {
            let mut read = Vec::new();
            reads(block, &mut read);
            let outside: Vec<(usize, Relation)> = read
                .into_iter()
                .filter_map(|slot| Some((slot, self.relations.get(&slot)?.clone())))
                .collect();
            for (slot, relation) in &outside {
                let narrowed = self.narrowed(&mut decision, relation.clone(), taken)?;
                self.relations.insert(*slot, narrowed);
            }
            let result = self.block(block);
            self.relations.extend(outside);
            let Some(result) = result else { return Ok(None) };
            results.push(self.narrowed(&mut decision, result, taken)?);
            self.step.clone_from(&step);
        }
        self.concat(results).map(Some)
    }

    /// The rows of a table if the decision is `taken`, else none.
    fn narrowed(
        &mut self,
        decision: &mut Decision,
        relation: Relation,
        taken: bool,
    ) -> Result<Relation, Reason> {
        // Chips are filled in order, so one that depends on the decision comes after it.
        let relation = if relation.chip < decision.chip {
            let kept: Vec<usize> = (0..relation.columns.len()).collect();
            let (copy, _) = self.sort(&relation, &kept, &[], &[])?;
            Relation { position: None, grouped: None, ..copy }
        } else {
            relation
        };
        let bit = match decision.columns.get(&relation.chip) {
            Some(column) => *column,
            None => {
                let column = self.broadcast(decision, relation.chip);
                decision.columns.insert(relation.chip, column);
                column
            }
        };
        let chip = &mut self.chips[relation.chip];
        let both = chip.and(relation.select, bit);
        let select = if taken { both } else { chip.sub(relation.select, both) };
        Ok(Relation { select, grouped: None, ..relation })
    }

    /// A column of `target` that holds the decision on all rows.
    fn broadcast(&mut self, decision: &Decision, target: usize) -> Node {
        let bus = self.bus();
        let chip = &mut self.chips[target];
        let column = chip.column();
        let next = chip.next(column);
        chip.equal(next, column, "a decision is the same on all rows");
        let head = chip.head;
        chip.send(&bus, alloc::vec![column], head, 1);
        let at = chip.column_of(column);
        let import =
            Import { source: decision.chip, select: decision.select, value: decision.bit, column: at };
        if decision.chip == target {
            let (select, bit) = (decision.select, decision.bit);
            chip.fill_pass(move |pass| {
                let rows = (0..pass.height()).filter(|row| pass.field(*row, select) == F::ONE);
                let rows: Vec<usize> = rows.collect();
                let [row] = rows[..] else { return Err(Import::NOT_ONE_ROW) };
                let value = pass.field(row, bit);
                (0..pass.height()).for_each(|row| pass.write(row, at, value));
                Ok(())
            });
        } else {
            chip.imports.push(import);
        }
        self.chips[decision.chip].receive(&bus, alloc::vec![decision.bit], decision.select);
        column
    }

    /// A loop of a fixed number of rounds, written out.
    pub(super) fn unrolled(
        &mut self,
        input: usize,
        state: usize,
        rounds: u32,
        (mode, body): (&TypedLoopMode, &TypedBlock),
    ) -> Result<Option<Relation>, Reason> {
        match mode {
            TypedLoopMode::Times => {}
            TypedLoopMode::ForEach => return Err(no("a loop over the rows of a table is not covered yet")),
            TypedLoopMode::Until(_) => return Err(no("a loop that ends by a condition is not covered yet")),
        }
        if rounds > MOST_ROUNDS {
            return Err(format!("{rounds} rounds are too many to write out: {MOST_ROUNDS} can be proved"));
        }
        let Some(mut current) = self.relations.get(&input).cloned() else { return Ok(None) };
        if let Some(schema) = self.schemas.get(&input).cloned() {
            self.schemas.insert(state, schema);
        }
        let step = self.step.clone();
        for _ in 0..rounds {
            self.relations.insert(state, current);
            let Some(next) = self.block(body) else { return Ok(None) };
            current = next;
            self.step.clone_from(&step);
        }
        Ok(Some(current))
    }
}

/// The slots that a block reads, and the slot of its result.
fn reads(block: &TypedBlock, slots: &mut Vec<usize>) {
    slots.push(block.output);
    for step in &block.steps {
        match &step.op {
            TypedOp::Branch { condition, then, otherwise } => {
                slots.push(condition.input);
                reads(then, slots);
                reads(otherwise, slots);
            }
            TypedOp::Concat { inputs } => slots.extend(inputs),
            TypedOp::Custom { input, .. }
            | TypedOp::Distinct { input, .. }
            | TypedOp::Filter { input, .. }
            | TypedOp::HashRows { input, .. }
            | TypedOp::Limit { input, .. }
            | TypedOp::Map { input, .. }
            | TypedOp::Parse { input, .. }
            | TypedOp::Reduce { input, .. }
            | TypedOp::Serialize { input, .. }
            | TypedOp::Sort { input, .. }
            | TypedOp::Statistics { input, .. } => slots.push(*input),
            TypedOp::Input { .. } => {}
            TypedOp::Loop { input, mode, body, .. } => {
                slots.push(*input);
                if let TypedLoopMode::Until(condition) = mode {
                    slots.push(condition.input);
                }
                reads(body, slots);
            }
            TypedOp::Merge { left, right, .. } => slots.extend([*left, *right]),
        }
    }
    slots.sort_unstable();
    slots.dedup();
}
