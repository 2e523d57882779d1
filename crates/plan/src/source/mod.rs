//! Plans as JSON and YAML texts, with every finding located by line and column.
//!
//! Reading has three layers: `json` and `yaml` make one tree of nodes with places, `read` and its siblings
//! make the model of it, and [`Source::report`] brings the findings of the checker back to the text.

mod expression;
mod json;
mod lexer;
mod node;
mod read;
mod report;
mod schema;
mod steps;
mod text;
mod yaml;

use std::string::{String, ToString};

use crate::{
    check::{self, Checked},
    diagnostic::{Code, Diagnostic},
    model::Plan,
};
use node::Node;
pub use report::{Entry, Report};
pub use text::{ExpressionError, parse_expression};

/// The longest plan that is read, in bytes.
pub const MAX_SOURCE_BYTES: usize = 16 << 20;

/// The language's JSON Schema (draft 2020-12).
pub const JSON_SCHEMA: &str = include_str!("../../schema/plan.schema.json");

/// The notation of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 8259.
    Json,
    /// YAML 1.2, core schema; no anchors, no tags, one document.
    Yaml,
}

impl Format {
    /// The format that a file's name or, where that says nothing, its first character tells.
    pub fn detect(name: &str, text: &str) -> Self {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        match extension.as_deref() {
            Some("json") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            _ if text.trim_start().starts_with('{') => Self::Json,
            _ => Self::Yaml,
        }
    }
}

/// A plan and the text that it was read from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The plan.
    pub plan: Plan,
    name: String,
    text: String,
    root: Node,
}

/// Reads a plan. `name` is what reports call the text, usually a file's path.
///
/// # Errors
/// If the text is not a plan in this format: everything that is wrong with it. The writer of the plan is at fault.
pub fn read(text: &str, name: &str, format: Format) -> Result<Source, Report> {
    if text.len() > MAX_SOURCE_BYTES {
        let message =
            std::format!("a plan has at most {MAX_SOURCE_BYTES} bytes, and this one has {}", text.len());
        return Err(Report::of(name, "", [node::Problem::at(Code::TextTooLong, 0, 0, message)]));
    }
    let mut problems = node::Problems::default();
    let root = match format {
        Format::Json => json::read(text, &mut problems),
        Format::Yaml => yaml::read(text, &mut problems),
    };
    let plan = root.as_ref().and_then(|root| read::plan(text, root, &mut problems));
    match (root, plan) {
        (Some(root), Some(plan)) if problems.is_empty() => {
            Ok(Source { plan, name: name.to_string(), text: text.to_string(), root })
        }
        _ => Err(Report::of(name, text, problems.into_sorted())),
    }
}

impl Source {
    /// Checks the plan; the warnings come located.
    ///
    /// # Errors
    /// The located findings of the checker.
    pub fn check(&self) -> Result<(Checked, Report), Report> {
        match check::check(&self.plan) {
            Ok(checked) => {
                let warnings = self.report(&checked.warnings);
                Ok((checked, warnings))
            }
            Err(errors) => Err(self.report(&errors)),
        }
    }

    /// Locates findings about this plan in its text.
    pub fn report(&self, diagnostics: &[Diagnostic]) -> Report {
        let problems = diagnostics.iter().map(|diagnostic| node::locate(&self.root, &self.text, diagnostic));
        Report::of(&self.name, &self.text, problems)
    }
}
