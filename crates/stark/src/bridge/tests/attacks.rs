//! Malicious provers: changed cells, forged leaves and trees, constraints left out.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use proofmark_plan::{
    commit,
    value::{Value, Values},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    super::{
        gather,
        leaves::halves_of,
        machine::Machine,
        sha::Message,
        tree::{self, Inner},
        witness::Parts,
    },
    honest::{Case, random_table, schema},
};
use crate::{
    Level,
    air::{Chip, F, Node, Op, Place, ROUND_CELLS, Rule, Table, Violation, committed_rounds},
    bridge::{self, Statement},
    gadget::{MASKS, RANGE_BUS},
    proof::encode,
    prove::{Filled, prove_chips},
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
            let read: BTreeSet<usize> = changes
                .iter()
                .flat_map(|(column, _)| self.constraints[next][*column].iter().copied())
                .collect();
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
                let place = Place {
                    local: cells,
                    next: &[],
                    publics: &filled.publics[at],
                    first: false,
                    last: false,
                };
                let fields: Vec<u32> =
                    message.fields.iter().map(|node| chip.value(*node, &place).as_canonical_u32()).collect();
                if message.bus == RANGE_BUS {
                    // Counts of the range chip would be adjusted.
                    if fields[1] >= 1 << fields[0] {
                        found.insert(None);
                    }
                } else {
                    *sent.entry((&message.bus, fields)).or_default() +=
                        chip.value(message.count, &place) * sign;
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
            let _ = committed_rounds(input.map(|node| chip.value(node, place)), |index, value| {
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
                let caught = [F::ONE, -F::ONE, F::from_u32(1 << 13)]
                    .into_iter()
                    .all(|change| !readers.broken(&filled, at, row, &[(column, old + change)]).is_empty());
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
        let idle: BTreeSet<&str> = (0..chip.constraints.len())
            .filter(|index| !useful.contains(index))
            .map(|index| label(&index))
            .collect();
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

/// A case whose leaves, nodes or words a malicious prover makes as he likes, and states their root.
fn forged(case: &Case, forge: impl Fn(&mut Parts, &Machine)) -> Filled {
    let statement = case.statement(Level::Fast);
    let machine = Machine::new(&statement).expect("a supported table");
    let mut filled = case.fill();
    let mut parts = Parts::new(&case.table, case.rows_per_leaf, &case.root_salt, &machine);
    forge(&mut parts, &machine);
    for (at, chip) in machine.chips.iter().enumerate() {
        if at != machine.rows {
            // The masks stay as they are: only first rows hold them, in columns that nothing else writes.
            let table = &mut filled.traces.tables[at];
            let cells = masks_of(chip)
                .into_iter()
                .flat_map(|column| (0..MASKS).map(move |row| row * chip.width + column));
            let masks: Vec<(usize, F)> = cells.map(|cell| (cell, table.cells[cell])).collect();
            let range = at == 0;
            if !range {
                table.cells.fill(F::ZERO);
                number_rows(chip, table);
            }
            masks.into_iter().for_each(|(cell, value)| table.cells[cell] = value);
        }
    }
    parts.fill(&machine, &case.root_salt, &mut filled.traces).expect("room");
    filled.publics[machine.leaves.0] = halves_of(&parts.root).to_vec();
    filled.traces.tables[machine.leaves.0].publics = halves_of(&parts.root).to_vec();
    filled
}

/// Columns of masks: numbers and counts of messages on their buses.
fn masks_of(chip: &Chip) -> Vec<usize> {
    let masks = chip.interactions.iter().filter(|message| message.bus.starts_with("mask"));
    let cells = masks.flat_map(|message| cells_of(chip, &[message.fields[0], message.count]));
    cells.map(|(column, _)| column).collect()
}

/// Row numbers, the one thing that the chips of leaves and nodes fill themselves: the column after head and real.
fn number_rows(chip: &Chip, table: &mut Table) {
    if matches!(chip.name.as_str(), "leaves" | "tree") {
        let width = table.width;
        table.cells.chunks_mut(width).enumerate().for_each(|(row, cells)| cells[2] = F::from_usize(row));
    }
}

#[test]
fn forging_nothing_forges_nothing() {
    assert_eq!(forged(&small_case(), |_, _| {}).violations(), []);
}

#[test]
fn a_tree_splits_only_where_the_standard_says() {
    let filled = forged(&small_case(), |parts, machine| {
        // Header and three leaves as 1 | 3 and 3 | 1 instead of 2 | 2.
        let id = machine.first_node_id;
        let hashes: Vec<[u8; 32]> = parts.leaves.iter().map(|leaf| leaf.hash).collect();
        let node = |id, [first, split, after]: [u32; 3], left, right| Inner {
            id,
            first,
            split,
            after,
            left,
            right,
            hash: proofmark_core::merkle::node_hash(&left, &right),
        };
        let low = node(id + 1, [1, 2, 3], hashes[1], hashes[2]);
        let middle = node(id + 2, [1, 3, 4], low.hash, hashes[3]);
        let top = node(id + 3, [0, 1, 4], hashes[0], middle.hash);
        parts.root = top.hash;
        parts.nodes = alloc::vec![low, middle, top];
    });
    // One leaf to the left of three is no power of two that is large enough.
    let violations = filled.violations();
    let [Violation::Range { chip, .. }] = violations[..] else { panic!("{violations:?}") };
    assert_eq!(filled.chips[chip].name, "tree");
}

#[test]
fn a_header_states_the_number_of_rows_and_not_one_that_is_congruent() {
    let case = small_case();
    let filled = forged(&case, |parts, machine| {
        let rows = case.table.rows as u64 + u64::from(F::ORDER_U32);
        let mut header =
            commit::header(&Value::Table(case.table.clone()), case.rows_per_leaf, &case.root_salt);
        header[4..12].copy_from_slice(&rows.to_le_bytes());
        let leaf = &mut parts.leaves[0];
        leaf.message = Message::new(0, &header);
        leaf.hash = <sha2::Sha256 as sha2::Digest>::digest(&header).into();
        let hashes: Vec<[u8; 32]> = parts.leaves.iter().map(|leaf| leaf.hash).collect();
        (parts.nodes, parts.root) = tree::nodes(&hashes, machine.first_node_id);
    });
    let mut filled = filled;
    let at = filled.chips.iter().position(|chip| chip.name == "leaves").expect("the leaves");
    assert!(!filled.violations().is_empty());
    // With the halves of the false number in the header's cells only the bit is in the way.
    let readers =
        filled.chips[at].constraints.iter().find(|constraint| constraint.label.starts_with("the upper half"));
    let Some(Rule::Zero(node)) = readers.map(|constraint| &constraint.rule) else { panic!("a rule") };
    let upper = cells_of(&filled.chips[at], &[*node]).first().expect("a column").0;
    let rows = case.table.rows as u32 + F::ORDER_U32;
    let table = &mut filled.traces.tables[at];
    table.cells[upper - 1] = F::from_u32(rows & 0xffff);
    table.cells[upper] = F::from_u32(rows >> 16);
    let found = filled.violations();
    assert!(
        matches!(&found[..], [Violation::Constraint { label, .. }] if label.starts_with("the upper half")),
        "{found:?}"
    );
}

#[test]
fn leaves_of_another_table_are_refused() {
    let case = small_case();
    // The same rows in another order, a row less, a row more, another value.
    let other = random_table(&case.table.schema, 23, 4, 7);
    for other in [other, prefix(&case.table, 22), prefix(&case.table, 18)] {
        let filled = forged(&case, |parts, machine| {
            *parts = Parts::new(&other, case.rows_per_leaf, &case.root_salt, machine);
        });
        assert!(!filled.violations().is_empty());
    }
    let swapped = forged(&case, |parts, machine| {
        parts.leaves.swap(1, 2);
        let hashes: Vec<[u8; 32]> = parts.leaves.iter().map(|leaf| leaf.hash).collect();
        (parts.nodes, parts.root) = tree::nodes(&hashes, machine.first_node_id);
    });
    assert!(!swapped.violations().is_empty());
    let dropped = forged(&case, |parts, machine| {
        parts.leaves.pop();
        let hashes: Vec<[u8; 32]> = parts.leaves.iter().map(|leaf| leaf.hash).collect();
        (parts.nodes, parts.root) = tree::nodes(&hashes, machine.first_node_id);
    });
    assert!(!dropped.violations().is_empty());
    let words = forged(&case, |parts, _| {
        parts.words.pop();
    });
    assert!(!words.violations().is_empty());
    let doubled = forged(&case, |parts, _| {
        let word = &parts.words[0];
        let word = gather::Word { key: word.key, bytes: word.bytes };
        parts.words.push(word);
    });
    assert!(!doubled.violations().is_empty());
}

/// The first rows of a table.
fn prefix(table: &proofmark_plan::value::Table, rows: usize) -> proofmark_plan::value::Table {
    let columns = table.columns.iter().map(|data| {
        let mut data = (**data).clone();
        match &mut data.values {
            Values::Bool(values) => values.truncate(rows),
            Values::Narrow(values) => values.truncate(rows),
            Values::Text(text) => text.spans.truncate(rows),
            Values::Wide(values) => values.truncate(rows),
        }
        if let Some(validity) = &mut data.validity {
            validity.truncate(rows);
        }
        alloc::sync::Arc::new(data)
    });
    proofmark_plan::value::Table { schema: table.schema.clone(), rows, columns: columns.collect() }
}

#[test]
fn a_false_trace_gives_no_proof() {
    let case = small_case();
    let other = random_table(&case.table.schema, 23, 4, 7);
    let filled = forged(&case, |parts, machine| {
        *parts = Parts::new(&other, case.rows_per_leaf, &case.root_salt, machine);
    });
    let root = commit::root(&Value::Table(other), case.rows_per_leaf, &case.root_salt);
    let statement = Statement { root, ..case.statement(Level::Fast) };
    let mut rng = StdRng::seed_from_u64(3);
    if let Ok((shape, proof)) = prove_chips(Level::Fast, filled, &mut rng) {
        let proof = encode(&shape, proof).expect("bytes");
        assert!(bridge::verify(&statement, &proof).is_err());
    }
}
