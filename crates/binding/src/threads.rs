//! Work for several threads, or for one where there are no threads.

use std::vec::Vec;

#[cfg(feature = "parallel")]
pub(crate) use rayon::join;

/// Does both.
#[cfg(not(feature = "parallel"))]
pub(crate) fn join<A, B>(a: impl FnOnce() -> A, b: impl FnOnce() -> B) -> (A, B) {
    (a(), b())
}

/// Proofs that one thread takes at a time: some ten milliseconds.
pub(crate) const CHUNK: usize = 64;

/// What `each` makes of all items, in their order; a thread takes `chunk` of them at a time.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], chunk: usize, each: &(impl Fn(&T) -> R + Sync)) -> Vec<R> {
    if items.len() <= chunk {
        return items.iter().map(each).collect();
    }
    let (left, right) = items.split_at(items.len() / 2);
    let (mut left, right) = join(|| map(left, chunk, each), || map(right, chunk, each));
    left.extend(right);
    left
}
