//! From one plan to two: what is computed from a shard, and what is made of all shards' results.
//!
//! Both are plans of the plan language, and they follow from the plan, the name of the large input and the number of
//! shards alone: prover and verifier derive them alike, and nothing new has to be trusted.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};

use proofmark_plan::{
    check,
    commit::DEFAULT_ROWS_PER_LEAF,
    expr::{Expr, ExprKind},
    model::{
        Aggregate, Attestation, ColumnHint, Compute, DataInput, InputSchema, Limits, LoopMode, MergeHow,
        Plan, Reduction, Source as Place, SourceKind, Step, StepKind, SubPlan, Transform,
    },
    typed::TypedPlan,
    types::{Schema, ValueType},
};

use super::{MAX_SHARDS, partial::Partial};
use crate::Unsupported;

/// A plan over a large table as two plans. For every table cut into as many consecutive parts: if the shard plan gives
/// tables on the parts, and the merge plan a table on these, then the plan gives that table on the whole one.
#[derive(Clone, Debug)]
pub struct Split {
    /// From a shard, and other inputs, to the partial groups.
    pub shard: TypedPlan,
    /// What each input of the shard plan is.
    pub shard_inputs: Vec<Source>,
    /// From the partial groups of all shards, and other inputs, to the plan's output.
    pub merge: TypedPlan,
    /// What each input of the merge plan is.
    pub merge_inputs: Vec<Source>,
}

/// What an input of a derived plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The input of the whole plan at this index.
    Input(usize),
    /// The partial groups of this shard, from zero.
    Part(usize),
    /// A shard of the large table.
    Shard,
}

impl Split {
    /// Splits a plan for a large input in so many shards.
    ///
    /// # Errors
    /// The step that stands in the way, with the reason.
    pub fn new(plan: &Plan, input: &str, shards: usize) -> Result<Self, Unsupported> {
        let at = |step: &str, reason: &str| Unsupported { step: step.into(), reason: reason.into() };
        if !(2..=MAX_SHARDS).contains(&shards) {
            return Err(at(input, &format!("a table is cut into 2 to {MAX_SHARDS} shards, not {shards}")));
        }
        let typed = check::typed(plan).map_err(|_| at(input, "the plan has errors"))?;
        let names = Names::of(plan, &typed)?;
        let roles = Roles::of(plan, &typed, input)?;
        let schema = |id: &str| {
            let step = typed.body.steps.iter().find(|step| step.id == id);
            match step.map(|step| &step.result) {
                Some(ValueType::Table(schema)) => Ok(schema.clone()),
                _ => Err(at(id, "its value is no table")),
            }
        };
        let Groups { id, input: source, keys, aggregates } = &roles.groups;
        let partial = Partial::of((keys, aggregates), &schema(source)?, &names.column)
            .map_err(|reason| Unsupported { step: (*id).to_string(), reason })?;

        let shard = check::typed(&shard_plan(plan, &roles, &partial, &names))
            .map_err(|_| at(id, "its partial groups have no types"))?;
        let Some(parts) = schema_of(&shard) else { return Err(at(id, "its value is no table")) };
        let merge = check::typed(&merge_plan(plan, &roles, &partial, &names, (&parts, shards)))
            .map_err(|_| at(id, "its merged groups have no types"))?;
        if schema_of(&merge) != schema_of(&typed) {
            return Err(at(id, "its merged groups have other types"));
        }
        let whole = |name: &str| typed.inputs.iter().position(|other| other.name == name);
        let shard_inputs = shard.inputs.iter().map(|found| match found.name == input {
            true => Some(Source::Shard),
            false => whole(&found.name).map(Source::Input),
        });
        let merge_inputs = merge.inputs.iter().map(|found| {
            let part = (0..shards).find(|part| names.part(*part) == found.name);
            part.map(Source::Part).or_else(|| whole(&found.name).map(Source::Input))
        });
        let stray = || at(input, "a derived plan has a stray input");
        Ok(Self {
            shard_inputs: shard_inputs.collect::<Option<_>>().ok_or_else(stray)?,
            merge_inputs: merge_inputs.collect::<Option<_>>().ok_or_else(stray)?,
            shard,
            merge,
        })
    }
}

fn schema_of(plan: &TypedPlan) -> Option<Schema> {
    let step = plan.body.steps.iter().find(|step| step.slot == plan.body.output)?;
    if let ValueType::Table(schema) = &step.result { Some(schema.clone()) } else { None }
}

/// Names that the plan does not use.
struct Names {
    /// The beginning of ids of new steps.
    step: String,
    /// The beginning of names of new columns.
    column: String,
}

impl Names {
    fn of(plan: &Plan, typed: &TypedPlan) -> Result<Self, Unsupported> {
        let mut ids = BTreeSet::new();
        plan.steps.iter().for_each(|step| ids_of(step, &mut ids));
        let columns = typed.body.steps.iter().flat_map(|step| match &step.result {
            ValueType::Table(schema) => schema.columns().iter().map(|column| column.name.as_str()).collect(),
            ValueType::Bytes => Vec::new(),
        });
        let columns: BTreeSet<&str> = columns.collect();
        let fresh = |names: &BTreeSet<&str>| {
            let mut name = String::from("part");
            while names.iter().any(|other| other.starts_with(&name)) {
                name.push('_');
            }
            // Room for a number.
            (name.len() < 48).then_some(name)
        };
        match (fresh(&ids), fresh(&columns)) {
            (Some(step), Some(column)) => Ok(Self { step, column }),
            _ => Err(Unsupported { step: plan.output.clone(), reason: "no names are left".into() }),
        }
    }

    fn part(&self, shard: usize) -> String {
        format!("{}-{:03}", self.step, shard + 1)
    }

    fn step(&self, name: &str) -> String {
        format!("{}-{name}", self.step)
    }
}

/// The ids of a step and of the steps inside of it. A checked plan has at most 64 levels, which bounds the recursion.
fn ids_of<'p>(step: &'p Step, ids: &mut BTreeSet<&'p str>) {
    ids.insert(&step.id);
    let inner: Vec<&SubPlan> = match &step.kind {
        StepKind::Branch(branch) => alloc::vec![&branch.then, &branch.otherwise],
        StepKind::Loop(a_loop) => {
            ids.insert(&a_loop.name);
            alloc::vec![&a_loop.body]
        }
        _ => Vec::new(),
    };
    inner.into_iter().flat_map(|plan| &plan.steps).for_each(|step| ids_of(step, ids));
}

/// The step that brings the rows of all shards into groups.
struct Groups<'p> {
    id: &'p str,
    input: &'p str,
    keys: &'p [String],
    aggregates: &'p [(String, Reduction)],
}

/// Which step goes where.
struct Roles<'p> {
    /// Steps whose rows are those of a shard, and the input itself.
    local: BTreeSet<&'p str>,
    /// Steps that local ones read, and all before them.
    beside: BTreeSet<&'p str>,
    groups: Groups<'p>,
}

impl<'p> Roles<'p> {
    fn of(plan: &'p Plan, typed: &TypedPlan, input: &str) -> Result<Self, Unsupported> {
        let no = |step: &str, reason: String| Err(Unsupported { step: step.into(), reason });
        let steps: BTreeMap<&str, &Step> = plan.steps.iter().map(|step| (step.id.as_str(), step)).collect();
        let (mut local, mut after, mut beside) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut groups: Option<Groups<'p>> = None;
        for step in &typed.body.steps {
            let Some(step) = steps.get(step.id.as_str()).copied() else { continue };
            let mut read = Vec::new();
            reads(&step.kind, &mut read);
            if step.id == input {
                local.insert(step.id.as_str());
                continue;
            }
            if read.iter().any(|id| after.contains(id)) {
                after.insert(step.id.as_str());
            }
            if !read.iter().any(|id| local.contains(id)) {
                continue;
            }
            match &step.kind {
                StepKind::Aggregate(Aggregate::Reduce { input: source, group_by, aggregates }) => {
                    if let Some(first) = &groups {
                        let reason = format!(
                            "it is the second step that groups the rows of {input}, after {}",
                            first.id
                        );
                        return no(&step.id, reason);
                    }
                    after.insert(&step.id);
                    groups = Some(Groups { id: &step.id, input: source, keys: group_by, aggregates });
                }
                kind => {
                    if let Some(reason) = needs_all_rows(kind, &local, &after) {
                        return no(&step.id, format!("in shards, {reason}"));
                    }
                    beside.extend(read.into_iter().filter(|id| !local.contains(id)));
                    local.insert(&step.id);
                }
            }
        }
        let Some(groups) = groups else {
            return no(
                &plan.output,
                format!("no step brings the rows of {input} into groups, so shards cannot be merged"),
            );
        };
        if local.contains(plan.output.as_str()) {
            return no(&plan.output, format!("the output has rows of {input}, so shards cannot be merged"));
        }
        // All that these need.
        let mut open: Vec<&str> = beside.iter().copied().collect();
        while let Some(id) = open.pop() {
            let mut read = Vec::new();
            if let Some(step) = steps.get(id) {
                reads(&step.kind, &mut read);
            }
            // Names of inner steps are no steps of the plan.
            open.extend(read.into_iter().filter(|id| steps.contains_key(id) && beside.insert(id)));
        }
        Ok(Self { local, beside, groups })
    }
}

/// Why a step that reads rows of a shard needs those of others; `None` if it works row by row.
fn needs_all_rows(kind: &StepKind, local: &BTreeSet<&str>, after: &BTreeSet<&str>) -> Option<String> {
    let windows = |exprs: &[&Expr]| {
        let found = exprs.iter().any(|expr| has_previous(expr));
        found.then(|| "a row before may be in another shard".to_string())
    };
    match kind {
        StepKind::Filter { condition, .. } => windows(&[condition]),
        StepKind::Compute { operation: Compute::Math { columns }, .. }
        | StepKind::Transform { operation: Transform::Map { columns }, .. } => {
            windows(&columns.iter().map(|(_, expr)| expr).collect::<Vec<_>>())
        }
        StepKind::Transform { operation: Transform::Rename { .. } | Transform::Select { .. }, .. } => None,
        StepKind::Aggregate(Aggregate::Merge { left, right, how, .. }) => {
            let rows_of_left =
                matches!(how, MergeHow::Anti | MergeHow::Inner | MergeHow::Left | MergeHow::Semi);
            let other = !local.contains(right.as_str()) && !after.contains(right.as_str());
            if rows_of_left && local.contains(left.as_str()) && other {
                return None;
            }
            Some("only joins to the rows of a shard of another table work row by row".to_string())
        }
        kind => Some(format!("a step of kind `{}` needs all rows at once", kind.describe())),
    }
}

fn has_previous(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call(_, args) => args.iter().any(has_previous),
        ExprKind::Previous { .. } => true,
        ExprKind::Column(_) | ExprKind::Literal(_) => false,
    }
}

/// The ids that a step reads, those inside of it included.
fn reads<'p>(kind: &'p StepKind, found: &mut Vec<&'p str>) {
    fn inner<'p>(plan: &'p SubPlan, found: &mut Vec<&'p str>) {
        found.push(&plan.output);
        plan.steps.iter().for_each(|step| reads(&step.kind, found));
    }
    match kind {
        StepKind::Aggregate(Aggregate::Concat { inputs }) => found.extend(inputs.iter().map(String::as_str)),
        StepKind::Aggregate(Aggregate::Merge { left, right, .. }) => found.extend([left.as_str(), right]),
        StepKind::Aggregate(Aggregate::Reduce { input, .. })
        | StepKind::Compute { input, .. }
        | StepKind::Filter { input, .. }
        | StepKind::Transform { input, .. } => found.push(input),
        StepKind::Branch(branch) => {
            found.push(&branch.condition.input);
            inner(&branch.then, found);
            inner(&branch.otherwise, found);
        }
        StepKind::DataInput(_) => {}
        StepKind::Loop(a_loop) => {
            found.push(&a_loop.input);
            if let LoopMode::Until(condition) = &a_loop.mode {
                found.push(&condition.input);
            }
            inner(&a_loop.body, found);
        }
    }
}

/// A plan of these steps. Limits are those of the whole plan's execution, which no proof over tables states.
fn derived(id: &str, steps: Vec<Step>, output: String) -> Plan {
    Plan { id: id.into(), job_request_hash: None, steps, output, limits: Limits::CEILING }
}

fn map(id: String, input: &str, columns: &[(String, Expr)]) -> Step {
    let operation = Transform::Map { columns: columns.to_vec() };
    Step { id, kind: StepKind::Transform { input: input.into(), operation } }
}

fn reduce(id: String, input: &str, keys: &[String], aggregates: &[(String, Reduction)]) -> Step {
    let (group_by, aggregates) = (keys.to_vec(), aggregates.to_vec());
    let kind = Aggregate::Reduce { input: input.into(), group_by, aggregates };
    Step { id, kind: StepKind::Aggregate(kind) }
}

fn shard_plan(plan: &Plan, roles: &Roles<'_>, partial: &Partial, names: &Names) -> Plan {
    let wanted =
        |step: &&Step| roles.local.contains(step.id.as_str()) || roles.beside.contains(step.id.as_str());
    let mut steps: Vec<Step> = plan.steps.iter().filter(wanted).cloned().collect();
    let mut source = roles.groups.input.to_string();
    if !partial.prepared.is_empty() {
        let id = names.step("prepared");
        steps.push(map(id.clone(), &source, &partial.prepared));
        source = id;
    }
    let groups = names.step("groups");
    steps.push(reduce(groups.clone(), &source, roles.groups.keys, &partial.parts));
    derived("shard", steps, groups)
}

fn merge_plan(
    plan: &Plan,
    roles: &Roles<'_>,
    partial: &Partial,
    names: &Names,
    (parts, shards): (&Schema, usize),
) -> Plan {
    let Groups { id, keys, aggregates, .. } = &roles.groups;
    let kept = |step: &&Step| step.id != *id && !roles.local.contains(step.id.as_str());
    let mut steps: Vec<Step> = plan.steps.iter().filter(kept).cloned().collect();
    for shard in 0..shards {
        let hints = alloc::vec![ColumnHint::default(); parts.len()];
        let data = DataInput {
            data_commitment: None,
            schema: InputSchema::Table { schema: parts.clone(), hints },
            source: Place { kind: SourceKind::Parameter, uri: None, attestation: Attestation::None },
            rows_per_leaf: DEFAULT_ROWS_PER_LEAF,
        };
        steps.push(Step { id: names.part(shard), kind: StepKind::DataInput(data) });
    }
    let rows = names.step("rows");
    let inputs = (0..shards).map(|shard| names.part(shard)).collect();
    steps.push(Step { id: rows.clone(), kind: StepKind::Aggregate(Aggregate::Concat { inputs }) });
    let mut source = names.step("groups");
    steps.push(reduce(source.clone(), &rows, keys, &partial.merged));
    if !partial.values.is_empty() {
        let values = names.step("values");
        steps.push(map(values.clone(), &source, &partial.values));
        source = values;
    }
    // What reads the groups finds them under their name.
    let mut fields = keys.to_vec();
    fields.extend(aggregates.iter().map(|(name, _)| name.clone()));
    let operation = Transform::Select { fields };
    steps.push(Step { id: (*id).to_string(), kind: StepKind::Transform { input: source, operation } });
    derived("merge", steps, plan.output.clone())
}
