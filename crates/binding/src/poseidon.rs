//! Poseidon over the scalar field of BN254 with `x^5`, natively and as constraints.
//!
//! Parameters: the reference generator of the Poseidon paper (Grassi, Khovratovich, Rechberger, Roy, Schofnegger:
//! "Poseidon: A New Hash Function for Zero-Knowledge Proof Systems", USENIX Security 2021, appendix E and F; script
//! `generate_parameters_grain.sage`), for 128 bits of security at width 3: `R_F = 8` full and `R_P = 57` partial rounds. They
//! are derived here with the same Grain LFSR rather than copied, and tests compare them with the paper's published test vector
//! and with circomlib's, which use the same parameters.

use std::{array, sync::OnceLock, vec::Vec};

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup as _, BigInt, Field as _, PrimeField as _};

use crate::r1cs::{Combination, R1csBuilder};

const FULL_ROUNDS: usize = 8;
const PARTIAL_ROUNDS: usize = 57;
const ROUNDS: usize = FULL_ROUNDS + PARTIAL_ROUNDS;
/// Elements of the state: the capacity and two inputs.
const WIDTH: usize = 3;

/// Round constants and mixing matrix.
#[derive(Debug)]
pub struct Poseidon {
    constants: Vec<[Fr; WIDTH]>,
    matrix: [[Fr; WIDTH]; WIDTH],
}

impl Poseidon {
    /// The instance, derived once.
    pub fn instance() -> &'static Self {
        static INSTANCE: OnceLock<Poseidon> = OnceLock::new();
        INSTANCE.get_or_init(|| {
            let mut grain = Grain::new();
            let constants = (0..ROUNDS).map(|_| array::from_fn(|_| grain.element_below_modulus())).collect();
            // The reference draws the Cauchy matrix 1 / (x_i + y_j) from the same stream, redrawing if an
            // x or y repeats or a sum is zero. For this width the first draw is good, as its own checks confirm.
            let xs: [Fr; WIDTH] = array::from_fn(|_| grain.element_mod());
            let ys: [Fr; WIDTH] = array::from_fn(|_| grain.element_mod());
            let matrix = xs.map(|x| ys.map(|y| (x + y).inverse().expect("the first draw has no x + y = 0")));
            Self { constants, matrix }
        })
    }

    /// The hash of two elements: the first element of the permuted state `(0, inputs…)`.
    pub fn hash(&self, inputs: [Fr; 2]) -> Fr {
        self.hash_traced(inputs, |_| ())
    }

    /// As [`Self::hash`], telling `x²`, `x⁴` and `x⁵` of every S-box in the order of [`Self::constrain`]: a witness without
    /// building the constraints again.
    pub(crate) fn hash_traced(&self, inputs: [Fr; 2], trace: impl FnMut([Fr; 3])) -> Fr {
        let mut state = [Fr::ZERO, inputs[0], inputs[1]];
        self.permute(&mut state, trace);
        let hash = state[0];
        // The state holds what a sealed receipt hides.
        zeroize::Zeroize::zeroize(&mut state);
        hash
    }

    fn permute(&self, state: &mut [Fr; WIDTH], mut trace: impl FnMut([Fr; 3])) {
        for (round, constants) in self.constants.iter().enumerate() {
            for (element, constant) in state.iter_mut().zip(constants) {
                *element += constant;
            }
            for element in &mut state[..boxes(round)] {
                let square = element.square();
                let fourth = square.square();
                *element *= fourth;
                trace([square, fourth, *element]);
            }
            *state = self.matrix.map(|row| row.iter().zip(state.iter()).map(|(m, s)| *m * s).sum());
        }
    }

    /// Adds the constraints of [`Self::hash`] and returns the result, still a linear combination.
    ///
    /// Three constraints per S-box: `x·x = x²`, `x²·x² = x⁴`, `x·x⁴ = x⁵`. Everything linear is free.
    pub(crate) fn constrain(&self, cs: &mut R1csBuilder, inputs: [Combination; 2]) -> Combination {
        let [first, second] = inputs;
        let mut state = [Combination::default(), first, second];
        for (round, constants) in self.constants.iter().enumerate() {
            for (element, constant) in state.iter_mut().zip(constants) {
                element.add_constant(*constant);
            }
            for element in &mut state[..boxes(round)] {
                let square = cs.multiply(element, element);
                let fourth = cs.multiply(&square, &square);
                *element = cs.multiply(element, &fourth);
            }
            state = array::from_fn(|row| {
                let mut sum = Combination::default();
                for (factor, element) in self.matrix[row].iter().zip(&state) {
                    sum.add_scaled(*factor, element);
                }
                sum
            });
        }
        let [hash, ..] = state;
        hash
    }
}

/// How many elements go through an S-box in a round.
const fn boxes(round: usize) -> usize {
    if round < FULL_ROUNDS / 2 || round >= FULL_ROUNDS / 2 + PARTIAL_ROUNDS { WIDTH } else { 1 }
}

/// The self-shrinking Grain LFSR of the Poseidon paper, appendix E.
struct Grain {
    state: [bool; 80],
    at: usize,
}

impl Grain {
    fn new() -> Self {
        // Field type (prime: 1), S-box (x^alpha: 0), field bits, width, full and partial rounds, thirty ones.
        let parts = [
            (1, 2),
            (0, 4),
            (u64::from(Fr::MODULUS_BIT_SIZE), 12),
            (WIDTH as u64, 12),
            (FULL_ROUNDS as u64, 10),
            (PARTIAL_ROUNDS as u64, 10),
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
        Poseidon::instance().permute(&mut state, |_| ());
        let expected: [Fr; 3] = [
            MontFp!("7853200120776062878684798364095072458815029376092732009249414926327459813530"),
            MontFp!("7142104613055408817911962100316808866448378443474503659992478482890339429929"),
            MontFp!("6549537674122432311777789598043107870002137484850126429160507761192163713804"),
        ];
        assert_eq!(state, expected);
    }

    /// circomlibjs' own test (`test/poseidon.js`).
    #[test]
    fn the_hash_matches_circomlib() {
        assert_eq!(
            Poseidon::instance().hash([1, 2].map(Fr::from)),
            MontFp!("7853200120776062878684798364095072458815029376092732009249414926327459813530")
        );
    }

    #[test]
    fn random_inputs_agree_with_another_implementation() {
        use light_poseidon::{Poseidon as Other, PoseidonBytesHasher as _};
        for seed in 0..40u64 {
            let inputs = [1, 2].map(|i| Fr::from(seed * 7 + i).pow([5 + seed * 1_000_003]));
            let bytes = inputs.map(|input| crate::field::to_be_bytes(&input));
            let other = Other::<Fr>::new_circom(2)
                .expect("this width exists")
                .hash_bytes_be(&[&bytes[0], &bytes[1]])
                .expect("canonical inputs");
            assert_eq!(crate::field::to_be_bytes(&Poseidon::instance().hash(inputs)), other);
        }
    }
}
