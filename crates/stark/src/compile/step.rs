//! Steps.

use alloc::{collections::BTreeSet, format, vec::Vec};

use proofmark_plan::{
    typed::{MapColumn, TypedBlock, TypedExpr, TypedKind, TypedOp, TypedPlan, TypedStep},
    types::{Schema, ValueType},
};

use super::{
    Compiler, Reason, TOO_WIDE, Unsupported,
    expr::{Windows, widened},
    relation::{Data, Relation, Val, ascending, no, ordered},
    shape::Merge,
};
use crate::{
    air::{Chip, Load, Node},
    gadget::LIMB_BITS,
    table::{Kind, Layout, TEXT_CLASSES, bounds, is_text, pack},
};

impl Compiler<'_> {
    /// Compiles the steps of a block. What cannot be proved is noted, and so is nothing that depends on it.
    pub(crate) fn block(&mut self, block: &TypedBlock) -> Option<Relation> {
        for step in &block.steps {
            self.step.clone_from(&step.id);
            // Loops in loops grow fast; a verifier must not follow them.
            if self.is_too_wide() {
                self.unsupported.push(Unsupported { step: step.id.clone(), reason: no(TOO_WIDE) });
                return None;
            }
            match self.one_step(step) {
                Ok(Some(relation)) => {
                    if let ValueType::Table(schema) = &step.result {
                        self.schemas.insert(step.slot, schema.clone());
                    }
                    self.relations.insert(step.slot, relation);
                }
                Ok(None) => {}
                Err(reason) => self.unsupported.push(Unsupported { step: step.id.clone(), reason }),
            }
        }
        self.relations.get(&block.output).cloned()
    }

    /// `Ok(None)` if an input of the step is not there.
    fn one_step(&mut self, step: &TypedStep) -> Result<Option<Relation>, Reason> {
        let read = |slot: &usize| self.relations.get(slot).cloned();
        Ok(Some(match &step.op {
            TypedOp::Input { index } => self.input(*index)?,
            TypedOp::Filter { input, condition } => {
                let Some(relation) = read(input) else { return Ok(None) };
                self.filter(relation, condition)?
            }
            TypedOp::Map { input, columns } => {
                let Some(relation) = read(input) else { return Ok(None) };
                self.map(relation, columns)?
            }
            TypedOp::Reduce { input, keys, columns } => {
                let Some(relation) = read(input) else { return Ok(None) };
                let ValueType::Table(schema) = &step.result else { return Err(no("its value is no table")) };
                let source = self.schemas.get(input).cloned().unwrap_or_default();
                self.reduce((&relation, &source), keys, columns, schema)?
            }
            TypedOp::Branch { condition, then, otherwise } => {
                return self.branch(condition, then, otherwise);
            }
            TypedOp::Concat { inputs } => {
                let Some(relations) = inputs.iter().map(read).collect() else { return Ok(None) };
                self.concat(relations)?
            }
            TypedOp::Custom { .. } => return Err(no("a custom function has no constraints")),
            TypedOp::Distinct { input, fields } => {
                let Some(relation) = read(input) else { return Ok(None) };
                self.distinct(&relation, fields)?
            }
            TypedOp::HashRows { .. } => return Err(no("SHA-256 of rows is not covered yet")),
            TypedOp::Limit { input, offset, count } => {
                let Some(relation) = read(input) else { return Ok(None) };
                self.limit(relation, *offset, *count)?
            }
            TypedOp::Loop { input, state, max_iterations, mode, body } => {
                return self.unrolled(*input, *state, *max_iterations, (mode, body));
            }
            TypedOp::Merge { left, right, how, left_keys, right_keys, columns } => {
                let (Some(a), Some(b)) = (read(left), read(right)) else { return Ok(None) };
                let schema = |slot: &usize| self.schemas.get(slot).cloned().unwrap_or_default();
                let schemas = [schema(left), schema(right)];
                let merge = Merge { how: *how, left_keys, right_keys, columns };
                self.merge((a, &schemas[0]), (b, &schemas[1]), &merge)?
            }
            TypedOp::Parse { .. } => {
                return Err(no("parsing raw bytes is not a table operation; start from a typed table"));
            }
            TypedOp::Serialize { .. } => return Err(no("raw bytes as a result are not a table")),
            TypedOp::Sort { input, by, limit } => {
                let Some(relation) = read(input) else { return Ok(None) };
                self.sort_step(&relation, by, *limit)?
            }
            TypedOp::Statistics { .. } => return Err(no("statistics is not covered yet")),
        }))
    }

    /// The chip of an input and its digest. Its values are shown to be of their types.
    fn input(&mut self, index: usize) -> Result<Relation, Reason> {
        let ValueType::Table(schema) = &self.plan.inputs[index].ty else {
            return Err(no("raw bytes are not a table; start from a typed table"));
        };
        let bound = self.bounds.inputs.get(index).ok_or_else(|| no("it has no public bounds"))?;
        let layout = Layout::new(schema, &bound.text_bytes)
            .ok_or_else(|| no("its text bounds do not fit its columns"))?;
        let at = self.chip("input", bound.rows)?;
        let chip = &mut self.chips[at];
        let columns = load_table(chip, schema, &layout, &bound.text_bytes, index);
        self.input_digests.insert(index, at);
        Ok(Relation { chip: at, select: self.chips[at].real, columns, position: None, grouped: None })
    }

    fn filter(&mut self, relation: Relation, condition: &TypedExpr) -> Result<Relation, Reason> {
        let (relation, windows) = self.windows(relation, &[condition])?;
        let chip = &mut self.chips[relation.chip];
        let val = super::expr::Scope { chip, columns: &relation.columns, windows: &windows }
            .value(condition, relation.select)?;
        let Data::Bit(bit) = val.data else { return Err(no("its condition is no truth value")) };
        // A null is no true bit, so the bit alone decides.
        let select = chip.and(relation.select, bit);
        Ok(Relation { select, grouped: None, ..relation })
    }

    fn map(&mut self, relation: Relation, columns: &[MapColumn]) -> Result<Relation, Reason> {
        let computed: Vec<&TypedExpr> = columns
            .iter()
            .filter_map(|column| match column {
                MapColumn::Compute(expr) => Some(expr),
                MapColumn::Keep(_) => None,
            })
            .collect();
        let (relation, windows) = self.windows(relation, &computed)?;
        let chip = &mut self.chips[relation.chip];
        let values = columns.iter().map(|column| match column {
            MapColumn::Compute(expr) => {
                super::expr::Scope { chip, columns: &relation.columns, windows: &windows }
                    .value(expr, relation.select)
            }
            MapColumn::Keep(at) => {
                relation.columns.get(*at).cloned().ok_or_else(|| no("it keeps a column that is not there"))
            }
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        // Rows stay where they are, so they stay in groups; the keys may have moved.
        let place = |key: &usize| {
            columns.iter().position(|column| matches!(column, MapColumn::Keep(at) if at == key))
        };
        let grouped = relation.grouped.as_ref().and_then(|(keys, neighbours)| {
            Some((keys.iter().map(place).collect::<Option<Vec<usize>>>()?, *neighbours))
        });
        Ok(Relation { columns: values, grouped, ..relation })
    }

    /// Sorts a table for each window form that the expressions use. The values of windows come with it.
    pub(super) fn windows(
        &mut self,
        mut relation: Relation,
        exprs: &[&TypedExpr],
    ) -> Result<(Relation, Windows), Reason> {
        let mut wanted = BTreeSet::new();
        exprs.iter().for_each(|expr| find_windows(expr, &mut wanted));
        let forms: BTreeSet<(Vec<usize>, Vec<usize>)> =
            wanted.iter().map(|(_, by, order)| (by.clone(), order.clone())).collect();
        let mut windows: Windows = Vec::new();
        for (by, order) in forms {
            order.iter().filter_map(|at| relation.columns.get(*at)).try_for_each(ordered)?;
            // Windows computed so far move along as further columns.
            let plain = relation.columns.len();
            relation.columns.extend(windows.iter().map(|window| window.value.clone()));
            let kept: Vec<usize> = (0..relation.columns.len()).collect();
            let (sorted, neighbours) = self.sort(&relation, &kept, &ascending(&by), &ascending(&order))?;
            relation = sorted;
            for (window, value) in windows.iter_mut().zip(relation.columns.drain(plain..)) {
                window.value = value;
            }
            for (column, ..) in wanted.iter().filter(|window| window.1 == by && window.2 == order) {
                let value = relation.columns.get(*column).ok_or_else(|| no("a window over no column"))?;
                let value = self.chips[relation.chip].previous(neighbours.cont, value);
                windows.push(super::expr::Window {
                    column: *column,
                    by: by.clone(),
                    order: order.clone(),
                    value,
                });
            }
        }
        Ok((relation, windows))
    }

    /// The chip with the output's digest, and the text bounds of the output's encoding.
    pub(crate) fn output(
        &mut self,
        relation: Relation,
        plan: &TypedPlan,
    ) -> Result<(usize, Vec<u8>), Reason> {
        let step = plan.body.steps.iter().find(|step| step.slot == plan.body.output);
        let Some(ValueType::Table(schema)) = step.map(|step| &step.result) else {
            return Err(no("the result is no table of a step"));
        };
        if let Some(step) = step {
            self.step.clone_from(&step.id);
        }
        let relation = self.in_order(relation)?;
        let text: Vec<u8> = relation
            .columns
            .iter()
            .filter_map(|val| match val.data {
                Data::Text(_, bound) => Some(bound.max(TEXT_CLASSES[0])),
                _ => None,
            })
            .collect();
        let layout = Layout::new(schema, &text).ok_or_else(|| no("a text of the result has no bound"))?;
        let chip = &mut self.chips[relation.chip];
        let mut columns = Vec::with_capacity(relation.columns.len());
        for (val, declared) in relation.columns.iter().zip(schema.columns()) {
            let data = match &val.data {
                Data::Int(int) => {
                    let (lo, hi) = bounds(declared.ty.ty, 0).ok_or_else(|| no("a type without bounds"))?;
                    if int.lo < lo || int.hi > hi {
                        return Err(format!("column {} may not fit its type", declared.name));
                    }
                    Data::Int(chip.encoded(relation.select, int, lo, hi))
                }
                // A constant has no digits of its own, but its digest has those of every text.
                Data::Text(int, from) => {
                    let to = (*from).max(TEXT_CLASSES[0]);
                    let (lo, hi) =
                        bounds(declared.ty.ty, to).ok_or_else(|| no("a text of the result has no bound"))?;
                    let int = widened(chip, relation.select, int, *from, to)?;
                    Data::Text(chip.encoded(relation.select, &int, lo, hi), to)
                }
                Data::Bit(bit) => Data::Bit(*bit),
            };
            if !declared.ty.nullable
                && chip.graph.as_constant(val.valid) != Some(p3_field::PrimeCharacteristicRing::ONE)
            {
                return Err(format!("column {} may be null", declared.name));
            }
            columns.push(Val { valid: val.valid, data });
        }
        let elements = elements(chip, &columns, &layout);
        let salt = plan.inputs.len();
        if chip.publics > 0 {
            // A chip has one digest; the output of a plan that changes nothing gets a chip of its own.
            let rows = chip.height() as u32 - 1;
            let target = self.chip("output", rows)?;
            let mut taken = self.take(relation.chip, relation.select, target);
            let columns: Vec<Val> = columns.iter().map(|val| taken.val(&mut self.chips, val)).collect();
            let source_number = self.position(&relation);
            let number = taken.int(&mut self.chips, &source_number);
            taken.finish(&mut self.chips, Vec::new());
            let chip = &mut self.chips[target];
            let key = super::relation::position_key(chip, &number, false);
            let words = chip.key_words(&[key]);
            chip.sorted(&[], &words);
            let elements = self::elements(chip, &columns, &layout);
            let select = chip.real;
            chip.digest(select, &elements, layout.iv, salt);
            return Ok((target, text));
        }
        chip.digest(relation.select, &elements, layout.iv, salt);
        Ok((relation.chip, text))
    }
}

/// Columns for the rows of an input and their digest. Its values are shown to be of their types.
pub(crate) fn load_table(
    chip: &mut Chip,
    schema: &Schema,
    layout: &Layout,
    text_bytes: &[u8],
    index: usize,
) -> Vec<Val> {
    let one = chip.int(1);
    let (mut columns, mut slots, mut text) = (Vec::new(), Vec::new(), text_bytes.iter());
    for (column, layout) in schema.columns().iter().zip(&layout.columns) {
        let (valid, valid_slot) = if layout.nullable {
            let (bit, slot) = loaded_bit(chip);
            (bit, Some(slot))
        } else {
            (one, None)
        };
        let data = match layout.kind {
            Kind::Bit => {
                let (bit, slot) = loaded_bit(chip);
                slots.push((slot, valid_slot));
                if layout.nullable {
                    let dead = chip.not(valid);
                    let set = chip.mul(dead, bit);
                    chip.zero(set, "a null is not true");
                }
                Data::Bit(bit)
            }
            Kind::Number { lo, hi } => {
                let int = chip.limbs(lo, hi);
                slots.push((int.slot, valid_slot));
                chip.fill_limbs(&int);
                let real = chip.real;
                chip.exact(real, &int);
                if layout.nullable {
                    chip.zero_unless(valid, &int);
                }
                match is_text(column.ty) {
                    true => Data::Text(int, text.next().copied().unwrap_or_default()),
                    false => Data::Int(int),
                }
            }
        };
        columns.push(Val { valid, data });
    }
    chip.load = Load::Table { input: index, columns: slots };
    let elements = elements(chip, &columns, layout);
    let select = chip.real;
    chip.digest(select, &elements, layout.iv, index);
    columns
}

/// A bit that is loaded from a slot.
fn loaded_bit(chip: &mut Chip) -> (Node, crate::air::Slot) {
    let bit = chip.column();
    chip.boolean(bit, "a cell is a truth value");
    let (slot, column) = (chip.slot(), chip.column_of(bit));
    chip.fill_row(move |row| {
        let value = row.get(slot).as_i128();
        row.write_int(column, value);
        Ok(())
    });
    (bit, slot)
}

/// The elements of a row, as `Layout::elements` packs them.
fn elements(chip: &mut Chip, columns: &[Val], layout: &Layout) -> Vec<Node> {
    let mut fields: Vec<(Node, u32)> = Vec::new();
    for (val, layout) in columns.iter().zip(&layout.columns) {
        if layout.nullable {
            fields.push((val.valid, 1));
        }
        match &val.data {
            Data::Bit(bit) => fields.push((*bit, 1)),
            Data::Int(int) | Data::Text(int, _) => {
                fields.extend(int.limbs.iter().map(|limb| (limb.raw, limb.bits)))
            }
        }
    }
    debug_assert!(fields.iter().all(|(_, bits)| *bits <= LIMB_BITS));
    let packed = pack(&fields);
    packed
        .into_iter()
        .map(|parts| {
            let zero = chip.int(0);
            parts.into_iter().fold(zero, |sum, (node, shift)| {
                let shifted = chip.scale(node, 1 << shift);
                chip.add(sum, shifted)
            })
        })
        .collect()
}

fn find_windows(expr: &TypedExpr, found: &mut BTreeSet<(usize, Vec<usize>, Vec<usize>)>) {
    match &expr.kind {
        TypedKind::Previous { column, by, order } => {
            found.insert((*column, by.clone(), order.clone()));
        }
        TypedKind::Call(_, args) => args.iter().for_each(|arg| find_windows(arg, found)),
        TypedKind::In(inner, _) | TypedKind::Widen(inner) => find_windows(inner, found),
        TypedKind::Column(_) | TypedKind::Constant(_) => {}
    }
}
