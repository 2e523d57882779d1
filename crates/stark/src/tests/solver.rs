//! Searches a row for values of several cells that one guard alone refuses.
//!
//! Cells beside the guard are unknown, all others keep their values. Values are tried for one unknown after the other;
//! where a constraint has one unknown left and is linear in it, its value follows. Found is what breaks the guard and
//! nothing else: constraints of the row and of the row before, ranges, and messages, which keep their fields.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use p3_field::{Field, PrimeCharacteristicRing, PrimeField32};

use crate::{
    air::{Chip, F, Node, Place, Rule, Traces},
    gadget::RANGE_BUS,
};

/// Unknown cells of a search.
const MOST_UNKNOWNS: usize = 9;

/// Conditions that may read an unknown cell: one that half of the chip depends on is not changed alone.
const MOST_READERS: usize = 20;

/// A condition on a row: an expression that is zero, or one below `2^width`, on the row or on the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The constraint with this index.
    Zero(usize, Node),
    /// The message with this index to the range chip.
    Range(usize, Node, u32),
    /// A field of a message, which keeps its value.
    Same(Node),
}

impl Condition {
    const fn node(self) -> Node {
        match self {
            Self::Zero(_, node) | Self::Range(_, node, _) | Self::Same(node) => node,
        }
    }
}

pub(super) struct Solver<'a> {
    chip: &'a Chip,
    honest: &'a Traces,
    at: usize,
    row: usize,
    conditions: Vec<(Condition, BTreeSet<usize>)>,
    /// The conditions that read a column.
    readers: BTreeMap<usize, Vec<usize>>,
}

impl<'a> Solver<'a> {
    pub(super) fn new(chip: &'a Chip, honest: &'a Traces, at: usize, row: usize) -> Self {
        let mut conditions = Vec::new();
        let mut put = |condition: Condition| {
            let mut columns = BTreeSet::new();
            chip.graph.reads(condition.node(), &mut columns);
            conditions.push((condition, columns));
        };
        for (index, constraint) in chip.constraints.iter().enumerate() {
            match &constraint.rule {
                Rule::Zero(node) => put(Condition::Zero(index, *node)),
                // Its cells are never unknown, its input stays.
                Rule::Permutation { input, .. } => input.iter().for_each(|node| put(Condition::Same(*node))),
            }
        }
        for (index, message) in chip.interactions.iter().enumerate() {
            if message.bus == RANGE_BUS {
                let width = chip.graph.as_constant(message.fields[0]).expect("a width").as_canonical_u32();
                put(Condition::Range(index, message.fields[1], width));
            } else {
                message.fields.iter().chain([&message.count]).for_each(|node| put(Condition::Same(*node)));
            }
        }
        let mut readers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (number, (_, columns)) in conditions.iter().enumerate() {
            columns.iter().for_each(|column| readers.entry(*column).or_default().push(number));
        }
        Self { chip, honest, at, row, conditions, readers }
    }

    /// Whether some values of cells around it break this guard alone.
    pub(super) fn breaks_alone(&self, guard: Condition) -> bool {
        let Some(wanted) = self.conditions.iter().position(|(condition, _)| *condition == guard) else {
            return false;
        };
        let start = &self.conditions[wanted].1;
        // First the cells of the guard, then those of conditions that share one with it, the tightest first.
        let mut unknown: Vec<usize> = start.iter().copied().filter(|column| self.is_local(*column)).collect();
        let mut next = 0;
        while next < unknown.len() && unknown.len() < MOST_UNKNOWNS {
            let mut near: Vec<&BTreeSet<usize>> =
                self.readers[&unknown[next]].iter().map(|number| &self.conditions[*number].1).collect();
            near.sort_by_key(|columns| columns.len());
            for column in near.into_iter().flatten() {
                if unknown.len() < MOST_UNKNOWNS && !unknown.contains(column) && self.is_local(*column) {
                    unknown.push(*column);
                }
            }
            next += 1;
        }
        unknown.truncate(MOST_UNKNOWNS);
        let touched: BTreeSet<usize> =
            unknown.iter().flat_map(|column| self.readers[column].iter().copied()).collect();
        let mut search = Search {
            solver: self,
            wanted,
            conditions: touched.into_iter().collect(),
            cells: self.honest.tables[self.at].row(self.row).to_vec(),
            left: 250,
        };
        search.go(&unknown)
    }

    /// Whether the conditions that read a column may be looked at: messages fix theirs.
    fn is_local(&self, column: usize) -> bool {
        self.readers[&column].len() <= MOST_READERS && !self.readers[&column].iter().any(|number| {
            matches!(self.conditions[*number].0, Condition::Same(node) if self.chip.graph.degree(node) == 1
                && self.conditions[*number].1.len() == 1)
        })
    }

    /// The value of an expression on the row with other cells, or on the row before.
    fn value(&self, node: Node, cells: &[F], before: bool) -> F {
        let table = &self.honest.tables[self.at];
        let height = self.chip.height();
        let row = if before { (self.row + height - 1) % height } else { self.row };
        let (local, next) = match before {
            true => (table.row(row), cells),
            false => (cells, table.row((row + 1) % height)),
        };
        let (first, last) = (row == 0, row + 1 == height);
        self.chip.value(node, &Place { local, next, publics: &table.publics, first, last })
    }

    fn holds(&self, condition: Condition, cells: &[F]) -> bool {
        let honest = self.honest.tables[self.at].row(self.row);
        [false, true].into_iter().all(|before| {
            let value = self.value(condition.node(), cells, before);
            match condition {
                Condition::Zero(..) => value == F::ZERO,
                Condition::Range(_, _, width) => value.as_canonical_u32() < 1 << width,
                Condition::Same(node) => value == self.value(node, honest, before),
            }
        })
    }
}

struct Search<'s, 'a> {
    solver: &'s Solver<'a>,
    wanted: usize,
    conditions: Vec<usize>,
    cells: Vec<F>,
    /// Steps that are left.
    left: u32,
}

impl Search<'_, '_> {
    fn go(&mut self, unknown: &[usize]) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        // Whatever is fully known must hold, but for the guard.
        let open =
            |columns: &BTreeSet<usize>| unknown.iter().filter(|column| columns.contains(column)).count();
        let mut forced = None;
        for number in &self.conditions {
            let (condition, columns) = &self.solver.conditions[*number];
            match open(columns) {
                0 if self.solver.holds(*condition, &self.cells) == (*number == self.wanted) => return false,
                1 if *number != self.wanted && forced.is_none() => {
                    forced = unknown
                        .iter()
                        .find(|column| columns.contains(column))
                        .and_then(|column| Some((*column, self.solution(*condition, *column)?)));
                }
                _ => {}
            }
        }
        let Some((column, values)) = forced.map(|(column, value)| (column, [value].to_vec())).or_else(|| {
            let column = *unknown.first()?;
            let honest = self.cells[column];
            let mut values =
                [honest, F::ZERO, F::ONE, F::TWO, -F::ONE, honest + F::ONE, honest - F::ONE].to_vec();
            let mut seen = BTreeSet::new();
            values.retain(|value| seen.insert(value.as_canonical_u32()));
            Some((column, values))
        }) else {
            // Nothing is unknown: all but the guard held above.
            return true;
        };
        let rest: Vec<usize> = unknown.iter().copied().filter(|other| *other != column).collect();
        let honest = self.cells[column];
        for value in values {
            self.cells[column] = value;
            if self.go(&rest) {
                return true;
            }
        }
        self.cells[column] = honest;
        false
    }

    /// The only value of a cell with which a linear condition holds.
    fn solution(&self, condition: Condition, column: usize) -> Option<F> {
        let Condition::Zero(_, node) = condition else { return None };
        let mut cells = self.cells.clone();
        [false, true].into_iter().find_map(|before| {
            let [a, b, c] = [F::ZERO, F::ONE, F::TWO].map(|value| {
                cells[column] = value;
                self.solver.value(node, &cells, before)
            });
            let slope = b - a;
            (slope != F::ZERO && c - b == slope).then(|| -a * slope.inverse())
        })
    }
}
