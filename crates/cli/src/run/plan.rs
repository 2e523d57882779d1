//! From a file to a checked plan.

use std::path::{Path, PathBuf};

use proofmark_plan::{
    check::Checked,
    diagnostic::Severity,
    source::{self, Format, MAX_SOURCE_BYTES, Report, Source},
    typed::TypedPlan,
};

use crate::{
    error::Error,
    files,
    ui::{Ui, clean},
};

/// A plan that was read and checked.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Where it stands.
    pub(crate) path: PathBuf,
    /// As it was written.
    pub(crate) source: Source,
    /// As it runs.
    pub(crate) typed: TypedPlan,
    /// What is doubtful in it.
    pub(crate) warnings: Report,
}

/// Reads and checks a plan, and shows its warnings.
pub(crate) fn load(path: &Path, ui: &Ui) -> Result<Loaded, Error> {
    let loaded = read(path)?.map_err(|report| invalid(path, &report))?;
    if !loaded.warnings.is_empty() {
        ui.note(clean(&loaded.warnings.to_string()).trim_end());
    }
    Ok(loaded)
}

/// Reads and checks a plan.
///
/// # Errors
/// Outside: the file cannot be read. Inside: everything that is wrong with the plan.
pub(crate) fn read(path: &Path) -> Result<Result<Loaded, Report>, Error> {
    let text = files::read_text(path, MAX_SOURCE_BYTES as u64)?;
    let name = path.display().to_string();
    let source = match source::read(&text, &name, Format::detect(&name, &text)) {
        Ok(source) => source,
        Err(report) => return Ok(Err(report)),
    };
    Ok(match source.check() {
        Ok((Checked { typed, .. }, warnings)) => {
            Ok(Loaded { path: path.to_path_buf(), source, typed, warnings })
        }
        Err(report) => Err(report),
    })
}

/// A plan's findings as the error of a command.
pub(crate) fn invalid(path: &Path, report: &Report) -> Error {
    Error::Plan {
        path: path.to_path_buf(),
        errors: report.entries.iter().filter(|entry| entry.severity == Severity::Error).count(),
        rendered: report.to_string(),
        diagnostics: diagnostics(report),
    }
}

/// Findings as JSON.
pub(crate) fn diagnostics(report: &Report) -> Vec<serde_json::Value> {
    let entries = report.entries.iter().map(|entry| {
        serde_json::json!({
            "severity": entry.severity.to_string(),
            "code": entry.code.name(),
            "message": entry.message,
            "hint": entry.hint,
            "path": entry.path,
            "line": entry.line,
            "column": entry.column,
        })
    });
    entries.collect()
}
