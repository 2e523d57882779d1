//! A chip and how gadgets add to it.

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use super::{
    F, FillError, MAX_DEGREE, Node, Op, Pass, Row,
    node::{Graph, Place},
};
use crate::gadget::Radix;

/// Where a row keeps an integer while it is filled. Slots are no part of the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) usize);

/// Something that must hold on every row.
pub(crate) struct Constraint {
    pub(crate) rule: Rule,
    /// What it says.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests name by it what a change breaks"))]
    pub(crate) label: &'static str,
}

/// The kinds of constraints.
pub(crate) enum Rule {
    /// The columns from `at` on hold the rounds of a Poseidon2 permutation of `input`.
    Permutation { input: [Node; 16], at: usize },
    /// The expression is zero.
    Zero(Node),
}

/// A message that every row sends on a bus, `count` times.
#[derive(Clone)]
pub(crate) struct Interaction {
    pub(crate) bus: String,
    pub(crate) fields: Vec<Node>,
    pub(crate) count: Node,
    /// Bound of the count's magnitude on a row; zero for the providing side, whose counts the other side bounds.
    pub(crate) weight: u32,
}

/// What fills cells once all rows are filled up to here.
type PassFill = dyn Fn(&mut Pass<'_>) -> Result<(), FillError> + Send + Sync;

/// What fills cells of a row.
type RowFill = dyn Fn(&mut Row<'_>) -> Result<(), FillError> + Send + Sync;

/// One step of filling.
#[derive(Clone)]
pub(crate) enum Fill {
    /// For the whole table, after all earlier steps are done for all rows.
    Pass(Arc<PassFill>),
    /// For each row in order, after all earlier steps of this row.
    Row(Arc<RowFill>),
}

/// Where the rows of a chip come from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Load {
    /// The table of powers of two and numbers below them.
    Range,
    /// Rows of other chips.
    Rows(Vec<Copies>),
    /// Rows of an input: for each column its slot and its validity's slot.
    Table { input: usize, columns: Vec<(Slot, Option<Slot>)> },
    /// Nothing is loaded.
    #[default]
    Nothing,
}

/// A value of the one selected row of an earlier chip, which a column has on all rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Import {
    pub(crate) source: usize,
    pub(crate) select: Node,
    pub(crate) value: Node,
    pub(crate) column: usize,
}

impl Import {
    /// The selected rows are none or several.
    pub(crate) const NOT_ONE_ROW: FillError = FillError::Number("the table of a condition has not one row");
}

/// Rows that one chip takes from another.
#[derive(Clone, Debug)]
pub(crate) struct Copies {
    pub(crate) source: usize,
    /// Which rows, an expression of the source that is zero or one.
    pub(crate) select: Node,
    /// Expressions of the source that become columns.
    pub(crate) cells: Vec<(Node, usize)>,
    pub(crate) slots: Vec<(Slot, Slot)>,
    /// What all rows of the chip are ordered by, as many parts as its other sources have; that of the source if none.
    pub(crate) order: Vec<OrderPart>,
}

/// What rows are ordered by: the integer in a slot, or a bit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OrderPart {
    Bit(Node),
    Slot { slot: Slot, descending: bool },
}

/// A table under construction, or finished.
pub(crate) struct Chip {
    pub(crate) name: String,
    pub(crate) graph: Graph,
    pub(crate) width: usize,
    pub(crate) publics: usize,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) interactions: Vec<Interaction>,
    pub(crate) fills: Vec<Fill>,
    pub(crate) load: Load,
    pub(crate) imports: Vec<Import>,
    pub(crate) slots: usize,
    /// Logarithm of the number of rows. Public: derived from bounds, never from data.
    pub(crate) log_height: u32,
    /// What its numbers are written in.
    pub(crate) radix: Radix,
    /// Products of bits that have a column.
    pub(crate) products: BTreeMap<(Node, Node), Node>,
    /// One on the first row, zero elsewhere. That row belongs to no table: digests keep their salt there.
    pub(crate) head: Node,
    /// One on rows that hold a row of the table: first rows after the head, then none.
    pub(crate) real: Node,
    /// Columns that are free on rows where an expression is zero: rests of comparisons of equals, inverses of zero,
    /// carries where nothing counts. Nothing depends on them there. For tests.
    pub(crate) free: Vec<(usize, Node)>,
    /// Why the chip cannot be built, if it cannot: a bound of a gadget does not hold.
    pub(crate) fault: Option<&'static str>,
}

impl Chip {
    /// A chip whose first row is a head and whose real rows follow without gap.
    pub(crate) fn new(name: impl Into<String>, log_height: u32) -> Self {
        let mut chip = Self::bare(name, log_height);
        let (head, real) = (chip.column(), chip.column());
        (chip.head, chip.real) = (head, real);
        let one = chip.int(1);
        let (first, transition) = (chip.graph.add_op(Op::First), chip.graph.add_op(Op::Transition));
        let not_head = chip.sub(head, one);
        let at_first = chip.mul(first, not_head);
        chip.zero(at_first, "the first row is the head");
        let next_head = chip.next(head);
        let later = chip.mul(transition, next_head);
        chip.zero(later, "no other row is a head");
        chip.boolean(real, "real is a bit");
        let both = chip.mul(head, real);
        chip.zero(both, "the head is not real");
        let next_real = chip.next(real);
        let start = chip.add(head, real);
        let gap = chip.sub(one, start);
        let after_gap = chip.mul(next_real, gap);
        chip.zero(after_gap, "real rows have no gap");
        chip
    }

    /// A chip without head and real rows.
    pub(crate) fn bare(name: impl Into<String>, log_height: u32) -> Self {
        let mut graph = Graph::default();
        let zero = graph.constant(0);
        Self {
            name: name.into(),
            graph,
            width: 0,
            publics: 0,
            constraints: Vec::new(),
            interactions: Vec::new(),
            fills: Vec::new(),
            load: Load::Nothing,
            imports: Vec::new(),
            slots: 0,
            log_height,
            radix: Radix::FULL,
            products: BTreeMap::new(),
            head: zero,
            real: zero,
            free: Vec::new(),
            fault: None,
        }
    }

    pub(crate) const fn height(&self) -> usize {
        1 << self.log_height
    }

    /// A new column.
    pub(crate) fn column(&mut self) -> Node {
        self.width += 1;
        self.graph.add_op(Op::Local(self.width as u32 - 1))
    }

    /// A new public value.
    pub(crate) fn public(&mut self) -> Node {
        self.publics += 1;
        self.graph.add_op(Op::Public(self.publics as u32 - 1))
    }

    pub(crate) fn slot(&mut self) -> Slot {
        self.slots += 1;
        Slot(self.slots - 1)
    }

    pub(crate) fn int(&mut self, value: i64) -> Node {
        self.graph.constant(value)
    }

    pub(crate) fn add(&mut self, a: Node, b: Node) -> Node {
        self.graph.add(a, b)
    }

    pub(crate) fn sub(&mut self, a: Node, b: Node) -> Node {
        self.graph.sub(a, b)
    }

    pub(crate) fn mul(&mut self, a: Node, b: Node) -> Node {
        self.graph.mul(a, b)
    }

    pub(crate) fn scale(&mut self, a: Node, by: i64) -> Node {
        let by = self.int(by);
        self.mul(a, by)
    }

    /// `1 - bit`.
    pub(crate) fn not(&mut self, bit: Node) -> Node {
        let one = self.int(1);
        self.sub(one, bit)
    }

    pub(crate) fn sum(&mut self, nodes: &[Node]) -> Node {
        let zero = self.int(0);
        nodes.iter().fold(zero, |sum, node| self.add(sum, *node))
    }

    /// The same expression on the next row.
    pub(crate) fn next(&mut self, node: Node) -> Node {
        self.graph.next(node)
    }

    /// Demands that an expression is zero on every row.
    pub(crate) fn zero(&mut self, node: Node, label: &'static str) {
        if self.graph.degree(node) > MAX_DEGREE {
            self.fault = Some("a constraint multiplies more than four cells");
        }
        if self.graph.as_constant(node).is_some_and(|value| value != F::default()) {
            self.fault = Some("a constraint that cannot hold");
        }
        if self.graph.as_constant(node).is_none() {
            self.constraints.push(Constraint { rule: Rule::Zero(node), label });
        }
    }

    pub(crate) fn equal(&mut self, a: Node, b: Node, label: &'static str) {
        let difference = self.sub(a, b);
        self.zero(difference, label);
    }

    /// Demands that an expression is zero or one.
    pub(crate) fn boolean(&mut self, node: Node, label: &'static str) {
        let one = self.int(1);
        let other = self.sub(node, one);
        let product = self.mul(node, other);
        self.zero(product, label);
    }

    /// A message on each row, `count` times with `0 <= count <= weight`.
    pub(crate) fn send(&mut self, bus: &str, fields: Vec<Node>, count: Node, weight: u32) {
        self.interactions.push(Interaction { bus: bus.into(), fields, count, weight });
    }

    /// Takes messages from a bus, `count` times.
    pub(crate) fn receive(&mut self, bus: &str, fields: Vec<Node>, count: Node) {
        let zero = self.int(0);
        let count = self.sub(zero, count);
        self.interactions.push(Interaction { bus: bus.into(), fields, count, weight: 0 });
    }

    pub(crate) fn fill_row(
        &mut self,
        fill: impl Fn(&mut Row<'_>) -> Result<(), FillError> + Send + Sync + 'static,
    ) {
        self.fills.push(Fill::Row(Arc::new(fill)));
    }

    pub(crate) fn fill_pass(
        &mut self,
        fill: impl Fn(&mut Pass<'_>) -> Result<(), FillError> + Send + Sync + 'static,
    ) {
        self.fills.push(Fill::Pass(Arc::new(fill)));
    }

    /// Notes that columns are free where `unless` is zero.
    pub(crate) fn leave_free(&mut self, nodes: &[Node], unless: Node) {
        let columns = nodes.iter().map(|node| (self.column_of(*node), unless)).collect::<Vec<_>>();
        self.free.extend(columns);
    }

    /// The column that a node is.
    ///
    /// Gadgets ask it only of nodes that `column` made.
    pub(crate) fn column_of(&self, node: Node) -> usize {
        match self.graph.op(node) {
            Op::Local(column) => column as usize,
            _ => usize::MAX,
        }
    }

    pub(crate) fn value(&self, node: Node, place: &Place<'_>) -> F {
        self.graph.value(node, place)
    }
}
