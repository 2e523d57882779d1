//! The expressions of a chip as a list of steps over few places.
//!
//! A table of the prover has millions of rows and an AIR of thousands of expressions: what counts is that they are
//! computed close to where they are used, so that what is kept in between fits a processor's cache.

use alloc::{boxed::Box, vec, vec::Vec};

use p3_field::PrimeCharacteristicRing;

use super::{Chip, F, Node, Op, Rule};

/// Where a step reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Const(F),
    First,
    Last,
    Local(u32),
    Next(u32),
    Public(u32),
    /// What an earlier step left there.
    Slot(u32),
    Transition,
}

/// One step; `to` is the slot of its result.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Add {
        a: Source,
        b: Source,
        to: u32,
    },
    Mul {
        a: Source,
        b: Source,
        to: u32,
    },
    Scale {
        a: Source,
        by: F,
        to: u32,
    },
    Sub {
        a: Source,
        b: Source,
        to: u32,
    },
    /// The expression is zero.
    Zero(Source),
    /// The 148 columns from the number on hold a permutation of the input.
    Permutation {
        input: [Source; 16],
        at: usize,
    },
    /// The message of this index with its fields and its count.
    Message {
        index: usize,
        fields: Vec<Source>,
        count: Source,
    },
}

/// All steps of a chip: constraints in order, then messages.
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) slots: usize,
}

struct Compiler<'a> {
    chip: &'a Chip,
    steps: Vec<Step>,
    /// How often each node is still read.
    uses: Vec<u32>,
    /// The slot of each node that is computed.
    slot: Vec<Option<u32>>,
    free: Vec<u32>,
    slots: u32,
}

impl Program {
    pub(super) fn new(chip: &Chip) -> Self {
        let nodes = chip.graph.ops().len();
        let mut compiler = Compiler {
            chip,
            steps: Vec::new(),
            uses: vec![0; nodes],
            slot: vec![None; nodes],
            free: Vec::new(),
            slots: 0,
        };
        for constraint in &chip.constraints {
            match &constraint.rule {
                Rule::Permutation { input, .. } => input.iter().for_each(|node| compiler.count(*node)),
                Rule::Zero(node) => compiler.count(*node),
            }
        }
        for message in &chip.interactions {
            message.fields.iter().chain([&message.count]).for_each(|node| compiler.count(*node));
        }
        for constraint in &chip.constraints {
            match &constraint.rule {
                Rule::Permutation { input, at } => {
                    let sources = input.map(|node| compiler.computed(node));
                    compiler.steps.push(Step::Permutation(Box::new((sources, *at))));
                    input.iter().for_each(|node| compiler.done(*node));
                }
                Rule::Zero(node) => {
                    let source = compiler.computed(*node);
                    compiler.steps.push(Step::Zero(source));
                    compiler.done(*node);
                }
            }
        }
        for (index, message) in chip.interactions.iter().enumerate() {
            let fields: Vec<Source> = message.fields.iter().map(|node| compiler.computed(*node)).collect();
            let count = compiler.computed(message.count);
            compiler.steps.push(Step::Message(Box::new((index, fields, count))));
            message.fields.iter().chain([&message.count]).for_each(|node| compiler.done(*node));
        }
        Self { steps: compiler.steps, slots: compiler.slots as usize }
    }
}

impl Compiler<'_> {
    /// The nodes that a node is computed from.
    fn parts(&self, node: Node) -> Option<[Node; 2]> {
        match self.chip.graph.op(node) {
            Op::Add(a, b) | Op::Mul(a, b) | Op::Sub(a, b) => Some([a, b]),
            Op::Const(_)
            | Op::First
            | Op::Last
            | Op::Local(_)
            | Op::Next(_)
            | Op::Public(_)
            | Op::Transition => None,
        }
    }

    /// Counts one more use of a node, and at the first those that it makes of others.
    fn count(&mut self, node: Node) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            self.uses[node.index()] += 1;
            if self.uses[node.index()] == 1 {
                open.extend(self.parts(node).into_iter().flatten());
            }
        }
    }

    fn source(&self, node: Node) -> Option<Source> {
        Some(match self.chip.graph.op(node) {
            Op::Add(..) | Op::Mul(..) | Op::Sub(..) => Source::Slot(self.slot[node.index()]?),
            Op::Const(value) => Source::Const(F::from_u32(value)),
            Op::First => Source::First,
            Op::Last => Source::Last,
            Op::Local(column) => Source::Local(column),
            Op::Next(column) => Source::Next(column),
            Op::Public(index) => Source::Public(index),
            Op::Transition => Source::Transition,
        })
    }

    /// Where a node is, computed now if it was not before.
    fn computed(&mut self, node: Node) -> Source {
        let mut open = vec![node];
        while let Some(top) = open.last().copied() {
            let Some([a, b]) = self.parts(top).filter(|_| self.slot[top.index()].is_none()) else {
                open.pop();
                continue;
            };
            let (Some(from_a), Some(from_b)) = (self.source(a), self.source(b)) else {
                let missing = [b, a].into_iter().filter(|node| self.source(*node).is_none());
                open.extend(missing.collect::<Vec<_>>());
                continue;
            };
            // The places of the operands may be free now, and take the result.
            self.done(a);
            self.done(b);
            let to = self.free.pop().unwrap_or_else(|| {
                self.slots += 1;
                self.slots - 1
            });
            self.slot[top.index()] = Some(to);
            self.steps.push(match (self.chip.graph.op(top), from_a, from_b) {
                (Op::Add(..), a, b) => Step::Add { a, b, to },
                (Op::Sub(..), a, b) => Step::Sub { a, b, to },
                // A sum is cheaper than a product.
                (_, Source::Const(F::TWO), a) | (_, a, Source::Const(F::TWO)) => Step::Add { a, b: a, to },
                (_, Source::Const(by), a) | (_, a, Source::Const(by)) => Step::Scale { a, by, to },
                (_, a, b) => Step::Mul { a, b, to },
            });
            open.pop();
        }
        // A leaf always has a source, and anything else was computed above.
        self.source(node).unwrap_or(Source::First)
    }

    /// A use of a node is over.
    fn done(&mut self, node: Node) {
        if self.parts(node).is_none() {
            return;
        }
        self.uses[node.index()] -= 1;
        if self.uses[node.index()] == 0
            && let Some(slot) = self.slot[node.index()]
        {
            self.free.push(slot);
        }
    }
}
