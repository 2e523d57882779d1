//! How many bits a proof is worth, by the calculator of Plonky3.

use p3_batch_stark::num_batched_openings;
use p3_security::{
    fri::FriRegime,
    grinding::GrindingSites,
    logup::{LogUpAir, security_term},
    shape::{InstanceShape, StarkAirParams},
    stark::{conjectured_security_report, proven_security_report},
};
use p3_uni_stark::OpeningShape;

use crate::{
    air::MAX_DEGREE,
    config::{DEGREE, LOG_BLOWUP, Level, fri},
    hash::HASH_BYTES,
    proof::Shape,
};

/// The security of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Security {
    /// Bits that are proven, in the better of the unique-decoding and the Johnson regime.
    pub proven_bits: u32,
    /// Bits under the conjecture that random words are the worst ones for FRI.
    pub conjectured_bits: u32,
    /// Whether the proof is zero-knowledge. Always so here.
    pub zero_knowledge: bool,
}

impl Security {
    /// What evidence of this proof and others is worth, of all of which a forger needs one: by the union bound no more
    /// than the weakest of them less the bits of their number.
    #[must_use]
    pub fn and(self, others: impl IntoIterator<Item = Self>) -> Self {
        let (mut weakest, mut proofs) = (self, 1_usize);
        for other in others {
            proofs += 1;
            weakest = Self {
                proven_bits: weakest.proven_bits.min(other.proven_bits),
                conjectured_bits: weakest.conjectured_bits.min(other.conjectured_bits),
                zero_knowledge: weakest.zero_knowledge && other.zero_knowledge,
            };
        }
        let lost = proofs.next_power_of_two().ilog2();
        Self {
            proven_bits: weakest.proven_bits.saturating_sub(lost),
            conjectured_bits: weakest.conjectured_bits.saturating_sub(lost),
            ..weakest
        }
    }
}

/// Bits of the field of challenges, rounded down.
const FIELD_BITS: usize = 154;

/// Queries, in hundredths, that are worth as much at the rate 1/8 as one at the rate 9/64, which is that of the code:
/// `n + n / 8` coefficients on `8 n` points. A query misses with the chance `a = (1 + 1/(2m)) sqrt(rate)` in the Johnson
/// regime, `a = (1 + rate) / 2` in the unique-decoding one and about the rate in the conjecture; the quotient of the
/// logarithms of `a` is least in the first at `m = 3`, the least that the calculator considers: 0.9335. All its other
/// terms are better at a greater rate, for they have it in denominators.
const HUNDREDTHS: usize = 93;

/// Bits of collision resistance of the hash: half of its length.
const COLLISION_BITS: usize = 4 * HASH_BYTES;

pub(crate) fn security(level: Level, shape: &Shape) -> Security {
    // Masked, without further columns beside each table.
    let openings = OpeningShape::hiding(0);
    let (mut batched, mut constraints, mut messages, mut widest, mut cosets, mut log_height) =
        (0, 0, 0, 1, 0, 0);
    for instance in &shape.instances {
        batched += num_batched_openings(
            instance.width,
            true,
            0,
            false,
            instance.parts,
            instance.lookups,
            DEGREE,
            openings,
        );
        // Beside its own constraints an instance has one per fraction and three of the running sum.
        constraints += instance.constraints + instance.lookups + 3;
        messages += instance.messages << (instance.log_height as u32);
        widest = widest.max(instance.widest_message);
        cosets = cosets.max(instance.cosets);
        log_height = log_height.max(instance.log_height);
    }
    let air = StarkAirParams {
        num_constraints: constraints,
        // Polynomials are an eighth longer than tables: degree four of theirs is less than five of these.
        max_constraint_degree: usize::from(MAX_DEGREE) + 1,
        num_quotient_chunks: cosets,
        max_combo: 2,
    };
    let instance = InstanceShape {
        log_trace_length: log_height,
        modulus_bits: FIELD_BITS,
        collision_resistance: COLLISION_BITS,
        num_batched_functions: batched,
    };
    let lookup = LogUpAir { num_interactions: messages.div_ceil(1 << log_height), max_message_width: widest };
    let extras: alloc::vec::Vec<_> =
        security_term(&lookup, &instance, &GrindingSites::NONE).into_iter().collect();
    let parameters = fri(level, ());
    let sites = parameters.grinding_sites();
    let regime = FriRegime {
        log_blowup: LOG_BLOWUP,
        num_queries: level.queries() * HUNDREDTHS / 100,
        ..parameters.security_regime()
    };
    let proven = proven_security_report(&regime, &air, &instance, &extras, &sites);
    let conjectured = conjectured_security_report(&regime, &air, &instance, &extras, &sites);
    Security {
        proven_bits: proven.security_bits() as u32,
        conjectured_bits: conjectured.security_bits() as u32,
        zero_knowledge: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a query is worth at the two rates, wherever the calculator may look.
    #[test]
    fn queries_count_for_no_more_than_they_are_worth() {
        let rates = [1.0 / 8.0, 1.125 / 8.0];
        let enough = |worth: [f64; 2]| {
            assert!(worth[0] * HUNDREDTHS as f64 <= worth[1] * 100.0, "{worth:?}");
        };
        for m in 3..=1000 {
            enough(rates.map(|rate: f64| -((1.0 + 0.5 / f64::from(m)) * rate.sqrt()).log2()));
        }
        enough(rates.map(|rate| -(f64::midpoint(1.0, rate)).log2()));
        // The conjecture has a little more than the rate, the same share of it up to a sixth.
        for more in [1.0, 1.05, 1.2] {
            enough(rates.map(|rate: f64| -(rate * more).log2()));
        }
    }

    #[test]
    fn many_proofs_are_worth_less_than_one() {
        let one = Security { proven_bits: 100, conjectured_bits: 124, zero_knowledge: true };
        for (others, bits) in [(0, 100), (1, 99), (2, 98), (3, 98), (4, 97), (64, 93)] {
            assert_eq!(one.and(core::iter::repeat_n(one, others)).proven_bits, bits, "{others}");
        }
        let weak = Security { proven_bits: 80, conjectured_bits: 90, zero_knowledge: false };
        let both = Security { proven_bits: 79, conjectured_bits: 89, zero_knowledge: false };
        assert_eq!([one.and([weak]), weak.and([one])], [both; 2]);
    }
}
