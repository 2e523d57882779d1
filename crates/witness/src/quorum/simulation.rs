//! A search for counter-examples: validators, some of them Byzantine, on a network that delays, loses and parts.
//!
//! One run is one epoch, and is a function of its seed. A collector, honest or not, sends proposals; honest validators
//! refuse what holds a bad witness and sign the first good one that reaches them, and no second; Byzantine ones do as
//! their kind does. Signatures are taken as unforgeable: a vote is counted for who cast it. Everybody hears votes through
//! the same network, so what is certified is certified in the eyes of somebody who heard that many votes.
//!
//! After `heal` the network delivers everything within a fixed time: before that it may lose any message, which its sender
//! repeats until it arrives.

/// How a validator behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Checks, and signs once.
    Honest,
    /// Signs the first proposal after everybody else.
    Late,
    /// Signs a proposal with a bad witness as if it were good.
    Lying,
    /// Signs nothing.
    Silent,
    /// Signs whatever reaches it, however often.
    DoubleSigning,
}

/// Bounds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Validators.
    pub validators: usize,
    /// Signatures to a certificate.
    pub quorum: usize,
    /// Byzantine validators.
    pub faulty: usize,
    /// What all Byzantine validators do; missing, each draws its own.
    pub behaviour: Option<Behaviour>,
    /// Whether the collector sends one good proposal to everybody. A dishonest one sends different ones.
    pub honest_collector: bool,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Proposals that got a quorum.
    pub certified: Vec<Proposal>,
    /// Validators that were seen to sign twice.
    pub double_signers: usize,
    /// Rounds of the network until the first certificate.
    pub rounds: Option<u64>,
}

/// A set of witnesses that a collector proposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proposal {
    /// All witnesses, all good.
    Good,
    /// All good, but another set.
    OtherGood,
    /// With a witness that every honest validator refuses.
    Bad,
}

impl Outcome {
    /// No certificate for what honest validators refuse.
    pub fn is_valid(&self) -> bool {
        !self.certified.contains(&Proposal::Bad)
    }

    /// At most one certificate.
    pub fn is_unique(&self) -> bool {
        self.certified.len() <= 1
    }
}

/// Runs one epoch.
pub fn run(setting: &Setting, seed: u64) -> Outcome {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d);
    for _ in 0..4 {
        random.next();
    }
    let network = Network {
        heal: random.below(HEAL_MAX),
        loss: random.below(70),
        split: (0..setting.validators).map(|_| random.below(2) == 0).collect(),
    };
    let behaviours = draw_behaviours(setting, &mut random);

    // When each proposal reaches each validator: the first round in which it is not lost.
    let mut votes: Vec<(u64, usize, Proposal)> = Vec::new();
    for (validator, behaviour) in behaviours.iter().enumerate() {
        let mut inbox: Vec<(u64, Proposal)> =
            proposals(setting, &network, validator, *behaviour, &mut random)
                .into_iter()
                .map(|proposal| (network.arrival(0, validator, &mut random), proposal))
                .collect();
        inbox.sort();
        let mut signed = false;
        for (at, proposal) in inbox {
            let signs = match behaviour {
                Behaviour::Honest => proposal != Proposal::Bad && !signed,
                Behaviour::Late | Behaviour::Lying => !signed,
                Behaviour::Silent => false,
                Behaviour::DoubleSigning => true,
            };
            if signs {
                signed = true;
                let wait = if *behaviour == Behaviour::Late { LATE } else { 0 };
                votes.push((network.arrival(at + wait, validator, &mut random), validator, proposal));
            }
        }
    }
    tally(setting, votes)
}

/// Counts votes as they arrive.
fn tally(setting: &Setting, mut votes: Vec<(u64, usize, Proposal)>) -> Outcome {
    votes.sort();
    let mut outcome = Outcome::default();
    for proposal in [Proposal::Good, Proposal::OtherGood, Proposal::Bad] {
        let mut voters: Vec<(u64, usize)> = votes
            .iter()
            .filter(|(_, _, voted)| *voted == proposal)
            .map(|(at, validator, _)| (*at, *validator))
            .collect();
        voters.dedup_by_key(|(_, validator)| *validator);
        if let Some((at, _)) = voters.get(setting.quorum - 1) {
            outcome.certified.push(proposal);
            outcome.rounds = Some(outcome.rounds.map_or(*at, |rounds| rounds.min(*at)));
        }
    }
    let mut voters: Vec<usize> = votes.iter().map(|(_, validator, _)| *validator).collect();
    voters.sort_unstable();
    outcome.double_signers =
        voters.chunk_by(|first, second| first == second).filter(|votes| votes.len() > 1).count();
    outcome
}

fn draw_behaviours(setting: &Setting, random: &mut Random) -> Vec<Behaviour> {
    let mut behaviours = vec![Behaviour::Honest; setting.validators];
    for slot in behaviours.iter_mut().take(setting.faulty) {
        *slot = setting.behaviour.unwrap_or_else(|| match random.below(4) {
            0 => Behaviour::Silent,
            1 => Behaviour::Late,
            2 => Behaviour::Lying,
            _ => Behaviour::DoubleSigning,
        });
    }
    // Whoever is Byzantine, it is not the first of the list.
    for at in (1..behaviours.len()).rev() {
        behaviours.swap(at, random.below(at as u64 + 1) as usize);
    }
    behaviours
}

/// What the collector sends to a validator.
fn proposals(
    setting: &Setting,
    network: &Network,
    validator: usize,
    behaviour: Behaviour,
    random: &mut Random,
) -> Vec<Proposal> {
    if setting.honest_collector {
        return vec![Proposal::Good];
    }
    // One good set to each side of the partition, the bad one to all, everything to its accomplices; at times the
    // other good set to honest ones too.
    let first = if network.split[validator] { Proposal::Good } else { Proposal::OtherGood };
    let second = if network.split[validator] { Proposal::OtherGood } else { Proposal::Good };
    let mut sent = vec![first, Proposal::Bad];
    if behaviour != Behaviour::Honest || random.below(2) == 0 {
        sent.push(second);
    }
    sent
}

/// The network of one run. A round is the time that a message takes at most once the network has healed.
struct Network {
    /// From this round on nothing is lost.
    heal: u64,
    /// Percent of messages that are lost before.
    loss: u64,
    /// On which side of the partition each validator is until the network heals.
    split: Vec<bool>,
}

impl Network {
    /// When a message sent in a round arrives, its sender repeating it every round.
    fn arrival(&self, sent: u64, validator: usize, random: &mut Random) -> u64 {
        // The collector sits on one side; across the partition nothing passes until it heals.
        let across = !self.split[validator];
        let mut round = sent;
        while round < self.heal && (across || random.below(100) < self.loss) {
            round += 1;
        }
        round + 1 + random.below(2)
    }
}

/// xorshift64*: the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        if self.0 == 0 {
            self.0 = 1;
        }
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 33) % bound.max(1)
    }
}

/// The last round in which a network may heal.
const HEAL_MAX: u64 = 40;
/// Rounds by which a late validator is late.
const LATE: u64 = 10;
/// Rounds within which an honest collector's proposal is certified, whatever happens: healing, two deliveries, lateness.
pub const LIVE_WITHIN: u64 = HEAL_MAX + 2 * 2 + LATE;

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: u64 = 2_000;

    fn setting(quorum: usize, faulty: usize) -> Setting {
        Setting { validators: 71, quorum, faulty, behaviour: None, honest_collector: false }
    }

    #[test]
    fn at_36_bad_roots_are_never_certified() {
        for seed in 0..SEEDS {
            for behaviour in [None, Some(Behaviour::Lying), Some(Behaviour::DoubleSigning)] {
                let setting = Setting { behaviour, ..setting(36, 35) };
                assert!(run(&setting, seed).is_valid(), "seed {seed}");
            }
        }
    }

    #[test]
    fn at_36_one_double_signer_gets_two_roots_certified() {
        let setting = Setting { behaviour: Some(Behaviour::DoubleSigning), ..setting(36, 1) };
        let found = (0..10_000).find(|seed| !run(&setting, *seed).is_unique());
        let outcome = run(&setting, found.expect("two quorums of 36 among 71 may share one validator"));
        assert_eq!(outcome.certified, [Proposal::Good, Proposal::OtherGood]);
        assert_eq!(outcome.double_signers, 1, "and it is known who did it");
    }

    #[test]
    fn at_48_roots_are_unique_and_an_honest_collector_gets_its_own() {
        for seed in 0..SEEDS {
            for behaviour in [None, Some(Behaviour::DoubleSigning)] {
                let dishonest = Setting { behaviour, ..setting(48, 23) };
                let outcome = run(&dishonest, seed);
                assert!(outcome.is_unique() && outcome.is_valid(), "seed {seed}");
            }
            for behaviour in [None, Some(Behaviour::Silent)] {
                let honest = Setting { behaviour, honest_collector: true, ..setting(48, 23) };
                let outcome = run(&honest, seed);
                assert_eq!(outcome.certified, [Proposal::Good], "seed {seed}");
                assert!(outcome.rounds.expect("certified") <= LIVE_WITHIN);
            }
        }
    }

    #[test]
    fn the_bounds_are_tight() {
        // One more liar than the quorum allows, and a bad root is certified.
        let lying = Setting { behaviour: Some(Behaviour::DoubleSigning), ..setting(36, 36) };
        assert!((0..200).any(|seed| !run(&lying, seed).is_valid()));
        // One more silent one, and nothing is.
        let silent =
            Setting { behaviour: Some(Behaviour::Silent), honest_collector: true, ..setting(48, 24) };
        assert!((0..200).all(|seed| run(&silent, seed).certified.is_empty()));
        // Two more double signers than at 48 are tolerated, and two roots may be certified.
        let double = Setting { behaviour: Some(Behaviour::DoubleSigning), ..setting(48, 25) };
        assert!((0..20_000).any(|seed| !run(&double, seed).is_unique()));
    }

    #[test]
    fn a_run_is_a_function_of_its_seed() {
        let setting = setting(48, 23);
        for seed in 0..50 {
            assert_eq!(run(&setting, seed), run(&setting, seed));
        }
        let different: std::collections::BTreeSet<_> =
            (0..50).map(|seed| format!("{:?}", run(&setting, seed))).collect();
        assert!(different.len() > 5, "seeds matter");
    }
}
