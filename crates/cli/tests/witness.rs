//! Witnesses from recording to certificate, with the real `perf`.
//!
//! On a machine without `perf`, or whose kernel does not let this user record, these tests say so and pass;
//! `PROOFMARK_REQUIRE_PERF=1` makes that a failure.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use common::{Desk, Ran};
use serde_json::Value;

#[test]
fn the_seeds_own_shell_verifies_our_files() {
    let Some(desk) = desk() else { return };
    for tool in ["jq", "curl", "sha256sum"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return missing(&format!("`{tool}` is not installed"));
        }
    }
    let ran = desk.run("witness run --shard 0 --agent CICADA-Harbot-0 --out w -- sh work.sh");
    assert_eq!(ran.code, 0, "{ran:?}");
    let folder = desk.path("w/shard-0").display().to_string();
    // Line for line what the seed says, but for the two addresses.
    let script = format!(
        r#"
# Download witness
curl -s file://{folder}/zkwitness-0.json > witness.json

# Extract hash
CLAIMED_HASH=$(jq -r '.perf_hash' witness.json)

# Download perf data
curl -s file://{folder}/zkperf-0.data > perf.data

# Verify hash
ACTUAL_HASH=$(sha256sum perf.data | cut -d' ' -f1)

if [ "$CLAIMED_HASH" = "$ACTUAL_HASH" ]; then
  echo "✓ Witness verified"
else
  echo "✗ Witness invalid"
fi
"#
    );
    let shell = |script: &str| {
        let output = Command::new("sh").args(["-c", script]).current_dir(desk.path("")).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(shell(&script), "✓ Witness verified\n");
    // `proof` is really computed: a shell gets the same.
    let proof = shell(
        "jq -j '.shard_id, .timestamp, .perf_hash' witness.json | sha256sum | cut -d' ' -f1; jq -r .proof witness.json",
    );
    let (ours, theirs) = proof.trim().split_once('\n').unwrap();
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 64);
    // And it can say no.
    let perf = desk.path("w/shard-0/zkperf-0.data");
    let mut bytes = fs::read(&perf).unwrap();
    bytes[5000] ^= 1;
    fs::write(&perf, bytes).unwrap();
    assert_eq!(shell(&script), "✗ Witness invalid\n");
    let verdict = desk.run("--json witness verify w/shard-0");
    assert_eq!((verdict.code, reason(&verdict).as_str()), (1, "perf-digest"));
}

#[test]
fn a_command_is_left_as_it_is() {
    let Some(desk) = desk() else { return };
    let ran =
        desk.run_args(["witness", "run", "--out", "w", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (7, "out\n"));
    assert!(ran.stderr.starts_with("err\n"), "{}", ran.stderr);
    let ran = desk.run_args(["witness", "run", "--out", "w", "--", "sh", "-c", "kill -KILL $$"]);
    assert_eq!(ran.code, 128 + 9);
    assert_eq!(desk.run("witness run --out w -- no-such-command").code, 127);
    assert_eq!(desk.run("witness run --out w -- /etc/passwd").code, 126);
    // Very short, and silent.
    assert_eq!(desk.run("witness run --out w -- true").code, 0);
    assert_eq!(desk.run("witness verify w/shard-0").code, 0);
    // A script is recorded with its interpreter.
    let script = desk.file("script", "#!/bin/sh\nexit 0\n");
    Command::new("chmod").arg("+x").arg(&script).status().unwrap();
    assert_eq!(desk.run("witness run --out w -- ./script").code, 0);
    assert_eq!(desk.run("witness verify w/shard-0").code, 0);
    let receipt: Value =
        serde_json::from_slice(&fs::read(desk.path("w/shard-0/receipt-0.json")).unwrap()).unwrap();
    assert!(receipt["claim"]["witness"]["command"]["interpreter"]["path"].as_str().unwrap().contains("sh"));
    // Much output passes through, whatever reads it.
    let much = ["witness", "run", "--out", "w", "--", "head", "-c", "200000000", "/dev/zero"];
    let mut child = desk.command(much).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let bytes = std::io::copy(&mut child.stdout.take().unwrap(), &mut std::io::sink()).unwrap();
    assert_eq!((bytes, child.wait().unwrap().code()), (200_000_000, Some(0)));
}

#[test]
fn signals_reach_the_command() {
    let Some(desk) = desk() else { return };
    let script = "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.02; done";
    let mut child = desk
        .command(["witness", "run", "--out", "w", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "got");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(desk.run("witness verify w/shard-0").code, 0);
}

#[test]
fn processes_that_stay_are_told() {
    let Some(desk) = desk() else { return };
    let script = "(sleep 3 >/dev/null 2>&1 &) ; exit 0";
    let ran = desk.run_args(["witness", "run", "--out", "w", "--", "sh", "-c", script]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("1 of its processes still run"), "{}", ran.stderr);
    assert_eq!(desk.run("witness verify w/shard-0").code, 0);
    // One that forks and waits is recorded whole.
    let script = "sh work.sh & sh work.sh & wait";
    assert_eq!(desk.run_args(["witness", "run", "--out", "w", "--", "sh", "-c", script]).code, 0);
    assert_eq!(desk.run("witness verify w/shard-0").code, 0);
}

#[test]
fn without_perf_nothing_runs_unless_asked() {
    let desk = Desk::new();
    let run = |best_effort: bool| {
        let mut words = vec!["witness", "run", "--out", "w"];
        words.extend(best_effort.then_some("--best-effort"));
        words.extend(["--", "sh", "-c", "echo ran; exit 4"]);
        Ran::from(desk.command(words).env("PROOFMARK_PERF", "/no/such/perf").output().unwrap())
    };
    let refused = run(false);
    assert_eq!((refused.code, refused.stdout.as_str()), (125, ""));
    assert!(refused.stderr.contains("apt-get install linux-perf"), "{}", refused.stderr);
    let ran = run(true);
    assert_eq!((ran.code, ran.stdout.as_str()), (4, "ran\n"));
    assert!(ran.stderr.contains("without a witness"));
    // One that fails on the way in: the command is not started either.
    let broken =
        desk.file("perf", "#!/bin/sh\necho 'Permission error - perf_event_paranoid' >&2\nexit 255\n");
    Command::new("chmod").arg("+x").arg(&broken).status().unwrap();
    let command = ["witness", "run", "--out", "w", "--", "sh", "-c", "echo ran"];
    let refused = Ran::from(desk.command(command).env("PROOFMARK_PERF", &broken).output().unwrap());
    assert_eq!((refused.code, refused.stdout.as_str()), (125, ""));
    assert!(refused.stderr.contains("sysctl kernel.perf_event_paranoid"), "{}", refused.stderr);
}

#[test]
fn a_perf_that_dies_does_not_take_the_command_with_it() {
    let Some(desk) = desk() else { return };
    let told = desk.file("perf", "#!/bin/sh\necho $$ > perf.pid\nexec perf \"$@\"\n");
    Command::new("chmod").arg("+x").arg(&told).status().unwrap();
    let run = |script: &str| {
        let words = ["witness", "run", "--out", "w", "--", "sh", "-c", script];
        Ran::from(desk.command(words).env("PROOFMARK_PERF", &told).output().unwrap())
    };
    let ran = run("kill -9 $(cat perf.pid); sleep 0.2; echo to the end");
    assert_eq!((ran.code, ran.stdout.as_str()), (125, "to the end\n"), "{ran:?}");
    assert!(ran.stderr.contains("perf failed"), "{}", ran.stderr);
    assert_eq!(
        run("kill -9 $(cat perf.pid); exit 9").code,
        9,
        "the command's own failure is the better answer"
    );
    assert!(!desk.path("w/shard-0/receipt-0.json").exists(), "no witness of half a run");
}

#[test]
fn what_was_asked_for_is_written_down() {
    let Some(desk) = desk() else { return };
    desk.file("tree/a", "1");
    let line = "witness run --out w --shard 3 --agent a --nonce 0a0b --events software --env SHOWN --tree tree -- sh work.sh";
    let mut command = desk.command(line.split_whitespace());
    command.env("SHOWN", "yes").env("HIDDEN", "no");
    assert_eq!(Ran::from(command.output().unwrap()).code, 0);
    let claim = |name: &str| {
        let receipt = fs::read(desk.path(&format!("w/shard-3/{name}"))).unwrap();
        serde_json::from_slice::<Value>(&receipt).unwrap()["claim"]["witness"].clone()
    };
    let first = claim("receipt-3.json");
    let command = &first["command"];
    assert_eq!(command["environment"], serde_json::json!({"SHOWN": "yes"}));
    assert_eq!(command["arguments"], serde_json::json!(["sh", "work.sh"]));
    assert!(command["tree"].as_str().unwrap().starts_with("sha256:"));
    assert!(command["program"]["buildId"].as_str().unwrap().len() >= 16, "{command}");
    let events = first["recording"]["events"].as_array().unwrap();
    assert!(events.iter().all(|event| event["source"] == "software"), "{events:?}");
    for name in ["page-faults", "context-switches"] {
        assert!(events.iter().any(|event| event["name"].as_str().unwrap().starts_with(name)), "{name}");
    }
    assert!(
        first["usage"]["userUs"].as_u64().unwrap() > 0
            && first["usage"]["maxResidentBytes"].as_u64().unwrap() > 0
    );
    for text in [&first["machine"]["kernel"], &first["machine"]["cpu"], &first["recording"]["tool"]] {
        assert!(!text.as_str().unwrap().is_empty());
    }
    let small = first["recording"]["perfBytes"].as_u64().unwrap();
    assert!((10_000..80_000).contains(&small), "a short run's recording has {small} bytes");
    // Other files, another digest; other events, in perf's notation.
    desk.file("tree/a", "2");
    let named = "witness run --out w --shard 3 --events minor-faults --tree tree -- sh work.sh";
    assert_eq!(desk.run(named).code, 0);
    let second = claim("receipt-3.json");
    assert_ne!(second["command"]["tree"], command["tree"]);
    let names: Vec<_> =
        second["recording"]["events"].as_array().unwrap().iter().map(|e| e["name"].clone()).collect();
    assert!(names.iter().any(|name| name.as_str().unwrap().starts_with("minor-faults")), "{names:?}");
    assert_eq!(desk.run("witness verify w/shard-3").code, 0);
}

#[test]
fn a_long_recording_lies_beside_its_receipt_and_in_the_store() {
    let Some(desk) = desk() else { return };
    // A sample at every page that a process touches first: some hundred each.
    let script = "i=0; while [ $i -lt 150 ]; do /bin/ls / >/dev/null; i=$((i + 1)); done";
    let events = "page-faults/period=1/";
    let run = ["witness", "run", "--events", events, "--out", "w", "--", "sh", "-c", script];
    assert_eq!(desk.run_args(run).code, 0);
    let receipt = fs::read(desk.path("w/shard-0/receipt-0.json")).unwrap();
    let receipt: Value = serde_json::from_slice(&receipt).unwrap();
    assert!(receipt["claim"]["witness"]["recording"]["perfBytes"].as_u64().unwrap() > 1 << 20);
    assert!(receipt["evidence"]["witness"].get("perf").is_none(), "not inside");
    assert_eq!(desk.run("witness verify w/shard-0").code, 0);
    // By content: the receipt's id finds the recording too, and the recording has an id of its own.
    let shown = desk.run("--json inspect w/shard-0/receipt-0.json").json();
    let id = shown["cid"].as_str().unwrap().to_owned();
    fs::copy(desk.path("w/shard-0/receipt-0.json"), desk.path("receipt.json")).unwrap();
    let alone = desk.run("--json witness verify receipt.json");
    assert_eq!((alone.code, reason(&alone).as_str()), (1, "perf-missing"));
    fs::remove_dir_all(desk.path("w")).unwrap();
    assert_eq!(desk.run(&format!("witness verify {id}")).code, 0);
    let recordings = desk.path("../data/proofmark/receipts/recordings");
    let stored = recordings.read_dir().unwrap().next().unwrap().unwrap().path();
    let file = stored.read_dir().unwrap().next().unwrap().unwrap();
    let name = file.file_name().into_string().unwrap();
    assert!(name.starts_with("bafkrei") && name.len() == 59, "{name}");
    assert_eq!(desk.run(&format!("witness verify receipt.json --perf {name}")).code, 0);
    let other = format!("bafkrei{}", "a".repeat(52));
    assert_eq!(desk.run(&format!("witness verify receipt.json --perf {other}")).code, 1);
    // Its bytes are judged wherever they come from.
    let mut bytes = fs::read(file.path()).unwrap();
    bytes[70_000] ^= 1;
    fs::write(file.path(), bytes).unwrap();
    let changed = desk.run(&format!("--json witness verify {id}"));
    assert_eq!((changed.code, reason(&changed).as_str()), (1, "perf-digest"));
}

#[test]
fn a_validator_that_remembers_heads_sees_gaps_and_forks() {
    let Some(desk) = desk() else { return };
    let made: Value = serde_json::from_str(&desk.run("--json key new --path validator.key").stdout).unwrap();
    desk.file("committee.json", serde_json::json!({"validators": [made["publicKey"]]}).to_string());
    let fleet = |nonce: &str| {
        let ran = desk.run(&format!("witness fleet --shards 2 --nonce {nonce} --out w -- true"));
        assert_eq!(ran.code, 0, "{ran:?}");
    };
    let vote = |epoch: u64, nonce: &str| {
        desk.run(&format!(
            "witness vote w --epoch {epoch} --committee committee.json --identities w/identities.json --nonce {nonce} \
             --key validator.key --heads heads.json --vote vote.json"
        ))
    };
    fleet("01");
    assert_eq!(vote(1, "01").code, 0);
    let first = desk.path("first");
    Command::new("cp").arg("-r").arg(desk.path("w")).arg(&first).status().unwrap();
    fleet("02");
    assert_eq!(vote(2, "02").code, 0);
    // Two more, of which this validator sees the second only.
    fleet("03");
    fleet("04");
    let gap = vote(4, "04");
    assert!(gap.code == 1 && gap.stderr.contains("chain-gap"), "{gap:?}");
    // The shards begin again from an old state: another second witness.
    fs::remove_dir_all(desk.path("w")).unwrap();
    fs::rename(&first, desk.path("w")).unwrap();
    fleet("05");
    let fork = vote(5, "05");
    assert!(fork.code == 1 && fork.stderr.contains("chain-fork"), "{fork:?}");
}

#[test]
fn a_shards_chain_has_no_holes() {
    let Some(desk) = desk() else { return };
    for _ in 0..3 {
        assert_eq!(desk.run("witness run --out w -- true").code, 0);
        fs::copy(desk.path("w/shard-0/head.json"), desk.path("head.json")).unwrap();
    }
    assert_eq!(desk.run("witness verify w/shard-0 --head head.json").code, 0);
    let old = "w/shard-0/history/0/receipt-0.json";
    let first = desk.run(&format!("--json witness verify {old} --head head.json"));
    assert_eq!((first.code, reason(&first).as_str()), (1, "chain-fork"));
    // Whoever knows the first only sees that one is missing before the third.
    let claim: Value = serde_json::from_str(&desk.run(&format!("--json inspect {old}")).stdout).unwrap();
    let head = format!("{{\"sequence\": 0, \"claim\": {}}}", claim["claimDigest"]);
    fs::write(desk.path("first.json"), head).unwrap();
    let third = desk.run("--json witness verify w/shard-0 --head first.json");
    assert_eq!((third.code, reason(&third).as_str()), (1, "chain-gap"));
}

#[test]
fn a_fleet_gets_its_certificate() {
    let Some(desk) = desk() else { return };
    let fleet = "--json witness fleet --shards 3 --parallel 2 --out w -- sh work.sh {shard}";
    let ran = desk.run(fleet);
    assert_eq!(ran.code, 0, "{ran:?}");
    // Taken up again: only what is missing is run.
    fs::remove_dir_all(desk.path("w/shard-1")).unwrap();
    let again: Value = serde_json::from_str(&desk.run(fleet).stdout).unwrap();
    assert_eq!((again["done"].as_u64(), again["skipped"].as_u64()), (Some(3), Some(2)));
    let nonce = again["nonce"].as_str().unwrap().to_owned();

    let keys: Vec<String> = (0..4)
        .map(|number| {
            let made = desk.run(&format!("--json key new --path validator-{number}.key"));
            let made: Value = serde_json::from_str(&made.stdout).unwrap();
            made["publicKey"].as_str().unwrap().to_owned()
        })
        .collect();
    let committee = serde_json::json!({"validators": keys, "quorum": 3}).to_string();
    desk.file("committee.json", committee);
    let vote = |number: usize, out: &str, epoch: u64| {
        desk.run(&format!(
            "--json witness vote {out} --epoch {epoch} --committee committee.json --identities w/identities.json \
             --nonce {nonce} --shards 1 --key validator-{number}.key --vote vote-{number}.json"
        ))
    };
    let certify = "witness certify vote-0.json vote-1.json vote-2.json --epoch 1 --committee committee.json \
                   --certificate certificate.json";
    for number in 0..3 {
        assert_eq!(vote(number, "w", 1).code, 0);
    }
    let certified = desk.run(certify);
    assert_eq!(certified.code, 0, "{certified:?}");
    assert!(certified.stdout.contains("uniqueness with up to 1 faulty"), "{}", certified.stdout);

    // A smaller quorum is another committee: its certificate is worth less, and says so.
    let few = |command: &str, rest: &str| {
        desk.run(&format!("witness {command} --epoch 2 --committee committee.json --quorum 2 {rest}"))
    };
    for number in 0..2 {
        let rest = format!(
            "--identities w/identities.json --nonce {nonce} --key validator-{number}.key --vote few-{number}.json"
        );
        assert_eq!(few("vote w", &rest).code, 0);
    }
    let certified = few("certify few-0.json few-1.json", "--certificate few.json");
    assert!(certified.code == 0 && certified.stdout.contains("not uniqueness"), "{certified:?}");
    assert_eq!(desk.run("witness certificate few.json --committee committee.json --quorum 2").code, 0);
    assert_eq!(desk.run("witness certificate few.json --committee committee.json").code, 1);
    let mixed = desk.run(&certify.replace("vote-0.json", "few-0.json"));
    assert!(mixed.code == 2 && mixed.stderr.contains("--quorum 2"), "{mixed:?}");

    // The collected set: what a web server would serve.
    assert_eq!(desk.run("witness collect w --to web --epoch 1").code, 0);
    let all: Value = serde_json::from_slice(&fs::read(desk.path("web/all_witnesses.json")).unwrap()).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 3);
    for shard in 0..3 {
        let check = format!(
            "witness certificate certificate.json --committee committee.json \
             --inclusion web/inclusion/shard-{shard}.json --receipt web/receipts/shard-{shard}.json"
        );
        assert_eq!(desk.run(&check).code, 0);
    }
    // Served, fetched and judged; and by its content, from the store.
    let address = serve(desk.path("web"));
    let identities = "--identities w/identities.json";
    let judged = desk.run(&format!("witness verify http://{address}/receipts/shard-1.json {identities}"));
    assert!(judged.code == 0 && judged.stdout.contains("registered for that shard"), "{judged:?}");
    let perf = format!("--perf http://{address}/perf/shard-2.data");
    let judged = desk.run(&format!("--json witness verify http://{address}/receipts/shard-1.json {perf}"));
    assert_eq!((judged.code, reason(&judged).as_str()), (1, "perf-digest"));
    assert_eq!(desk.run(&format!("witness verify http://{address}/nothing")).code, 1);
    let id: Value =
        serde_json::from_str(&desk.run("--json inspect w/shard-0/receipt-0.json").stdout).unwrap();
    assert_eq!(desk.run(&format!("witness verify {}", id["cid"].as_str().unwrap())).code, 0);

    let swapped = "witness certificate certificate.json --committee committee.json \
                   --inclusion web/inclusion/shard-0.json --receipt web/receipts/shard-1.json";
    assert_eq!(desk.run(swapped).code, 1);

    // Another set of witnesses for the same epoch: an honest validator signs no second root …
    fs::create_dir(desk.path("other")).unwrap();
    fs::rename(desk.path("w/shard-2"), desk.path("other/shard-2")).unwrap();
    let refused = vote(0, "w", 1);
    assert_eq!(refused.code, 1);
    assert!(refused.stdout.contains("voted-already"), "{refused:?}");
    // … and one that loses its book on purpose is found out by anybody who sees both votes.
    fs::rename(desk.path("vote-0.json"), desk.path("first-0.json")).unwrap();
    fs::remove_file(desk.path("validator-0.votes.json")).unwrap();
    assert_eq!(vote(0, "w", 1).code, 0);
    let found = desk.run(&certify.replace("vote-0.json", "first-0.json vote-0.json"));
    assert_eq!(found.code, 0, "its first vote stands");
    assert!(found.stderr.contains("signed twice"), "{}", found.stderr);
    let names =
        fs::read_dir(desk.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let evidence = names.filter(|name| name.starts_with("double-signing-1-")).collect::<Vec<_>>();
    let check = format!("witness certificate {} --committee committee.json", evidence[0]);
    let proved = desk.run(&check);
    assert!(proved.code == 0 && proved.stdout.contains(&keys[0]), "{proved:?}");

    // One bad witness, and nothing is signed.
    let perf = desk.path("w/shard-0/zkperf-0.data");
    let mut bytes = fs::read(&perf).unwrap();
    bytes[3000] ^= 1;
    fs::write(&perf, bytes).unwrap();
    let refused = vote(3, "w", 1);
    assert!(refused.code == 1 && refused.stdout.contains("perf-digest"), "{refused:?}");
}

#[test]
fn runs_are_reported_compared_and_redacted() {
    let Some(desk) = desk() else { return };
    assert_eq!(desk.run("witness run --out a --nonce 0102 -- sh work.sh").code, 0);
    assert_eq!(desk.run("witness run --out b -- sh -c exit").code, 0);
    let report = desk.run("witness report a/shard-0 --html report.html");
    assert!(report.code == 0 && report.stdout.contains("attested, not proved"), "{report:?}");
    let page = fs::read_to_string(desk.path("report.html")).unwrap();
    assert!(page.contains("data:image/svg+xml") && !page.contains("src=\"http"));
    let compared = desk.run("--json witness compare a/shard-0 b/shard-0");
    let compared: Value = serde_json::from_str(&compared.stdout).unwrap();
    assert_eq!(
        (compared["sameProgram"].as_bool(), compared["sameCommand"].as_bool()),
        (Some(true), Some(false))
    );
    assert_eq!(desk.run("witness redact a/shard-0 --out public.json").code, 0);
    let envelope = fs::read_to_string(desk.path("public.json")).unwrap();
    assert!(!envelope.contains("work.sh"));
    let bare = desk.run("--json witness verify public.json");
    assert_eq!((bare.code, reason(&bare).as_str()), (1, "perf-missing"));
    let verdict = desk.run("witness verify public.json --without-perf --nonce 0102");
    assert!(verdict.code == 0 && verdict.stdout.contains("was not looked at"), "{verdict:?}");
    let few = desk.run("witness baseline add runs.json a/shard-0");
    assert_eq!(few.code, 0);
    let judged = desk.run("witness baseline judge runs.json b/shard-0");
    assert!(judged.code == 2 && judged.stderr.contains("at least 38 earlier runs"), "{judged:?}");
}

#[test]
fn the_simulation_says_what_the_theorems_say() {
    let ran = Desk::new().run("witness simulate --seeds 300");
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("48 of 71: validity and uniqueness with up to 23"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("NOT as proved"));
}

/// Serves the files of a folder, as any web server would.
fn serve(root: std::path::PathBuf) -> std::net::SocketAddr {
    use std::io::Write as _;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut line).unwrap();
            while reader.read_line(&mut String::new()).is_ok_and(|count| count > 2) {}
            let path = line.split(' ').nth(1).unwrap_or("/").trim_start_matches('/');
            let (status, body) = match fs::read(root.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    address
}

/// A desk with something to run, if this machine can record.
fn desk() -> Option<Desk> {
    let desk = Desk::new();
    desk.file("work.sh", "i=0\nwhile [ $i -lt 30000 ]; do i=$((i + 1)); done\n");
    let ran = desk.run("witness run --out probe -- true");
    if ran.code == 125 {
        missing(&ran.stderr);
        return None;
    }
    Some(desk)
}

fn missing(what: &str) {
    eprintln!("skipped: {what}");
    assert!(std::env::var_os("PROOFMARK_REQUIRE_PERF").is_none(), "{what}");
}

fn reason(ran: &Ran) -> String {
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    answer["reason"].as_str().unwrap_or_default().to_owned()
}
