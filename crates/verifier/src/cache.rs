//! Remembering verdicts.

use std::collections::{BTreeMap, HashMap};

use proofmark_core::{Digest, Verdict, sha256::Sha256};
use serde::Serialize;

use crate::{Expectations, Policy};

/// The last verdicts, least recently used ones forgotten first.
///
/// The key covers everything that a verdict depends on: the receipt's bytes, the policy, the expectations and
/// the head of the registry. So a deprecation, or a stricter policy, is never answered from memory.
#[derive(Debug)]
pub struct ResultCache {
    capacity: usize,
    clock: u64,
    verdicts: HashMap<Digest, (u64, Verdict)>,
    ages: BTreeMap<u64, Digest>,
}

impl ResultCache {
    /// A cache of at most `capacity` verdicts. Zero is allowed and remembers nothing.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, clock: 0, verdicts: HashMap::new(), ages: BTreeMap::new() }
    }

    /// How many verdicts are remembered.
    pub fn len(&self) -> usize {
        self.verdicts.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.verdicts.is_empty()
    }

    /// What a verdict depends on.
    pub(crate) fn key(
        bytes: &[u8],
        policy: &Policy,
        expectations: &Expectations,
        registry: Digest,
    ) -> Digest {
        let mut hasher = Sha256::domain("proofmark/verdict-key/v1");
        hasher.update_sized(bytes);
        hasher.update_sized(&encode(policy));
        hasher.update_sized(&encode(expectations));
        hasher.update(registry.as_bytes());
        Digest::sha256(hasher.finish())
    }

    pub(crate) fn recall(&mut self, key: &Digest) -> Option<Verdict> {
        let (age, verdict) = self.verdicts.get_mut(key)?;
        self.ages.remove(age);
        self.clock += 1;
        *age = self.clock;
        self.ages.insert(self.clock, *key);
        Some(verdict.clone())
    }

    pub(crate) fn remember(&mut self, key: Digest, verdict: Verdict) {
        if self.capacity == 0 {
            return;
        }
        self.clock += 1;
        if let Some((age, _)) = self.verdicts.insert(key, (self.clock, verdict)) {
            self.ages.remove(&age);
        }
        self.ages.insert(self.clock, key);
        while self.verdicts.len() > self.capacity {
            let Some((_, oldest)) = self.ages.pop_first() else { break };
            self.verdicts.remove(&oldest);
        }
    }
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("policies and expectations hold sets, text and integers only")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofmark_core::Reason;

    #[test]
    fn the_least_recently_used_is_forgotten() {
        let verdict = Verdict::invalid(Reason::BadSeal, "x");
        let [a, b, c] = [b"a", b"b", b"c"].map(|name| Digest::of(name));
        let mut cache = ResultCache::new(2);
        cache.remember(a, verdict.clone());
        cache.remember(b, verdict.clone());
        assert!(cache.recall(&a).is_some());
        cache.remember(c, verdict.clone());
        assert!(cache.recall(&b).is_none() && cache.recall(&a).is_some() && cache.recall(&c).is_some());
        assert_eq!(cache.len(), 2);
        let mut none = ResultCache::new(0);
        none.remember(a, verdict);
        assert!(none.is_empty());
    }

    #[test]
    fn everything_that_matters_is_in_the_key() {
        let policy = Policy::default();
        let expectations = Expectations::default();
        let head = Digest::of(b"head");
        let key = ResultCache::key(b"receipt", &policy, &expectations, head);
        let others = [
            ResultCache::key(b"receipu", &policy, &expectations, head),
            ResultCache::key(b"receipt", &Policy { allow_dev: true, ..policy.clone() }, &expectations, head),
            ResultCache::key(
                b"receipt",
                &policy,
                &Expectations { plan: Some(head), ..Expectations::default() },
                head,
            ),
            ResultCache::key(b"receipt", &policy, &expectations, Digest::of(b"newer")),
        ];
        assert!(others.iter().all(|other| *other != key));
    }
}
