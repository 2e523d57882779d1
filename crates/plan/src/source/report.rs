//! Findings as people read them.

use std::{
    fmt, format,
    string::{String, ToString},
    vec::Vec,
};

use super::node::Problem;
use crate::diagnostic::{Code, Severity};

/// The most characters of a line that are shown.
const MAX_EXCERPT: usize = 110;

/// Findings in one text, in their order in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The text's name.
    pub name: String,
    /// The findings.
    pub entries: Vec<Entry>,
}

/// A finding with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How bad it is.
    pub severity: Severity,
    /// The stable code.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The part of the plan, such as `steps[2].condition`, if the checker found it.
    pub path: Option<String>,
    /// From one.
    pub line: usize,
    /// From one, in characters.
    pub column: usize,
    /// The line, or the part of it around the place.
    pub excerpt: String,
    /// The first marked character of the excerpt, from zero.
    pub marked: usize,
    /// How many characters are marked, at least one.
    pub marked_length: usize,
}

impl Report {
    /// Whether there is no finding.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn of(name: &str, text: &str, problems: impl IntoIterator<Item = Problem>) -> Self {
        let mut entries: Vec<_> = problems.into_iter().map(|problem| entry(text, problem)).collect();
        entries.sort_by_key(|entry| (entry.line, entry.column));
        Self { name: name.to_string(), entries }
    }
}

fn entry(text: &str, problem: Problem) -> Entry {
    let mut start = problem.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let column = text[line_start..start].chars().count();
    let mut end = problem.end.clamp(start, line_end);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let length = text[start..end].chars().count().max(1);

    // A window of the line with the place in its first half.
    let skip = column.saturating_sub(MAX_EXCERPT / 2);
    let mut rest = text[line_start..line_end].chars().skip(skip);
    let mut excerpt: String =
        rest.by_ref().take(MAX_EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut marked = column - skip;
    if skip > 0 {
        excerpt.insert(0, '…');
        marked += 1;
    }
    if rest.next().is_some() {
        excerpt.push('…');
    }
    let excerpt = excerpt.trim_end().to_string();
    let room = excerpt.chars().count().saturating_sub(marked).max(1);
    Entry {
        severity: problem.severity,
        code: problem.code,
        message: problem.message,
        hint: problem.hint,
        path: problem.path.map(|path| path.to_string()).filter(|path| !path.is_empty()),
        line,
        column: column + 1,
        excerpt,
        marked,
        marked_length: length.min(room),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, entry) in self.entries.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            let Entry { severity, code, message, line, column, excerpt, marked, marked_length, .. } = entry;
            let gutter = format!("{line}").len();
            writeln!(f, "{severity}[{code}]: {message}")?;
            writeln!(f, "{:gutter$}--> {}:{line}:{column}", "", self.name)?;
            if !excerpt.is_empty() {
                writeln!(f, "{:gutter$} |", "")?;
                writeln!(f, "{line} | {excerpt}")?;
                writeln!(f, "{:gutter$} | {:marked$}{}", "", "", "^".repeat(*marked_length))?;
            }
            if let Some(hint) = &entry.hint {
                writeln!(f, "{:gutter$} = help: {hint}", "")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Report {}
