//! Configuration and keys.

mod common;

use std::fs;

use common::Desk;
use serde_json::json;

/// The example of the source document.
const SEED: &str = "\
agent:
  zkvm:
    enabled: true
    backend: 'risc-zero' # or 'sp1'
    programRegistry:
      source: 'embedded' # or 'remote'
      allowedPrograms: []
    proving:
      gpuAcceleration: true
      maxCycles: 1000000000 # 1B cycles max
      timeout: 300000 # 5 minute proving timeout
    verification:
      cacheProofs: true
      cacheSize: 1000
    externalData:
      tlsAttestation: 'optional' # 'required', 'optional', 'none'
      trustedProviders:
        - 'api.coingecko.com'
        - 'api.binance.com'
";

#[test]
fn each_value_says_where_it_came_from() {
    let desk = Desk::new();
    desk.file("proofmark.yaml", SEED);
    let output = desk.command(["config", "show", "--json"]).env("PROOFMARK_PROVING_TIMEOUT", "9").output();
    let ran = common::Ran::from(output.expect("starts")).exits(0);
    let settings = ran.json()["settings"].as_array().expect("a list").clone();
    let setting = |key: &str| settings.iter().find(|s| s["key"] == key).cloned().expect("is listed");
    assert_eq!(setting("proving.timeout")["value"], 9);
    assert_eq!(
        setting("proving.timeout")["origin"],
        json!({"kind": "environment", "variable": "PROOFMARK_PROVING_TIMEOUT"})
    );
    assert_eq!(setting("backend")["origin"], json!({"kind": "file", "path": "proofmark.yaml", "line": 4}));
    assert_eq!(setting("inputs.maxBytes")["origin"], json!({"kind": "default"}));
    assert_eq!(
        setting("externalData.trustedProviders")["value"],
        json!(["api.coingecko.com", "api.binance.com"])
    );
}

#[test]
fn the_file_is_found_in_its_places_in_order() {
    let desk = Desk::new();
    let cycles = |ran: &common::Ran| {
        let settings = ran.json()["settings"].clone();
        let all = settings.as_array().expect("a list").clone();
        all.into_iter().find(|s| s["key"] == "proving.maxCycles").expect("is listed")["value"].clone()
    };
    let yaml = |number: u32| format!("agent: {{ zkvm: {{ proving: {{ maxCycles: {number} }} }} }}");
    assert_eq!(cycles(&desk.run("config show --json")), 1_000_000_000);
    fs::create_dir_all(desk.config()).expect("a folder");
    fs::write(desk.config().join("config.yaml"), yaml(1)).expect("writes");
    assert_eq!(cycles(&desk.run("config show --json")), 1);
    desk.file("proofmark.yaml", yaml(2));
    assert_eq!(cycles(&desk.run("config show --json")), 2);
    desk.file("mine.yaml", yaml(3));
    assert_eq!(cycles(&desk.run("config show --json --config mine.yaml")), 3);
}

#[test]
fn mistakes_name_the_place_and_what_was_meant() {
    let desk = Desk::new();
    for (yaml, says) in [
        ("agent:\n  zkvm:\n    bakend: sp1\n", &["c.yaml:3:5", "`agent.zkvm.backend`"][..]),
        ("agent:\n  zkvm:\n    timeout: 1\n", &["c.yaml:3:5", "`agent.zkvm.proving.timeout`"]),
        ("agent:\n  zkvm:\n    backend: sp2\n", &["c.yaml:3:5", "one of auto, risc0"]),
        ("agent:\n  zkvm:\n    enabled: 1\n    enabled: 2\n", &["c.yaml:", "enabled"]),
        ("agent: {", &["c.yaml:"]),
        ("[]", &["must be a mapping"]),
    ] {
        desk.file("c.yaml", yaml);
        desk.run("config show --config c.yaml").exits(2).says(says).says(&["hint:"]);
    }
    desk.run("config show --config absent.yaml").exits(2).says(&["cannot read absent.yaml"]);
    let ran = desk.run("config show --config c.yaml --json").exits(2);
    assert_eq!(ran.json()["error"]["code"], "bad-config");
}

#[test]
fn deep_and_huge_files_are_refused() {
    let desk = Desk::new();
    desk.file("deep.yaml", "[".repeat(100_000));
    desk.run("config show --config deep.yaml").exits(2);
    desk.file("long.yaml", "#".repeat(2 << 20));
    desk.run("config show --config long.yaml").exits(2).says(&["is longer than"]);
    desk.file("bomb.yaml", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                            d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e]\n");
    desk.run("config show --config bomb.yaml").exits(2);
}

#[test]
fn keys_are_made_once_and_kept_private() {
    let desk = Desk::new();
    desk.run("key show").exits(2).says(&["there is no key yet", "proofmark key new"]);
    let made = desk.run("key new --json").exits(0).json();
    let public = made["publicKey"].as_str().expect("a text").to_string();
    assert!(public.starts_with("ed25519:") && public.len() == 72, "{public}");
    assert_eq!(desk.run("key show --json").exits(0).json(), made);
    desk.run("key new").exits(2).says(&["there is a key already"]);

    let path = desk.config().join("provider.key");
    let pem = fs::read_to_string(&path).expect("reads");
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    let secret = pem.lines().nth(1).expect("a second line");
    for line in ["key show", "key show --json", "config show"] {
        let ran = desk.run(line);
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{line} prints the key");
    }
    fs::write(&path, "nonsense").expect("writes");
    desk.run("key show").exits(2).says(&["no Ed25519 key"]);
}

#[cfg(unix)]
#[test]
fn keys_that_others_can_read_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    desk.run("key new").exits(0);
    let path = desk.config().join("provider.key");
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changes the mode");
    assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
    for exposed in [0o640, 0o604, 0o666, 0o610] {
        mode(exposed);
        desk.run("key show").exits(2).says(&["others than its owner", "chmod 600"]);
    }
    mode(0o400);
    desk.run("key show").exits(0);
}
