//! What the holder of the authority's key does: makes a key, starts a registry, registers a program.
//!
//! ```text
//! sign_registry new-key KEYFILE                      writes 32 random bytes, prints the public key
//! sign_registry public KEYFILE                       prints the public key
//! sign_registry register KEYFILE REGISTRY TIME FILE  signs the program described by FILE (JSON) into REGISTRY
//! ```
//! The key file is a secret and belongs outside every repository.

use std::{env, error::Error, fs, io::Read, path::Path};

use proofmark_core::PublicKey;
use proofmark_registry::{Program, Registry, SigningKey};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["new-key", path] => {
            if Path::new(path).exists() {
                return Err(format!("{path} exists; a key is never overwritten").into());
            }
            let mut seed = [0; 32];
            fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
            fs::write(path, seed)?;
            println!("{}", public(&SigningKey::from_bytes(&seed)));
        }
        ["public", path] => {
            println!("{}", public(&SigningKey::from_bytes(fs::read(path)?.as_slice().try_into()?)));
        }
        ["register", key, registry, time, program] => {
            let key = SigningKey::from_bytes(fs::read(key)?.as_slice().try_into()?);
            let mut log = match fs::read(registry) {
                Ok(bytes) => Registry::parse(&bytes, &[public(&key)])?,
                Err(_) => Registry::empty(),
            };
            let program: Program = serde_json::from_slice(&fs::read(program)?)?;
            log.register(program, time, &key)?;
            fs::write(registry, log.to_json())?;
        }
        _ => {
            return Err(
                "usage: sign_registry new-key KEYFILE | public KEYFILE | register KEYFILE REGISTRY TIME FILE"
                    .into(),
            );
        }
    }
    Ok(())
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::new(key.verifying_key().to_bytes())
}
