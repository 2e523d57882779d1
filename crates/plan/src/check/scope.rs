//! Names: which steps there are, which of them a place can see, and in which order they run.

use alloc::{
    collections::BinaryHeap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::cmp::Reverse;

use super::{Findings, Seg};
use crate::{
    diagnostic::{Code, Path, Segment, closest},
    model::{Aggregate, LoopMode, MAX_NAME_BYTES, MAX_PLAN_DEPTH, MAX_STEPS, Plan, Step, StepKind, SubPlan},
};

/// All steps of a plan, sub-plans included. A definition's index is its slot.
pub(super) struct Scope<'p> {
    pub(super) defs: Vec<Def<'p>>,
    pub(super) blocks: Vec<Block<'p>>,
    /// `(id, definition)`, sorted.
    names: Vec<(&'p str, usize)>,
    /// `(needed, needing)`, both in one block, sorted.
    edges: Vec<(usize, usize)>,
}

/// Something that an id names.
pub(super) struct Def<'p> {
    pub(super) id: &'p str,
    /// The block that it belongs to.
    pub(super) block: usize,
    /// Its place among the steps of that block.
    index: usize,
    /// The step, or `None` for the state of a loop.
    pub(super) step: Option<&'p Step>,
    /// The block `then` of a branch, `body` of a loop.
    pub(super) first_block: usize,
    /// The block `else` of a branch, the slot of a loop's state.
    pub(super) second: usize,
}

/// A list of steps that run together.
pub(super) struct Block<'p> {
    /// The step that it is a part of, and the name of that part.
    owner: Option<(usize, &'static str)>,
    pub(super) output: &'p str,
    steps: &'p [Step],
    /// Definitions of its steps, once [`Scope::sort`] ran: in execution order.
    pub(super) order: Vec<usize>,
}

impl<'p> Scope<'p> {
    /// Collects the steps of a plan, or gives up if they are too many or too deep.
    pub(super) fn collect(plan: &'p Plan, findings: &mut Findings) -> Option<Self> {
        let capacity = plan.steps.len();
        let mut scope = Self {
            defs: Vec::with_capacity(capacity),
            blocks: Vec::new(),
            names: Vec::new(),
            edges: Vec::with_capacity(capacity),
        };
        scope.block(&plan.steps, &plan.output, None, 0, findings)?;
        scope.names = scope.defs.iter().enumerate().map(|(at, def)| (def.id, at)).collect();
        scope.names.sort_unstable();
        for pair in 1..scope.names.len() {
            let ((first, _), (id, def)) = (scope.names[pair - 1], scope.names[pair]);
            if first == id {
                let at = if scope.defs[def].step.is_some() { "id" } else { "as" };
                let owner = scope.owner_of(def);
                let path = scope.path(owner, &[Seg::Member(at)]);
                let hint = "ids are unique in the whole plan, sub-plans and `as` included".to_string();
                findings.push(
                    Code::DuplicateId,
                    path,
                    None,
                    format!("`{id}` is the id of another step too"),
                    Some(hint),
                );
            }
        }
        Some(scope)
    }

    fn block(
        &mut self,
        steps: &'p [Step],
        output: &'p str,
        owner: Option<(usize, &'static str)>,
        depth: u32,
        findings: &mut Findings,
    ) -> Option<usize> {
        let block = self.blocks.len();
        self.blocks.push(Block { owner, output, steps, order: Vec::with_capacity(steps.len()) });
        if depth > MAX_PLAN_DEPTH {
            let path = self.block_path(block, &[]);
            let message = format!("sub-plans are nested deeper than {MAX_PLAN_DEPTH} levels");
            findings.push(Code::TooDeep, path, None, message, None);
            return None;
        }
        if self.defs.len() + steps.len() > MAX_STEPS {
            let message = format!("a plan has at most {MAX_STEPS} steps");
            findings.push(Code::TooManySteps, self.block_path(block, &[]), None, message, None);
            return None;
        }
        for (index, step) in steps.iter().enumerate() {
            let def = self.define(&step.id, block, index, Some(step));
            if !is_id(&step.id) {
                findings.invalid_id(&step.id, self.path(def, &[Seg::Member("id")]));
            }
            let mut sub_plan = |scope: &mut Self, plan: &'p SubPlan, part| {
                scope.block(&plan.steps, &plan.output, Some((def, part)), depth + 1, findings)
            };
            match &step.kind {
                StepKind::Branch(branch) => {
                    let then = sub_plan(self, &branch.then, "then")?;
                    let otherwise = sub_plan(self, &branch.otherwise, "else")?;
                    self.defs[def].first_block = then;
                    self.defs[def].second = otherwise;
                }
                StepKind::Loop(each) => {
                    let body = sub_plan(self, &each.body, "body")?;
                    self.defs[def].first_block = body;
                    let state = self.define(&each.name, body, usize::MAX, None);
                    self.defs[def].second = state;
                    if !is_id(&each.name) {
                        findings.invalid_id(&each.name, self.path(def, &[Seg::Member("as")]));
                    }
                }
                _ => {}
            }
        }
        Some(block)
    }

    fn define(&mut self, id: &'p str, block: usize, index: usize, step: Option<&'p Step>) -> usize {
        self.defs.push(Def { id, block, index, step, first_block: usize::MAX, second: usize::MAX });
        self.defs.len() - 1
    }

    /// The step itself, or the loop whose state this is.
    fn owner_of(&self, def: usize) -> usize {
        match (self.defs[def].step, self.blocks[self.defs[def].block].owner) {
            (None, Some((owner, _))) => owner,
            _ => def,
        }
    }

    /// What `name` means in `block`, if that can be seen from there.
    pub(super) fn resolve(&self, name: &str, block: usize) -> Option<usize> {
        let at = self.names.binary_search_by(|(id, _)| (*id).cmp(name)).ok()?;
        let def = self.names[at].1;
        self.encloses(self.defs[def].block, block).then_some(def)
    }

    fn encloses(&self, outer: usize, mut inner: usize) -> bool {
        loop {
            if inner == outer {
                return true;
            }
            match self.blocks[inner].owner {
                Some((owner, _)) => inner = self.defs[owner].block,
                None => return false,
            }
        }
    }

    /// Resolves every reference, reports those that fail, and sorts every block.
    pub(super) fn link(&mut self, findings: &mut Findings) {
        for def in 0..self.defs.len() {
            let Some(step) = self.defs[def].step else { continue };
            let block = self.defs[def].block;
            match &step.kind {
                StepKind::Aggregate(Aggregate::Concat { inputs }) => {
                    for (index, input) in inputs.iter().enumerate() {
                        self.reference(
                            def,
                            block,
                            input,
                            &[Seg::Member("inputs"), Seg::Index(index)],
                            findings,
                        );
                    }
                }
                StepKind::Aggregate(Aggregate::Merge { left, right, .. }) => {
                    self.reference(def, block, left, &[Seg::Member("inputs"), Seg::Index(0)], findings);
                    self.reference(def, block, right, &[Seg::Member("inputs"), Seg::Index(1)], findings);
                }
                StepKind::Aggregate(Aggregate::Reduce { input, .. })
                | StepKind::Compute { input, .. }
                | StepKind::Filter { input, .. }
                | StepKind::Transform { input, .. } => {
                    self.reference(def, block, input, &[Seg::Member("input")], findings);
                }
                StepKind::Branch(branch) => {
                    let at = [Seg::Member("condition"), Seg::Member("input")];
                    self.reference(def, block, &branch.condition.input, &at, findings);
                    self.output_reference(def, self.defs[def].first_block, findings);
                    self.output_reference(def, self.defs[def].second, findings);
                }
                StepKind::Loop(each) => {
                    self.reference(def, block, &each.input, &[Seg::Member("input")], findings);
                    let body = self.defs[def].first_block;
                    self.output_reference(def, body, findings);
                    if let LoopMode::Until(until) = &each.mode {
                        let at = [Seg::Member("until"), Seg::Member("input")];
                        self.reference(def, body, &until.input, &at, findings);
                    }
                }
                StepKind::DataInput(_) => {}
            }
        }
        if self.resolve(self.blocks[0].output, 0).is_none() {
            self.dangling(self.blocks[0].output, 0, self.block_path(0, &[Seg::Member("output")]), findings);
        }
        self.edges.sort_unstable();
        self.edges.dedup();
        self.sort(findings);
    }

    fn output_reference(&mut self, def: usize, block: usize, findings: &mut Findings) {
        let output = self.blocks[block].output;
        let part = self.blocks[block].owner.map_or("body", |(_, part)| part);
        self.reference(def, block, output, &[Seg::Member(part), Seg::Member("output")], findings);
    }

    /// Notes that `def` needs `name`, as seen from `block`.
    fn reference(&mut self, def: usize, block: usize, name: &str, at: &[Seg<'_>], findings: &mut Findings) {
        let Some(needed) = self.resolve(name, block) else {
            return self.dangling(name, block, self.path(def, at), findings);
        };
        if self.defs[needed].step.is_none() {
            return;
        }
        // The step around `def` that stands beside what it needs has to wait for it. A block's own output
        // stands inside `def` and is nothing to wait for.
        let target = self.defs[needed].block;
        let mut needing = def;
        if self.encloses(self.defs[def].block, target) && self.defs[def].block != target {
            return;
        }
        while self.defs[needing].block != target {
            match self.blocks[self.defs[needing].block].owner {
                Some((owner, _)) => needing = owner,
                None => return,
            }
        }
        self.edges.push((needed, needing));
    }

    fn dangling(&self, name: &str, block: usize, path: Path, findings: &mut Findings) {
        if findings.is_full() {
            return;
        }
        if let Ok(at) = self.names.binary_search_by(|(id, _)| (*id).cmp(name)) {
            let owner = self.blocks[self.defs[self.names[at].1].block].owner;
            let owner = owner.map_or("", |(owner, _)| self.defs[owner].id);
            let message =
                format!("step `{name}` belongs to the sub-plan of `{owner}` and cannot be seen from here");
            let hint = Some(format!("use the result of `{owner}`"));
            return findings.push(Code::InvisibleStep, path, None, message, hint);
        }
        // So many candidates are enough, and keep many dangling names from taking quadratic time.
        let visible: Vec<&str> = self
            .defs
            .iter()
            .filter(|def| self.encloses(def.block, block))
            .map(|def| def.id)
            .take(1000)
            .collect();
        let hint = closest(name, visible.iter().copied()).map_or_else(
            || {
                let mut list = String::new();
                for id in visible.iter().take(8) {
                    list.push_str(if list.is_empty() { "steps here are " } else { ", " });
                    list.push_str(&format!("`{id}`"));
                }
                (!list.is_empty()).then_some(list)
            },
            |id| Some(format!("did you mean `{id}`?")),
        );
        findings.push(Code::UnknownStep, path, None, format!("there is no step `{name}`"), hint);
    }

    /// Kahn's algorithm in every block, the smallest id first.
    fn sort(&mut self, findings: &mut Findings) {
        let mut waiting = vec![0usize; self.defs.len()];
        for &(_, needing) in &self.edges {
            waiting[needing] += 1;
        }
        let mut members: Vec<usize> = vec![0; self.blocks.len()];
        let mut heaps: Vec<BinaryHeap<Reverse<(&str, usize)>>> = Vec::new();
        heaps.resize_with(self.blocks.len(), BinaryHeap::new);
        for (at, def) in self.defs.iter().enumerate() {
            if def.step.is_some() {
                members[def.block] += 1;
                if waiting[at] == 0 {
                    heaps[def.block].push(Reverse((def.id, at)));
                }
            }
        }
        for (block, mut heap) in heaps.into_iter().enumerate() {
            let mut order = core::mem::take(&mut self.blocks[block].order);
            while let Some(Reverse((_, def))) = heap.pop() {
                order.push(def);
                for &(_, needing) in self.needing(def) {
                    waiting[needing] -= 1;
                    if waiting[needing] == 0 {
                        heap.push(Reverse((self.defs[needing].id, needing)));
                    }
                }
            }
            if order.len() < members[block] {
                self.report_cycle(block, &waiting, findings);
            }
            self.blocks[block].order = order;
        }
    }

    fn needing(&self, def: usize) -> &[(usize, usize)] {
        let start = self.edges.partition_point(|&(needed, _)| needed < def);
        let end = start + self.edges[start..].partition_point(|&(needed, _)| needed == def);
        &self.edges[start..end]
    }

    /// Every step that still waits has a predecessor that waits, so walking backwards must come round.
    fn report_cycle(&self, block: usize, waiting: &[usize], findings: &mut Findings) {
        let stuck = |def: usize| waiting[def] > 0 && self.defs[def].block == block;
        let mut predecessor = vec![usize::MAX; self.defs.len()];
        for &(needed, needing) in self.edges.iter().rev() {
            if stuck(needed) && stuck(needing) {
                predecessor[needing] = needed;
            }
        }
        let Some(mut at) = (0..self.defs.len()).find(|&def| stuck(def)) else { return };
        let mut seen = vec![false; self.defs.len()];
        while !seen[at] {
            seen[at] = true;
            at = predecessor[at];
        }
        let mut cycle = vec![at];
        let mut next = predecessor[at];
        while next != at {
            cycle.push(next);
            next = predecessor[next];
        }
        let first = (0..cycle.len()).min_by_key(|&at| self.defs[cycle[at]].index).unwrap_or(0);
        cycle.rotate_left(first);
        let mut text = String::new();
        for &def in cycle.iter().take(32) {
            text.push_str(self.defs[def].id);
            text.push_str(" → ");
        }
        text.push_str(if cycle.len() > 32 { "…" } else { self.defs[cycle[0]].id });
        let message = format!("steps need each other: {text}");
        let hint = Some("read `a → b` as: a needs the result of b".to_string());
        findings.push(Code::Cycle, self.path(cycle[0], &[]), None, message, hint);
    }

    /// Warns of steps without which the output would be the same.
    pub(super) fn report_unused(&self, findings: &mut Findings) {
        let mut by_needing: Vec<(usize, usize)> =
            self.edges.iter().map(|&(needed, needing)| (needing, needed)).collect();
        by_needing.sort_unstable();
        let mut used = vec![false; self.defs.len()];
        let mut work = Vec::new();
        let mark = |def: Option<usize>, used: &mut Vec<bool>, work: &mut Vec<usize>| {
            if let Some(def) = def.filter(|&def| !used[def]) {
                used[def] = true;
                work.push(def);
            }
        };
        mark(self.resolve(self.blocks[0].output, 0), &mut used, &mut work);
        while let Some(def) = work.pop() {
            let start = by_needing.partition_point(|&(needing, _)| needing < def);
            for &(_, needed) in by_needing[start..].iter().take_while(|&&(needing, _)| needing == def) {
                mark(Some(needed), &mut used, &mut work);
            }
            let Some(step) = self.defs[def].step else { continue };
            let Def { first_block, second, .. } = self.defs[def];
            match &step.kind {
                StepKind::Branch(_) => {
                    mark(self.resolve(self.blocks[first_block].output, first_block), &mut used, &mut work);
                    mark(self.resolve(self.blocks[second].output, second), &mut used, &mut work);
                }
                StepKind::Loop(each) => {
                    mark(self.resolve(self.blocks[first_block].output, first_block), &mut used, &mut work);
                    if let LoopMode::Until(until) = &each.mode {
                        mark(self.resolve(&until.input, first_block), &mut used, &mut work);
                    }
                }
                _ => {}
            }
        }
        for (at, def) in self.defs.iter().enumerate() {
            if !used[at] && def.step.is_some() {
                let message = format!("the output does not depend on step `{}`", def.id);
                let hint = Some("remove it, or use its result".to_string());
                findings.push(Code::UnusedStep, self.path(at, &[]), None, message, hint);
            }
        }
    }

    /// All pairs of a step and one that needs it, inside one block.
    pub(super) fn edges(&self) -> &[(usize, usize)] {
        &self.edges
    }

    /// The step that a block is a part of, and the name of that part.
    pub(super) fn owner(&self, block: usize) -> Option<(usize, &'static str)> {
        self.blocks[block].owner
    }

    /// The path of a step, and of something inside it.
    pub(super) fn path(&self, def: usize, inside: &[Seg<'_>]) -> Path {
        let Def { block, index, .. } = self.defs[def];
        let mut path = self.block_path(block, &[Seg::Member("steps"), Seg::Index(index)]);
        path.0.extend(inside.iter().map(|seg| seg.to_segment()));
        path
    }

    fn block_path(&self, block: usize, inside: &[Seg<'_>]) -> Path {
        let mut path = match self.blocks[block].owner {
            Some((owner, part)) => self.path(owner, &[Seg::Member(part)]),
            None => Path::default(),
        };
        path.0.extend(inside.iter().map(|seg| seg.to_segment()));
        path
    }

    /// The number of steps in a block, sorted or not.
    pub(super) fn len(&self, block: usize) -> usize {
        self.blocks[block].steps.len()
    }
}

impl Seg<'_> {
    pub(super) fn to_segment(self) -> Segment {
        match self {
            Self::Index(index) => Segment::Index(index),
            Self::Member(name) => Segment::Member(name.to_string()),
        }
    }
}

/// `[A-Za-z_][A-Za-z0-9_-]*`, at most 64 characters.
pub(super) fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= MAX_NAME_BYTES
        && bytes.first().is_some_and(|&first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
