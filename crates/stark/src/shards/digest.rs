//! The digest of a table in shards, natively.

use alloc::{sync::Arc, vec::Vec};
use core::array;

use p3_field::PrimeCharacteristicRing;
use p3_koala_bear::default_koalabear_poseidon2_16;
use p3_symmetric::Permutation;
use proofmark_core::Digest;
use proofmark_plan::value::{ColumnData, Table, Text, Values};
use sha2::{Digest as _, Sha256};

use crate::{
    air::F,
    digest::{from_digest, to_digest},
    gadget::RATE,
};

/// The digest of a table from the digests of its shards, each of `rows` rows but the last, which has 1 to `rows`.
///
/// A Poseidon2 sponge as that of tables, its capacity a hash of a name of its own: no digest of a table is one of shards.
/// The first block holds `rows` and the number of shards; each digest is one block. `None` if a digest is not one of
/// tables.
pub fn sharded_digest(rows: u32, shards: &[Digest]) -> Option<Digest> {
    let permutation = default_koalabear_poseidon2_16();
    let mut state = [F::ZERO; 16];
    let name = Sha256::digest(b"proofmark table in shards 1\0");
    for (lane, bytes) in state[RATE..].iter_mut().zip(name.chunks_exact(4)) {
        // Below the order, as all elements of a capacity.
        *lane = F::from_u32(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) >> 2);
    }
    // Both halves of each number are below the order.
    for (at, number) in [rows, u32::try_from(shards.len()).ok()?].into_iter().enumerate() {
        state[2 * at] = F::from_u32(number & 0xffff);
        state[2 * at + 1] = F::from_u32(number >> 16);
    }
    permutation.permute_mut(&mut state);
    for shard in shards {
        state[..RATE].copy_from_slice(&from_digest(shard)?);
        permutation.permute_mut(&mut state);
    }
    Some(to_digest(&array::from_fn(|lane| state[lane])))
}

/// The seed of the salt of a shard's digest, from that of the table; zeros, which are no salt, stay zeros.
pub fn shard_salt(seed: &[u8; 32], shard: usize) -> [u8; 32] {
    if *seed == [0; 32] {
        return *seed;
    }
    let mut hash = Sha256::new();
    hash.update(b"proofmark shard salt 1\0");
    hash.update((shard as u64).to_le_bytes());
    hash.update(seed);
    hash.finalize().into()
}

/// The shards of a table, in order: `rows` rows each, which must not be zero, but the last.
pub fn slice(table: &Table, rows: u32) -> impl ExactSizeIterator<Item = Table> {
    (0..table.rows.div_ceil((rows as usize).max(1))).map(move |at| shard(table, rows, at))
}

/// The shard of this number, from zero, of a table that is cut as by [`slice`]; without rows if there is none.
pub fn shard(table: &Table, rows: u32, at: usize) -> Table {
    let start = at.saturating_mul(rows as usize).min(table.rows);
    rows_of(table, start, (rows as usize).min(table.rows - start))
}

fn rows_of(table: &Table, start: usize, rows: usize) -> Table {
    fn part<T: Clone>(values: &[T], start: usize, rows: usize) -> Vec<T> {
        values[start..start + rows].to_vec()
    }
    let columns = table.columns.iter().map(|column| {
        let values = match &column.values {
            Values::Bool(values) => Values::Bool(part(values, start, rows)),
            Values::Narrow(values) => Values::Narrow(part(values, start, rows)),
            Values::Text(text) => {
                Values::Text(Text { heap: text.heap.clone(), spans: part(&text.spans, start, rows) })
            }
            Values::Wide(values) => Values::Wide(part(values, start, rows)),
        };
        let validity = column.validity.as_ref().map(|bits| part(bits, start, rows));
        Arc::new(ColumnData { values, validity })
    });
    Table { schema: table.schema.clone(), rows, columns: columns.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Salt;

    #[test]
    fn a_sharding_has_one_digest_and_no_digest_two_meanings() {
        let table = crate::tests::small_case().inputs[0].clone();
        let digests = |rows| -> Vec<Digest> {
            slice(&table, rows)
                .map(|shard| crate::digest::table(&shard, Salt::NONE).expect("a digest"))
                .collect()
        };
        let all = digests(2);
        assert_eq!(all.len(), table.rows.div_ceil(2));
        let digest = sharded_digest(2, &all).expect("a digest");
        let mut swapped = all.clone();
        swapped.swap(0, 1);
        let mut repeated = all.clone();
        repeated.push(all[0]);
        let whole = crate::digest::table(&table, Salt::NONE).expect("a digest");
        let others = [
            sharded_digest(3, &all),
            sharded_digest(2 + (1 << 16), &all),
            sharded_digest(2, &all[1..]),
            sharded_digest(2, &swapped),
            sharded_digest(2, &repeated),
            sharded_digest(2, &[whole]),
            Some(whole),
            Some(all[0]),
        ];
        assert!(others.iter().all(|other| other.is_some_and(|other| other != digest)));
        assert_eq!(sharded_digest(2, &[Digest::of(b"x")]), None);
    }

    #[test]
    fn shards_are_all_rows_in_order() {
        let table = crate::tests::small_case().inputs[0].clone();
        for rows in [1, 2, 3, table.rows as u32, 1000] {
            let shards: Vec<Table> = slice(&table, rows).collect();
            assert_eq!(shards.iter().map(|shard| shard.rows).sum::<usize>(), table.rows);
            assert!(shards.iter().rev().skip(1).all(|shard| shard.rows == rows as usize));
        }
        assert_eq!(slice(&table, table.rows as u32).next(), Some(table.clone()));
        assert_ne!(shard_salt(&[1; 32], 0), shard_salt(&[1; 32], 1));
        assert_eq!(shard_salt(&[0; 32], 1), [0; 32]);
    }
}
