//! The guest that this crate proves executions of, as it is committed in `guests/artifacts`.

use std::sync::OnceLock;

use proofmark_core::Digest;
use proofmark_prover::Program;

/// RISC Zero's kernel and our guest, in RISC Zero's program format.
pub static PROGRAM_BINARY: &[u8] = include_bytes!("../../../guests/artifacts/proofmark-plan-risc0.bin");

const MANIFEST: &str = include_str!("../../../guests/artifacts/proofmark-plan-risc0.json");

#[derive(serde::Deserialize)]
struct Manifest {
    #[serde(rename = "imageId")]
    image_id: String,
    version: String,
}

/// The guest's image id and version.
pub fn program() -> Program {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    *PROGRAM.get_or_init(|| {
        let manifest: Manifest = serde_json::from_str(MANIFEST)
            .expect("the committed manifest was written by `cargo xtask guests`");
        let id: Digest = manifest.image_id.parse().expect("an image id is a digest");
        let mut version = [0; 3];
        for (part, text) in version.iter_mut().zip(manifest.version.split('.')) {
            *part = text.parse().expect("a version is three numbers");
        }
        Program { id, version }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_of_this_binary() {
        let id = risc0_zkvm::compute_image_id(PROGRAM_BINARY).expect("a program");
        assert_eq!(program().id.as_bytes(), id.as_bytes());
    }
}
