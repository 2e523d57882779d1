//! From nodes to the model: the plan as a whole, and the small readers that all parts share.

use std::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use proofmark_core::Digest;

use super::node::{Kind, Member, Node, Problems, shown};
use crate::{
    diagnostic::{Code, did_you_mean},
    model::{Limits, MAX_TEXT_BYTES, Plan, Step, SubPlan, VERSION},
};

/// Reads a plan from a document.
pub(super) fn plan(document: &str, root: &Node, problems: &mut Problems) -> Option<Plan> {
    let mut reader = Reader { document, problems };
    let fields =
        reader.object(root, "a plan", &["version", "id", "jobRequestHash", "steps", "output", "limits"])?;
    let version = reader.required(&fields, "version");
    let version = version.and_then(|node| match &node.kind {
        Kind::Text(text, _) | Kind::Number(text) if text == VERSION => Some(()),
        _ => {
            let hint = Some(format!("this software reads version \"{VERSION}\""));
            reader.fail(
                Code::UnsupportedVersion,
                node,
                "the version of the plan language is another one".into(),
                hint,
            )
        }
    });
    let id = reader.required(&fields, "id").and_then(|node| reader.text(node));
    let job_request_hash = reader.optional(&fields, "jobRequestHash", Reader::digest);
    let steps = reader.required(&fields, "steps").and_then(|node| reader.steps(node, 0));
    let output = reader.required(&fields, "output").and_then(|node| reader.output(node));
    let limits = match fields.get("limits") {
        Some(node) => reader.limits(node),
        None => Some(Limits::DEFAULT),
    };
    version?;
    Some(Plan {
        id: id?,
        job_request_hash: job_request_hash?,
        steps: steps?,
        output: output?,
        limits: limits?,
    })
}

/// The state of reading.
pub(super) struct Reader<'a> {
    pub(super) document: &'a str,
    pub(super) problems: &'a mut Problems,
}

/// An object whose members are known to be allowed.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    pub(super) node: &'n Node,
    pub(super) members: &'n [Member],
    /// What the object is, for messages.
    pub(super) what: &'static str,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.members.iter().find(|member| member.key == name).map(|member| &member.value)
    }
}

impl Reader<'_> {
    fn limits(&mut self, node: &Node) -> Option<Limits> {
        let names = ["maxMemoryBytes", "maxCycles", "maxOutputBytes", "maxSteps"];
        let fields = self.object(node, "`limits`", &names)?;
        let Limits { max_memory_bytes, max_cycles, max_output_bytes, max_steps } = Limits::DEFAULT;
        let mut limit = |name, default| match fields.get(name) {
            Some(node) => self.unsigned(node),
            None => Some(default),
        };
        let memory = limit("maxMemoryBytes", max_memory_bytes);
        let cycles = limit("maxCycles", max_cycles);
        let output = limit("maxOutputBytes", max_output_bytes);
        let steps = limit("maxSteps", max_steps);
        Some(Limits {
            max_memory_bytes: memory?,
            max_cycles: cycles?,
            max_output_bytes: output?,
            max_steps: steps?,
        })
    }

    /// Steps of a plan or sub-plan. The document's own depth bounds the recursion.
    pub(super) fn steps(&mut self, node: &Node, depth: u32) -> Option<Vec<Step>> {
        let items = self.list(node)?;
        let steps: Vec<_> = items.iter().map(|item| self.step(item, depth)).collect();
        steps.into_iter().collect()
    }

    pub(super) fn sub_plan(&mut self, node: &Node, depth: u32) -> Option<SubPlan> {
        let fields = self.object(node, "a sub-plan", &["steps", "output"])?;
        let steps = self.required(&fields, "steps").and_then(|node| self.steps(node, depth));
        let output = self.required(&fields, "output").and_then(|node| self.output(node));
        Some(SubPlan { steps: steps?, output: output? })
    }

    /// `{step: id}` or just the id.
    fn output(&mut self, node: &Node) -> Option<String> {
        match &node.kind {
            Kind::Map(_) => {
                let fields = self.object(node, "`output`", &["step"])?;
                self.required(&fields, "step").and_then(|node| self.text(node))
            }
            _ => self.text(node),
        }
    }

    /// An object with members of these names only.
    pub(super) fn object<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
        allowed: &[&str],
    ) -> Option<Fields<'n>> {
        let members = self.members(node, what)?;
        for member in members {
            if !allowed.contains(&member.key.as_str()) {
                let hint = did_you_mean(&member.key, allowed.iter().copied())
                    .or_else(|| Some(format!("it has {}", allowed.join(", "))));
                let message = format!("{what} has no member `{}`", shown(&member.key));
                self.problems.push(Code::UnknownField, (member.key_start, member.key_end), message, hint);
            }
        }
        Some(Fields { node, members, what })
    }

    /// The members of an object, whatever their names.
    pub(super) fn members<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Member]> {
        match &node.kind {
            Kind::Map(members) => Some(members),
            _ => self.fail(
                Code::WrongKind,
                node,
                format!("{what} is an object, and this is {}", node.kind_name()),
                None,
            ),
        }
    }

    pub(super) fn required<'n>(&mut self, fields: &Fields<'n>, name: &str) -> Option<&'n Node> {
        match fields.get(name) {
            Some(node) => Some(node),
            None => self.fail(
                Code::MissingField,
                fields.node,
                format!("{} needs a member `{name}`", fields.what),
                None,
            ),
        }
    }

    /// A member that may be missing or null. The outer `None` means an error.
    #[allow(clippy::option_option, reason = "an error and an absent member differ")]
    pub(super) fn optional<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<Option<T>> {
        match fields.get(name) {
            None | Some(Node { kind: Kind::Null, .. }) => Some(None),
            Some(node) => read(self, node).map(Some),
        }
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            _ => {
                self.fail(Code::WrongKind, node, format!("expected a list, found {}", node.kind_name()), None)
            }
        }
    }

    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        match &node.kind {
            Kind::Text(text, _) if text.len() <= MAX_TEXT_BYTES => Some(text.clone()),
            Kind::Text(..) => self.fail(
                Code::TextTooLong,
                node,
                format!("a text in a plan has at most {MAX_TEXT_BYTES} bytes"),
                None,
            ),
            Kind::Bool(_) | Kind::Null | Kind::Number(_) => {
                let hint = Some("put it in quotation marks".to_string());
                self.fail(Code::WrongKind, node, format!("expected a text, found {}", node.kind_name()), hint)
            }
            _ => {
                self.fail(Code::WrongKind, node, format!("expected a text, found {}", node.kind_name()), None)
            }
        }
    }

    pub(super) fn names(&mut self, node: &Node) -> Option<Vec<String>> {
        let items = self.list(node)?;
        let names: Vec<_> = items.iter().map(|item| self.text(item)).collect();
        names.into_iter().collect()
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match node.kind {
            Kind::Bool(value) => Some(value),
            _ => self.fail(
                Code::WrongKind,
                node,
                format!("expected true or false, found {}", node.kind_name()),
                None,
            ),
        }
    }

    /// A whole number from zero, written with digits only.
    pub(super) fn unsigned(&mut self, node: &Node) -> Option<u64> {
        let Kind::Number(text) = &node.kind else {
            return self.fail(
                Code::WrongKind,
                node,
                format!("expected a whole number, found {}", node.kind_name()),
                None,
            );
        };
        let digits =
            text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        match text.parse::<u64>() {
            Ok(value) if digits && value < 1 << 53 => Some(value),
            _ => {
                let message = format!("`{}` is not a whole number from 0 to 9007199254740991", shown(text));
                let hint = Some("without sign, leading zeros, decimal point or exponent".to_string());
                self.fail(Code::OutOfRange, node, message, hint)
            }
        }
    }

    /// A number that fits a smaller type.
    pub(super) fn small<T: TryFrom<u64>>(&mut self, node: &Node, most: T) -> Option<T>
    where
        u64: From<T>,
    {
        let value = self.unsigned(node)?;
        let most = u64::from(most);
        match T::try_from(value) {
            Ok(small) if value <= most => Some(small),
            _ => self.fail(Code::OutOfRange, node, format!("at most {most} is allowed here"), None),
        }
    }

    pub(super) fn digest(&mut self, node: &Node) -> Option<Digest> {
        let text = self.text(node)?;
        match text.parse() {
            Ok(digest) => Some(digest),
            Err(error) => {
                let error: proofmark_core::ParseDigestError = error;
                self.fail(Code::UnsupportedDigest, node, error.to_string(), None)
            }
        }
    }

    /// One of several words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node)?;
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Some(*value),
            None => {
                let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                self.unknown_word(node, &text, &names)
            }
        }
    }

    pub(super) fn unknown_word<T>(&mut self, node: &Node, text: &str, names: &[&str]) -> Option<T> {
        let hint = did_you_mean(text, names.iter().copied())
            .or_else(|| Some(format!("known are {}", names.join(", "))));
        self.fail(Code::UnknownValue, node, format!("`{}` is not known here", shown(text)), hint)
    }

    pub(super) fn fail<T>(
        &mut self,
        code: Code,
        node: &Node,
        message: String,
        hint: Option<String>,
    ) -> Option<T> {
        self.problems.push(code, node.mark(), message, hint);
        None
    }
}
