//! Receipts about one answer, through their commands.

mod common;

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use common::Desk;

const JOB: &str = r#"{"version": 1, "title": "Why is the sky blue?", "tier": "2"}"#;
const PROVE: &str = "binding prove --job job.json --model model.bin --input prompt.txt --output answer.txt";

/// A desk with a job, a model, a prompt and an answer.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.file("job.json", JOB);
    desk.file("model.bin", vec![7; 3_000_000]);
    desk.file("prompt.txt", "Why is the sky blue?\n");
    desk.file("answer.txt", "Because of Rayleigh scattering.\n");
    desk
}

#[test]
fn a_ceremony_makes_a_key_whose_receipts_convince() {
    let desk = desk();
    desk.run("binding setup --out 0.ceremony").exits(0);
    let once = desk.run("binding contribute 0.ceremony --name Alice --out 1.ceremony --json").exits(0).json();
    assert_eq!(once["dev"], true, "one contributor could forge");
    desk.run("binding contribute 1.ceremony --name Bob --out 2.ceremony").exits(0);
    desk.run("binding contribute 1.ceremony --name Eve --out 2.ceremony")
        .exits(2)
        .says(&["never overwritten"]);
    let transcript = desk.run("binding verify-transcript 2.ceremony --json").exits(0).json();
    assert_eq!(transcript["publishedPowers"], true);
    assert_eq!(transcript["contributions"][1]["name"], "Bob");
    let made = desk.run("binding key make 2.ceremony --out keys --json").exits(0).json();
    assert_eq!((&made["dev"], &made["form"]), (&false.into(), &"open".into()));
    desk.run("binding key make 2.ceremony --out keys").exits(2).says(&["never overwritten"]);
    let id = made["id"].as_str().expect("a text").to_owned();
    let shown = desk.run("binding key show keys/open.pk --json").exits(0).json();
    assert_eq!(shown["id"], id.as_str());
    assert_eq!(shown["program"]["system"], "binding");
    desk.run("binding key show keys/open.vk").exits(0);
    desk.run("binding key show job.json").exits(2).says(&["no key file"]);

    let proved = desk.run(&format!("{PROVE} --key keys/open.pk --out out --json")).exits(0).json();
    assert_eq!((&proved["tier"], &proved["system"]), (&"2".into(), &"binding".into()));
    let verify = "binding verify out/receipt.json --job job.json --model model.bin --input prompt.txt --output answer.txt";
    let verdict = desk.run(&format!("{verify} --key keys/open.vk --json")).exits(0).json();
    let verdict = &verdict["receipts"][0]["verdict"];
    assert_eq!(verdict["verdict"], "valid");
    assert!(verdict["doesNotProve"].as_str().expect("a text").contains("That the model ran"));
    desk.run(&format!("{verify} --key {id}")).exits(0);
    assert!(desk.run(verify).exits(1).stdout.contains("unknown-key"));

    // The general command wants a policy that says so.
    let refused = desk.run("verify out/receipt.cbor").exits(1);
    assert!(refused.stdout.contains("system-not-allowed"), "{}", refused.stdout);
    desk.file("policy.yaml", format!("minTier: 2\nbinding:\n  share: 100\n  keys: ['{id}']\n"));
    desk.run("verify out/receipt.cbor --policy policy.yaml --job job.json").exits(0);
    let shown = desk.run("inspect out/receipt.cbor").exits(0);
    assert!(shown.stdout.contains(&id) && shown.stdout.contains("That the model ran"), "{}", shown.stdout);

    for (changed, reason) in [
        ("--job job.json", "wrong-job"),
        ("--model model.bin", "wrong-model"),
        ("--input prompt.txt", "wrong-data-root"),
        ("--output answer.txt", "output-mismatch"),
    ] {
        let (option, _) = changed.split_once(' ').expect("an option");
        let line = verify.replace(changed, &format!("{option} sha256:{}", "0".repeat(64)));
        let refused = desk.run(&format!("{line} --key {id}")).exits(1);
        assert!(refused.stdout.contains(reason), "{}", refused.stdout);
    }
    let text = fs::read_to_string(desk.path("out/receipt.json")).expect("reads");
    let proof = text.find("\"proof\": \"").expect("there") + 20;
    let mut forged = text.into_bytes();
    forged[proof] = if forged[proof] == b'A' { b'B' } else { b'A' };
    desk.file("forged.json", forged);
    assert!(desk.run(&format!("binding verify forged.json --key {id}")).exits(1).stdout.contains("bad-seal"));
    // Many at once: each has its own verdict.
    let many =
        desk.run(&format!("binding verify out/receipt.json forged.json out/receipt.cbor --key {id} --json"));
    let many = many.exits(1).json();
    let verdicts: Vec<_> = (0..3)
        .map(|at| many["receipts"][at]["verdict"]["verdict"].as_str().expect("a text").to_owned())
        .collect();
    assert_eq!(verdicts, ["valid", "invalid", "valid"]);
}

#[test]
fn a_sealed_receipt_hides_and_its_opening_shows() {
    let desk = desk();
    desk.run("binding setup --dev --form sealed --out keys").exits(0).says(&["development key"]);
    let proved = desk.run(&format!("{PROVE} --sealed --key keys/sealed.pk --out out --json")).exits(0).json();
    let model = proved["facts"]["model"].as_str().expect("a text");
    assert!(!fs::read_to_string(desk.path("out/receipt.json")).expect("reads").contains(model));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(desk.path("out/opening.json")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it opens the claim");
    }
    let verify = "binding verify out/receipt.json --key keys/sealed.vk --job job.json";
    assert!(desk.run(verify).exits(1).stdout.contains("dev-receipt"), "a development key");
    desk.run(&format!("{verify} --allow-dev")).exits(0);
    let compare = format!("{verify} --allow-dev --output answer.txt");
    assert!(desk.run(&compare).exits(1).stdout.contains("sealed"));
    desk.run(&format!("{compare} --opening out/opening.json")).exits(0);
    desk.run(&format!("{PROVE} --key keys/sealed.pk --out other")).exits(2).says(&["other form"]);
    assert!(!desk.path("other").exists());
}

#[test]
fn without_a_key_there_is_no_receipt_unless_the_policy_takes_a_signature() {
    let desk = desk();
    desk.run(&format!("{PROVE} --out out")).exits(2).says(&["there is no key here"]);
    let command = |policy: &str, variables: &[(&str, &str)]| {
        let mut line = format!("{PROVE} --out out --json");
        if !policy.is_empty() {
            desk.file("policy.yaml", policy);
            line.push_str(" --policy policy.yaml");
        }
        let mut command = desk.command(line.split_whitespace());
        command.envs(variables.iter().copied());
        common::Ran::from(command.output().expect("starts"))
    };
    let off = command("", &[("ENABLE_REAL_EZKL", "false")]).exits(2).json();
    assert!(off["error"]["hint"].as_str().expect("a text").contains("no mock"), "{off}");
    let missing = command("", &[("EZKL_PROVING_KEY_PATH", "nowhere/pk.key")]).exits(2).json();
    assert_eq!(missing["error"]["code"], "bad-key");
    // Tier 2, or a share that has this job: no.
    command("minTier: 2\nbinding: {}\n", &[]).exits(2);
    command("minTier: 1\nbinding: { share: 100 }\n", &[]).exits(2);
    assert!(!desk.path("out").exists(), "nothing was written");

    let signed = command("minTier: 1\nbinding: { share: 0 }\n", &[]).exits(0).json();
    assert_eq!((&signed["tier"], &signed["system"]), (&"1".into(), &"commitment".into()));
    assert!(signed["degraded"].as_str().expect("a text").contains("no key here"));
    let receipt = fs::read_to_string(desk.path("out/receipt.json")).expect("reads");
    assert!(receipt.contains("signed instead of proved"), "the receipt says so");
    desk.run("binding verify out/receipt.json --policy policy.yaml").exits(0);
    assert!(desk.run("binding verify out/receipt.json").exits(1).stdout.contains("tier-too-low"));
    desk.file("policy.yaml", "minTier: 1\nbinding: { share: 100 }\n");
    let refused = desk.run("binding verify out/receipt.json --policy policy.yaml").exits(1);
    assert!(refused.stdout.contains("binding-required"), "{}", refused.stdout);
}

#[test]
fn keys_are_installed_in_one_step_and_bad_ones_never() {
    let desk = desk();
    for folder in ["old", "new"] {
        desk.run(&format!("binding setup --dev --out {folder}")).exits(0);
    }
    desk.run("binding key install new/open.pk --to old/open.pk").exits(0);
    let id = |path: &str| desk.run(&format!("binding key show {path} --json")).exits(0).json()["id"].clone();
    assert_eq!(id("old/open.pk"), id("new/open.pk"));
    assert_eq!(id("old/open.vk"), id("new/open.pk"));
    let mut bytes = fs::read(desk.path("new/open.pk")).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    desk.file("bad.pk", &bytes);
    desk.run("binding key install bad.pk --to old/open.pk").exits(2).says(&["checksum"]);
    assert_eq!(id("old/open.pk"), id("new/open.pk"), "the old one stays");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(desk.path("old/open.pk"), fs::Permissions::from_mode(0o666)).expect("permits");
        desk.run(&format!("{PROVE} --key old/open.pk --out out")).exits(2).says(&["others", "chmod go-w"]);
    }
}

#[test]
fn hashes_are_those_of_sha256sum() {
    let desk = desk();
    let hash = desk.run("binding hash answer.txt --json").exits(0).json();
    let known = Command::new("sha256sum").arg(desk.path("answer.txt")).output();
    if let Ok(known) = known {
        let known = String::from_utf8(known.stdout).expect("UTF-8");
        assert_eq!(hash["digest"], format!("sha256:{}", &known[..64]));
    }
    desk.file("weights/model-00001.safetensors", "one");
    desk.file("weights/model-00002.safetensors", "two");
    let folder = desk.run("binding hash weights --manifest weights.manifest --json").exits(0).json();
    assert_eq!((&folder["files"], &folder["bytes"]), (&2.into(), &6.into()));
    let again = desk.run("binding hash weights.manifest --json").exits(0).json();
    assert_eq!(folder["digest"], again["digest"], "a folder has its manifest's hash");
    desk.run("binding hash nowhere").exits(2);
    desk.run("binding hash answer.txt --manifest x").exits(2).says(&["no manifest"]);
}

#[cfg(unix)]
#[test]
fn hashing_stops_when_it_is_told_to() {
    let desk = desk();
    // A sparse file: hours of zeros for no space on the disk.
    fs::File::create(desk.path("huge.bin")).and_then(|file| file.set_len(1 << 42)).expect("a sparse file");
    let line = PROVE.replace("model.bin", "huge.bin");
    let mut child = desk
        .command(line.split_whitespace().chain(["--out", "out"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    std::thread::sleep(Duration::from_millis(700));
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill exists");
    assert!(told.success());
    let start = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().expect("waits") {
            break status.code();
        }
        assert!(start.elapsed() < Duration::from_secs(30), "it goes on");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(code, Some(130));
    assert!(!desk.path("out").exists(), "nothing is left behind");
}

#[test]
fn a_bench_gives_figures() {
    let desk = desk();
    desk.run("binding setup --dev --out keys").exits(0);
    let figures = desk.run("binding bench --key keys/open.pk --seconds 1 --json").exits(0).json();
    for figure in ["loadUs", "firstProofUs", "proofsPerSecond", "cacheHitsPerSecond"] {
        assert!(figures[figure].as_u64().is_some_and(|value| value > 0), "{figure}: {figures}");
    }
    assert!(figures["prove"]["p99Us"].as_u64() >= figures["prove"]["p50Us"].as_u64());
    desk.run("binding bench --key keys/open.pk --form sealed").exits(2);
}
