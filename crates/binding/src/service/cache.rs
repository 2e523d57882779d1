//! Results by key, the least recently used ones forgotten first, bounded by bytes.

use std::{collections::HashMap, hash::Hash};

/// The end of the list.
const NONE: usize = usize::MAX;

/// A cache whose entries together take at most so many bytes. Every operation takes constant time.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    capacity: usize,
    bytes: usize,
    places: HashMap<K, usize>,
    nodes: Vec<Node<K, V>>,
    free: Vec<usize>,
    /// Most and least recently used.
    newest: usize,
    oldest: usize,
}

#[derive(Debug)]
struct Node<K, V> {
    key: K,
    /// `None` while the place is free.
    value: Option<V>,
    bytes: usize,
    newer: usize,
    older: usize,
}

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    /// A cache of at most `capacity` bytes, overhead counted. Zero remembers nothing.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            bytes: 0,
            places: HashMap::new(),
            nodes: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
        }
    }

    /// Bytes that the entries take.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The value of a key, which becomes the most recently used one.
    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        let at = *self.places.get(key)?;
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
        self.nodes[at].value.clone()
    }

    /// Remembers a value of so many bytes. One that is larger than the whole cache is not kept.
    pub(crate) fn put(&mut self, key: K, value: V, bytes: usize) {
        let bytes = bytes + size_of::<Node<K, V>>() + size_of::<(K, usize)>();
        if let Some(at) = self.places.get(&key) {
            self.remove(*at);
        }
        if bytes > self.capacity {
            return;
        }
        while self.bytes + bytes > self.capacity {
            self.remove(self.oldest);
        }
        let node = Node { key: key.clone(), value: Some(value), bytes, newer: NONE, older: NONE };
        let at = match self.free.pop() {
            Some(at) => {
                self.nodes[at] = node;
                at
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        };
        self.places.insert(key, at);
        self.bytes += bytes;
        self.link_newest(at);
    }

    fn remove(&mut self, at: usize) {
        self.unlink(at);
        let node = &mut self.nodes[at];
        node.value = None;
        self.bytes -= node.bytes;
        let key = node.key.clone();
        self.places.remove(&key);
        self.free.push(at);
    }

    fn link_newest(&mut self, at: usize) {
        let newest = self.newest;
        let node = &mut self.nodes[at];
        (node.newer, node.older) = (NONE, newest);
        match self.nodes.get_mut(newest) {
            Some(node) => node.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: usize) {
        let (newer, older) = (self.nodes[at].newer, self.nodes[at].older);
        match self.nodes.get_mut(newer) {
            Some(node) => node.older = older,
            None => self.newest = older,
        }
        match self.nodes.get_mut(older) {
            Some(node) => node.newer = newer,
            None => self.oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const OVERHEAD: usize = size_of::<Node<u32, u32>>() + size_of::<(u32, usize)>();

    #[test]
    fn the_least_recently_used_is_forgotten() {
        let mut cache = Cache::new(3 * (OVERHEAD + 10));
        for key in 0..3u32 {
            cache.put(key, key * 10, 10);
        }
        assert_eq!(cache.get(&0), Some(0));
        cache.put(3, 30, 10);
        assert_eq!([0, 1, 2, 3].map(|key| cache.get(&key)), [Some(0), None, Some(20), Some(30)]);
        cache.put(4, 40, 2 * OVERHEAD);
        assert!(cache.bytes() <= 3 * (OVERHEAD + 10));
        cache.put(5, 50, usize::MAX / 2);
        assert_eq!(cache.get(&5), None, "larger than the cache");
        let mut none = Cache::new(0);
        none.put(1, 1, 0);
        assert_eq!(none.get(&1), None);
    }

    /// Against a list that is searched from end to end.
    #[test]
    fn it_agrees_with_a_simple_model() {
        let room = 5;
        let mut cache = Cache::new(room * (OVERHEAD + 1));
        let mut model: VecDeque<(u32, u32)> = VecDeque::new();
        let mut random = 12_345u32;
        for step in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = random >> 16 & 15;
            let known = model.iter().position(|(known, _)| *known == key);
            if random >> 24 & 1 == 0 {
                let expected = known.and_then(|at| model.remove(at));
                if let Some(entry) = expected {
                    model.push_front(entry);
                }
                assert_eq!(cache.get(&key), expected.map(|(_, value)| value), "step {step}");
            } else {
                if let Some(at) = known {
                    model.remove(at);
                }
                model.push_front((key, step));
                model.truncate(room);
                cache.put(key, step, 1);
            }
        }
        assert_eq!(cache.bytes(), model.len() * (OVERHEAD + 1));
    }
}
