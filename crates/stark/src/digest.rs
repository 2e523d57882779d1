//! Digests of tables, computed natively: what a proof's public values are compared with.

use alloc::vec::Vec;
use core::array;

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_koala_bear::default_koalabear_poseidon2_16;
use p3_symmetric::Permutation;
use proofmark_core::{Algorithm, Digest};
use proofmark_plan::value::Table;
use sha2::{Digest as _, Sha256};

use crate::{
    air::F,
    gadget::{RATE, SALT},
    table::{Columns, Layout, text_bounds},
};

/// What hides a table behind its digest: seven field elements, 217 bits. All zero means that nothing is hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salt([u32; SALT]);

impl Salt {
    /// No salt: anybody who guesses the table can check the guess.
    pub const NONE: Self = Self([0; SALT]);

    /// A salt from uniform bytes, which must come from the operating system: 16 for each element.
    pub fn from_uniform_bytes(bytes: &[u8; 16 * SALT]) -> Self {
        Self(array::from_fn(|at| {
            let chunk = array::from_fn(|byte| bytes[16 * at + byte]);
            // 128 bits modulo a 31-bit order are uniform but for 2^-97.
            (u128::from_le_bytes(chunk) % u128::from(F::ORDER_U32)) as u32
        }))
    }

    /// A salt from 32 secret bytes, stretched by SHA-256 in counter mode; zeros give [`Salt::NONE`].
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        if *seed == [0; 32] {
            return Self::NONE;
        }
        let mut bytes = [0; 16 * SALT];
        for (counter, chunk) in bytes.chunks_mut(32).enumerate() {
            let mut hash = Sha256::new();
            hash.update(b"proofmark stark salt 1\0");
            hash.update([counter as u8]);
            hash.update(seed);
            chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
        }
        Self::from_uniform_bytes(&bytes)
    }

    pub(crate) fn elements(self) -> [F; SALT] {
        self.0.map(F::from_u32)
    }
}

/// The digest of a table, with the text bounds that its own texts need.
///
/// # Errors
/// See [`DigestError`].
pub fn table(table: &Table, salt: Salt) -> Result<Digest, DigestError> {
    table_with_text_bounds(table, &text_bounds(table), salt)
}

/// The digest of a table under these bounds of its text columns, in order.
///
/// # Errors
/// See [`DigestError`].
pub fn table_with_text_bounds(table: &Table, text: &[u8], salt: Salt) -> Result<Digest, DigestError> {
    let layout = Layout::new(&table.schema, text).ok_or(DigestError::TextBounds)?;
    let columns = Columns::of(table, text).ok_or(DigestError::BadValue)?;
    Ok(to_digest(&columns_digest(&layout, &columns, salt)))
}

pub(crate) fn columns_digest(layout: &Layout, columns: &Columns, salt: Salt) -> [F; RATE] {
    let permutation = default_koalabear_poseidon2_16();
    let mut state = [F::ZERO; 16];
    state[RATE..].copy_from_slice(&layout.iv);
    state[0] = F::from_usize(columns.rows);
    state[1..RATE].copy_from_slice(&salt.elements());
    permutation.permute_mut(&mut state);
    for row in 0..columns.rows {
        let mut elements = layout.elements(columns.columns.iter().map(|column| column.at(row)));
        elements.resize(elements.len().div_ceil(RATE).max(1) * RATE, F::ZERO);
        for block in elements.chunks(RATE) {
            state[..RATE].copy_from_slice(block);
            permutation.permute_mut(&mut state);
        }
    }
    array::from_fn(|lane| state[lane])
}

pub(crate) fn to_digest(elements: &[F; RATE]) -> Digest {
    let mut bytes = [0; 32];
    for (chunk, element) in bytes.chunks_exact_mut(4).zip(elements) {
        chunk.copy_from_slice(&element.as_canonical_u32().to_le_bytes());
    }
    Digest::new(Algorithm::Poseidon2KoalaBear, bytes)
}

/// The elements of a digest, or `None` if it is not one of tables or not canonical.
pub(crate) fn from_digest(digest: &Digest) -> Option<[F; RATE]> {
    if digest.algorithm() != Algorithm::Poseidon2KoalaBear {
        return None;
    }
    let words: Vec<u32> = digest
        .as_bytes()
        .chunks_exact(4)
        .map(|chunk| u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]))
        .collect();
    if words.iter().any(|word| *word >= F::ORDER_U32) {
        return None;
    }
    Some(array::from_fn(|lane| F::from_u32(words[lane])))
}

/// Why a table has no digest. Retrying does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// A value is not of its column's type, or a text passes its bound.
    #[error("a value is not of its column's type, or a text passes its bound")]
    BadValue,
    /// The text bounds are not those of the text columns.
    #[error("text bounds do not belong to the text columns")]
    TextBounds,
}
