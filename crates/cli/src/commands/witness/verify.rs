//! `proofmark witness verify`.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use proofmark_core::{Claim, Evidence, MAX_RECEIPT_BYTES, Provenance, Receipt, Tier, Verdict};
use proofmark_registry::Registry;
use proofmark_store::{Store, StoreError};
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
    ui::{Ui, clean},
};

/// Arguments of `witness verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A witness is attestation, not proof: the verdict says what it does not show.

Exit codes: 0 valid, 1 invalid (reason codes: docs/src/reason-codes.md), 2 usage or unreadable

Examples:
  proofmark witness verify witnesses/shard-0
  proofmark witness verify receipt-0.json --perf zkperf-0.data --identities identities.json --nonce 00ff
  proofmark witness verify https://example.org/receipts/shard-0.json")]
pub(crate) struct VerifyArgs {
    /// A receipt, a DSSE envelope, a shard's folder, the URL of a receipt, or its id in the store
    witness: String,
    /// The recording, or its id in the store; default: inside the receipt, beside it, or in the store
    #[arg(long, value_name = "FILE|URL|ID")]
    perf: Option<String>,
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

pub(super) fn execute(args: &VerifyArgs, config: &Config, ui: &Ui) -> Result<u8, Error> {
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
    let (bytes, perf) = locate(args, config)?;
    let bytes = unwrap_envelope(bytes);
    let verdict = judge(&bytes, perf, &policy, &expectations)?;
    let answer = Answer { witness: args.witness.clone(), verdict };
    ui.answer(&answer, |ui| render_verdict(ui, &answer.verdict));
    Ok(if answer.verdict.is_valid() { 0 } else { exit::REFUSED })
}

/// Where a recording is that is not inside its receipt.
#[derive(Debug)]
pub(super) enum Beside {
    /// It was fetched.
    Bytes(Vec<u8>),
    /// It lies here and is streamed.
    File(PathBuf),
}

/// Judges a receipt with the recording that lies beside it, if one does.
pub(super) fn judge(
    receipt: &[u8],
    perf: Option<Beside>,
    policy: &Policy,
    expectations: &Expectations,
) -> Result<Verdict, Error> {
    let registry = Registry::empty();
    let verifier = Verifier::new(&registry);
    Ok(match perf {
        Some(Beside::File(path)) => {
            let file = File::open(&path).map_err(|source| Error::Read { path, source })?;
            verifier.verify_witness(receipt, BufReader::with_capacity(1 << 18, file), policy, expectations)
        }
        Some(Beside::Bytes(bytes)) => {
            verifier.verify_witness(receipt, std::io::Cursor::new(bytes), policy, expectations)
        }
        None => verifier.verify(receipt, policy, expectations),
    })
}

/// The receipt's bytes, and where its recording is, if that is known.
fn locate(args: &VerifyArgs, config: &Config) -> Result<(Vec<u8>, Option<Beside>), Error> {
    let limit = MAX_RECEIPT_BYTES as u64 + 1;
    let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    let named = match &args.perf {
        Some(url) if is_url(url) => Some(Beside::Bytes(fetch::get(url, MAX_FETCHED_BYTES)?)),
        Some(id) if id.starts_with("bafkrei") && !Path::new(id).exists() => {
            let store = Store::open(config.store().join("receipts"));
            let file = store.and_then(|store| store.recording_by_id(id)).map_err(not_stored)?;
            let file = file.ok_or_else(|| not_stored(StoreError::NotFound(id.clone())))?;
            Some(Beside::File(file))
        }
        Some(path) => Some(Beside::File(path.into())),
        None => None,
    };
    if is_url(&args.witness) {
        return Ok((fetch::get(&args.witness, MAX_RECEIPT_BYTES)?, named));
    }
    let path = Path::new(&args.witness);
    if args.witness.starts_with("bafyrei") && !path.exists() {
        let store = Store::open(config.store().join("receipts")).map_err(not_stored)?;
        let receipt = store.get(&args.witness).map_err(not_stored)?;
        let beside = || match &receipt.claim {
            Claim::Witness(claim) => store.recording(&claim.recording.perf).map(Beside::File),
            _ => None,
        };
        let named = named.or_else(beside);
        return Ok((receipt.to_cbor(), named));
    }
    if !path.is_dir() {
        return Ok((files::read(path, limit)?, named));
    }
    let number = path.file_name().and_then(|name| name.to_str()?.strip_prefix("shard-")?.parse().ok());
    let Some(number) = number else {
        return Err(Error::usage(
            format!("{} is no folder of a shard", path.display()),
            "such a folder is called shard-N; `proofmark witness run` makes it",
        ));
    };
    let folder = ShardFolder::new(&files::parent(path), number);
    let beside = || Some(folder.perf()).filter(|perf| perf.is_file()).map(Beside::File);
    Ok((files::read(&folder.receipt(), limit)?, named.or_else(beside)))
}

fn not_stored(error: StoreError) -> Error {
    Error::Refused { code: "not-stored", message: clean(&error.to_string()).into_owned(), hint: None }
}

/// The longest recording that is fetched.
const MAX_FETCHED_BYTES: usize = 256 << 20;

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
    claim_of(files::read(path, MAX_RECEIPT_BYTES as u64)?, path)
}

/// The claim in the bytes of a receipt that was read from a file.
pub(super) fn claim_of(
    bytes: Vec<u8>,
    path: &Path,
) -> Result<(Receipt, proofmark_core::WitnessClaim), Error> {
    let refuse = |message: String| Error::File { path: path.to_path_buf(), message, hint: None };
    let bytes = unwrap_envelope(bytes);
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
