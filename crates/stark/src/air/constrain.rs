//! A chip as an AIR of Plonky3: the graph evaluated over whatever the protocol puts into its cells.

use alloc::{sync::Arc, vec::Vec};
use core::array;

use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
use p3_field::{Algebra, PrimeCharacteristicRing};
use p3_koala_bear::{
    GenericPoseidon2LinearLayersKoalaBear as Layers, KOALABEAR_POSEIDON2_RC_16_EXTERNAL_FINAL,
    KOALABEAR_POSEIDON2_RC_16_EXTERNAL_INITIAL, KOALABEAR_POSEIDON2_RC_16_INTERNAL,
};
use p3_lookup::{Count, InteractionBuilder};
use p3_poseidon2::GenericPoseidon2LinearLayers;

use super::{Chip, F, Op, Rule};

/// A shared chip.
#[derive(Clone)]
pub(crate) struct ChipAir {
    chip: Arc<Chip>,
}

impl ChipAir {
    pub(crate) const fn new(chip: Arc<Chip>) -> Self {
        Self { chip }
    }

    pub(crate) fn chip(&self) -> &Chip {
        &self.chip
    }

    fn values<AB: AirBuilder<F = F>>(&self, builder: &AB) -> Vec<AB::Expr> {
        let main = builder.main();
        let (local, next) = (main.current_slice(), main.next_slice());
        let mut values: Vec<AB::Expr> = Vec::with_capacity(self.chip.graph.ops().len());
        for op in self.chip.graph.ops() {
            let value = match *op {
                Op::Add(a, b) => values[a.index()].clone() + values[b.index()].clone(),
                Op::Sub(a, b) => values[a.index()].clone() - values[b.index()].clone(),
                Op::Mul(a, b) => match (self.chip.graph.as_constant(a), self.chip.graph.as_constant(b)) {
                    (Some(a), _) => values[b.index()].clone() * a,
                    (_, Some(b)) => values[a.index()].clone() * b,
                    _ => values[a.index()].clone() * values[b.index()].clone(),
                },
                Op::Const(value) => AB::Expr::from(F::from_u32(value)),
                Op::Local(column) => local[column as usize].into(),
                Op::Next(column) => next[column as usize].into(),
                Op::Public(index) => builder.public_values()[index as usize].into(),
                Op::First => builder.is_first_row(),
                Op::Last => builder.is_last_row(),
                Op::Transition => builder.is_transition(),
            };
            values.push(value);
        }
        values
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
        let values = self.values(builder);
        let main = builder.main();
        for constraint in &self.chip.constraints {
            match &constraint.rule {
                Rule::Zero(node) => builder.assert_zero(values[node.index()].clone()),
                Rule::Permutation { input, at } => {
                    let cells = &main.current_slice()[*at..];
                    let state = array::from_fn(|lane| values[input[lane].index()].clone());
                    permute(state, |index, computed: AB::Expr| {
                        let cell: AB::Expr = cells[index].into();
                        builder.assert_zero(computed - cell.clone());
                        cell
                    });
                }
            }
        }
        for message in &self.chip.interactions {
            let fields = message.fields.iter().map(|node| values[node.index()].clone());
            let count = values[message.count.index()].clone();
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
