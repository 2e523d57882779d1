//! The quotient polynomial `H = (A·B − C) / (X^m − 1)` of a satisfied constraint system.

use std::vec::Vec;

use ark_bn254::Fr;
use ark_ff::{FftField as _, Field as _};
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};

use crate::{circuit::Form, r1cs::dot};

/// Coefficients of `H`, `m − 1` of them.
pub(crate) fn quotient(form: Form, z: &[Fr]) -> Vec<Fr> {
    let r1cs = form.r1cs();
    let domain =
        Radix2EvaluationDomain::<Fr>::new(r1cs.domain()).expect("BN254 has roots of unity up to 2^28");
    let coset = domain.get_coset(Fr::GENERATOR).expect("the generator is no root of unity");
    let on_coset = |matrix: usize| {
        let mut values: Vec<Fr> = r1cs.rows[matrix].iter().map(|row| dot(row, z)).collect();
        if matrix == 0 {
            // One row for each public variable makes their polynomials independent.
            values.extend_from_slice(&z[..r1cs.public]);
        }
        domain.ifft_in_place(&mut values);
        coset.fft_in_place(&mut values);
        values
    };
    let [mut a, b, c] = [0, 1, 2].map(on_coset);
    let vanishing = domain
        .evaluate_vanishing_polynomial(Fr::GENERATOR)
        .inverse()
        .expect("a coset has no root of X^m - 1");
    for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
        *a = (*a * b - c) * vanishing;
    }
    coset.ifft_in_place(&mut a);
    a.truncate(domain.size() - 1);
    a
}
