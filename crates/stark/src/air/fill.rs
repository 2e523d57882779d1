//! Filling tables: rows are loaded, then every step of the chip runs for every row in order.

use alloc::{sync::Arc, vec, vec::Vec};

use ethnum::I256;
use p3_field::{PrimeCharacteristicRing, PrimeField32};

use super::{Chip, Copies, F, Fill, Import, Load, Node, OrderPart, P, Slot, node::Place};
use crate::gadget::SALT;

/// Why a table cannot be filled: what the plan asks for has no proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FillError {
    /// A number does not fit: an overflow, a division by zero, or a bound of a gadget.
    Number(&'static str),
    /// More rows than the public bound.
    TooManyRows { rows: usize, bound: usize },
}

/// Tables that are filled already.
#[cfg_attr(test, derive(Clone))]
#[derive(Default)]
pub(crate) struct Traces {
    pub(crate) tables: Vec<Table>,
}

impl Traces {
    /// Drops what only filling needs.
    pub(crate) fn forget_values(&mut self) {
        self.tables.iter_mut().for_each(|table| table.values = Vec::new());
    }
}

/// A filled table.
#[cfg_attr(test, derive(Clone))]
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) cells: Vec<F>,
    pub(crate) width: usize,
    /// The integers of slots, row by row.
    values: Vec<I256>,
    slots: usize,
    /// Real rows.
    pub(crate) rows: usize,
    /// Public values that the filling computed.
    pub(crate) publics: Vec<F>,
}

impl Table {
    pub(crate) fn row(&self, row: usize) -> &[F] {
        &self.cells[row * self.width..(row + 1) * self.width]
    }

    fn value(&self, row: usize, slot: Slot) -> I256 {
        self.values[row * self.slots + slot.0]
    }
}

/// What the caller gives to loads and to digests.
pub(crate) struct Inputs<'a> {
    /// For each input, for each column the integer and whether it is there.
    pub(crate) tables: &'a [crate::table::Columns],
    /// For each digest its salt.
    pub(crate) salts: &'a [[F; SALT]],
    /// Random counts of masks, five for each link.
    pub(crate) masks: &'a [F],
    /// What a malicious prover changes.
    #[cfg(test)]
    pub(crate) fault: Option<super::Fault>,
}

/// A row that is being filled.
pub(crate) struct Row<'a> {
    chip: &'a Chip,
    /// Its index; row 0 is the head where the chip has one.
    pub(crate) index: usize,
    before: Option<&'a mut [F]>,
    cells: &'a mut [F],
    values: &'a mut [I256],
    #[cfg(test)]
    fault: Option<super::Fault>,
}

impl Row<'_> {
    pub(crate) fn get(&self, slot: Slot) -> I256 {
        self.values[slot.0]
    }

    pub(crate) fn set(&mut self, slot: Slot, value: I256) {
        #[cfg(test)]
        let value = self.fault.map_or(value, |fault| fault.value(self.index, slot, value));
        self.values[slot.0] = value;
    }

    pub(crate) fn write(&mut self, column: usize, value: F) {
        #[cfg(test)]
        let value = self.fault.map_or(value, |fault| fault.cell(self.index, column, value));
        self.cells[column] = value;
    }

    /// Writes into the row before, if there is one.
    pub(crate) fn write_before(&mut self, column: usize, value: F) {
        #[cfg(test)]
        let value = self.fault.map_or(value, |fault| fault.cell(self.index.wrapping_sub(1), column, value));
        if let Some(before) = self.before.as_deref_mut() {
            before[column] = value;
        }
    }

    pub(crate) fn write_int(&mut self, column: usize, value: i128) {
        self.write(column, F::from_i64((value % P) as i64));
    }

    /// The cells of the row before, if there is one.
    pub(crate) fn before(&self) -> Option<&[F]> {
        self.before.as_deref()
    }

    /// The value of an expression of this row alone.
    pub(crate) fn field(&self, node: Node) -> F {
        value_at(self.chip, self.cells, node)
    }

    /// The same in the row before.
    pub(crate) fn field_before(&self, node: Node) -> Option<F> {
        self.before.as_ref().map(|cells| value_at(self.chip, cells, node))
    }

    pub(crate) fn bit(&self, node: Node) -> bool {
        self.field(node) != F::ZERO
    }

    /// The integer congruent to an expression in `least .. least + p`.
    pub(crate) fn integer(&self, node: Node, least: i128) -> i128 {
        integer(self.field(node), least)
    }
}

/// The integer congruent to `value` in `least .. least + p`.
pub(crate) fn integer(value: F, least: i128) -> i128 {
    let value = i128::from(value.as_canonical_u32());
    least + (value - least).rem_euclid(P)
}

fn value_at(chip: &Chip, cells: &[F], node: Node) -> F {
    chip.value(node, &Place { local: cells, next: &[], publics: &[], first: false, last: false })
}

/// A table whose rows are filled up to here.
pub(crate) struct Pass<'a> {
    chip: &'a Chip,
    pub(crate) cells: &'a mut [F],
    pub(crate) publics: &'a mut [F],
    /// Random counts of masks, five for each link.
    pub(crate) masks: &'a [F],
    pub(crate) salts: &'a [[F; SALT]],
    #[cfg(test)]
    fault: Option<super::Fault>,
}

impl Pass<'_> {
    pub(crate) fn height(&self) -> usize {
        self.chip.height()
    }

    pub(crate) fn field(&self, row: usize, node: Node) -> F {
        let width = self.chip.width;
        value_at(self.chip, &self.cells[row * width..(row + 1) * width], node)
    }

    pub(crate) fn write(&mut self, row: usize, column: usize, value: F) {
        #[cfg(test)]
        let value = self.fault.map_or(value, |fault| fault.cell(row, column, value));
        self.cells[row * self.chip.width + column] = value;
    }
}

/// Fills the table of `chip`, whose sources are in `traces` already.
pub(crate) fn fill(
    chip: &Chip,
    chips: &[Arc<Chip>],
    traces: &Traces,
    inputs: &Inputs<'_>,
) -> Result<Table, FillError> {
    let height = chip.height();
    let mut table = Table {
        cells: vec![F::ZERO; height * chip.width],
        width: chip.width,
        values: vec![I256::ZERO; height * chip.slots],
        slots: chip.slots,
        rows: 0,
        publics: vec![F::ZERO; chip.publics],
    };
    load(chip, chips, traces, inputs, &mut table)?;
    for import in &chip.imports {
        let (from, source) = (&chips[import.source], &traces.tables[import.source]);
        let rows: Vec<usize> = (0..from.height())
            .filter(|row| value_at(from, source.row(*row), import.select) == F::ONE)
            .collect();
        match rows[..] {
            [row] => {
                let value = value_at(from, source.row(row), import.value);
                (0..height).for_each(|row| table.cells[row * chip.width + import.column] = value);
            }
            _ => forgive(Err(Import::NOT_ONE_ROW), inputs)?,
        }
    }
    #[cfg(test)]
    let fault = inputs.fault.filter(|fault| fault.chip == traces.tables.len());
    #[cfg(test)]
    if let Some(fault) = fault {
        let slots = chip.slots;
        fault.loaded(chip, &mut table.cells, &mut table.values, slots);
    }
    let mut from = 0;
    while from < chip.fills.len() {
        let steps = chip.fills[from..].iter().take_while(|fill| matches!(fill, Fill::Row(_))).count();
        if steps > 0 {
            rows(
                chip,
                &chip.fills[from..from + steps],
                inputs,
                &mut table,
                #[cfg(test)]
                fault,
            )?;
        } else if let Fill::Pass(pass) = &chip.fills[from] {
            let filled = pass(&mut Pass {
                chip,
                cells: &mut table.cells,
                publics: &mut table.publics,
                masks: inputs.masks,
                salts: inputs.salts,
                #[cfg(test)]
                fault,
            });
            forgive(filled, inputs)?;
        }
        from += steps.max(1);
    }
    #[cfg(test)]
    if let Some(fault) = fault {
        fault.poke(chip.width, &mut table.cells);
    }
    Ok(table)
}

/// An error ends an honest prover's work. A malicious one goes on.
fn forgive(filled: Result<(), FillError>, _inputs: &Inputs<'_>) -> Result<(), FillError> {
    #[cfg(test)]
    if _inputs.fault.is_some() {
        return Ok(());
    }
    filled
}

fn rows(
    chip: &Chip,
    steps: &[Fill],
    inputs: &Inputs<'_>,
    table: &mut Table,
    #[cfg(test)] fault: Option<super::Fault>,
) -> Result<(), FillError> {
    for index in 0..chip.height() {
        let (done, rest) = table.cells.split_at_mut(index * chip.width);
        let mut row = Row {
            chip,
            index,
            before: index.checked_sub(1).map(|before| &mut done[before * chip.width..]),
            cells: &mut rest[..chip.width],
            values: &mut table.values[index * chip.slots..(index + 1) * chip.slots],
            #[cfg(test)]
            fault,
        };
        for step in steps {
            if let Fill::Row(step) = step {
                forgive(step(&mut row), inputs)?;
            }
        }
    }
    Ok(())
}

fn load(
    chip: &Chip,
    chips: &[Arc<Chip>],
    traces: &Traces,
    inputs: &Inputs<'_>,
    table: &mut Table,
) -> Result<(), FillError> {
    match &chip.load {
        Load::Nothing | Load::Range => return Ok(()),
        Load::Table { input, columns } => {
            let data = &inputs.tables[*input];
            table.rows = data.rows;
            fits(chip, data.rows)?;
            for (column, (slot, validity)) in columns.iter().enumerate() {
                for row in 0..data.rows {
                    let (value, valid) = data.columns[column].at(row);
                    let at = (row + 1) * chip.slots;
                    table.values[at + slot.0] = value;
                    if let Some(validity) = validity {
                        table.values[at + validity.0] = I256::from(u8::from(valid));
                    }
                }
            }
        }
        Load::Rows(all) => {
            let chosen = chosen_rows(all, chips, traces);
            fits(chip, chosen.len())?;
            table.rows = chosen.len();
            for (at, (copies, from)) in chosen.iter().enumerate() {
                let source = &traces.tables[copies.source];
                for (node, column) in &copies.cells {
                    let value = value_at(&chips[copies.source], source.row(*from), *node);
                    table.cells[(at + 1) * chip.width + column] = value;
                }
                for (source_slot, slot) in &copies.slots {
                    table.values[(at + 1) * chip.slots + slot.0] = source.value(*from, *source_slot);
                }
            }
        }
    }
    let (head, real) = (chip.column_of(chip.head), chip.column_of(chip.real));
    table.cells[head] = F::ONE;
    for row in 1..=table.rows {
        table.cells[row * chip.width + real] = F::ONE;
    }
    Ok(())
}

fn fits(chip: &Chip, rows: usize) -> Result<(), FillError> {
    let bound = chip.height() - 1;
    if rows <= bound { Ok(()) } else { Err(FillError::TooManyRows { rows, bound }) }
}

/// The rows that are taken, in order: for each its source and its index there.
fn chosen_rows<'c>(all: &'c [Copies], chips: &[Arc<Chip>], traces: &Traces) -> Vec<(&'c Copies, usize)> {
    let mut chosen: Vec<(Vec<I256>, &Copies, usize)> = Vec::new();
    for copies in all {
        let (chip, source) = (&chips[copies.source], &traces.tables[copies.source]);
        let rows = (0..chip.height()).filter(|row| value_at(chip, source.row(*row), copies.select) == F::ONE);
        chosen.extend(rows.map(|row| {
            let keys = copies.order.iter().map(|part| match part {
                OrderPart::Bit(bit) => I256::from(value_at(chip, source.row(row), *bit).as_canonical_u32()),
                OrderPart::Slot { slot, descending } => {
                    let value = source.value(row, *slot);
                    if *descending { -value } else { value }
                }
            });
            (keys.collect(), copies, row)
        }));
    }
    // Stable, and nothing moves where no order is given.
    chosen.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    chosen.into_iter().map(|(_, copies, row)| (copies, row)).collect()
}
