//! The registry as its users see it: what it allows, what tampering it notices, what it syncs.

use proofmark_core::{Digest, PublicKey};
use proofmark_registry::{
    Action, EntryFault, Program, Registry, RegistryError, SigningKey, Standing, SyncError, SyncOutcome,
    Version, sync,
};

const TIME: &str = "2026-11-21T00:00:00Z";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::new(key.verifying_key().to_bytes())
}

fn program(version: &str, minimum: &str) -> Program {
    Program {
        id: Digest::of(version.as_bytes()),
        name: "plan".into(),
        system: "risc0".into(),
        version: version.parse().expect("semver"),
        release_date: "2026-11-21".into(),
        features: ["decimal".to_string(), "group-by".to_string()].into(),
        min_compatible_version: minimum.parse().expect("semver"),
        elf: Digest::of(b"elf"),
        build: "rustc 1.96.0; cargo xtask guests".into(),
    }
}

fn three() -> Registry {
    let mut registry = Registry::empty();
    registry.register(program("0.1.0", "0.1.0"), TIME, &key(1)).expect("new");
    registry.register(program("0.2.0", "0.1.0"), TIME, &key(1)).expect("new");
    registry.deprecate(Digest::of(b"0.1.0"), "accepted overflow", TIME, &key(1)).expect("known");
    registry
}

#[test]
fn the_embedded_registry_is_good_and_names_its_authority() {
    let registry = Registry::embedded();
    let lines = registry.audit(&[Registry::embedded_authority()]).expect("signed by its authority");
    assert_eq!(lines.len(), registry.entries().len());
}

#[test]
fn programs_are_allowed_until_deprecated_or_too_old() {
    let mut registry = three();
    let [old, new] = [b"0.1.0", b"0.2.0"].map(|version| Digest::of(version));
    assert!(!registry.is_allowed(&old) && registry.is_deprecated(&old));
    assert!(matches!(registry.standing(&old), Standing::Deprecated { reason: "accepted overflow", .. }));
    assert!(registry.is_allowed(&new) && !registry.is_deprecated(&new));
    assert!(registry.has_feature(&new, "group-by") && !registry.has_feature(&new, "wasm"));
    assert_eq!(registry.standing(&Digest::of(b"other")), Standing::Unknown);
    assert_eq!(registry.program(&new).expect("known").version, Version::new(0, 2, 0));
    assert_eq!(registry.newest("risc0", "plan").expect("one").id, new);

    registry.register(program("1.0.0", "1.0.0"), TIME, &key(1)).expect("new");
    assert!(
        matches!(registry.standing(&new), Standing::TooOld { minimum, .. } if *minimum == Version::new(1, 0, 0))
    );
    // A deprecated program demands nothing of the others any more.
    registry.deprecate(Digest::of(b"1.0.0"), "a mistake", TIME, &key(1)).expect("known");
    assert!(registry.is_allowed(&new));
}

#[test]
fn a_change_that_contradicts_the_log_is_refused() {
    let mut registry = three();
    let head = registry.head();
    let again = registry.register(program("0.2.0", "0.1.0"), TIME, &key(1)).expect_err("twice");
    assert!(matches!(again, EntryFault::AlreadyRegistered(_)));
    let again = registry.deprecate(Digest::of(b"0.1.0"), "x", TIME, &key(1)).expect_err("twice");
    assert!(matches!(again, EntryFault::AlreadyDeprecated(_)));
    let unknown = registry.deprecate(Digest::of(b"9"), "x", TIME, &key(1)).expect_err("unknown");
    assert!(matches!(unknown, EntryFault::UnknownProgram(_)));
    let bad = [
        Program { name: String::new(), ..program("0.3.0", "0.1.0") },
        Program { name: "\u{1b}[2J".into(), ..program("0.3.0", "0.1.0") },
        Program { release_date: "tomorrow".into(), ..program("0.3.0", "0.1.0") },
        program("0.3.0", "0.4.0"),
        program("0.3.0-rc.1", "0.1.0"),
        program("0.70000.0", "0.1.0"),
    ];
    for program in bad {
        assert!(registry.register(program.clone(), TIME, &key(1)).is_err(), "{program:?}");
    }
    assert_eq!(registry.head(), head, "a refused change leaves no trace");
}

#[test]
fn every_changed_byte_is_noticed() {
    let registry = three();
    let authorities = [public(&key(1))];
    let text = registry.to_json().into_bytes();
    assert!(Registry::parse(&text, &authorities).is_ok());
    for at in 0..text.len() {
        for change in [1, 0x20, 0x80] {
            let mut tampered = text.clone();
            tampered[at] ^= change;
            assert!(Registry::parse(&tampered, &authorities).is_err(), "byte {at} with {change:#x}");
        }
        assert!(Registry::parse(&text[..at], &authorities).is_err(), "cut at {at}");
    }
}

#[test]
fn the_first_bad_entry_is_named() {
    let authorities = [public(&key(1))];
    let text = three().to_json();
    let parse = |text: String| Registry::parse(text.as_bytes(), &authorities).expect_err("tampered");
    let fault = |text: String| match parse(text) {
        RegistryError::Entry { seq, fault } => (seq, fault),
        other => panic!("{other}"),
    };
    assert_eq!(
        fault(text.replace("accepted overflow", "accepted everything")),
        (2, EntryFault::BadSignature)
    );
    assert_eq!(
        fault(text.replacen("\"seq\": 1", "\"seq\": 7", 1)),
        (1, EntryFault::WrongSequence { expected: 1, found: 7 })
    );
    assert_eq!(fault(text.replacen("2026-11-21T00", "2026-11-22T00", 1)), (0, EntryFault::BadSignature));
    assert_eq!(parse(text.replace("\": ", "\" : ")), RegistryError::NotCanonical);

    // An entry that is signed well by somebody else.
    let mut foreign = three();
    foreign.deprecate(Digest::of(b"0.2.0"), "competition", TIME, &key(2)).expect("consistent");
    assert_eq!(fault(foreign.to_json()), (3, EntryFault::UntrustedSigner(public(&key(2)))));

    // Entries left out or exchanged.
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let entries = value["entries"].as_array_mut().expect("a list");
    entries.remove(0);
    let error = Registry::parse(value.to_string().as_bytes(), &authorities).expect_err("one is missing");
    assert!(matches!(error, RegistryError::NotCanonical | RegistryError::Entry { seq: 0, .. }));
}

#[test]
fn sync_only_ever_adds() {
    let authorities = [public(&key(1))];
    let local = three();
    let text = local.to_json();
    assert!(matches!(sync(&local, text.as_bytes(), &authorities), Ok(SyncOutcome::UpToDate)));

    let mut newer = local.clone();
    newer.register(program("0.3.0", "0.1.0"), TIME, &key(1)).expect("new");
    let outcome = sync(&local, newer.to_json().as_bytes(), &authorities).expect("extends");
    assert_eq!(outcome.new_entries(&local).len(), 1);
    let SyncOutcome::Extended(taken) = outcome else { panic!("it is longer") };
    assert_eq!(taken.head(), newer.head());

    let rollback = sync(&newer, text.as_bytes(), &authorities).expect_err("older");
    assert_eq!(rollback, SyncError::Rollback { local: 4, remote: 3 });
    let wiped = sync(&local, Registry::empty().to_json().as_bytes(), &authorities).expect_err("older");
    assert_eq!(wiped, SyncError::Rollback { local: 3, remote: 0 });

    // The same authority signed two histories.
    let mut fork = Registry::empty();
    fork.register(program("0.1.0", "0.1.0"), TIME, &key(1)).expect("new");
    fork.register(program("0.9.0", "0.1.0"), TIME, &key(1)).expect("new");
    assert_eq!(
        sync(&local, fork.to_json().as_bytes(), &authorities).expect_err("forked"),
        SyncError::Fork { seq: 1 }
    );

    let strange = sync(&local, newer.to_json().as_bytes(), &[public(&key(2))]).expect_err("not trusted");
    assert!(matches!(
        strange,
        SyncError::Remote(RegistryError::Entry { seq: 0, fault: EntryFault::UntrustedSigner(_) })
    ));
    let huge = vec![b' '; proofmark_registry::MAX_REGISTRY_BYTES + 1];
    assert!(matches!(
        sync(&local, &huge, &authorities),
        Err(SyncError::Remote(RegistryError::TooLarge { .. }))
    ));
}

#[test]
fn the_audit_trail_tells_every_change() {
    let lines = three().audit(&[public(&key(1))]).expect("whole");
    assert_eq!(lines.len(), 3);
    assert!(lines[0].change.starts_with("registered plan 0.1.0 for risc0"), "{}", lines[0].change);
    assert!(lines[2].change.ends_with("accepted overflow"), "{}", lines[2].change);
    assert!(three().audit(&[]).is_err(), "nobody is trusted");
    let action = Action::Deprecate { program: Digest::of(b"x"), reason: "y".into() };
    assert!(three().append(action, TIME, &key(1)).is_err());
}
