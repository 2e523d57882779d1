//! The verifier with this machine's registry and configuration.

use std::{cell::RefCell, path::Path};

use proofmark_core::{Digest, Evidence, Reason, Receipt, Tier, Verdict};
use proofmark_registry::Registry;
use proofmark_store::Store;
use proofmark_verifier::{BatchItem, Expectations, Policy, ResultCache, Verifier};

use crate::{
    config::{self, Config},
    error::Error,
    files, registry_file,
    ui::Ui,
};

/// Judges receipts as a buyer does.
#[derive(Debug)]
pub(crate) struct Judge {
    registry: Registry,
    cache: RefCell<ResultCache>,
    allowed: Vec<Digest>,
    store: std::path::PathBuf,
}

impl Judge {
    /// Reads the registry in force.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            registry: registry_file::load(config)?,
            cache: RefCell::new(ResultCache::new(config.cache_size())),
            allowed: config.allowed_programs(),
            store: config.store(),
        })
    }

    /// The verdict on a receipt in either form.
    pub(crate) fn judge(&self, bytes: &[u8], policy: &Policy, expectations: &Expectations) -> Verdict {
        let cache = &mut self.cache.borrow_mut();
        let verdict = Verifier::new(&self.registry).verify_cached(cache, bytes, policy, expectations);
        self.restrict(bytes, verdict)
    }

    /// The verdicts on many receipts; binding proofs are checked together.
    pub(crate) fn judge_batch(
        &self,
        receipts: &[Vec<u8>],
        policy: &Policy,
        expectations: &Expectations,
    ) -> Vec<Verdict> {
        let items = receipts.iter().map(|bytes| BatchItem { name: "", bytes, expectations });
        let verdicts = Verifier::new(&self.registry).verify_batch(items, policy);
        receipts.iter().zip(verdicts).map(|(bytes, (_, verdict))| self.restrict(bytes, verdict)).collect()
    }

    /// The verdict with this machine's own list of programs, if its configuration has one.
    fn restrict(&self, bytes: &[u8], verdict: Verdict) -> Verdict {
        if !verdict.is_valid() || self.allowed.is_empty() {
            return verdict;
        }
        match Receipt::decode(bytes).map(|receipt| receipt.evidence) {
            Ok(Evidence::Risc0(evidence)) if !self.allowed.contains(&evidence.program) => Verdict::invalid(
                Reason::UnknownProgram,
                format!(
                    "program {} is not among agent.zkvm.programRegistry.allowedPrograms of this machine",
                    evidence.program
                ),
            ),
            _ => verdict,
        }
    }

    /// The verdict on a receipt that was just made, on its own words: as its buyer would see it.
    pub(crate) fn after_run(&self, receipt: &[u8], tier: Tier, expectations: &Expectations) -> Verdict {
        let policy = Policy { min_tier: tier, ..Policy::default() };
        self.judge(receipt, &policy, expectations)
    }

    /// Keeps a receipt. The run is done without it, so trouble is only told.
    pub(crate) fn keep(&self, receipt: &Receipt, ui: &Ui) {
        if let Err(error) = Store::open(self.store.join("receipts")).and_then(|store| store.put(receipt)) {
            ui.warn(&format!("the receipt was not kept in the store: {error}"));
        }
    }
}

/// Reads a policy, YAML or JSON.
pub(crate) fn read_policy(path: &Path) -> Result<Policy, Error> {
    let text = files::read_text(path, Policy::MAX_BYTES as u64)?;
    serde_saphyr::from_str(&text).map_err(|error| {
        Error::File {
            path: path.to_path_buf(),
            // The text begins with the place.
            message: format!("not a policy: {}", config::first_line(&error.to_string())),
            hint: Some(
                "a policy is YAML or JSON such as `minTier: 2`; docs/src/command-line.md lists its keys"
                    .to_string(),
            ),
        }
    })
}
