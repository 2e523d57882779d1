//! The small models without one of their constraints: false results appear. So the models can fail, and kinds of
//! constraints that no change of a few numbers shows to be needed are needed.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use ethnum::I256;

use super::{
    model::{Model, columns},
    small::{Outcome, Small, build, encoded, half_even, nodes, one, results, tuples},
    small_rows::{picks_are_right, sorted_tables, years},
};
use crate::{
    air::{Chip, Node},
    gadget::{Int, RANGE_BUS},
};

type Gadget = fn(&mut Chip, Node, &[Int]) -> Outcome;
type Reference = fn(&[i64]) -> Option<Vec<i64>>;
/// The least and the most that each input is.
type Ranges = &'static [(i64, i64)];

fn compare(chip: &mut Chip, live: Node, ints: &[Int]) -> Outcome {
    let (a, b) = (chip.words(&ints[0]), chip.words(&ints[1]));
    let found = chip.compare(live, &a, &b);
    Outcome::Bits(vec![found.lt, found.eq, found.gt])
}

fn order(of: &[i64]) -> Option<Vec<i64>> {
    let order = of[0].cmp(&of[1]);
    Some(vec![order.is_lt().into(), order.is_eq().into(), order.is_gt().into()])
}

fn at_most(chip: &mut Chip, live: Node, ints: &[Int]) -> Outcome {
    let (a, b) = (chip.words(&ints[0]), chip.words(&ints[1]));
    Outcome::Bits(vec![chip.at_most(live, &a, &b)])
}

fn less(of: &[i64]) -> Option<Vec<i64>> {
    (of[0] <= of[1]).then(|| vec![(of[0] < of[1]).into()])
}

/// Gadgets with bounds of their inputs and what they should give.
const GADGETS: [(&str, Ranges, Gadget, Reference); 6] = [
    ("compare", &[(-3, 12), (-3, 12)], compare, order),
    ("compare words", &[(0, 17), (0, 17)], compare, order),
    (
        "divide",
        &[(-8, 7), (-3, 4)],
        |chip, live, ints| {
            let range = (I256::from(-8), I256::from(8));
            one(chip.divide(live, &ints[0], I256::ONE, &ints[1], range, false))
        },
        |of| (of[1] != 0).then(|| vec![half_even(of[0], of[1])]),
    ),
    (
        "truncate",
        &[(-8, 7), (-3, 4)],
        |chip, live, ints| {
            let found = chip.truncate(live, &ints[0], &ints[1]);
            Outcome::Ints(vec![found.quotient, found.rest])
        },
        |of| (of[1] != 0).then(|| vec![of[0] / of[1], of[0] % of[1]]),
    ),
    ("at most", &[(-3, 12), (-3, 12)], at_most, less),
    ("at most words", &[(0, 33), (0, 33)], at_most, less),
];

/// Whether some input has results that the reference does not have.
fn is_wrong(small: &Small, bounds: &[(i64, i64)], reference: Reference) -> bool {
    let Small { chip, live, inputs, result } = small;
    let model = Model::new(chip, 1);
    let read = columns(chip, &nodes(result));
    tuples(bounds).iter().any(|tuple| {
        [1, 0].into_iter().any(|on| {
            let mut fixed = vec![(chip.column_of(*live), on)];
            for (int, value) in inputs.iter().zip(tuple) {
                fixed.extend(encoded(&model, chip, int, *value, 0));
            }
            let found = results(chip, &model, result, &fixed, &read);
            let wanted = if on == 1 { reference(tuple) } else { found.first().map(|it| vec![0; it.len()]) };
            found != wanted.into_iter().collect::<BTreeSet<_>>()
        })
    })
}

/// Each constraint of a kind that a gadget has is left out in turn, and false results are looked for.
#[test]
fn models_without_a_constraint_have_false_results() {
    let mut needed = BTreeSet::new();
    for (name, bounds, gadget, reference) in GADGETS {
        let whole = build(bounds, gadget);
        assert!(!is_wrong(&whole, bounds, reference), "{name}");
        for at in 0..whole.chip.constraints.len() {
            let label = whole.chip.constraints[at].label;
            if !KINDS.contains(&label) || needed.contains(label) {
                continue;
            }
            let mut small = build(bounds, gadget);
            small.chip.constraints.remove(at);
            if is_wrong(&small, bounds, reference) {
                needed.insert(label);
            }
        }
    }
    assert!(needed.iter().eq(&KINDS), "{needed:?}");
}

#[test]
fn rows_and_years_without_a_constraint_have_false_results() {
    for kind in ["one mark between neighbours", "words before the first difference are equal"] {
        assert_eq!(sorted_tables(Some(kind)), None, "{kind}");
    }
    for kind in ["a group with candidates has a pick", "the value is that of the picked row"] {
        assert!(!picks_are_right(Some(kind)), "{kind}");
    }
    for kind in ["a century is leap only if 400 divides it", "no year where none counts"] {
        assert_eq!(years([365].into_iter(), Some(kind)), None, "{kind}");
    }
}

/// A comparison whose distance has no range compares as it likes.
#[test]
fn models_without_a_range_have_false_results() {
    let (_, bounds, gadget, reference) = GADGETS[0];
    let mut small = build(bounds, gadget);
    let ranges =
        small.chip.interactions.iter().rposition(|message| message.bus == RANGE_BUS).expect("a range");
    small.chip.interactions.remove(ranges);
    assert!(is_wrong(&small, bounds, reference));
}

/// Kinds of constraints that the search for changes of a few cells does not show to be needed (`deletion`).
const KINDS: [&str; 6] = [
    "a divisor is not zero",
    "a tie is rounded to even",
    "greater is a bit",
    "less is a bit",
    "not less and greater at once",
    "one mark where the lists differ",
];
