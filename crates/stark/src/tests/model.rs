//! All satisfying assignments of a small chip, by search.
//!
//! A chip that is built over digits of two bits has cells with few values, so every assignment of its cells can be
//! ruled out or found. The field is small, too: constraints hold modulo the prime that the chip's radix names, so what
//! an argument about bounds overlooks shows as one more solution.
//!
//! The search is complete. It gives a value to one cell after another; a constraint with one unknown cell that is
//! linear in it fixes that cell, one without unknown cells must hold, and a cell without range may have any value of
//! the field.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use crate::{
    air::{Chip, Node, Op, P, Rule},
    gadget::{RANGE_BUS, Radix},
};

/// The constraints of a chip on a table of some rows, with one variable for each cell.
pub(super) struct Model {
    order: i64,
    width: usize,
    conditions: Vec<Condition>,
    /// For each variable the conditions that read it.
    readers: Vec<Vec<usize>>,
    /// How many values, from zero on, each variable may have.
    domains: Vec<i64>,
}

struct Condition {
    polynomial: Polynomial,
    /// How many values, from zero on, are allowed: one for a constraint.
    below: i64,
}

/// Coefficients of products of at most three variables, padded with `NONE`.
type Polynomial = Vec<([u32; 3], i64)>;

const NONE: u32 = u32::MAX;

impl Model {
    /// The model of `chip` on `rows` rows, the last of which is followed by the first.
    pub(super) fn new(chip: &Chip, rows: usize) -> Self {
        assert!(chip.fault.is_none(), "{:?}", chip.fault);
        let order = chip.radix.order as i64;
        let mut model = Self {
            order,
            width: chip.width,
            conditions: Vec::new(),
            readers: alloc::vec![Vec::new(); chip.width * rows],
            domains: alloc::vec![order; chip.width * rows],
        };
        for row in 0..rows {
            let mut expansion = Expansion { chip, order, row, rows, known: BTreeMap::new() };
            for constraint in &chip.constraints {
                let Rule::Zero(node) = constraint.rule else { panic!("a permutation") };
                let polynomial = expansion.of(node);
                model.put(polynomial, 1);
            }
            for message in &chip.interactions {
                if message.bus == RANGE_BUS && chip.name != "range" {
                    let bits = expansion.of(message.fields[0])[0].1;
                    let polynomial = expansion.of(message.fields[1]);
                    model.put(polynomial, 1 << bits);
                }
            }
        }
        model
    }

    fn put(&mut self, polynomial: Polynomial, below: i64) {
        match polynomial[..] {
            // One cell within a range; a bit.
            [([cell, NONE, NONE], 1)] if below > 1 => {
                let domain = &mut self.domains[cell as usize];
                *domain = (*domain).min(below);
            }
            [([cell, NONE, NONE], minus), ([a, b, NONE], 1)]
                if below == 1 && minus == self.order - 1 && a == cell && b == cell =>
            {
                let domain = &mut self.domains[cell as usize];
                *domain = (*domain).min(2);
            }
            _ => {
                let variables: BTreeSet<u32> = polynomial
                    .iter()
                    .flat_map(|(cells, _)| cells)
                    .copied()
                    .filter(|it| *it != NONE)
                    .collect();
                let number = self.conditions.len();
                variables.into_iter().for_each(|cell| self.readers[cell as usize].push(number));
                self.conditions.push(Condition { polynomial, below });
            }
        }
    }

    /// The variable of a cell.
    pub(super) const fn cell(&self, row: usize, column: usize) -> usize {
        row * self.width + column
    }

    /// All values that `targets` have in satisfying assignments in which `fixed` cells have their values.
    pub(super) fn solutions(&self, fixed: &[(usize, i64)], targets: &[usize]) -> BTreeSet<Vec<i64>> {
        let mut search =
            Search { model: self, cells: alloc::vec![None; self.domains.len()], trail: Vec::new(), nodes: 0 };
        let mut found = BTreeSet::new();
        let mut queue: Vec<usize> = (0..self.conditions.len()).collect();
        let starts = fixed.iter().all(|(cell, value)| search.assign(*cell, *value, &mut queue));
        if starts && search.propagate(queue) {
            search.collect(targets, &mut found);
        }
        found
    }
}

/// Expressions of one row as polynomials in cells.
struct Expansion<'c> {
    chip: &'c Chip,
    order: i64,
    row: usize,
    rows: usize,
    known: BTreeMap<Node, BTreeMap<[u32; 3], i64>>,
}

impl Expansion<'_> {
    fn of(&mut self, node: Node) -> Polynomial {
        self.expand(node).into_iter().collect()
    }

    fn expand(&mut self, node: Node) -> BTreeMap<[u32; 3], i64> {
        if let Some(known) = self.known.get(&node) {
            return known.clone();
        }
        let constant = |value: i64| BTreeMap::from([([NONE; 3], value.rem_euclid(self.order))]);
        let cell = |row: usize, column: u32| {
            BTreeMap::from([([(row % self.rows * self.chip.width) as u32 + column, NONE, NONE], 1)])
        };
        let mut polynomial = match self.chip.graph.op(node) {
            Op::Add(a, b) => self.sum(a, b, 1),
            Op::Sub(a, b) => self.sum(a, b, -1),
            Op::Mul(a, b) => self.product(a, b),
            // Constants are written modulo the order of the real field, and small in size.
            Op::Const(value) if i128::from(value) > P / 2 => constant((i128::from(value) - P) as i64),
            Op::Const(value) => constant(value.into()),
            Op::Local(column) => cell(self.row, column),
            Op::Next(column) => cell(self.row + 1, column),
            Op::First => constant((self.row == 0).into()),
            Op::Last => constant((self.row + 1 == self.rows).into()),
            Op::Transition => constant((self.row + 1 != self.rows).into()),
            Op::Public(_) => panic!("a public value"),
        };
        polynomial.retain(|_, value| *value != 0);
        self.known.insert(node, polynomial.clone());
        polynomial
    }

    fn sum(&mut self, a: Node, b: Node, sign: i64) -> BTreeMap<[u32; 3], i64> {
        let mut sum = self.expand(a);
        for (cells, value) in self.expand(b) {
            let entry = sum.entry(cells).or_default();
            *entry = (*entry + sign * value).rem_euclid(self.order);
        }
        sum
    }

    fn product(&mut self, a: Node, b: Node) -> BTreeMap<[u32; 3], i64> {
        let (a, b) = (self.expand(a), self.expand(b));
        let mut product = BTreeMap::new();
        for (left, x) in &a {
            for (right, y) in &b {
                let mut cells: Vec<u32> =
                    left.iter().chain(right).copied().filter(|cell| *cell != NONE).collect();
                cells.sort_unstable();
                assert!(cells.len() <= 3, "more than three factors");
                cells.resize(3, NONE);
                let entry: &mut i64 = product.entry([cells[0], cells[1], cells[2]]).or_default();
                *entry = (*entry + x * y).rem_euclid(self.order);
            }
        }
        product
    }
}

/// What is left of a condition once known cells are filled in.
enum Rest {
    Constant(i64),
    /// `slope · cell + start`.
    Linear {
        cell: usize,
        slope: i64,
        start: i64,
    },
    /// Unknown cells, with one of the fewest values first.
    Open {
        unknown: usize,
        cell: usize,
    },
}

struct Search<'m> {
    model: &'m Model,
    cells: Vec<Option<i64>>,
    /// Cells in the order in which they became known.
    trail: Vec<usize>,
    nodes: u64,
}

/// Steps of one search after which it is given up: no test comes near it.
const MOST_NODES: u64 = 20_000_000;

impl Search<'_> {
    /// Gives a value to a cell; false if the cell cannot have it.
    fn assign(&mut self, cell: usize, value: i64, queue: &mut Vec<usize>) -> bool {
        if value >= self.model.domains[cell] || self.cells[cell].is_some_and(|known| known != value) {
            return false;
        }
        if self.cells[cell].is_none() {
            self.cells[cell] = Some(value);
            self.trail.push(cell);
            queue.extend(&self.model.readers[cell]);
        }
        true
    }

    fn propagate(&mut self, mut queue: Vec<usize>) -> bool {
        while let Some(number) = queue.pop() {
            let below = self.model.conditions[number].below;
            match self.rest(number) {
                Rest::Constant(value) if value >= below => return false,
                Rest::Linear { cell, slope, start } if below == 1 => {
                    let order = self.model.order;
                    let value = (order - start) * inverse(slope, order) % order;
                    if !self.assign(cell, value, &mut queue) {
                        return false;
                    }
                }
                _ => {}
            }
        }
        true
    }

    fn rest(&self, number: usize) -> Rest {
        let order = self.model.order;
        let mut start = 0;
        let mut open: Vec<([u32; 3], i64)> = Vec::new();
        for (cells, factor) in &self.model.conditions[number].polynomial {
            let (mut value, mut left, mut count) = (*factor, [NONE; 3], 0);
            for cell in cells.iter().take_while(|cell| **cell != NONE) {
                match self.cells[*cell as usize] {
                    Some(known) => value = value * known % order,
                    None => {
                        left[count] = *cell;
                        count += 1;
                    }
                }
            }
            if value == 0 {
            } else if count == 0 {
                start = (start + value) % order;
            } else {
                match open.iter_mut().find(|(cells, _)| *cells == left) {
                    Some((_, sum)) => *sum = (*sum + value) % order,
                    None => open.push((left, value)),
                }
            }
        }
        open.retain(|(_, value)| *value != 0);
        match open[..] {
            [] => Rest::Constant(start),
            [([cell, NONE, NONE], slope)] => Rest::Linear { cell: cell as usize, slope, start },
            _ => {
                let mut unknown: Vec<usize> = open
                    .iter()
                    .flat_map(|(cells, _)| cells)
                    .filter(|cell| **cell != NONE)
                    .map(|cell| *cell as usize)
                    .collect();
                unknown.sort_unstable();
                unknown.dedup();
                let cell = unknown.iter().copied().min_by_key(|cell| self.model.domains[*cell]);
                Rest::Open { unknown: unknown.len(), cell: cell.unwrap_or_default() }
            }
        }
    }

    /// A cell to try values for: one of a condition that is not decided and has few unknown cells.
    fn branch(&self) -> Option<usize> {
        let undecided = (0..self.model.conditions.len()).filter_map(|number| match self.rest(number) {
            Rest::Constant(_) => None,
            Rest::Linear { cell, .. } => Some((1, cell)),
            Rest::Open { unknown, cell } => Some((unknown, cell)),
        });
        undecided.min_by_key(|(unknown, cell)| (*unknown, self.model.domains[*cell])).map(|(_, cell)| cell)
    }

    /// Tries all values of a cell until `each` says that it has seen enough.
    fn each_value(&mut self, cell: usize, mut each: impl FnMut(&mut Self) -> bool) -> bool {
        self.nodes += 1;
        assert!(self.nodes < MOST_NODES, "the search is too long");
        for value in 0..self.model.domains[cell] {
            let mark = self.trail.len();
            let mut queue = Vec::new();
            let done = self.assign(cell, value, &mut queue) && self.propagate(queue) && each(self);
            for cell in self.trail.drain(mark..) {
                self.cells[cell] = None;
            }
            if done {
                return true;
            }
        }
        false
    }

    fn collect(&mut self, targets: &[usize], found: &mut BTreeSet<Vec<i64>>) {
        let values: Option<Vec<i64>> = targets.iter().map(|cell| self.cells[*cell]).collect();
        if let Some(values) = values {
            if !found.contains(&values) && self.exists() {
                found.insert(values);
            }
            return;
        }
        let open = targets.iter().copied().find(|cell| self.cells[*cell].is_none());
        if let Some(cell) = self.branch().or(open) {
            self.each_value(cell, |search| {
                search.collect(targets, found);
                false
            });
        }
    }

    /// Whether the cells that are left have values.
    fn exists(&mut self) -> bool {
        match self.branch() {
            // Nothing asks for the cells that are left.
            None => true,
            Some(cell) => self.each_value(cell, Self::exists),
        }
    }
}

fn inverse(value: i64, order: i64) -> i64 {
    // Fermat: the order is a prime.
    let (mut base, mut power, mut result) = (value, order - 2, 1);
    while power > 0 {
        if power & 1 == 1 {
            result = result * base % order;
        }
        (base, power) = (base * base % order, power >> 1);
    }
    result
}

/// A chip of one row over digits of two bits, in the smallest prime field in which `build` can build it.
pub(super) fn smallest<T>(build: impl Fn(&mut Chip) -> T) -> (Chip, T) {
    smallest_of(|radix| {
        let mut chip = Chip::bare("small", 0);
        chip.radix = radix;
        let made = build(&mut chip);
        (chip, made)
    })
}

/// What `build` makes in the smallest prime field in which it can be built. Comparisons need more than twice the
/// largest word, which is what they have in the real field.
pub(super) fn smallest_of<T>(build: impl Fn(Radix) -> (Chip, T)) -> (Chip, T) {
    let is_prime =
        |number: &i128| (2..*number).take_while(|it| it * it <= *number).all(|it| number % it != 0);
    let mut chips = (37..4000).filter(is_prime).map(|order| build(Radix { bits: 2, order }));
    chips.find(|(chip, _)| chip.fault.is_none()).expect("a field that is large enough")
}

/// The columns that expressions read on their row.
pub(super) fn columns(chip: &Chip, nodes: &[Node]) -> Vec<usize> {
    let mut columns = BTreeSet::new();
    nodes.iter().for_each(|node| chip.graph.reads(*node, &mut columns));
    columns.into_iter().collect()
}
