//! Gadgets. Each file states in maths what its constraints say, adds them and the code that satisfies them, and
//! tests itself against a reference in plain Rust.

mod calendar;
mod compare;
mod digest;
mod divide;
mod identity;
mod integer;
mod logic;
mod mask;
mod order;
mod pick;
mod range;
mod window;

pub(crate) use self::{
    compare::{Comparison, Word},
    digest::{RATE, SALT},
    divide::root_half_even,
    identity::Term,
    integer::{Int, Limb, bit_int, digits, encoding},
    mask::MASKS,
    order::{Key, KeyValue, Neighbours},
    pick::Cont,
    range::{LIMB_BITS, RANGE_BUS, RANGE_COUNT, Radix, range_chip, range_row},
};

#[cfg(test)]
pub(crate) use self::range::range_chip_to;
