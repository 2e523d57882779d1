//! JSON to nodes.

use std::{string::ToString, vec::Vec};

use super::node::{Builder, Kind, Node, Problems, Style};
use crate::{
    diagnostic::Code,
    json_reader::{Event, JsonError, JsonErrorKind, Reader, Token},
};

pub(super) fn read(text: &str, problems: &mut Problems) -> Option<Node> {
    let mut reader = Reader::new(text);
    let result = document(&mut reader, problems);
    match result {
        Ok(root) => root,
        Err(JsonError { kind, offset }) => {
            let code = if kind == JsonErrorKind::TooDeep { Code::TooDeep } else { Code::Syntax };
            let hint = match kind {
                JsonErrorKind::Comment | JsonErrorKind::SingleQuote | JsonErrorKind::TrailingComma => {
                    Some("write the plan as YAML for that".to_string())
                }
                JsonErrorKind::NotFinite => Some("plans have exact numbers only".to_string()),
                _ => None,
            };
            problems.push(code, (offset, offset), kind.to_string(), hint);
            None
        }
    }
}

fn document(reader: &mut Reader<'_>, problems: &mut Problems) -> Result<Option<Node>, JsonError> {
    let mut builder = Builder::default();
    while let Some(Token { event, start, end }) = reader.next()? {
        let kind = match event {
            Event::ArrayStart => {
                builder.open(Kind::List(Vec::new()), start);
                continue;
            }
            Event::ObjectStart => {
                builder.open(Kind::Map(Vec::new()), start);
                continue;
            }
            Event::ArrayEnd | Event::ObjectEnd => {
                builder.close(end, problems);
                continue;
            }
            Event::Key(key) => {
                builder.key(key.decode().into_owned(), start, end);
                continue;
            }
            Event::Bool(value) => Kind::Bool(value),
            Event::Null => Kind::Null,
            Event::Number(text) => Kind::Number(text.to_string()),
            Event::String(text) => Kind::Text(text.decode().into_owned(), Style::Double),
        };
        builder.value(Node { kind, start, end });
    }
    Ok(builder.finish())
}
