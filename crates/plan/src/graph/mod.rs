//! Pictures of a checked plan: Mermaid, Graphviz DOT, and SVG drawn here.
//!
//! Boxes are steps with their id, what they do, and the type of their result; arrows carry results. Sub-plans are
//! boxes inside the box of their step.

mod layout;
mod svg;

use std::{
    format,
    string::{String, ToString},
    vec::Vec,
};

pub use svg::svg;

use crate::{
    check::{DagNode, ExecutionDag},
    types::ValueType,
};

/// The most columns that a box lists.
const MAX_LISTED: usize = 6;

/// A Mermaid flowchart.
pub fn mermaid(dag: &ExecutionDag) -> String {
    let mut out = String::from("flowchart TD\n");
    let mut write = |depth: usize, line: Line<'_>| {
        out.push_str(&"  ".repeat(depth + 1));
        match line {
            Line::Node(index, node) => {
                let text = lines(node).join("<br/>").replace('"', "#quot;");
                let (open, close) = if node.kind == "data-input" { ("[(", ")]") } else { ("[", "]") };
                out.push_str(&format!("n{index}{open}\"{text}\"{close}"));
            }
            Line::Open(index, part, node) => {
                out.push_str(&format!("subgraph s{index}{part} [\"{} {part}\"]", node.id));
            }
            Line::Close => out.push_str("end"),
        }
        out.push('\n');
    };
    walk(dag, &mut write);
    for &(from, to) in &dag.edges {
        out.push_str(&format!("  n{from} --> n{to}\n"));
    }
    for (owner, part) in parts(dag) {
        out.push_str(&format!("  n{owner} -.- s{owner}{part}\n"));
    }
    out
}

/// A Graphviz graph.
pub fn dot(dag: &ExecutionDag) -> String {
    let mut out = String::from("digraph plan {\n  rankdir=TB;\n  compound=true;\n");
    out.push_str("  node [shape=box, style=rounded, fontname=\"Helvetica\", fontsize=11];\n");
    let mut write = |depth: usize, line: Line<'_>| {
        out.push_str(&"  ".repeat(depth + 1));
        match line {
            Line::Node(index, node) => {
                let text = lines(node).join("\\n").replace('"', "\\\"");
                let shape = if node.kind == "data-input" { ", shape=cylinder" } else { "" };
                out.push_str(&format!("n{index} [label=\"{text}\"{shape}];"));
            }
            Line::Open(index, part, node) => {
                out.push_str(&format!(
                    "subgraph cluster_{index}_{part} {{ label=\"{} {part}\"; style=dashed;",
                    node.id
                ));
            }
            Line::Close => out.push('}'),
        }
        out.push('\n');
    };
    walk(dag, &mut write);
    for &(from, to) in &dag.edges {
        out.push_str(&format!("  n{from} -> n{to};\n"));
    }
    for (owner, part) in parts(dag) {
        if let Some(first) = members(dag, Some((owner, part))).first() {
            out.push_str(&format!(
                "  n{owner} -> n{first} [style=dotted, arrowhead=none, lhead=cluster_{owner}_{part}];\n"
            ));
        }
    }
    out.push_str("}\n");
    out
}

/// A line of a nested notation.
enum Line<'d> {
    Close,
    Node(usize, &'d DagNode),
    Open(usize, &'static str, &'d DagNode),
}

/// Visits all nodes, each sub-plan after the node that it belongs to. Nesting is bounded by the checker.
fn walk<'d>(dag: &'d ExecutionDag, write: &mut impl FnMut(usize, Line<'d>)) {
    block(dag, None, 0, write);
}

fn block<'d>(
    dag: &'d ExecutionDag,
    inside: Option<(usize, &'static str)>,
    depth: usize,
    write: &mut impl FnMut(usize, Line<'d>),
) {
    for index in members(dag, inside) {
        let node = &dag.nodes[index];
        write(depth, Line::Node(index, node));
        for part in parts_of(node) {
            write(depth, Line::Open(index, part, node));
            block(dag, Some((index, part)), depth + 1, write);
            write(depth, Line::Close);
        }
    }
}

/// The nodes of one block, in execution order.
fn members(dag: &ExecutionDag, inside: Option<(usize, &'static str)>) -> Vec<usize> {
    dag.order.iter().copied().filter(|&index| dag.nodes[index].inside == inside).collect()
}

fn parts_of(node: &DagNode) -> &'static [&'static str] {
    match node.kind.as_str() {
        "branch" => &["then", "else"],
        "loop" => &["body"],
        _ => &[],
    }
}

/// Every sub-plan that has steps.
fn parts(dag: &ExecutionDag) -> Vec<(usize, &'static str)> {
    let mut parts: Vec<_> = dag.nodes.iter().filter_map(|node| node.inside).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// The text of a box.
fn lines(node: &DagNode) -> Vec<String> {
    let mut lines = Vec::from([node.id.clone(), node.kind.clone()]);
    match &node.result {
        ValueType::Bytes => lines.push("bytes".to_string()),
        ValueType::Table(schema) => {
            for column in schema.columns().iter().take(MAX_LISTED) {
                lines.push(format!("{}: {}", column.name, column.ty));
            }
            if schema.len() > MAX_LISTED {
                lines.push(format!("… {} more", schema.len() - MAX_LISTED));
            }
        }
    }
    lines
}
