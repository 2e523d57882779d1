//! Rows of several tables in one chip.
//!
//! Each source sends its selected rows with its number, the *tag*, and their places; the chip receives as many as it
//! has real rows. Columns have one encoding in all sources. A column that a source lacks is null there: zero.

use alloc::vec::Vec;

use ethnum::I256;

use super::{
    Compiler, Reason,
    relation::{Data, Relation, Val, no},
};
use crate::{
    air::{Chip, Copies, Load, Node, OrderPart},
    gadget::{Int, Limb, Word, encoding},
    table::{Kind, TEXT_CLASSES, kind},
};
use proofmark_plan::types::Type;

/// Most tables that one chip takes: their numbers are digits.
const MOST_PARTS: usize = 1 << 13;

/// A table to be taken: its rows, and its columns, of which it may lack some.
pub(super) struct Part {
    pub(super) relation: Relation,
    pub(super) columns: Vec<Option<Val>>,
}

/// What was taken.
pub(super) struct Gathered {
    pub(super) chip: usize,
    pub(super) columns: Vec<Val>,
    /// The number of the row's source.
    pub(super) tag: Node,
    pub(super) position: Int,
}

/// One column in all sources.
struct Column {
    /// Whether its values are there in all rows.
    always: bool,
    kind: ColumnKind,
    parts: Vec<Val>,
}

#[derive(Clone, Copy)]
enum ColumnKind {
    Bit,
    Int(I256, I256),
    Text(I256, u8),
}

impl Gathered {
    /// The tag as the part of a key.
    pub(super) const fn tag_word(&self) -> Word {
        Word { node: self.tag, bits: 13 }
    }
}

impl Compiler<'_> {
    /// Takes all rows into a new chip, which loads them by the columns in `order`, nulls last, then source and place.
    pub(super) fn gather(
        &mut self,
        name: &str,
        mut parts: Vec<Part>,
        order: &[usize],
    ) -> Result<Gathered, Reason> {
        let width = parts.first().map_or(0, |part| part.columns.len());
        if parts.is_empty() || parts.len() > MOST_PARTS {
            return Err(no("it takes too many tables"));
        }
        let columns = (0..width).map(|at| self.unified(&mut parts, at)).collect::<Result<Vec<_>, _>>()?;
        let positions = self.positions(&parts);
        let rows: u32 = parts.iter().map(|part| self.chips[part.relation.chip].height() as u32 - 1).sum();
        let target = self.chip(name, rows)?;
        let bus = self.bus();
        let mut sent: Vec<Vec<Node>> = parts.iter().map(|_| Vec::new()).collect();
        let mut copies: Vec<Copies> = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let (source, select) = (part.relation.chip, part.relation.select);
            let mut keys = Vec::new();
            for at in order {
                self.order_of(source, &columns[*at].parts[number], &mut keys);
            }
            keys.push(OrderPart::Bit(self.chips[source].int(number as i64)));
            keys.push(OrderPart::Slot { slot: positions[number].slot, descending: false });
            copies.push(Copies { source, select, cells: Vec::new(), slots: Vec::new(), order: keys });
        }
        let mut received = Vec::new();
        let mut taken = Vec::with_capacity(width);
        let mut join = Join {
            chips: &mut self.chips,
            target,
            copies: &mut copies,
            sent: &mut sent,
            received: &mut received,
        };
        for column in &columns {
            taken.push(join.column(column));
        }
        let position = join.int(&positions.iter().collect::<Vec<_>>());
        let tags: Vec<Node> = (0..parts.len()).map(|number| join.constant(number)).collect();
        let tag = join.cell(&tags);
        let real = self.chips[target].real;
        for (part, fields) in parts.iter().zip(sent) {
            self.chips[part.relation.chip].send(&bus, fields, part.relation.select, 1);
        }
        self.chips[target].receive(&bus, received, real);
        self.chips[target].load = Load::Rows(copies);
        Ok(Gathered { chip: target, columns: taken, tag, position })
    }

    /// A column, in one encoding in all parts.
    fn unified(&mut self, parts: &mut [Part], at: usize) -> Result<Column, Reason> {
        let present = || parts.iter().filter_map(|part| part.columns[at].as_ref());
        let first = present().next().ok_or_else(|| no("a column that no table has"))?;
        let lo = present().filter_map(Val::int).map(|int| int.lo).min().unwrap_or_default();
        let hi = present().filter_map(Val::int).map(|int| int.hi).max().unwrap_or_default();
        let kind = match &first.data {
            Data::Bit(_) => ColumnKind::Bit,
            Data::Int(_) => ColumnKind::Int(lo.min(I256::ZERO), hi.max(I256::ZERO)),
            Data::Text(..) => {
                let bound =
                    present().map(|val| if let Data::Text(_, bound) = val.data { bound } else { 0 }).max();
                let bound = bound.unwrap_or_default().max(TEXT_CLASSES[0]);
                match kind(Type::String, bound) {
                    Some(Kind::Number { hi, .. }) => ColumnKind::Text(hi, bound),
                    _ => return Err(no("a text without bound")),
                }
            }
        };
        let mut always = true;
        let mut values = Vec::with_capacity(parts.len());
        for part in parts {
            let chip = &mut self.chips[part.relation.chip];
            let select = part.relation.select;
            let val = match &part.columns[at] {
                Some(val) => {
                    let one = chip.int(1);
                    always &= val.valid == one;
                    let live = chip.and(select, val.valid);
                    let data = match (&val.data, kind) {
                        (Data::Bit(bit), ColumnKind::Bit) => Data::Bit(*bit),
                        (Data::Int(int), ColumnKind::Int(lo, hi)) => {
                            Data::Int(chip.encoded(live, int, lo, hi))
                        }
                        (Data::Text(int, from), ColumnKind::Text(hi, bound)) => {
                            let int = super::expr::widened(chip, live, int, *from, bound)?;
                            Data::Text(chip.encoded(live, &int, I256::ZERO, hi), bound)
                        }
                        _ => return Err(no("columns of different types meet")),
                    };
                    Val { valid: val.valid, data }
                }
                None => absent(chip, kind),
            };
            values.push(val);
        }
        Ok(Column { always, kind, parts: values })
    }

    /// Where rows are in their tables, in one encoding.
    fn positions(&mut self, parts: &[Part]) -> Vec<Int> {
        let positions: Vec<Int> = parts.iter().map(|part| self.position(&part.relation)).collect();
        if positions.iter().all(|int| int.limbs.len() == 1 && int.limbs[0].base == 0) {
            return positions;
        }
        let hi = positions.iter().map(|int| int.hi).max().unwrap_or_default();
        let encoded = positions.iter().zip(parts).map(|(int, part)| {
            self.chips[part.relation.chip].encoded(part.relation.select, int, I256::ZERO, hi)
        });
        encoded.collect()
    }

    /// How a column's values are ordered, with the same parts whatever the table.
    fn order_of(&mut self, source: usize, val: &Val, keys: &mut Vec<OrderPart>) {
        let chip = &mut self.chips[source];
        keys.push(OrderPart::Bit(chip.not(val.valid)));
        keys.push(match &val.data {
            Data::Bit(bit) => OrderPart::Bit(*bit),
            Data::Int(int) | Data::Text(int, _) => OrderPart::Slot { slot: int.slot, descending: false },
        });
    }
}

/// The value of a column that a table lacks: null.
fn absent(chip: &mut Chip, kind: ColumnKind) -> Val {
    let zero = chip.int(0);
    let mut int = |lo: I256, hi: I256| {
        let constant = chip.constant(I256::ZERO);
        let limbs = encoding(lo, hi)
            .into_iter()
            .map(|(bits, base)| Limb { raw: chip.int(-base), bits, base })
            .collect();
        Int { limbs, ..constant }
    };
    let data = match kind {
        ColumnKind::Bit => Data::Bit(zero),
        ColumnKind::Int(lo, hi) => Data::Int(int(lo, hi)),
        ColumnKind::Text(hi, bound) => Data::Text(int(I256::ZERO, hi), bound),
    };
    Val { valid: zero, data }
}

/// Cells of the chip that takes, and what the sources send for them.
struct Join<'a> {
    chips: &'a mut [Chip],
    target: usize,
    copies: &'a mut [Copies],
    sent: &'a mut [Vec<Node>],
    received: &'a mut Vec<Node>,
}

impl Join<'_> {
    fn constant(&mut self, number: usize) -> Node {
        let source = self.copies[number].source;
        self.chips[source].int(number as i64)
    }

    /// A cell that is loaded from an expression of each source.
    fn cell(&mut self, nodes: &[Node]) -> Node {
        let column = self.chips[self.target].column();
        let at = self.chips[self.target].column_of(column);
        for ((node, copies), sent) in nodes.iter().zip(self.copies.iter_mut()).zip(self.sent.iter_mut()) {
            copies.cells.push((*node, at));
            sent.push(*node);
        }
        self.received.push(column);
        column
    }

    fn int(&mut self, ints: &[&Int]) -> Int {
        let target = &mut self.chips[self.target];
        let slot = target.slot();
        let like = ints[0];
        let bits = |at: usize| ints.iter().map(|int| int.limbs[at].bits).max().unwrap_or_default();
        let limbs: Vec<Limb> = like
            .limbs
            .iter()
            .enumerate()
            .map(|(at, limb)| Limb { raw: target.column(), bits: bits(at), base: limb.base })
            .collect();
        for ((int, copies), sent) in ints.iter().zip(self.copies.iter_mut()).zip(self.sent.iter_mut()) {
            copies.slots.push((int.slot, slot));
            sent.extend(int.limbs.iter().map(|limb| limb.raw));
        }
        self.received.extend(limbs.iter().map(|limb| limb.raw));
        let lo = ints.iter().map(|int| int.lo).min().unwrap_or_default();
        let hi = ints.iter().map(|int| int.hi).max().unwrap_or_default();
        let taken = Int { limbs, slot, lo: lo.min(I256::ZERO), hi: hi.max(I256::ZERO) };
        self.chips[self.target].fill_limbs(&taken);
        taken
    }

    fn column(&mut self, column: &Column) -> Val {
        let valid = if column.always {
            self.chips[self.target].int(1)
        } else {
            self.cell(&column.parts.iter().map(|val| val.valid).collect::<Vec<_>>())
        };
        let data = match column.kind {
            ColumnKind::Bit => {
                let bits = column
                    .parts
                    .iter()
                    .map(|val| if let Data::Bit(bit) = val.data { bit } else { val.valid });
                Data::Bit(self.cell(&bits.collect::<Vec<_>>()))
            }
            ColumnKind::Int(..) => {
                Data::Int(self.int(&column.parts.iter().filter_map(Val::int).collect::<Vec<_>>()))
            }
            ColumnKind::Text(_, bound) => {
                Data::Text(self.int(&column.parts.iter().filter_map(Val::int).collect::<Vec<_>>()), bound)
            }
        };
        Val { valid, data }
    }
}
