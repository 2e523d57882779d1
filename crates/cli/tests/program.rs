//! The registry through its commands.

mod common;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
};

use common::{Desk, Ran};
use serde_json::{Value, json};

fn program(name: &str, version: &str) -> String {
    let digest = |text: &str| format!("sha256:{}", &text.repeat(64)[..64]);
    json!({
        "id": digest(&version.replace('.', "")), "name": name, "system": "risc0", "version": version,
        "releaseDate": "2026-11-21", "features": ["tables"], "minCompatibleVersion": "1.0.0",
        "elf": digest("e"), "build": "made for this test",
    })
    .to_string()
}

/// A desk with an authority's key that its configuration trusts; gives the public key.
fn authority(desk: &Desk) -> String {
    let public = desk.run("key new --path authority.key --json").exits(0).json()["publicKey"].clone();
    let public = public.as_str().expect("a text").to_string();
    desk.file(
        "proofmark.yaml",
        format!("agent:\n  zkvm:\n    programRegistry:\n      authorities: ['{public}']\n"),
    );
    public
}

#[test]
fn the_built_in_registry_lists_the_program_that_proves_plans() {
    let desk = Desk::new();
    let list = desk.run("program list --json").exits(0).json();
    let programs = list["programs"].as_array().expect("a list").clone();
    assert!(
        programs.iter().any(|program| program["system"] == "risc0" && program["standing"] == "allowed"),
        "{list}"
    );
    let id = programs[0]["id"].as_str().expect("a text");
    let shown = desk.run(&format!("program show {id} --json")).exits(0).json();
    assert_eq!(shown["program"]["id"], id);
    assert_eq!(shown["history"].as_array().map(Vec::len), Some(1));
    desk.run("program audit").exits(0);
    let absent = format!("program show sha256:{}", "0".repeat(64));
    desk.run(&absent).exits(1).says(&["does not know"]);
    desk.run("program show nonsense").exits(2);
}

#[test]
fn an_authority_registers_and_deprecates() {
    let desk = Desk::new();
    authority(&desk);
    let entries = || {
        let audit = desk.run("program audit --json").exits(0).json();
        audit["entries"].as_array().expect("a list").len()
    };
    let before = entries();
    desk.file("one.json", program("demo", "1.0.0"));
    desk.run("program register one.json --key authority.key").exits(0);
    desk.run("program register one.json --key authority.key").exits(1).says(&["already registered"]);
    let id = format!("sha256:{}", &"100".repeat(64)[..64]);
    assert_eq!(
        desk.run(&format!("program show {id} --json")).exits(0).json()["program"]["standing"],
        "allowed"
    );
    desk.run_args(["program", "deprecate", &id, "--reason", "it was only a test", "--key", "authority.key"])
        .exits(0);
    let shown = desk.run(&format!("program show {id} --json")).exits(0).json();
    assert_eq!(shown["program"]["standing"], "deprecated");
    assert_eq!(shown["program"]["why"], "it was only a test");
    assert_eq!(entries(), before + 2);
    desk.file("bad.json", program("demo", "1.0"));
    desk.run("program register bad.json --key authority.key").exits(2).says(&["bad.json"]);
}

#[test]
fn who_is_no_authority_cannot_change_anything() {
    let desk = Desk::new();
    desk.run("key new").exits(0);
    desk.file("one.json", program("demo", "1.0.0"));
    desk.run("program register one.json")
        .exits(2)
        .says(&["is not an authority", "programRegistry.authorities"]);
}

#[test]
fn tampering_is_detected() {
    let desk = Desk::new();
    authority(&desk);
    desk.file("one.json", program("demo", "1.0.0"));
    desk.run("program register one.json --key authority.key --registry kept.json").exits(0);
    desk.run("program audit --registry kept.json").exits(0);
    let good = fs::read_to_string(desk.path("kept.json")).expect("reads");
    for (from, to) in [
        ("made for this test", "made for that test"),
        ("\"1.0.0\"", "\"1.0.1\""),
        ("\"seq\": 0", "\"seq\": 00"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        desk.file("kept.json", bad);
        for command in ["audit", "list"] {
            let ran = desk.run(&format!("program {command} --registry kept.json --json")).exits(1);
            assert_eq!(ran.json()["error"]["code"], "bad-registry", "{from}");
        }
    }
    desk.run("program audit --registry absent.json").exits(2);
}

#[test]
fn a_registry_is_synced_over_http_and_never_goes_back() {
    let desk = Desk::new();
    let public = authority(&desk);
    desk.file("one.json", program("demo", "1.0.0"));
    desk.file("two.json", program("demo", "1.1.0"));
    desk.run("program register one.json --key authority.key --registry remote.json").exits(0);
    let first = fs::read(desk.path("remote.json")).expect("reads");
    desk.run("program register two.json --key authority.key --registry remote.json").exits(0);
    let second = fs::read(desk.path("remote.json")).expect("reads");

    let sync = |bytes: &[u8]| -> Ran {
        let url = serve(bytes.to_vec());
        desk.run(&format!("program sync --from {url} --json"))
    };
    assert_eq!(sync(&first).exits(0).json()["newEntries"], 1);
    assert_eq!(sync(&second).exits(0).json()["newEntries"], 1);
    assert_eq!(sync(&second).exits(0).json()["newEntries"], 0);
    let refused = |ran: Ran| -> Value { ran.exits(1).json()["error"]["code"].clone() };
    assert_eq!(refused(sync(&first)), "bad-registry");
    assert_eq!(refused(sync(b"{}")), "bad-registry");
    assert_eq!(refused(desk.run("program sync --from http://127.0.0.1:1/ --json")), "fetch-failed");
    desk.run("program sync --from remote.json").exits(0);
    desk.run("program sync").exits(2).says(&["programRegistry.source"]);

    // Another authority's list of the same programs contradicts this one.
    let other = Desk::new();
    authority(&other);
    other.file("two.json", program("demo", "1.1.0"));
    other.run("program register two.json --key authority.key --registry fork.json").exits(0);
    fs::copy(other.path("fork.json"), desk.path("fork.json")).expect("copies");
    desk.run("program sync --from fork.json").exits(1);
    assert!(!public.is_empty());
}

/// Serves one answer on a port of its own.
fn serve(body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        if let Ok((mut stream, _)) = listener.accept() {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&body);
        }
    });
    format!("http://{address}/registry.json")
}
