//! Steps that choose, order and join whole tables.

use alloc::vec::Vec;

use ethnum::I256;
use p3_field::PrimeCharacteristicRing;
use proofmark_plan::{
    model::MergeHow,
    typed::{MergeColumn, TypedSortKey},
    types::Schema,
};

use super::{
    Compiler, Reason,
    gather::Part,
    relation::{Data, Relation, Val, ascending, key_of, no, ordered, position_key},
};
use crate::{
    air::{Chip, F, Node},
    gadget::{Cont, Int, Limb, Neighbours, Word},
};

/// A step that joins: how, by which columns, and what comes of it.
pub(super) struct Merge<'p> {
    pub(super) how: MergeHow,
    pub(super) left_keys: &'p [usize],
    pub(super) right_keys: &'p [usize],
    pub(super) columns: &'p [MergeColumn],
}

/// Rows of two tables by key, the right ones first, and what each row knows of the right row of its key.
struct Matched {
    chip: usize,
    keys: Vec<Val>,
    left: Vec<Val>,
    right: Vec<Val>,
    /// One on left rows.
    is_left: Node,
    /// One on left rows that have a match.
    hit: Node,
    position: Int,
}

impl Compiler<'_> {
    /// The rows in the order of the table.
    pub(super) fn in_order(&mut self, relation: Relation) -> Result<Relation, Reason> {
        if relation.position.is_none() {
            return Ok(relation);
        }
        let kept: Vec<usize> = (0..relation.columns.len()).collect();
        let (sorted, _) = self.sort(&relation, &kept, &[], &[])?;
        Ok(Relation { position: None, grouped: None, ..sorted })
    }

    /// The rows in a new order, the first `limit` of them.
    pub(super) fn sort_step(
        &mut self,
        relation: &Relation,
        by: &[TypedSortKey],
        limit: Option<u64>,
    ) -> Result<Relation, Reason> {
        by.iter().try_for_each(|key| ordered(&relation.columns[key.column]))?;
        let kept: Vec<usize> = (0..relation.columns.len()).collect();
        let (sorted, _) = self.sort(relation, &kept, &[], by)?;
        // The table's order is that of the chip now.
        let sorted = Relation { position: None, grouped: None, ..sorted };
        match limit {
            Some(count) => self.limit(sorted, 0, count),
            None => Ok(sorted),
        }
    }

    /// The rows after the first `offset`, at most `count`: those whose number among the rows of the table says so.
    pub(super) fn limit(&mut self, relation: Relation, offset: u64, count: u64) -> Result<Relation, Reason> {
        let relation = self.in_order(relation)?;
        let chip = &mut self.chips[relation.chip];
        let most = chip.height() as u64 - 1;
        let end = offset.saturating_add(count);
        let mut select = relation.select;
        if offset == 0 && end >= most {
            return Ok(relation);
        }
        let one = chip.int(1);
        let bits = chip.log_height;
        let rank = [Word { node: chip.running_sum(Cont::All, select, one), bits }];
        let word = |chip: &mut Chip, number: u64| [Word { node: chip.int(number as i64), bits }];
        if end < most {
            let end = word(chip, end);
            let past = chip.compare(select, &rank, &end).gt;
            select = chip.sub(select, past);
        }
        if offset > 0 {
            let start = word(chip, offset.min(most));
            select = chip.compare(select, &rank, &start).gt;
        }
        Ok(Relation { select, grouped: None, ..relation })
    }

    /// The first row of each group of rows that are equal in some columns, in the order of the table.
    pub(super) fn distinct(&mut self, relation: &Relation, fields: &[usize]) -> Result<Relation, Reason> {
        let kept: Vec<usize> = (0..relation.columns.len()).collect();
        let (sorted, Neighbours { cont, .. }) = self.sort(relation, &kept, &ascending(fields), &[])?;
        let chip = &mut self.chips[sorted.chip];
        let (first, real) = (chip.column(), chip.real);
        let (next_first, next_real) = (chip.next(first), chip.next(real));
        let wanted = chip.sub(next_real, cont);
        chip.equal(next_first, wanted, "a row that continues no group is the first of its own");
        let column = chip.column_of(first);
        chip.fill_row(move |row| {
            let value = row.field(real) - row.field_before(cont).unwrap_or_default();
            row.write(column, value);
            Ok(())
        });
        Ok(Relation { select: first, grouped: None, ..sorted })
    }

    /// The rows of several tables, one after the other.
    pub(super) fn concat(&mut self, relations: Vec<Relation>) -> Result<Relation, Reason> {
        let parts = relations
            .into_iter()
            .map(|relation| Part { columns: relation.columns.iter().cloned().map(Some).collect(), relation });
        let gathered = self.gather("rows of several tables", parts.collect(), &[])?;
        let chip = &mut self.chips[gathered.chip];
        let key = position_key(chip, &gathered.position, false);
        let words = chip.key_words(&[key]);
        chip.sorted(&[gathered.tag_word()], &words);
        let select = chip.real;
        Ok(Relation { chip: gathered.chip, select, columns: gathered.columns, position: None, grouped: None })
    }

    /// Two tables by key.
    pub(super) fn merge(
        &mut self,
        (left, left_schema): (Relation, &Schema),
        (right, right_schema): (Relation, &Schema),
        merge: &Merge<'_>,
    ) -> Result<Relation, Reason> {
        for (a, b) in merge.left_keys.iter().zip(merge.right_keys) {
            let ty = |schema: &Schema, at: usize| schema.columns().get(at).map(|column| column.ty.ty);
            if ty(left_schema, *a) != ty(right_schema, *b) {
                return Err(no("keys of different types are not covered yet"));
            }
        }
        match merge.how {
            MergeHow::Anti | MergeHow::Semi => {
                let kept: Vec<usize> = (0..left.columns.len()).collect();
                let matched =
                    self.matched((&left, &kept, merge.left_keys), (&right, &[], merge.right_keys), false)?;
                let chip = &mut self.chips[matched.chip];
                let select = match merge.how {
                    MergeHow::Semi => matched.hit,
                    _ => chip.sub(matched.is_left, matched.hit),
                };
                Ok(matched.relation(select, matched.left.clone()))
            }
            MergeHow::Full => Err(no("full joins are not covered yet")),
            MergeHow::Inner | MergeHow::Left => self.join(&left, &right, merge),
            MergeHow::Union => {
                let kept: Vec<usize> = (0..right.columns.len()).collect();
                let matched =
                    self.matched((&right, &kept, merge.right_keys), (&left, &[], merge.left_keys), false)?;
                let select = self.chips[matched.chip].sub(matched.is_left, matched.hit);
                let rest = matched.relation(select, matched.left.clone());
                self.concat(alloc::vec![left, rest])
            }
        }
    }

    fn join(&mut self, left: &Relation, right: &Relation, merge: &Merge<'_>) -> Result<Relation, Reason> {
        let of = |wanted: fn(&MergeColumn) -> Option<usize>| {
            let mut columns: Vec<usize> = merge.columns.iter().filter_map(wanted).collect();
            columns.sort_unstable();
            columns.dedup();
            columns
        };
        let lefts = of(|column| if let MergeColumn::Left(at) = column { Some(*at) } else { None });
        let rights = of(|column| if let MergeColumn::Right(at) = column { Some(*at) } else { None });
        let matched =
            self.matched((left, &lefts, merge.left_keys), (right, &rights, merge.right_keys), true)?;
        let inner = merge.how == MergeHow::Inner;
        let one = self.chips[matched.chip].int(1);
        let place = |all: &[usize], at: usize| all.iter().position(|other| *other == at);
        let columns = merge.columns.iter().map(|column| match *column {
            MergeColumn::Key(at) => matched.keys.get(at).cloned(),
            MergeColumn::Left(at) => place(&lefts, at).map(|at| matched.left[at].clone()),
            MergeColumn::Right(at) => place(&rights, at).map(|place| {
                let val = matched.right[place].clone();
                // Of a match, what is always there is there.
                let source = &self.chips[right.chip];
                let always = source.graph.as_constant(right.columns[at].valid) == Some(F::ONE);
                Val { valid: if inner && always { one } else { val.valid }, ..val }
            }),
        });
        let columns =
            columns.collect::<Option<Vec<Val>>>().ok_or_else(|| no("a column that is not there"))?;
        Ok(matched.relation(if inner { matched.hit } else { matched.is_left }, columns))
    }

    /// Brings both tables together, sorted by key, then the right rows before the left ones; rows without a key are
    /// no right rows. If `unique`, no two right rows may have one key.
    fn matched(
        &mut self,
        (left, lefts, left_keys): (&Relation, &[usize], &[usize]),
        (right, rights, right_keys): (&Relation, &[usize], &[usize]),
        unique: bool,
    ) -> Result<Matched, Reason> {
        let (keys, width) = (left_keys.len(), left_keys.len() + lefts.len() + rights.len());
        let column = |relation: &Relation, at: usize| {
            relation.columns.get(at).cloned().ok_or_else(|| no("a column that is not there"))
        };
        let mut parts = [right, left]
            .map(|relation| Part { relation: relation.clone(), columns: alloc::vec![None; width] });
        for (at, key) in right_keys.iter().enumerate() {
            let val = column(right, *key)?;
            let chip = &mut self.chips[right.chip];
            parts[0].relation.select = chip.and(parts[0].relation.select, val.valid);
            parts[0].columns[at] = Some(val);
        }
        for (at, key) in left_keys.iter().enumerate() {
            parts[1].columns[at] = Some(column(left, *key)?);
        }
        for (at, field) in lefts.iter().enumerate() {
            parts[1].columns[keys + at] = Some(column(left, *field)?);
        }
        for (at, field) in rights.iter().enumerate() {
            parts[0].columns[keys + lefts.len() + at] = Some(column(right, *field)?);
        }
        let order: Vec<usize> = (0..keys).collect();
        let gathered = self.gather("rows of both tables", parts.into(), &order)?;
        let chip = &mut self.chips[gathered.chip];
        let by: Vec<_> = ascending(&order).iter().map(|key| key_of(&gathered.columns, key)).collect();
        let group = chip.key_words(&by);
        let place = position_key(chip, &gathered.position, false);
        let mut rest = alloc::vec![Word { node: gathered.tag, bits: 1 }];
        rest.extend(chip.key_words(&[place]));
        let Neighbours { cont, .. } = chip.sorted(&group, &rest);
        let (tag, real) = (gathered.tag, chip.real);
        let unreal = chip.not(real);
        let stray = chip.mul(unreal, tag);
        chip.zero(stray, "a row of padding is of no table");
        let is_right = chip.sub(real, tag);
        let next_right = chip.next(is_right);
        if unique {
            let again = chip.mul(cont, next_right);
            chip.zero(again, "a key has one right row");
            chip.fill_row(move |row| {
                let continues = row.field_before(cont) == Some(F::ONE);
                if continues && row.bit(is_right) {
                    return Err(crate::air::FillError::Number("two rows of the right table have one key"));
                }
                Ok(())
            });
        }
        let one = chip.int(1);
        let found = carried(chip, cont, is_right, one, 0);
        let hit = chip.and(tag, found);
        let mut columns = gathered.columns.into_iter();
        let matched = Matched {
            chip: gathered.chip,
            keys: columns.by_ref().take(keys).collect(),
            left: columns.by_ref().take(lefts.len()).collect(),
            right: columns.map(|val| carried_val(chip, (cont, is_right, found), &val)).collect(),
            is_left: tag,
            hit,
            position: gathered.position,
        };
        Ok(matched)
    }
}

impl Matched {
    fn relation(&self, select: Node, columns: Vec<Val>) -> Relation {
        Relation { chip: self.chip, select, columns, position: Some(self.position.clone()), grouped: None }
    }
}

/// A value of the right row, on that row and on all that follow in its group: `c' = is_right' · v' + (1 - is_right') ·
/// cont · c`, both values taken from their zero.
fn carried(chip: &mut Chip, cont: Node, is_right: Node, value: Node, zero: i64) -> Node {
    let column = chip.column();
    let zero = chip.int(zero);
    let own = chip.sub(value, zero);
    let held = chip.sub(column, zero);
    let (next_right, next_own, next_held) = (chip.next(is_right), chip.next(own), chip.next(held));
    let new = chip.mul(next_right, next_own);
    let old = chip.not(next_right);
    let kept = chip.mul(cont, held);
    let kept = chip.mul(old, kept);
    let wanted = chip.add(new, kept);
    chip.equal(next_held, wanted, "a match is that of the group");
    let at = chip.column_of(column);
    chip.fill_row(move |row| {
        let continues = row.field_before(cont) == Some(F::ONE);
        let result = if row.bit(is_right) {
            row.field(value)
        } else if continues {
            row.before().map_or(F::ZERO, |cells| cells[at])
        } else {
            row.field(zero)
        };
        row.write(at, result);
        Ok(())
    });
    column
}

fn carried_val(chip: &mut Chip, (cont, is_right, found): (Node, Node, Node), val: &Val) -> Val {
    let valid = match chip.graph.as_constant(val.valid) {
        Some(F::ONE) => found,
        _ => carried(chip, cont, is_right, val.valid, 0),
    };
    let mut int = |int: &Int| {
        let limbs: Vec<Limb> = int
            .limbs
            .iter()
            .map(|limb| Limb { raw: carried(chip, cont, is_right, limb.raw, -limb.base), ..*limb })
            .collect();
        let slot = chip.slot();
        let carried = Int { limbs, slot, lo: int.lo.min(I256::ZERO), hi: int.hi.max(I256::ZERO) };
        chip.fill_slot(&carried);
        carried
    };
    let data = match &val.data {
        Data::Int(number) => Data::Int(int(number)),
        Data::Text(number, bound) => Data::Text(int(number), *bound),
        Data::Bit(bit) => Data::Bit(carried(chip, cont, is_right, *bit, 0)),
    };
    Val { valid, data }
}
