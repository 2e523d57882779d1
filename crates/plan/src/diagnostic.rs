//! What is wrong with a plan, or doubtful in it.

use alloc::{string::String, vec, vec::Vec};
use core::fmt;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the plan cannot be used.
    pub severity: Severity,
    /// What kind of finding it is; stable, for programs.
    pub code: Code,
    /// The part of the plan that it is about.
    pub path: Path,
    /// Where in the text of an expression, in bytes.
    pub offset: Option<u32>,
    /// What is wrong, for people.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}] {}: {}", self.severity, self.code, self.path, self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The plan cannot be used.
    Error,
    /// The plan works, but perhaps not as it was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// A part of a plan, from the outside to the inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Segment>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// An item of a list, from zero.
    Index(usize),
    /// A member of an object.
    Member(String),
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Member(name) => write!(f, "{}{name}", if at > 0 { "." } else { "" })?,
            }
        }
        Ok(())
    }
}

macro_rules! codes {
    ($($severity:ident $variant:ident = $name:literal, $meaning:literal;)+) => {
        /// Kinds of findings. The names are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it means, for every plan.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity),+ }
            }
        }
    };
}

codes! {
    Error Arguments = "arguments", "A function has the wrong number of arguments, or an argument that it does not take.";
    Error Cycle = "cycle", "Steps need each other's results, so that none can run first.";
    Error DuplicateColumn = "duplicate-column", "A column is named twice where every name must be new.";
    Error DuplicateId = "duplicate-id", "Two steps have one id; ids are unique in the whole plan, sub-plans included.";
    Error DuplicateKey = "duplicate-key", "An object of the document has one member twice.";
    Error Empty = "empty", "A list or object that needs content has none.";
    Error ExpressionSyntax = "expression-syntax", "The text of an expression cannot be read.";
    Error InvalidFormat = "invalid-format", "A date format, delimiter or other pattern is not valid.";
    Error InvalidName = "invalid-name", "An id or the name of a column has a form that is not allowed.";
    Error InvisibleStep = "invisible-step", "A step is named from outside the sub-plan that it belongs to.";
    Error LimitOutOfRange = "limit-out-of-range", "A resource limit is zero or above its ceiling.";
    Error MisplacedPrevious = "misplaced-previous", "`previous` stands outside the columns of `map` and `math`.";
    Error MissingField = "missing-field", "A member that is needed is missing.";
    Error NeedsBytes = "needs-bytes", "A step that takes bytes is given a table.";
    Error NeedsTable = "needs-table", "A step that takes a table is given bytes.";
    Error NotSorted = "not-sorted", "An encoded plan lists named things out of order. Texts cannot have this error.";
    Error OutOfRange = "out-of-range", "A number is outside the range that its place allows.";
    Error SchemaMismatch = "schema-mismatch", "Tables that must have one schema differ.";
    Error Syntax = "syntax", "The document is not JSON or not YAML.";
    Error TextTooLong = "text-too-long", "A text in the plan, or the plan itself, is too long.";
    Error TooDeep = "too-deep", "Sub-plans, expressions or the document are nested too deep.";
    Error TooManyColumns = "too-many-columns", "A table would have more columns than allowed.";
    Error TooManySteps = "too-many-steps", "The plan has more steps than allowed.";
    Error TypeMismatch = "type-mismatch", "An operand or column has a type that its place does not take.";
    Error UnknownColumn = "unknown-column", "A column is named that the table does not have.";
    Error UnknownField = "unknown-field", "A member that does not exist here.";
    Error UnknownFunction = "unknown-function", "A function that does not exist.";
    Error UnknownStep = "unknown-step", "A step is named that does not exist.";
    Error UnknownType = "unknown-type", "A column's type cannot be read.";
    Error UnknownValue = "unknown-value", "A word that is none of the words for its place.";
    Error UnsupportedDigest = "unsupported-digest", "A digest cannot be read, or has an algorithm that cannot be used here.";
    Error UnsupportedVersion = "unsupported-version", "The plan is written in another version of the language.";
    Error UnsupportedYaml = "unsupported-yaml", "The document uses anchors, tags, several documents or keys that are not texts.";
    Error UntypedNull = "untyped-null", "A `null` whose type nothing tells.";
    Error WrongKind = "wrong-kind", "A value of the document has the wrong kind, such as a list for a text.";
    Warning ConstantCondition = "constant-condition", "A condition is always true or always false.";
    Warning Needless = "needless", "Something has no effect.";
    Warning UnusedStep = "unused-step", "A step's result is not needed for the output.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The candidate most like `name`, if one is like enough to be what was meant.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer names are no mistakes, and would make this quadratic.
    if name.len() > 100 {
        return None;
    }
    // In names of one or two letters, everything is near everything.
    let most = name.len() / 3;
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= most)
        .map(|candidate| (distance(name.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|&(distance, _)| distance <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `x`?`` with the closest candidate.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(name, candidates).map(|candidate| alloc::format!("did you mean `{candidate}`?"))
}

/// Insertions, deletions, replacements and swaps of neighbours, without regard to case.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = last.clone();
    for i in 0..a.len() {
        row[0] = i + 1;
        for j in 0..b.len() {
            let same = a[i].eq_ignore_ascii_case(&b[j]);
            row[j + 1] = (last[j] + usize::from(!same)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        core::mem::swap(&mut before, &mut last);
        core::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_meant() {
        let names = ["amount", "shop", "returned", "day"];
        assert_eq!(closest("amout", names), Some("amount"));
        assert_eq!(closest("Shop", names), Some("shop"));
        assert_eq!(closest("hsop", names), Some("shop"));
        assert_eq!(closest("price", names), None);
        assert_eq!(closest("y", ["x"]), None);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
    }

    #[test]
    fn codes_have_one_name_each() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
