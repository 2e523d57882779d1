//! Names of functions, from the files on this machine.

use std::{collections::HashMap, path::Path};

use blazesym::symbolize::{Input, Symbolizer, source};
use proofmark_witness::analysis::Frame;

/// Names functions by files on this machine, each only if it still has the build id that was recorded.
pub struct Symbols<'a> {
    symbolizer: Symbolizer,
    build_ids: &'a std::collections::BTreeMap<String, String>,
    usable: HashMap<String, bool>,
}

impl std::fmt::Debug for Symbols<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Symbols").finish_non_exhaustive()
    }
}

impl<'a> Symbols<'a> {
    /// Names for a recording with these build ids by path.
    pub fn new(build_ids: &'a std::collections::BTreeMap<String, String>) -> Self {
        let symbolizer = Symbolizer::builder()
            // Inlined functions come from the same tables as lines, and only with them.
            .enable_code_info(true)
            .enable_inlined_fns(true)
            .enable_demangling(true)
            .build();
        Self { symbolizer, build_ids, usable: HashMap::new() }
    }

    /// The functions at a place, the innermost first; none if the file is gone, changed, or has no symbols.
    pub fn resolve(&mut self, frame: &Frame) -> Vec<String> {
        if frame.path.starts_with('[') || frame.kernel || !self.is_usable(&frame.path) {
            return Vec::new();
        }
        let source = source::Source::Elf(source::Elf::new(&frame.path));
        let Ok(found) = self.symbolizer.symbolize_single(&source, Input::FileOffset(frame.offset)) else {
            return Vec::new();
        };
        let Some(symbol) = found.as_sym() else { return Vec::new() };
        let inlined = symbol.inlined.iter().rev().map(|function| function.name.to_string());
        inlined.chain([symbol.name.to_string()]).collect()
    }

    /// Whether the file is the one that was recorded. One without a build id is taken at its name.
    fn is_usable(&mut self, path: &str) -> bool {
        if let Some(usable) = self.usable.get(path) {
            return *usable;
        }
        let recorded = self.build_ids.get(path);
        let found = blazesym::helper::read_elf_build_id(Path::new(path)).ok().flatten();
        let found: Option<String> = found.map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect());
        let usable =
            Path::new(path).is_file() && recorded.is_none_or(|recorded| Some(recorded) == found.as_ref());
        self.usable.insert(path.to_owned(), usable);
        usable
    }
}
