//! The JSON Schema of a value: the interchange form that `data-input` reads.

use proofmark_plan::types::{ColumnType, Type, ValueType};
use serde_json::{Map, Value, json};

/// The schema of a step's result.
pub(super) fn of(ty: &ValueType) -> Value {
    let ValueType::Table(schema) = ty else {
        return json!("bytes");
    };
    let mut properties = Map::new();
    for column in schema.columns() {
        properties.insert(column.name.clone(), property(column.ty));
    }
    let required: Vec<&str> = schema
        .columns()
        .iter()
        .filter(|column| !column.ty.nullable)
        .map(|column| column.name.as_str())
        .collect();
    json!({
        "type": "array",
        "items": { "type": "object", "properties": properties, "required": required, "additionalProperties": false },
    })
}

fn property(column: ColumnType) -> Value {
    let mut property = Map::new();
    let mut set = |name: &str, value: Value| property.insert(name.to_string(), value);
    let kind = match column.ty {
        Type::Bool => "boolean",
        Type::Bytes => {
            set("contentEncoding", json!("base64"));
            "string"
        }
        Type::Date => {
            set("format", json!("date"));
            "string"
        }
        Type::Decimal { precision, scale } => {
            set("x-precision", json!(precision));
            set("x-scale", json!(scale));
            "number"
        }
        Type::Int => "integer",
        Type::String => "string",
        Type::Timestamp => {
            set("format", json!("date-time"));
            "string"
        }
    };
    set("type", if column.nullable { json!([kind, "null"]) } else { json!(kind) });
    Value::Object(property)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nullable_decimal_says_so() {
        let column = ColumnType { ty: Type::Decimal { precision: 9, scale: 2 }, nullable: true };
        assert_eq!(property(column), json!({"type": ["number", "null"], "x-precision": 9, "x-scale": 2}));
        assert_eq!(of(&ValueType::Bytes), json!("bytes"));
    }
}
