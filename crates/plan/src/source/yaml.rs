//! YAML 1.2 to nodes, by the events of `saphyr-parser`.
//!
//! Plain scalars follow the core schema, with numbers kept as text. What would let a document mean more than it
//! shows (anchors, tags, several documents) is refused.

use std::{format, string::ToString, vec::Vec};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::node::{Builder, Kind, MAX_DEPTH, Node, Problems, Style};
use crate::diagnostic::Code;

pub(super) fn read(text: &str, problems: &mut Problems) -> Option<Node> {
    let mut reader =
        Reader { parser: Parser::new_from_str(text), places: Places { text, chars: 0, bytes: 0 } };
    match reader.document(problems) {
        Ok(root) => Some(root),
        Err(Stop { code, at, message }) => {
            let hint =
                (code == Code::UnsupportedYaml).then(|| "write it out, or generate the plan".to_string());
            problems.push(code, (at, at), message, hint);
            None
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    places: Places<'t>,
}

/// Why the document cannot be read on.
struct Stop {
    code: Code,
    at: usize,
    message: std::string::String,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::empty(Marker::new(self.places.chars, 1, 0)))),
        }
    }

    fn syntax(&mut self, error: &ScanError) -> Stop {
        let at = self.places.byte(error.marker());
        Stop { code: Code::Syntax, at, message: format!("not YAML: {}", error.info()) }
    }

    fn refuse<T>(&mut self, code: Code, at: &Marker, message: &str) -> Result<T, Stop> {
        let at = self.places.byte(at);
        Err(Stop { code, at, message: message.to_string() })
    }

    fn document(&mut self, problems: &mut Problems) -> Result<Node, Stop> {
        let mut builder = Builder::default();
        let mut documents = 0;
        loop {
            let (event, span) = self.next()?;
            let (anchor, tagged) = match &event {
                Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
                Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                    (*anchor, tag.is_some())
                }
                _ => (0, false),
            };
            if anchor > 0 {
                return self.refuse(Code::UnsupportedYaml, &span.start, "anchors have no place in a plan");
            }
            if tagged {
                return self.refuse(Code::UnsupportedYaml, &span.start, "tags have no place in a plan");
            }
            let (start, end) = (self.places.byte(&span.start), self.places.byte(&span.end));
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return self.refuse(
                            Code::UnsupportedYaml,
                            &span.start,
                            "a plan is one YAML document",
                        );
                    }
                }
                Event::StreamEnd => break,
                Event::Alias(_) => {
                    return self.refuse(
                        Code::UnsupportedYaml,
                        &span.start,
                        "aliases have no place in a plan",
                    );
                }
                Event::Scalar(text, ..) if builder.wants_key() => builder.key(text.into_owned(), start, end),
                Event::Scalar(text, style, ..) => {
                    let kind = match style {
                        ScalarStyle::Plain => match plain(&text) {
                            Some(kind) => kind,
                            None => {
                                let message = "plans have exact numbers only, no NaN and no infinity";
                                return self.refuse(Code::Syntax, &span.start, message);
                            }
                        },
                        ScalarStyle::SingleQuoted => Kind::Text(text.into_owned(), Style::Single),
                        ScalarStyle::DoubleQuoted => Kind::Text(text.into_owned(), Style::Double),
                        ScalarStyle::Literal | ScalarStyle::Folded => {
                            Kind::Text(text.into_owned(), Style::Block)
                        }
                    };
                    builder.value(Node { kind, start, end });
                }
                Event::SequenceStart(..) | Event::MappingStart(..) if builder.wants_key() => {
                    return self.refuse(Code::UnsupportedYaml, &span.start, "keys are texts");
                }
                Event::SequenceStart(..) | Event::MappingStart(..)
                    if builder.depth() >= MAX_DEPTH as usize =>
                {
                    return self.refuse(
                        Code::TooDeep,
                        &span.start,
                        &format!("nested deeper than {MAX_DEPTH} levels"),
                    );
                }
                Event::SequenceStart(..) => builder.open(Kind::List(Vec::new()), start),
                Event::MappingStart(..) => builder.open(Kind::Map(Vec::new()), start),
                Event::SequenceEnd | Event::MappingEnd => builder.close(end, problems),
            }
        }
        match builder.finish() {
            Some(root) => Ok(root),
            None => Err(Stop { code: Code::Syntax, at: 0, message: "the document is empty".to_string() }),
        }
    }
}

/// A plain scalar by the core schema, or `None` for NaN and infinities.
fn plain(text: &str) -> Option<Kind> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => {
            let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
            match unsigned {
                ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN" => return None,
                _ if is_number(unsigned) => Kind::Number(text.to_string()),
                _ => Kind::Text(text.to_string(), Style::Plain),
            }
        }
    })
}

/// `[0-9]+`, `0o…`, `0x…`, or digits with a point or an exponent.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    if let Some(rest) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0o")) {
        return !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    let whole = digits(text);
    let mut rest = &text[whole..];
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix('.') {
        fraction = digits(after);
        rest = &after[fraction..];
    }
    if whole + fraction == 0 {
        return false;
    }
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
    }
}

/// Turns positions in characters into positions in bytes; cheap while they go forward.
struct Places<'t> {
    text: &'t str,
    chars: usize,
    bytes: usize,
}

impl Places<'_> {
    fn byte(&mut self, marker: &Marker) -> usize {
        let target = marker.index();
        let bytes = self.text.as_bytes();
        let is_start = |at: usize| bytes.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
        while self.chars < target && self.bytes < bytes.len() {
            self.bytes += 1;
            while !is_start(self.bytes) {
                self.bytes += 1;
            }
            self.chars += 1;
        }
        while self.chars > target && self.bytes > 0 {
            self.bytes -= 1;
            while !is_start(self.bytes) {
                self.bytes -= 1;
            }
            self.chars -= 1;
        }
        self.bytes
    }
}
