//! Single-byte and single-field changes of a receipt, always the same ones.

use proofmark_core::Receipt;
use serde_json::Value;

/// One changed copy, and what was changed.
pub struct Mutation {
    pub what: String,
    pub bytes: Vec<u8>,
}

/// `count` changed copies: a third of them single bytes of the CBOR, a third single bytes of the JSON, the
/// rest single members of the JSON and of the CBOR made from it.
pub fn mutations(receipt: &Receipt, count: usize) -> impl Iterator<Item = Mutation> {
    let cbor = receipt.to_cbor();
    let json = receipt.to_json().into_bytes();
    let fields = fields(receipt);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: usize| {
        // xorshift64*: small, and the same everywhere.
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        (random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    };
    (0..count).map(move |at| match at % 3 {
        0 => byte("CBOR", &cbor, next(cbor.len()), 1 + next(255) as u8),
        1 => byte("JSON", &json, next(json.len()), 1 + next(255) as u8),
        _ => {
            let (what, bytes) = &fields[next(fields.len())];
            Mutation { what: what.clone(), bytes: bytes.clone() }
        }
    })
}

fn byte(form: &str, bytes: &[u8], at: usize, change: u8) -> Mutation {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= change;
    Mutation { what: format!("{form} byte {at} ^ {change:#04x}"), bytes }
}

/// Every member of the JSON form, once with each other value that comes to mind.
fn fields(receipt: &Receipt) -> Vec<(String, Vec<u8>)> {
    let value = serde_json::to_value(receipt).expect("encodes");
    let mut pointers = Vec::new();
    collect(&value, String::new(), &mut pointers);
    let mut out = Vec::new();
    for pointer in pointers {
        let old = value.pointer(&pointer).expect("collected from it");
        for (at, new) in others(old).into_iter().enumerate() {
            let mut changed = value.clone();
            *changed.pointer_mut(&pointer).expect("collected from it") = new;
            push(&mut out, format!("{pointer} variant {at}"), &changed);
        }
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a parent");
        let mut without = value.clone();
        match without.pointer_mut(parent) {
            Some(Value::Object(members)) => drop(members.remove(name)),
            Some(Value::Array(items)) => drop(items.remove(name.parse().expect("an index"))),
            _ => continue,
        }
        push(&mut out, format!("{pointer} removed"), &without);
    }
    out
}

/// The changed content in JSON and, where it is a receipt at all, in CBOR.
fn push(out: &mut Vec<(String, Vec<u8>)>, what: String, value: &Value) {
    let json = value.to_string().into_bytes();
    if let Ok(receipt) = Receipt::decode(&json) {
        out.push((format!("{what}, in CBOR"), receipt.to_cbor()));
    }
    out.push((what, json));
}

fn collect(value: &Value, pointer: String, out: &mut Vec<String>) {
    if !pointer.is_empty() {
        out.push(pointer.clone());
    }
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| collect(member, format!("{pointer}/{name}"), out));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| collect(item, format!("{pointer}/{at}"), out));
        }
        _ => {}
    }
}

fn others(old: &Value) -> Vec<Value> {
    match old {
        Value::String(text) => {
            let mut out = vec![Value::Null, "".into(), format!("{text}0").into(), text.to_uppercase().into()];
            // Another good value of the same kind: a digest, a key, base64 or a version with one digit changed.
            for at in [text.len() / 2, text.len().saturating_sub(6)] {
                let mut bytes = text.clone().into_bytes();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = if *byte == b'1' { b'2' } else { b'1' };
                    out.extend(String::from_utf8(bytes).ok().map(Value::from));
                }
            }
            out
        }
        Value::Number(number) => {
            let number = number.as_u64().unwrap_or(0);
            [number ^ 1, number.wrapping_add(1 << 20), u64::MAX].map(Value::from).into()
        }
        Value::Bool(flag) => vec![(!flag).into()],
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("note".into(), 1.into());
            vec![Value::Null, Value::Object(more), Value::Object(serde_json::Map::new())]
        }
        Value::Array(items) => {
            let twice: Vec<_> = items.iter().chain(items).cloned().collect();
            let back: Vec<_> = items.iter().rev().cloned().collect();
            vec![Value::Null, twice.into(), back.into()]
        }
        Value::Null => vec!["x".into()],
    }
}
