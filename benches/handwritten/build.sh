#!/bin/sh
# Builds the hand-written guests with Debian's Rust (see guests/) and packs them with RISC Zero's kernel.
set -e
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-$PWD/../../target}/handwritten
separator=$(printf '\037')
# Panic messages hold the paths of sources; they must not tell where this was built.
remap=
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
    remap="$remap$separator--remap-path-prefix=${registry%/}=/crates"
done
remap="$remap$separator--remap-path-prefix=$PWD=/handwritten"
CARGO_ENCODED_RUSTFLAGS="-Cpasses=lower-atomic${separator}-Clink-arg=-Ttext=0x00200800${separator}-Cpanic=abort${separator}--cfg${separator}getrandom_backend=\"custom\"$remap" \
RUSTC=${PROOFMARK_GUEST_RUSTC:-/usr/bin/rustc} RUSTC_BOOTSTRAP=1 CARGO_TARGET_RISCV32IM_RISC0_ZKVM_ELF_LINKER=ld.lld CARGO_TARGET_DIR=$target \
    cargo build --release --target riscv32im-risc0-zkvm-elf \
    -Zbuild-std=core,alloc,proc_macro,panic_abort,std -Zbuild-std-features=compiler-builtins-mem
mkdir -p artifacts
for name in stocks weather; do
    CARGO_TARGET_DIR=$target cargo run --quiet --manifest-path ../../guests/Cargo.toml --package proofmark-guest-pack -- \
        "$target/riscv32im-risc0-zkvm-elf/release/handwritten-$name" "artifacts/$name.bin"
done
