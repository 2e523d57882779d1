//! The machine: blocks of steps, slots that hold their values, and the account of what they use.

mod lives;

use alloc::{string::String, vec::Vec};

use self::lives::Lives;
use super::{
    CustomCall, CustomHost, ExecError, ExecErrorKind, Execution, LimitKind, Observer, StepReport, Usage,
    columns,
    error::Result,
    eval::{Cells, Evaluator, Live, scalar_at},
    hash_rows, merge, reduce, statistics,
};
use crate::{
    format::{self, FormatError, FormatErrorKind},
    typed::{
        MapColumn, Scalar, Slot, TypedBlock, TypedCondition, TypedExpr, TypedLoopMode, TypedOp, TypedPlan,
        TypedStep,
    },
    types::{Schema, ValueType},
    value::{Bytes, Table, Value, Values},
};

/// More rows than this cannot be numbered; the last number marks a missing row.
const MAX_ROWS: u64 = u32::MAX as u64 - 1;

/// Results that already know at which step they failed.
type Placed<T> = core::result::Result<T, ExecError>;

/// A value and its size.
struct Held {
    value: Value,
    bytes: u64,
}

/// Executes one plan.
pub(super) struct Machine<'a> {
    plan: &'a TypedPlan,
    host: &'a dyn CustomHost,
    observer: &'a mut dyn Observer,
    /// Inputs that their steps have not taken yet.
    inputs: Vec<Option<Held>>,
    slots: Vec<Option<Held>>,
    usage: Usage,
    /// Size of all live values.
    live: u64,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        plan: &'a TypedPlan,
        inputs: Vec<Value>,
        host: &'a dyn CustomHost,
        observer: &'a mut dyn Observer,
    ) -> Placed<Self> {
        let (expected, found) = (plan.inputs.len(), inputs.len());
        if expected != found {
            let kind = ExecErrorKind::WrongInputCount { expected, found };
            return Err(ExecError { step: String::new(), kind });
        }
        let mut machine = Self {
            plan,
            host,
            observer,
            inputs: Vec::with_capacity(inputs.len()),
            slots: core::iter::repeat_with(|| None).take(plan.slots).collect(),
            usage: Usage::default(),
            live: 0,
        };
        for (value, declared) in inputs.into_iter().zip(&plan.inputs) {
            let bytes = check_value(&value, &declared.ty)
                .map(|()| value.logical_bytes())
                .and_then(|bytes| machine.count(bytes).map(|()| bytes))
                .map_err(|kind| ExecError { step: declared.name.clone(), kind })?;
            machine.inputs.push(Some(Held { value, bytes }));
        }
        Ok(machine)
    }

    pub(super) fn run(mut self) -> Placed<Execution> {
        let plan = self.plan;
        let lives = Lives::of(&plan.body, None);
        self.steps(&plan.body, &lives)?;
        let output_step = plan.body.steps.iter().find(|step| step.slot == plan.body.output);
        let at_output =
            |kind| ExecError { step: output_step.map_or_else(String::new, |step| step.id.clone()), kind };
        let output = self.take_output(&plan.body, &lives).map_err(at_output)?;
        let limit = plan.limits.max_output_bytes;
        if output.bytes > limit {
            let (which, needed) = (LimitKind::OutputBytes, output.bytes);
            return Err(at_output(ExecErrorKind::LimitExceeded { which, limit, needed }));
        }
        self.usage.output_bytes = output.bytes;
        Ok(Execution { output: output.value, usage: self.usage })
    }

    /// Runs the steps of a block and frees what nobody reads any more.
    fn steps(&mut self, block: &TypedBlock, lives: &Lives) -> Placed<()> {
        for (step, life) in block.steps.iter().zip(&lives.steps) {
            self.step(step, &life.blocks)?;
            for slot in &life.last_read {
                self.free(*slot);
            }
        }
        Ok(())
    }

    /// The output of a block that has run: its own value is moved, a value from outside is shared.
    fn take_output(&mut self, block: &TypedBlock, lives: &Lives) -> Result<Held> {
        if lives.owns_output {
            let held = self.slots.get_mut(block.output).and_then(Option::take);
            let held = held.ok_or(ExecErrorKind::BadPlan("a block without its output"))?;
            self.live -= held.bytes;
            return Ok(held);
        }
        let held = self.held(block.output)?;
        Ok(Held { value: held.value.clone(), bytes: held.bytes })
    }

    fn free(&mut self, slot: Slot) {
        if let Some(held) = self.slots.get_mut(slot).and_then(Option::take) {
            self.live -= held.bytes;
        }
    }

    fn step(&mut self, step: &TypedStep, blocks: &[Lives]) -> Placed<()> {
        let at_step = |kind| ExecError { step: step.id.clone(), kind };
        if self.observer.cancelled() {
            return Err(at_step(ExecErrorKind::Cancelled));
        }
        self.usage.steps += 1;
        let (limit, needed) = (self.plan.limits.max_steps, self.usage.steps);
        if needed > limit {
            return Err(at_step(ExecErrorKind::LimitExceeded { which: LimitKind::Steps, limit, needed }));
        }
        let held = match &step.op {
            TypedOp::Branch { condition, then, otherwise } => {
                self.branch(step, condition, [then, otherwise], blocks)?
            }
            TypedOp::Loop { .. } => self.repeat(step, blocks)?,
            TypedOp::Input { index } => {
                let input = self.inputs.get_mut(*index).and_then(Option::take);
                let held = input.ok_or_else(|| at_step(ExecErrorKind::BadPlan("an input is read twice")))?;
                // It has been live from the start and is counted again below.
                self.live -= held.bytes;
                held
            }
            _ => {
                let value = self.value(step).map_err(at_step)?;
                Held { bytes: value.logical_bytes(), value }
            }
        };
        self.finish(step, held).map_err(at_step)
    }

    /// Puts a step's value into its slot and into the account.
    fn finish(&mut self, step: &TypedStep, held: Held) -> Result<()> {
        let rows_out = check_rows(&held.value)?;
        self.count(held.bytes)?;
        self.usage.rows += rows_out;
        let mut rows_in = 0;
        lives::each_input(&step.op, &mut |slot| {
            rows_in += self.slots.get(slot).and_then(Option::as_ref).map_or(0, |held| rows_of(&held.value));
        });
        let bytes_out = held.bytes;
        *self.slots.get_mut(step.slot).ok_or(ExecErrorKind::BadPlan("no such slot"))? = Some(held);
        self.observer.step(&StepReport { id: &step.id, op: &step.op, rows_in, rows_out, bytes_out });
        Ok(())
    }

    /// Adds to the live bytes, within the limit.
    fn count(&mut self, bytes: u64) -> Result<()> {
        let (needed, limit) = (self.live.saturating_add(bytes), self.plan.limits.max_memory_bytes);
        if needed > limit {
            return Err(ExecErrorKind::LimitExceeded { which: LimitKind::MemoryBytes, limit, needed });
        }
        self.live = needed;
        self.usage.peak_memory_bytes = self.usage.peak_memory_bytes.max(needed);
        Ok(())
    }

    fn memory_left(&self) -> u64 {
        self.plan.limits.max_memory_bytes.saturating_sub(self.live)
    }

    fn held(&self, slot: Slot) -> Result<&Held> {
        self.slots
            .get(slot)
            .and_then(Option::as_ref)
            .ok_or(ExecErrorKind::BadPlan("a step reads an empty slot"))
    }

    fn table(&self, slot: Slot) -> Result<&Table> {
        match &self.held(slot)?.value {
            Value::Table(table) => Ok(table),
            Value::Bytes(_) => Err(ExecErrorKind::BadPlan("a step reads bytes as a table")),
        }
    }

    fn bytes(&self, slot: Slot) -> Result<&Bytes> {
        match &self.held(slot)?.value {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Table(_) => Err(ExecErrorKind::BadPlan("a step reads a table as bytes")),
        }
    }

    /// The value of a step without sub-plans.
    fn value(&self, step: &TypedStep) -> Result<Value> {
        let schema = || match &step.result {
            ValueType::Table(schema) => Ok(schema),
            ValueType::Bytes => Err(ExecErrorKind::BadPlan("a step that makes tables makes bytes")),
        };
        let memory_left = self.memory_left();
        Ok(Value::Table(match &step.op {
            TypedOp::Concat { inputs } => {
                let tables = inputs.iter().map(|slot| self.table(*slot)).collect::<Result<Vec<_>>>()?;
                let needed = tables.iter().map(|table| table.logical_bytes()).sum();
                within(needed, memory_left)?;
                columns::concat(schema()?, &tables)?
            }
            TypedOp::Custom { input, module, function } => {
                let call = CustomCall {
                    module,
                    function,
                    input: &self.held(*input)?.value,
                    schema: schema()?,
                    memory_left,
                    max_cycles: self.plan.limits.max_cycles,
                };
                let result = Value::Table(self.host.call(&call).map_err(ExecErrorKind::Custom)?);
                check_value(&result, &step.result)?;
                return Ok(result);
            }
            TypedOp::Distinct { input, fields } => reduce::distinct(self.table(*input)?, fields)?,
            TypedOp::Filter { input, condition } => filter(self.table(*input)?, condition, memory_left)?,
            TypedOp::HashRows { input, fields, target } => {
                hash_rows::hash_rows(self.table(*input)?, fields, *target, schema()?, memory_left)?
            }
            TypedOp::Limit { input, offset, count } => {
                let clamp = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
                columns::slice(self.table(*input)?, clamp(*offset), clamp(*count))
            }
            TypedOp::Map { input, columns } => map(self.table(*input)?, columns, schema()?, memory_left)?,
            TypedOp::Merge { left, right, how, left_keys, right_keys, columns } => merge::Merge {
                left: self.table(*left)?,
                right: self.table(*right)?,
                how: *how,
                left_keys,
                right_keys,
                columns,
                schema: schema()?,
                memory_left,
            }
            .run()?,
            TypedOp::Parse { input, format, hints } => {
                format::parse(self.bytes(*input)?, format, schema()?, hints, memory_left)
                    .map_err(|error| format_error(error, memory_left))?
            }
            TypedOp::Reduce { input, keys, columns } => {
                reduce::reduce(self.table(*input)?, keys, columns, schema()?)?
            }
            TypedOp::Serialize { input, format, fields } => {
                let columns = self.table(*input)?.columns.len();
                if fields.iter().any(|field| *field >= columns) {
                    return Err(ExecErrorKind::BadPlan("no such column"));
                }
                let bytes = format::serialize(self.table(*input)?, *format, fields, memory_left)
                    .map_err(|error| format_error(error, memory_left))?;
                return Ok(Value::Bytes(bytes.into()));
            }
            TypedOp::Sort { input, by, limit } => reduce::sort(self.table(*input)?, by, *limit)?,
            TypedOp::Statistics { input, fields, scale } => {
                statistics::statistics(self.table(*input)?, fields, *scale, schema()?)?
            }
            TypedOp::Branch { .. } | TypedOp::Input { .. } | TypedOp::Loop { .. } => {
                return Err(ExecErrorKind::BadPlan("a step with sub-plans among the others"));
            }
        }))
    }

    fn branch(
        &mut self,
        step: &TypedStep,
        condition: &TypedCondition,
        branches: [&TypedBlock; 2],
        lives: &[Lives],
    ) -> Placed<Held> {
        let at_step = |kind| ExecError { step: step.id.clone(), kind };
        let taken = usize::from(!self.holds(condition).map_err(at_step)?);
        let lives =
            lives.get(taken).ok_or_else(|| at_step(ExecErrorKind::BadPlan("a branch without its blocks")))?;
        self.steps(branches[taken], lives)?;
        self.take_output(branches[taken], lives).map_err(at_step)
    }

    /// Whether a condition over a table of one row is true.
    fn holds(&self, condition: &TypedCondition) -> Result<bool> {
        let table = self.table(condition.input)?;
        if table.rows != 1 {
            return Err(ExecErrorKind::NotOneRow { rows: table.rows });
        }
        let evaluator = Evaluator { table, memory_left: self.memory_left() };
        let scalar = match evaluator.cells(&condition.expression, Live::All(1))? {
            Cells::Constant(scalar) => scalar,
            Cells::Column(column) => scalar_at(&column, 0),
        };
        Ok(scalar == Scalar::Bool(true))
    }

    fn repeat(&mut self, step: &TypedStep, lives: &[Lives]) -> Placed<Held> {
        let at_step = |kind| ExecError { step: step.id.clone(), kind };
        let TypedOp::Loop { input, state, max_iterations, mode, body } = &step.op else {
            return Err(at_step(ExecErrorKind::BadPlan("not a loop")));
        };
        let lives =
            lives.first().ok_or_else(|| at_step(ExecErrorKind::BadPlan("a loop without its body")))?;
        if let TypedLoopMode::ForEach = mode {
            return self.for_each(step, (*input, *state, *max_iterations), body, lives);
        }
        let first = self.held(*input).map_err(at_step)?;
        let mut value = Held { value: first.value.clone(), bytes: first.bytes };
        for _ in 0..*max_iterations {
            self.begin_round(*state, value).map_err(at_step)?;
            self.steps(body, lives)?;
            let ended = match mode {
                TypedLoopMode::Until(condition) => self.holds(condition).map_err(at_step)?,
                _ => false,
            };
            value = self.end_round(*state, body, lives).map_err(at_step)?;
            if ended {
                return Ok(value);
            }
        }
        match mode {
            TypedLoopMode::Until(_) => {
                Err(at_step(ExecErrorKind::LoopBound { max_iterations: *max_iterations, rows: None }))
            }
            _ => Ok(value),
        }
    }

    fn for_each(
        &mut self,
        step: &TypedStep,
        (input, state, max_iterations): (Slot, Slot, u32),
        body: &TypedBlock,
        lives: &Lives,
    ) -> Placed<Held> {
        let at_step = |kind| ExecError { step: step.id.clone(), kind };
        let rows = self.table(input).map_err(at_step)?.clone();
        if rows.rows as u64 > u64::from(max_iterations) {
            let rows = Some(rows.rows);
            return Err(at_step(ExecErrorKind::LoopBound { max_iterations, rows }));
        }
        let ValueType::Table(schema) = &step.result else {
            return Err(at_step(ExecErrorKind::BadPlan("`forEach` makes bytes")));
        };
        let mut outputs: Vec<Table> = Vec::with_capacity(rows.rows);
        let mut total = 0;
        for row in 0..rows.rows {
            let value = Value::Table(columns::slice(&rows, row, 1));
            let bytes = value.logical_bytes();
            self.begin_round(state, Held { value, bytes }).map_err(at_step)?;
            self.steps(body, lives)?;
            let output = self.end_round(state, body, lives).map_err(at_step)?;
            self.count(output.bytes).map_err(at_step)?;
            total += output.bytes;
            match output.value {
                Value::Table(table) => outputs.push(table),
                Value::Bytes(_) => return Err(at_step(ExecErrorKind::BadPlan("`forEach` makes bytes"))),
            }
        }
        self.live -= total;
        let outputs: Vec<&Table> = outputs.iter().collect();
        let value = Value::Table(columns::concat(schema, &outputs).map_err(at_step)?);
        Ok(Held { bytes: value.logical_bytes(), value })
    }

    fn begin_round(&mut self, state: Slot, value: Held) -> Result<()> {
        self.count(value.bytes)?;
        *self.slots.get_mut(state).ok_or(ExecErrorKind::BadPlan("no such slot"))? = Some(value);
        Ok(())
    }

    /// Takes the output of a round and frees all else that the round made.
    fn end_round(&mut self, state: Slot, body: &TypedBlock, lives: &Lives) -> Result<Held> {
        let output = if body.output == state {
            let held = self.held(state)?;
            Held { value: held.value.clone(), bytes: held.bytes }
        } else {
            self.take_output(body, lives)?
        };
        if let Some(slot) = lives.kept {
            self.free(slot);
        }
        self.free(state);
        Ok(output)
    }
}

fn within(needed: u64, limit: u64) -> Result<()> {
    if needed > limit {
        return Err(ExecErrorKind::LimitExceeded { which: LimitKind::MemoryBytes, limit, needed });
    }
    Ok(())
}

/// A file that outgrows the memory that is left is no fault of the file.
fn format_error(error: FormatError, memory_left: u64) -> ExecErrorKind {
    match error.kind {
        FormatErrorKind::TooLarge { limit, .. } if limit == memory_left => ExecErrorKind::LimitExceeded {
            which: LimitKind::MemoryBytes,
            limit,
            needed: limit.saturating_add(1),
        },
        _ => ExecErrorKind::Format(error.into()),
    }
}

fn rows_of(value: &Value) -> u64 {
    match value {
        Value::Bytes(_) => 0,
        Value::Table(table) => table.rows as u64,
    }
}

/// The rows of a value, which must be few enough to be numbered.
fn check_rows(value: &Value) -> Result<u64> {
    let needed = rows_of(value);
    if needed > MAX_ROWS {
        return Err(ExecErrorKind::LimitExceeded { which: LimitKind::Rows, limit: MAX_ROWS, needed });
    }
    Ok(needed)
}

/// Whether a value from outside is of its declared type, through to how its columns lie in memory.
fn check_value(value: &Value, declared: &ValueType) -> Result<()> {
    let wrong = || ExecErrorKind::WrongInput { expected: declared.clone(), found: value.ty() };
    match (value, declared) {
        (Value::Bytes(_), ValueType::Bytes) => Ok(()),
        (Value::Table(table), ValueType::Table(schema)) => {
            check_rows(value)?;
            let suits = table.schema == *schema
                && table.columns.len() == schema.len()
                && table.columns.iter().zip(schema.columns()).all(|(column, declared)| {
                    column.values.suits(declared.ty.ty)
                        && column.len() == table.rows
                        && column.validity.as_ref().is_none_or(|bits| {
                            bits.len() == table.rows && (declared.ty.nullable || !bits.contains(&false))
                        })
                });
            if suits { Ok(()) } else { Err(wrong()) }
        }
        _ => Err(wrong()),
    }
}

fn filter(table: &Table, condition: &TypedExpr, memory_left: u64) -> Result<Table> {
    let evaluator = Evaluator { table, memory_left };
    let rows: Vec<u32> = match evaluator.cells(condition, Live::All(table.rows))? {
        Cells::Constant(Scalar::Bool(true)) => return Ok(table.clone()),
        Cells::Constant(_) => Vec::new(),
        Cells::Column(column) => {
            let Values::Bool(bits) = &column.values else {
                return Err(ExecErrorKind::BadPlan("a condition is not a bool"));
            };
            // Two passes: the second knows how much room it needs. A null is stored as false.
            let kept = bits.iter().filter(|bit| **bit).count();
            if kept == bits.len() {
                return Ok(table.clone());
            }
            let mut rows = Vec::with_capacity(kept);
            rows.extend((0..).zip(bits).filter(|(_, bit)| **bit).map(|(row, _): (u32, _)| row));
            rows
        }
    };
    Ok(columns::take_rows(table, &rows))
}

fn map(table: &Table, columns: &[MapColumn], schema: &Schema, memory_left: u64) -> Result<Table> {
    let evaluator = Evaluator { table, memory_left };
    let columns = columns.iter().map(|column| match column {
        MapColumn::Compute(expr) => evaluator.column(expr),
        MapColumn::Keep(index) => {
            table.columns.get(*index).cloned().ok_or(ExecErrorKind::BadPlan("no such column"))
        }
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Table { schema: schema.clone(), rows: table.rows, columns })
}
