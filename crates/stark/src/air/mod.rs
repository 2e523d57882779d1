//! Chips: tables of field elements with constraints, written once for verifier, prover and tests.
//!
//! A [`Chip`] is data: a graph of polynomial expressions over two neighbouring rows, a list of those that must be
//! zero, messages on buses, and the steps that fill the table. Gadgets add to all of these at once, so a constraint
//! and the code that satisfies it stand side by side.

mod board;
mod chip;
#[cfg(test)]
mod debug;
#[cfg(test)]
mod fault;
mod fill;
mod node;
mod permutation;
mod program;

pub(crate) use self::{
    board::{Board, boards},
    chip::{Chip, Constraint, Copies, Fill, Import, Load, OrderPart, Rule, Slot},
    fill::{FillError, Inputs, Pass, Row, Table, Traces, fill, integer},
    node::{Node, Op, Place},
    permutation::{ROUND_CELLS, committed_rounds, permute},
};

#[cfg(test)]
pub(crate) use self::{
    debug::{Violation, broken, differences, touched, violations},
    fault::{Fault, Target},
};

/// The field of all cells: integers modulo `p = 2^31 - 2^24 + 1`.
pub(crate) type F = p3_koala_bear::KoalaBear;

/// Its order.
pub(crate) const P: i128 = 0x7f00_0001;

/// Most factors that a constraint may multiply: with masks, the quotient of five would not fit onto four cosets.
pub(crate) const MAX_DEGREE: u8 = 4;
