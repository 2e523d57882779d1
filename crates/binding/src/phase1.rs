//! Powers of tau: the part of a set-up that serves every circuit.
//!
//! `[τ^i]₁`, `[τ^i]₂`, `[α τ^i]₁`, `[β τ^i]₁` and `[β]₂` from the *perpetual powers of tau* ceremony for BN254 (54 contributions and
//! a beacon), in the `.ptau` form of snarkjs. One honest contributor suffices. The file for 2^8 constraints, which serves both
//! circuits, is part of this crate; its BLAKE2b-512 is the one that the snarkjs project publishes.

use std::{collections::BTreeMap, vec::Vec};

use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr as _, CurveGroup as _, VariableBaseMSM as _, pairing::Pairing as _};
use ark_ff::{BigInt, Field as _, PrimeField as _};
use blake2::{Blake2b512, Digest as _};

use crate::SetupError;

/// The file for at most 2^8 constraints.
pub const POWERS_08: &[u8] = include_bytes!("../setup/powers_of_tau_08.ptau");

/// BLAKE2b-512 of the published files, by power (snarkjs README, "Prepare phase 2").
pub const PUBLISHED: &[(u32, &str)] = &[
    (
        8,
        "d6a8fb3a04feb600096c3b791f936a578c4e664d262e4aa24beed1b7a9a96aa5eb72864d628db247e9293384b74b36ffb52ca8d148d6e1b8b51e279fdf57b583",
    ),
    (
        9,
        "94f108a80e81b5d932d8e8c9e8fd7f46cf32457e31462deeeef37af1b71c2c1b3c71fb0d9b59c654ec266b042735f50311f9fd1d4cadce47ab234ad163157cb5",
    ),
    (
        10,
        "6cfeb8cda92453099d20120bdd0e8a5c4e7706c2da9a8f09ccc157ed2464d921fd0437fb70db42104769efd7d6f3c1f964bcf448c455eab6f6c7d863e88a5849",
    ),
];

/// Powers of tau, checked for consistency.
#[derive(Clone, Debug)]
pub struct PowersOfTau {
    /// BLAKE2b-512 of the file.
    pub hash: [u8; 64],
    /// Whether the hash is a published one.
    pub published: bool,
    pub(crate) tau_g1: Vec<G1Affine>,
    pub(crate) tau_g2: Vec<G2Affine>,
    pub(crate) alpha_tau: Vec<G1Affine>,
    pub(crate) beta_tau: Vec<G1Affine>,
    pub(crate) beta_g2: G2Affine,
}

impl PowersOfTau {
    /// Reads a `.ptau` file and checks that its powers are powers of one `τ`.
    ///
    /// # Errors
    /// If the file is damaged, for another curve, or inconsistent.
    pub fn read(file: &[u8]) -> Result<Self, SetupError> {
        let sections = sections(file)?;
        let section = |number: u32| {
            sections
                .get(&number)
                .copied()
                .ok_or(SetupError::Malformed("a section of the .ptau file is missing"))
        };
        let header = section(1)?;
        let modulus: Vec<u8> = Fq::MODULUS.0.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        if header.len() < 40 || header[..4] != 32u32.to_le_bytes() || header[4..36] != modulus {
            return Err(SetupError::Malformed("the .ptau file is not for BN254"));
        }
        let power = u32::from_le_bytes(header[36..40].try_into().expect("four bytes"));
        if !(1..=20).contains(&power) {
            return Err(SetupError::Malformed("only .ptau files of 2^1 to 2^20 are read"));
        }
        let size = 1usize << power;
        let hash: [u8; 64] = Blake2b512::digest(file).into();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let this = Self {
            published: PUBLISHED.iter().any(|(p, published)| *p == power && *published == hex),
            hash,
            tau_g1: read_g1(section(2)?, 2 * size - 1)?,
            tau_g2: read_g2(section(3)?, size)?,
            alpha_tau: read_g1(section(4)?, size)?,
            beta_tau: read_g1(section(5)?, size)?,
            beta_g2: read_g2(section(6)?, 1)?[0],
        };
        this.check()?;
        Ok(this)
    }

    /// Largest number of rows of a circuit that these powers serve.
    pub fn size(&self) -> usize {
        self.tau_g2.len()
    }

    /// `e(P_{i+1}, G₂) = e(P_i, τG₂)` for all powers at once, under weights that the file fixes.
    fn check(&self) -> Result<(), SetupError> {
        let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
        let base = Fr::from_le_bytes_mod_order(&self.hash);
        let weights: Vec<Fr> =
            core::iter::successors(Some(base), |weight| Some(*weight * base)).take(2 * self.size()).collect();
        let tau_g2 = self.tau_g2[1];
        let steps_g1 = |points: &[G1Affine]| {
            let n = points.len() - 1;
            let low = G1Projective::msm_unchecked(&points[..n], &weights[..n]);
            let high = G1Projective::msm_unchecked(&points[1..], &weights[..n]);
            Bn254::pairing(high, g2) == Bn254::pairing(low, tau_g2)
        };
        let n = self.tau_g2.len() - 1;
        let low = G2Projective::msm_unchecked(&self.tau_g2[..n], &weights[..n]);
        let high = G2Projective::msm_unchecked(&self.tau_g2[1..], &weights[..n]);
        let good = self.tau_g1[0] == g1
            && self.tau_g2[0] == g2
            && steps_g1(&self.tau_g1)
            && steps_g1(&self.alpha_tau)
            && steps_g1(&self.beta_tau)
            && Bn254::pairing(g1, high) == Bn254::pairing(self.tau_g1[1], low)
            && Bn254::pairing(self.beta_tau[0], g2) == Bn254::pairing(g1, self.beta_g2);
        if good { Ok(()) } else { Err(SetupError::Inconsistent("the powers are not powers of one tau")) }
    }

    /// Powers made here, by one party: for development and for tests.
    pub fn develop(power: u32, tau: Fr, alpha: Fr, beta: Fr) -> Self {
        let size = 1usize << power;
        let powers: Vec<Fr> =
            core::iter::successors(Some(Fr::ONE), |last| Some(*last * tau)).take(2 * size - 1).collect();
        let g1 = |factor: Fr, count: usize| -> Vec<G1Affine> {
            let points: Vec<_> =
                powers[..count].iter().map(|power| G1Affine::generator() * (factor * power)).collect();
            G1Projective::normalize_batch(&points)
        };
        let tau_g2: Vec<_> = powers[..size].iter().map(|power| G2Affine::generator() * power).collect();
        Self {
            hash: [0; 64],
            published: false,
            tau_g1: g1(Fr::ONE, 2 * size - 1),
            tau_g2: G2Projective::normalize_batch(&tau_g2),
            alpha_tau: g1(alpha, size),
            beta_tau: g1(beta, size),
            beta_g2: (G2Affine::generator() * beta).into_affine(),
        }
    }
}

/// The sections of a `.ptau` file by number: magic, version, count, then number, size and content of each.
fn sections(file: &[u8]) -> Result<BTreeMap<u32, &[u8]>, SetupError> {
    let malformed = SetupError::Malformed("not a .ptau file");
    let (head, mut rest) = file.split_at_checked(12).ok_or(malformed)?;
    let malformed = SetupError::Malformed("the .ptau file is cut off");
    if head[..8] != *b"ptau\x01\0\0\0" {
        return Err(SetupError::Malformed("not a .ptau file of version 1"));
    }
    let count = u32::from_le_bytes(head[8..].try_into().expect("four bytes")).min(64);
    let mut sections = BTreeMap::new();
    for _ in 0..count {
        let (number, tail) = rest.split_first_chunk::<4>().ok_or(malformed)?;
        let (size, tail) = tail.split_first_chunk::<8>().ok_or(malformed)?;
        let size = usize::try_from(u64::from_le_bytes(*size)).map_err(|_| malformed)?;
        let (content, tail) = tail.split_at_checked(size).ok_or(malformed)?;
        sections.insert(u32::from_le_bytes(*number), content);
        rest = tail;
    }
    Ok(sections)
}

fn read_g1(section: &[u8], count: usize) -> Result<Vec<G1Affine>, SetupError> {
    points(section, count, 64, |bytes| {
        let point = G1Affine::new_unchecked(coordinate(&bytes[..32])?, coordinate(&bytes[32..])?);
        point.is_on_curve().then_some(point)
    })
}

fn read_g2(section: &[u8], count: usize) -> Result<Vec<G2Affine>, SetupError> {
    points(section, count, 128, |bytes| {
        let part = |at: usize| coordinate(&bytes[at * 32..][..32]);
        let point = G2Affine::new_unchecked(Fq2::new(part(0)?, part(1)?), Fq2::new(part(2)?, part(3)?));
        (point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve()).then_some(point)
    })
}

fn points<P>(
    section: &[u8],
    count: usize,
    size: usize,
    read: impl Fn(&[u8]) -> Option<P>,
) -> Result<Vec<P>, SetupError> {
    if section.len() < count * size {
        return Err(SetupError::Malformed("the .ptau file has too few points"));
    }
    section
        .chunks_exact(size)
        .take(count)
        .map(|bytes| {
            read(bytes).ok_or(SetupError::Inconsistent("a point of the .ptau file is not on its curve"))
        })
        .collect()
}

/// Little-endian limbs in Montgomery form.
fn coordinate(bytes: &[u8]) -> Option<Fq> {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_le_bytes(chunk.try_into().ok()?);
    }
    (BigInt(limbs) < Fq::MODULUS).then(|| Fq::new_unchecked(BigInt(limbs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_powers_are_in_the_crate() {
        let powers = PowersOfTau::read(POWERS_08).expect("the file is whole");
        assert!(powers.published);
        assert_eq!(powers.size(), 256);
    }

    #[test]
    fn damaged_powers_are_refused() {
        // Behind the powers of τ the file holds Lagrange bases, which are not used here and change the hash alone.
        let used = 12 + 6 * 12 + 44 + (511 + 256 + 256) * 64 + (256 + 1) * 128;
        for at in [0, 5, 9, 20, 60, 100, 5_000, 40_000, 70_000, 90_000, used - 1] {
            let mut damaged = POWERS_08.to_vec();
            damaged[at] ^= 1;
            assert!(PowersOfTau::read(&damaged).is_err(), "byte {at}");
        }
        let mut behind = POWERS_08.to_vec();
        *behind.last_mut().expect("not empty") ^= 1;
        assert!(PowersOfTau::read(&behind).is_ok_and(|powers| !powers.published), "not the published file");
        for cut in [0, 11, 12, 100, 1000, 60_000] {
            assert!(PowersOfTau::read(&POWERS_08[..cut]).is_err());
        }
    }

    /// A `.ptau` file as snarkjs writes it.
    fn encode(powers: &PowersOfTau) -> Vec<u8> {
        fn put(section: &mut Vec<u8>, coordinates: &[Fq]) {
            for Fq { 0: BigInt(limbs), .. } in coordinates {
                limbs.iter().for_each(|limb| section.extend_from_slice(&limb.to_le_bytes()));
            }
        }
        let g1 = |points: &[G1Affine]| {
            let mut section = Vec::new();
            points.iter().for_each(|point| put(&mut section, &[point.x, point.y]));
            section
        };
        let g2 = |points: &[G2Affine]| {
            let mut section = Vec::new();
            for G2Affine { x, y, .. } in points {
                put(&mut section, &[x.c0, x.c1, y.c0, y.c1]);
            }
            section
        };
        let mut header = 32u32.to_le_bytes().to_vec();
        Fq::MODULUS.0.iter().for_each(|limb| header.extend_from_slice(&limb.to_le_bytes()));
        let power = powers.size().ilog2();
        [power, power].iter().for_each(|power| header.extend_from_slice(&power.to_le_bytes()));
        let sections = [
            header,
            g1(&powers.tau_g1),
            g2(&powers.tau_g2),
            g1(&powers.alpha_tau),
            g1(&powers.beta_tau),
            g2(&[powers.beta_g2]),
        ];
        let mut file = b"ptau\x01\0\0\0".to_vec();
        file.extend_from_slice(&(sections.len() as u32).to_le_bytes());
        for (number, section) in (1u32..).zip(sections) {
            file.extend_from_slice(&number.to_le_bytes());
            file.extend_from_slice(&(section.len() as u64).to_le_bytes());
            file.extend_from_slice(&section);
        }
        file
    }

    #[test]
    fn the_encoder_of_these_tests_writes_what_snarkjs_wrote() {
        let powers = PowersOfTau::read(POWERS_08).expect("the file is whole");
        let encoded = encode(&powers);
        // The published file has more sections, so their number differs; and it tells the ceremony's power, 28, behind its own.
        assert_eq!(encoded[12..64], POWERS_08[12..64]);
        assert_eq!(encoded[68..], POWERS_08[68..encoded.len()]);
    }

    #[test]
    fn a_larger_file_serves_too_and_is_no_published_one() {
        let [tau, alpha, beta] = [5, 6, 7].map(Fr::from);
        let read =
            PowersOfTau::read(&encode(&PowersOfTau::develop(9, tau, alpha, beta))).expect("consistent");
        assert!(!read.published && read.size() == 512);
        let ceremony = crate::ceremony::Ceremony::start(crate::circuit::Form::Sealed, &read).expect("enough");
        assert!(ceremony.finish(&read).expect("verifies").verifying.dev, "nobody published these powers");
    }

    #[test]
    fn good_points_that_are_no_powers_of_one_tau_are_refused() {
        let [tau, alpha, beta] = [5, 6, 7].map(Fr::from);
        let honest = PowersOfTau::develop(3, tau, alpha, beta);
        assert!(PowersOfTau::read(&encode(&honest)).is_ok());
        let changes: [fn(&mut PowersOfTau); 6] = [
            |powers| powers.tau_g1.swap(3, 4),
            |powers| powers.tau_g2.swap(5, 6),
            |powers| powers.alpha_tau.swap(0, 1),
            |powers| powers.beta_tau[7] = powers.beta_tau[6],
            |powers| powers.beta_g2 = powers.tau_g2[1],
            |powers| powers.tau_g1[0] = powers.tau_g1[1],
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut changed = honest.clone();
            change(&mut changed);
            let result = PowersOfTau::read(&encode(&changed));
            assert!(matches!(result, Err(SetupError::Inconsistent(_))), "change {at}");
        }
    }
}
