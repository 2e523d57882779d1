//! Gadgets over several rows in the small model, and the year of a date: as in `small`.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use ethnum::I256;

use super::{
    model::{Model, columns, smallest, smallest_of},
    small::{encoded, tuples, value},
};
use crate::{
    air::{Chip, Node},
    gadget::{Cont, Int, Key, KeyValue, Limb, Word},
};

/// A chip with a head and three more rows.
fn four_rows<T>(build: impl Fn(&mut Chip) -> T) -> (Chip, T) {
    smallest_of(|radix| {
        let mut chip = Chip::new("rows", 2);
        chip.radix = radix;
        let made = build(&mut chip);
        (chip, made)
    })
}

/// The cells of `real` for so many rows.
fn real_cells(model: &Model, chip: &Chip, rows: usize) -> Vec<(usize, i64)> {
    (0..4)
        .map(|row| (model.cell(row, chip.column_of(chip.real)), i64::from((1..=rows).contains(&row))))
        .collect()
}

/// All tables of up to three rows with keys of two words of two bits: those that are sorted strictly pass, and say
/// which rows continue a group; all others do not. How many pass, or nothing if a result is false; the constraints of
/// one kind may be left out.
pub(super) fn sorted_tables(without: Option<&str>) -> Option<usize> {
    let (mut chip, (group, rest, near)) = four_rows(|chip| {
        let [group, rest] = [0, 1].map(|_| Word { node: chip.ranged(2), bits: 2 });
        let near = chip.sorted(&[group], &[rest]);
        (group, rest, near)
    });
    chip.constraints.retain(|constraint| Some(constraint.label) != without);
    let model = Model::new(&chip, 4);
    let read = columns(&chip, &[near.cont, near.last]);
    let mut sorted = 0;
    for rows in 0..=3usize {
        for keys in tuples(&vec![(0, 15); rows]) {
            let mut fixed = real_cells(&model, &chip, rows);
            for row in 0..4 {
                // Nobody looks at the keys of other rows.
                let key = if (1..=rows).contains(&row) { keys[row - 1] } else { 0 };
                fixed.push((model.cell(row, chip.column_of(group.node)), key / 4));
                fixed.push((model.cell(row, chip.column_of(rest.node)), key % 4));
            }
            let targets: Vec<usize> = (0..4)
                .flat_map(|row| read.iter().map(move |column| (row, *column)))
                .map(|(row, column)| model.cell(row, column))
                .collect();
            let found: BTreeSet<Vec<[i64; 2]>> = model
                .solutions(&fixed, &targets)
                .iter()
                .map(|cells| {
                    let of = |cells| [near.cont, near.last].map(|node| value(&chip, node, &read, cells));
                    cells.chunks(read.len()).map(of).collect()
                })
                .collect();
            let mut wanted = BTreeSet::new();
            if keys.is_sorted_by(|a, b| a < b) {
                let cont = |row: usize| {
                    let both = (1..rows).contains(&row);
                    i64::from(both && keys[row - 1] / 4 == keys[row] / 4)
                };
                let last = |row: usize| i64::from((1..=rows).contains(&row)) - cont(row);
                wanted.insert((0..4).map(|row| [cont(row), last(row)]).collect());
                sorted += 1;
            }
            if found != wanted {
                return None;
            }
        }
    }
    Some(sorted)
}

#[test]
fn only_sorted_rows_pass() {
    // Subsets of 16 keys with at most three members.
    assert_eq!(sorted_tables(None), Some(1 + 16 + 120 + 560));
}

/// Keys of a number that may be null, in all orders: words compare as the values do.
#[test]
fn words_of_keys_have_the_order_of_the_values() {
    for choice in tuples(&[(0, 1), (0, 1)]) {
        let (descending, nulls_first) = (choice[0] == 1, choice[1] == 1);
        let (chip, (valid, int, words)) = smallest(|chip| {
            let valid = chip.ranged(1);
            let int = chip.limbs(I256::from(-5), I256::from(9));
            let key = Key { value: KeyValue::Int(int.clone()), valid, descending, nulls_first };
            let words = chip.key_words(&[key]);
            (valid, int, words)
        });
        let model = Model::new(&chip, 1);
        let values: Vec<Option<i64>> = (-5..=9).map(Some).chain([None]).collect();
        let words_of = |of: Option<i64>| -> Vec<i64> {
            let mut cells = encoded(&model, &chip, &int, of.unwrap_or(0), 0);
            cells.push((chip.column_of(valid), i64::from(of.is_some())));
            let (columns, values): (Vec<_>, Vec<_>) = cells.into_iter().unzip();
            words.iter().map(|word| value(&chip, word.node, &columns, &values)).collect()
        };
        for (a, b) in values.iter().flat_map(|a| values.iter().map(move |b| (*a, *b))) {
            let wanted = match (a, b) {
                (Some(a), Some(b)) if descending => b.cmp(&a),
                (Some(a), Some(b)) => a.cmp(&b),
                (a, b) if nulls_first => a.is_some().cmp(&b.is_some()),
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            assert_eq!(words_of(a).cmp(&words_of(b)), wanted, "{a:?} {b:?} {choice:?}");
        }
    }
}

/// All groupings of three rows, all candidates, all keys of two bits that differ, and all values of one bit: the value
/// of the candidate with the least key is picked, or nothing from no candidates. Sums over groups come with it. Whether
/// that is so, perhaps without the constraints of one kind.
pub(super) fn picks_are_right(without: Option<&str>) -> bool {
    let (mut chip, (cont, candidate, key, data, picked, found)) = four_rows(|chip| {
        let [cont, candidate, data] = [0, 1, 2].map(|_| chip.ranged(1));
        let key = Word { node: chip.ranged(2), bits: 2 };
        let last = chip.not(cont);
        let (picked, found) = chip.pick(Cont::By(cont), last, candidate, &[key], &[(data, 0)]);
        (cont, candidate, key, data, picked[0], found)
    });
    chip.constraints.retain(|constraint| Some(constraint.label) != without);
    let model = Model::new(&chip, 4);
    let cell = |row: usize, node: Node| model.cell(row, chip.column_of(node));
    let keys: Vec<Vec<i64>> = tuples(&[(0, 3), (0, 3), (0, 3)])
        .into_iter()
        .filter(|keys| keys.iter().collect::<BTreeSet<_>>().len() == 3)
        .collect();
    for tuple in tuples(&[(0, 1); 8]) {
        let (conts, candidates, values) = (&tuple[..2], &tuple[2..5], &tuple[5..]);
        for keys in &keys {
            let mut fixed = real_cells(&model, &chip, 3);
            for row in 0..4 {
                let real = |of: &[i64]| if row == 0 { 0 } else { of[row - 1] };
                let goes_on = if (1..3).contains(&row) { conts[row - 1] } else { 0 };
                fixed.extend([
                    (cell(row, cont), goes_on),
                    (cell(row, candidate), real(candidates)),
                    (cell(row, data), real(values)),
                    (cell(row, key.node), real(keys)),
                ]);
            }
            let mut start = 1;
            for end in 1..=3 {
                if end < 3 && conts[end - 1] == 1 {
                    continue;
                }
                let best =
                    (start..=end).filter(|row| candidates[row - 1] == 1).min_by_key(|row| keys[row - 1]);
                let read = [cell(end, picked), cell(end, found)];
                let solutions = model.solutions(&fixed, &read);
                let right = match best {
                    Some(best) => solutions == BTreeSet::from([vec![values[best - 1], 1]]),
                    // What is picked from nothing the chip of groups demands to be zero.
                    None => !solutions.is_empty() && solutions.iter().all(|cells| cells[1] == 0),
                };
                if !right {
                    return false;
                }
                start = end + 1;
            }
        }
    }
    true
}

#[test]
fn the_least_of_each_group_is_picked() {
    assert!(picks_are_right(None));
}

/// All groupings of three rows, and all values of two bits: sums and values of the row before.
#[test]
fn sums_and_windows_are_forced() {
    let (chip, (cont, int, sum, before)) = four_rows(|chip| {
        let cont = chip.ranged(1);
        let int = Int {
            limbs: vec![Limb { raw: chip.ranged(2), bits: 2, base: -2 }],
            slot: chip.slot(),
            lo: I256::from(-2),
            hi: I256::ONE,
        };
        let real = chip.real;
        let sum = chip.running_sum(Cont::By(cont), real, int.limbs[0].raw);
        let value = crate::compile::Val { valid: real, data: crate::compile::Data::Int(int.clone()) };
        let before = chip.previous(cont, &value);
        (cont, int, sum, before)
    });
    let model = Model::new(&chip, 4);
    let before_int = before.int().expect("a number");
    let cell = |row: usize, node: Node| model.cell(row, chip.column_of(node));
    for tuple in tuples(&[(0, 1), (0, 1), (-2, 1), (-2, 1), (-2, 1)]) {
        let (conts, values) = (&tuple[..2], &tuple[2..]);
        let mut fixed = real_cells(&model, &chip, 3);
        for row in 0..4 {
            let goes_on = if (1..3).contains(&row) { conts[row - 1] } else { 0 };
            let raw = if row == 0 { 3 } else { values[row - 1] + 2 };
            fixed.extend([(cell(row, cont), goes_on), (cell(row, int.limbs[0].raw), raw)]);
        }
        let targets: Vec<usize> = (1..4)
            .flat_map(|row| [sum, before.valid, before_int.limbs[0].raw].map(|node| cell(row, node)))
            .collect();
        let (mut wanted, mut total) = (Vec::new(), 0);
        for row in 1..4 {
            let joined = row > 1 && conts[row - 2] == 1;
            total = if joined { total } else { 0 } + values[row - 1] + 2;
            let last = if joined { values[row - 2] } else { 0 };
            wanted.extend([total, i64::from(joined), last + 2]);
        }
        assert_eq!(model.solutions(&fixed, &targets), BTreeSet::from([wanted]), "{tuple:?}");
    }
}

/// All values of the digits of a year, with days of the year from `days`: if the constraints allow them for a date,
/// the year is that of the calendar. One date belongs to each choice of digits, since numbers below 2^22 differ modulo
/// the order. Where nothing counts, the year is zero. Returns how many dates have a year, or nothing if one has a false
/// one; the constraints of one kind may be left out. The field and the ranges are the real ones: their numbers are small.
pub(super) fn years(days: impl Iterator<Item = i64> + Clone, without: Option<&str>) -> Option<usize> {
    use proofmark_plan::calendar::{MAX_DATE, MIN_DATE, civil};
    let mut chip = Chip::bare("years", 0);
    let live = chip.column();
    let date = chip.limbs(I256::from(MIN_DATE), I256::from(MAX_DATE));
    let first = chip.width;
    let year = chip.year(live, &date);
    chip.constraints.retain(|constraint| Some(constraint.label) != without);
    let model = Model::new(&chip, 1);
    let read: Vec<usize> = [chip.column_of(live)].into_iter().chain(first..first + 4).collect();
    let mut seen = BTreeSet::new();
    for digits in tuples(&[(0, 31), (0, 3), (0, 31), (0, 3), (0, 1)]) {
        let [a, b, c, e, _] = digits[..] else { panic!("five digits") };
        for doy in days.clone() {
            let day = 146_097 * a + 36_524 * b + 1461 * c + 365 * e - 719_162 + doy;
            if day > MAX_DATE.into() {
                continue;
            }
            let mut fixed = encoded(&model, &chip, &date, day, 0);
            fixed.push((read[0], 1));
            fixed.extend(digits.iter().chain([&doy]).enumerate().map(|(at, digit)| (first + at, *digit)));
            if !model.solutions(&fixed, &[]).is_empty() {
                let found = value(&chip, year.limbs[0].raw, &read, &[1, a, b, c, e]);
                if found != i64::from(civil(day as i32).0) {
                    return None;
                }
                seen.insert(day);
            }
        }
        let mut dead = encoded(&model, &chip, &date, 0, 0);
        dead.push((read[0], 0));
        dead.extend(digits.iter().enumerate().map(|(at, digit)| (first + at, *digit)));
        if digits[..4] != [0; 4] && !model.solutions(&dead, &[]).is_empty() {
            return None;
        }
    }
    Some(seen.len())
}

/// The days around the ends of months and years, and past them.
#[test]
fn days_at_the_ends_of_years_have_their_year() {
    let found = years([0, 1, 58, 59, 363, 364, 365, 366, 511].into_iter(), None);
    // Six days of every year, and the last of leap years.
    assert_eq!(found, Some(6 * 9999 + 2424));
}

#[test]
#[ignore = "heavy: all digits of all years with all days"]
fn every_date_has_one_year() {
    assert_eq!(years(0..512, None), Some(3_652_059));
}
