//! Malicious provers: changed cells, forged leaves and trees, constraints left out.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::honest::{Case, random_table, schema};
use crate::{
    air::{Chip, F, Node, Op, Place, Rule, permute},
    gadget::{RANGE_BUS, ROUND_CELLS},
    prove::Filled,
};

/// A table that uses every gadget, on few rows: three leaves, the last one not full.
pub(super) fn small_case() -> Case {
    let columns = [
        ("a", "int"),
        ("b", "bool?"),
        ("c", "string"),
        ("d", "date?"),
        ("e", "decimal(21,2)"),
        ("f", "bytes?"),
        ("g", "bool"),
    ];
    Case::new(random_table(&schema(&columns), 23, 3, 7), 9)
}

/// What reads each column of a chip: constraints and messages, of the row or of the row before.
pub(super) struct Readers {
    constraints: [Vec<Vec<usize>>; 2],
    messages: Vec<Vec<usize>>,
}

impl Readers {
    pub(super) fn new(chip: &Chip) -> Self {
        let mut constraints = [alloc::vec![Vec::new(); chip.width], alloc::vec![Vec::new(); chip.width]];
        let mut messages = alloc::vec![Vec::new(); chip.width];
        for (index, constraint) in chip.constraints.iter().enumerate() {
            let roots = match &constraint.rule {
                Rule::Zero(node) => alloc::vec![*node],
                Rule::Permutation { input, at } => {
                    (*at..at + ROUND_CELLS).for_each(|column| constraints[0][column].push(index));
                    input.to_vec()
                }
            };
            for (column, next) in cells_of(chip, &roots) {
                constraints[usize::from(next)][column].push(index);
            }
        }
        for (index, message) in chip.interactions.iter().enumerate() {
            let roots = [&message.fields[..], &[message.count]].concat();
            for (column, next) in cells_of(chip, &roots) {
                assert!(!next, "messages read one row");
                messages[column].push(index);
            }
        }
        Self { constraints, messages }
    }

    /// Constraints that no longer hold, and buses that no longer balance, after changes to one row of a table that
    /// holds everything. Constraints are given by their index, buses by `None`.
    pub(super) fn broken(
        &self,
        filled: &Filled,
        at: usize,
        row: usize,
        changes: &[(usize, F)],
    ) -> BTreeSet<Option<usize>> {
        let (chip, table) = (&filled.chips[at], &filled.traces.tables[at]);
        let height = chip.height();
        let mut changed = table.row(row).to_vec();
        changes.iter().for_each(|(column, value)| changed[*column] = *value);
        let mut found = BTreeSet::new();
        for (next, place_row) in [(0, row), (1, (row + height - 1) % height)] {
            let after = (place_row + 1) % height;
            let place = Place {
                local: if place_row == row { &changed } else { table.row(place_row) },
                next: if after == row { &changed } else { table.row(after) },
                publics: &filled.publics[at],
                first: place_row == 0,
                last: place_row + 1 == height,
            };
            let read: BTreeSet<usize> =
                changes.iter().flat_map(|(column, _)| self.constraints[next][*column].iter().copied()).collect();
            for index in read {
                if fails(chip, &chip.constraints[index].rule, &place) {
                    found.insert(Some(index));
                }
            }
        }
        let read: BTreeSet<usize> =
            changes.iter().flat_map(|(column, _)| self.messages[*column].iter().copied()).collect();
        let mut sent: BTreeMap<(&str, Vec<u32>), F> = BTreeMap::new();
        for index in read {
            let message = &chip.interactions[index];
            for (cells, sign) in [(&changed[..], F::ONE), (table.row(row), -F::ONE)] {
                let place = Place { local: cells, next: &[], publics: &filled.publics[at], first: false, last: false };
                let fields: Vec<u32> =
                    message.fields.iter().map(|node| chip.value(*node, &place).as_canonical_u32()).collect();
                if message.bus == RANGE_BUS {
                    // Counts of the range chip would be adjusted.
                    if fields[1] >= 1 << fields[0] {
                        found.insert(None);
                    }
                } else {
                    *sent.entry((&message.bus, fields)).or_default() += chip.value(message.count, &place) * sign;
                }
            }
        }
        if sent.values().any(|count| *count != F::ZERO) {
            found.insert(None);
        }
        found
    }
}

fn fails(chip: &Chip, rule: &Rule, place: &Place<'_>) -> bool {
    match rule {
        Rule::Zero(node) => chip.value(*node, place) != F::ZERO,
        Rule::Permutation { input, at } => {
            let cells = &place.local[*at..];
            let mut wrong = false;
            let _ = permute(input.map(|node| chip.value(node, place)), |index, value| {
                wrong |= value != cells[index];
                cells[index]
            });
            wrong
        }
    }
}

/// Columns that expressions read, and whether of the next row.
fn cells_of(chip: &Chip, roots: &[Node]) -> BTreeSet<(usize, bool)> {
    let (mut open, mut seen, mut found) = (roots.to_vec(), BTreeSet::new(), BTreeSet::new());
    while let Some(node) = open.pop() {
        if !seen.insert(node) {
            continue;
        }
        match chip.graph.op(node) {
            Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) => open.extend([a, b]),
            Op::Local(column) => _ = found.insert((column as usize, false)),
            Op::Next(column) => _ = found.insert((column as usize, true)),
            Op::Const(_) | Op::First | Op::Last | Op::Public(_) | Op::Transition => {}
        }
    }
    found
}

/// Whether a cell is free by design: nothing depends on it there.
fn is_free(filled: &Filled, chip: usize, column: usize, row: usize) -> bool {
    let (chip, table) = (&filled.chips[chip], &filled.traces.tables[chip]);
    let place = Place {
        local: table.row(row),
        next: table.row((row + 1) % chip.height()),
        publics: &[],
        first: false,
        last: false,
    };
    chip.free.iter().any(|(free, unless)| *free == column && chip.value(*unless, &place) == F::ZERO)
}

/// Whether a row of the table's chip holds no row of the table: what its values are says nothing.
fn is_no_row(filled: &Filled, at: usize, row: usize) -> bool {
    let chip = &filled.chips[at];
    chip.name == "rows" && filled.traces.tables[at].row(row)[chip.column_of(chip.real)] == F::ZERO
}

/// Rows of a chip that differ in kind: the head, all rows of the table, some padding, the last row.
fn rows_of(filled: &Filled, at: usize) -> Vec<usize> {
    let chip = &filled.chips[at];
    let many = match chip.name.as_str() {
        // A leaf of several blocks, and with it the start of the next.
        "sha256" => 28,
        "rows" | "gather" => 40,
        _ => 12,
    };
    let height = chip.height();
    let mut rows: Vec<usize> = (0..many.min(height)).collect();
    rows.extend(height - 5..height);
    rows
}

#[test]
fn every_cell_of_every_kind_of_row_is_constrained() {
    let filled = small_case().check();
    let (mut tried, mut free) = (0, 0);
    let mut loose = BTreeSet::new();
    for (at, chip) in filled.chips.iter().enumerate().skip(1) {
        let readers = Readers::new(chip);
        for row in rows_of(&filled, at) {
            for column in 0..chip.width {
                let old = filled.traces.tables[at].row(row)[column];
                let caught = [F::ONE, -F::ONE, F::from_u32(1 << 13)].into_iter().all(|change| {
                    !readers.broken(&filled, at, row, &[(column, old + change)]).is_empty()
                });
                tried += 1;
                if !caught {
                    free += 1;
                    if !is_free(&filled, at, column, row) && !is_no_row(&filled, at, row) {
                        loose.insert((chip.name.clone(), column, row));
                    }
                }
            }
        }
    }
    std::eprintln!("{tried} cells, {free} free by design");
    assert!(loose.is_empty(), "{} loose: {:?}", loose.len(), loose.iter().take(40).collect::<Vec<_>>());
    assert!(free * 10 < tried, "{free} of {tried}");
}

/// For each constraint a change that it refuses, and for most a change that nothing else refuses: without it, that
/// change would be accepted.
#[test]
fn constraints_are_necessary() {
    let filled = small_case().check();
    let mut rng = StdRng::seed_from_u64(5);
    for (at, chip) in filled.chips.iter().enumerate().skip(1) {
        let readers = Readers::new(chip);
        let (mut alone, mut useful) = (BTreeSet::new(), BTreeSet::new());
        for row in rows_of(&filled, at) {
            for column in 0..chip.width {
                let old = filled.traces.tables[at].row(row)[column];
                let random = F::from_u32(rng.next_u32() >> 2);
                for value in [old + F::ONE, old - F::ONE, old + F::TWO, F::ZERO, F::ONE, random] {
                    if value == old {
                        continue;
                    }
                    let broken = readers.broken(&filled, at, row, &[(column, value)]);
                    if broken.len() == 1 {
                        alone.extend(broken.iter().flatten().copied());
                    }
                    useful.extend(broken.into_iter().flatten());
                }
            }
        }
        let label = |index: &usize| chip.constraints[*index].label;
        let idle: BTreeSet<&str> =
            (0..chip.constraints.len()).filter(|index| !useful.contains(index)).map(|index| label(&index)).collect();
        assert!(idle.is_empty(), "{}: {idle:?}", chip.name);
        let labels: BTreeSet<&str> = alone.iter().map(label).collect();
        let never: BTreeSet<&str> = (0..chip.constraints.len())
            .map(|index| label(&index))
            .filter(|label| !labels.contains(label))
            .collect();
        std::eprintln!(
            "{}: {} of {} constraints alone refuse some cell; kinds that never do: {never:?}",
            chip.name,
            alone.len(),
            chip.constraints.len(),
        );
    }
}
