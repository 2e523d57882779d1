//! Checking filled tables without a proof: which constraints fail, and which buses do not balance.
//!
//! Tests use it to see what a changed cell breaks; the prover uses it nowhere.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec::Vec,
};

use p3_field::{PrimeCharacteristicRing, PrimeField32};

use super::{Chip, F, Rule, Traces, committed_rounds, node::Place};

/// Something that a table breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    /// A bus does not balance.
    Bus(String),
    /// A constraint of a chip does not hold on some row.
    Constraint { chip: usize, index: usize, label: &'static str },
    /// Public values are not those that the tables show.
    Publics(usize),
    /// A message to the range chip asks for a number that is out of its range.
    Range { chip: usize, index: usize },
}

/// What breaks if cells of one row of a table that holds everything are changed. Counts of the range chip count as
/// adjusted to the change.
pub(crate) fn touched(
    filled: &crate::prove::Filled,
    at: usize,
    row: usize,
    changes: &[(usize, F)],
) -> Vec<Violation> {
    let (chip, table) = (&filled.chips[at], &filled.traces.tables[at]);
    let height = chip.height();
    let mut changed = table.row(row).to_vec();
    for (column, value) in changes {
        changed[*column] = *value;
    }
    let pick = |place: usize, new: bool| if new && place == row { &changed[..] } else { table.row(place) };
    let mut found = Vec::new();
    let mut buses: BTreeMap<(&str, Vec<u32>), F> = BTreeMap::new();
    for place_row in [(row + height - 1) % height, row] {
        let next = (place_row + 1) % height;
        let place = |new: bool| Place {
            local: pick(place_row, new),
            next: pick(next, new),
            publics: &filled.publics[at],
            first: place_row == 0,
            last: place_row + 1 == height,
        };
        for (index, constraint) in chip.constraints.iter().enumerate() {
            if fails(chip, &constraint.rule, &place(true)) {
                found.push(Violation::Constraint { chip: at, index, label: constraint.label });
            }
        }
        for message in &chip.interactions {
            for (new, sign) in [(true, F::ONE), (false, -F::ONE)] {
                let place = place(new);
                let fields: Vec<u32> =
                    message.fields.iter().map(|node| chip.value(*node, &place).as_canonical_u32()).collect();
                let is_range = message.bus == crate::gadget::RANGE_BUS && at > 0;
                if is_range && new && fields[1] >= 1 << fields[0] {
                    found.push(Violation::Bus(message.bus.clone()));
                }
                if !is_range {
                    let count = chip.value(message.count, &place);
                    *buses.entry((&message.bus, fields)).or_default() += count * sign;
                }
            }
        }
    }
    found.extend(
        buses
            .into_iter()
            .filter(|(_, count)| *count != F::ZERO)
            .map(|((bus, _), _)| Violation::Bus(bus.into())),
    );
    found.sort();
    found.dedup();
    found
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

/// Everything that does not hold, without repetition.
pub(crate) fn violations(chips: &[Arc<Chip>], traces: &Traces, publics: &[Vec<F>]) -> Vec<Violation> {
    let mut found = broken(chips, None, traces);
    // The table of ranges, and whether it counts what is asked of it.
    let (chip, table) = (&chips[0], &traces.tables[0]);
    let asked = crate::prove::range_counts(chips, traces);
    for (row, asked) in asked.into_iter().enumerate() {
        let next = table.row((row + 1) % chip.height());
        let (first, last) = (row == 0, row + 1 == chip.height());
        let place = Place { local: table.row(row), next, publics: &publics[0], first, last };
        for (index, constraint) in chip.constraints.iter().enumerate() {
            if fails(chip, &constraint.rule, &place) {
                found.push(Violation::Constraint { chip: 0, index, label: constraint.label });
            }
        }
        if table.row(row)[crate::gadget::RANGE_COUNT] != F::from_u32(asked) {
            found.push(Violation::Bus(crate::gadget::RANGE_BUS.into()));
        }
    }
    for (at, publics) in publics.iter().enumerate().skip(1) {
        if *publics != traces.tables[at].publics {
            found.push(Violation::Publics(at));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// What tables break that differ from tables that hold everything. Counts of the range chip, which is left out,
/// count as adjusted; public values are those of the changed tables.
pub(crate) fn differences(chips: &[Arc<Chip>], honest: &Traces, changed: &Traces) -> Vec<Violation> {
    broken(chips, Some(honest), changed)
}

/// What tables break, or what they break that differ from honest ones.
pub(crate) fn broken(chips: &[Arc<Chip>], honest: Option<&Traces>, changed: &Traces) -> Vec<Violation> {
    let mut found = BTreeSet::new();
    let mut buses: BTreeMap<(&str, Vec<u32>), F> = BTreeMap::new();
    for (at, chip) in chips.iter().enumerate() {
        if at == 0 {
            // Beside answers the range chip has masks, on its first rows.
            for row in 0..if honest.is_none() { crate::gadget::MASKS } else { 0 } {
                let table = &changed.tables[0];
                let values = chip.graph.values(&Place {
                    local: table.row(row),
                    next: table.row(row + 1),
                    publics: &alloc::vec![F::ZERO; chip.publics],
                    first: row == 0,
                    last: false,
                });
                for message in
                    chip.interactions.iter().filter(|message| message.bus != crate::gadget::RANGE_BUS)
                {
                    let fields = message.fields.iter().map(|node| values[node.index()].as_canonical_u32());
                    *buses.entry((&message.bus, fields.collect())).or_default() +=
                        values[message.count.index()];
                }
            }
            continue;
        }
        let (old, new) = (honest.map(|honest| &honest.tables[at]), &changed.tables[at]);
        let height = chip.height();
        let all = old.is_none_or(|old| old.publics != new.publics);
        let differs: Vec<bool> =
            (0..height).map(|row| old.is_none_or(|old| old.row(row) != new.row(row))).collect();
        for row in (0..height).filter(|row| all || differs[*row] || differs[(row + 1) % height]) {
            let values = |table: &super::fill::Table| {
                let next = table.row((row + 1) % height);
                let (first, last) = (row == 0, row + 1 == height);
                chip.graph.values(&Place {
                    local: table.row(row),
                    next,
                    publics: &table.publics,
                    first,
                    last,
                })
            };
            let (before, after) = (old.map(values), values(new));
            for (index, constraint) in chip.constraints.iter().enumerate() {
                let broken = match &constraint.rule {
                    Rule::Zero(node) => after[node.index()] != F::ZERO,
                    Rule::Permutation { input, at } => {
                        let cells = &new.row(row)[*at..];
                        let mut wrong = false;
                        let _ = committed_rounds(input.map(|node| after[node.index()]), |index, value| {
                            wrong |= value != cells[index];
                            cells[index]
                        });
                        wrong
                    }
                };
                if broken {
                    found.insert(Violation::Constraint { chip: at, index, label: constraint.label });
                }
            }
            for (index, message) in chip.interactions.iter().enumerate() {
                if message.bus == crate::gadget::RANGE_BUS {
                    let [width, value] =
                        [0, 1].map(|at| after[message.fields[at].index()].as_canonical_u32());
                    if value >= 1 << width {
                        found.insert(Violation::Range { chip: at, index });
                    }
                    continue;
                }
                for (values, sign) in [(Some(&after), F::ONE), (before.as_ref(), -F::ONE)] {
                    let Some(values) = values else { continue };
                    let fields = message.fields.iter().map(|node| values[node.index()].as_canonical_u32());
                    let count = values[message.count.index()];
                    if count == F::ZERO {
                        continue;
                    }
                    *buses.entry((&message.bus, fields.collect())).or_default() += count * sign;
                }
            }
        }
    }
    let unbalanced = buses.into_iter().filter(|(_, count)| *count != F::ZERO);
    found.extend(unbalanced.map(|((bus, _), _)| Violation::Bus(bus.into())));
    found.into_iter().collect()
}
