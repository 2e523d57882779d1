//! Pairings: a lane is a coefficient of the target field.
//!
//! `Fq12 = Fq2[w] / (w^6 - ξ)` with `ξ = 9 + u`. Lane `k` of six holds the coefficient of `w^k`; two lanes idle. A product is a
//! sum over `j` of one factor turned by `j` lanes, where what passes `w^6` is multiplied by `ξ`, times coefficient `j` of
//! the other factor in all lanes. That sum is reduced once.
//!
//! Loop and exponents are arkworks', step for step, and so are the results.
//!
//! What runs often fills arrays by literals and loops: a closure that is given to `map` or `from_fn` does not become part of a
//! function that is compiled for more than they are.

use core::arch::x86_64::*;
use std::vec::Vec;

use ark_bn254::{Config, Fq2, Fq6, Fq12, G1Affine};
use ark_ec::{
    AffineRepr as _,
    bn::{BnConfig, G2Prepared},
};
use ark_ff::{Field as _, biginteger::arithmetic::find_naf};

use super::{Constants, E, LANES, LIMBS, Staged, V, available, enter, leave, load, select, stage};

/// Coefficients over `Fq2`, one a lane.
type W = E<2>;
/// Such coefficients as factors: real part, imaginary part, minus the imaginary part.
type Factor = E<3>;

/// Coefficients that a product has.
const DEGREE: usize = 6;
/// Lanes of odd powers of `w`.
const ODD: u8 = 0b10_1010;

/// What arkworks' `multi_miller_loop` gives for these pairs; nothing if this processor cannot.
pub(crate) fn miller_loop(pairs: &[(G1Affine, &G2Prepared<Config>)]) -> Option<Fq12> {
    // SAFETY: the processor has what the function is compiled for.
    available().then(|| unsafe { product_of_lines(pairs) })
}

/// What arkworks' `final_exponentiation` gives, which is nothing for zero; nothing at all if this processor cannot.
pub(crate) fn final_exponentiation(product: &Fq12) -> Option<Option<Fq12>> {
    // SAFETY: as above.
    available().then(|| unit(product).map(|unit| unsafe { last_power(&unit) }))
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn product_of_lines(pairs: &[(G1Affine, &G2Prepared<Config>)]) -> Fq12 {
    let constants = Constants::new();
    // A pair with infinity counts for nothing.
    let finite = pairs.iter().filter(|(point, lines)| !point.is_zero() && !lines.infinity);
    let lines: Vec<Vec<[Factor; 3]>> =
        finite.map(|(point, lines)| constants.evaluate(point, &lines.ell_coeffs)).collect();
    let mut product = constants.target(&Fq12::ONE);
    let mut at = 0;
    let mut step = |product: &mut W| {
        for lines in &lines {
            let line = lines[at / LANES].map(|coefficients| everywhere(&coefficients, at % LANES));
            *product = constants.times_line(product, &line);
        }
        at += 1;
    };
    for digit in Config::ATE_LOOP_COUNT.iter().rev().skip(1) {
        product = constants.multiply(&product, &product);
        step(&mut product);
        if *digit != 0 {
            step(&mut product);
        }
    }
    step(&mut product);
    step(&mut product);
    constants.element(&product)
}

/// The power `(q^6 - 1) (q^2 + 1)`, which leads into the cyclotomic subgroup; nothing for zero.
fn unit(product: &Fq12) -> Option<Fq12> {
    let mut conjugate = *product;
    conjugate.conjugate_in_place();
    let unit = conjugate * product.inverse()?;
    Some(unit.frobenius_map(2) * unit)
}

/// An element of the cyclotomic subgroup to the power of `2 z (6 z^2 + 3 z + 1) (q^4 - q^2 + 1) / r` with the curve's `z`.
///
/// Fuentes-Castañeda, Knapp, Rodríguez-Henríquez: "Faster hashing to G2", 2011, section 5.
#[target_feature(enable = "avx512f,avx512ifma")]
fn last_power(unit: &Fq12) -> Fq12 {
    let constants = Constants::new();
    let naf = find_naf(Config::X);
    let times = |a: &W, b: &W| constants.multiply(a, b);
    let frobenius = |a: &W, power: usize| constants.target(&constants.element(a).frobenius_map(power));
    let unit = constants.target(unit);

    let y0 = constants.power_by_negative(&unit, &naf);
    let y1 = constants.square_unit(&y0);
    let y3 = times(&constants.square_unit(&y1), &y1);
    let y4 = constants.power_by_negative(&y3, &naf);
    let y6 = constants.power_by_negative(&constants.square_unit(&y4), &naf);
    let y7 = times(&constants.conjugate(&y6), &y4);
    let y8 = times(&y7, &constants.conjugate(&y3));
    let y9 = times(&y8, &y1);
    let y11 = times(&times(&y8, &y4), &unit);
    let y13 = times(&frobenius(&y9, 1), &y11);
    let y14 = times(&frobenius(&y8, 2), &y13);
    let y15 = times(&constants.conjugate(&unit), &y9);
    constants.element(&times(&frobenius(&y15, 3), &y14))
}

impl Constants {
    /// `Σ a b` in each lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn sum_of_products<const K: usize>(&self, a: &[W; K], b: &[Factor; K]) -> W {
        let (mut real, mut imaginary) = ([[&b[0][0]; 2]; K], [[&b[0][0]; 2]; K]);
        for (at, b) in b.iter().enumerate() {
            real[at] = [&b[0], &b[2]];
            imaginary[at] = [&b[1], &b[0]];
        }
        [self.dot(a, real), self.dot(a, imaginary)]
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn factor(&self, [real, imaginary]: &W) -> Factor {
        [*real, *imaginary, self.negative(imaginary)]
    }

    /// `2p - a`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn negative(&self, a: &V) -> V {
        self.minus(&self.twice, a, &[_mm512_setzero_si512(); LIMBS])
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn opposite(&self, [real, imaginary]: &W) -> W {
        [self.negative(real), self.negative(imaginary)]
    }

    /// `ξ a = (9 a_0 - a_1) + (a_0 + 9 a_1) u`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn times_xi(&self, [real, imaginary]: &W) -> W {
        let (real9, imaginary9) = (ninefold(real), ninefold(imaginary));
        [self.reduce(&self.minus(&real9, imaginary, &self.twice)), self.reduce(&self.plus(&imaginary9, real))]
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn multiply(&self, a: &W, b: &W) -> W {
        let over = self.times_xi(a);
        let left = [
            *a,
            turn(a, &over, 1),
            turn(a, &over, 2),
            turn(a, &over, 3),
            turn(a, &over, 4),
            turn(a, &over, 5),
        ];
        let b = self.factor(b);
        let right = [
            everywhere(&b, 0),
            everywhere(&b, 1),
            everywhere(&b, 2),
            everywhere(&b, 3),
            everywhere(&b, 4),
            everywhere(&b, 5),
        ];
        self.sum_of_products(&left, &right)
    }

    /// Times `line[0] + line[1] w + line[2] w^3`, the coefficients of which are in all lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn times_line(&self, a: &W, line: &[Factor; 3]) -> W {
        let over = self.times_xi(a);
        self.sum_of_products(&[*a, turn(a, &over, 1), turn(a, &over, 3)], line)
    }

    /// The square of an element of the cyclotomic subgroup.
    ///
    /// Granger, Scott: "Faster Squaring in the Cyclotomic Subgroup of Sixth Degree Extensions", 2010, section 3.2:
    /// with `a = A + B w + C w^2` over `Fq4 = Fq2[w^3]` it is `3 A^2 - 2 Ā + (3 w^3 C^2 + 2 B̄) w + (3 B^2 - 2 C̄) w^2`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn square_unit(&self, a: &W) -> W {
        let over = self.times_xi(a);
        // Lane `k < 3`: `a_k a_k + ξ a_{k+3} a_{k+3}`; lane `k + 3`: `a_k a_{k+3}` twice. These are `A^2`, `B^2`, `C^2`.
        let left = [pick(a, a, [0, 1, 2, 0, 1, 2]), pick(a, a, [3, 4, 5, 0, 1, 2])];
        let right = [self.factor(a), self.factor(&pick(a, &over, [11, 12, 13, 3, 4, 5]))];
        let squares = self.sum_of_products(&left, &right);
        let squares = pick(&squares, &self.times_xi(&squares), [0, 13, 1, 3, 2, 4]);
        let conjugates = select(ODD, a, &self.opposite(a));
        let mut result = squares;
        for part in 0..2 {
            let both = self.plus(&squares[part], &conjugates[part]);
            result[part] = self.reduce(&self.plus(&self.plus(&both, &both), &squares[part]));
        }
        result
    }

    /// The inverse of an element of the cyclotomic subgroup: `w` becomes `-w`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn conjugate(&self, a: &W) -> W {
        select(ODD, &self.opposite(a), a)
    }

    /// An element of the cyclotomic subgroup to minus the number with these digits, the lowest first and the highest one.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn power_by_negative(&self, a: &W, naf: &[i8]) -> W {
        let inverse = self.conjugate(a);
        let mut power = inverse;
        for digit in naf.iter().rev().skip(1) {
            power = self.square_unit(&power);
            match digit {
                0 => {}
                1.. => power = self.multiply(&power, &inverse),
                _ => power = self.multiply(&power, a),
            }
        }
        power
    }

    /// The coefficients of lines at a point, eight lines side by side.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn evaluate(&self, point: &G1Affine, lines: &[(Fq2, Fq2, Fq2)]) -> Vec<[Factor; 3]> {
        let [x, y] = [point.x, point.y].map(|coordinate| {
            let mut staged: Staged<1> = [[[0; LANES]; LIMBS]];
            (0..LANES).for_each(|lane| stage(&mut staged, lane, &coordinate));
            enter(self, &staged)[0]
        });
        let scale = |line: &W, by: &V| line.map(|part| self.times(&part, by));
        let eight = lines.chunks(LANES).map(|lines| {
            let all = |part: fn(&(Fq2, Fq2, Fq2)) -> Fq2| self.side_by_side(lines.iter().map(part));
            [scale(&all(|line| line.0), &y), scale(&all(|line| line.1), &x), all(|line| line.2)]
                .map(|line| self.factor(&line))
        });
        eight.collect()
    }

    /// At most eight elements.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn side_by_side(&self, elements: impl Iterator<Item = Fq2>) -> W {
        let mut staged: Staged<2> = [[[0; LANES]; LIMBS]; 2];
        elements.enumerate().for_each(|(lane, element)| stage(&mut staged, lane, &element));
        enter(self, &staged)
    }

    /// From arkworks' tower `Fq2[v] / (v^3 - ξ)`, `Fq6[w] / (w^2 - v)`.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn target(&self, a: &Fq12) -> W {
        self.side_by_side([a.c0.c0, a.c1.c0, a.c0.c1, a.c1.c1, a.c0.c2, a.c1.c2].into_iter())
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    fn element(&self, a: &W) -> Fq12 {
        let [a, b, c, d, e, f, ..] = leave(self, a);
        Fq12::new(Fq6::new(a, c, e), Fq6::new(b, d, f))
    }
}

/// `9 a`, with limbs of more than 52 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn ninefold(a: &V) -> V {
    let mut nine = *a;
    for limb in &mut nine {
        *limb = _mm512_add_epi64(*limb, _mm512_slli_epi64::<3>(*limb));
    }
    nine
}

/// Lanes `from` of `a`, and from eight on of `b`; the last two are those of `a`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn pick(a: &W, b: &W, from: [u64; DEGREE]) -> W {
    let [k0, k1, k2, k3, k4, k5] = from;
    let from = load(&[k0, k1, k2, k3, k4, k5, 6, 7]);
    let mut picked = *a;
    for part in 0..2 {
        for at in 0..LIMBS {
            picked[part][at] = _mm512_permutex2var_epi64(a[part][at], from, b[part][at]);
        }
    }
    picked
}

/// `a w^by`, with `over = ξ a`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn turn(a: &W, over: &W, by: usize) -> W {
    let mut from = [0; DEGREE];
    for (lane, from) in from.iter_mut().enumerate() {
        *from = (if lane < by { LANES + DEGREE + lane } else { lane } - by) as u64;
    }
    pick(a, over, from)
}

/// One lane in all lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn everywhere(a: &Factor, lane: usize) -> Factor {
    let from = _mm512_set1_epi64(lane as i64);
    let mut all = *a;
    for limb in all.as_flattened_mut() {
        *limb = _mm512_permutexvar_epi64(from, *limb);
    }
    all
}

#[cfg(test)]
mod tests {
    use ark_bn254::{Bn254, Fq, G1Projective, G2Affine, G2Projective};
    use ark_ec::{
        CurveGroup as _,
        pairing::{MillerLoopOutput, Pairing as _},
    };
    use ark_ff::{AdditiveGroup as _, CyclotomicMultSubgroup as _, UniformRand as _};
    use ark_std::rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

    use super::*;

    /// Random elements, and elements of the numbers at which carries happen.
    fn elements(count: usize, rng: &mut StdRng) -> Vec<Fq12> {
        let mut edges = vec![Fq::ZERO, Fq::ONE, -Fq::ONE, Fq::ONE.double(), -Fq::ONE.double()];
        // Numbers whose limbs of 52 bits, in the form that lanes have, are all ones or all zeros.
        for bits in [52, 104, 156, 208, 253] {
            let power = Fq::from(2u64).pow([bits]) * Fq::from(2u64).pow([260]).inverse().expect("not zero");
            edges.extend([power, -power, power - Fq::ONE, -power - Fq::ONE]);
        }
        let coordinate = |rng: &mut StdRng, edge: bool| match edge {
            true => *edges.choose(rng).expect("some"),
            false => Fq::rand(rng),
        };
        let element = |rng: &mut StdRng| {
            let edge = rng.gen_bool(0.5);
            let mut two = || Fq2::new(coordinate(rng, edge), coordinate(rng, edge));
            let mut six = || Fq6::new(two(), two(), two());
            Fq12::new(six(), six())
        };
        (0..count).map(|_| element(rng)).collect()
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    fn agree(rng: &mut StdRng) {
        let constants = Constants::new();
        let (mut product, mut expected) = (constants.target(&Fq12::ONE), Fq12::ONE);
        for pair in elements(4000, rng).chunks_exact(2) {
            let [a, b] = [pair[0], pair[1]].map(|element| constants.target(&element));
            assert_eq!(constants.element(&a), pair[0]);
            assert_eq!(constants.element(&constants.multiply(&a, &b)), pair[0] * pair[1]);
            // What is in lanes need not be the least of its class: products of products.
            product = constants.multiply(&constants.multiply(&product, &a), &b);
            expected = expected * pair[0] * pair[1];
            assert_eq!(constants.element(&product), expected);
            let line = [pair[1].c0.c0, pair[1].c1.c0, pair[1].c1.c1];
            let mut by_line = pair[0];
            by_line.mul_by_034(&line[0], &line[1], &line[2]);
            let line = [0, 1, 3].map(|lane| everywhere(&constants.factor(&b), lane));
            assert_eq!(constants.element(&constants.times_line(&a, &line)), by_line);
            if let Some(unit) = unit(&pair[0]) {
                let lanes = constants.target(&unit);
                assert_eq!(constants.element(&constants.square_unit(&lanes)), unit.cyclotomic_square());
                assert_eq!(
                    constants.element(&constants.conjugate(&lanes)),
                    unit.cyclotomic_inverse().expect("a unit")
                );
            }
            if expected == Fq12::ZERO {
                (product, expected) = (a, pair[0]);
            }
        }
    }

    #[test]
    fn arithmetic_is_that_of_the_library() {
        if available() {
            // SAFETY: the processor has what the function is compiled for.
            unsafe { agree(&mut StdRng::seed_from_u64(1)) }
        } else {
            std::eprintln!("this processor has no vectors for it");
        }
    }

    #[test]
    fn pairings_are_those_of_the_library() {
        let mut rng = StdRng::seed_from_u64(2);
        for count in (0..5).cycle().take(50) {
            let left: Vec<G1Affine> =
                (0..count).map(|_| G1Projective::rand(&mut rng).into_affine()).collect();
            let right: Vec<G2Prepared<Config>> =
                (0..count).map(|_| G2Projective::rand(&mut rng).into_affine().into()).collect();
            let pairs: Vec<_> = left.iter().copied().zip(&right).collect();
            let Some(product) = miller_loop(&pairs) else {
                return std::eprintln!("this processor has no vectors for it");
            };
            let expected = Bn254::multi_miller_loop(left, right.clone());
            assert_eq!(product, expected.0);
            let expected = Bn254::final_exponentiation(MillerLoopOutput(product)).expect("not zero");
            assert_eq!(final_exponentiation(&product), Some(Some(expected.0)));
            // Infinity counts for nothing, on either side.
            let (zero, nowhere) = (G1Affine::zero(), G2Affine::zero().into());
            let with_infinity: Vec<_> =
                pairs.into_iter().flat_map(|pair| [(zero, pair.1), (pair.0, &nowhere), pair]).collect();
            assert_eq!(miller_loop(&with_infinity), Some(product));
        }
        assert_eq!(final_exponentiation(&Fq12::ZERO), Some(None));
    }
}
