//! `proofmark witness verify`.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use proofmark_core::{Claim, Evidence, MAX_RECEIPT_BYTES, Provenance, Receipt, Tier, Verdict};
use proofmark_registry::Registry;
use proofmark_verifier::{Expectations, Policy, Verifier};
use proofmark_witness::{Identity, chain::Head, dsse::Envelope};
use serde::Serialize;

use super::{fetch, folder::ShardFolder, run::nonce};
use crate::{
    commands::verify::render_verdict,
    config::Config,
    error::{Error, exit},
    files,
    judge::read_policy,
    ui::Ui,
};

/// Arguments of `witness verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A witness is attestation, not proof: the verdict says what it does not show.

Exit codes: 0 valid, 1 invalid (reason codes: docs/src/reason-codes.md), 2 usage or unreadable

Examples:
  proofmark witness verify witnesses/shard-0
  proofmark witness verify receipt-0.json --perf zkperf-0.data --identities identities.json --nonce 00ff
  proofmark witness verify https://example.org/shard-0")]
pub(crate) struct VerifyArgs {
    /// A receipt, a DSSE envelope, a shard's folder, or the URL of one of these
    witness: String,
    /// The recording; default: inside the receipt, or beside it
    #[arg(long, value_name = "FILE")]
    perf: Option<PathBuf>,
    /// Which key speaks for which shard, JSON; `witness fleet` writes one
    #[arg(long, value_name = "FILE")]
    identities: Option<PathBuf>,
    /// The challenge that was sent
    #[arg(long, value_name = "HEX", value_parser = nonce)]
    nonce: Option<String>,
    /// The shard that should have run it
    #[arg(long, value_name = "N")]
    shard: Option<u32>,
    /// The last witness of this shard that you know, as its head.json
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// What is demanded of receipts, YAML or JSON
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The oldest witness that is accepted, in seconds
    #[arg(long, value_name = "SECONDS")]
    max_age: Option<u64>,
    /// Accept without the recording: then only the signature is worth anything
    #[arg(long)]
    without_perf: bool,
}

#[derive(Serialize)]
struct Answer {
    witness: String,
    #[serde(flatten)]
    verdict: Verdict,
}

pub(super) fn execute(args: &VerifyArgs, _: &Config, ui: &Ui) -> Result<u8, Error> {
    let mut policy = args.policy.as_deref().map(read_policy).transpose()?.unwrap_or_default();
    policy.min_tier = policy.min_tier.min(Tier::Commitment);
    if let Some(path) = &args.identities {
        policy.witness.identities = read_identities(path)?;
    }
    if let Some(seconds) = args.max_age {
        policy.witness.max_age_s = seconds;
    }
    policy.witness.require_perf &= !args.without_perf;
    let mut expectations = Expectations::default();
    let witness = &mut expectations.witness;
    witness.nonce.clone_from(&args.nonce);
    witness.shard = args.shard;
    witness.now_ns = Some(now_ns());
    if let Some(path) = &args.head {
        witness.head = Some(read_json::<Head>(path)?);
    }
    let (bytes, perf) = locate(args)?;
    let bytes = unwrap_envelope(bytes);
    let verdict = judge(&bytes, perf.as_deref(), &policy, &expectations)?;
    let answer = Answer { witness: args.witness.clone(), verdict };
    ui.answer(&answer, |ui| render_verdict(ui, &answer.verdict));
    Ok(if answer.verdict.is_valid() { 0 } else { exit::REFUSED })
}

/// Judges a receipt, streaming a recording that lies beside it.
pub(super) fn judge(
    receipt: &[u8],
    perf: Option<&Path>,
    policy: &Policy,
    expectations: &Expectations,
) -> Result<Verdict, Error> {
    let registry = Registry::empty();
    let verifier = Verifier::new(&registry);
    Ok(match perf {
        Some(path) => {
            let file = File::open(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
            verifier.verify_witness(receipt, BufReader::with_capacity(1 << 18, file), policy, expectations)
        }
        None => verifier.verify(receipt, policy, expectations),
    })
}

/// The receipt's bytes, and where its recording is, if that is known.
fn locate(args: &VerifyArgs) -> Result<(Vec<u8>, Option<PathBuf>), Error> {
    let limit = MAX_RECEIPT_BYTES as u64 + 1;
    if args.witness.starts_with("http://") || args.witness.starts_with("https://") {
        let bytes = fetch::get(&args.witness, MAX_RECEIPT_BYTES)?;
        return Ok((bytes, args.perf.clone()));
    }
    let path = Path::new(&args.witness);
    if !path.is_dir() {
        return Ok((files::read(path, limit)?, args.perf.clone()));
    }
    let number = path.file_name().and_then(|name| name.to_str()?.strip_prefix("shard-")?.parse().ok());
    let Some(number) = number else {
        return Err(Error::usage(
            format!("{} is no folder of a shard", path.display()),
            "such a folder is called shard-N; `proofmark witness run` makes it",
        ));
    };
    let folder = ShardFolder::new(&files::parent(path), number);
    let perf = args.perf.clone().unwrap_or_else(|| folder.perf());
    Ok((files::read(&folder.receipt(), limit)?, Some(perf).filter(|perf| perf.is_file())))
}

/// An envelope as the receipt that it implies; anything else as it is.
fn unwrap_envelope(bytes: Vec<u8>) -> Vec<u8> {
    let Ok((claim, evidence)) = Envelope::open(&bytes) else { return bytes };
    let receipt = Receipt {
        version: Receipt::VERSION,
        claim: claim.into(),
        evidence: Evidence::Witness(evidence),
        provenance: Provenance::default(),
    };
    receipt.to_cbor()
}

/// The claim of a receipt of a witness.
pub(super) fn read_claim(path: &Path) -> Result<(Receipt, proofmark_core::WitnessClaim), Error> {
    let refuse = |message: String| Error::File { path: path.to_path_buf(), message, hint: None };
    let bytes = unwrap_envelope(files::read(path, MAX_RECEIPT_BYTES as u64)?);
    let receipt = Receipt::decode(&bytes).map_err(|e| refuse(e.to_string()))?;
    match &receipt.claim {
        Claim::Witness(claim) => {
            let claim = claim.as_ref().clone();
            Ok((receipt, claim))
        }
        _ => Err(refuse("this is no receipt of a witness".into())),
    }
}

pub(super) fn read_identities(path: &Path) -> Result<Vec<Identity>, Error> {
    read_json(path)
}

/// Reads a small JSON file.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let bytes = files::read(path, 64 << 20)?;
    serde_json::from_slice(&bytes).map_err(|e| Error::File {
        path: path.to_path_buf(),
        message: e.to_string(),
        hint: None,
    })
}

pub(super) fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
