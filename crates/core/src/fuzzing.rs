//! Bodies of fuzz targets, and damaged copies of good bytes, always the same ones: what the tests of readers run where no
//! fuzzer is at hand.

use alloc::vec::Vec;

/// Reads a receipt; what was read must survive both encodings.
#[cfg(feature = "receipt")]
pub fn receipt(bytes: &[u8]) {
    use crate::Receipt;
    let Ok(receipt) = Receipt::decode(bytes) else { return };
    assert_eq!(Receipt::decode(&receipt.to_cbor()).as_ref(), Ok(&receipt));
    assert_eq!(Receipt::decode(receipt.to_json().as_bytes()).as_ref(), Ok(&receipt));
}

/// Reads a job; what was read must have the same digest when written and read again.
#[cfg(feature = "receipt")]
pub fn job(bytes: &[u8]) {
    use crate::Job;
    let Ok(job) = Job::parse(bytes) else { return };
    let again = Job::parse(job.to_json().as_bytes()).expect("what a job writes is a job");
    assert_eq!(again.digest(), job.digest());
}

/// Damages each seed in turn, `count` times in all. The same seeds give the same damage on every machine.
///
/// Each damaged copy got one to four of: a flipped bit, another byte, a cut, a part said twice, a part of another seed, a long
/// run of one byte, and a cut end.
pub fn damaged<'a>(seeds: &'a [&'a [u8]], count: usize) -> impl Iterator<Item = Vec<u8>> + 'a {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    (0..count).filter_map(move |at| {
        let mut bytes = seeds.get(at % seeds.len().max(1))?.to_vec();
        for _ in 0..=random.below(4) {
            damage(&mut bytes, seeds, &mut random);
        }
        Some(bytes)
    })
}

/// Bytes that readers of text and of lengths trip over.
const NASTY: &[u8] = b"\0\n\"'\\,:[]{}()<>&-+.eE09\x7f\x80\xc0\xff";

fn damage(bytes: &mut Vec<u8>, seeds: &[&[u8]], random: &mut Random) {
    let at = random.below(bytes.len());
    let end = at + random.below(bytes.len() - at).min(64);
    match random.below(7) {
        _ if bytes.is_empty() => bytes.push(random.next() as u8),
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = NASTY[random.below(NASTY.len())],
        2 => drop(bytes.drain(at..end)),
        3 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        4 => {
            let other = seeds[random.below(seeds.len())];
            let from = random.below(other.len());
            let part = &other[from..other.len().min(from + 64)];
            bytes.splice(at..end, part.iter().copied());
        }
        5 => {
            let byte = NASTY[random.below(NASTY.len())];
            bytes.splice(at..at, core::iter::repeat_n(byte, random.below(300)));
        }
        _ => bytes.truncate(at),
    }
}

/// xorshift64*: good enough to choose damage, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`, or zero if `bound` is zero.
    fn below(&mut self, bound: usize) -> usize {
        ((self.next() >> 33) as usize).checked_rem(bound).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "receipt")]
    #[test]
    fn damaged_receipts() {
        let json = include_bytes!("../../../fuzz/seeds/receipt/commitment.json");
        let cbor = crate::Receipt::decode(json).unwrap().to_cbor();
        damaged(&[json, &cbor], 2000).for_each(|bytes| receipt(&bytes));
    }

    #[cfg(feature = "receipt")]
    #[test]
    fn damaged_jobs() {
        let seed = include_bytes!("../../../fuzz/seeds/job/priced.json");
        assert!(crate::Job::parse(seed).is_ok());
        damaged(&[seed], 2000).for_each(|bytes| job(&bytes));
    }

    #[test]
    fn damage_is_the_same_every_time_and_real() {
        let seeds: &[&[u8]] = &[b"{\"a\": [1, 2, 3]}", b"version: 1", b""];
        let once: Vec<_> = damaged(seeds, 300).collect();
        assert_eq!(once, damaged(seeds, 300).collect::<Vec<_>>());
        assert_eq!(once.len(), 300);
        assert!(once.iter().filter(|bytes| !seeds.contains(&&bytes[..])).count() > 250);
        assert_eq!(damaged(&[], 10).count(), 0);
    }
}
