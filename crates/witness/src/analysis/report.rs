//! A run as a person reads it: numbers, top functions, a time line; a page with a flame graph.

use proofmark_core::{Event, WitnessClaim};
use serde::Serialize;

use super::{Profile, compare::counters};

/// What is told of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Shard and agent.
    pub shard: u32,
    /// The agent's name.
    pub agent: String,
    /// The command, its name first.
    pub command: Vec<String>,
    /// Counters of the operating system.
    pub counters: Vec<(&'static str, u64)>,
    /// Events of the recording.
    pub events: Vec<Event>,
    /// Events that the profile was made from.
    pub profiled: Vec<String>,
    /// Weight of the whole profile: nanoseconds for clocks.
    pub total: u64,
    /// Functions by their own share, largest first: name, own share and share with callees, in parts of one.
    pub functions: Vec<(String, f64, f64)>,
    /// Weight in equal parts of the time between the first and the last sample.
    pub time_line: Vec<u64>,
}

impl Report {
    /// The report of a run.
    pub fn new(claim: &WitnessClaim, profile: &Profile) -> Self {
        let whole = profile.total.max(1) as f64;
        let mut functions: Vec<_> = profile
            .functions
            .iter()
            .map(|(name, weight)| (name.clone(), weight.own as f64 / whole, weight.total as f64 / whole))
            .collect();
        functions.sort_by(|one, other| {
            other.1.total_cmp(&one.1).then(other.2.total_cmp(&one.2)).then(one.0.cmp(&other.0))
        });
        functions.truncate(TOP);
        Self {
            shard: claim.shard,
            agent: claim.agent.clone(),
            command: claim.command.arguments.clone(),
            counters: counters(claim).into(),
            events: claim.recording.events.clone(),
            profiled: profile.events.clone(),
            total: profile.total,
            functions,
            time_line: profile.time_line.clone(),
        }
    }

    /// The time line as one line of bars.
    pub fn bars(&self) -> String {
        const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let most = self.time_line.iter().copied().max().unwrap_or_default().max(1);
        self.time_line.iter().map(|weight| BARS[(weight * 8).div_ceil(most) as usize]).collect()
    }
}

/// Functions in a report.
const TOP: usize = 25;

/// The profile as an SVG flame graph.
///
/// # Errors
/// If there is nothing to draw.
#[cfg(feature = "report")]
pub fn flame_graph(profile: &Profile, title: &str) -> Result<String, String> {
    let mut options = inferno::flamegraph::Options::default();
    options.title = escape(title);
    options.count_name = "ns".into();
    let lines: Vec<String> =
        profile.stacks.iter().map(|(stack, weight)| format!("{stack} {weight}")).collect();
    let mut svg = Vec::new();
    inferno::flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)
        .map_err(|e| e.to_string())?;
    String::from_utf8(svg).map_err(|e| e.to_string())
}

/// The report as one page that needs nothing else: no network, no script of ours.
#[cfg(feature = "report")]
pub fn html(report: &Report, profile: &Profile) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
    use std::fmt::Write as _;
    let title = format!("{} on shard {}", report.agent, report.shard);
    let graph = match flame_graph(profile, &title) {
        Ok(svg) => format!(
            "<object type=\"image/svg+xml\" data=\"data:image/svg+xml;base64,{}\"></object>",
            BASE64.encode(svg)
        ),
        Err(error) => format!("<p>No flame graph: {}</p>", escape(&error)),
    };
    let mut rows = String::new();
    for (name, own, total) in &report.functions {
        let (own, total) = (own * 100.0, total * 100.0);
        let _ = writeln!(rows, "<tr><td>{own:.1} %<td>{total:.1} %<td><code>{}</code>", escape(name));
    }
    let mut numbers = String::new();
    for (name, value) in &report.counters {
        let _ = writeln!(numbers, "<tr><td>{value}<td>{}", escape(name));
    }
    for event in &report.events {
        let _ = writeln!(numbers, "<tr><td>{}<td>samples of {}", event.samples, escape(&event.name));
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n<style>\
         body{{font:15px sans-serif;margin:2em;max-width:1240px}}td{{padding:.1em .8em;text-align:right}}\
         td:last-child{{text-align:left}}pre{{font-size:20px;line-height:1;overflow-x:auto}}object{{width:100%}}</style>\n\
         <h1>{title}</h1>\n<p><code>{command}</code>\n\
         <p>Attested, not proved: this shows what the signer recorded, not that the output is right.\n\
         <h2>Where the time went</h2>\n{graph}\n\
         <h2>When</h2>\n<pre>{bars}</pre>\n\
         <h2>Functions</h2>\n<table><tr><th>own<th>with callees<th>function\n{rows}</table>\n\
         <h2>Counters</h2>\n<table>{numbers}</table>\n</html>\n",
        title = escape(&title),
        command = escape(&report.command.join(" ")),
        bars = report.bars(),
    )
}

/// Text that cannot become markup.
#[cfg(feature = "report")]
fn escape(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => "&amp;".into(),
            '<' => "&lt;".into(),
            '>' => "&gt;".into(),
            '"' => "&quot;".into(),
            '\'' => "&#39;".into(),
            c if c.is_control() => " ".into(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(all(test, feature = "report"))]
mod tests {
    use super::*;
    use crate::{analysis::Weight, testing::claim};

    #[test]
    fn hostile_names_stay_text() {
        let name = "<script>alert(1)</script>".to_owned();
        let profile = Profile {
            total: 10,
            samples: 1,
            functions: [(name.clone(), Weight { own: 10, total: 10 })].into(),
            stacks: [(name.clone(), 10)].into(),
            time_line: vec![0, 10],
            ..Profile::default()
        };
        let mut claim = claim();
        claim.agent.clone_from(&name);
        let page = html(&Report::new(&claim, &profile), &profile);
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(!flame_graph(&profile, &name).unwrap().contains("<script>alert"));
        assert!(page.contains("data:image/svg+xml"));
    }
}
