//! `reduce`: rows sorted by the key, sums and picks along each group, and a chip with one row per group.

use alloc::{collections::BTreeMap, vec::Vec};

use ethnum::I256;
use proofmark_plan::{
    typed::{ReduceColumn, TypedReduction, TypedSortKey},
    types::Schema,
};

use super::{
    Compiler, Reason,
    groups::{finish_part, number_groups},
    relation::{Data, Relation, Taken, Val, ascending, key_of, no, ordered, position_key},
};
use crate::{
    air::{Chip, F, Node, Op},
    gadget::{Cont, Int, Limb, Word},
};

/// Groups of a `reduce` whose bound nobody gave.
pub(crate) const DEFAULT_GROUPS: u32 = 255;

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
pub(super) struct Sums {
    pub(super) digits: Vec<Limb>,
    pub(super) offset: I256,
    count: Node,
    /// Whether every group has a value.
    pub(super) always: bool,
    /// Bounds of a single value.
    pub(super) range: (I256, I256),
}

/// A column of the result, before its parts are taken to the chip of groups.
pub(super) enum Part {
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
        // Groups come in the order of their keys.
        keys.iter().filter_map(|key| relation.columns.get(*key)).try_for_each(ordered)?;
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
            TypedReduction::First(field, by) => self.pick(groups, *field, by, false)?,
            TypedReduction::Last(field, by) => self.pick(groups, *field, by, true)?,
            TypedReduction::Min(field) => self.pick_value(groups, *field, false)?,
            TypedReduction::Max(field) => self.pick_value(groups, *field, true)?,
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

    fn pick(
        &mut self,
        groups: &Groups,
        field: usize,
        by: &[TypedSortKey],
        last: bool,
    ) -> Result<Part, Reason> {
        by.iter().try_for_each(|key| ordered(&groups.relation.columns[key.column]))?;
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
        Ok(self.pick_words(groups, field, &words))
    }

    fn pick_value(&mut self, groups: &Groups, field: usize, largest: bool) -> Result<Part, Reason> {
        ordered(&groups.relation.columns[field])?;
        let chip = &mut self.chips[groups.relation.chip];
        let key = TypedSortKey { column: field, descending: largest, nulls_first: false };
        let mut key = key_of(&groups.relation.columns, &key);
        // Candidates are not null.
        key.valid = chip.int(1);
        let keys = [key, position_key(chip, &groups.position, false)];
        let words = chip.key_words(&keys);
        Ok(self.pick_words(groups, field, &words))
    }

    fn pick_words(&mut self, groups: &Groups, field: usize, words: &[Word]) -> Part {
        let candidate = self.weight(groups, field);
        let mut like = groups.relation.columns[field].clone();
        if let Data::Int(int) | Data::Text(int, _) = &mut like.data {
            *int = self.chips[groups.relation.chip].beside_zero(int);
        }
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
pub(super) enum TakenPart {
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
