//! Key files: one container for verifying keys, proving keys and ceremonies.
//!
//! | bytes | content |
//! |---|---|
//! | 0..8 | `PMKBIND` and a zero byte |
//! | 8..12 | format version, 1 |
//! | 12..16 | kind: 1 verifying key, 2 proving key, 3 ceremony |
//! | 16..20 | form: 0 open, 1 sealed |
//! | 20..24 | bit 0: development key |
//! | 24..32 | length of the body |
//! | 32..64 | circuit hash |
//! | 64..96 | id of the verifying key |
//! | 96..128 | SHA-256 under the domain `proofmark/binding/file/v1` of bytes 0..96 and the body |
//! | 128.. | the body |
//!
//! Numbers are little-endian. Nothing of the length of a key's body is read from the file: it follows from the circuit.

mod load;

use std::vec::Vec;

use ark_bn254::{g1, g2};
use proofmark_core::{Digest, sha256::Sha256};

pub use self::load::{
    install, load_circuit_hash, load_proving_key, load_verifying_key, read_ceremony, write_new,
};
use crate::{
    circuit::Form,
    error::KeyFault,
    key::{ProvingKey, VerifyingKey},
    msm, point,
    proving::variables_of_b,
};

/// Bytes before the body.
pub const HEADER_BYTES: usize = 128;

const MAGIC: &[u8; 8] = b"PMKBIND\0";
const VERSION: u32 = 1;

/// What a key file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A verifying key.
    Verifying = 1,
    /// A proving key with its tables.
    Proving = 2,
    /// A set-up under way: points and contributions.
    Ceremony = 3,
}

/// What the header of a key file says. The checksum was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the body holds.
    pub kind: Kind,
    /// Which circuit.
    pub form: Form,
    /// Whether the key is for development.
    pub dev: bool,
    /// Id of the verifying key.
    pub key: Digest,
}

/// Puts a header before a body.
pub fn encode(header: &Header, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend_from_slice(MAGIC);
    for number in [VERSION, header.kind as u32, header.form as u32, u32::from(header.dev)] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&header.form.circuit_hash());
    bytes.extend_from_slice(header.key.as_bytes());
    let sum = checksum(&bytes, body);
    bytes.extend_from_slice(&sum);
    bytes.extend_from_slice(body);
    bytes
}

/// Splits a file and checks everything that needs no curve: magic, version, kind, length, circuit, checksum.
///
/// # Errors
/// The first thing that is wrong.
pub fn decode(bytes: &[u8], kind: Kind) -> Result<(Header, &[u8]), KeyFault> {
    let actual = bytes.len() as u64;
    // A key file that was cut early begins as one; anything else is another file.
    if !MAGIC.starts_with(&bytes[..bytes.len().min(8)]) {
        return Err(KeyFault::Foreign("it is no key file of binding proofs"));
    }
    let Some((head, body)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(KeyFault::Truncated { expected: HEADER_BYTES as u64, actual });
    };
    let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
    if number(8) != VERSION {
        return Err(KeyFault::Foreign("its format has another version"));
    }
    let length = u64::from_le_bytes(head[24..32].try_into().expect("eight bytes"));
    if length != body.len() as u64 {
        let expected = length.saturating_add(HEADER_BYTES as u64);
        return Err(KeyFault::Truncated { expected, actual });
    }
    if number(12) != kind as u32 {
        return Err(KeyFault::Foreign(match kind {
            Kind::Verifying => "it is no verifying key",
            Kind::Proving => "it is no proving key",
            Kind::Ceremony => "it is no ceremony",
        }));
    }
    if checksum(&head[..96], body) != head[96..] {
        return Err(KeyFault::Damaged("its checksum is wrong"));
    }
    let Some(form) = Form::ALL.get(number(16) as usize).copied() else {
        return Err(KeyFault::Foreign("it is for a form of claim that this version does not know"));
    };
    if head[32..64] != form.circuit_hash() {
        return Err(KeyFault::Foreign("it is for another version of the circuit"));
    }
    let dev = match number(20) {
        0 => false,
        1 => true,
        _ => return Err(KeyFault::Foreign("it has marks that this version does not know")),
    };
    let key = Digest::sha256(head[64..96].try_into().expect("32 bytes"));
    Ok((Header { kind, form, dev, key }, body))
}

/// A verifying key as a file.
pub fn encode_verifying_key(key: &VerifyingKey) -> Vec<u8> {
    let header = Header { kind: Kind::Verifying, form: key.form, dev: key.dev, key: key.id() };
    encode(&header, &key.to_bytes())
}

/// Reads [`encode_verifying_key`]; every point is checked.
///
/// # Errors
/// What is wrong with the file.
pub fn decode_verifying_key(bytes: &[u8]) -> Result<VerifyingKey, KeyFault> {
    let (header, body) = decode(bytes, Kind::Verifying)?;
    verifying_key(&header, body)
}

/// A proving key as a file: verifying key, `β` and `δ` in G1, padding to a multiple of 64, tables.
pub fn encode_proving_key(key: &ProvingKey) -> Vec<u8> {
    let verifying = &key.verifying;
    let mut body = verifying.to_bytes();
    point::put_g1(&mut body, &key.beta_g1);
    point::put_g1(&mut body, &key.delta_g1);
    body.resize(Layout::of(verifying.form).tables, 0);
    for table in [&key.a, &key.b, &key.c] {
        for limb in table.limbs() {
            body.extend_from_slice(&limb.to_le_bytes());
        }
    }
    let header =
        Header { kind: Kind::Proving, form: verifying.form, dev: verifying.dev, key: verifying.id() };
    encode(&header, &body)
}

/// Where the parts of a proving key's body are. All of it follows from the circuit.
struct Layout {
    /// Bytes of the verifying key.
    verifying: usize,
    /// Start of the tables, in bytes.
    tables: usize,
    /// Limbs of the tables A, B and C.
    limbs: [usize; 3],
}

impl Layout {
    fn of(form: Form) -> Self {
        let r1cs = form.r1cs();
        let b = variables_of_b(form).len();
        let c = r1cs.variables - r1cs.public + r1cs.domain() - 1 + b + 1;
        let verifying = VerifyingKey::bytes(form);
        Self {
            verifying,
            tables: (verifying + 2 * point::G1_BYTES).next_multiple_of(64),
            limbs: [
                msm::table_limbs::<g1::Config>(r1cs.variables + 1),
                msm::table_limbs::<g2::Config>(b + 1),
                msm::table_limbs::<g1::Config>(c),
            ],
        }
    }

    fn bytes(&self) -> usize {
        self.tables + 8 * self.limbs.iter().sum::<usize>()
    }
}

fn verifying_key(header: &Header, bytes: &[u8]) -> Result<VerifyingKey, KeyFault> {
    let key = VerifyingKey::from_bytes(bytes)
        .ok_or(KeyFault::Damaged("a point is not canonical, not on its curve or not in its group"))?;
    if key.form != header.form || key.dev != header.dev || key.id() != header.key {
        return Err(KeyFault::Damaged("its header names another key than its body holds"));
    }
    Ok(key)
}

fn checksum(head: &[u8], body: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::domain("proofmark/binding/file/v1");
    hasher.update(&head[..96]);
    hasher.update(body);
    hasher.finish()
}
