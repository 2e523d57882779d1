//! Schemas: lists of columns, and JSON Schema as the interchange form.

use std::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    node::{Kind, Member, Node, shown},
    read::Reader,
};
use crate::{
    diagnostic::{Code, did_you_mean},
    model::{ColumnHint, InputSchema},
    types::{Column, ColumnType, MAX_PRECISION, Schema, Type},
};

/// Members of a JSON Schema that say nothing about types.
const ANNOTATIONS: [&str; 6] = ["$schema", "$id", "$comment", "title", "description", "additionalProperties"];

impl Reader<'_> {
    /// The schema of an input: `bytes`, or a table.
    pub(super) fn input_schema(&mut self, node: &Node) -> Option<InputSchema> {
        match &node.kind {
            Kind::Text(text, _) if text == "bytes" => Some(InputSchema::Bytes),
            _ => self.schema(node).map(|(schema, hints)| InputSchema::Table { schema, hints }),
        }
    }

    /// A table's schema and the hints that are parallel to it.
    pub(super) fn schema(&mut self, node: &Node) -> Option<(Schema, Vec<ColumnHint>)> {
        let Kind::Map(members) = &node.kind else {
            let hint = Some("such as { columns: { name: string, price: \"decimal(10,2)\" } }".to_string());
            return self.fail(
                Code::WrongKind,
                node,
                format!("a schema is an object, and this is {}", node.kind_name()),
                hint,
            );
        };
        let columns = if members.iter().any(|member| member.key == "columns") {
            let fields = self.object(node, "a schema", &["columns"])?;
            let node = self.required(&fields, "columns")?;
            let members = self.members(node, "`columns`")?;
            let columns: Vec<_> = members.iter().map(|member| self.column(member)).collect();
            columns.into_iter().collect::<Option<Vec<_>>>()?
        } else {
            self.json_schema(node)?
        };
        let mut columns = columns;
        columns.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let (columns, hints): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        // Duplicate members were reported and removed while reading the document.
        Schema::new(columns).ok().map(|schema| (schema, hints))
    }

    fn column(&mut self, member: &Member) -> Option<(Column, ColumnHint)> {
        let node = &member.value;
        let (ty, hint) = match &node.kind {
            Kind::Map(_) => {
                let fields = self.object(node, "a column", &["type", "source", "format"])?;
                let ty = self.required(&fields, "type").and_then(|node| self.column_type(node));
                let source = self.optional(&fields, "source", Self::text);
                let format = self.optional(&fields, "format", Self::text);
                (ty?, ColumnHint { source: source?, format: format? })
            }
            _ => (self.column_type(node)?, ColumnHint::default()),
        };
        Some((Column { name: member.key.clone(), ty }, hint))
    }

    fn column_type(&mut self, node: &Node) -> Option<ColumnType> {
        let text = self.text(node)?;
        match text.parse::<ColumnType>() {
            Ok(ty) => Some(ty),
            Err(error) => {
                let hint = match text.as_str() {
                    "integer" | "number" | "long" | "bigint" => {
                        Some("whole numbers are `int`, exact ones `decimal(p,s)`".to_string())
                    }
                    "float" | "double" => Some("there are no floats; `decimal(p,s)` is exact".to_string()),
                    "boolean" => Some("did you mean `bool`?".to_string()),
                    "text" | "str" | "varchar" => Some("did you mean `string`?".to_string()),
                    "decimal" => Some("a decimal states its digits: `decimal(10,2)`".to_string()),
                    _ => did_you_mean(&text, ["int", "bool", "string", "bytes", "date", "timestamp"])
                        .or_else(|| Some(error.to_string())),
                };
                self.fail(Code::UnknownType, node, format!("`{}` is not a type", shown(&text)), hint)
            }
        }
    }

    /// `{type: array, items: {type: object, properties: {…}, required: […]}}`.
    fn json_schema(&mut self, node: &Node) -> Option<Vec<(Column, ColumnHint)>> {
        let allowed: Vec<_> = ["type", "items", "columns"].into_iter().chain(ANNOTATIONS).collect();
        let fields = self.object(node, "a schema", &allowed)?;
        self.json_type(fields.get("type").unwrap_or(node), "array")?;
        let items = self.required(&fields, "items")?;
        let allowed: Vec<_> = ["type", "properties", "required"].into_iter().chain(ANNOTATIONS).collect();
        let fields = self.object(items, "the schema of a row", &allowed)?;
        self.json_type(fields.get("type").unwrap_or(items), "object")?;
        let required = match fields.get("required") {
            Some(node) => self.names(node)?,
            None => Vec::new(),
        };
        let properties = self.required(&fields, "properties")?;
        let members = self.members(properties, "`properties`")?;
        let columns: Vec<_> = members.iter().map(|member| self.property(member, &required)).collect();
        if let Some(missing) = required.iter().find(|name| !members.iter().any(|member| member.key == **name))
            && let Some(node) = fields.get("required")
        {
            let hint = did_you_mean(missing, members.iter().map(|member| member.key.as_str()));
            return self.fail(
                Code::UnknownColumn,
                node,
                format!("`{}` is no property", shown(missing)),
                hint,
            );
        }
        columns.into_iter().collect()
    }

    fn json_type(&mut self, node: &Node, expected: &str) -> Option<()> {
        match &node.kind {
            Kind::Text(text, _) if text == expected => Some(()),
            _ => {
                let message = format!("the JSON Schema of a table has `type: {expected}` here");
                let hint = Some("or write { columns: { name: type } }".to_string());
                self.fail(Code::WrongKind, node, message, hint)
            }
        }
    }

    fn property(&mut self, member: &Member, required: &[String]) -> Option<(Column, ColumnHint)> {
        let node = &member.value;
        let known = [
            "type",
            "format",
            "contentEncoding",
            "x-precision",
            "x-scale",
            "title",
            "description",
            "$comment",
        ];
        let fields = self.object(node, "a property", &known)?;
        let type_node = self.required(&fields, "type")?;
        let mut nullable = !required.contains(&member.key);
        let name = match &type_node.kind {
            Kind::List(items) => {
                let names = self.names(type_node)?;
                let mut others = names.iter().filter(|name| *name != "null");
                match (others.next(), others.next()) {
                    (Some(name), None) if items.len() <= 2 => {
                        nullable |= names.len() == 2;
                        name.clone()
                    }
                    _ => {
                        let message = "a column has one type, and perhaps \"null\"".to_string();
                        return self.fail(Code::UnknownType, type_node, message, None);
                    }
                }
            }
            _ => self.text(type_node)?,
        };
        let format = self.optional(&fields, "format", Self::text)?;
        let encoding = self.optional(&fields, "contentEncoding", Self::text)?;
        let ty = match (name.as_str(), format.as_deref(), encoding.as_deref()) {
            ("integer", None, None) => Type::Int,
            ("boolean", None, None) => Type::Bool,
            ("string", None, None) => Type::String,
            ("string", Some("date"), None) => Type::Date,
            ("string", Some("date-time"), None) => Type::Timestamp,
            ("string", None, Some("base64")) => Type::Bytes,
            ("number", None, None) => {
                let precision =
                    self.required(&fields, "x-precision").and_then(|node| self.small(node, MAX_PRECISION));
                let scale =
                    self.required(&fields, "x-scale").and_then(|node| self.small(node, MAX_PRECISION));
                match (precision?, scale?) {
                    (precision @ 1.., scale) if scale <= precision => Type::Decimal { precision, scale },
                    _ => {
                        return self.fail(
                            Code::UnknownType,
                            node,
                            "x-scale is at most x-precision, from 1".into(),
                            None,
                        );
                    }
                }
            }
            _ => {
                let hint = "columns are integer, number, boolean or string; string with format date or date-time, or contentEncoding base64";
                return self.fail(
                    Code::UnknownType,
                    type_node,
                    "this is not the type of a column".into(),
                    Some(hint.into()),
                );
            }
        };
        let column = Column { name: member.key.clone(), ty: ColumnType { ty, nullable } };
        Some((column, ColumnHint::default()))
    }
}
