//! SVG of a laid out plan.

use std::{format, string::String};

use super::layout::{self, LINE_HEIGHT, PADDING, Picture};
use crate::check::ExecutionDag;

/// An SVG image.
pub fn svg(dag: &ExecutionDag) -> String {
    let picture = layout::block(dag, None);
    let margin = 20.0;
    let (width, height) = (picture.width + 2.0 * margin, picture.height + 2.0 * margin);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0L10 5L0 10z\" fill=\"#667\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    draw(dag, &picture, margin, margin, &mut out);
    out.push_str("</svg>\n");
    out
}

fn draw(dag: &ExecutionDag, picture: &Picture, left: f64, top: f64, out: &mut String) {
    for points in &picture.arrows {
        let mut path = String::new();
        for (at, (x, y)) in points.iter().enumerate() {
            let (x, y) = (x + left, y + top);
            match at {
                0 => path.push_str(&format!("M{x:.1} {y:.1}")),
                _ => {
                    let (from_x, from_y) = (points[at - 1].0 + left, points[at - 1].1 + top);
                    let bend = (y - from_y) / 2.0;
                    path.push_str(&format!(
                        "C{from_x:.1} {:.1} {x:.1} {:.1} {x:.1} {y:.1}",
                        from_y + bend,
                        y - bend
                    ));
                }
            }
        }
        out.push_str(&format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"#667\" stroke-width=\"1.3\" marker-end=\"url(#arrow)\"/>\n"
        ));
    }
    for each in &picture.boxes {
        let (x, y) = (each.x + left, each.y + top);
        let (fill, stroke) = colours(&dag.nodes[each.node].kind);
        out.push_str(&format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"7\" fill=\"{fill}\" stroke=\"{stroke}\"/>\n",
            each.width, each.height
        ));
        for (line, text) in each.lines.iter().enumerate() {
            let style = match line {
                0 => "font-weight=\"bold\" fill=\"#223\"",
                1 => "font-style=\"italic\" fill=\"#556\"",
                _ => "fill=\"#334\" font-size=\"11\"",
            };
            let baseline = y + PADDING + (line as f64 + 0.8) * LINE_HEIGHT;
            out.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{baseline:.1}\" {style}>{}</text>\n",
                x + PADDING,
                escape(text)
            ));
        }
        for part in &each.parts {
            let (x, y) = (x + part.x, y + part.y);
            let (width, height) =
                (part.picture.width + 2.0 * PADDING, part.picture.height + LINE_HEIGHT + 2.0 * PADDING);
            out.push_str(&format!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"5\" fill=\"#fff\" \
                 fill-opacity=\"0.7\" stroke=\"#99a\" stroke-dasharray=\"4 3\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" \
                 fill=\"#556\" font-size=\"11\">{}</text>\n",
                x + PADDING,
                y + LINE_HEIGHT,
                part.name
            ));
            draw(dag, &part.picture, x + PADDING, y + PADDING + LINE_HEIGHT, out);
        }
    }
}

/// Fill and border by the type of step.
fn colours(kind: &str) -> (&'static str, &'static str) {
    match kind.split(' ').next() {
        Some("data-input") => ("#e8f1fb", "#5b8dc9"),
        Some("filter") => ("#fdf3e1", "#d39b3b"),
        Some("aggregate") => ("#eaf6ea", "#5ea55e"),
        Some("compute") => ("#f3ecfa", "#9470c0"),
        Some("branch" | "loop") => ("#f4f4f6", "#8a8a99"),
        _ => ("#f7f7fb", "#7a86b8"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
