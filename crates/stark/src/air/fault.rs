//! A malicious prover: one number is changed while a table is filled, and everything that is computed from it later
//! follows. What the change breaks is then what alone would have stopped it.

use ethnum::I256;
use p3_field::PrimeCharacteristicRing;

use super::{Chip, F, Load, P, Slot};

/// One changed number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// The chip, by its place in the machine.
    pub(crate) chip: usize,
    pub(crate) row: usize,
    pub(crate) target: Target,
    /// What is added whenever the number is written.
    pub(crate) change: I256,
}

/// Which number is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// Whenever it is written.
    Cell(usize),
    /// After all else is done.
    Poke(usize),
    Slot(usize),
}

impl Fault {
    fn field(&self) -> F {
        F::from_i64((self.change % I256::from(P)).as_i64())
    }

    pub(super) fn cell(&self, row: usize, column: usize, value: F) -> F {
        if row == self.row && self.target == Target::Cell(column) { value + self.field() } else { value }
    }

    pub(super) fn value(&self, row: usize, slot: Slot, value: I256) -> I256 {
        if row == self.row && self.target == Target::Slot(slot.0) { value + self.change } else { value }
    }

    /// Changes what is done.
    pub(super) fn poke(&self, width: usize, cells: &mut [F]) {
        if let Target::Poke(column) = self.target {
            cells[self.row * width + column] += self.field();
        }
    }

    /// Changes what was loaded.
    pub(super) fn loaded(&self, chip: &Chip, cells: &mut [F], values: &mut [I256], slots: usize) {
        let rows = match &chip.load {
            Load::Rows(all) => Some(all),
            _ => None,
        };
        match self.target {
            Target::Cell(column) => {
                let marks = [chip.head, chip.real].map(|node| chip.column_of(node));
                let loaded = rows.is_some_and(|all| {
                    all.iter().any(|copies| copies.cells.iter().any(|(_, to)| *to == column))
                });
                let imported = chip.imports.iter().any(|import| import.column == column);
                if loaded || imported || marks.contains(&column) {
                    cells[self.row * chip.width + column] += self.field();
                }
            }
            Target::Poke(_) => {}
            Target::Slot(slot) => {
                let loaded = match &chip.load {
                    Load::Rows(all) => {
                        all.iter().any(|copies| copies.slots.iter().any(|(_, to)| to.0 == slot))
                    }
                    Load::Table { columns, .. } => columns
                        .iter()
                        .any(|(value, valid)| value.0 == slot || valid.is_some_and(|v| v.0 == slot)),
                    Load::Nothing | Load::Range => false,
                };
                if loaded {
                    values[self.row * slots + slot] += self.change;
                }
            }
        }
    }
}
