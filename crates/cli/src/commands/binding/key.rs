//! `proofmark binding key`.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use proofmark_binding::{
    key::{ProvingKey, VerifyingKey},
    keyfile,
    manager::LoadedKey,
    settings::circuit_hash,
};
use proofmark_core::Digest;
use serde::Serialize;
use serde_json::json;

use super::{
    files::{failed, key_folder, make_folder, powers},
    setup,
};
use crate::{
    config::Config,
    error::Error,
    files,
    ui::{Facts, Ui, bytes, duration},
};

/// Subcommands of `binding key`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Finish a ceremony: verify it and write proving key, verifying key and circuit
    #[command(
        after_help = "Never overwrites a key.\n\nExample: proofmark binding key make open-2.ceremony --out keys"
    )]
    Make {
        /// The ceremony after its last contribution
        ceremony: PathBuf,
        /// The powers that the ceremony started from, if they are not those that come with this command
        #[arg(long, value_name = "FILE")]
        powers: Option<PathBuf>,
        /// The folder for the files, instead of the one that commands look into
        #[arg(long, short, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Check a key file and tell what it is
    #[command(
        after_help = "--json has `program`: what `proofmark program register` takes to put the key into a registry.\n\n\
                      Example: proofmark binding key show keys/open.pk"
    )]
    Show {
        /// A proving or verifying key
        key: PathBuf,
    },
    /// Check a new key and put it in the place of the one in use, in one step
    #[command(after_help = "A prover that has the old key mapped keeps it until it reloads.\n\n\
                      Example: proofmark binding key install new/open.pk --to /var/lib/proofmark/open.pk")]
    Install {
        /// The new proving key
        key: PathBuf,
        /// The file of the proving key in use; the verifying key goes beside it
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    id: Digest,
    form: &'static str,
    dev: bool,
    circuit: Digest,
    constraints: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_us: Option<u64>,
    files: Vec<PathBuf>,
    /// The entry of a registry.
    program: serde_json::Value,
}

pub(crate) fn execute(command: KeyCommand, config: &Config, ui: &Ui) -> Result<u8, Error> {
    match command {
        KeyCommand::Make { ceremony, powers: file, out } => {
            let powers = powers(file.as_deref())?;
            let progress = ui.progress();
            progress.phase("verifying the ceremony");
            let points = setup::read(&ceremony, &powers)?.finish(&powers).map_err(|e| failed(e.into()))?;
            progress.phase("making tables");
            let key = points.tabulate();
            progress.finish();
            write(&key, &out.unwrap_or_else(|| key_folder(config)), ui)
        }
        KeyCommand::Show { key: path } => {
            let start = std::time::Instant::now();
            let (key, load_us) = match LoadedKey::load(&path, None) {
                Ok(key) => {
                    let time = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
                    (key.proving.verifying, Some(time))
                }
                // It may be a verifying key; if it is neither, the first error is the better one.
                Err(error) => (keyfile::load_verifying_key(&path).map_err(|_| failed(error))?, None),
            };
            answer(&key, vec![path], load_us, ui);
            Ok(0)
        }
        KeyCommand::Install { key: path, to } => {
            let key = LoadedKey::load(&path, None).map_err(failed)?;
            let verifying = to.with_extension("vk");
            let proving = keyfile::encode_proving_key(&key.proving);
            // The verifying key first: a prover that reloads in between finds a pair that does not match and keeps its key.
            for (path, bytes) in
                [(&verifying, keyfile::encode_verifying_key(&key.proving.verifying)), (&to, proving)]
            {
                keyfile::install(path, &bytes)
                    .map_err(|source| Error::Write { path: path.clone(), source })?;
            }
            answer(&key.proving.verifying, vec![to, verifying], None, ui);
            Ok(0)
        }
    }
}

/// Writes proving key, verifying key and circuit into a folder, and tells about them.
pub(super) fn write(key: &ProvingKey, folder: &Path, ui: &Ui) -> Result<u8, Error> {
    let form = key.verifying.form;
    let file = |extension: &str| folder.join(format!("{}.{extension}", form.name()));
    make_folder(folder)?;
    let contents = [
        (file("pk"), keyfile::encode_proving_key(key)),
        (file("vk"), keyfile::encode_verifying_key(&key.verifying)),
        (file("circuit"), format!("{}\n", circuit_hash(form)).into_bytes()),
    ];
    if let Some((path, _)) = contents.iter().take(2).find(|(path, _)| path.exists()) {
        return Err(already(path));
    }
    for (path, bytes) in &contents {
        keyfile::install(path, bytes).map_err(|source| Error::Write { path: path.clone(), source })?;
    }
    answer(&key.verifying, contents.into_iter().map(|(path, _)| path).collect(), None, ui);
    Ok(0)
}

/// Writes a file that must not exist.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    make_folder(&files::parent(path))?;
    keyfile::write_new(path, bytes).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => already(path),
        _ => Error::Write { path: path.to_path_buf(), source },
    })
}

fn already(path: &Path) -> Error {
    Error::Key {
        path: path.to_path_buf(),
        message: "there is a file already".to_string(),
        hint: "keys and ceremonies are never overwritten; choose another place, or `proofmark binding key install`"
            .to_string(),
    }
}

fn answer(key: &VerifyingKey, files: Vec<PathBuf>, load_us: Option<u64>, ui: &Ui) {
    let answer = Answer {
        id: key.id(),
        form: key.form.name(),
        dev: key.dev,
        circuit: circuit_hash(key.form),
        constraints: key.form.r1cs().constraints(),
        load_us,
        files,
        program: json!({
            "id": key.id(),
            "name": format!("proofmark-binding-{}", key.form.name()),
            "system": "binding",
            "version": "1.0.0",
            "releaseDate": "YYYY-MM-DD",
            "features": [],
            "minCompatibleVersion": "1.0.0",
            "elf": Digest::of(&keyfile::encode_verifying_key(key)),
            "build": "where the transcript of the ceremony can be found",
        }),
    };
    ui.answer(&answer, |ui| {
        let mut facts = Facts::default();
        facts.add("key", answer.id.to_string());
        facts.add("form", answer.form);
        facts.add("made for", if answer.dev { "DEVELOPMENT: its maker can forge" } else { "use" });
        facts.add("circuit", format!("{} ({} constraints)", answer.circuit, answer.constraints));
        facts.maybe("loaded in", answer.load_us.map(|us| duration(std::time::Duration::from_micros(us))));
        for file in &answer.files {
            let size = std::fs::metadata(file).map(|m| bytes(m.len())).unwrap_or_default();
            facts.add("file", format!("{} ({size})", file.display()));
        }
        facts.render(ui, 0)
    });
}
