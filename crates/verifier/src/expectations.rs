//! What one receipt should be about.

use std::collections::BTreeMap;

use proofmark_core::{Digest, Job, SealedOpening, Tier};
use serde::{Deserialize, Serialize};

/// What the reader of one receipt knows already. Everything that is stated is compared; nothing else is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Expectations {
    /// Digest of the job that the receipt should answer.
    pub job: Option<Digest>,
    /// The plan that should have been executed.
    pub plan: Option<Digest>,
    /// The model that should have answered, for claims about one inference.
    pub model: Option<Digest>,
    /// The input that should have been answered, for claims about one inference.
    pub input: Option<Digest>,
    /// What opens a sealed claim, so that it can be compared.
    pub opening: Option<SealedOpening>,
    /// Digests of input data by the input's name, one for each hash function that claims may name it by: the claim's
    /// must be among them.
    pub data_roots: BTreeMap<String, Vec<Digest>>,
    /// The output at hand.
    pub output: Option<ExpectedOutput>,
    /// A tier that the job demands beyond the policy.
    pub min_tier: Option<Tier>,
    /// What a witness should be about, and the time now.
    pub witness: proofmark_witness::WitnessExpectations,
}

/// An output that a receipt should be about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ExpectedOutput {
    /// Its root; of an inference, SHA-256 of its bytes.
    Root(Digest),
    /// The bytes of an output document, `output.json`, whose root the verifier computes; of an inference, any bytes.
    Document(Vec<u8>),
}

impl Expectations {
    /// What a job demands: its digest, its plan if it names one, its tier.
    pub fn of(job: &Job) -> Self {
        Self { job: Some(job.digest()), plan: job.plan, min_tier: Some(job.tier), ..Self::default() }
    }

    /// Adds the bytes of the output document.
    #[must_use]
    pub fn with_output_document(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.output = Some(ExpectedOutput::Document(bytes.into()));
        self
    }

    /// Adds a digest of the data that should have been fed to an input.
    #[must_use]
    pub fn with_data_root(mut self, input: impl Into<String>, root: Digest) -> Self {
        self.data_roots.entry(input.into()).or_default().push(root);
        self
    }
}
