//! A set-up under way, as a file that goes from hand to hand.
//!
//! It holds what contributors change (`δ`, `L`, `H`) and who contributed so far. Everything else follows from the powers of tau,
//! so nobody has to be believed about it.

use std::vec::Vec;

use crate::{
    SetupError,
    circuit::Form,
    error::KeyFault,
    field,
    key::Points,
    keyfile::{self, Header, Kind},
    phase1::PowersOfTau,
    point,
    setup::{self, Contribution},
};

/// The most contributions that a ceremony has.
pub const MAX_CONTRIBUTIONS: usize = 1000;
/// The longest name of a contributor, in bytes.
pub const MAX_NAME_BYTES: usize = 200;
/// Contributions that a key needs to be more than a development key: by one, that one could forge.
pub const MIN_CONTRIBUTIONS: usize = 2;

/// A set-up under way.
#[derive(Clone, Debug)]
pub struct Ceremony {
    /// The points after the last contribution.
    pub points: Points,
    /// All contributions, in order.
    pub transcript: Vec<Contribution>,
    /// BLAKE2b-512 of the powers of tau that it starts from.
    powers: [u8; 64],
}

impl Ceremony {
    /// Starts a ceremony.
    ///
    /// # Errors
    /// If the powers are too few for the circuit.
    pub fn start(form: Form, powers: &PowersOfTau) -> Result<Self, SetupError> {
        Ok(Self { points: setup::initial(form, powers)?, transcript: Vec::new(), powers: powers.hash })
    }

    /// Adds a contribution with a secret from the operating system, forgotten at once.
    ///
    /// # Errors
    /// If the name is empty or too long, or the ceremony is full.
    pub fn contribute(&mut self, name: &str) -> Result<&Contribution, SetupError> {
        if name.trim().is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(SetupError::Malformed("a contributor's name has 1 to 200 bytes of plain text"));
        }
        if self.transcript.len() >= MAX_CONTRIBUTIONS {
            return Err(SetupError::Malformed("a ceremony has at most 1000 contributions"));
        }
        let contribution = setup::contribute(&mut self.points, &self.transcript, name, &mut SystemRng);
        self.transcript.push(contribution);
        Ok(self.transcript.last().expect("one was just pushed"))
    }

    /// Checks that the points follow from these powers by exactly these contributions.
    ///
    /// # Errors
    /// What is wrong.
    pub fn verify(&self, powers: &PowersOfTau) -> Result<(), SetupError> {
        if powers.hash != self.powers {
            return Err(SetupError::Inconsistent("the ceremony started from other powers of tau"));
        }
        setup::verify_transcript(&self.points, powers, &self.transcript)
    }

    /// The points of the finished key, after [`Self::verify`]. The key is for development unless the powers are published
    /// ones and there are [`MIN_CONTRIBUTIONS`].
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn finish(mut self, powers: &PowersOfTau) -> Result<Points, SetupError> {
        self.verify(powers)?;
        self.points.verifying.dev = !(powers.published && self.transcript.len() >= MIN_CONTRIBUTIONS);
        Ok(self.points)
    }

    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        let verifying = &self.points.verifying;
        let mut body = self.powers.to_vec();
        point::put_g1(&mut body, &self.points.delta_g1);
        point::put_g2(&mut body, &verifying.delta);
        for point in self.points.l.iter().chain(&self.points.h) {
            point::put_g1(&mut body, point);
        }
        body.extend_from_slice(&(self.transcript.len() as u32).to_le_bytes());
        for Contribution { name, delta_g1, delta_g2, commitment, response } in &self.transcript {
            body.push(name.len() as u8);
            body.extend_from_slice(name.as_bytes());
            point::put_g1(&mut body, delta_g1);
            point::put_g2(&mut body, delta_g2);
            point::put_g1(&mut body, commitment);
            body.extend_from_slice(&field::to_be_bytes(response));
        }
        let header = Header { kind: Kind::Ceremony, form: verifying.form, dev: false, key: verifying.id() };
        keyfile::encode(&header, &body)
    }

    /// Reads [`Self::encode`] and fills in what follows from the powers. [`Self::verify`] is still to come.
    ///
    /// # Errors
    /// If the file is damaged or started from other powers.
    pub fn decode(bytes: &[u8], powers: &PowersOfTau) -> Result<Self, KeyFault> {
        const CUT: KeyFault = KeyFault::Damaged("the ceremony is cut off or has a bad point");
        let (header, mut rest) = keyfile::decode(bytes, Kind::Ceremony)?;
        let r1cs = header.form.r1cs();
        if r1cs.domain() > powers.size() {
            return Err(KeyFault::Foreign("the powers of tau are too few for its circuit"));
        }
        let (hash, tail) = rest.split_first_chunk::<64>().ok_or(CUT)?;
        if *hash != powers.hash {
            return Err(KeyFault::Foreign("it started from other powers of tau"));
        }
        rest = tail;
        let delta_g1 = point::take_g1(&mut rest).ok_or(CUT)?;
        let delta_g2 = point::take_g2(&mut rest).ok_or(CUT)?;
        let mut take =
            |count: usize| (0..count).map(|_| point::take_g1(&mut rest)).collect::<Option<Vec<_>>>();
        let l = take(r1cs.variables - r1cs.public).ok_or(CUT)?;
        let h = take(r1cs.domain() - 1).ok_or(CUT)?;
        let (count, tail) = rest.split_first_chunk::<4>().ok_or(CUT)?;
        rest = tail;
        let count = u32::from_le_bytes(*count) as usize;
        if count > MAX_CONTRIBUTIONS {
            return Err(KeyFault::Damaged("it has too many contributions"));
        }
        let transcript = (0..count).map(|_| take_contribution(&mut rest)).collect::<Option<Vec<_>>>();
        let transcript = transcript.filter(|_| rest.is_empty()).ok_or(CUT)?;
        // Last, because it costs most: what everybody can compute from the powers.
        let mut points = setup::initial(header.form, powers).expect("the powers were just found to suffice");
        (points.delta_g1, points.verifying.delta) = (delta_g1, delta_g2);
        (points.l, points.h) = (l, h);
        if points.verifying.id() != header.key {
            return Err(KeyFault::Damaged("its header names another key than its body holds"));
        }
        Ok(Self { points, transcript, powers: *hash })
    }
}

fn take_contribution(rest: &mut &[u8]) -> Option<Contribution> {
    let (length, tail) = rest.split_first()?;
    let (name, tail) = tail.split_at_checked(usize::from(*length))?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    *rest = tail;
    let delta_g1 = point::take_g1(rest)?;
    let delta_g2 = point::take_g2(rest)?;
    let commitment = point::take_g1(rest)?;
    let (response, tail) = rest.split_first_chunk::<32>()?;
    *rest = tail;
    let response = field::from_be_bytes(response)?;
    Some(Contribution { name, delta_g1, delta_g2, commitment, response })
}

/// The operating system's randomness, as arkworks takes it. Set-ups are rare, so a machine without it may stop here.
pub struct SystemRng;

impl ark_std::rand::RngCore for SystemRng {
    fn next_u32(&mut self) -> u32 {
        getrandom::u32().expect("an operating system that gives no randomness cannot set up keys")
    }

    fn next_u64(&mut self) -> u64 {
        getrandom::u64().expect("an operating system that gives no randomness cannot set up keys")
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("an operating system that gives no randomness cannot set up keys");
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), ark_std::rand::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl ark_std::rand::CryptoRng for SystemRng {}

/// A development key made in one go, by one party who could forge with it: marked so, in the key and in every receipt.
pub fn development_key(form: Form) -> Points {
    use ark_bn254::Fr;
    use ark_ff::UniformRand as _;
    let rng = &mut SystemRng;
    let power = form.r1cs().domain().ilog2();
    let powers = PowersOfTau::develop(power, Fr::rand(rng), Fr::rand(rng), Fr::rand(rng));
    let mut points = setup::initial(form, &powers).expect("the powers were made for this circuit");
    setup::contribute(&mut points, &[], "development", rng);
    points.verifying.dev = true;
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phase1::POWERS_08;

    #[test]
    fn a_ceremony_goes_from_hand_to_hand() {
        let powers = PowersOfTau::read(POWERS_08).expect("whole");
        Form::ALL.into_iter().for_each(|form| a_ceremony_for(form, &powers));
    }

    fn a_ceremony_for(form: Form, powers: &PowersOfTau) {
        let mut ceremony = Ceremony::start(form, powers).expect("enough powers");
        ceremony.contribute("alice").expect("good name");
        let lonely = ceremony.clone().finish(powers).expect("verifies");
        assert!(lonely.verifying.dev, "one contributor could forge");
        let mut ceremony = Ceremony::decode(&ceremony.encode(), powers).expect("reads");
        ceremony.contribute("bob").expect("good name");
        assert!(ceremony.contribute(" ").is_err());
        let bytes = ceremony.encode();
        let ceremony = Ceremony::decode(&bytes, powers).expect("reads");
        let names: Vec<&str> = ceremony.transcript.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["alice", "bob"]);
        assert!(!ceremony.finish(powers).expect("verifies").verifying.dev);

        for at in [0, 9, 13, 17, 20, 40, 70, 100, 130, 200, 5000, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Ceremony::decode(&damaged, powers).is_err(), "byte {at}");
        }
        assert!(Ceremony::decode(&bytes[..bytes.len() - 1], powers).is_err());
    }

    #[test]
    fn a_ceremony_with_a_wrong_history_is_refused() {
        let powers = PowersOfTau::read(POWERS_08).expect("whole");
        let mut ceremony = Ceremony::start(Form::Open, &powers).expect("enough powers");
        for name in ["alice", "bob"] {
            ceremony.contribute(name).expect("good name");
        }
        let mut renamed = ceremony.clone();
        renamed.transcript[0].name = "mallory".into();
        let mut shortened = ceremony.clone();
        shortened.transcript.remove(0);
        let mut moved = ceremony.clone();
        moved.points.h[3] = moved.points.h[4];
        for bad in [renamed, shortened, moved] {
            // A fresh checksum does not make it true.
            let bad = Ceremony::decode(&bad.encode(), &powers).expect("well-formed");
            assert!(bad.finish(&powers).is_err());
        }
    }
}
