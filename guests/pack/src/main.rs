//! `proofmark-guest-pack USER.elf OUT.bin`: joins a guest with RISC Zero's kernel and prints the image id.

use std::{env, error::Error, fs};

use risc0_binfmt::ProgramBinary;
use risc0_zkos_v1compat::V1COMPAT_ELF;

fn main() -> Result<(), Box<dyn Error>> {
    let [user, out] = <[String; 2]>::try_from(env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| "usage: proofmark-guest-pack USER.elf OUT.bin")?;
    let user = fs::read(user)?;
    let program = ProgramBinary::new(&user, V1COMPAT_ELF);
    let id = program.compute_image_id().map_err(|e| e.to_string())?;
    fs::write(out, program.encode())?;
    println!("{id}");
    Ok(())
}
