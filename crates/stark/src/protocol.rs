//! What provers and verifiers compute from the chips of a statement.

use alloc::{sync::Arc, vec::Vec};

use p3_batch_stark::{CommonData, ProverData, ProverOnlyData};
use p3_lookup::{LogUpGadget, LookupProtocol as _, Lookups};
use p3_matrix::dense::RowMajorMatrix;

use crate::{
    air::{Board, Chip, F, MAX_DEGREE, Traces, boards},
    config::{Challenge, Config, Level, config},
    proof::Shape,
};

/// The protocol over the boards of a statement.
pub(crate) struct Protocol {
    pub(crate) config: Config,
    pub(crate) boards: Vec<Board>,
    pub(crate) data: ProverData<Config>,
    pub(crate) shape: Shape,
}

impl Protocol {
    /// Masks are drawn from `seed`: uniform and secret for a prover, anything for a verifier.
    pub(crate) fn new(level: Level, seed: [u8; 32], chips: &[Arc<Chip>]) -> Self {
        let config = config(level, seed);
        let places = boards(chips.iter().map(|chip| chip.log_height));
        let boards: Vec<Board> = places.into_iter().map(|places| Board::new(chips, places)).collect();
        let common = CommonData::new(None, boards.iter().map(fractions).collect());
        let data = ProverData { common, prover_only: ProverOnlyData::empty() };
        let shape = Shape::new(level, &config, &boards, &data.common);
        Self { config, boards, data, shape }
    }

    /// The public values of each board, from those of each chip.
    pub(crate) fn publics(&self, publics: &[Vec<F>]) -> Vec<Vec<F>> {
        self.boards.iter().map(|board| board.publics(publics)).collect()
    }

    /// The table of each board.
    pub(crate) fn matrices(&self, mut traces: Traces) -> Vec<RowMajorMatrix<F>> {
        self.boards.iter().map(|board| board.matrix(&mut traces)).collect()
    }
}

/// The messages of a board as sums of fractions, as many in each as constraints of the greatest degree can tell.
fn fractions(board: &Board) -> Lookups<F> {
    let degree = |lookup: &_| LogUpGadget::new().constraint_degree(lookup);
    Lookups::from_air::<Challenge, _>(board).pack_same_bus_with_degree(usize::from(MAX_DEGREE), degree)
}
