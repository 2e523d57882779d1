//! Nothing that was changed is accepted, and a re-randomised proof is no new one.

mod common;

use std::{collections::BTreeMap, sync::Mutex};

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{Field as _, UniformRand as _};
use common::{facts, loaded};
use proofmark_binding::{
    circuit::Form,
    evidence::{self, EvidenceError, check, check_batch},
    key::VerifyingKey,
    manager::LoadedKey,
    point,
    proof::Proof,
    receipt::{Bound, bind},
};
use proofmark_core::{BindingEvidence, Claim, Digest, SealedCommitment};

/// A deterministic stream of numbers.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    }
}

/// One change of a claim or of its evidence: bits, bytes, words, points, keys, whole digests; or the evidence of another
/// statement, or of the other form.
fn mutate(bound: &Bound, others: &[Bound; 2], numbers: &mut Numbers) -> (Claim, BindingEvidence) {
    let (mut claim, mut evidence) = (bound.claim.clone(), bound.evidence.clone());
    let proof = &mut evidence.proof.0;
    match numbers.next(18) {
        0..=3 => {
            let at = numbers.next(proof.len());
            proof[at] ^= 1 << numbers.next(8);
        }
        4 => {
            let at = numbers.next(proof.len());
            proof[at] = proof[at].wrapping_add(1 + numbers.next(255) as u8);
        }
        5 => {
            // Another proof's point in the place of one.
            let (from, to) = [(0, 64), (64, 192), (192, 256)][numbers.next(3)];
            proof[from..to].copy_from_slice(&others[0].evidence.proof[from..to]);
        }
        6 => {
            let length = numbers.next(proof.len());
            proof.truncate(length);
        }
        7 => proof.push(numbers.next(256) as u8),
        8..=10 => *proof = move_point(proof, numbers),
        11 => {
            let key = &mut evidence.key.0;
            // Half of them meet form and mark.
            let at = if numbers.next(2) == 0 { numbers.next(2) } else { numbers.next(key.len()) };
            key[at] ^= 1 << numbers.next(8);
        }
        12 => {
            let mut key = VerifyingKey::from_bytes(&evidence.key).expect("an honest key");
            key.delta = (key.delta * Fr::from(2 + numbers.next(1 << 40) as u64)).into_affine();
            evidence.key = key.to_bytes().into();
        }
        13 => evidence = others[numbers.next(2)].evidence.clone(),
        _ => claim = change_claim(&claim, numbers),
    }
    (claim, evidence)
}

/// Every point stays on its curve and in its group, but one of them is another: multiplied, negated, moved, or `A` and `C`
/// have changed places.
fn move_point(proof: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut proof = Proof::from_bytes(proof).expect("an honest proof");
    let factor = Fr::from(2 + numbers.next(1 << 40) as u64);
    match numbers.next(7) {
        0 => proof.a = (proof.a * factor).into_affine(),
        1 => proof.b = (proof.b * factor).into_affine(),
        2 => proof.c = (proof.c * factor).into_affine(),
        3 => proof.a = -proof.a,
        4 => proof.c = -proof.c,
        5 => proof.c = (proof.c + G1Affine::generator() * factor).into_affine(),
        _ => std::mem::swap(&mut proof.a, &mut proof.c),
    }
    proof.to_bytes()
}

fn change_claim(claim: &Claim, numbers: &mut Numbers) -> Claim {
    let flip = |digest: &Digest, numbers: &mut Numbers| {
        let mut bytes = *digest.as_bytes();
        bytes[numbers.next(32)] ^= 1 << numbers.next(8);
        Digest::new(digest.algorithm(), bytes)
    };
    match claim {
        Claim::Binding(facts) => {
            let mut facts = *facts;
            let slot = [&mut facts.job, &mut facts.model, &mut facts.input, &mut facts.output];
            let at = numbers.next(4);
            let slot = slot.into_iter().nth(at).expect("four");
            *slot = flip(slot, numbers);
            Claim::Binding(facts)
        }
        Claim::SealedBinding(sealed) => {
            let mut sealed = *sealed;
            if numbers.next(2) == 0 {
                sealed.job = flip(&sealed.job, numbers);
            } else {
                // Half of them meet the byte that decides whether it is a field element.
                let at = if numbers.next(2) == 0 { 0 } else { numbers.next(32) };
                sealed.commitment.0[at] ^= 1 << numbers.next(8);
            }
            Claim::SealedBinding(sealed)
        }
        other => other.clone(),
    }
}

/// Refuses exactly so many changed claims and proofs, half of each form, and counts why.
fn refuse_mutations(count: usize) {
    /// Streams of changes, the same on every machine.
    const STREAMS: usize = 4;
    let refused = Mutex::new(BTreeMap::<String, usize>::new());
    let keys = Form::ALL.map(|form| loaded(form, 0));
    for form in Form::ALL {
        let [own, foreign] = if form == Form::Open { [&keys[0], &keys[1]] } else { [&keys[1], &keys[0]] };
        let bound = bind(own, &facts(1)).expect("proves");
        let others = [(own, 2), (foreign, 1)].map(|(key, seed)| bind(key, &facts(seed)).expect("proves"));
        assert_eq!(check(&bound.claim, &bound.evidence), Ok(()));
        std::thread::scope(|scope| {
            for stream in 0..STREAMS {
                let (bound, others, refused) = (&bound, &others, &refused);
                let mut left = (count / 2 + stream) / STREAMS;
                scope.spawn(move || {
                    let mut numbers = Numbers(stream as u64 + 1);
                    let mut reasons = BTreeMap::<String, usize>::new();
                    while left > 0 {
                        let (claim, evidence) = mutate(bound, others, &mut numbers);
                        if claim == bound.claim && evidence == bound.evidence {
                            continue;
                        }
                        left -= 1;
                        let Err(reason) = check(&claim, &evidence) else {
                            panic!("accepted: {form:?}, stream {stream}, {left} before the end");
                        };
                        *reasons.entry(format!("{reason:?}")).or_default() += 1;
                    }
                    let mut refused = refused.lock().expect("no panic");
                    for (reason, count) in reasons {
                        *refused.entry(reason).or_default() += count;
                    }
                });
            }
        });
    }
    let refused = refused.into_inner().expect("no panic");
    println!("refused {}: {refused:?}", refused.values().sum::<usize>());
    assert_eq!(refused.values().sum::<usize>(), count);
    // The changes reach every check, above all the last one.
    for reason in ["BadClaim", "BadKey", "BadProof", "DevMisstated", "DoesNotHold", "WrongForm"] {
        assert!(refused.contains_key(reason), "no change met {reason}");
    }
    assert!(refused["DoesNotHold"] * 5 > count, "well-formed lies are at least a fifth");
}

#[test]
fn no_mutation_is_accepted() {
    refuse_mutations(4_000);
}

#[test]
#[ignore = "heavy: a million mutated proofs and claims"]
fn a_million_mutations_and_none_is_accepted() {
    refuse_mutations(1_000_000);
}

#[test]
fn a_proof_is_for_one_job_one_key_and_one_form() {
    let [open, other] = [0, 1].map(|number| loaded(Form::Open, number));
    let sealed = loaded(Form::Sealed, 0);
    let bound = bind(&open, &facts(1)).expect("proves");
    assert_eq!(
        check(&Claim::Binding(facts(2)), &bound.evidence),
        Err(EvidenceError::DoesNotHold),
        "another job"
    );
    let foreign = BindingEvidence { key: other.bytes.clone().into(), ..bound.evidence.clone() };
    assert_eq!(check(&bound.claim, &foreign), Err(EvidenceError::DoesNotHold), "another key");
    let secret = bind(&sealed, &facts(1)).expect("proves");
    assert_eq!(check(&bound.claim, &secret.evidence), Err(EvidenceError::WrongForm));
    assert_eq!(check(&secret.claim, &bound.evidence), Err(EvidenceError::WrongForm));
    let honest = BindingEvidence { dev: false, ..bound.evidence.clone() };
    assert_eq!(check(&bound.claim, &honest), Err(EvidenceError::DevMisstated));
    let Claim::SealedBinding(mut claim) = secret.claim.clone() else { panic!("sealed") };
    claim.commitment = SealedCommitment([0xff; 32]);
    assert_eq!(check(&Claim::SealedBinding(claim), &secret.evidence), Err(EvidenceError::BadClaim));
}

/// `A' = x⁻¹A, B' = xB + xyδ, C' = C + yA` holds whenever `A, B, C` does.
fn rerandomise(key: &LoadedKey, proof: &Proof, x: Fr, y: Fr) -> Proof {
    let inverse = x.inverse().expect("not zero");
    let delta: G2Affine = key.prepared.key().delta;
    Proof {
        a: (proof.a * inverse).into_affine(),
        b: (proof.b * x + delta * (x * y)).into_affine(),
        c: (proof.c + proof.a * y).into_affine(),
    }
}

#[test]
fn a_rerandomised_proof_holds_but_for_no_other_job() {
    let rng = &mut ark_std::test_rng();
    for form in Form::ALL {
        let key = loaded(form, 0);
        let bound = bind(&key, &facts(1)).expect("proves");
        let proof = Proof::from_bytes(&bound.evidence.proof).expect("honest");
        let again = rerandomise(&key, &proof, Fr::rand(rng), Fr::rand(rng));
        assert_ne!(again, proof);
        let evidence = BindingEvidence { proof: again.to_bytes().into(), ..bound.evidence.clone() };
        assert_eq!(check(&bound.claim, &evidence), Ok(()), "anybody can do that");
        let mut numbers = Numbers(9);
        for _ in 0..20 {
            assert!(check(&change_claim(&bound.claim, &mut numbers), &evidence).is_err());
        }
    }
}

#[test]
fn points_are_read_strictly() {
    let key = loaded(Form::Open, 0);
    let bound = bind(&key, &facts(1)).expect("proves");
    let with = |from: usize, bytes: &[u8]| {
        let mut proof = bound.evidence.proof.0.clone();
        proof[from..from + bytes.len()].copy_from_slice(bytes);
        check(&bound.claim, &BindingEvidence { proof: proof.into(), ..bound.evidence.clone() })
    };
    let bad = Err(EvidenceError::BadProof);
    assert_eq!(with(0, &[0; 64]), bad, "infinity");
    assert_eq!(with(64, &[0; 128]), bad, "infinity");
    // x + p is the same coordinate in another spelling.
    let modulus = "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";
    let modulus: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&modulus[2 * at..2 * at + 2], 16).expect("hex")).collect();
    let mut carry = 0;
    let mut spelled: Vec<u8> = bound.evidence.proof[..32].to_vec();
    for (byte, add) in spelled.iter_mut().zip(&modulus).rev() {
        let sum = u16::from(*byte) + u16::from(*add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0);
    assert_eq!(with(0, &spelled), bad, "a coordinate above the modulus");
    // A point of the twist's curve outside the subgroup.
    let mut x = 1u64;
    let outside = loop {
        let at = ark_bn254::Fq2::new(x.into(), 0u64.into());
        match G2Affine::get_point_from_x_unchecked(at, false) {
            Some(point) if !point.is_in_correct_subgroup_assuming_on_curve() => break point,
            _ => x += 1,
        }
    };
    let mut bytes = Vec::new();
    point::put_g2(&mut bytes, &outside);
    assert_eq!(with(64, &bytes), bad, "outside the subgroup");
    let mut bytes = Vec::new();
    point::put_g1(&mut bytes, &G1Affine::generator());
    assert_eq!(with(0, &bytes), Err(EvidenceError::DoesNotHold), "a good point, but the wrong one");
}

#[test]
fn a_batch_pinpoints_its_bad_members() {
    let keys = [loaded(Form::Open, 0), loaded(Form::Open, 1), loaded(Form::Sealed, 0)];
    let bounds: Vec<Bound> =
        (0..24).map(|at| bind(&keys[at % 3], &facts(at as u64)).expect("proves")).collect();
    let good: Vec<_> = bounds.iter().map(|bound| (&bound.claim, &bound.evidence)).collect();
    assert!(check_batch(&good).iter().all(Result::is_ok));
    assert!(check_batch(&[]).is_empty());
    let stranger = Claim::Binding(facts(999));
    for bad in [vec![0], vec![23], vec![3, 4, 5], (0..24).collect::<Vec<_>>()] {
        let mut items = good.clone();
        for at in &bad {
            items[*at].0 = &stranger;
        }
        for (at, result) in check_batch(&items).iter().enumerate() {
            assert_eq!(result.is_err(), bad.contains(&at), "member {at} of {bad:?}");
        }
    }
    let mut garbled = bounds[5].evidence.clone();
    garbled.proof.0[0] ^= 1;
    let mut items = good.clone();
    items[5].1 = &garbled;
    let results = check_batch(&items);
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    assert!(results[5].is_err());
}

/// Two false proofs whose errors cancel out without weights.
#[test]
fn errors_do_not_cancel_in_a_batch() {
    let key = loaded(Form::Open, 0);
    let [one, two] = [1, 2].map(|seed| bind(&key, &facts(seed)).expect("proves"));
    let shift = |bound: &Bound, up: bool| {
        let mut proof = Proof::from_bytes(&bound.evidence.proof).expect("honest");
        let step = G1Affine::generator().into_group() * Fr::from(5);
        proof.c = (if up { proof.c + step } else { proof.c.into_group() - step }).into_affine();
        BindingEvidence { proof: proof.to_bytes().into(), ..bound.evidence.clone() }
    };
    let (up, down) = (shift(&one, true), shift(&two, false));
    let results = check_batch(&[(&one.claim, &up), (&two.claim, &down)]);
    assert_eq!(results, [Err(EvidenceError::DoesNotHold); 2]);
}

#[test]
fn a_sealed_claim_opens_with_its_opening_only() {
    let key = loaded(Form::Sealed, 0);
    let bound = bind(&key, &facts(1)).expect("proves");
    let Claim::SealedBinding(claim) = &bound.claim else { panic!("sealed") };
    let opening = bound.opening.clone().expect("sealed claims have one");
    assert!(evidence::opens(claim, &opening));
    let mut other = opening.clone();
    other.output = Digest::of(b"another answer");
    assert!(!evidence::opens(claim, &other));
    let mut other = opening;
    other.salt.0[3] ^= 1;
    assert!(!evidence::opens(claim, &other));
    other.salt.0.push(0);
    assert!(!evidence::opens(claim, &other));
    let text = serde_json::to_string(&claim).expect("encodes");
    for hidden in [facts(1).model, facts(1).input, facts(1).output] {
        assert!(!text.contains(&hidden.to_hex()), "the receipt shows nothing of what it hides");
    }
}
