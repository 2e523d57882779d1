//! From RISC Zero's receipt to our evidence.

use std::collections::BTreeMap;

use proofmark_core::{Bytes, Digest, Evidence, Risc0Evidence};
use proofmark_prover::ProveError;
use proofmark_verifier::systems::risc0::Seal;
use risc0_zkvm::InnerReceipt;

use crate::program::program;

/// Reads, checks and repacks a receipt with the code that a buyer runs. `journal` is what it must have proved. The journal
/// itself is dropped: a verifier rebuilds it from the claim.
pub(crate) fn from_receipt(
    bytes: &[u8],
    journal: &[u8],
) -> Result<(Evidence, BTreeMap<String, String>), ProveError> {
    let (seal, proved) = Seal::split(bytes).map_err(|e| bad(format!("a receipt that is refused: {e}")))?;
    if proved != journal {
        return Err(bad("a receipt with another journal than the execution had".to_owned()));
    }
    let program = program();
    seal.check_journal(&program.id, journal)
        .map_err(|e| bad(format!("a receipt that does not verify: {e}")))?;
    let security = seal.security();
    let seal = seal.to_bytes();
    let parameters = parameters(&seal)?;
    let [major, minor, patch] = program.version;
    let evidence = Evidence::Risc0(Risc0Evidence {
        program: program.id,
        program_version: format!("{major}.{minor}.{patch}"),
        seal: Bytes(seal),
        security,
    });
    Ok((evidence, parameters))
}

/// What the receipt says of the proof system's parameters.
fn parameters(seal: &[u8]) -> Result<BTreeMap<String, String>, ProveError> {
    let inner: InnerReceipt =
        bincode::deserialize(seal).map_err(|e| bad(format!("a receipt that cannot be read again: {e}")))?;
    let mut parameters = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        parameters.insert(name.to_owned(), value);
    };
    set("verifierParameters", Digest::sha256(inner.verifier_parameters().into()).to_string());
    match &inner {
        InnerReceipt::Composite(receipt) => {
            set("receiptKind", "composite".to_owned());
            if let Some(segment) = receipt.segments.first() {
                set("hashfn", segment.hashfn.clone());
            }
        }
        InnerReceipt::Succinct(receipt) => {
            set("receiptKind", "succinct".to_owned());
            set("hashfn", receipt.hashfn.clone());
        }
        _ => set("receiptKind", "unknown".to_owned()),
    }
    Ok(parameters)
}

fn bad(detail: String) -> ProveError {
    ProveError::BadOutput { detail: format!("the server made {detail}") }
}
