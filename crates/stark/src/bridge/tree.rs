//! The inner nodes of an RFC 6962 tree.
//!
//! A row is the node over the leaves `s … e`, which splits at `m = s + 2^c`:
//!
//! ```text
//!     1 <= e - m <= 2^c          node = SHA-256(01 ‖ left ‖ right)
//! ```
//!
//! It takes the hashes of `s … m` and of `m … e` from the bus of nodes and gives that of `s … e`. The root, of all
//! leaves, is taken once and leaves are given once, so by induction from the root every node that is given and taken
//! is the one of the standard: where it splits follows from `e - s`. A node that the root does not need would have to
//! be taken by a larger one, and that by a larger, without end: so there is none.
//!
//! Hashes come as halves of words; the message starts one byte later than theirs, so they are split into bytes.

use alloc::{vec, vec::Vec};

use p3_field::PrimeCharacteristicRing;

use super::{
    leaves::{HALVES, NODES, halves_of},
    sha::{DIGESTS, PLACE_BITS, WORDS},
};
use crate::{
    air::{Chip, F, Node, Table},
    gadget::LIMB_BITS,
};

/// Bytes of a node's preimage.
const PREIMAGE_BYTES: usize = 65;

/// Columns that are filled from the nodes.
pub(super) struct Columns {
    first: usize,
    after: usize,
    /// One of them is one: the power of two that the left side has.
    powers: Vec<usize>,
    /// Of the left, then the right hash.
    bytes: Vec<usize>,
    hash: [usize; HALVES],
}

/// A node of the tree.
pub(super) struct Inner {
    pub(super) id: u32,
    pub(super) first: u32,
    pub(super) split: u32,
    pub(super) after: u32,
    pub(super) left: [u8; 32],
    pub(super) right: [u8; 32],
    pub(super) hash: [u8; 32],
}

impl Inner {
    /// What is hashed.
    pub(super) fn preimage(&self) -> [u8; PREIMAGE_BYTES] {
        let mut bytes = [1; PREIMAGE_BYTES];
        bytes[1..33].copy_from_slice(&self.left);
        bytes[33..].copy_from_slice(&self.right);
        bytes
    }
}

/// The chip of inner nodes. Their messages have the ids from `first_id + 1` on.
pub(super) fn chip(first_id: u32, log_height: u32) -> (Chip, Columns) {
    let mut chip = Chip::new("tree", log_height);
    let real = chip.real;
    let number = chip.row_number().limbs[0].raw;
    let offset = chip.int(first_id.into());
    let id = chip.add(number, offset);
    let (first, after) = (chip.column(), chip.column());
    let powers: Vec<Node> = (0..LIMB_BITS).map(|_| chip.column()).collect();
    powers.iter().for_each(|bit| chip.boolean(*bit, "a power is taken or not"));
    let sum = chip.sum(&powers);
    chip.equal(sum, real, "a node has one power");
    let zero = chip.int(0);
    let power = powers.iter().enumerate().fold(zero, |sum, (at, bit)| {
        let value = chip.scale(*bit, 1 << at);
        chip.add(sum, value)
    });
    let split = chip.add(first, power);
    let right = chip.sub(after, split);
    let more = chip.sub(right, real);
    chip.in_range(more, LIMB_BITS);
    let fewer = chip.sub(power, right);
    chip.in_range(fewer, LIMB_BITS);
    let nothing = chip.not(real);
    let product = chip.mul(nothing, first);
    chip.zero(product, "no node where none is real");

    let bytes: Vec<Node> = (0..64).map(|_| chip.ranged(8)).collect();
    chip.leave_free(&bytes, real);
    let hash: [Node; HALVES] = core::array::from_fn(|_| chip.column());
    chip.leave_free(&hash, real);
    let mut pair = |low: Node, high: Node| {
        let high = chip.scale(high, 256);
        chip.add(low, high)
    };
    let side = |pair: &mut dyn FnMut(Node, Node) -> Node, from: usize| -> Vec<Node> {
        (0..HALVES)
            .map(|at| {
                let byte = from + 4 * (at / 2) + 2 * (1 - at % 2);
                pair(bytes[byte + 1], bytes[byte])
            })
            .collect()
    };
    let (left_hash, right_hash) = (side(&mut pair, 0), side(&mut pair, 32));
    chip.receive(NODES, [vec![first, split], left_hash].concat(), real);
    chip.receive(NODES, [vec![split, after], right_hash].concat(), real);
    chip.send(NODES, [vec![first, after], hash.to_vec()].concat(), real, 1);
    let two = chip.int(2);
    chip.receive(DIGESTS, [vec![id, two], hash.to_vec()].concat(), real);

    let one = chip.int(1);
    let mut preimage = vec![one];
    preimage.extend(&bytes);
    preimage.push(chip.int(0x80));
    preimage.resize(126, zero);
    preimage.extend((8 * PREIMAGE_BYTES as u16).to_be_bytes().map(|byte| chip.int(byte.into())));
    let base = chip.scale(id, 1 << PLACE_BITS);
    for (at, word) in preimage.chunks_exact(4).enumerate() {
        let place = chip.int(at as i64);
        let key = chip.add(base, place);
        let halves = [0, 2].map(|at| {
            let high = chip.scale(word[at + 1], 256);
            chip.add(word[at], high)
        });
        chip.send(WORDS, vec![key, halves[0], halves[1]], real, 1);
    }
    let at = |node: &Node| chip.column_of(*node);
    let columns = Columns {
        first: at(&first),
        after: at(&after),
        powers: powers.iter().map(at).collect(),
        bytes: bytes.iter().map(at).collect(),
        hash: hash.map(|node| at(&node)),
    };
    (chip, columns)
}

/// The nodes over the hashes of leaves, and the root.
pub(super) fn nodes(hashes: &[[u8; 32]], first_id: u32) -> (Vec<Inner>, [u8; 32]) {
    let mut nodes = Vec::with_capacity(hashes.len());
    let root = subtree(hashes, 0, first_id, &mut nodes);
    (nodes, root)
}

fn subtree(hashes: &[[u8; 32]], first: u32, first_id: u32, nodes: &mut Vec<Inner>) -> [u8; 32] {
    if let [hash] = hashes {
        return *hash;
    }
    let middle = hashes.len().next_power_of_two() / 2;
    let split = first + middle as u32;
    let left = subtree(&hashes[..middle], first, first_id, nodes);
    let right = subtree(&hashes[middle..], split, first_id, nodes);
    let hash = proofmark_core::merkle::node_hash(&left, &right);
    let id = first_id + nodes.len() as u32 + 1;
    let after = first + hashes.len() as u32;
    nodes.push(Inner { id, first, split, after, left, right, hash });
    hash
}

/// Fills the chip.
pub(super) fn fill(chip: &Chip, table: &mut Table, columns: &Columns, nodes: &[Inner]) {
    let width = table.width;
    let (head, real) = (chip.column_of(chip.head), chip.column_of(chip.real));
    table.cells[head] = F::ONE;
    for (node, cells) in nodes.iter().zip(table.cells.chunks_mut(width).skip(1)) {
        cells[real] = F::ONE;
        cells[columns.first] = F::from_u32(node.first);
        cells[columns.after] = F::from_u32(node.after);
        cells[columns.powers[(node.split - node.first).ilog2() as usize]] = F::ONE;
        for (at, byte) in columns.bytes.iter().zip(node.left.iter().chain(&node.right)) {
            cells[*at] = F::from_u8(*byte);
        }
        for (at, half) in columns.hash.iter().zip(halves_of(&node.hash)) {
            cells[*at] = half;
        }
    }
}
