//! Poseidon over the scalar field of BN254 with `x^5`, natively and as constraints.
//!
//! Parameters: the reference generator of the Poseidon paper (Grassi, Khovratovich, Rechberger, Roy, Schofnegger:
//! "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems", USENIX Security 2021, appendix E and F; script
//! `generate_parameters_grain.sage`), for 128 bits of security: `R_F = 8` full rounds, `R_P = 57` partial rounds at width 3
//! and 60 at width 6. They are derived here with the same Grain LFSR rather than copied, and tests compare them with the paper's
//! published test vector and with circomlib's, which use the same parameters.

use std::{sync::OnceLock, vec::Vec};

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup as _, BigInt, Field as _, PrimeField as _};

use crate::r1cs::{Combination, R1csBuilder};

const FULL_ROUNDS: usize = 8;
/// The largest width that is used here.
const MAX_WIDTH: usize = 6;

/// Round constants and mixing matrix of one width.
#[derive(Debug)]
pub struct Poseidon {
    width: usize,
    partial_rounds: usize,
    /// `width` constants a round.
    constants: Vec<Fr>,
    /// Row by row.
    matrix: Vec<Fr>,
}

impl Poseidon {
    /// The instance with two inputs (width 3).
    pub fn width_3() -> &'static Self {
        static INSTANCE: OnceLock<Poseidon> = OnceLock::new();
        INSTANCE.get_or_init(|| Self::generate(3, 57))
    }

    /// The instance with five inputs (width 6).
    pub fn width_6() -> &'static Self {
        static INSTANCE: OnceLock<Poseidon> = OnceLock::new();
        INSTANCE.get_or_init(|| Self::generate(6, 60))
    }

    fn generate(width: usize, partial_rounds: usize) -> Self {
        let mut grain = Grain::new(width, partial_rounds);
        let count = (FULL_ROUNDS + partial_rounds) * width;
        let constants = (0..count).map(|_| grain.element_below_modulus()).collect();
        // The reference draws the Cauchy matrix 1 / (x_i + y_j) from the same stream, redrawing if an
        // x or y repeats or a sum is zero. For these widths the first draw is good, as its own checks confirm.
        let draws: Vec<Fr> = (0..2 * width).map(|_| grain.element_mod()).collect();
        let (xs, ys) = draws.split_at(width);
        let matrix = xs
            .iter()
            .flat_map(|x| {
                ys.iter().map(move |y| (*x + y).inverse().expect("the first draw has no x + y = 0"))
            })
            .collect();
        Self { width, partial_rounds, constants, matrix }
    }

    /// Number of inputs of [`Self::hash`].
    pub const fn inputs(&self) -> usize {
        self.width - 1
    }

    /// The hash of exactly [`Self::inputs`] elements: the first element of the permuted state `(0, inputs…)`.
    ///
    /// # Panics
    /// If the number of inputs is another; callers fix it in their types.
    pub fn hash(&self, inputs: &[Fr]) -> Fr {
        self.hash_traced(inputs, |_| ())
    }

    /// As [`Self::hash`], telling `x²`, `x⁴` and `x⁵` of every S-box in the order of [`Self::constrain`]: a witness without
    /// building the constraints again.
    pub(crate) fn hash_traced(&self, inputs: &[Fr], trace: impl FnMut([Fr; 3])) -> Fr {
        assert_eq!(inputs.len(), self.inputs(), "a Poseidon instance has a fixed number of inputs");
        let mut state = [Fr::ZERO; MAX_WIDTH];
        state[1..self.width].copy_from_slice(inputs);
        self.permute(&mut state[..self.width], trace);
        let hash = state[0];
        // The state holds what a sealed receipt hides.
        zeroize::Zeroize::zeroize(&mut state);
        hash
    }

    fn permute(&self, state: &mut [Fr], mut trace: impl FnMut([Fr; 3])) {
        let mut next = [Fr::ZERO; MAX_WIDTH];
        for round in 0..self.rounds() {
            for (element, constant) in state.iter_mut().zip(self.round_constants(round)) {
                *element += constant;
            }
            let boxes = if self.is_full(round) { self.width } else { 1 };
            for element in &mut state[..boxes] {
                let square = element.square();
                let fourth = square.square();
                *element *= fourth;
                trace([square, fourth, *element]);
            }
            for (sum, row) in next.iter_mut().zip(self.matrix.chunks_exact(self.width)) {
                *sum = row.iter().zip(state.iter()).map(|(m, s)| *m * s).sum();
            }
            state.copy_from_slice(&next[..self.width]);
        }
    }

    /// Adds the constraints of [`Self::hash`] and returns the result, still a linear combination.
    ///
    /// Three constraints per S-box: `x·x = x²`, `x²·x² = x⁴`, `x·x⁴ = x⁵`. Everything linear is free.
    pub(crate) fn constrain(&self, cs: &mut R1csBuilder, inputs: &[Combination]) -> Combination {
        let mut state = Vec::with_capacity(self.width);
        state.push(Combination::default());
        state.extend_from_slice(inputs);
        for round in 0..self.rounds() {
            for (element, constant) in state.iter_mut().zip(self.round_constants(round)) {
                element.add_constant(*constant);
            }
            let boxes = if self.is_full(round) { self.width } else { 1 };
            for element in &mut state[..boxes] {
                let square = cs.multiply(element, element);
                let fourth = cs.multiply(&square, &square);
                *element = cs.multiply(element, &fourth);
            }
            state = self
                .matrix
                .chunks_exact(self.width)
                .map(|row| {
                    let mut sum = Combination::default();
                    for (factor, element) in row.iter().zip(&state) {
                        sum.add_scaled(*factor, element);
                    }
                    sum
                })
                .collect();
        }
        state.swap_remove(0)
    }

    const fn rounds(&self) -> usize {
        FULL_ROUNDS + self.partial_rounds
    }

    const fn is_full(&self, round: usize) -> bool {
        round < FULL_ROUNDS / 2 || round >= FULL_ROUNDS / 2 + self.partial_rounds
    }

    fn round_constants(&self, round: usize) -> &[Fr] {
        &self.constants[round * self.width..][..self.width]
    }
}

/// The self-shrinking Grain LFSR of the Poseidon paper, appendix E.
struct Grain {
    state: [bool; 80],
    at: usize,
}

impl Grain {
    fn new(width: usize, partial_rounds: usize) -> Self {
        // Field type (prime: 1), S-box (x^alpha: 0), field bits, width, full and partial rounds, thirty ones.
        let parts = [
            (1, 2),
            (0, 4),
            (u64::from(Fr::MODULUS_BIT_SIZE), 12),
            (width as u64, 12),
            (FULL_ROUNDS as u64, 10),
            (partial_rounds as u64, 10),
            ((1 << 30) - 1, 30),
        ];
        let mut state = [false; 80];
        let bits =
            parts.iter().flat_map(|(value, len)| (0..*len).rev().map(move |bit| value >> bit & 1 == 1));
        for (slot, bit) in state.iter_mut().zip(bits) {
            *slot = bit;
        }
        let mut grain = Self { state, at: 0 };
        for _ in 0..160 {
            grain.step();
        }
        grain
    }

    fn step(&mut self) -> bool {
        let tap = |offset: usize| self.state[(self.at + offset) % 80];
        let bit = tap(62) ^ tap(51) ^ tap(38) ^ tap(23) ^ tap(13) ^ tap(0);
        self.state[self.at] = bit;
        self.at = (self.at + 1) % 80;
        bit
    }

    /// A pair of bits yields its second if its first is one.
    fn bit(&mut self) -> bool {
        loop {
            let keep = self.step();
            let bit = self.step();
            if keep {
                return bit;
            }
        }
    }

    fn bits(&mut self) -> BigInt<4> {
        let mut limbs = [0u64; 4];
        for at in (0..Fr::MODULUS_BIT_SIZE as usize).rev() {
            limbs[at / 64] |= u64::from(self.bit()) << (at % 64);
        }
        BigInt(limbs)
    }

    fn element_below_modulus(&mut self) -> Fr {
        loop {
            if let Some(element) = Fr::from_bigint(self.bits()) {
                return element;
            }
        }
    }

    fn element_mod(&mut self) -> Fr {
        let BigInt(limbs) = self.bits();
        let mut bytes = [0; 32];
        for (slot, limb) in bytes.chunks_exact_mut(8).zip(limbs) {
            slot.copy_from_slice(&limb.to_le_bytes());
        }
        Fr::from_le_bytes_mod_order(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::MontFp;

    /// `test_vectors.txt` of the reference implementation, `poseidonperm_x5_254_3` on (0, 1, 2).
    #[test]
    fn the_permutation_matches_the_published_vector() {
        let mut state = [Fr::from(0), Fr::from(1), Fr::from(2)];
        Poseidon::width_3().permute(&mut state, |_| ());
        let expected: [Fr; 3] = [
            MontFp!("7853200120776062878684798364095072458815029376092732009249414926327459813530"),
            MontFp!("7142104613055408817911962100316808866448378443474503659992478482890339429929"),
            MontFp!("6549537674122432311777789598043107870002137484850126429160507761192163713804"),
        ];
        assert_eq!(state, expected);
    }

    /// circomlib's own tests (`test/poseidoncircuit.js`).
    #[test]
    fn the_hash_matches_circomlib() {
        let hash = |values: [u64; 5]| Poseidon::width_6().hash(&values.map(Fr::from));
        assert_eq!(
            hash([1, 2, 0, 0, 0]),
            MontFp!("1018317224307729531995786483840663576608797660851238720571059489595066344487")
        );
        assert_eq!(
            hash([3, 4, 0, 0, 0]),
            MontFp!("5811595552068139067952687508729883632420015185677766880877743348592482390548")
        );
    }

    #[test]
    fn random_inputs_agree_with_another_implementation() {
        use light_poseidon::{Poseidon as Other, PoseidonBytesHasher as _};
        for (instance, width) in [(Poseidon::width_3(), 2), (Poseidon::width_6(), 5)] {
            for seed in 0..20u64 {
                let inputs: Vec<Fr> =
                    (0..width).map(|i| Fr::from(seed * 7 + i + 1).pow([5 + seed * 1_000_003])).collect();
                let bytes: Vec<[u8; 32]> = inputs.iter().map(crate::field::to_be_bytes).collect();
                let slices: Vec<&[u8]> = bytes.iter().map(|b| &b[..]).collect();
                let other = Other::<Fr>::new_circom(width as usize)
                    .expect("widths 2 and 5 exist")
                    .hash_bytes_be(&slices)
                    .expect("canonical inputs");
                assert_eq!(crate::field::to_be_bytes(&instance.hash(&inputs)), other);
            }
        }
    }
}
