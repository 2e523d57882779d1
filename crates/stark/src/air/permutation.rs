//! The Poseidon2 permutation of 16 elements, of degree three in what it commits.

use p3_field::Algebra;
use p3_koala_bear::{
    GenericPoseidon2LinearLayersKoalaBear as Layers, KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL,
    KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL, KOALABEAR_POSEIDON2_RC_16_INTERNAL,
};
use p3_poseidon2::GenericPoseidon2LinearLayers;

use super::{Chip, F, Node};

/// Committed values of a permutation: the state after each full round but the last, and the one element that each
/// partial round's S-box changes.
pub(crate) const ROUND_CELLS: usize = 7 * 16 + 20;

/// The permutation by the way of its committed values: see [`committed_rounds`].
pub(crate) fn permute<R: Algebra<F>>(state: [R; 16], commit: impl FnMut(usize, R) -> R) -> [R; 16] {
    let mut state = committed_rounds(state, commit);
    let [.., last] = &KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL;
    full_round(&mut state, last);
    state
}

fn full_round<R: Algebra<F>>(state: &mut [R; 16], constants: &[F; 16]) {
    for (lane, constant) in state.iter_mut().zip(constants) {
        *lane = (lane.clone() + *constant).cube();
    }
    Layers::external_linear_layer(state);
}

/// All rounds but the last. `commit` is given each committed value in turn and says with what to go on: the constraint
/// side compares with a cell and returns the cell, the trace side writes it.
pub(crate) fn committed_rounds<R: Algebra<F>>(
    mut state: [R; 16],
    mut commit: impl FnMut(usize, R) -> R,
) -> [R; 16] {
    let mut index = 0;
    let mut next = |value: R| {
        index += 1;
        commit(index - 1, value)
    };
    Layers::external_linear_layer(&mut state);
    for constants in &KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL {
        full_round(&mut state, constants);
        state = state.map(&mut next);
    }
    for constant in &KOALABEAR_POSEIDON2_RC_16_INTERNAL {
        state[0] = next((state[0].clone() + *constant).cube());
        Layers::internal_linear_layer(&mut state);
    }
    let [before @ .., _] = &KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL;
    for constants in before {
        full_round(&mut state, constants);
        state = state.map(&mut next);
    }
    state
}

impl Chip {
    /// The last round of the permutation, from the state before it.
    pub(crate) fn last_round(&mut self, state: [Node; 16]) -> [Node; 16] {
        let [.., constants] = &KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL;
        let mut lane = 0;
        let state = state.map(|node| {
            let constant = self.graph.constant_field(constants[lane]);
            lane += 1;
            let sum = self.add(node, constant);
            let square = self.mul(sum, sum);
            self.mul(square, sum)
        });
        self.external_linear_layer(state)
    }

    /// The circulant of `2 M, M, M, M`, where `M` is the circulant of 2, 3, 1, 1 (Grassi, Khovratovich, Schofnegger:
    /// "Poseidon2", 2023, section 5.1, with the matrix of Plonky3).
    fn external_linear_layer(&mut self, state: [Node; 16]) -> [Node; 16] {
        let mut blocks: [[Node; 4]; 4] = core::array::from_fn(|block| {
            let block: [Node; 4] = core::array::from_fn(|at| state[4 * block + at]);
            let sum = self.sum(&block);
            core::array::from_fn(|at| {
                // 2 a + 3 b + c + d = (a + b + c + d) + a + 2 b.
                let twice = self.scale(block[(at + 1) % 4], 2);
                let rest = self.add(block[at], twice);
                self.add(sum, rest)
            })
        });
        for at in 0..4 {
            let column = blocks.map(|block| block[at]);
            let sum = self.sum(&column);
            for block in &mut blocks {
                block[at] = self.add(block[at], sum);
            }
        }
        core::array::from_fn(|lane| blocks[lane / 4][lane % 4])
    }
}

#[cfg(test)]
mod tests {
    use core::array;

    use p3_field::PrimeCharacteristicRing;
    use p3_koala_bear::default_koalabear_poseidon2_16;
    use p3_symmetric::Permutation;

    use super::*;
    use crate::air::Place;

    #[test]
    fn rounds_are_the_permutation() {
        let input: [F; 16] = array::from_fn(|lane| F::from_usize(lane * lane + 7));
        let mut cells = alloc::vec::Vec::new();
        let output = permute(input, |index, value| {
            assert_eq!(index, cells.len());
            cells.push(value);
            value
        });
        assert_eq!(cells.len(), ROUND_CELLS);
        assert_eq!(output, default_koalabear_poseidon2_16().permute(input));

        let mut chip = Chip::bare("a permutation", 0);
        let state = array::from_fn(|_| chip.column());
        let last = chip.last_round(state);
        let local = &cells[ROUND_CELLS - 16..];
        let place = Place { local, next: &[], publics: &[], first: false, last: false };
        assert_eq!(last.map(|node| chip.value(node, &place)), output);
    }
}
