//! Set-up, proving and verifying end to end, against arkworks' own prover and verifier.

use ark_bn254::{Bn254, Fr};
use ark_ff::{Field as _, UniformRand as _};
use ark_groth16::{Groth16, r1cs_to_qap::LibsnarkReduction};
use proofmark_binding::{
    ceremony::development_key,
    circuit::{Form, Witness, open_public},
    key::Points,
    manager::LoadedKey,
    phase1::{POWERS_08, PowersOfTau},
    proof::{PROOF_BYTES, PreparedKey, Proof, prove},
    receipt::prove_witness,
    setup::{contribute, initial, verify_transcript},
};
use proofmark_core::{Digest, InferenceClaim};

fn rng() -> impl ark_std::rand::RngCore {
    ark_std::test_rng()
}

fn facts(seed: u8) -> InferenceClaim {
    let digest = |part: u8| Digest::of(&[seed, part]);
    InferenceClaim { job: digest(0), model: digest(1), input: digest(2), output: digest(3) }
}

#[test]
fn the_open_form_on_the_real_powers() {
    let powers = PowersOfTau::read(POWERS_08).unwrap();
    let mut points = initial(Form::Open, &powers).unwrap();
    let mut transcript = Vec::new();
    for name in ["alice", "bob"] {
        let contribution = contribute(&mut points, &transcript, name, &mut rng());
        transcript.push(contribution);
    }
    verify_transcript(&points, &powers, &transcript).unwrap();
    let mut swapped = transcript.clone();
    swapped.swap(0, 1);
    assert!(verify_transcript(&points, &powers, &swapped).is_err());
    assert!(verify_transcript(&points, &powers, &transcript[..1]).is_err());
    let mut renamed = transcript.clone();
    renamed[0].name = "mallory".into();
    assert!(verify_transcript(&points, &powers, &renamed).is_err());

    let key = points.tabulate();
    let prepared = PreparedKey::new(key.verifying.clone());
    let witness = Witness::open(&facts(1));
    let proof = prove(&key, &witness, Fr::rand(&mut rng()), Fr::rand(&mut rng()));
    assert!(prepared.holds(&proof, &open_public(&facts(1))));
    assert!(!prepared.holds(&proof, &open_public(&facts(2))));
    assert_eq!(Proof::from_bytes(&proof.to_bytes()), Some(proof));
    for at in 0..256 {
        let mut bytes = proof.to_bytes();
        bytes[at] ^= 1;
        let accepted = Proof::from_bytes(&bytes).is_some_and(|proof| prepared.holds(&proof, &witness.public));
        assert!(!accepted, "byte {at}");
    }
}

/// The compact prover and arkworks' prover give the same proof from the same randomness.
#[test]
fn both_forms_agree_with_arkworks() {
    let mut rng = rng();
    let powers = PowersOfTau::develop(9, Fr::rand(&mut rng), Fr::rand(&mut rng), Fr::rand(&mut rng));
    for form in Form::ALL {
        let mut points = initial(form, &powers).unwrap();
        contribute(&mut points, &[], "test", &mut rng);
        let witness = match form {
            Form::Open => Witness::open(&facts(3)),
            Form::Sealed => Witness::sealed(&facts(3), 42),
        };
        let (r, s) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
        let proof = prove(&points.tabulate(), &witness, r, s);
        let reference = Groth16::<Bn254, LibsnarkReduction>::create_proof_with_reduction_and_matrices(
            &reference_key(&points),
            r,
            s,
            &form.r1cs().rows,
            form.r1cs().public,
            form.r1cs().constraints(),
            witness.assignment(),
        )
        .unwrap();
        assert_eq!((proof.a, proof.b, proof.c), (reference.a, reference.b, reference.c));
        let prepared = ark_groth16::prepare_verifying_key(&reference_key(&points).vk);
        assert!(Groth16::<Bn254>::verify_proof(&prepared, &reference, &witness.public).unwrap());

        let ours = PreparedKey::new(points.verifying.clone());
        let statements = [(&proof, &witness.public[..]), (&proof, &witness.public[..])];
        assert!(ours.all_hold(&statements, &[3, 5]));
        let mut other = witness.public.clone();
        other[0] += Fr::ONE;
        assert!(!ours.all_hold(&[(&proof, &witness.public[..]), (&proof, &other)], &[3, 5]));
    }
}

/// The same facts give the same statement; proofs of it differ, because each has fresh randomness, and have one shape.
#[test]
fn equal_facts_give_one_statement_and_proofs_of_one_shape() {
    for form in Form::ALL {
        let key = LoadedKey::new(development_key(form).tabulate());
        let witness = || match form {
            Form::Open => Witness::open(&facts(4)),
            Form::Sealed => Witness::sealed(&facts(4), 4),
        };
        let (one, two) = (witness(), witness());
        assert_eq!((&one.public, one.assignment()), (&two.public, two.assignment()));
        let [first, second] = [&one, &two].map(|witness| prove_witness(&key, witness).expect("proves"));
        assert_ne!(first, second, "nobody can tell whether two proofs have one witness");
        for proof in [first, second] {
            assert_eq!(proof.to_bytes().len(), PROOF_BYTES);
            assert!(key.prepared.holds(&proof, &one.public));
        }
    }
}

fn reference_key(points: &Points) -> ark_groth16::ProvingKey<Bn254> {
    use ark_ec::AffineRepr as _;
    ark_groth16::ProvingKey {
        vk: ark_groth16::VerifyingKey {
            alpha_g1: points.verifying.alpha,
            beta_g2: points.verifying.beta,
            gamma_g2: ark_bn254::G2Affine::generator(),
            delta_g2: points.verifying.delta,
            gamma_abc_g1: points.verifying.public.clone(),
        },
        beta_g1: points.beta_g1,
        delta_g1: points.delta_g1,
        a_query: points.a.clone(),
        b_g1_query: points.b_g1.clone(),
        b_g2_query: points.b_g2.clone(),
        h_query: points.h.clone(),
        l_query: points.l.clone(),
    }
}
