//! `proofmark binding hash`.

use std::path::PathBuf;

use proofmark_core::Digest;
use proofmark_prover::CancelToken;
use serde::Serialize;

use super::files::hash;
use crate::{
    error::Error,
    files,
    ui::{Facts, Ui, bytes},
};

/// Arguments of `hash`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A file has the SHA-256 of its bytes, as sha256sum prints it; nothing is normalised. A folder has the SHA-256 of its manifest: \
docs/src/binding.md says which bytes exactly.

Example: proofmark binding hash models/llama-70b --manifest llama-70b.manifest")]
pub(crate) struct HashArgs {
    /// A file, or a folder of weights
    path: PathBuf,
    /// Where to write the manifest of a folder
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    digest: Digest,
    bytes: u64,
    /// Files of the folder, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<usize>,
}

pub(crate) fn execute(args: &HashArgs, ui: &Ui, cancel: &CancelToken) -> Result<u8, Error> {
    let found = hash(&args.path, "file", ui, cancel)?;
    if let Some(path) = &args.manifest {
        let Some(manifest) = &found.manifest else {
            return Err(Error::usage(
                format!("{} is a file and has no manifest", args.path.display()),
                "leave --manifest away",
            ));
        };
        files::write_whole(path, manifest.as_bytes())?;
    }
    let answer = Answer {
        digest: found.digest,
        bytes: found.bytes,
        files: found.manifest.map(|manifest| manifest.lines().count() - 1),
    };
    ui.answer(&answer, |ui| {
        let mut facts = Facts::default();
        facts.add("digest", answer.digest.to_string());
        facts.add("size", bytes(answer.bytes));
        facts.maybe("files", answer.files.map(|count| count.to_string()));
        facts.render(ui, 0)
    });
    Ok(0)
}
