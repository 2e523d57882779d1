//! Key files: what is accepted, what is refused and with which words, and how keys are exchanged.

mod common;

use common::{Keys, facts, key_bytes, permit};
use proofmark_binding::{
    circuit::Form,
    error::{Error, KeyFault},
    evidence,
    keyfile::{self, HEADER_BYTES},
    manager::LoadedKey,
    receipt::bind,
    settings::{Settings, circuit_hash},
};

/// The stable code of loading these bytes as a proving key.
fn code(keys: &Keys, bytes: &[u8]) -> &'static str {
    let path = keys.write("bad", bytes);
    LoadedKey::load(&path, None).map(|_| ()).expect_err("must be refused").code()
}

#[test]
fn a_mapped_key_proves() {
    for form in Form::ALL {
        let keys = Keys::new(form);
        let bound = bind(&keys.manager().current(), &facts(1)).expect("proves");
        assert_eq!(evidence::check(&bound.claim, &bound.evidence), Ok(()));
        assert!(bound.evidence.dev, "a development key says so in every receipt");
    }
}

#[test]
fn a_missing_key_is_an_error_and_nothing_else() {
    let keys = Keys::new(Form::Open);
    let error = LoadedKey::load(&keys.path("none"), None).map(|_| ()).expect_err("there is none");
    assert_eq!(error.code(), "key-missing");
    assert!(error.to_string().contains("none") && error.to_string().contains("key make"), "{error}");
    assert!(!error.is_retryable());
}

#[test]
fn a_key_cut_anywhere_is_refused() {
    let keys = Keys::new(Form::Open);
    let whole = &key_bytes(Form::Open, 0).0;
    for cut in
        [0, 1, 8, 31, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 1, whole.len() / 2, whole.len() - 1]
    {
        assert_eq!(code(&keys, &whole[..cut]), "key-truncated", "cut at {cut}");
    }
    let longer = [whole.as_slice(), b"x"].concat();
    assert_eq!(code(&keys, &longer), "key-truncated");
}

#[test]
fn a_key_with_a_changed_byte_is_refused() {
    let keys = Keys::new(Form::Open);
    let whole = &key_bytes(Form::Open, 0).0;
    let places = (0..HEADER_BYTES).chain((HEADER_BYTES..whole.len()).step_by(whole.len() / 40));
    for at in places {
        let mut changed = whole.clone();
        changed[at] ^= 0x40;
        let path = keys.write("bad", &changed);
        assert!(matches!(LoadedKey::load(&path, None), Err(Error::Key { .. })), "byte {at}");
    }
}

#[test]
fn keys_of_another_kind_form_or_circuit_are_refused() {
    let keys = Keys::new(Form::Open);
    assert_eq!(code(&keys, &key_bytes(Form::Open, 0).1), "key-foreign", "a verifying key");
    assert_eq!(code(&keys, &[b'x'; 4096]), "key-foreign", "no key at all");
    // The form is in the header and under the checksum, so a changed one is damage.
    let mut other = key_bytes(Form::Open, 0).0.clone();
    other[16] = 1;
    assert_eq!(code(&keys, &other), "key-damaged");
    // With a fresh checksum the circuit hash tells.
    let (header, body) = keyfile::decode(&key_bytes(Form::Open, 0).0, keyfile::Kind::Proving).expect("good");
    let forged = keyfile::encode(&keyfile::Header { form: Form::Sealed, ..header }, body);
    assert_eq!(code(&keys, &forged), "key-truncated", "a sealed key has another length");
}

#[test]
fn swapped_keys_are_noticed() {
    let keys = Keys::new(Form::Open);
    keys.write("vk", &key_bytes(Form::Open, 1).1);
    let error = LoadedKey::load(&keys.path("pk"), Some(&keys.path("vk"))).map(|_| ()).expect_err("two pairs");
    assert!(matches!(error, Error::Key { fault: KeyFault::Mismatch { .. }, .. }), "{error}");
    // A key whose header names another key than its body holds.
    let (header, body) = keyfile::decode(&key_bytes(Form::Open, 0).0, keyfile::Kind::Proving).expect("good");
    let other = keyfile::decode(&key_bytes(Form::Open, 1).0, keyfile::Kind::Proving).expect("good").0;
    assert_eq!(
        code(&keys, &keyfile::encode(&keyfile::Header { key: other.key, ..header }, body)),
        "key-damaged"
    );
    // The mark of a development key cannot be taken off.
    assert_eq!(code(&keys, &keyfile::encode(&keyfile::Header { dev: false, ..header }, body)), "key-damaged");
    let mut unmarked = body.to_vec();
    unmarked[1] = 0;
    assert_eq!(
        code(&keys, &keyfile::encode(&keyfile::Header { dev: false, ..header }, &unmarked)),
        "key-damaged"
    );
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_write_is_refused() {
    let keys = Keys::new(Form::Open);
    for mode in [0o666, 0o664, 0o646] {
        permit(&keys.path("pk"), mode);
        let error = LoadedKey::load(&keys.path("pk"), None).map(|_| ()).expect_err("exposed");
        assert_eq!(error.code(), "key-exposed");
        assert!(error.to_string().contains("chmod go-w"), "{error}");
    }
    permit(&keys.path("pk"), 0o600);
    assert!(LoadedKey::load(&keys.path("pk"), None).is_ok());
}

#[test]
fn keys_rotate_without_stopping() {
    let keys = Keys::new(Form::Open);
    let manager = keys.manager();
    let old = bind(&manager.current(), &facts(1)).expect("proves");
    let first = manager.current().id;

    // Half of the new pair is no pair: the old key stays, and the caller knows.
    keyfile::install(&keys.path("pk"), &key_bytes(Form::Open, 1).0).expect("writes");
    assert_eq!(manager.reload().map(|_| ()).expect_err("half").code(), "key-mismatch");
    assert_eq!(manager.current().id, first);
    // The mapped file was replaced, not changed: the old key still proves.
    assert!(bind(&manager.current(), &facts(2)).is_ok());

    keyfile::install(&keys.path("vk"), &key_bytes(Form::Open, 1).1).expect("writes");
    let second = manager.reload().expect("a pair").id;
    assert_ne!(first, second);
    let new = bind(&manager.current(), &facts(1)).expect("proves");
    assert_ne!(old.evidence.key, new.evidence.key, "new receipts use the new key");
    for bound in [&old, &new] {
        assert_eq!(evidence::check(&bound.claim, &bound.evidence), Ok(()), "old receipts still verify");
    }
    keyfile::install(&keys.path("pk"), &key_bytes(Form::Sealed, 0).0).expect("writes");
    keyfile::install(&keys.path("vk"), &key_bytes(Form::Sealed, 0).1).expect("writes");
    assert_eq!(manager.reload().map(|_| ()).expect_err("another form").code(), "key-foreign");
}

#[test]
fn the_named_circuit_must_be_the_keys() {
    let keys = Keys::new(Form::Open);
    let settings = |circuit: &str| Settings {
        disabled_by: None,
        proving_key: Some(keys.path("pk")),
        verifying_key: Some(keys.path("vk")),
        circuit: Some(keys.write("circuit", circuit.as_bytes())),
        cache_bytes: 0,
    };
    assert!(settings(&format!("{}\n", circuit_hash(Form::Open))).keys().is_ok());
    assert_eq!(
        settings(&circuit_hash(Form::Sealed).to_string()).keys().expect_err("other").code(),
        "key-foreign"
    );
    assert_eq!(settings("nothing").keys().expect_err("none").code(), "key-foreign");
}
