//! A chip's graph as a program: values are computed in the order of the graph, and kept only as long as something still
//! needs them.
//!
//! A chip of two thousand columns has tens of thousands of expressions. All of their values together, for as many rows
//! as a vector has lanes, are more than a cache near the processor holds; those that are needed at one time are not.

use alloc::{vec, vec::Vec};
use core::array;

use p3_field::{Algebra, PrimeCharacteristicRing};

use super::{Chip, F, Node, Op, Rule, committed_rounds};

/// A program for one chip.
pub(crate) struct Program {
    steps: Vec<Step>,
    /// Values that are kept at one time.
    slots: usize,
    permutations: Vec<Permutation>,
    /// Slots of the fields of messages, then of their counts, at the end of the program.
    pub(crate) messages: Vec<(Vec<u32>, u32)>,
}

/// One step. The first number is the slot that it fills, others are slots, columns or indices.
#[derive(Clone, Copy)]
enum Step {
    Add(u32, u32, u32),
    Const(u32, F),
    /// The sum with itself, which is cheaper than a product.
    Double(u32, u32),
    First(u32),
    Last(u32),
    Local(u32, u32),
    Mul(u32, u32, u32),
    Next(u32, u32),
    Public(u32, u32),
    Scale(u32, u32, F),
    Sub(u32, u32, u32),
    Transition(u32),
    /// Fills nothing: the permutation of this index is a constraint.
    Permute(u32),
    /// Fills nothing: the value is a constraint.
    Zero(u32),
}

impl Step {
    /// Fields of messages become trees, in which a sum with itself is read twice, and so on below it.
    fn scale(to: u32, a: u32, factor: F, is_told: bool) -> Self {
        if factor == F::TWO && !is_told { Self::Double(to, a) } else { Self::Scale(to, a, factor) }
    }
}

/// See [`Rule::Permutation`].
struct Permutation {
    input: [u32; 16],
    at: usize,
}

/// What a program reads beside the columns.
pub(crate) struct Surroundings<E> {
    pub(crate) publics: Vec<E>,
    pub(crate) first: E,
    pub(crate) last: E,
    pub(crate) transition: E,
}

impl Program {
    pub(crate) fn new(chip: &Chip) -> Self {
        let ops = chip.graph.ops();
        let due = due(chip);
        let last = last_uses(chip, &due);
        let told = told(chip);
        let mut dying: Vec<Vec<u32>> = vec![Vec::new(); ops.len()];
        for (node, last) in last.iter().enumerate() {
            if let Some(list) = last.and_then(|last| dying.get_mut(last)) {
                list.push(node as u32);
            }
        }
        let mut program =
            Self { steps: Vec::new(), slots: 0, permutations: Vec::new(), messages: Vec::new() };
        let (mut slot_of, mut free) = (vec![0u32; ops.len()], Vec::new());
        let mut constraints = chip.constraints.iter().zip(&due).peekable();
        for (at, op) in ops.iter().enumerate() {
            if last[at].is_some() {
                let to = free.pop().unwrap_or_else(|| {
                    program.slots += 1;
                    program.slots as u32 - 1
                });
                slot_of[at] = to;
                let slot = |node: Node| slot_of[node.index()];
                program.steps.push(match *op {
                    Op::Add(a, b) => Step::Add(to, slot(a), slot(b)),
                    Op::Sub(a, b) => Step::Sub(to, slot(a), slot(b)),
                    Op::Mul(a, b) => match (chip.graph.as_constant(a), chip.graph.as_constant(b)) {
                        (Some(a), _) => Step::scale(to, slot(b), a, told[at]),
                        (_, Some(b)) => Step::scale(to, slot(a), b, told[at]),
                        _ => Step::Mul(to, slot(a), slot(b)),
                    },
                    Op::Const(value) => Step::Const(to, F::from_u32(value)),
                    Op::Local(column) => Step::Local(to, column),
                    Op::Next(column) => Step::Next(to, column),
                    Op::Public(index) => Step::Public(to, index),
                    Op::First => Step::First(to),
                    Op::Last => Step::Last(to),
                    Op::Transition => Step::Transition(to),
                });
            }
            while let Some((constraint, _)) = constraints.next_if(|(_, due)| **due <= at) {
                program.constrain(&constraint.rule, &slot_of);
            }
            free.extend(dying[at].iter().map(|node| slot_of[*node as usize]));
        }
        let slot = |node: &Node| slot_of[node.index()];
        let messages = chip.interactions.iter();
        program.messages = messages
            .map(|message| (message.fields.iter().map(slot).collect(), slot(&message.count)))
            .collect();
        program
    }

    fn constrain(&mut self, rule: &Rule, slot_of: &[u32]) {
        let slot = |node: Node| slot_of[node.index()];
        self.steps.push(match rule {
            Rule::Zero(node) => Step::Zero(slot(*node)),
            Rule::Permutation { input, at } => {
                self.permutations.push(Permutation { input: input.map(slot), at: *at });
                Step::Permute(self.permutations.len() as u32 - 1)
            }
        });
    }

    /// Computes everything for one row and its successor. Gives each constraint to `zero` in their order, and returns
    /// the slots, among them those of messages.
    pub(crate) fn run<E: Algebra<F>>(
        &self,
        local: impl Fn(usize) -> E,
        next: impl Fn(usize) -> E,
        around: &Surroundings<E>,
        mut zero: impl FnMut(E),
    ) -> Vec<E> {
        let mut slots: Vec<E> = vec![E::ZERO; self.slots];
        for step in &self.steps {
            let (to, value) = match *step {
                Step::Add(to, a, b) => (to, slots[a as usize].clone() + slots[b as usize].clone()),
                Step::Sub(to, a, b) => (to, slots[a as usize].clone() - slots[b as usize].clone()),
                Step::Mul(to, a, b) => (to, slots[a as usize].clone() * slots[b as usize].clone()),
                Step::Double(to, a) => (to, slots[a as usize].double()),
                Step::Scale(to, a, factor) => (to, slots[a as usize].clone() * factor),
                Step::Local(to, column) => (to, local(column as usize)),
                Step::Next(to, column) => (to, next(column as usize)),
                Step::Const(to, value) => (to, E::from(value)),
                Step::Public(to, index) => (to, around.publics[index as usize].clone()),
                Step::First(to) => (to, around.first.clone()),
                Step::Last(to) => (to, around.last.clone()),
                Step::Transition(to) => (to, around.transition.clone()),
                Step::Zero(slot) => {
                    zero(slots[slot as usize].clone());
                    continue;
                }
                Step::Permute(index) => {
                    let Permutation { input, at } = &self.permutations[index as usize];
                    let state = array::from_fn(|lane| slots[input[lane] as usize].clone());
                    committed_rounds(state, |index, computed: E| {
                        let cell = local(at + index);
                        zero(computed - cell.clone());
                        cell
                    });
                    continue;
                }
            };
            slots[to as usize] = value;
        }
        slots
    }
}

/// For each constraint the node after which all that it and those before it need is computed.
fn due(chip: &Chip) -> Vec<usize> {
    let mut latest = 0;
    let due = chip.constraints.iter().map(|constraint| {
        let needed = match &constraint.rule {
            Rule::Zero(node) => node.index(),
            Rule::Permutation { input, .. } => input.iter().map(|node| node.index()).max().unwrap_or(0),
        };
        latest = needed.max(latest);
        latest
    });
    due.collect()
}

/// For each node the last node at whose time it is needed, the number of nodes if at the end, `None` if never.
fn last_uses(chip: &Chip, due: &[usize]) -> Vec<Option<usize>> {
    let ops = chip.graph.ops();
    let mut last: Vec<Option<usize>> = vec![None; ops.len()];
    let use_at = |last: &mut Vec<Option<usize>>, node: Node, time: usize| {
        let entry = &mut last[node.index()];
        *entry = (*entry).max(Some(time));
    };
    for (constraint, due) in chip.constraints.iter().zip(due) {
        match &constraint.rule {
            Rule::Zero(node) => use_at(&mut last, *node, *due),
            Rule::Permutation { input, .. } => {
                input.iter().for_each(|node| use_at(&mut last, *node, *due));
            }
        }
    }
    for message in &chip.interactions {
        for node in message.fields.iter().chain([&message.count]) {
            use_at(&mut last, *node, ops.len());
        }
    }
    // Operands come before what is made of them.
    for (at, op) in ops.iter().enumerate().rev() {
        if last[at].is_none() {
            continue;
        }
        match *op {
            Op::Mul(a, b) if chip.graph.as_constant(a).is_some() => use_at(&mut last, b, at),
            Op::Mul(a, b) if chip.graph.as_constant(b).is_some() => use_at(&mut last, a, at),
            Op::Add(a, b) | Op::Mul(a, b) | Op::Sub(a, b) => {
                use_at(&mut last, a, at);
                use_at(&mut last, b, at);
            }
            Op::Const(_)
            | Op::First
            | Op::Last
            | Op::Local(_)
            | Op::Next(_)
            | Op::Public(_)
            | Op::Transition => {}
        }
    }
    last
}

/// Which nodes messages are made of.
fn told(chip: &Chip) -> Vec<bool> {
    let ops = chip.graph.ops();
    let mut told = vec![false; ops.len()];
    let nodes = chip.interactions.iter().flat_map(|message| message.fields.iter().chain([&message.count]));
    nodes.for_each(|node| told[node.index()] = true);
    for (at, op) in ops.iter().enumerate().rev() {
        if let (true, Op::Add(a, b) | Op::Mul(a, b) | Op::Sub(a, b)) = (told[at], *op) {
            told[a.index()] = true;
            told[b.index()] = true;
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{air::Place, bridge, compile::compile, tests::small_case};

    /// The values of constraints and messages by the program are those of the graph, on random rows.
    fn check(chip: &Chip) {
        let mut rng = StdRng::seed_from_u64(chip.width as u64);
        let mut cells =
            |count: usize| -> Vec<F> { (0..count).map(|_| F::from_u32(rng.next_u32() >> 2)).collect() };
        let (local, next, publics) = (cells(chip.width), cells(chip.width), cells(chip.publics));
        let program = Program::new(chip);
        for (first, last) in [(true, false), (false, true), (false, false)] {
            let place = Place { local: &local, next: &next, publics: &publics, first, last };
            let expected = chip.graph.values(&place);
            let around = Surroundings {
                publics: publics.clone(),
                first: F::from_bool(first),
                last: F::from_bool(last),
                transition: F::from_bool(!last),
            };
            let mut found = Vec::new();
            let slots = program.run(|at| local[at], |at| next[at], &around, |value| found.push(value));
            let mut wanted = Vec::new();
            for constraint in &chip.constraints {
                match &constraint.rule {
                    Rule::Zero(node) => wanted.push(expected[node.index()]),
                    Rule::Permutation { input, at } => {
                        let _ = committed_rounds(
                            input.map(|node| expected[node.index()]),
                            |index, computed: F| {
                                wanted.push(computed - local[at + index]);
                                local[at + index]
                            },
                        );
                    }
                }
            }
            assert!(found == wanted, "{}: constraints", chip.name);
            for (message, (fields, count)) in chip.interactions.iter().zip(&program.messages) {
                let fields: Vec<F> = fields.iter().chain([count]).map(|slot| slots[*slot as usize]).collect();
                let nodes = message.fields.iter().chain([&message.count]);
                let wanted: Vec<F> = nodes.map(|node| expected[node.index()]).collect();
                assert_eq!(fields, wanted, "{}: {}", chip.name, message.bus);
            }
        }
        assert!(program.slots <= chip.graph.ops().len());
    }

    #[test]
    fn programs_compute_what_graphs_say() {
        let case = small_case();
        let machine = compile(&case.plan, &case.bounds, 8).expect("a plan that can be proved");
        for chip in machine.chips.iter().chain(&bridge::tests::chips()) {
            check(chip);
        }
    }

    #[test]
    fn few_values_are_kept() {
        for chip in bridge::tests::chips() {
            let program = Program::new(&chip);
            std::eprintln!("{}: {} of {} values", chip.name, program.slots, chip.graph.ops().len());
        }
    }
}
