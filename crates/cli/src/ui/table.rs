//! Tables and lists of facts.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use super::{Tone, Ui, clean};

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table with a heading. Cells are never wrapped, so that digests can be copied.
pub(crate) fn table(ui: &Ui, heading: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heading.iter().map(|(name, align)| cell(name, *align)));
    for row in rows {
        let cells = row.iter().zip(heading);
        table.add_row(cells.map(|(text, (_, align))| cell(&clean(text).replace(['\n', '\t'], " "), *align)));
    }
    let mut text = String::new();
    for (at, line) in table.lines().enumerate() {
        let line = line.trim_end();
        let line = line.strip_prefix(' ').unwrap_or(line);
        text.push_str(&if at == 0 { ui.paint(Tone::Bold, line) } else { line.to_string() });
        text.push('\n');
    }
    text
}

fn cell(text: &str, align: Align) -> Cell {
    Cell::new(text).set_alignment(match align {
        Align::Left => CellAlignment::Left,
        Align::Right => CellAlignment::Right,
    })
}

/// A list of facts: names on the left, values on the right, in the order they were told.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<(String, String)>);

impl Facts {
    /// Adds a fact.
    pub(crate) fn add(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.push((name.to_string(), value.into()));
        self
    }

    /// Adds a fact if there is one.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<String>) -> &mut Self {
        if let Some(value) = value {
            self.add(name, value);
        }
        self
    }

    /// The lines, indented by `indent`.
    pub(crate) fn render(&self, ui: &Ui, indent: usize) -> String {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in &self.0 {
            let value = clean(value);
            let mut lines = value.lines();
            let first = lines.next().unwrap_or_default();
            let name = format!("{:width$}", clean(name));
            text.push_str(&format!("{:indent$}{}  {first}\n", "", ui.paint(Tone::Dim, &name)));
            for line in lines {
                text.push_str(&format!("{:indent$}{:width$}  {line}\n", "", ""));
            }
        }
        text
    }
}
