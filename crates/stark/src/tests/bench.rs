//! A small machine with honest tables, on which malicious ones are tried without proofs.

use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};

use ethnum::I256;
use rand::{SeedableRng, rngs::StdRng};

use super::plans::Case;
use crate::{
    Salt, Witness,
    air::{Fault, Inputs, Target, Traces, Violation, differences, fill},
    compile::{Machine, compile},
    prove::{Filled, fill_machine},
    table::Columns,
};

/// Logarithm of the rows of chips on the bench: enough for the few rows of its tables.
const LOG_HEIGHT: u32 = 4;

pub(super) struct Bench {
    pub(super) machine: Machine,
    pub(super) honest: Traces,
    tables: Vec<Columns>,
    salts: Vec<[crate::air::F; 7]>,
    masks: Vec<crate::air::F>,
}

impl Bench {
    pub(super) fn new(case: &Case) -> Self {
        let machine = compile(&case.plan, &case.bounds, LOG_HEIGHT).unwrap_or_else(|no| panic!("{no:?}"));
        let salts = alloc::vec![Salt::NONE; case.inputs.len()];
        let witness = Witness { inputs: &case.inputs, salts: &salts, output_salt: Salt::NONE };
        let statement = case.statement(crate::Level::Fast);
        let (honest, _) = fill_machine(&statement, &witness, &machine, &mut StdRng::seed_from_u64(1))
            .unwrap_or_else(|error| panic!("{error}"));
        let tables = case.inputs.iter().zip(&case.bounds.inputs);
        let tables = tables.map(|(table, bounds)| Columns::of(table, &bounds.text_bytes).expect("a table"));
        let masks = alloc::vec![Default::default(); 5 * machine.chips.len()];
        let mut bench = Self {
            tables: tables.collect(),
            salts: alloc::vec![Default::default(); case.inputs.len() + 1],
            masks,
            machine,
            honest,
        };
        // Masks are random in the honest tables and zero from here on.
        bench.honest = bench.refill(1, bench.machine.chips.len(), None);
        assert_eq!(differences(&bench.machine.chips, &bench.honest, &bench.honest), []);
        bench
    }

    /// The chips from `first` to `end` filled again, the range chip's counts left alone.
    fn refill(&self, first: usize, end: usize, fault: Option<Fault>) -> Traces {
        let inputs = Inputs { tables: &self.tables, salts: &self.salts, masks: &self.masks, fault };
        let mut traces = Traces { tables: self.honest.tables[..first].to_vec() };
        // Nobody reads the range chip, and it is long.
        traces.tables[0].cells = Vec::new();
        for chip in &self.machine.chips[first..end] {
            let table =
                fill(chip, &self.machine.chips, &traces, &inputs).unwrap_or_else(|error| panic!("{error:?}"));
            traces.tables.push(table);
        }
        traces
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

    /// Full tables with a change, for the prover.
    pub(super) fn filled(&self, fault: Fault) -> Traces {
        self.refill(fault.chip, self.machine.chips.len(), Some(fault))
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
            let mut traces = Traces { tables: self.honest.tables[..chip].to_vec() };
            traces.tables[0].cells = Vec::new();
            let chips: &[Arc<crate::air::Chip>] = &self.machine.chips;
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

/// Tables that are to be proved, of a machine that may lack something.
pub(super) fn as_filled(machine: &Machine, traces: Traces, publics: Vec<Vec<crate::air::F>>) -> Filled {
    Filled { chips: machine.chips.clone(), traces, publics }
}
