//! `reduce`: rows sorted by the key, sums and picks along each group, and a chip with one row per group.

use alloc::{collections::BTreeMap, format, vec::Vec};

use ethnum::I256;
use proofmark_plan::{
    typed::{ReduceColumn, TypedReduction, TypedSortKey},
    types::{Schema, Type},
};

use super::{
    Compiler, Reason,
    number::power10,
    relation::{Data, Relation, Taken, Val, ascending, key_of, no, position_key},
};
use crate::{
    air::{Chip, F, Node, Op},
    gadget::{Cont, Int, Limb, Term, Word},
    table::bounds,
};

/// Groups of a `reduce` whose bound nobody gave.
const DEFAULT_GROUPS: u32 = 255;

/// Rows in groups.
struct Groups {
    relation: Relation,
    position: Int,
    cont: Cont,
    /// One on the last row of each group.
    last: Node,
    /// One on rows that count.
    member: Node,
    /// Whether every group has a row.
    keyed: bool,
    counts: BTreeMap<Node, Node>,
    sums: BTreeMap<usize, Sums>,
    squares: BTreeMap<usize, Sums>,
}

/// The sums of the digits of a column, and the number of its values.
#[derive(Clone)]
struct Sums {
    digits: Vec<Limb>,
    offset: I256,
    count: Node,
    /// Whether every group has a value.
    always: bool,
    /// Bounds of a single value.
    range: (I256, I256),
}

/// A column of the result, before its parts are taken to the chip of groups.
enum Part {
    Count(Node),
    Key(usize),
    Mean { sums: Sums, shift: i32 },
    Pick { like: Val, values: Vec<Node>, found: Node, always: bool },
    Sum(Sums),
    Variance { sums: Sums, squares: Sums, scales: (i32, i32), population: bool, root: bool },
}

impl Compiler<'_> {
    pub(crate) fn reduce(
        &mut self,
        (relation, source): (&Relation, &Schema),
        keys: &[usize],
        columns: &[ReduceColumn],
        schema: &Schema,
    ) -> Result<Relation, Reason> {
        let bound = self.bounds.groups.get(self.reductions).copied().unwrap_or(DEFAULT_GROUPS);
        self.reductions += 1;
        let mut groups = self.groups(relation, keys, columns)?;
        let parts = columns
            .iter()
            .map(|column| match column {
                ReduceColumn::Key(at) => {
                    keys.get(*at).copied().map(Part::Key).ok_or_else(|| no("it has a key that is not there"))
                }
                ReduceColumn::Aggregate(reduction) => self.part(&mut groups, reduction, source),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let target = self.chip("groups", if keys.is_empty() { 1 } else { bound })?;
        let number = self.group_number(&groups);
        let from = groups.relation.chip;
        let mut taken = self.take(from, groups.last, target);
        let mut finished = Vec::with_capacity(parts.len());
        let chips = &mut self.chips;
        let taken_number = taken.cell(chips, number);
        for part in &parts {
            finished.push(take_part(chips, &mut taken, &groups, part));
        }
        let log_source = chips[from].log_height;
        taken.finish(chips, Vec::new());
        let chip = &mut chips[target];
        number_groups(chip, taken_number);
        let mut values = Vec::with_capacity(parts.len());
        for ((part, taken), column) in parts.into_iter().zip(finished).zip(schema.columns()) {
            values.push(finish_part(chip, part, taken, column.ty.ty, log_source)?);
        }
        let select = chip.real;
        Ok(Relation { chip: target, select, columns: values, position: None, grouped: None })
    }

    fn groups(
        &mut self,
        relation: &Relation,
        keys: &[usize],
        columns: &[ReduceColumn],
    ) -> Result<Groups, Reason> {
        let empty = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        if keys.is_empty() {
            // All rows are one group, even if there are none: no need to sort.
            let position = self.position(relation);
            let chip = &mut self.chips[relation.chip];
            let (head, real) = (chip.head, chip.real);
            let next_real = chip.next(real);
            let (start, end) = (chip.add(head, real), chip.not(next_real));
            let is_last = chip.mul(start, end);
            let last = chip.column();
            chip.equal(last, is_last, "the last row of the table");
            let column = chip.column_of(last);
            chip.fill_pass(move |pass| {
                let rows = (0..pass.height()).rposition(|row| pass.field(row, start) != F::default());
                pass.write(rows.unwrap_or(0), column, p3_field::PrimeCharacteristicRing::ONE);
                Ok(())
            });
            let member = relation.select;
            return Ok(Groups {
                relation: relation.clone(),
                position,
                cont: Cont::All,
                last,
                member,
                keyed: false,
                counts: empty.0,
                sums: empty.1,
                squares: empty.2,
            });
        }
        if let Some((sorted_by, neighbours)) = &relation.grouped
            && sorted_by == keys
        {
            return Ok(Groups {
                position: self.position(relation),
                member: relation.select,
                relation: relation.clone(),
                cont: Cont::By(neighbours.cont),
                last: neighbours.last,
                keyed: true,
                counts: empty.0,
                sums: empty.1,
                squares: empty.2,
            });
        }
        let mut kept = keys.to_vec();
        for column in columns {
            if let ReduceColumn::Aggregate(reduction) = column {
                fields_of(reduction, &mut kept);
            }
        }
        kept.sort_unstable();
        kept.dedup();
        let (sorted, neighbours) = self.sort(relation, &kept, &ascending(keys), &[])?;
        let position = self.position(&sorted);
        Ok(Groups {
            member: sorted.select,
            relation: sorted,
            position,
            cont: Cont::By(neighbours.cont),
            last: neighbours.last,
            keyed: true,
            counts: empty.0,
            sums: empty.1,
            squares: empty.2,
        })
    }

    /// The number of a row's group, from one on.
    fn group_number(&mut self, groups: &Groups) -> Node {
        let chip = &mut self.chips[groups.relation.chip];
        let Cont::By(cont) = groups.cont else { return chip.int(1) };
        let number = chip.column();
        let [first, transition] = [Op::First, Op::Transition].map(|op| chip.graph.add_op(op));
        let at_first = chip.mul(first, number);
        chip.zero(at_first, "groups are numbered from the head");
        let real = chip.real;
        let (next, next_real) = (chip.next(number), chip.next(real));
        let sum = chip.add(number, next_real);
        let wanted = chip.sub(sum, cont);
        let difference = chip.sub(next, wanted);
        let gated = chip.mul(transition, difference);
        chip.zero(gated, "groups are numbered one by one");
        let column = chip.column_of(number);
        chip.fill_row(move |row| {
            let continues = row.field_before(cont).unwrap_or_default();
            let before = row.before().map_or(F::default(), |cells| cells[column]);
            let value = before + row.field(real) - continues;
            row.write(column, value);
            Ok(())
        });
        number
    }

    fn part(
        &mut self,
        groups: &mut Groups,
        reduction: &TypedReduction,
        source: &Schema,
    ) -> Result<Part, Reason> {
        let scale_of =
            |field: usize| source.columns().get(field).and_then(|c| c.ty.ty.scale()).map_or(0, i32::from);
        Ok(match reduction {
            TypedReduction::CountRows => Part::Count(self.count(groups, groups.member)),
            TypedReduction::Count(field) => {
                let weight = self.weight(groups, *field);
                Part::Count(self.count(groups, weight))
            }
            TypedReduction::First(field, by) => self.pick(groups, *field, by, false),
            TypedReduction::Last(field, by) => self.pick(groups, *field, by, true),
            TypedReduction::Min(field) => self.pick_value(groups, *field, false),
            TypedReduction::Max(field) => self.pick_value(groups, *field, true),
            TypedReduction::Sum(field) => Part::Sum(self.sums(groups, *field)?),
            TypedReduction::Mean(field, scale) => {
                Part::Mean { sums: self.sums(groups, *field)?, shift: i32::from(*scale) - scale_of(*field) }
            }
            TypedReduction::Variance { field, scale, population, root } => {
                let scales = (i32::from(*scale), scale_of(*field));
                Part::Variance {
                    sums: self.sums(groups, *field)?,
                    squares: self.squares(groups, *field)?,
                    scales,
                    population: *population,
                    root: *root,
                }
            }
            TypedReduction::CountDistinct(_) => {
                return Err(no("counting different values is not covered yet"));
            }
            TypedReduction::Percentile { .. } => return Err(no("percentiles are not covered yet")),
        })
    }

    /// One on rows whose value counts.
    fn weight(&mut self, groups: &Groups, field: usize) -> Node {
        let valid = groups.relation.columns[field].valid;
        self.chips[groups.relation.chip].and(groups.member, valid)
    }

    fn count(&mut self, groups: &mut Groups, weight: Node) -> Node {
        if let Some(count) = groups.counts.get(&weight) {
            return *count;
        }
        let chip = &mut self.chips[groups.relation.chip];
        let one = chip.int(1);
        let count = chip.running_sum(groups.cont, weight, one);
        groups.counts.insert(weight, count);
        count
    }

    fn always(&self, groups: &Groups, field: usize) -> bool {
        let chip = &self.chips[groups.relation.chip];
        groups.keyed
            && chip.graph.as_constant(groups.relation.columns[field].valid)
                == Some(p3_field::PrimeCharacteristicRing::ONE)
    }

    fn sums(&mut self, groups: &mut Groups, field: usize) -> Result<Sums, Reason> {
        if let Some(sums) = groups.sums.get(&field) {
            return Ok(sums.clone());
        }
        let Data::Int(int) = groups.relation.columns[field].data.clone() else {
            return Err(no("it sums what is no number"));
        };
        let weight = self.weight(groups, field);
        let sums = self.sums_of(groups, field, weight, &int)?;
        groups.sums.insert(field, sums.clone());
        Ok(sums)
    }

    fn squares(&mut self, groups: &mut Groups, field: usize) -> Result<Sums, Reason> {
        if let Some(sums) = groups.squares.get(&field) {
            return Ok(sums.clone());
        }
        let Data::Int(int) = groups.relation.columns[field].data.clone() else {
            return Err(no("it squares what is no number"));
        };
        let weight = self.weight(groups, field);
        let most = int.hi.max(-int.lo);
        let most = most.checked_mul(most).ok_or_else(|| no("its squares have too many digits"))?;
        let chip = &mut self.chips[groups.relation.chip];
        let square = chip.combine(weight, &[(1, &int, Some(&int))], (I256::ZERO, most), false);
        let sums = self.sums_of(groups, field, weight, &square)?;
        groups.squares.insert(field, sums.clone());
        Ok(sums)
    }

    fn sums_of(
        &mut self,
        groups: &mut Groups,
        field: usize,
        weight: Node,
        int: &Int,
    ) -> Result<Sums, Reason> {
        let count = self.count(groups, weight);
        let always = self.always(groups, field);
        let chip = &mut self.chips[groups.relation.chip];
        let mut digits = Vec::with_capacity(int.limbs.len());
        for limb in &int.limbs {
            let bits = limb.bits + chip.log_height;
            if bits > 30 {
                return Err(no("sums of its digits pass the field"));
            }
            let raw = chip.running_sum(groups.cont, weight, limb.raw);
            digits.push(Limb { raw, bits, base: 0 });
        }
        Ok(Sums { digits, offset: int.offset(), count, always, range: (int.lo, int.hi) })
    }

    fn pick(&mut self, groups: &Groups, field: usize, by: &[TypedSortKey], last: bool) -> Part {
        let chip = &mut self.chips[groups.relation.chip];
        let mut keys: Vec<_> = by.iter().map(|key| key_of(&groups.relation.columns, key)).collect();
        keys.push(position_key(chip, &groups.position, false));
        let mut words = chip.key_words(&keys);
        if last {
            for word in &mut words {
                let largest = chip.int((1 << word.bits) - 1);
                word.node = chip.sub(largest, word.node);
            }
        }
        self.pick_words(groups, field, &words)
    }

    fn pick_value(&mut self, groups: &Groups, field: usize, largest: bool) -> Part {
        let chip = &mut self.chips[groups.relation.chip];
        let key = TypedSortKey { column: field, descending: largest, nulls_first: false };
        let mut key = key_of(&groups.relation.columns, &key);
        // Candidates are not null.
        key.valid = chip.int(1);
        let keys = [key, position_key(chip, &groups.position, false)];
        let words = chip.key_words(&keys);
        self.pick_words(groups, field, &words)
    }

    fn pick_words(&mut self, groups: &Groups, field: usize, words: &[Word]) -> Part {
        let candidate = self.weight(groups, field);
        let like = groups.relation.columns[field].clone();
        let values: Vec<(Node, i64)> = match &like.data {
            Data::Bit(bit) => alloc::vec![(*bit, 0)],
            Data::Int(int) | Data::Text(int, _) => {
                int.limbs.iter().map(|limb| (limb.raw, -limb.base)).collect()
            }
        };
        let chip = &mut self.chips[groups.relation.chip];
        let (values, found) = chip.pick(groups.cont, groups.last, candidate, words, &values);
        Part::Pick { like, values, found, always: self.always(groups, field) }
    }
}

/// Columns that an aggregate reads.
fn fields_of(reduction: &TypedReduction, fields: &mut Vec<usize>) {
    match reduction {
        TypedReduction::CountRows => {}
        TypedReduction::First(field, by) | TypedReduction::Last(field, by) => {
            fields.push(*field);
            fields.extend(by.iter().map(|key| key.column));
        }
        TypedReduction::Count(field)
        | TypedReduction::CountDistinct(field)
        | TypedReduction::Max(field)
        | TypedReduction::Mean(field, _)
        | TypedReduction::Min(field)
        | TypedReduction::Percentile { field, .. }
        | TypedReduction::Sum(field)
        | TypedReduction::Variance { field, .. } => fields.push(*field),
    }
}

/// Cells of a part in the chip of groups.
enum TakenPart {
    Cells(Vec<Node>),
    Val(Val),
}

fn take_part(chips: &mut [Chip], taken: &mut Taken, groups: &Groups, part: &Part) -> TakenPart {
    let mut cells =
        |nodes: Vec<Node>| TakenPart::Cells(nodes.into_iter().map(|node| taken.cell(chips, node)).collect());
    let of = |sums: &Sums| {
        let mut nodes: Vec<Node> = sums.digits.iter().map(|digit| digit.raw).collect();
        nodes.push(sums.count);
        nodes
    };
    match part {
        Part::Count(count) => cells(alloc::vec![*count]),
        Part::Key(at) => TakenPart::Val(taken.val(chips, &groups.relation.columns[*at])),
        Part::Mean { sums, .. } | Part::Sum(sums) => cells(of(sums)),
        Part::Pick { values, found, .. } => {
            let mut nodes = values.clone();
            nodes.push(*found);
            cells(nodes)
        }
        Part::Variance { sums, squares, .. } => {
            let mut nodes = of(sums);
            nodes.extend(of(squares));
            cells(nodes)
        }
    }
}

/// The chip of groups has the groups in the order of their numbers.
fn number_groups(chip: &mut Chip, number: Node) {
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

fn finish_part(
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
                let single = chip.sub(count.limbs[0].raw, one);
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
    let limbs = alloc::vec![Limb { raw: cell, bits: log_source, base: 0 }];
    Int { limbs, slot, lo: I256::from(lo), hi: I256::from((1i64 << log_source) - 1) }
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
    let digits = Int { limbs: digits, slot: total.slot, lo: range.0, hi: range.1 };
    chip.identity(live, &[Term::of(1, &digits), Term::product(1, count, &offset), Term::of(-1, &total)]);
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
