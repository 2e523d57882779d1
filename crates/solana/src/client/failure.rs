//! What a node says of a transaction that failed, and what it means.

use serde_json::Value;

use crate::Fault;

/// Why a transaction failed or would.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// It was carried out already.
    #[error("the transaction was carried out before")]
    AlreadyProcessed,
    /// Its blockhash is too old or not known yet. Sign it again with a fresh one.
    #[error("the transaction's blockhash has expired")]
    BlockhashNotFound,
    /// Our program refused.
    #[error("the program refuses: {0}")]
    Fault(Fault),
    /// An instruction failed otherwise: the place of the instruction in the transaction, and why.
    #[error("instruction {0} failed: {1}")]
    Instruction(u64, String),
    /// The payer cannot pay fee or rent.
    #[error("the payer has not enough to pay for fee and rent")]
    NoFunds,
    /// There is no account with the payer's address.
    #[error("the payer's account is unknown to this cluster")]
    NoPayer,
    /// There is no program at the address.
    #[error("there is no program at this address on this cluster")]
    NoProgram,
    /// Anything else, in the node's words.
    #[error("the node says: {0}")]
    Other(String),
}

impl Failure {
    /// Reads a node's `err`.
    pub fn read(err: &Value) -> Self {
        match err.as_str() {
            Some("AlreadyProcessed") => return Self::AlreadyProcessed,
            Some("BlockhashNotFound") => return Self::BlockhashNotFound,
            Some("AccountNotFound") => return Self::NoPayer,
            Some("InsufficientFundsForFee") => return Self::NoFunds,
            Some("ProgramAccountNotFound" | "InvalidProgramForExecution") => return Self::NoProgram,
            Some(other) => return Self::Other(short(other)),
            None => {}
        }
        if err.get("InsufficientFundsForRent").is_some() {
            return Self::NoFunds;
        }
        let Some([place, why]) = err.get("InstructionError").and_then(Value::as_array).map(Vec::as_slice)
        else {
            return Self::Other(short(&err.to_string()));
        };
        let place = place.as_u64().unwrap_or_default();
        match (why.get("Custom").and_then(Value::as_u64), why.as_str()) {
            // What the system program, which ours calls, says when an account cannot pay.
            (Some(1), _) | (_, Some("InsufficientFunds")) => Self::NoFunds,
            (Some(number), _) => match u32::try_from(number).ok().and_then(Fault::from_number) {
                Some(fault) => Self::Fault(fault),
                None => Self::Instruction(place, format!("error {number} of its program")),
            },
            (_, Some("UnsupportedProgramId" | "IncorrectProgramId")) => Self::NoProgram,
            (_, Some("ComputationalBudgetExceeded" | "ProgramFailedToComplete")) => Self::Instruction(
                place,
                "it needs more compute units than were asked for, or the program crashed".into(),
            ),
            _ => Self::Instruction(place, short(&why.to_string())),
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoFunds | Self::NoPayer => {
                Some("send SOL to the payer's address, or name another one with --keypair")
            }
            Self::NoProgram => {
                Some("check --program and --rpc: the program must be deployed to this cluster")
            }
            Self::Fault(Fault::BadTime) => Some("a witness is anchored soon after its run, or not at all"),
            Self::Fault(Fault::WrongKey) => {
                Some("name the shard's key with --key: the one in the roster counts")
            }
            Self::Fault(Fault::Replayed) => {
                Some("one record for each shard and epoch: see `witness anchored`")
            }
            Self::Fault(Fault::RosterIncomplete) => {
                Some("run `witness roster` again: it goes on where it stopped")
            }
            Self::Fault(Fault::BadAccount) => Some("check --roster and --program"),
            _ => None,
        }
    }
}

/// A node's words, cut off: they come from outside.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_are_read_by_name() {
        let read = |value: Value| Failure::read(&value);
        let custom = |number: u64| json!({"InstructionError": [2, {"Custom": number}]});
        assert_eq!(read(custom(6013)), Failure::Fault(Fault::Replayed));
        assert_eq!(read(custom(1)), Failure::NoFunds);
        assert_eq!(read(custom(77)), Failure::Instruction(2, "error 77 of its program".into()));
        assert_eq!(
            read(custom(u64::MAX)),
            Failure::Instruction(2, format!("error {} of its program", u64::MAX))
        );
        assert_eq!(read(json!("BlockhashNotFound")), Failure::BlockhashNotFound);
        assert_eq!(read(json!("AccountNotFound")), Failure::NoPayer);
        assert_eq!(read(json!("InsufficientFundsForFee")), Failure::NoFunds);
        assert_eq!(read(json!({"InsufficientFundsForRent": {"account_index": 0}})), Failure::NoFunds);
        assert_eq!(read(json!({"InstructionError": [1, "UnsupportedProgramId"]})), Failure::NoProgram);
        assert_eq!(read(json!("SomethingNew")), Failure::Other("SomethingNew".into()));
        for odd in
            [json!(null), json!([1]), json!({"InstructionError": []}), json!({"InstructionError": "x"})]
        {
            assert!(matches!(read(odd), Failure::Other(_)));
        }
        let long = read(json!("\u{1b}[2J".repeat(1000)));
        assert!(matches!(long, Failure::Other(text) if text.len() <= 300 && !text.contains('\u{1b}')));
    }
}
