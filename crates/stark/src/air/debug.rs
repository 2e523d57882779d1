//! Checking filled tables without a proof: which constraints fail, and which buses do not balance.
//!
//! Tests use it to see what a changed cell breaks; the prover uses it nowhere.

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use p3_field::{PrimeCharacteristicRing, PrimeField32};

use super::{Chip, F, Rule, Traces, node::Place, permute};

/// Something that a table breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    /// A bus does not balance.
    Bus(String),
    /// A constraint of a chip does not hold on some row.
    Constraint { chip: usize, index: usize, label: &'static str },
}

/// Everything that does not hold, without repetition.
pub(crate) fn violations(chips: &[Arc<Chip>], traces: &Traces, publics: &[Vec<F>]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut buses: BTreeMap<&str, BTreeMap<Vec<u32>, F>> = BTreeMap::new();
    for (at, ((chip, table), publics)) in chips.iter().zip(&traces.tables).zip(publics).enumerate() {
        let height = chip.height();
        let mut broken = alloc::vec![false; chip.constraints.len()];
        for row in 0..height {
            let place = Place {
                local: table.row(row),
                next: table.row((row + 1) % height),
                publics,
                first: row == 0,
                last: row + 1 == height,
            };
            for (index, constraint) in chip.constraints.iter().enumerate() {
                broken[index] |= match &constraint.rule {
                    Rule::Zero(node) => chip.value(*node, &place) != F::ZERO,
                    Rule::Permutation { input, at } => {
                        let cells = &place.local[*at..];
                        let mut wrong = false;
                        let _ = permute(input.map(|node| chip.value(node, &place)), |index, value| {
                            wrong |= value != cells[index];
                            cells[index]
                        });
                        wrong
                    }
                };
            }
            for message in &chip.interactions {
                let count = chip.value(message.count, &place);
                if count != F::ZERO {
                    let fields =
                        message.fields.iter().map(|node| chip.value(*node, &place).as_canonical_u32());
                    *buses.entry(&message.bus).or_default().entry(fields.collect()).or_default() += count;
                }
            }
        }
        for (index, _) in broken.iter().enumerate().filter(|(_, broken)| **broken) {
            found.push(Violation::Constraint { chip: at, index, label: chip.constraints[index].label });
        }
    }
    for (bus, messages) in buses {
        if messages.values().any(|count| *count != F::ZERO) {
            found.push(Violation::Bus(bus.into()));
        }
    }
    found
}
