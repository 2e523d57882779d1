//! What a proof takes, from the compiled plan alone.

use alloc::{string::String, sync::Arc, vec::Vec};

use proofmark_plan::typed::TypedPlan;

use crate::{
    air::{Board, Chip},
    compile::compile,
    config::{DEGREE, LOG_BLOWUP, Level},
    error::ProveError,
    proof::{Instance, proof_bytes},
    protocol::Protocol,
    statement::Bounds,
};

/// Bytes of a field element.
const ELEMENT: u64 = 4;

/// What the program takes whatever it proves.
const BASE_BYTES: u64 = 50_000_000;

/// Elements that take as long as the work before queries and all else that does not depend on tables.
const BASE_WORK: u64 = 12_000_000;

/// What a proof takes. Sizes follow from the plan and its public bounds, never from data, so the prediction needs
/// neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The committed tables.
    pub tables: Vec<TableCost>,
    /// Committed cells of all tables, with those of lookups and without masks.
    pub cells: u64,
    /// What time is proportional to: elements of all tables on the domain of the low-degree test, with masks and
    /// quotients, and as many as take the time that every proof takes.
    pub work: u64,
    /// Estimate of the prover's peak memory.
    pub memory_bytes: u64,
    /// Estimate of the proof's length; Merkle paths that share nodes make a proof a little shorter.
    pub proof_bytes: u64,
}

/// One table of a proof: chips of one height, side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableCost {
    /// For each chip the step that needs it and what it is for, as `kept: sorted`.
    pub chips: Vec<String>,
    /// Columns of field elements.
    pub width: u32,
    /// Columns of field elements that lookups add.
    pub lookup_width: u32,
    /// Logarithm of the number of rows.
    pub log_height: u32,
}

impl TableCost {
    /// Committed cells, without masks.
    pub const fn cells(&self) -> u64 {
        ((self.width + self.lookup_width) as u64) << self.log_height
    }
}

/// What proving a plan under these bounds takes.
///
/// # Errors
/// [`ProveError::BadBounds`] if the bounds are not those of the plan, [`ProveError::Unsupported`] if it cannot be
/// proved under them.
pub fn cost(plan: &TypedPlan, bounds: &Bounds, level: Level) -> Result<Cost, ProveError> {
    if !bounds.are_sane(plan.inputs.len()) {
        return Err(ProveError::BadBounds);
    }
    let machine = compile(plan, bounds, level.least_log_height()).map_err(ProveError::Unsupported)?;
    cost_of_chips(&machine.chips, level)
}

/// What proving filled chips takes.
///
/// # Errors
/// [`ProveError::Internal`].
pub(crate) fn cost_of_chips(chips: &[Arc<Chip>], level: Level) -> Result<Cost, ProveError> {
    let Protocol { boards, shape, .. } = Protocol::new(level, [0; 32], chips);
    let tables: Vec<TableCost> =
        boards.iter().zip(&shape.instances).map(|(board, instance)| table_cost(board, instance)).collect();
    // The uniform polynomials are as tall as the tallest table.
    let uniform = (DEGREE as u64) << shape.tallest();
    let extended: u64 = shape.instances.iter().map(extended_cells).sum::<u64>() + uniform;
    let cells: u64 = tables.iter().map(TableCost::cells).sum();
    Ok(Cost {
        cells,
        tables,
        work: BASE_WORK + extended,
        memory_bytes: BASE_BYTES + (extended + 2 * cells) * ELEMENT,
        proof_bytes: proof_bytes(&shape)?,
    })
}

fn table_cost(board: &Board, instance: &Instance) -> TableCost {
    TableCost {
        chips: board.chips().map(|chip| chip.name.clone()).collect(),
        width: instance.width as u32,
        lookup_width: lookup_width(instance) as u32,
        log_height: instance.log_height as u32,
    }
}

/// Columns of fractions and of their running sum, in field elements.
const fn lookup_width(instance: &Instance) -> usize {
    if instance.lookups == 0 { 0 } else { (instance.lookups + 1) * DEGREE }
}

/// Elements of a board's tables on the domain of the low-degree test, all of which are in memory when queries are
/// answered.
const fn extended_cells(instance: &Instance) -> u64 {
    let columns = instance.width + lookup_width(instance) + instance.parts * DEGREE;
    (columns as u64) << (instance.log_height + LOG_BLOWUP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{small_case, small_proof};

    #[test]
    fn cells_are_those_of_the_filled_tables() {
        let case = small_case();
        let cost = cost(&case.plan, &case.bounds, Level::Fast).expect("a cost");
        let filled = case.check();
        assert_eq!(cost.tables.iter().map(|table| table.chips.len()).sum::<usize>(), filled.chips.len());
        let cells: usize = filled.traces.tables.iter().map(|table| table.cells.len()).sum();
        assert_eq!(
            cost.tables.iter().map(|table| (table.width as usize) << table.log_height).sum::<usize>(),
            cells
        );
        assert_eq!(cost.cells, cost.tables.iter().map(TableCost::cells).sum::<u64>());
        assert!(cost.memory_bytes > 4 * cost.cells);
    }

    #[test]
    fn proofs_are_as_long_as_predicted() {
        let (case, proof) = small_proof();
        let cost = cost(&case.plan, &case.bounds, Level::Fast).expect("a cost");
        let length = proof.len() as u64;
        assert!(length <= cost.proof_bytes && cost.proof_bytes <= length + length / 5, "{length} {cost:?}");
    }

    #[test]
    fn bounds_of_another_plan_are_refused() {
        let case = small_case();
        let refused = cost(&case.plan, &Bounds::default(), Level::Fast);
        assert!(matches!(refused, Err(ProveError::BadBounds)));
    }
}
