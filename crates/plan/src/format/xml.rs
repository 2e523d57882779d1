//! XML 1.0: every element with the name of a record is a row; its child elements and attributes are columns.
//!
//! Names are compared without their namespaces. A name may appear once in a row; one that is missing is null, as is an
//! empty element for other types than string and bytes. White space around values that are no strings is ignored.
//! Document type declarations are refused, and with them entities of one's own.

use alloc::{borrow::Cow, format, string::ToString};

use roxmltree::{Document, Node, ParsingOptions};

use super::{
    FormatError, FormatErrorKind, RowLimit, ValueProblem,
    cell::{ColumnReader, readers},
    source_text,
};
use crate::{
    model::ColumnHint,
    types::{Schema, Type},
    value::{Bytes, ColumnBuilder, Table, TableBuilder},
};

/// The most elements, attributes and texts in a file.
const MAX_NODES: u32 = 1 << 26;
/// The deepest nesting of elements.
const MAX_DEPTH: u32 = 64;
/// The most attributes of an element: the parser compares each with each.
const MAX_ATTRIBUTES: usize = 1024;

/// Reads a file.
///
/// # Errors
/// If the file is not such XML, or does not fit the schema or the limit.
pub fn read(
    bytes: &Bytes,
    record: &str,
    schema: &Schema,
    hints: &[ColumnHint],
    max_bytes: u64,
) -> Result<Table, FormatError> {
    let columns = readers(schema, hints)?;
    let (text, skipped) = source_text(bytes)?;
    check_depth(text).map_err(|(kind, offset)| FormatError::at(kind, bytes, skipped + offset))?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| FormatError::new(FormatErrorKind::Xml(error.to_string())))?;
    let limit = RowLimit::new(schema, max_bytes);
    let mut builder = TableBuilder::new(schema, 0);
    let mut row = 0;
    let mut node = document.root();
    while let Some(next) = following(node, record) {
        node = next;
        if !is_record(node, record) {
            continue;
        }
        let place =
            |kind, node: Node<'_, '_>| FormatError::at(kind, bytes, skipped + node.range().start).in_row(row);
        limit.check(row).map_err(|kind| place(kind, node))?;
        for (of, column) in columns.iter().zip(builder.columns()) {
            value(node, of, column).map_err(|kind| place(kind, node).in_column(of.name))?;
        }
        row += 1;
    }
    Ok(builder.finish_rows(row))
}

fn is_record(node: Node<'_, '_>, record: &str) -> bool {
    node.is_element() && node.tag_name().name() == record
}

/// The next node in the order of the document. What lies inside a record belongs to it.
fn following<'a, 'i>(node: Node<'a, 'i>, record: &str) -> Option<Node<'a, 'i>> {
    if !is_record(node, record)
        && let Some(child) = node.first_child()
    {
        return Some(child);
    }
    node.ancestors().find_map(|node| node.next_sibling())
}

fn value(
    row: Node<'_, '_>,
    of: &ColumnReader<'_>,
    column: &mut ColumnBuilder,
) -> Result<(), FormatErrorKind> {
    let attributes = row.attributes().filter(|attribute| attribute.name() == of.source);
    let attributes = attributes.map(|attribute| Ok(Cow::Borrowed(attribute.value())));
    let children = row.children().filter(|child| is_record(*child, of.source));
    let mut found = attributes.chain(children.map(|child| content(child, of)));
    let Some(first) = found.next().transpose()? else {
        if of.ty.nullable {
            column.push_null();
            return Ok(());
        }
        let names = row.children().filter(Node::is_element).take(16);
        return Err(FormatErrorKind::MissingColumn {
            source: of.source.into(),
            found: names.map(|child| child.tag_name().name().into()).collect(),
        });
    };
    if found.next().is_some() {
        return Err(FormatErrorKind::Duplicate(of.source.into()));
    }
    if matches!(of.ty.ty, Type::String) {
        return of.text(column, first.as_bytes(), None);
    }
    let trimmed = first.trim_ascii();
    if trimmed.is_empty() && of.ty.ty != Type::Bytes {
        return of.null(column);
    }
    of.text(column, trimmed.as_bytes(), None)
}

/// The text of an element that has no elements inside.
fn content<'a>(node: Node<'a, '_>, of: &ColumnReader<'_>) -> Result<Cow<'a, str>, FormatErrorKind> {
    let mut out = Cow::Borrowed("");
    for child in node.children() {
        if child.is_element() {
            let found = format!("<{}>", child.tag_name().name());
            return Err(of.problem(found.as_bytes(), ValueProblem::WrongForm));
        }
        if child.is_text() {
            out += child.text().unwrap_or_default();
        }
    }
    Ok(out)
}

/// Refuses deep nesting before the parser, which recurses, sees the text. Counting tags outside comments and CDATA is
/// enough: what is malformed fails later.
fn check_depth(text: &str) -> Result<(), (FormatErrorKind, usize)> {
    let bytes = text.as_bytes();
    let mut depth = 0u32;
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'<') {
        at += found;
        let rest = &text[at..];
        let end_of = |mark: &str| rest.find(mark).map_or(rest.len(), |end| end + mark.len());
        if rest.starts_with("<!--") {
            at += end_of("-->");
        } else if rest.starts_with("<![CDATA[") {
            at += end_of("]]>");
        } else if rest.starts_with("<?") {
            at += end_of("?>");
        } else if rest.starts_with("</") {
            depth = depth.saturating_sub(1);
            at += 2;
        } else {
            let (length, quotes) = tag(&bytes[at..]);
            if quotes > 2 * MAX_ATTRIBUTES {
                let what = "attributes of an element";
                return Err((FormatErrorKind::TooLarge { what, limit: MAX_ATTRIBUTES as u64 }, at));
            }
            if !bytes[at..at + length].ends_with(b"/>") {
                depth += 1;
            }
            if depth > MAX_DEPTH {
                let kind = FormatErrorKind::TooLarge { what: "levels of elements", limit: MAX_DEPTH.into() };
                return Err((kind, at));
            }
            at += length;
        }
    }
    Ok(())
}

/// The length of a start tag, whose attributes may contain `>`, and its quotation marks.
fn tag(bytes: &[u8]) -> (usize, usize) {
    let mut open = None;
    let mut quotes = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match (open, *byte) {
            (None, b'"' | b'\'') => {
                open = Some(*byte);
                quotes += 1;
            }
            (None, b'>') => return (at + 1, quotes),
            (Some(quote), byte) if byte == quote => {
                open = None;
                quotes += 1;
            }
            _ => {}
        }
    }
    (bytes.len(), quotes)
}
