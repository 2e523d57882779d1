//! A Solana cluster as `witness anchor`, `anchored` and `roster` see it.

use std::{path::PathBuf, thread, time::Duration};

use ed25519_dalek::SigningKey;
use proofmark_solana::{
    Record,
    client::{
        Address, ChainInstruction, Commitment, Failure, Http, Patience, Rpc, RpcError, Sent, SubmitError,
        submit,
    },
};

use super::anchor::owned;
use crate::{config::Config, error::Error, keys, ui::clean};

/// Where the cluster is and who pays.
#[derive(Debug, clap::Args)]
pub(crate) struct NodeArgs {
    /// A node's JSON-RPC address
    #[arg(long, value_name = "URL", env = "PROOFMARK_SOLANA_RPC")]
    rpc: String,
    /// The address of the witness-anchor program on this cluster
    #[arg(long, value_name = "ADDRESS", env = "PROOFMARK_SOLANA_PROGRAM")]
    pub(super) program: Address,
    /// Who pays: a Solana keypair file, or a key of ours; default: the provider's
    #[arg(long, value_name = "FILE")]
    keypair: Option<PathBuf>,
    /// Wait until it will not be undone, about 13 seconds more
    #[arg(long)]
    finalized: bool,
    /// The most compute units that a transaction may use
    #[arg(long, value_name = "N", default_value_t = 40_000, hide = true)]
    units: u32,
    /// What is paid for each compute unit to be carried out first, in millionths of a lamport
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) price: u64,
}

impl NodeArgs {
    /// The key of who pays.
    pub(super) fn payer(&self, config: &Config) -> Result<SigningKey, Error> {
        keys::load_any(&self.keypair.clone().unwrap_or_else(|| config.provider_key()))
    }

    /// The most compute units of a transaction.
    pub(super) const fn units(&self) -> u32 {
        self.units
    }
}

/// A cluster, through one of its nodes.
pub(super) struct Cluster {
    rpc: Rpc<Http>,
    program: Address,
}

/// The longest time of one request.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Cluster {
    pub(super) fn new(args: &NodeArgs) -> Result<Self, Error> {
        let http = Http::new(&args.rpc, TIMEOUT)
            .map_err(|e| Error::usage(e, "for example https://api.devnet.solana.com"))?;
        let commitment = if args.finalized { Commitment::Finalized } else { Commitment::Confirmed };
        Ok(Self { rpc: Rpc::new(http, commitment), program: args.program })
    }

    /// The account of a roster.
    pub(super) fn roster(&self, at: &Address) -> Result<Vec<u8>, Error> {
        self.account(at)?.ok_or_else(|| Error::Refused {
            code: "no-roster",
            message: format!("there is no roster at {at}"),
            hint: Some("`witness roster` makes one and prints its address".into()),
        })
    }

    /// The account of a record, if there is one.
    pub(super) fn record(&self, at: &Address) -> Result<Option<Vec<u8>>, Error> {
        self.account(at)
    }

    /// Whether a record with this digest is kept.
    pub(super) fn keeps(&self, at: &Address, digest: &[u8; 32]) -> Result<bool, Error> {
        let kept = self.record(at)?;
        Ok(kept.is_some_and(|bytes| Record::read(&bytes).is_ok_and(|record| record.digest() == *digest)))
    }

    /// The bytes of an account of the program, if there is one.
    pub(super) fn account(&self, at: &Address) -> Result<Option<Vec<u8>>, Error> {
        let account = self.rpc.account(at).map_err(|error| explain(&SubmitError::Rpc(error)))?;
        owned(account, &self.program)
    }

    /// Sends and waits.
    pub(super) fn submit(
        &self,
        instructions: &[ChainInstruction],
        keys: &[&SigningKey],
    ) -> Result<Sent, SubmitError> {
        submit(&self.rpc, instructions, keys, &Patience::default(), &mut thread::sleep)
    }
}

/// An error of the chain or of its node, with what to do about it.
pub(super) fn explain(error: &SubmitError) -> Error {
    let code = match error {
        SubmitError::Expired(_) => "blockhash-expired",
        SubmitError::Unknown(_) => "outcome-unknown",
        SubmitError::Rpc(RpcError::Transaction(failure)) => match failure {
            Failure::Fault(fault) => fault.code(),
            Failure::NoFunds => "no-funds",
            Failure::NoPayer => "no-payer",
            Failure::NoProgram => "no-program",
            _ => "transaction-failed",
        },
        SubmitError::Rpc(RpcError::Malformed { .. } | RpcError::Refused { .. }) => "node-refused",
        SubmitError::Rpc(_) => "unreachable",
        _ => "bad-transaction",
    };
    let hint = match error {
        SubmitError::Unknown(_) => Some("run it again: what was done is found and not done twice"),
        _ => error.failure().and_then(Failure::hint).or(error.is_retryable().then_some("try again later")),
    };
    Error::Refused { code, message: clean(&error.to_string()).into_owned(), hint: hint.map(str::to_owned) }
}
