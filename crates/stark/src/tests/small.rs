//! Gadgets over digits of two bits in a field of a small prime, compared with plain Rust: for every input all
//! assignments of all other cells are ruled out or found, and what is found is the one right result.
//!
//! Expressions go through the compiler and are compared with the executor in `small_plans`.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use ethnum::I256;

use super::model::{Model, columns, smallest, smallest_of};
use crate::{
    air::{Chip, Node},
    gadget::{Int, range_chip_to},
};

/// A chip of one row with its inputs and its result.
pub(super) struct Small {
    pub(super) chip: Chip,
    pub(super) live: Node,
    pub(super) inputs: Vec<Int>,
    pub(super) result: Outcome,
}

/// What a gadget gives.
pub(super) enum Outcome {
    Bits(Vec<Node>),
    Ints(Vec<Int>),
}

/// The cells of a number that is an input.
pub(super) fn encoded(model: &Model, chip: &Chip, int: &Int, value: i64, row: usize) -> Vec<(usize, i64)> {
    let raw = I256::from(value) - chip.radix.offset(&int.limbs);
    assert!(raw >= 0, "{value} has no encoding");
    let digits = chip.radix.digits(raw, int.limbs.len());
    let cells = int.limbs.iter().zip(digits);
    cells.map(|(limb, digit)| (model.cell(row, chip.column_of(limb.raw)), i64::from(digit))).collect()
}

/// The value of an expression of columns with these values, as an integer around zero.
pub(super) fn value(chip: &Chip, node: Node, columns: &[usize], values: &[i64]) -> i64 {
    use crate::air::Op;
    let order = chip.radix.order as i64;
    let of = |node| value(chip, node, columns, values);
    let raw = match chip.graph.op(node) {
        Op::Add(a, b) => of(a) + of(b),
        Op::Sub(a, b) => of(a) - of(b),
        Op::Mul(a, b) => of(a) * of(b),
        Op::Const(constant) if i128::from(constant) > crate::air::P / 2 => {
            i64::from(constant) - crate::air::P as i64
        }
        Op::Const(constant) => constant.into(),
        Op::Local(column) => {
            let at = columns.iter().position(|it| *it == column as usize).expect("a column that is read");
            values[at]
        }
        other => panic!("{other:?}"),
    };
    let raw = raw.rem_euclid(order);
    if raw > order / 2 { raw - order } else { raw }
}

/// The number that digits stand for.
pub(super) fn number(chip: &Chip, int: &Int, columns: &[usize], values: &[i64]) -> i64 {
    let digits = int.limbs.iter().map(|limb| value(chip, limb.raw, columns, values) + limb.base);
    digits.enumerate().map(|(at, digit)| digit << (at as u32 * chip.radix.bits)).sum()
}

pub(super) fn nodes(result: &Outcome) -> Vec<Node> {
    match result {
        Outcome::Bits(bits) => bits.clone(),
        Outcome::Ints(ints) => ints.iter().flat_map(|int| int.limbs.iter().map(|limb| limb.raw)).collect(),
    }
}

/// Builds a gadget on inputs within bounds, in the smallest field.
pub(super) fn build(bounds: &[(i64, i64)], gadget: impl Fn(&mut Chip, Node, &[Int]) -> Outcome) -> Small {
    let (chip, (live, inputs, result)) = smallest(|chip| {
        let live = chip.column();
        chip.boolean(live, "live");
        let inputs: Vec<Int> =
            bounds.iter().map(|(lo, hi)| chip.limbs(I256::from(*lo), I256::from(*hi))).collect();
        let result = gadget(chip, live, &inputs);
        (live, inputs, result)
    });
    Small { chip, live, inputs, result }
}

/// All tuples of numbers within bounds.
pub(super) fn tuples(bounds: &[(i64, i64)]) -> Vec<Vec<i64>> {
    bounds.iter().fold(vec![Vec::new()], |tuples, (lo, hi)| {
        let longer = tuples.iter().flat_map(|tuple| {
            (*lo..=*hi).map(move |value| tuple.iter().copied().chain([value]).collect::<Vec<_>>())
        });
        longer.collect()
    })
}

/// For all inputs within bounds: where live, the solutions are the one that `reference` gives, or none where it gives
/// none; where not live, the result is zero.
fn agrees(
    name: &str,
    bounds: &[(i64, i64)],
    gadget: impl Fn(&mut Chip, Node, &[Int]) -> Outcome,
    reference: impl Fn(&[i64]) -> Option<Vec<i64>>,
) {
    agrees_where(name, bounds, gadget, |of, live| match (live, reference(of)) {
        (true, wanted) => wanted,
        // Zeros, as many as there are results.
        (false, _) => None,
    });
}

/// The same with a reference that says what holds where nothing is live; `None` there are zeros.
fn agrees_where(
    name: &str,
    bounds: &[(i64, i64)],
    gadget: impl Fn(&mut Chip, Node, &[Int]) -> Outcome,
    reference: impl Fn(&[i64], bool) -> Option<Vec<i64>>,
) {
    let Small { chip, live, inputs, result } = build(bounds, gadget);
    let model = Model::new(&chip, 1);
    let read = columns(&chip, &nodes(&result));
    let live_cell = chip.column_of(live);
    let mut count = 0;
    for tuple in tuples(bounds) {
        let mut fixed = vec![(live_cell, 1)];
        for (int, value) in inputs.iter().zip(&tuple) {
            fixed.extend(encoded(&model, &chip, int, *value, 0));
        }
        for on in [1, 0] {
            fixed[0].1 = on;
            let found = results(&chip, &model, &result, &fixed, &read);
            let wanted = reference(&tuple, on == 1);
            let wanted = if on == 1 { wanted } else { wanted.or_else(|| Some(vec![0; count_of(&result)])) };
            assert_eq!(found, wanted.into_iter().collect(), "{name} of {tuple:?}, live {on}");
            count += 1;
        }
    }
    std::eprintln!("{name}: {count} inputs, {} cells, modulo {}", chip.width, chip.radix.order);
}

/// The results that the constraints allow for inputs.
pub(super) fn results(
    chip: &Chip,
    model: &Model,
    result: &Outcome,
    fixed: &[(usize, i64)],
    read: &[usize],
) -> BTreeSet<Vec<i64>> {
    let of = |values: Vec<i64>| match result {
        Outcome::Bits(bits) => bits.iter().map(|bit| value(chip, *bit, read, &values)).collect(),
        Outcome::Ints(ints) => ints.iter().map(|int| number(chip, int, read, &values)).collect(),
    };
    model.solutions(fixed, read).into_iter().map(of).collect()
}

fn count_of(result: &Outcome) -> usize {
    match result {
        Outcome::Bits(bits) => bits.len(),
        Outcome::Ints(ints) => ints.len(),
    }
}

pub(super) fn one(int: Int) -> Outcome {
    Outcome::Ints(vec![int])
}

fn within(value: i64, (lo, hi): (i64, i64)) -> Option<Vec<i64>> {
    (lo..=hi).contains(&value).then(|| vec![value])
}

/// Every assignment of the digits of every range with bounds up to 12 in size.
#[test]
fn an_encoding_has_each_number_once() {
    for (lo, hi) in tuples(&[(-12, 0), (0, 12)]).into_iter().map(|pair| (pair[0], pair[1])) {
        let Small { chip, live, inputs, .. } = build(&[(lo, hi)], |chip, live, inputs| {
            chip.exact(live, &inputs[0]);
            Outcome::Bits(Vec::new())
        });
        let int = &inputs[0];
        let read = columns(&chip, &nodes(&one(int.clone())));
        let model = Model::new(&chip, 1);
        for on in [0, 1] {
            let found = model.solutions(&[(chip.column_of(live), on)], &read);
            let numbers: BTreeSet<i64> =
                found.iter().map(|values| number(&chip, int, &read, values)).collect();
            assert_eq!(numbers.len(), found.len(), "{lo} to {hi}: two encodings of a number");
            let bits: u32 = int.limbs.iter().map(|limb| limb.bits).sum();
            let most = if on == 1 { hi } else { lo + (1 << bits) - 1 };
            assert!(numbers.into_iter().eq(lo..=most), "{lo} to {hi}, live {on}");
        }
    }
}

/// All pairs of numbers of four bits with sign; results are cut to narrower bounds, so that some have no proof.
#[test]
fn sums_differences_and_products_are_exact() {
    let bounds = [(-9, 6), (-7, 8)];
    for (lo, hi) in [(-16, 14), (-5, 3), (0, 9)] {
        let cut = (I256::from(lo), I256::from(hi));
        let combine = |sign: i64| {
            move |chip: &mut Chip, live: Node, ints: &[Int]| {
                one(chip.combine(live, &[(1, &ints[0], None), (sign, &ints[1], None)], cut, true))
            }
        };
        agrees("a + b", &bounds, combine(1), |of| within(of[0] + of[1], (lo, hi)));
        agrees("a - b", &bounds, combine(-1), |of| within(of[0] - of[1], (lo, hi)));
    }
    for (lo, hi) in [(-72, 63), (-20, 13)] {
        let cut = (I256::from(lo), I256::from(hi));
        agrees(
            "a * b",
            &bounds,
            |chip, live, ints| one(chip.combine(live, &[(1, &ints[0], Some(&ints[1]))], cut, true)),
            |of| within(of[0] * of[1], (lo, hi)),
        );
    }
    // Numbers of nine bits, so that carries run through several constraints.
    agrees(
        "wide a * b",
        &[(-200, 200), (-3, 9)],
        |chip, live, ints| {
            let most = (I256::from(-2000), I256::from(2000));
            one(chip.combine(live, &[(1, &ints[0], Some(&ints[1]))], most, false))
        },
        |of| Some(vec![of[0] * of[1]]),
    );
}

/// All numbers in all pairs of encodings that have them.
#[test]
fn a_number_keeps_its_value_in_another_encoding() {
    for (lo, hi) in [(-9, 6), (0, 9), (-30, 2)] {
        agrees(
            "another encoding",
            &[(lo, hi)],
            |chip, live, ints| one(chip.encoded(live, &ints[0], I256::from(-31), I256::from(40))),
            |of| Some(of.to_vec()),
        );
    }
}

/// All pairs of numbers of six bits: two words, the lower of two digits.
#[test]
fn comparisons_say_which_is_less() {
    let bounds = [(-20, 43), (-20, 43)];
    agrees(
        "compare",
        &bounds,
        |chip, live, ints| {
            let (a, b) = (chip.words(&ints[0]), chip.words(&ints[1]));
            let found = chip.compare(live, &a, &b);
            Outcome::Bits(vec![found.lt, found.eq, found.gt])
        },
        |of| {
            let order = of[0].cmp(&of[1]);
            Some(vec![order.is_lt().into(), order.is_eq().into(), order.is_gt().into()])
        },
    );
    agrees(
        "at most",
        &bounds,
        |chip, live, ints| {
            let (a, b) = (chip.words(&ints[0]), chip.words(&ints[1]));
            Outcome::Bits(vec![chip.at_most(live, &a, &b)])
        },
        |of| (of[0] <= of[1]).then(|| vec![(of[0] < of[1]).into()]),
    );
    agrees(
        "against zero",
        &[(-20, 43)],
        |chip, live, ints| {
            let found = chip.against_zero(live, &ints[0]);
            Outcome::Bits(vec![found.lt, found.eq, found.gt])
        },
        |of| Some([of[0] < 0, of[0] == 0, of[0] > 0].map(i64::from).to_vec()),
    );
}

/// `n / d` rounded half to even, in floating point, which is exact for numbers of this size.
pub(super) fn half_even(n: i64, d: i64) -> i64 {
    (n as f64 / d as f64).round_ties_even() as i64
}

/// All numerators by all divisors, zero among them; results cut to narrower bounds.
fn quotients(n: (i64, i64), d: (i64, i64)) {
    for (factor, lo, hi) in [(1, n.0, n.1), (3, -20, 9)] {
        agrees(
            "divide",
            &[n, d],
            |chip, live, ints| {
                let range = (I256::from(lo), I256::from(hi));
                one(chip.divide(live, &ints[0], I256::from(factor), &ints[1], range, true))
            },
            |of| (of[1] != 0).then(|| within(half_even(factor * of[0], of[1]), (lo, hi))).flatten(),
        );
    }
    agrees(
        "divide by what is positive",
        &[n, (1, d.1 + 4)],
        |chip, live, ints| {
            // Zero has an encoding, too, but the caller knows that it does not occur.
            let divisor = Int { lo: I256::ONE, ..ints[1].clone() };
            let range = (I256::from(n.0), I256::from(n.1));
            one(chip.divide(live, &ints[0], I256::ONE, &divisor, range, false))
        },
        |of| Some(vec![half_even(of[0], of[1])]),
    );
}

/// Numerators of four bits, divisors of three.
#[test]
fn quotients_are_rounded_half_to_even() {
    quotients((-8, 7), (-3, 4));
}

#[test]
#[ignore = "heavy: all cells of quotients of numbers of six bits by numbers of four"]
fn longer_quotients_are_rounded_half_to_even() {
    quotients((-32, 31), (-7, 8));
}

/// All numerators by all divisors, zero among them.
fn truncated(n: (i64, i64), d: (i64, i64)) {
    agrees(
        "truncate",
        &[n, d],
        |chip, live, ints| {
            let found = chip.truncate(live, &ints[0], &ints[1]);
            Outcome::Ints(vec![found.quotient, found.rest, found.size])
        },
        |of| (of[1] != 0).then(|| vec![of[0] / of[1], of[0] % of[1], (of[0] % of[1]).abs()]),
    );
}

/// Numerators of four bits, divisors of three.
#[test]
fn truncated_quotients_and_rests_are_those_of_rust() {
    truncated((-8, 7), (-3, 4));
}

#[test]
#[ignore = "heavy: all cells of quotients of numbers of six bits by numbers of four"]
fn longer_truncated_quotients_and_rests_are_those_of_rust() {
    truncated((-20, 43), (-7, 8));
}

/// All roots of `a / b` with `a` up to `most` and `b` from one to `divisor`.
fn roots(most: i64, divisor: i64) {
    agrees(
        "root",
        &[(0, most), (1, divisor)],
        |chip, live, ints| one(chip.root(live, &ints[0], &ints[1], I256::from(9))),
        |of| {
            let [a, b] = of[..] else { panic!("two numbers") };
            // The number f for which 4a is between b(2f - 1)² and b(2f + 1)², even where it is at an end.
            let fits = |f: &i64| {
                let (low, high) = (b * (2 * f - 1).pow(2), b * (2 * f + 1).pow(2));
                let tie = 4 * a == high || (4 * a == low && *f > 0);
                (*f == 0 || low <= 4 * a) && 4 * a <= high && (!tie || f % 2 == 0)
            };
            (0..=9).find(fits).map(|f| vec![f])
        },
    );
}

#[test]
fn roots_are_rounded_half_to_even() {
    roots(15, 2);
}

#[test]
#[ignore = "heavy: all cells of roots of numbers up to 80 over numbers up to 4"]
fn longer_roots_are_rounded_half_to_even() {
    roots(80, 4);
}

/// All bits and all pairs of numbers of three bits, in encodings that differ.
#[test]
fn choices_and_zero_tests_are_forced() {
    agrees_where(
        "choose",
        &[(0, 1), (-3, 4), (-2, 5)],
        |chip, _, ints| {
            // Numbers of two encodings meet in a third one, everywhere.
            let everywhere = chip.int(1);
            one(chip.choose(everywhere, ints[0].limbs[0].raw, &ints[1], &ints[2]))
        },
        |of, _| Some(vec![if of[0] == 1 { of[1] } else { of[2] }]),
    );
}

/// A zero test, conjunction and disjunction, on all numbers of four bits and all bits.
#[test]
fn bits_are_forced() {
    agrees(
        "is zero",
        &[(0, 15)],
        |chip, live, ints| Outcome::Bits(vec![chip.zero_int(live, &ints[0])]),
        |of| Some(vec![(of[0] == 0).into()]),
    );
    let bits = [(0, 1), (0, 1)];
    agrees_where(
        "and, or",
        &bits,
        |chip, _, ints| {
            let [a, b] = [0, 1].map(|at: usize| ints[at].limbs[0].raw);
            Outcome::Bits(vec![chip.and(a, b), chip.or(a, b)])
        },
        |of, _| Some(vec![of[0] & of[1], of[0] | of[1]]),
    );
}

/// All values of all cells of the lists of numbers of up to two and of up to three bits.
#[test]
fn the_list_of_ranges_is_the_only_one() {
    for bits in [2, 3] {
        let (chip, ()) = smallest_of(|radix| {
            let mut chip = range_chip_to(bits);
            chip.radix = radix;
            (chip, ())
        });
        let rows = chip.height();
        let model = Model::new(&chip, rows);
        let targets: Vec<usize> =
            (0..rows).flat_map(|row| [0, 1].map(|column| model.cell(row, column))).collect();
        let mut wanted = Vec::new();
        for width in 0..=i64::from(bits) {
            (0..1 << width).for_each(|number| wanted.extend([width, number]));
        }
        // The row of padding.
        wanted.extend([i64::from(bits) + 1, 0]);
        assert_eq!(model.solutions(&[], &targets), BTreeSet::from([wanted]));
    }
}
