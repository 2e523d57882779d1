//! The tree of a document, whatever its notation, with the place of every node.

use std::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    check::MAX_FINDINGS,
    diagnostic::{Code, Diagnostic, Path, Segment, Severity},
    json_reader,
};

/// The deepest nesting of a document.
pub(super) const MAX_DEPTH: u32 = json_reader::MAX_DEPTH;

/// A value in a document.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Byte offsets of its text.
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Bool(bool),
    List(Vec<Node>),
    Map(Vec<Member>),
    Null,
    /// As it is written.
    Number(String),
    Text(String, Style),
}

/// How a text is written, for places inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Lines after a header line, indented.
    Block,
    /// In double quotation marks, with backslashes.
    Double,
    /// Without quotation marks.
    Plain,
    /// In single quotation marks.
    Single,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_start: usize,
    pub(super) key_end: usize,
    pub(super) value: Node,
}

impl Node {
    /// The member called `key` of an object.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.member(key).map(|member| &member.value)
    }

    fn member(&self, key: &str) -> Option<&Member> {
        match &self.kind {
            Kind::Map(members) => members.iter().find(|member| member.key == key),
            _ => None,
        }
    }

    /// What kind of value it is, for messages.
    pub(super) fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Bool(_) => "a bool",
            Kind::List(_) => "a list",
            Kind::Map(_) => "an object",
            Kind::Null => "null",
            Kind::Number(_) => "a number",
            Kind::Text(..) => "a text",
        }
    }

    /// The part to mark when something is wrong with the whole: objects and lists only at their start.
    pub(super) fn mark(&self) -> (usize, usize) {
        match &self.kind {
            Kind::List(_) | Kind::Map(_) => (self.start, self.start),
            _ => (self.start, self.end),
        }
    }

    /// Byte offset in the document of byte `offset` of this node's text.
    fn position(&self, document: &str, offset: usize) -> usize {
        let Kind::Text(meaning, style) = &self.kind else { return self.start };
        let raw = document.get(self.start..self.end).unwrap_or("");
        let before = meaning.get(..offset).unwrap_or(meaning);
        let inside = match style {
            Style::Plain | Style::Block => {
                let header =
                    if raw.starts_with(['|', '>']) { raw.find('\n').map_or(0, |at| at + 1) } else { 0 };
                // White space may be folded; everything else is there, in order.
                let skipped = before.chars().filter(|c| !c.is_whitespace()).count();
                let mut visible = raw[header..].char_indices().filter(|(_, c)| !c.is_whitespace());
                visible.nth(skipped).map_or(0, |(at, _)| header + at)
            }
            Style::Double => {
                let mut at = 1;
                let mut length = 0;
                while length < before.len() && at < raw.len() {
                    let (meaning, width) = match raw.as_bytes()[at] {
                        b'\\' => json_reader::escape(&raw.as_bytes()[at..])
                            .map_or((1, 2), |(c, width)| (c.len_utf8(), width)),
                        _ => (1, 1),
                    };
                    length += meaning;
                    at += width;
                }
                at
            }
            Style::Single => 1 + before.len() + before.matches('\'').count(),
        };
        self.start + inside.min(raw.len().saturating_sub(1))
    }
}

/// Builds a tree from the events of a reader, without recursion.
#[derive(Default)]
pub(super) struct Builder {
    open: Vec<Node>,
    /// How many of them are objects.
    maps: usize,
    /// Keys whose values are still to come, with their places.
    keys: Vec<(String, usize, usize)>,
    root: Option<Node>,
}

impl Builder {
    /// How many lists and objects are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether the next scalar is a key.
    pub(super) fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Node { kind: Kind::Map(_), .. })) && !self.has_key()
    }

    /// Each open object has at most one key waiting, the outer ones exactly one.
    fn has_key(&self) -> bool {
        self.keys.len() == self.maps
    }

    pub(super) fn key(&mut self, key: String, start: usize, end: usize) {
        self.keys.push((key, start, end));
    }

    pub(super) fn open(&mut self, kind: Kind, start: usize) {
        self.maps += usize::from(matches!(kind, Kind::Map(_)));
        self.open.push(Node { kind, start, end: start });
    }

    pub(super) fn close(&mut self, end: usize, problems: &mut Problems) {
        if let Some(mut node) = self.open.pop() {
            node.end = end;
            if let Kind::Map(members) = &mut node.kind {
                self.maps -= 1;
                problems.refuse_duplicates(members);
            }
            self.value(node);
        }
    }

    pub(super) fn value(&mut self, node: Node) {
        match self.open.last_mut().map(|open| &mut open.kind) {
            Some(Kind::List(items)) => items.push(node),
            Some(Kind::Map(members)) => {
                if let Some((key, key_start, key_end)) = self.keys.pop() {
                    members.push(Member { key, key_start, key_end, value: node });
                }
            }
            _ => self.root = Some(node),
        }
    }

    pub(super) fn finish(self) -> Option<Node> {
        self.root
    }
}

/// Something wrong, with its place in the document.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) severity: Severity,
    pub(super) code: Code,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) path: Option<Path>,
}

impl Problem {
    pub(super) fn at(code: Code, start: usize, end: usize, message: String) -> Self {
        Self { severity: code.severity(), code, start, end, message, hint: None, path: None }
    }
}

/// What was found while reading.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn push(&mut self, code: Code, span: (usize, usize), message: String, hint: Option<String>) {
        if self.0.len() < MAX_FINDINGS {
            self.0.push(Problem { hint, ..Problem::at(code, span.0, span.1, message) });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by_key(|problem| problem.start);
        self.0
    }

    /// Removes members whose key came before, and reports them.
    pub(super) fn refuse_duplicates(&mut self, members: &mut Vec<Member>) {
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by(|&a, &b| members[a].key.cmp(&members[b].key).then(a.cmp(&b)));
        let mut again: Vec<usize> = order
            .windows(2)
            .filter(|pair| members[pair[0]].key == members[pair[1]].key)
            .map(|pair| pair[1])
            .collect();
        again.sort_unstable();
        for &at in again.iter().rev() {
            let member = members.remove(at);
            let shown: String = member.key.chars().take(64).collect();
            let message = format!("`{shown}` is given twice");
            self.push(Code::DuplicateKey, (member.key_start, member.key_end), message, None);
            if self.0.len() >= MAX_FINDINGS {
                break;
            }
        }
    }
}

/// Where in the document a finding of the checker is.
pub(super) fn locate(root: &Node, document: &str, diagnostic: &Diagnostic) -> Problem {
    let mut node = root;
    let mut key: Option<(&Member, &str)> = None;
    let mut parent = "";
    for segment in &diagnostic.path.0 {
        match segment {
            Segment::Index(index) => match &node.kind {
                Kind::List(items) if *index < items.len() => {
                    node = &items[*index];
                    key = None;
                }
                _ => break,
            },
            Segment::Member(name) => {
                let Some(member) = descend(node, name) else { continue };
                let Some(member) = member else { break };
                key = Some((member, parent));
                node = &member.value;
                parent = name;
            }
        }
    }
    // The object itself says less than the id of the step, or the step that it names.
    for better in ["id", "step"] {
        if let Some(inner) = node.get(better) {
            node = inner;
            break;
        }
    }
    let at_key = key.filter(|(_, parent)| match diagnostic.code {
        Code::InvalidName => matches!(*parent, "columns" | "aggregates"),
        Code::Needless | Code::UnknownColumn => *parent == "mapping",
        _ => false,
    });
    let (start, end) = match (at_key, diagnostic.offset) {
        (Some((member, _)), None) => (member.key_start, member.key_end),
        (_, Some(offset)) if matches!(node.kind, Kind::Text(..)) => {
            let start = node.position(document, offset as usize);
            (start, word_end(document, start))
        }
        _ => node.mark(),
    };
    Problem {
        severity: diagnostic.severity,
        code: diagnostic.code,
        start,
        end,
        message: diagnostic.message.clone(),
        hint: diagnostic.hint.clone(),
        path: Some(Path(diagnostic.path.0.clone())),
    }
}

/// The member that `name` leads to. `None`: stay at this node; `Some(None)`: the path ends here.
#[allow(clippy::option_option, reason = "the three ways to go on are named above")]
fn descend<'n>(node: &'n Node, name: &str) -> Option<Option<&'n Member>> {
    if let Some(member) = node.member(name) {
        return Some(Some(member));
    }
    match &node.kind {
        // A column of a JSON Schema.
        Kind::Map(_) if name == "columns" => {
            let schema = node.get("items").and_then(|items| items.member("properties"));
            Some(schema.or_else(|| node.member("expression")))
        }
        // One of the columns that `on` lists.
        Kind::List(_) => None,
        Kind::Map(_) => Some(None),
        _ => None,
    }
}

/// The end of the word, number or operator that starts at `start`.
pub(super) fn word_end(document: &str, start: usize) -> usize {
    let rest = document.get(start..).unwrap_or("");
    let word =
        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum::<usize>();
    let first = rest.chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    start + word.max(first)
}

/// A path for a place inside an expression's text, for the reader of expressions.
pub(super) fn span_inside(node: &Node, document: &str, offset: usize) -> (usize, usize) {
    let start = node.position(document, offset);
    (start, word_end(document, start))
}

/// A short form of a text for messages.
pub(super) fn shown(text: &str) -> String {
    let short: String = text.chars().take(64).collect();
    if short.len() < text.len() { format!("{short}…") } else { short.to_string() }
}
