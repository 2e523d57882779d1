//! From a plan as it was written to a checked plan: names resolved, steps sorted, every expression typed.
//!
//! `check` never stops at the first error; what depends on a step with an error is left unchecked, so that one
//! mistake is reported once. It runs inside zkVM guests too: text is made only when something is wrong.

mod aggregate;
mod columns;
mod expr;
mod operators;
mod scope;
mod steps;

use alloc::{string::String, vec, vec::Vec};

use proofmark_core::Algorithm;

use crate::{
    canonical,
    diagnostic::{Code, Diagnostic, Path, Severity},
    model::{Limits, MAX_TEXT_BYTES, Plan, StepKind},
    typed::{Slot, TypedBlock, TypedInput, TypedPlan},
    types::{Schema, ValueType},
};
use scope::Scope;

/// A plan that can run, and what is doubtful in it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The plan for executors and provers.
    pub typed: TypedPlan,
    /// Findings that do not keep it from running.
    pub warnings: Vec<Diagnostic>,
}

/// Checks a plan.
///
/// # Errors
/// Everything that is wrong with the plan, in the order of its text as far as possible. At most [`MAX_FINDINGS`]
/// errors are listed.
pub fn check(plan: &Plan) -> Result<Checked, Vec<Diagnostic>> {
    run(plan, true).map(|(typed, warnings, _)| Checked { typed, warnings })
}

/// Checks a plan without looking for anything doubtful, for guests.
///
/// # Errors
/// As [`check`].
pub fn typed(plan: &Plan) -> Result<TypedPlan, Vec<Diagnostic>> {
    run(plan, false).map(|(typed, ..)| typed)
}

/// The steps of a plan as a graph, for tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionDag {
    /// The steps, sub-plans included.
    pub nodes: Vec<DagNode>,
    /// `(from, to)`: node `to` needs the result of node `from`. A step around a sub-plan needs what its sub-plan needs.
    pub edges: Vec<(usize, usize)>,
    /// Execution order, sub-plans after the step that they belong to.
    pub order: Vec<usize>,
}

/// A step in an [`ExecutionDag`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DagNode {
    /// The step's id.
    pub id: String,
    /// Its type and operation, such as `transform map`.
    pub kind: String,
    /// The node of the step that it is inside of, and the part of it: `then`, `else` or `body`.
    pub inside: Option<(usize, &'static str)>,
    /// The type of its result.
    pub result: ValueType,
}

/// Checks a plan and gives its graph.
///
/// # Errors
/// As [`check`].
pub fn execution_dag(plan: &Plan) -> Result<ExecutionDag, Vec<Diagnostic>> {
    run(plan, false).map(|(.., dag)| dag())
}

/// The most errors, and the most warnings, that are listed.
pub const MAX_FINDINGS: usize = 100;

#[allow(clippy::type_complexity, reason = "the graph is made only if somebody asks for it")]
fn run(
    plan: &Plan,
    warn: bool,
) -> Result<(TypedPlan, Vec<Diagnostic>, impl FnOnce() -> ExecutionDag), Vec<Diagnostic>> {
    let mut findings = Findings { warn, ..Findings::default() };
    check_limits(&plan.limits, &mut findings);
    if plan.id.is_empty() || plan.id.len() > MAX_TEXT_BYTES {
        let path = findings.root(&[Seg::Member("id")]);
        findings.push(Code::InvalidName, path, None, "a plan's id has 1 to 65536 bytes".into(), None);
    }
    if plan.job_request_hash.is_some_and(|digest| digest.algorithm() != Algorithm::Sha256) {
        let path = findings.root(&[Seg::Member("jobRequestHash")]);
        findings.push(Code::UnsupportedDigest, path, None, "a job's digest is SHA-256".into(), None);
    }
    let Some(mut scope) = Scope::collect(plan, &mut findings) else {
        return Err(findings.errors);
    };
    scope.link(&mut findings);
    if warn && findings.errors.is_empty() {
        scope.report_unused(&mut findings);
    }
    let slots = scope.defs.len();
    let mut checker = Checker { scope, types: vec![None; slots], inputs: Vec::new(), findings, current: 0 };
    let body = checker.block(0);
    let Checker { scope, types, inputs, findings, .. } = checker;
    match body {
        Some(body) if findings.errors.is_empty() => {
            let typed = TypedPlan {
                hash: canonical::plan_hash(plan),
                job: plan.job_request_hash,
                inputs,
                body,
                slots,
                limits: plan.limits,
            };
            Ok((typed, findings.warnings, move || dag(&scope, &types)))
        }
        _ => Err(findings.errors),
    }
}

fn dag(scope: &Scope<'_>, types: &[Option<ValueType>]) -> ExecutionDag {
    let mut node_of = vec![usize::MAX; scope.defs.len()];
    let mut nodes = Vec::new();
    for (at, def) in scope.defs.iter().enumerate() {
        if let Some(step) = def.step {
            node_of[at] = nodes.len();
            let inside = scope.owner(def.block).map(|(owner, part)| (node_of[owner], part));
            let result = types[at].clone().unwrap_or(ValueType::Bytes);
            nodes.push(DagNode { id: def.id.into(), kind: step.kind.describe().into(), inside, result });
        }
    }
    let edges = scope.edges().iter().map(|&(from, to)| (node_of[from], node_of[to])).collect();
    let mut order = Vec::with_capacity(nodes.len());
    let mut work = vec![scope.blocks[0].order.iter()];
    while let Some(block) = work.last_mut() {
        match block.next() {
            None => drop(work.pop()),
            Some(&def) => {
                order.push(node_of[def]);
                match scope.defs[def].step.map(|step| &step.kind) {
                    Some(StepKind::Branch(_)) => {
                        work.push(scope.blocks[scope.defs[def].second].order.iter());
                        work.push(scope.blocks[scope.defs[def].first_block].order.iter());
                    }
                    Some(StepKind::Loop(_)) => {
                        work.push(scope.blocks[scope.defs[def].first_block].order.iter())
                    }
                    _ => {}
                }
            }
        }
    }
    ExecutionDag { nodes, edges, order }
}

fn check_limits(limits: &Limits, findings: &mut Findings) {
    let Limits { max_memory_bytes, max_cycles, max_output_bytes, max_steps } = Limits::CEILING;
    for (name, value, ceiling) in [
        ("maxMemoryBytes", limits.max_memory_bytes, max_memory_bytes),
        ("maxCycles", limits.max_cycles, max_cycles),
        ("maxOutputBytes", limits.max_output_bytes, max_output_bytes),
        ("maxSteps", limits.max_steps, max_steps),
    ] {
        if value == 0 || value > ceiling {
            let path = findings.root(&[Seg::Member("limits"), Seg::Member(name)]);
            let message = alloc::format!("{name} is {value}; it must be 1 to {ceiling}");
            findings.push(Code::LimitOutOfRange, path, None, message, None);
        }
    }
}

/// The state of a check.
struct Checker<'p> {
    scope: Scope<'p>,
    /// By slot; `None` until known, and for steps with errors.
    types: Vec<Option<ValueType>>,
    inputs: Vec<TypedInput>,
    findings: Findings,
    /// The definition that is being checked, for paths.
    current: usize,
}

/// A step that could not be typed. The reason is among the findings, or at a step before it.
type Typing<T> = Option<T>;

impl<'p> Checker<'p> {
    fn block(&mut self, block: usize) -> Typing<TypedBlock> {
        let order = core::mem::take(&mut self.scope.blocks[block].order);
        let mut steps = Vec::with_capacity(order.len());
        for &def in &order {
            self.current = def;
            if let Some(step) = self.step(def) {
                self.types[def] = Some(step.result.clone());
                steps.push(step);
            }
        }
        let complete = steps.len() == self.scope.len(block);
        self.scope.blocks[block].order = order;
        let output = self.scope.resolve(self.scope.blocks[block].output, block)?;
        complete.then_some(TypedBlock { steps, output })
    }

    /// The slot and type of a step's input; `None` if it is unknown, which is reported elsewhere.
    fn value(&self, name: &str, block: usize) -> Typing<(Slot, ValueType)> {
        let slot = self.scope.resolve(name, block)?;
        Some((slot, self.types[slot].clone()?))
    }

    /// As [`value`](Self::value), and it must be a table.
    fn table(&mut self, name: &str, block: usize, at: &[Seg<'_>]) -> Typing<(Slot, Schema)> {
        match self.value(name, block)? {
            (slot, ValueType::Table(schema)) => Some((slot, schema)),
            (_, ValueType::Bytes) => {
                let hint = Some("a `transform` with `op: parse` makes a table of bytes".into());
                self.fail(
                    Code::NeedsTable,
                    at,
                    alloc::format!("`{name}` is bytes, and this step takes a table"),
                    hint,
                )
            }
        }
    }

    /// Reports an error inside the current step.
    fn fail<T>(&mut self, code: Code, at: &[Seg<'_>], message: String, hint: Option<String>) -> Typing<T> {
        let path = self.scope.path(self.current, at);
        self.findings.push(code, path, None, message, hint);
        None
    }
}

/// A part of a path, borrowed: paths are made only when something is wrong.
#[derive(Clone, Copy)]
enum Seg<'a> {
    Index(usize),
    Member(&'a str),
}

/// What was found so far.
#[derive(Default)]
struct Findings {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    warn: bool,
}

impl Findings {
    fn push(&mut self, code: Code, path: Path, offset: Option<u32>, message: String, hint: Option<String>) {
        let severity = code.severity();
        let list = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning if self.warn => &mut self.warnings,
            Severity::Warning => return,
        };
        if list.len() < MAX_FINDINGS {
            list.push(Diagnostic { severity, code, path, offset, message, hint });
        }
    }

    fn is_full(&self) -> bool {
        self.errors.len() >= MAX_FINDINGS
    }

    fn root(&self, at: &[Seg<'_>]) -> Path {
        Path(at.iter().map(|seg| seg.to_segment()).collect())
    }

    fn invalid_id(&mut self, id: &str, path: Path) {
        let shown: String = id.chars().take(64).collect();
        let message = alloc::format!("`{shown}` cannot be an id");
        let hint = "ids have letters, digits, `_` and `-`, start with a letter or `_`, and have at most 64 characters";
        self.push(Code::InvalidName, path, None, message, Some(hint.into()));
    }
}
