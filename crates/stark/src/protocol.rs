//! What provers and verifiers compute from the chips of a statement.

use alloc::{
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use p3_batch_stark::ProverData;
use p3_matrix::dense::RowMajorMatrix;

use crate::{
    air::{Board, Chip, F, Traces, boards},
    config::{Config, Level, config},
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
    ///
    /// # Errors
    /// What the library says of chips that it cannot prove.
    pub(crate) fn new(level: Level, seed: [u8; 32], chips: &[Arc<Chip>]) -> Result<Self, String> {
        let config = config(level, seed);
        let places = boards(chips.iter().map(|chip| chip.log_height));
        let boards: Vec<Board> = places.into_iter().map(|places| Board::new(chips, places)).collect();
        let degrees: Vec<usize> = boards.iter().map(|board| board.log_height() + 1).collect();
        let data = ProverData::from_airs_and_degrees(&config, &boards, &degrees)
            .map_err(|error| error.to_string())?;
        let shape = Shape::new(level, &config, &boards, &data.common);
        Ok(Self { config, boards, data, shape })
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
