//! What a RISC Zero guest needs and no more: entry, input, journal, SHA-256, exit.
//!
//! RISC Zero's own `risc0-zkvm` crate offers the same with serde, assumptions and Keccak; this program needs none of it, and
//! every page it does not touch is a page that is not proved. What goes on the wire is RISC Zero's v1 ABI: the journal is what
//! was written to its descriptor, and the machine halts with the digest of `risc0.Output`.

use alloc::vec::Vec;
use core::arch::global_asm;

use proofmark_core::sha256::Sha256;
use risc0_zkvm_platform::{
    fileno, memory,
    syscall::{sys_halt, sys_panic, sys_rand, sys_read, sys_write},
};

// The stack grows down from STACK_TOP; the program starts above it, the heap above the program.
static STACK_TOP: u32 = memory::STACK_TOP;

global_asm!(
    ".section .text._start",
    ".globl _start",
    "_start:",
    ".option push",
    ".option norelax",
    "la gp, __global_pointer$",
    ".option pop",
    "la sp, {stack}",
    "lw sp, 0(sp)",
    "call {start}",
    stack = sym STACK_TOP,
    start = sym start,
);

/// SHA-256 of `risc0.Output`, with which RISC Zero tags the digest that follows.
const OUTPUT_TAG: [u8; 32] = [
    0x77, 0xea, 0xfe, 0xb3, 0x66, 0xa7, 0x8b, 0x47, 0x74, 0x7d, 0xe0, 0xd7, 0xbb, 0x17, 0x62, 0x84, 0x08,
    0x5f, 0xf5, 0x56, 0x48, 0x87, 0x00, 0x9a, 0x5b, 0xe6, 0x3d, 0xa3, 0x2d, 0x35, 0x59, 0xd4,
];

/// Random words in the memory image: its root is public, and without them it would let one guess at small inputs.
static mut ENTROPY: [u32; 4] = [0; 4];

unsafe extern "C" fn start() -> ! {
    // SAFETY: four writable words that only this line touches.
    unsafe {
        let entropy = &raw mut ENTROPY;
        sys_rand(entropy.cast(), 4);
    }
    let journal = crate::main();
    // SAFETY: the slice is readable.
    unsafe { sys_write(fileno::JOURNAL, journal.as_ptr(), journal.len()) };
    let mut hasher = Sha256::new();
    hasher.update(&journal);
    let journal = hasher.finish();
    let mut hasher = Sha256::new();
    hasher.update(&OUTPUT_TAG);
    hasher.update(&journal);
    hasher.update(&[0; 32]); // no assumptions
    hasher.update(&2u16.to_le_bytes()); // two digests above
    let mut output = [0; 8];
    for (word, bytes) in output.iter_mut().zip(hasher.finish().chunks_exact(4)) {
        *word = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    sys_halt(0, &output)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    fail(&alloc::format!("{info}"))
}

/// All of standard input after its length (u32, little-endian), at an address aligned to words.
pub(crate) fn input() -> Vec<u8> {
    let mut length = 0u32;
    // SAFETY: four writable, aligned bytes.
    let read = unsafe { sys_read(fileno::STDIN, (&raw mut length).cast(), 4) };
    if read != 4 {
        fail("malformed request: its length is missing");
    }
    let length = length as usize;
    // Every block of this program's heap is aligned to words.
    let mut input = Vec::with_capacity(length.next_multiple_of(4));
    // SAFETY: the kernel writes at most `length` bytes and tells how many.
    unsafe {
        let read = sys_read(fileno::STDIN, input.as_mut_ptr(), length);
        if read != length {
            fail("malformed request: it ends too early");
        }
        input.set_len(length);
    }
    input
}

/// Ends the execution without a proof; the host sees `message`.
pub(crate) fn fail(message: &str) -> ! {
    // SAFETY: the slice is readable.
    unsafe { sys_panic(message.as_ptr(), message.len()) }
}

global_asm!(include_str!("sha256.s"));

unsafe extern "C" {
    fn proofmark_sha256_blocks(state: *mut u32, blocks: *const u8, count: u32);
}

/// The SHA-256 compression function, as `proofmark_core::sha256` wants it.
#[unsafe(no_mangle)]
fn proofmark_sha256_compress(state: &mut [u32; 8], blocks: &[u8]) {
    let count = blocks.len() / 64;
    if count > 0 {
        // SAFETY: `blocks` is `count` blocks at an address aligned to words, as the caller promises.
        unsafe { proofmark_sha256_blocks(state.as_mut_ptr(), blocks.as_ptr(), count as u32) };
    }
}
