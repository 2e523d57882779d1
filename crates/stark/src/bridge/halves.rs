//! Numbers as the bytes of a leaf.
//!
//! A number `v = sum_i d_i 2^(13 i) + lo` in two's complement of `8 w` bits is `sum_j T_j 2^(16 j)` with
//!
//! ```text
//!     c_(j-1) + sum_{i: 16 j <= 13 i < 16 (j + 1)} d_i 2^(13 i - 16 j) + C_j = T_j + 2^16 c_j
//! ```
//!
//! where `C = lo + 2^(8 w)`, digit by digit in base `2^16`, if `lo` is negative, and `C = lo` otherwise. Carries `c_j`
//! are ranged; the last one is a bit, one where `v` is not negative. The halves `T_j` are expressions. Whoever uses
//! them shows that they are below `2^16`: then all carries are forced, and with the digits' ranges `T` is `v`.
//!
//! Both sides are below `2^30`, so they are equal as integers.

use alloc::vec::Vec;

use ethnum::I256;
use p3_field::PrimeCharacteristicRing;

use crate::{
    air::{Chip, F, Node},
    gadget::{Int, LIMB_BITS},
};

/// Bits of a half of a word.
const HALF_BITS: u32 = 16;

/// The halves of a number in `bytes` bytes, the lowest first. `live` is one where their ranges are shown.
pub(super) fn halves(chip: &mut Chip, live: Node, int: &Int, bytes: u32) -> Vec<Node> {
    let count = bytes.div_ceil(2) as usize;
    let negative = int.offset() < 0;
    let mut constant = int.offset();
    if negative {
        constant += I256::ONE << (HALF_BITS * count as u32);
    }
    let zero = chip.int(0);
    let (mut carry, mut most_carry) = (zero, 0u64);
    let (mut halves, mut steps) = (Vec::new(), Vec::new());
    let mut digits = int.limbs.iter().zip((0..).step_by(LIMB_BITS as usize)).peekable();
    for at in 0..count {
        let start = HALF_BITS * at as u32;
        let own = ((constant >> start) & I256::from(0xffff)).as_u64();
        let constant = chip.int(own as i64);
        let (mut sum, mut most) = (chip.add(carry, constant), most_carry + own);
        while let Some((limb, place)) = digits.next_if(|(_, place)| *place < start + HALF_BITS) {
            let shifted = chip.scale(limb.raw, 1 << (place - start));
            sum = chip.add(sum, shifted);
            most += ((1u64 << limb.bits) - 1) << (place - start);
        }
        if most >= 1 << 30 {
            chip.fault = Some("the digits of a number pass the bound of its bytes");
        }
        (carry, most_carry) = (zero, most >> HALF_BITS);
        if at + 1 < count {
            let bits = 64 - most_carry.leading_zeros();
            carry = chip.ranged(bits);
            chip.leave_free(&[carry], live);
        } else if negative {
            carry = chip.column();
            chip.boolean(carry, "a sign is a bit");
            chip.leave_free(&[carry], live);
        }
        let shifted = chip.scale(carry, 1 << HALF_BITS);
        halves.push(chip.sub(sum, shifted));
        steps.push((sum, (carry != zero).then(|| chip.column_of(carry))));
    }
    chip.fill_row(move |row| {
        for (sum, column) in &steps {
            if let Some(column) = column {
                let carry = row.integer(*sum, 0) >> HALF_BITS;
                row.write(*column, F::from_u32(carry as u32));
            }
        }
        Ok(())
    });
    halves
}
