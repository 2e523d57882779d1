//! A chip as an AIR of Plonky3: its program run over whatever the protocol puts into its cells.

use alloc::{sync::Arc, vec::Vec};

use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
use p3_field::Algebra;
use p3_koala_bear::{
    GenericPoseidon2LinearLayersKoalaBear as Layers, KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL,
    KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL, KOALABEAR_POSEIDON2_RC_16_INTERNAL,
};
use p3_lookup::{Count, InteractionBuilder};
use p3_poseidon2::GenericPoseidon2LinearLayers;

use super::{
    Chip, F,
    program::{Program, Surroundings},
};

/// A shared chip.
#[derive(Clone)]
pub(crate) struct ChipAir {
    chip: Arc<Chip>,
    program: Arc<Program>,
}

impl ChipAir {
    pub(crate) fn new(chip: Arc<Chip>) -> Self {
        let program = Arc::new(Program::new(&chip));
        Self { chip, program }
    }

    pub(crate) fn chip(&self) -> &Chip {
        &self.chip
    }
}

impl BaseAir<F> for ChipAir {
    fn width(&self) -> usize {
        self.chip.width
    }

    fn num_public_values(&self) -> usize {
        self.chip.publics
    }
}

impl<AB: AirBuilder<F = F> + InteractionBuilder> Air<AB> for ChipAir {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let (local, next) = (main.current_slice(), main.next_slice());
        let around = Surroundings {
            publics: builder.public_values().iter().map(|value| (*value).into()).collect(),
            first: builder.is_first_row(),
            last: builder.is_last_row(),
            transition: builder.is_transition(),
        };
        let values: Vec<AB::Expr> = self.program.run(
            |column| local[column].into(),
            |column| next[column].into(),
            &around,
            |value| builder.assert_zero(value),
        );
        for (message, (fields, count)) in self.chip.interactions.iter().zip(&self.program.messages) {
            let fields = fields.iter().map(|slot| values[*slot as usize].clone());
            let count = values[*count as usize].clone();
            builder.push_interaction(&message.bus, fields, Count::bounded(count, message.weight));
        }
    }
}

/// The Poseidon2 permutation of 16 elements, by the way of its 148 committed values: after each full round the
/// state, after each partial round the one element that its S-box changed. `commit` is given each in turn and says
/// with what to go on: the constraint side compares with a cell and returns the cell, the trace side writes it.
pub(crate) fn permute<R: Algebra<F>>(mut state: [R; 16], mut commit: impl FnMut(usize, R) -> R) -> [R; 16] {
    let mut index = 0;
    let mut next = |value: R| {
        index += 1;
        commit(index - 1, value)
    };
    let mut full = |state: &mut [R; 16], constants: &[F; 16]| {
        for (lane, constant) in state.iter_mut().zip(constants) {
            *lane = (lane.clone() + *constant).cube();
        }
        Layers::external_linear_layer(state);
        for lane in state.iter_mut() {
            *lane = next(lane.clone());
        }
    };
    Layers::external_linear_layer(&mut state);
    for constants in &KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL {
        full(&mut state, constants);
    }
    for constant in &KOALABEAR_POSEIDON2_RC_16_INTERNAL {
        state[0] = next((state[0].clone() + *constant).cube());
        Layers::internal_linear_layer(&mut state);
    }
    let mut full = |state: &mut [R; 16], constants: &[F; 16]| {
        for (lane, constant) in state.iter_mut().zip(constants) {
            *lane = (lane.clone() + *constant).cube();
        }
        Layers::external_linear_layer(state);
        for lane in state.iter_mut() {
            *lane = next(lane.clone());
        }
    };
    for constants in &KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL {
        full(&mut state, constants);
    }
    state
}

#[cfg(test)]
mod tests {
    use core::array;

    use p3_field::PrimeCharacteristicRing;
    use p3_koala_bear::default_koalabear_poseidon2_16;
    use p3_symmetric::Permutation;

    use super::*;

    #[test]
    fn rounds_are_the_permutation() {
        let input: [F; 16] = array::from_fn(|lane| F::from_usize(lane * lane + 7));
        let mut cells = 0;
        let output = permute(input, |index, value| {
            assert_eq!(index, cells);
            cells += 1;
            value
        });
        assert_eq!(cells, crate::gadget::ROUND_CELLS);
        assert_eq!(output, default_koalabear_poseidon2_16().permute(input));
    }
}
