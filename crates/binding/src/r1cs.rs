//! Rank-1 constraint systems over the scalar field of BN254: `(A·z) ∘ (B·z) = C·z`.
//!
//! `z = (1, public…, private…)`. Small enough to be held as three sparse matrices; built once per circuit.

use std::vec::Vec;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup as _, Field as _};

/// A row of a matrix: coefficients and the variables that they belong to, sorted by variable.
pub type Row = Vec<(Fr, usize)>;

/// A complete constraint system.
#[derive(Debug)]
pub struct R1cs {
    /// Rows of A, B and C.
    pub rows: [Vec<Row>; 3],
    /// Public variables, counting the constant one.
    pub public: usize,
    /// All variables.
    pub variables: usize,
}

impl R1cs {
    /// Number of constraints.
    pub fn constraints(&self) -> usize {
        self.rows[0].len()
    }

    /// The domain of the QAP: constraints and public variables (which get a row each, to keep them
    /// independent), rounded up to a power of two.
    pub fn domain(&self) -> usize {
        (self.constraints() + self.public).next_power_of_two()
    }

    /// Whether `z` satisfies every constraint.
    pub fn is_satisfied(&self, z: &[Fr]) -> bool {
        z.len() == self.variables
            && z[0] == Fr::ONE
            && (0..self.constraints()).all(|at| {
                let [a, b, c] = [0, 1, 2].map(|matrix| dot(&self.rows[matrix][at], z));
                a * b == c
            })
    }
}

/// The value of a row under an assignment.
pub(crate) fn dot(row: &[(Fr, usize)], z: &[Fr]) -> Fr {
    row.iter()
        .map(|(factor, variable)| if *factor == Fr::ONE { z[*variable] } else { *factor * z[*variable] })
        .sum()
}

/// A linear combination of variables; variable 0 is the constant one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Combination(Row);

impl Combination {
    pub(crate) fn variable(variable: usize) -> Self {
        Self(vec![(Fr::ONE, variable)])
    }

    pub(crate) fn add_constant(&mut self, constant: Fr) {
        self.add_scaled(constant, &Self::variable(0));
    }

    pub(crate) fn add_scaled(&mut self, factor: Fr, other: &Self) {
        for (coefficient, variable) in &other.0 {
            let term = factor * coefficient;
            match self.0.binary_search_by_key(variable, |(_, variable)| *variable) {
                Ok(at) => self.0[at].0 += term,
                Err(at) => self.0.insert(at, (term, *variable)),
            }
        }
    }
}

/// Collects constraints, and values beside them: a circuit is written once and serves set-up and witness.
pub(crate) struct R1csBuilder {
    rows: [Vec<Row>; 3],
    public: usize,
    values: Vec<Fr>,
}

impl R1csBuilder {
    /// Starts with the public values; `variable(i)` for `i` from 1 names them.
    pub(crate) fn new(public: &[Fr]) -> Self {
        let mut values = vec![Fr::ONE];
        values.extend_from_slice(public);
        Self { rows: Default::default(), public: values.len(), values }
    }

    /// A private variable.
    pub(crate) fn private(&mut self, value: Fr) -> Combination {
        self.values.push(value);
        Combination::variable(self.values.len() - 1)
    }

    /// A new variable constrained to be the product.
    pub(crate) fn multiply(&mut self, left: &Combination, right: &Combination) -> Combination {
        let product = self.private(dot(&left.0, &self.values) * dot(&right.0, &self.values));
        self.enforce(left, right, &product);
        product
    }

    /// One constraint.
    pub(crate) fn enforce(&mut self, a: &Combination, b: &Combination, c: &Combination) {
        for (rows, combination) in self.rows.iter_mut().zip([a, b, c]) {
            rows.push(combination.0.iter().filter(|(factor, _)| *factor != Fr::ZERO).copied().collect());
        }
    }

    pub(crate) fn finish(self) -> (R1cs, Vec<Fr>) {
        let variables = self.values.len();
        (R1cs { rows: self.rows, public: self.public, variables }, self.values)
    }
}
