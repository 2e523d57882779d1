//! The store as its users see it.

use std::{fs, thread};

use proofmark_core::{Claim, Digest, Evidence, Limits, PlanClaim, Provenance, Receipt, Usage};
use proofmark_store::{Collected, Store, StoreError};

fn receipt(number: u32) -> Receipt {
    Receipt {
        version: Receipt::VERSION,
        claim: Claim::Plan(PlanClaim {
            plan: Digest::of(&number.to_le_bytes()),
            job: None,
            inputs: Vec::new(),
            output: Digest::of(b"output"),
            limits: Some(Limits { max_memory_bytes: 1, max_cycles: 1, max_output_bytes: 1, max_steps: 1 }),
            usage: Some(Usage::default()),
        }),
        evidence: Evidence::None {},
        provenance: Provenance { tool: "test".into(), ..Provenance::default() },
    }
}

#[test]
fn what_was_put_is_got() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let cid = store.put(&receipt(1)).expect("room");
    assert_eq!(cid, receipt(1).cid());
    assert_eq!(store.put(&receipt(1)).expect("again"), cid);
    assert_eq!(store.get(&cid).expect("stored"), receipt(1));
    assert_eq!(store.list().expect("readable").len(), 1);
    assert!(matches!(store.get(&receipt(2).cid()), Err(StoreError::NotFound(_))));
    assert_eq!(Store::open(folder.path()).expect("reopens").get(&cid).expect("stored"), receipt(1));
}

#[test]
fn ids_cannot_lead_out_of_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let long = "../".repeat(20);
    for id in
        ["", "..", "bafyrei", "bafyrei/../../../../../../../../../../../../etc/passwd.....q3", &long, "é"]
    {
        assert!(matches!(store.get(id), Err(StoreError::InvalidId(_))), "{id}");
        assert!(matches!(store.pin(id), Err(StoreError::InvalidId(_))), "{id}");
    }
}

#[test]
fn a_changed_file_is_noticed_and_mended_by_storing_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let cid = store.put(&receipt(1)).expect("room");
    let path = store.path(&cid).expect("an id");
    for content in [receipt(2).to_cbor(), receipt(1).to_json().into_bytes(), b"junk".to_vec(), Vec::new()] {
        fs::write(&path, content).expect("writable");
        assert!(matches!(store.get(&cid), Err(StoreError::Corrupt { .. })));
    }
    store.put(&receipt(1)).expect("mends");
    assert_eq!(store.get(&cid).expect("whole"), receipt(1));
}

#[test]
fn collection_spares_the_pinned() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let [a, b] = [1, 2].map(|number| store.put(&receipt(number)).expect("room"));
    store.pin(&a).expect("stored");
    store.pin(&a).expect("twice is fine");
    assert!(matches!(store.pin(&receipt(3).cid()), Err(StoreError::NotFound(_))));
    fs::write(folder.path().join("tmp/left-behind"), b"1234").expect("writable");
    let bytes = receipt(2).to_cbor().len() as u64 + 4;
    assert_eq!(store.collect().expect("works"), Collected { receipts: 1, bytes });
    assert!(store.get(&a).is_ok() && store.get(&b).is_err());
    store.unpin(&a).expect("pinned");
    store.unpin(&a).expect("twice is fine");
    assert_eq!(store.collect().expect("works").receipts, 1);
    assert!(store.list().expect("readable").is_empty());
}

#[test]
fn writers_and_collectors_do_not_harm_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    thread::scope(|scope| {
        for writer in 0..4 {
            let store = Store::open(folder.path()).expect("opens");
            scope.spawn(move || {
                for number in 0..10 {
                    let cid = store.put(&receipt(writer * 100 + number % 5)).expect("room");
                    // It is whole or collected, never half there.
                    assert!(matches!(store.get(&cid), Ok(_) | Err(StoreError::NotFound(_))));
                }
            });
        }
        let store = Store::open(folder.path()).expect("opens");
        scope.spawn(move || {
            for _ in 0..10 {
                store.collect().expect("works");
            }
        });
    });
    let store = Store::open(folder.path()).expect("opens");
    assert!(store.list().expect("readable").iter().all(|entry| store.get(&entry.cid).is_ok()));
}

#[cfg(target_os = "linux")]
#[test]
fn errors_say_what_to_do() {
    // A folder below a file can belong to nobody.
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), b"").expect("writable");
    let error = Store::open(folder.path().join("file/store")).expect_err("not a folder");
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    // /proc refuses new folders, also to root.
    assert!(Store::open("/proc/proofmark").is_err());
}
