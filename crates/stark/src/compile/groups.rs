//! The chip with one row per group: what is computed from sums and picks once a group is complete.

use alloc::{format, vec::Vec};

use ethnum::I256;
use proofmark_plan::types::Type;

use super::{
    Reason,
    number::power10,
    reduce::{Part, Sums, TakenPart},
    relation::{Data, Val, no},
};
use crate::{
    air::{Chip, Node},
    gadget::{Int, LIMB_BITS, Limb, Term},
    table::bounds,
};

/// Bits of the largest sum of digits: below half of the order.
const MOST_SUM_BITS: u32 = 30;

/// The chip of groups has the groups in the order of their numbers.
pub(super) fn number_groups(chip: &mut Chip, number: Node) {
    if chip.graph.as_constant(number).is_some() {
        return;
    }
    let one = chip.int(1);
    let (real, head) = (chip.real, chip.head);
    let next = chip.next(number);
    let next_real = chip.next(real);
    let wanted = chip.add(number, one);
    let difference = chip.sub(next, wanted);
    let gated = chip.mul(next_real, difference);
    chip.zero(gated, "groups come in the order of their numbers");
    let at_head = chip.mul(head, number);
    chip.zero(at_head, "groups are numbered from the head");
}

pub(super) fn finish_part(
    chip: &mut Chip,
    part: Part,
    taken: TakenPart,
    ty: Type,
    log_source: u32,
) -> Result<Val, Reason> {
    let one = chip.int(1);
    let cells = match taken {
        TakenPart::Val(val) => return Ok(val),
        TakenPart::Cells(cells) => cells,
    };
    match part {
        // Keys were taken as values.
        Part::Key(_) | Part::Count(_) => {
            let count = count_int(chip, cells[0], log_source, 0);
            Ok(Val { valid: one, data: Data::Int(count) })
        }
        Part::Pick { like, found: _, always, .. } => {
            let found = cells[cells.len() - 1];
            let valid = if always { one } else { found };
            let data = match &like.data {
                Data::Bit(_) => {
                    let missing = chip.not(found);
                    let stray = chip.mul(missing, cells[0]);
                    chip.zero(stray, "nothing is picked from nothing");
                    Data::Bit(cells[0])
                }
                Data::Int(int) => Data::Int(picked(chip, int, &cells, found)),
                Data::Text(int, bound) => Data::Text(picked(chip, int, &cells, found), *bound),
            };
            Ok(Val { valid, data })
        }
        Part::Sum(sums) => {
            let (live, valid, count) = counted(chip, &sums, &cells, log_source);
            let (lo, hi) = bounds(ty, 0).ok_or_else(|| no("a sum of no numbers"))?;
            let most = I256::from((1i64 << log_source) - 1);
            let range = (sums.range.0 * most, sums.range.1 * most);
            let cut = range.0 < lo || range.1 > hi;
            let total = total(chip, live, &sums, &cells, &count, (range.0.max(lo), range.1.min(hi)));
            if cut {
                chip.exact(live, &total);
            }
            Ok(Val { valid, data: Data::Int(total) })
        }
        Part::Mean { sums, shift } => {
            let (live, valid, count) = counted(chip, &sums, &cells, log_source);
            let total = whole_total(chip, live, &sums, &cells, &count, log_source);
            let factor = power10(shift.max(0).unsigned_abs());
            let divisor = scaled(chip, live, &count, (-shift).max(0).unsigned_abs());
            let most = sums.range.1.max(-sums.range.0) * factor;
            let mean = chip.divide(live, &total, factor, &divisor, fits(-most, most, ty)?, false);
            Ok(Val { valid, data: Data::Int(mean) })
        }
        Part::Variance { sums, squares, scales, population, root } => {
            let (live, _, count) = counted(chip, &sums, &cells, log_source);
            let total = whole_total(chip, live, &sums, &cells, &count, log_source);
            let square_cells = &cells[sums.digits.len() + 1..];
            let square_total = whole_total(chip, live, &squares, square_cells, &count, log_source);
            let least = if population { 1 } else { 2 };
            // Fewer values have no variance.
            let (valid, live) = if population && sums.always {
                (one, live)
            } else if population {
                (live, live)
            } else {
                let single = chip.sub(cells[sums.digits.len()], one);
                let single = chip.is_zero(live, single);
                let several = chip.sub(live, single);
                (several, several)
            };
            let variance = Spread { count, total, square_total, range: sums.range, least };
            let value = variance.value(chip, live, scales, root, ty)?;
            Ok(Val { valid, data: Data::Int(value) })
        }
    }
}

/// What a variance is computed from.
struct Spread {
    count: Int,
    total: Int,
    square_total: Int,
    range: (I256, I256),
    /// The fewest values that have one.
    least: i64,
}

impl Spread {
    fn value(
        &self,
        chip: &mut Chip,
        live: Node,
        (to, from): (i32, i32),
        root: bool,
        ty: Type,
    ) -> Result<Int, Reason> {
        let count = Int { lo: I256::from(self.least), ..self.count.clone() };
        let wide = || no("a variance of numbers with too many digits");
        let most = count.hi.checked_mul(self.square_total.hi).ok_or_else(wide)?;
        let deviations = chip.combine(
            live,
            &[(1, &count, Some(&self.square_total)), (-1, &self.total, Some(&self.total))],
            (I256::ZERO, most),
            false,
        );
        let squared =
            chip.combine(live, &[(1, &count, Some(&count))], (I256::ZERO, count.hi * count.hi), false);
        let mut divisor = if self.least == 1 {
            squared
        } else {
            let range = (I256::ZERO, count.hi * count.hi);
            chip.combine(live, &[(1, &squared, None), (-1, &count, None)], range, false)
        };
        divisor.lo = I256::ONE;
        let shift = if root { 2 * (to - from) } else { to - 2 * from };
        let divisor = scaled(chip, live, &divisor, (-shift).max(0).unsigned_abs());
        let factor = power10(shift.max(0).unsigned_abs());
        let span = self.range.1 - self.range.0 + I256::ONE;
        if root {
            let scaled_most = most.checked_mul(factor).ok_or_else(wide)?;
            let constant = chip.constant(factor);
            let scaled =
                chip.combine(live, &[(1, &deviations, Some(&constant))], (I256::ZERO, scaled_most), false);
            let most = span * power10((to - from).max(0).unsigned_abs());
            return Ok(chip.root(live, &scaled, &divisor, fits(I256::ZERO, most, ty)?.1));
        }
        let most = span.checked_mul(span).and_then(|most| most.checked_mul(factor)).ok_or_else(wide)?;
        Ok(chip.divide(live, &deviations, factor, &divisor, fits(I256::ZERO, most, ty)?, false))
    }
}

/// Bounds that must lie in a type.
fn fits(lo: I256, hi: I256, ty: Type) -> Result<(I256, I256), Reason> {
    match bounds(ty, 0) {
        Some((least, most)) if least <= lo && hi <= most => Ok((lo, hi)),
        _ => Err(format!("a figure may pass {ty}")),
    }
}

/// `int · 10^digits`.
fn scaled(chip: &mut Chip, live: Node, int: &Int, digits: u32) -> Int {
    if digits == 0 {
        return int.clone();
    }
    let factor = power10(digits);
    let constant = chip.constant(factor);
    let result = chip.combine(live, &[(1, int, Some(&constant))], (I256::ZERO, int.hi * factor), false);
    Int { lo: int.lo * factor, ..result }
}

/// The number of values as an integer.
fn count_int(chip: &mut Chip, cell: Node, log_source: u32, lo: i64) -> Int {
    let slot = chip.slot();
    chip.fill_row(move |row| {
        let value = row.integer(cell, 0);
        row.set(slot, I256::from(value));
        Ok(())
    });
    let limbs = digits_of(chip, cell, log_source);
    Int { limbs, slot, lo: I256::from(lo), hi: I256::from((1i64 << log_source) - 1) }
}

/// The digits of a cell below `2^bits`, at most `2^30`: itself if it is one, else new ones that sum to it. Both sides are
/// below the order, so they are equal as integers.
fn digits_of(chip: &mut Chip, cell: Node, bits: u32) -> Vec<Limb> {
    if bits <= LIMB_BITS {
        return alloc::vec![Limb { raw: cell, bits, base: 0 }];
    }
    if bits > MOST_SUM_BITS {
        chip.fault = Some("a sum of digits passes the field");
    }
    let (mut limbs, mut sum, mut left) = (Vec::new(), chip.int(0), bits);
    while left > 0 {
        let width = left.min(LIMB_BITS);
        let raw = chip.ranged(width);
        let shifted = chip.scale(raw, 1 << (bits - left));
        sum = chip.add(sum, shifted);
        limbs.push(Limb { raw, bits: width, base: 0 });
        left -= width;
    }
    chip.equal(cell, sum, "a sum is its digits");
    let columns: Vec<usize> = limbs.iter().map(|limb| chip.column_of(limb.raw)).collect();
    chip.fill_row(move |row| {
        let mut value = row.integer(cell, 0);
        for column in &columns {
            row.write_int(*column, value & ((1 << LIMB_BITS) - 1));
            value >>= LIMB_BITS;
        }
        Ok(())
    });
    limbs
}

/// Where there is a value, whether there is one, and how many there are.
fn counted(chip: &mut Chip, sums: &Sums, cells: &[Node], log_source: u32) -> (Node, Node, Int) {
    let cell = cells[sums.digits.len()];
    let count = count_int(chip, cell, log_source, 1);
    let (one, real) = (chip.int(1), chip.real);
    if sums.always {
        return (real, one, count);
    }
    let none = chip.is_zero(real, cell);
    let live = chip.sub(real, none);
    (live, live, count)
}

fn whole_total(
    chip: &mut Chip,
    live: Node,
    sums: &Sums,
    cells: &[Node],
    count: &Int,
    log_source: u32,
) -> Int {
    let most = I256::from((1i64 << log_source) - 1);
    let range = (sums.range.0.min(I256::ZERO) * most, sums.range.1.max(I256::ZERO) * most);
    total(chip, live, sums, cells, count, range)
}

/// The sum, from the sums of digits: `sum_i A_i · 2^(13 i) + count · offset`.
fn total(chip: &mut Chip, live: Node, sums: &Sums, cells: &[Node], count: &Int, range: (I256, I256)) -> Int {
    let digits: Vec<Limb> =
        sums.digits.iter().zip(cells).map(|(digit, cell)| Limb { raw: *cell, ..*digit }).collect();
    let (parts, offset, count_slot) = (digits.clone(), sums.offset, count.slot);
    let total = chip.witness(live, range.0, range.1, move |row| {
        let mut value = row.get(count_slot) * offset;
        for (at, digit) in parts.iter().enumerate() {
            value += I256::from(row.integer(digit.raw, 0)) << (at as u32 * crate::gadget::LIMB_BITS);
        }
        Ok(value)
    });
    let offset = chip.constant(sums.offset);
    let mut terms = alloc::vec![Term::product(1, count, &offset), Term::of(-1, &total)];
    let nothing = Limb { raw: chip.int(0), bits: 0, base: 0 };
    for (at, digit) in digits.iter().enumerate() {
        // A sum of digits has several digits of its own, from its place on.
        let mut limbs = alloc::vec![nothing; at];
        limbs.extend(digits_of(chip, digit.raw, digit.bits));
        terms.push(Term::of(1, &Int { limbs, ..total.clone() }));
    }
    chip.identity(live, &terms);
    total
}

/// A picked integer; zero where nothing was found.
fn picked(chip: &mut Chip, like: &Int, cells: &[Node], found: Node) -> Int {
    let limbs: Vec<Limb> =
        like.limbs.iter().zip(cells).map(|(limb, cell)| Limb { raw: *cell, ..*limb }).collect();
    let slot = chip.slot();
    let zero = I256::ZERO;
    let int = Int { limbs, slot, lo: like.lo.min(zero), hi: like.hi.max(zero) };
    let (parts, offset) = (int.limbs.clone(), int.offset());
    chip.fill_row(move |row| {
        if row.bit(found) {
            let mut value = offset;
            for (at, limb) in parts.iter().enumerate() {
                value += I256::from(row.integer(limb.raw, 0)) << (at as u32 * crate::gadget::LIMB_BITS);
            }
            row.set(slot, value);
        }
        Ok(())
    });
    if cells.iter().take(like.limbs.len()).all(|cell| chip.graph.as_constant(*cell).is_none()) {
        // Where nothing was found, the digits of zero.
        let columns: Vec<usize> =
            cells.iter().take(like.limbs.len()).map(|cell| chip.column_of(*cell)).collect();
        let zeros: Vec<i64> = like.limbs.iter().map(|limb| -limb.base).collect();
        chip.fill_row(move |row| {
            if !row.bit(found) {
                for (column, zero) in columns.iter().zip(&zeros) {
                    row.write_int(*column, (*zero).into());
                }
            }
            Ok(())
        });
    }
    chip.zero_unless(found, &int);
    int
}
