//! A small machine with honest tables, on which malicious ones are tried without proofs.

use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};

use ethnum::I256;
use p3_field::PrimeCharacteristicRing;
use proofmark_core::Digest;
use rand::{SeedableRng, rngs::StdRng};

use super::plans::Case;
use crate::{
    ProveError, Salt, Witness,
    air::{Chip, F, Fault, Inputs, Table, Target, Traces, Violation, broken, differences, fill},
    compile::{Machine, compile},
    digest::to_digest,
    gadget::{MASKS, RANGE_COUNT},
    prove::{Filled, fill_machine, machine_digests, prove_filled, range_counts},
    statement::publics,
    table::Columns,
};

/// Logarithm of the rows of chips on the bench: enough for the few rows of its tables.
const LOG_HEIGHT: u32 = 4;

/// Fills the tables of a case natively: what they break, and their digests.
pub(super) fn check(case: &Case) -> Result<(Vec<Violation>, Vec<Digest>), ProveError> {
    let machine = compile(&case.plan, &case.bounds, LOG_HEIGHT).map_err(ProveError::Unsupported)?;
    let salts = alloc::vec![Salt::NONE; case.inputs.len()];
    let witness = Witness { inputs: &case.inputs, salts: &salts, output_salt: Salt::NONE };
    let statement = case.statement(crate::Level::Fast);
    let (traces, digests) = fill_machine(&statement, &witness, &machine, &mut StdRng::seed_from_u64(1))?;
    Ok((broken(&machine.chips, None, &traces), digests.iter().map(to_digest).collect()))
}

pub(super) struct Bench {
    pub(super) machine: Machine,
    pub(super) honest: Traces,
    tables: Vec<Columns>,
    salts: Vec<[F; 7]>,
    masks: Vec<F>,
    /// The cells of the range chip: nobody reads them here, and they are many.
    range: Vec<F>,
}

impl Bench {
    pub(super) fn new(case: &Case) -> Self {
        Self::with_height(case, LOG_HEIGHT)
    }

    pub(super) fn with_height(case: &Case, log_height: u32) -> Self {
        let machine = compile(&case.plan, &case.bounds, log_height).unwrap_or_else(|no| panic!("{no:?}"));
        let salts = alloc::vec![Salt::NONE; case.inputs.len()];
        let witness = Witness { inputs: &case.inputs, salts: &salts, output_salt: Salt::NONE };
        let statement = case.statement(crate::Level::Fast);
        let (honest, _) = fill_machine(&statement, &witness, &machine, &mut StdRng::seed_from_u64(1))
            .unwrap_or_else(|error| panic!("{error}"));
        let tables = case.inputs.iter().zip(&case.bounds.inputs);
        let tables = tables.map(|(table, bounds)| Columns::of(table, &bounds.text_bytes).expect("a table"));
        let masks = alloc::vec![Default::default(); MASKS * machine.chips.len()];
        let mut range = honest.tables[0].cells.clone();
        // Masks are random in the honest tables and zero from here on.
        for row in range.chunks_exact_mut(honest.tables[0].width).take(MASKS) {
            row[RANGE_COUNT + 1..].fill(F::ZERO);
        }
        let mut bench = Self {
            tables: tables.collect(),
            salts: alloc::vec![Default::default(); case.inputs.len() + 1],
            masks,
            machine,
            honest,
            range,
        };
        bench.honest.tables[0].cells = Vec::new();
        bench.honest = bench.refill(1, bench.machine.chips.len(), None);
        assert_eq!(differences(&bench.machine.chips, &bench.honest, &bench.honest), []);
        bench
    }

    /// The chips from `first` to `end` filled again, the range chip's counts left alone.
    fn refill(&self, first: usize, end: usize, fault: Option<Fault>) -> Traces {
        let inputs = Inputs { tables: &self.tables, salts: &self.salts, masks: &self.masks, fault };
        let mut traces = Traces { tables: self.honest.tables[..first].to_vec() };
        for chip in &self.machine.chips[first..end] {
            let table =
                fill(chip, &self.machine.chips, &traces, &inputs).unwrap_or_else(|error| panic!("{error:?}"));
            traces.tables.push(table);
        }
        traces
    }

    /// A chip filled with a change.
    pub(super) fn table(&self, fault: Fault) -> Table {
        let mut traces = self.refill(fault.chip, fault.chip + 1, Some(fault));
        traces.tables.swap_remove(fault.chip)
    }

    /// What a change breaks, and nothing else.
    pub(super) fn breaks(&self, fault: Fault) -> Vec<Violation> {
        // A number beyond all bounds may end the filling; then nothing is learnt.
        let work = std::panic::AssertUnwindSafe(|| {
            let chips = &self.machine.chips;
            let mut traces = self.refill(fault.chip, fault.chip + 1, Some(fault));
            let here = differences(&chips[..=fault.chip], &self.honest, &traces);
            let constraints = here.iter().filter(|violation| !matches!(violation, Violation::Bus(_)));
            if constraints.count() > 1 {
                return here;
            }
            traces = self.refill(fault.chip, chips.len(), Some(fault));
            differences(chips, &self.honest, &traces)
        });
        std::panic::catch_unwind(work).unwrap_or_default()
    }

    /// The digests of inputs and output that tables with a change show, if nothing refuses them.
    pub(super) fn accepted(&self, fault: Fault) -> Option<Vec<[F; 8]>> {
        let work = std::panic::AssertUnwindSafe(|| {
            let chips = &self.machine.chips;
            let here = self.refill(fault.chip, fault.chip + 1, Some(fault));
            let broken = differences(&chips[..=fault.chip], &self.honest, &here);
            if broken.iter().any(|violation| !matches!(violation, Violation::Bus(_))) {
                return None;
            }
            let traces = self.refill(fault.chip, chips.len(), Some(fault));
            let broken = differences(chips, &self.honest, &traces);
            broken.is_empty().then(|| machine_digests(&self.machine, &traces))
        });
        // A number beyond all bounds may end the filling.
        std::panic::catch_unwind(work).unwrap_or_default()
    }

    /// The digests that honest tables show.
    pub(super) fn digests(&self) -> Vec<[F; 8]> {
        machine_digests(&self.machine, &self.honest)
    }

    /// A proof of tables with a change by the machine without a guard, and its public values. The rest of the
    /// statement is that of the case.
    pub(super) fn proof(&self, case: &Case, fault: Fault, chips: &[Arc<Chip>]) -> (Vec<u8>, Vec<Vec<F>>) {
        let mut traces = self.refill(fault.chip, chips.len(), Some(fault));
        traces.tables[0].cells.clone_from(&self.range);
        let counts = range_counts(chips, &traces);
        let width = traces.tables[0].width;
        for (row, count) in counts.into_iter().enumerate() {
            traces.tables[0].cells[row * width + RANGE_COUNT] = F::from_u32(count);
        }
        let statement = case.statement(crate::Level::Fast);
        let digests = machine_digests(&self.machine, &traces);
        let publics = publics(&statement, &self.machine.digests, chips.len(), &digests);
        let filled = Filled { chips: chips.to_vec(), traces, publics: publics.clone() };
        let proof = prove_filled(&statement, filled, &mut StdRng::seed_from_u64(6), &mut ()).expect("bytes");
        (proof, publics)
    }

    /// Rows where a change may matter: the head, real rows, padding, the last.
    pub(super) fn rows(&self, chip: usize) -> Vec<usize> {
        let real = self.honest.tables[chip].rows;
        let height = self.machine.chips[chip].height();
        let rows = [1, 2, real, 0, real + 1, height - 1];
        let mut seen = BTreeSet::new();
        rows.into_iter().filter(|row| *row < height && seen.insert(*row)).collect()
    }

    /// For each column of a chip the slots from which it is filled.
    pub(super) fn slots_of_columns(&self, chip: usize) -> Vec<Vec<usize>> {
        let width = self.machine.chips[chip].width;
        let mut slots = alloc::vec![Vec::new(); width];
        for slot in 0..self.machine.chips[chip].slots {
            let change = I256::from(1 + (1 << 13));
            let fault = Fault { chip, row: 1, target: Target::Slot(slot), change };
            let inputs =
                Inputs { tables: &self.tables, salts: &self.salts, masks: &self.masks, fault: Some(fault) };
            let traces = Traces { tables: self.honest.tables[..chip].to_vec() };
            let chips: &[Arc<Chip>] = &self.machine.chips;
            let table =
                fill(&chips[chip], chips, &traces, &inputs).unwrap_or_else(|error| panic!("{error:?}"));
            let honest = self.honest.tables[chip].row(1);
            for (column, (new, old)) in table.row(1).iter().zip(honest).enumerate() {
                if new != old {
                    slots[column].push(slot);
                }
            }
        }
        slots
    }
}
