//! Values of steps, and taking rows from chip to chip.

use alloc::{string::ToString, vec::Vec};

use proofmark_plan::typed::TypedSortKey;

use super::{Compiler, Reason};
use crate::{
    air::{Chip, Copies, Load, Node, OrderPart},
    gadget::{Int, Key, KeyValue, Limb, Neighbours},
    table::HASHED,
};

/// The value of a step.
#[derive(Clone)]
pub(crate) struct Relation {
    pub(crate) chip: usize,
    /// One on the rows of the table.
    pub(crate) select: Node,
    pub(crate) columns: Vec<Val>,
    /// Where rows are in the table's order; `None` if the chip has them in order.
    pub(crate) position: Option<Int>,
    /// If all real rows of the chip are rows of the table, sorted first by some columns ascending, nulls last: these
    /// columns, and what neighbours have to do with each other.
    pub(crate) grouped: Option<(Vec<usize>, Neighbours)>,
}

/// A value on every row: of a column or an expression.
#[derive(Clone)]
pub(crate) struct Val {
    /// One where it is there; a constant one if it always is. Where it is not, it is zero.
    pub(crate) valid: Node,
    pub(crate) data: Data,
}

#[derive(Clone)]
pub(crate) enum Data {
    Bit(Node),
    Int(Int),
    /// A text as a number, with its bound in bytes.
    Text(Int, u8),
}

impl Val {
    pub(crate) const fn int(&self) -> Option<&Int> {
        match &self.data {
            Data::Bit(_) => None,
            Data::Int(int) | Data::Text(int, _) => Some(int),
        }
    }
}

/// Columns that one chip takes from another.
pub(crate) struct Taken {
    bus: alloc::string::String,
    source: usize,
    target: usize,
    copies: Copies,
    sent: Vec<Node>,
    received: Vec<Node>,
}

impl Taken {
    /// A cell.
    pub(crate) fn cell(&mut self, chips: &mut [Chip], node: Node) -> Node {
        if let Some(value) = chips[self.source].graph.as_constant(node) {
            return chips[self.target].graph.constant_field(value);
        }
        let column = chips[self.target].column();
        self.copies.cells.push((node, chips[self.target].column_of(column)));
        self.sent.push(node);
        self.received.push(column);
        column
    }

    /// An integer: its digits travel, and its value while the table is filled.
    pub(crate) fn int(&mut self, chips: &mut [Chip], int: &Int) -> Int {
        let limbs = int.limbs.iter().map(|limb| match chips[self.source].graph.as_constant(limb.raw) {
            Some(value) => Limb { raw: chips[self.target].graph.constant_field(value), ..*limb },
            None => {
                let column = chips[self.target].column();
                self.sent.push(limb.raw);
                self.received.push(column);
                Limb { raw: column, ..*limb }
            }
        });
        let limbs: Vec<Limb> = limbs.collect();
        let target = &mut chips[self.target];
        let slot = target.slot();
        self.copies.slots.push((int.slot, slot));
        let taken = Int { limbs, slot, lo: int.lo, hi: int.hi };
        if taken.limbs.iter().all(|limb| target.graph.as_constant(limb.raw).is_none()) {
            target.fill_limbs(&taken);
        }
        taken
    }

    pub(crate) fn val(&mut self, chips: &mut [Chip], val: &Val) -> Val {
        let valid = self.cell(chips, val.valid);
        let data = match &val.data {
            Data::Bit(node) => Data::Bit(self.cell(chips, *node)),
            Data::Int(int) => Data::Int(self.int(chips, int)),
            Data::Text(int, bound) => Data::Text(self.int(chips, int), *bound),
        };
        Val { valid, data }
    }

    /// Sends and receives: the rows of the target are the chosen rows of the source.
    pub(crate) fn finish(mut self, chips: &mut [Chip], order: Vec<OrderPart>) {
        self.copies.order = order;
        let select = self.copies.select;
        chips[self.source].send(&self.bus, self.sent, select, 1);
        let real = chips[self.target].real;
        chips[self.target].receive(&self.bus, self.received, real);
        chips[self.target].load = Load::Rows(alloc::vec![self.copies]);
    }
}

impl Compiler<'_> {
    /// Starts to take the rows of `source` where `select` is one into the chip `target`.
    pub(crate) fn take(&mut self, source: usize, select: Node, target: usize) -> Taken {
        let copies = Copies { source, select, cells: Vec::new(), slots: Vec::new(), order: Vec::new() };
        Taken { bus: self.bus(), source, target, copies, sent: Vec::new(), received: Vec::new() }
    }

    /// Where rows are in the order of the table.
    pub(crate) fn position(&mut self, relation: &Relation) -> Int {
        match &relation.position {
            Some(position) => position.clone(),
            None => self.chips[relation.chip].row_number(),
        }
    }

    /// The rows of a table in a new chip, sorted by `group`, then `rest`, then their place in the table. The result
    /// has the columns in `kept`, at their old indices, and zeros elsewhere.
    pub(crate) fn sort(
        &mut self,
        relation: &Relation,
        kept: &[usize],
        group: &[TypedSortKey],
        rest: &[TypedSortKey],
    ) -> Result<(Relation, Neighbours), Reason> {
        let position = self.position(relation);
        let rows = self.chips[relation.chip].height() as u32 - 1;
        let target = self.chip("sorted", rows)?;
        let mut taken = self.take(relation.chip, relation.select, target);
        let nothing = self.chips[target].int(0);
        let mut columns: Vec<Val> =
            relation.columns.iter().map(|_| Val { valid: nothing, data: Data::Bit(nothing) }).collect();
        for at in kept {
            columns[*at] = taken.val(&mut self.chips, &relation.columns[*at]);
        }
        let new_position = taken.int(&mut self.chips, &position);
        let order = self.order_parts(relation, group.iter().chain(rest), &position);
        taken.finish(&mut self.chips, order);
        let chip = &mut self.chips[target];
        let group_keys: Vec<Key> = group.iter().map(|key| key_of(&columns, key)).collect();
        let mut rest_keys: Vec<Key> = rest.iter().map(|key| key_of(&columns, key)).collect();
        rest_keys.push(position_key(chip, &new_position, false));
        let (group_words, rest_words) = (chip.key_words(&group_keys), chip.key_words(&rest_keys));
        let neighbours = chip.sorted(&group_words, &rest_words);
        let select = chip.real;
        let plain = |key: &TypedSortKey| !key.descending && !key.nulls_first;
        let keys = group.iter().map(|key| key.column).collect();
        let grouped = group.iter().all(plain).then_some((keys, neighbours));
        let relation = Relation { chip: target, select, columns, position: Some(new_position), grouped };
        Ok((relation, neighbours))
    }

    fn order_parts<'k>(
        &mut self,
        relation: &Relation,
        keys: impl Iterator<Item = &'k TypedSortKey>,
        position: &Int,
    ) -> Vec<OrderPart> {
        let chip = &mut self.chips[relation.chip];
        let mut parts = Vec::new();
        for key in keys {
            let val = &relation.columns[key.column];
            if chip.graph.as_constant(val.valid).is_none() {
                let flag = if key.nulls_first { val.valid } else { chip.not(val.valid) };
                parts.push(OrderPart::Bit(flag));
            }
            parts.push(match &val.data {
                Data::Bit(node) => OrderPart::Bit(if key.descending { chip.not(*node) } else { *node }),
                Data::Int(int) | Data::Text(int, _) => {
                    OrderPart::Slot { slot: int.slot, descending: key.descending }
                }
            });
        }
        parts.push(OrderPart::Slot { slot: position.slot, descending: false });
        parts
    }
}

/// A sort key over the columns of a relation.
pub(crate) fn key_of(columns: &[Val], key: &TypedSortKey) -> Key {
    let val = &columns[key.column];
    let value = match &val.data {
        Data::Bit(node) => KeyValue::Bit(*node),
        Data::Int(int) | Data::Text(int, _) => KeyValue::Int(int.clone()),
    };
    Key { value, valid: val.valid, descending: key.descending, nulls_first: key.nulls_first }
}

/// The place of a row as the last part of a key.
pub(crate) fn position_key(chip: &mut Chip, position: &Int, descending: bool) -> Key {
    let valid = chip.int(1);
    Key { value: KeyValue::Int(position.clone()), valid, descending, nulls_first: false }
}

/// Columns in ascending order, nulls last.
pub(crate) fn ascending(columns: &[usize]) -> Vec<TypedSortKey> {
    columns.iter().map(|&column| TypedSortKey { column, descending: false, nulls_first: false }).collect()
}

/// Refuses values that can be equal but have no order.
pub(crate) fn ordered(val: &Val) -> Result<(), Reason> {
    match val.data {
        Data::Text(_, HASHED) => Err(no("it puts texts of more than 30 bytes in order")),
        _ => Ok(()),
    }
}

pub(crate) fn no(reason: &str) -> Reason {
    reason.to_string()
}
