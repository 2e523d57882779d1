//! The value of a column in the row before, of the same group: `x' = cont · v + (1 - cont) · zero`, on every row,
//! cyclically. The first row of a group has none; no row continues into the head.

use crate::{
    air::{Chip, Node},
    compile::{Data, Val},
    gadget::{Int, Limb},
};

impl Chip {
    /// The column `value` of the row before; null where there is none.
    pub(crate) fn previous(&mut self, cont: Node, value: &Val) -> Val {
        let valid = self.shifted(cont, value.valid, 0);
        let data = match &value.data {
            Data::Bit(bit) => Data::Bit(self.shifted(cont, *bit, 0)),
            Data::Int(int) => Data::Int(self.previous_int(cont, int)),
            Data::Text(int, bound) => Data::Text(self.previous_int(cont, int), *bound),
        };
        Val { valid, data }
    }

    fn previous_int(&mut self, cont: Node, int: &Int) -> Int {
        let int = self.beside_zero(int);
        let limbs = int
            .limbs
            .iter()
            .map(|limb| Limb { raw: self.shifted(cont, limb.raw, -limb.base), ..*limb })
            .collect::<alloc::vec::Vec<_>>();
        let zero = ethnum::I256::ZERO;
        let previous = Int { limbs, slot: self.slot(), lo: int.lo.min(zero), hi: int.hi.max(zero) };
        self.fill_slot(&previous);
        previous
    }

    fn shifted(&mut self, cont: Node, node: Node, otherwise: i64) -> Node {
        let column = self.column();
        let other = self.int(otherwise);
        let difference = self.sub(node, other);
        let chosen = self.mul(cont, difference);
        let wanted = self.add(chosen, other);
        let next = self.next(column);
        self.equal(next, wanted, "the value of the row before");
        let at = self.column_of(column);
        self.fill_row(move |row| {
            let before = row.field_before(wanted).unwrap_or_else(|| row.field(other));
            row.write(at, before);
            Ok(())
        });
        column
    }
}
