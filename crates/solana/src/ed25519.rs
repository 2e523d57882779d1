//! What an instruction of the Ed25519 program says was signed.
//!
//! That program runs before ours in the same transaction, and the transaction fails if a signature does not hold. Its
//! instruction names places: of key, signature and message, each inside some instruction of the transaction. A program
//! that trusts such an instruction without looking at the places can be shown one key and have another one checked. So
//! one form only is taken here: one signature, and everything in this very instruction at the places where all tools put
//! it.

use crate::bytes::Reader;

/// The Ed25519 program's address: `Ed25519SigVerify111111111111111111111111111`.
pub const PROGRAM: [u8; 32] = [
    3, 125, 70, 214, 124, 147, 251, 190, 18, 249, 66, 143, 131, 141, 64, 255, 5, 112, 116, 73, 39, 244, 138,
    100, 252, 202, 112, 68, 128, 0, 0, 0,
];

/// What is before the message: count, padding, seven places, key, signature.
pub const HEADER_BYTES: usize = MESSAGE_AT as usize;

const KEY_AT: u16 = 16;
const SIGNATURE_AT: u16 = KEY_AT + 32;
const MESSAGE_AT: u16 = SIGNATURE_AT + 64;
/// "In this instruction".
const HERE: u16 = u16::MAX;

/// One signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// Whose.
    pub key: &'a [u8; 32],
    /// The signature.
    pub signature: &'a [u8; 64],
    /// Over what.
    pub message: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Reads an instruction's data. Nothing unless it is one signature in the canonical form.
    pub fn read(data: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(data);
        let message_bytes = u16::try_from(data.len().checked_sub(HEADER_BYTES)?).ok()?;
        let expected = [SIGNATURE_AT, HERE, KEY_AT, HERE, MESSAGE_AT, message_bytes, HERE];
        if reader.array()? != &[1, 0] {
            return None;
        }
        for place in expected {
            if reader.u16()? != place {
                return None;
            }
        }
        Some(Self { key: reader.array()?, signature: reader.array()?, message: reader.0 })
    }

    /// The instruction's data before the message, which follows. Messages have at most `u16::MAX` bytes.
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        let mut data = [0; HEADER_BYTES];
        data[0] = 1;
        let places = [SIGNATURE_AT, HERE, KEY_AT, HERE, MESSAGE_AT, self.message.len() as u16, HERE];
        for (at, place) in places.into_iter().enumerate() {
            data[2 + 2 * at..4 + 2 * at].copy_from_slice(&place.to_le_bytes());
        }
        data[KEY_AT as usize..SIGNATURE_AT as usize].copy_from_slice(self.key);
        data[SIGNATURE_AT as usize..].copy_from_slice(self.signature);
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_only_is_read() {
        let signed = Signed { key: &[1; 32], signature: &[2; 64], message: b"message" };
        let data = [&signed.header()[..], b"message"].concat();
        assert_eq!(Signed::read(&data), Some(signed));
        // Any other count, padding or place is refused, whatever it points to.
        for at in 0..KEY_AT as usize {
            for bit in 0..8 {
                let mut other = data.clone();
                other[at] ^= 1 << bit;
                assert_eq!(Signed::read(&other), None, "byte {at}, bit {bit}");
            }
        }
        for cut in 0..data.len() {
            assert_eq!(Signed::read(&data[..cut]), None);
        }
        assert_eq!(Signed::read(&[&data[..], &[0]].concat()), None);
    }
}
