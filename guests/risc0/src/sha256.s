# SHA-256 (FIPS 180-4) for a machine without rotations and with 31 registers: state and message schedule never leave them.
#
# This version of RISC Zero's circuit has no SHA-256 unit; its kernel computes the hash in software, at 4,070 cycles a block.
# This takes 3,530. Per round: 36 instructions, and 21 more to extend the schedule.
#
#   void proofmark_sha256_blocks(uint32_t state[8], const uint32_t *blocks, uint32_t count)    count > 0
#
# a..h live in s0..s7; w[0..15] in a0..a7, s8..s11, t3..t6; t0, t1 are scratch; t2 and gp take turns in holding a ^ b;
# ra points to the constants; tp is 0x00ff00ff while words are loaded.

# h += k + w + Sigma1(e) + Ch(e, f, g); d += h; h += Sigma0(a) + Maj(a, b, c).
# \bc holds b ^ c and is used up; \ab receives a ^ b, which is the next round's b ^ c.
.macro ROUND a, b, c, d, e, f, g, h, w, k, bc, ab
    lw      t0, 4*\k(ra)
    add     \h, \h, \w
    add     \h, \h, t0
    srli    t0, \e, 6
    slli    t1, \e, 26
    xor     t0, t0, t1
    srli    t1, \e, 11
    xor     t0, t0, t1
    slli    t1, \e, 21
    xor     t0, t0, t1
    srli    t1, \e, 25
    xor     t0, t0, t1
    slli    t1, \e, 7
    xor     t0, t0, t1
    add     \h, \h, t0
    xor     t0, \f, \g
    and     t0, t0, \e
    xor     t0, t0, \g
    add     \h, \h, t0
    add     \d, \d, \h
    srli    t0, \a, 2
    slli    t1, \a, 30
    xor     t0, t0, t1
    srli    t1, \a, 13
    xor     t0, t0, t1
    slli    t1, \a, 19
    xor     t0, t0, t1
    srli    t1, \a, 22
    xor     t0, t0, t1
    slli    t1, \a, 10
    xor     t0, t0, t1
    add     \h, \h, t0
    xor     \ab, \a, \b
    and     \bc, \bc, \ab
    xor     \bc, \bc, \b
    add     \h, \h, \bc
.endm

# w0 += sigma0(w1) + w9 + sigma1(w14)
.macro EXTEND w0, w1, w9, w14
    srli    t0, \w1, 7
    slli    t1, \w1, 25
    xor     t0, t0, t1
    srli    t1, \w1, 18
    xor     t0, t0, t1
    slli    t1, \w1, 14
    xor     t0, t0, t1
    srli    t1, \w1, 3
    xor     t0, t0, t1
    add     \w0, \w0, t0
    add     \w0, \w0, \w9
    srli    t0, \w14, 17
    slli    t1, \w14, 15
    xor     t0, t0, t1
    srli    t1, \w14, 19
    xor     t0, t0, t1
    slli    t1, \w14, 13
    xor     t0, t0, t1
    srli    t1, \w14, 10
    xor     t0, t0, t1
    add     \w0, \w0, t0
.endm

.macro ROUNDS
    ROUND   s0, s1, s2, s3, s4, s5, s6, s7, a0,  0,  t2, gp
    ROUND   s7, s0, s1, s2, s3, s4, s5, s6, a1,  1,  gp, t2
    ROUND   s6, s7, s0, s1, s2, s3, s4, s5, a2,  2,  t2, gp
    ROUND   s5, s6, s7, s0, s1, s2, s3, s4, a3,  3,  gp, t2
    ROUND   s4, s5, s6, s7, s0, s1, s2, s3, a4,  4,  t2, gp
    ROUND   s3, s4, s5, s6, s7, s0, s1, s2, a5,  5,  gp, t2
    ROUND   s2, s3, s4, s5, s6, s7, s0, s1, a6,  6,  t2, gp
    ROUND   s1, s2, s3, s4, s5, s6, s7, s0, a7,  7,  gp, t2
    ROUND   s0, s1, s2, s3, s4, s5, s6, s7, s8,  8,  t2, gp
    ROUND   s7, s0, s1, s2, s3, s4, s5, s6, s9,  9,  gp, t2
    ROUND   s6, s7, s0, s1, s2, s3, s4, s5, s10, 10, t2, gp
    ROUND   s5, s6, s7, s0, s1, s2, s3, s4, s11, 11, gp, t2
    ROUND   s4, s5, s6, s7, s0, s1, s2, s3, t3,  12, t2, gp
    ROUND   s3, s4, s5, s6, s7, s0, s1, s2, t4,  13, gp, t2
    ROUND   s2, s3, s4, s5, s6, s7, s0, s1, t5,  14, t2, gp
    ROUND   s1, s2, s3, s4, s5, s6, s7, s0, t6,  15, gp, t2
.endm

# A big-endian word.
.macro LOAD w, at
    lw      \w, 4*\at(ra)
    and     t0, \w, tp
    xor     \w, \w, t0
    srli    t1, t0, 8
    slli    t0, t0, 24
    or      t0, t0, t1
    srli    t1, \w, 24
    slli    \w, \w, 8
    or      \w, \w, t1
    or      \w, \w, t0
.endm

# state[at] += s
.macro FEED s, at
    lw      t1, 4*\at(t0)
    add     \s, \s, t1
    sw      \s, 4*\at(t0)
.endm

.section .text.proofmark_sha256_blocks, "ax", @progbits
.globl proofmark_sha256_blocks
proofmark_sha256_blocks:
    addi    sp, sp, -80
    sw      ra, 0(sp)
    sw      gp, 4(sp)
    sw      tp, 8(sp)
    sw      s0, 12(sp)
    sw      s1, 16(sp)
    sw      s2, 20(sp)
    sw      s3, 24(sp)
    sw      s4, 28(sp)
    sw      s5, 32(sp)
    sw      s6, 36(sp)
    sw      s7, 40(sp)
    sw      s8, 44(sp)
    sw      s9, 48(sp)
    sw      s10, 52(sp)
    sw      s11, 56(sp)
    sw      a0, 60(sp)              # the state
    sw      a1, 64(sp)              # the next block
    slli    a2, a2, 6
    add     a2, a2, a1
    sw      a2, 68(sp)              # where blocks end
    lw      s0, 0(a0)
    lw      s1, 4(a0)
    lw      s2, 8(a0)
    lw      s3, 12(a0)
    lw      s4, 16(a0)
    lw      s5, 20(a0)
    lw      s6, 24(a0)
    lw      s7, 28(a0)
    li      tp, 0x00ff00ff
1:
    lw      ra, 64(sp)
    LOAD    a0, 0
    LOAD    a1, 1
    LOAD    a2, 2
    LOAD    a3, 3
    LOAD    a4, 4
    LOAD    a5, 5
    LOAD    a6, 6
    LOAD    a7, 7
    LOAD    s8, 8
    LOAD    s9, 9
    LOAD    s10, 10
    LOAD    s11, 11
    LOAD    t3, 12
    LOAD    t4, 13
    LOAD    t5, 14
    LOAD    t6, 15
    xor     t2, s1, s2
    lui     ra, %hi(proofmark_sha256_constants)
    addi    ra, ra, %lo(proofmark_sha256_constants)
    addi    t0, ra, 192
    sw      t0, 72(sp)              # the last sixteen constants
2:
    ROUNDS
    addi    ra, ra, 64
    EXTEND  a0, a1, s9, t5
    EXTEND  a1, a2, s10, t6
    EXTEND  a2, a3, s11, a0
    EXTEND  a3, a4, t3, a1
    EXTEND  a4, a5, t4, a2
    EXTEND  a5, a6, t5, a3
    EXTEND  a6, a7, t6, a4
    EXTEND  a7, s8, a0, a5
    EXTEND  s8, s9, a1, a6
    EXTEND  s9, s10, a2, a7
    EXTEND  s10, s11, a3, s8
    EXTEND  s11, t3, a4, s9
    EXTEND  t3, t4, a5, s10
    EXTEND  t4, t5, a6, s11
    EXTEND  t5, t6, a7, t3
    EXTEND  t6, a0, s8, t4
    lw      t0, 72(sp)
    bne     ra, t0, 2b
    ROUNDS
    lw      t0, 60(sp)
    FEED    s0, 0
    FEED    s1, 1
    FEED    s2, 2
    FEED    s3, 3
    FEED    s4, 4
    FEED    s5, 5
    FEED    s6, 6
    FEED    s7, 7
    lw      t0, 64(sp)
    lw      t1, 68(sp)
    addi    t0, t0, 64
    sw      t0, 64(sp)
    bne     t0, t1, 1b

    lw      ra, 0(sp)
    lw      gp, 4(sp)
    lw      tp, 8(sp)
    lw      s0, 12(sp)
    lw      s1, 16(sp)
    lw      s2, 20(sp)
    lw      s3, 24(sp)
    lw      s4, 28(sp)
    lw      s5, 32(sp)
    lw      s6, 36(sp)
    lw      s7, 40(sp)
    lw      s8, 44(sp)
    lw      s9, 48(sp)
    lw      s10, 52(sp)
    lw      s11, 56(sp)
    addi    sp, sp, 80
    ret

.section .rodata.proofmark_sha256_constants, "a", @progbits
.balign 4
proofmark_sha256_constants:
    .word 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
    .word 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
    .word 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
    .word 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
    .word 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
    .word 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
    .word 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
    .word 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
.text
