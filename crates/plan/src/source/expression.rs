//! Expressions in a document: texts, trees, and plain literals.

use std::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    lexer::decimal,
    node::{Kind, Node, shown, span_inside},
    read::Reader,
    text::parse_expression,
};
use crate::{
    calendar,
    diagnostic::{Code, did_you_mean},
    expr::{Expr, ExprKind, Function, Literal},
    model::{MAX_EXPRESSION_DEPTH, MAX_TEXT_BYTES},
};

impl Reader<'_> {
    pub(super) fn expression(&mut self, node: &Node) -> Option<Expr> {
        match &node.kind {
            Kind::Text(text, _) => self.expression_text(node, text),
            Kind::Number(text) => self.expression_text(node, text),
            Kind::Bool(value) => Some(literal(Literal::Bool(*value))),
            Kind::List(items) => self.tree(node, items, 1),
            Kind::Map(_) | Kind::Null => {
                let hint = Some("such as `amount > 5.00`".to_string());
                self.fail(
                    Code::WrongKind,
                    node,
                    format!("an expression is a text, and this is {}", node.kind_name()),
                    hint,
                )
            }
        }
    }

    fn expression_text(&mut self, node: &Node, text: &str) -> Option<Expr> {
        match parse_expression(text) {
            Ok(expr) => Some(expr),
            Err(error) => {
                let span = match node.kind {
                    Kind::Text(..) => span_inside(node, self.document, error.offset),
                    _ => node.mark(),
                };
                self.problems.push(error.code, span, error.message, error.hint);
                None
            }
        }
    }

    /// The canonical form: a list that starts with a name.
    fn tree(&mut self, node: &Node, items: &[Node], depth: u32) -> Option<Expr> {
        if depth > MAX_EXPRESSION_DEPTH {
            let message = format!("an expression is nested at most {MAX_EXPRESSION_DEPTH} levels deep");
            return self.fail(Code::TooDeep, node, message, None);
        }
        let Some((Node { kind: Kind::Text(name, _), .. }, arguments)) = items.split_first() else {
            let message = "the tree of an expression starts with the name of a function".to_string();
            let hint = Some("such as [\"gt\", [\"col\", \"amount\"], [\"decimal\", \"5.00\"]]".to_string());
            return self.fail(Code::ExpressionSyntax, node, message, hint);
        };
        let text = |node: &Node| match &node.kind {
            Kind::Text(text, _) if text.len() <= MAX_TEXT_BYTES => Some(text.clone()),
            _ => None,
        };
        let kind = match (name.as_str(), arguments) {
            ("null", []) => ExprKind::Literal(Literal::Null),
            ("bool", [Node { kind: Kind::Bool(value), .. }]) => ExprKind::Literal(Literal::Bool(*value)),
            ("col", [column]) => match text(column) {
                Some(column) => ExprKind::Column(column),
                None => {
                    return self.fail(
                        Code::ExpressionSyntax,
                        column,
                        "the name of a column is a text".into(),
                        None,
                    );
                }
            },
            ("previous", [Node { kind: Kind::List(column), .. }, by, order]) => {
                let [Node { kind: Kind::Text(col, _), .. }, Node { kind: Kind::Text(column, _), .. }] =
                    &column[..]
                else {
                    let message = "`previous` looks at a column: [\"col\", \"name\"]".to_string();
                    return self.fail(Code::ExpressionSyntax, node, message, None);
                };
                if col != "col" {
                    return self.fail(
                        Code::ExpressionSyntax,
                        node,
                        "`previous` looks at a column".into(),
                        None,
                    );
                }
                let (by, order) = (self.names(by), self.names(order));
                ExprKind::Previous { column: column.clone(), by: by?, order: order? }
            }
            ("bool" | "null" | "col" | "previous", _) => {
                let message = format!("`{name}` is written otherwise in a tree");
                return self.fail(Code::ExpressionSyntax, node, message, None);
            }
            (name, [Node { kind: Kind::Text(value, _), .. }]) => match tree_literal(name, value) {
                Some(value) => ExprKind::Literal(value),
                None => {
                    let message = format!("`{}` is not a literal of type `{}`", shown(value), shown(name));
                    return self.fail(Code::ExpressionSyntax, &arguments[0], message, None);
                }
            },
            (name, arguments) => {
                let Some(function) = Function::from_name(name) else {
                    let hint = did_you_mean(name, Function::ALL.iter().map(|function| function.name()));
                    let message = format!("there is no function `{}`", shown(name));
                    return self.fail(Code::UnknownFunction, &items[0], message, hint);
                };
                let mut trees = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    match &argument.kind {
                        Kind::List(items) => trees.push(self.tree(argument, items, depth + 1)?),
                        _ => {
                            let message =
                                format!("inside a tree, values are trees; this is {}", argument.kind_name());
                            let hint = Some(
                                "a literal is [\"int\", \"5\"], a column [\"col\", \"amount\"]".to_string(),
                            );
                            return self.fail(Code::ExpressionSyntax, argument, message, hint);
                        }
                    }
                }
                ExprKind::Call(function, trees)
            }
        };
        Some(Expr { kind, at: 0 })
    }
}

/// A literal of a tree: a type and a text.
fn tree_literal(name: &str, value: &str) -> Option<Literal> {
    Some(match name {
        "date" => Literal::Date(calendar::parse_date(value)?),
        "decimal" => {
            let (unsigned, negative) = match value.strip_prefix('-') {
                Some(rest) => (rest, true),
                None => (value, false),
            };
            let (digits, scale) = decimal(unsigned)?;
            Literal::Decimal(if negative { -digits } else { digits }, scale)
        }
        "int" => Literal::Int(value.parse().ok().filter(|_| !value.starts_with('+'))?),
        "string" => Literal::String(String::from(value).into()),
        "timestamp" => Literal::Timestamp(calendar::parse_timestamp(value)?),
        _ => return None,
    })
}

fn literal(value: Literal) -> Expr {
    Expr { kind: ExprKind::Literal(value), at: 0 }
}
