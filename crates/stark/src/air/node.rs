//! Expressions over two neighbouring rows, shared as nodes of one graph.

use alloc::{collections::BTreeMap, vec::Vec};

use p3_field::{PrimeCharacteristicRing, PrimeField32};

use super::F;

/// An expression of one chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Node(u32);

impl Node {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How an expression is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Add(Node, Node),
    /// A canonical field element.
    Const(u32),
    /// Not zero exactly on the first row. Never a count: it is not normalised.
    First,
    /// Not zero exactly on the last row. Never a count.
    Last,
    /// A cell of the row.
    Local(u32),
    Mul(Node, Node),
    /// A cell of the next row; after the last row comes the first.
    Next(u32),
    Public(u32),
    Sub(Node, Node),
    /// Zero exactly on the last row. Never a count.
    Transition,
}

/// All expressions of a chip. Equal expressions have one node.
#[derive(Default)]
pub(crate) struct Graph {
    ops: Vec<Op>,
    degrees: Vec<u8>,
    seen: BTreeMap<Op, Node>,
}

impl Graph {
    pub(crate) fn ops(&self) -> &[Op] {
        &self.ops
    }

    pub(crate) fn op(&self, node: Node) -> Op {
        self.ops[node.index()]
    }

    /// How many cells the expression multiplies at most. Selectors of one row count as cells, that of transitions as none.
    pub(crate) fn degree(&self, node: Node) -> u8 {
        self.degrees[node.index()]
    }

    pub(crate) fn add_op(&mut self, op: Op) -> Node {
        if let Some(node) = self.seen.get(&op) {
            return *node;
        }
        let degree = match op {
            Op::Const(_) | Op::Public(_) | Op::Transition => 0,
            Op::First | Op::Last | Op::Local(_) | Op::Next(_) => 1,
            Op::Add(a, b) | Op::Sub(a, b) => self.degree(a).max(self.degree(b)),
            Op::Mul(a, b) => self.degree(a).saturating_add(self.degree(b)),
        };
        let node = Node(self.ops.len() as u32);
        self.ops.push(op);
        self.degrees.push(degree);
        self.seen.insert(op, node);
        node
    }

    pub(crate) fn constant(&mut self, value: i64) -> Node {
        self.add_op(Op::Const(field(value).as_canonical_u32()))
    }

    pub(crate) fn constant_field(&mut self, value: F) -> Node {
        self.add_op(Op::Const(value.as_canonical_u32()))
    }

    /// The constant that a node is, if it is one.
    pub(crate) fn as_constant(&self, node: Node) -> Option<F> {
        match self.op(node) {
            Op::Const(value) => Some(F::from_u32(value)),
            _ => None,
        }
    }

    pub(crate) fn add(&mut self, a: Node, b: Node) -> Node {
        match (self.as_constant(a), self.as_constant(b)) {
            (Some(a), Some(b)) => self.add_op(Op::Const((a + b).as_canonical_u32())),
            (Some(zero), None) if zero == F::ZERO => b,
            (None, Some(zero)) if zero == F::ZERO => a,
            _ => self.add_op(Op::Add(a, b)),
        }
    }

    pub(crate) fn sub(&mut self, a: Node, b: Node) -> Node {
        match (self.as_constant(a), self.as_constant(b)) {
            (Some(a), Some(b)) => self.add_op(Op::Const((a - b).as_canonical_u32())),
            (None, Some(zero)) if zero == F::ZERO => a,
            _ => self.add_op(Op::Sub(a, b)),
        }
    }

    pub(crate) fn mul(&mut self, a: Node, b: Node) -> Node {
        match (self.as_constant(a), self.as_constant(b)) {
            (Some(a), Some(b)) => self.add_op(Op::Const((a * b).as_canonical_u32())),
            (Some(zero), None) if zero == F::ZERO => a,
            (None, Some(zero)) if zero == F::ZERO => b,
            (Some(one), None) if one == F::ONE => b,
            (None, Some(one)) if one == F::ONE => a,
            _ => self.add_op(Op::Mul(a, b)),
        }
    }

    /// The expression of the next row that `node` is of this row.
    pub(crate) fn next(&mut self, node: Node) -> Node {
        match self.op(node) {
            Op::Local(column) => self.add_op(Op::Next(column)),
            Op::Add(a, b) => {
                let (a, b) = (self.next(a), self.next(b));
                self.add(a, b)
            }
            Op::Sub(a, b) => {
                let (a, b) = (self.next(a), self.next(b));
                self.sub(a, b)
            }
            Op::Mul(a, b) => {
                let (a, b) = (self.next(a), self.next(b));
                self.mul(a, b)
            }
            Op::Const(_) | Op::First | Op::Last | Op::Next(_) | Op::Public(_) | Op::Transition => node,
        }
    }

    /// The value of an expression on a row and its successor.
    pub(crate) fn value(&self, node: Node, at: &Place<'_>) -> F {
        match self.op(node) {
            Op::Add(a, b) => self.value(a, at) + self.value(b, at),
            Op::Sub(a, b) => self.value(a, at) - self.value(b, at),
            Op::Mul(a, b) => self.value(a, at) * self.value(b, at),
            Op::Const(value) => F::from_u32(value),
            Op::Local(column) => at.local[column as usize],
            Op::Next(column) => at.next[column as usize],
            Op::Public(index) => at.publics[index as usize],
            Op::First => F::from_bool(at.first),
            Op::Last => F::from_bool(at.last),
            Op::Transition => F::from_bool(!at.last),
        }
    }
}

#[cfg(test)]
impl Graph {
    /// The values of all expressions on a row.
    pub(crate) fn values(&self, at: &Place<'_>) -> Vec<F> {
        let mut values: Vec<F> = Vec::with_capacity(self.ops.len());
        for op in &self.ops {
            let value = match *op {
                Op::Add(a, b) => values[a.index()] + values[b.index()],
                Op::Sub(a, b) => values[a.index()] - values[b.index()],
                Op::Mul(a, b) => values[a.index()] * values[b.index()],
                Op::Const(value) => F::from_u32(value),
                Op::Local(column) => at.local[column as usize],
                Op::Next(column) => at.next[column as usize],
                Op::Public(index) => at.publics[index as usize],
                Op::First => F::from_bool(at.first),
                Op::Last => F::from_bool(at.last),
                Op::Transition => F::from_bool(!at.last),
            };
            values.push(value);
        }
        values
    }

    /// The columns that an expression reads, on its row or the next.
    pub(crate) fn reads(&self, node: Node, columns: &mut alloc::collections::BTreeSet<usize>) {
        match self.op(node) {
            Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) => {
                self.reads(a, columns);
                self.reads(b, columns);
            }
            Op::Local(column) | Op::Next(column) => {
                columns.insert(column as usize);
            }
            Op::Const(_) | Op::First | Op::Last | Op::Public(_) | Op::Transition => {}
        }
    }
}

/// A row with its surroundings.
pub(crate) struct Place<'a> {
    pub(crate) local: &'a [F],
    pub(crate) next: &'a [F],
    pub(crate) publics: &'a [F],
    pub(crate) first: bool,
    pub(crate) last: bool,
}

/// An integer as a field element.
pub(crate) fn field(value: i64) -> F {
    F::from_i64(value)
}
