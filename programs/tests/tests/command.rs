//! `proofmark witness roster`, `anchor` and `anchored` against a node in front of a chain in memory.
//!
//! The command is `$PROOFMARK_COMMAND`: `cargo xtask programs --attack` builds it and says where it is. Witnesses are made
//! here and need no `perf`; voting judges one in full, with the recording of a fixture.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use proofmark_core::{Claim, PublicKey, Receipt};
use proofmark_programs_tests::{Chain, PROGRAM, address, key, node::Node, shard_key, validator_key};
use proofmark_solana::{Record, client::Address};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Desk {
    folder: TempDir,
    node: Node,
}

struct Ran {
    code: i32,
    answer: Value,
    stderr: String,
}

impl Desk {
    /// A desk with keys, identities of 2 shards, a committee of 4 with a quorum of 3, and money.
    fn new() -> Option<Self> {
        let Some(_) = std::env::var_os("PROOFMARK_COMMAND") else {
            eprintln!("skipped: PROOFMARK_COMMAND is not set; `cargo xtask programs --attack` sets it");
            return None;
        };
        let mut chain = Chain::new();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        chain.set_time(now as i64);
        let desk = Self { folder: tempfile::tempdir().unwrap(), node: Node::start(chain) };
        let pair = key(1).to_keypair_bytes();
        desk.secret("id.json", serde_json::to_string(&pair[..]).unwrap().as_bytes());
        for shard in 0..2 {
            desk.pem(&format!("shard-{shard}.key"), &shard_key(shard));
        }
        for validator in 0..4 {
            desk.pem(&format!("validator-{validator}.key"), &validator_key(validator));
        }
        let name = |key: SigningKey| PublicKey::new(key.verifying_key().to_bytes()).to_string();
        let identities: Vec<Value> =
            (0..2).map(|shard| json!({"shard": shard, "key": name(shard_key(shard))})).collect();
        desk.file("identities.json", Value::from(identities).to_string());
        let validators: Vec<String> = (0..4).map(|validator| name(validator_key(validator))).collect();
        desk.file("committee.json", json!({"validators": validators}).to_string());
        Some(desk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn secret(&self, name: &str, content: &[u8]) {
        self.file(name, content);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn pem(&self, name: &str, key: &SigningKey) {
        self.secret(name, key.to_pkcs8_pem(LineEnding::LF).unwrap().as_bytes());
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(std::env::var_os("PROOFMARK_COMMAND").unwrap());
        command.args(["--json", "witness"]).args(line.split_whitespace());
        command.env_clear().env("HOME", self.folder.path()).current_dir(self.folder.path());
        command.env("PROOFMARK_SOLANA_RPC", self.node.url());
        command.env("PROOFMARK_SOLANA_PROGRAM", PROGRAM.to_string());
        command
    }

    #[track_caller]
    fn run(&self, line: &str) -> Ran {
        ran(self.command(line))
    }

    /// Makes the roster and gives its address.
    fn roster(&self) -> String {
        let made = self.run(
            "roster --label fleet-1 --identities identities.json --committee committee.json --keypair id.json",
        );
        assert_eq!(made.code, 0, "{}", made.stderr);
        made.answer["roster"].as_str().unwrap().to_owned()
    }

    /// A receipt of a shard's witness that ended just now: the recording of the fixture, and a claim that fits it.
    fn receipt(&self, shard: u32) -> String {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/witness/tests/fixtures/receipt.json");
        let mut receipt = Receipt::decode(&fs::read(fixture).unwrap()).unwrap();
        let Claim::Witness(claim) = &mut receipt.claim else { panic!("the fixture is a witness") };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let span = claim.ended_ns - claim.started_ns;
        (claim.started_ns, claim.ended_ns) = (now - span, now);
        claim.shard = shard;
        claim.agent = format!("agent-{shard}");
        let name = format!("receipt-{shard}.json");
        self.file(&name, receipt.to_json());
        name
    }

    fn record(&self, roster: &str, epoch: u64, shard: u8) -> Vec<u8> {
        let roster: Address = roster.parse().unwrap();
        let at = proofmark_solana::client::record_address(&PROGRAM, &roster, epoch, shard);
        self.node.state.lock().unwrap().chain.svm.get_account(&at).unwrap().data
    }
}

fn ran(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    Ran {
        code: output.status.code().unwrap(),
        answer: serde_json::from_str(&stdout).unwrap_or(Value::Null),
        stderr: String::from_utf8(output.stderr).unwrap() + &stdout,
    }
}

impl Ran {
    #[track_caller]
    fn refused(&self, code: &str) {
        assert_eq!((self.code, self.answer["error"]["code"].as_str()), (1, Some(code)), "{}", self.stderr);
        assert!(!self.answer["error"]["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_witness_is_anchored_by_a_real_transaction() {
    let Some(desk) = Desk::new() else { return };
    let roster = desk.roster();
    // Made once; asked for again, it is found.
    let again = desk.run("roster --label fleet-1 --identities identities.json --committee committee.json --keypair id.json");
    assert_eq!((again.code, again.answer["transactions"].as_array().unwrap().len()), (0, 0));
    assert_eq!(again.answer["quorum"], 3, "the default of 4 validators");
    desk.run("roster --label fleet-1 --identities identities.json --committee committee.json --keypair id.json --quorum 2")
        .refused("another-roster");

    let receipt = desk.receipt(1);
    let anchor = format!("anchor {receipt} --roster {roster} --epoch 5 --key shard-1.key --keypair id.json");
    desk.run(&format!("anchored --roster {roster} --epoch 5 --shard 1")).refused("not-anchored");
    let done = desk.run(&anchor);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.answer["transaction"]["blockhashes"], 1);
    let bytes = desk.record(&roster, 5, 1);
    let kept = Record::read(&bytes).unwrap();
    let witness = kept.witness().unwrap();
    assert_eq!((witness.shard_id, witness.agent, kept.epoch()), (1, "agent-1", 5));
    // Again: nothing is sent, and it is no error.
    let again = desk.run(&anchor);
    assert_eq!((again.code, &again.answer["transaction"]), (0, &Value::Null));
    // Another witness of the same shard and epoch.
    std::thread::sleep(std::time::Duration::from_secs(1));
    desk.receipt(1);
    desk.run(&anchor).refused("replayed");

    let found = desk.run(&format!("anchored --roster {roster} --epoch 5 --shard 1"));
    assert_eq!((found.code, &found.answer["final"]), (1, &json!(false)));
    assert_eq!(found.answer["votes"], 0);
    desk.run(&format!("anchored --roster {roster} --epoch 5 --shard 1 --witness {receipt}")).refused("other-record");
}

#[test]
fn expired_blockhashes_and_busy_nodes_are_gone_through() {
    let Some(desk) = Desk::new() else { return };
    let roster = desk.roster();
    let receipt = desk.receipt(0);
    {
        let mut state = desk.node.state.lock().unwrap();
        state.asked.clear();
        state.drop = 2;
    }
    let anchor = format!("anchor {receipt} --roster {roster} --epoch 1 --key shard-0.key --keypair id.json");
    let done = desk.run(&anchor);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.answer["transaction"]["blockhashes"], 3, "two expired");
    let state = desk.node.state.lock().unwrap();
    let count = |method: &str| state.asked.iter().filter(|asked| *asked == method).count();
    assert_eq!((count("sendTransaction"), count("getLatestBlockhash")), (3, 3));
    drop(state);
    assert_eq!(Record::read(&desk.record(&roster, 1, 0)).unwrap().epoch(), 1);

    desk.node.state.lock().unwrap().refuse = 2;
    let done = desk.run(&anchor.replace("--epoch 1", "--epoch 2"));
    assert_eq!(done.code, 0, "{}", done.stderr);
    // All of them expire: it ends, and says what to do.
    desk.node.state.lock().unwrap().drop = u32::MAX;
    let ended = desk.run(&anchor.replace("--epoch 1", "--epoch 3"));
    ended.refused("blockhash-expired");
    assert!(ended.answer["error"]["hint"].as_str().unwrap().contains("again"));
}

#[test]
fn errors_are_explained() {
    let Some(desk) = Desk::new() else { return };
    let roster = desk.roster();
    let receipt = desk.receipt(0);
    let anchor = |rest: &str| format!("anchor {receipt} --roster {roster} --epoch 1 --key shard-0.key {rest}");
    // Nobody has heard of this payer; this one is too poor for the rent.
    desk.pem("stranger.key", &key(77));
    let ran = desk.run(&anchor("--keypair stranger.key"));
    ran.refused("no-payer");
    assert!(ran.answer["error"]["hint"].as_str().unwrap().contains("send SOL"));
    desk.pem("poor.key", &key(78));
    desk.node.state.lock().unwrap().chain.svm.airdrop(&address(&key(78)), 1_000_000).unwrap();
    desk.run(&anchor("--keypair poor.key")).refused("no-funds");
    // No program there.
    let nowhere = Address::new_from_array([0x99; 32]).to_string();
    let empty = desk.run(&format!(
        "roster --label x --identities identities.json --committee committee.json --keypair id.json --program {nowhere}"
    ));
    empty.refused("no-program");
    desk.run(&anchor("--keypair id.json").replace(&roster, &nowhere)).refused("no-roster");
    // Another shard's key.
    desk.run(&anchor("--keypair id.json").replace("shard-0.key", "shard-1.key")).refused("wrong-key");
    // An old witness: the chain's own clock is asked.
    desk.node.state.lock().unwrap().chain.set_time(4_000_000_000);
    let old = desk.run(&anchor("--keypair id.json"));
    old.refused("bad-time");
    // Nobody answers; no HTTP; keys that others may read.
    let ran_nowhere = ran({
        let mut command = desk.command(&anchor("--keypair id.json"));
        command.env("PROOFMARK_SOLANA_RPC", "http://127.0.0.1:9");
        command
    });
    ran_nowhere.refused("unreachable");
    let usage = desk.run(&anchor("--keypair id.json --rpc ftp://x"));
    assert_eq!((usage.code, &usage.answer["error"]["code"]), (2, &json!("usage")));
    desk.secret("odd.json", b"[1, 2, 3]");
    let odd = desk.run(&anchor("--keypair odd.json"));
    assert_eq!((odd.code, &odd.answer["error"]["code"]), (2, &json!("bad-key")));
    fs::set_permissions(desk.path("id.json"), fs::Permissions::from_mode(0o644)).unwrap();
    let open = desk.run(&anchor("--keypair id.json"));
    assert_eq!((open.code, &open.answer["error"]["code"]), (2, &json!("bad-key")));
}

#[test]
fn validators_vote_for_what_they_judged() {
    let Some(desk) = Desk::new() else { return };
    let roster = desk.roster();
    // A recording's marker covers shard and agent, so this witness is made by the recorder.
    let recorded = desk.command("run --shard 0 --agent agent-0 --key shard-0.key --out w -- sh -c exit").output();
    if !recorded.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: nothing can be recorded here");
        return;
    }
    let rest = format!("w/shard-0 --roster {roster} --epoch 1 --keypair id.json");
    desk.run(&format!("anchor {rest} --key validator-0.key --vote")).refused("not-anchored");
    let done = desk.run(&format!("anchor {rest} --key shard-0.key"));
    assert_eq!(done.code, 0, "{}", done.stderr);
    desk.run(&format!("anchor {rest} --key shard-0.key --vote")).refused("not-validator");
    for validator in 0..3 {
        let vote = format!("anchor {rest} --key validator-{validator}.key --vote");
        let voted = desk.run(&vote);
        assert_eq!(voted.code, 0, "{}", voted.stderr);
        assert_eq!(voted.answer["votes"], validator + 1);
        assert_eq!(voted.answer["final"], validator == 2);
        let again = desk.run(&vote);
        assert_eq!((again.code, &again.answer["transaction"]), (0, &Value::Null), "once is enough");
    }
    let found = desk.run(&format!("anchored --roster {roster} --epoch 1 --shard 0 --witness w/shard-0"));
    assert_eq!((found.code, &found.answer["final"]), (0, &json!(true)), "{}", found.stderr);
    assert_eq!(found.answer["validators"].as_array().unwrap().len(), 3);
    // A recording that was touched: nothing is signed.
    let perf = desk.path("w/shard-0/zkperf-0.data");
    let mut bytes = fs::read(&perf).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&perf, bytes).unwrap();
    let refused = desk.run(&format!("anchor {rest} --key validator-3.key --vote"));
    refused.refused("witness-refused");
    assert!(refused.answer["error"]["message"].as_str().unwrap().contains("perf-digest"));
    assert_eq!(Record::read(&desk.record(&roster, 1, 0)).unwrap().votes(), 3);
}
