//! Boards: the tables that are committed.
//!
//! Chips of one height stand side by side on one *board*. Columns, constraints and messages are theirs; a board has one
//! quotient and one sum of fractions whatever the number of its chips, and these are what is long in a proof of narrow
//! chips.

use alloc::{sync::Arc, vec, vec::Vec};

use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
use p3_lookup::{Count, InteractionBuilder};
use p3_matrix::dense::RowMajorMatrix;

use super::{
    Chip, F, MAX_DEGREE, Traces,
    program::{Program, Surroundings},
};

/// For each board the places of its chips among those of these heights. Boards are in the order of their first chips.
pub(crate) fn boards(log_heights: impl IntoIterator<Item = u32>) -> Vec<Vec<usize>> {
    let mut boards: Vec<(u32, Vec<usize>)> = Vec::new();
    for (at, height) in log_heights.into_iter().enumerate() {
        match boards.iter_mut().find(|(of, _)| *of == height) {
            Some((_, board)) => board.push(at),
            None => boards.push((height, vec![at])),
        }
    }
    boards.into_iter().map(|(_, board)| board).collect()
}

/// A board as an AIR of Plonky3: the programs of its chips run over whatever the protocol puts into their cells.
#[derive(Clone)]
pub(crate) struct Board {
    /// The places of its chips.
    places: Vec<usize>,
    chips: Vec<(Arc<Chip>, Arc<Program>)>,
}

impl Board {
    pub(crate) fn new(chips: &[Arc<Chip>], places: Vec<usize>) -> Self {
        let chips = places.iter().filter_map(|at| chips.get(*at));
        let chips = chips.map(|chip| (chip.clone(), Arc::new(Program::new(chip)))).collect();
        Self { places, chips }
    }

    pub(crate) fn chips(&self) -> impl Iterator<Item = &Chip> {
        self.chips.iter().map(|(chip, _)| &**chip)
    }

    /// The places of its chips among those of the statement.
    #[cfg(test)]
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        self.places.iter().copied()
    }

    /// Logarithm of the number of rows.
    pub(crate) fn log_height(&self) -> usize {
        self.chips().next().map_or(0, |chip| chip.log_height as usize)
    }

    /// The tables of its chips, side by side.
    pub(crate) fn matrix(&self, traces: &mut Traces) -> RowMajorMatrix<F> {
        let mut tables: Vec<_> =
            self.places.iter().map(|at| core::mem::take(&mut traces.tables[*at])).collect();
        if tables.len() == 1 {
            let table = tables.remove(0);
            return RowMajorMatrix::new(table.cells, table.width);
        }
        let (height, width) = (1 << self.log_height(), self.width());
        let mut cells = Vec::with_capacity(height * width);
        for row in 0..height {
            tables.iter().for_each(|table| cells.extend_from_slice(table.row(row)));
        }
        RowMajorMatrix::new(cells, width)
    }

    /// The public values of its chips, one after the other.
    pub(crate) fn publics(&self, publics: &[Vec<F>]) -> Vec<F> {
        self.places.iter().flat_map(|at| &publics[*at]).copied().collect()
    }
}

impl BaseAir<F> for Board {
    fn width(&self) -> usize {
        self.chips().map(|chip| chip.width).sum()
    }

    fn num_public_values(&self) -> usize {
        self.chips().map(|chip| chip.publics).sum()
    }

    /// Not less: where constraints have a lower degree the STARK's prover would take fewer cosets for a quotient, and
    /// masks would find no room on them.
    fn max_constraint_degree(&self) -> Option<usize> {
        Some(usize::from(MAX_DEGREE))
    }
}

impl<AB: AirBuilder<F = F> + InteractionBuilder> Air<AB> for Board {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let (mut local, mut next) = (main.current_slice(), main.next_slice());
        let publics: Vec<AB::Expr> = builder.public_values().iter().map(|value| (*value).into()).collect();
        let mut publics = &publics[..];
        let (first, last, transition) =
            (builder.is_first_row(), builder.is_last_row(), builder.is_transition());
        for (chip, program) in &self.chips {
            let (own, rest) = publics.split_at(chip.publics);
            let around = Surroundings {
                publics: own.to_vec(),
                first: first.clone(),
                last: last.clone(),
                transition: transition.clone(),
            };
            let values: Vec<AB::Expr> = program.run(
                |column| local[column].into(),
                |column| next[column].into(),
                &around,
                |value| builder.assert_zero(value),
            );
            for (message, (fields, count)) in chip.interactions.iter().zip(&program.messages) {
                let fields = fields.iter().map(|slot| values[*slot as usize].clone());
                let count = values[*count as usize].clone();
                builder.push_interaction(&message.bus, fields, Count::bounded(count, message.weight));
            }
            publics = rest;
            (local, next) = (&local[chip.width..], &next[chip.width..]);
        }
    }
}
