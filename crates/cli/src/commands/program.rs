//! `proofmark program`.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use clap::Subcommand;
use proofmark_core::Digest;
use proofmark_plan::calendar;
use proofmark_registry::{AuditLine, Program, Registry, Standing, SyncOutcome, http, sync};
use serde::Serialize;

use crate::{
    config::Config,
    error::Error,
    files, keys, registry_file,
    ui::{Align, Facts, Tone, Ui, plural, table},
};

/// The largest description of a program that is read.
const MAX_PROGRAM_BYTES: u64 = 64 << 10;
/// How long a server may take to send a registry.
const SYNC_TIMEOUT: Duration = Duration::from_secs(30);

/// Subcommands of `program`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProgramCommand {
    /// All programs with their standing
    #[command(after_help = "Example: proofmark program list --json")]
    List {
        #[command(flatten)]
        registry: RegistryArgs,
    },
    /// One program: its metadata, standing and history
    #[command(
        after_help = "Example: proofmark program show sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    )]
    Show {
        /// The program's id
        id: Digest,
        #[command(flatten)]
        registry: RegistryArgs,
    },
    /// Say that a program is good, as an authority
    #[command(
        after_help = "PROGRAM.json has: id, name, system, version, releaseDate, features, minCompatibleVersion, elf, build.\n\n\
                            Example: proofmark program register program.json --key authority.key --registry registry.json"
    )]
    Register {
        /// The program's description, JSON
        #[arg(value_name = "PROGRAM.json")]
        program: PathBuf,
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Say that a program must no longer be accepted, as an authority
    #[command(
        after_help = "Example: proofmark program deprecate sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae \
                            --reason 'accepts rows twice' --key authority.key"
    )]
    Deprecate {
        /// The program's id
        id: Digest,
        /// Why, for the people who relied on it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Take over a newer signed registry; an older or contradicting one is refused
    #[command(
        after_help = "Example: proofmark program sync --from https://registry.example.org/registry.json"
    )]
    Sync {
        /// A URL or file, instead of programRegistry.url
        #[arg(long, value_name = "URL|FILE")]
        from: Option<String>,
        #[command(flatten)]
        registry: RegistryArgs,
    },
    /// Walk the registry's chain and tell every change
    #[command(
        after_help = "Exit code 1 if the chain is broken or a signature is not an authority's.\n\nExample: proofmark program audit"
    )]
    Audit {
        #[command(flatten)]
        registry: RegistryArgs,
    },
}

/// Which registry.
#[derive(Debug, clap::Args)]
pub(crate) struct RegistryArgs {
    /// A registry file, instead of the one in force
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
}

/// Which registry, and who signs.
#[derive(Debug, clap::Args)]
pub(crate) struct SigningArgs {
    /// The authority's key, instead of the provider's
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl RegistryArgs {
    fn path(&self, config: &Config) -> PathBuf {
        self.registry.clone().unwrap_or_else(|| registry_file::path(config))
    }

    fn load(&self, config: &Config) -> Result<Registry, Error> {
        match &self.registry {
            // A file that was named must be there; the kept one need not.
            Some(path) if !path.exists() => {
                Err(Error::Read { path: path.clone(), source: std::io::ErrorKind::NotFound.into() })
            }
            _ => registry_file::read(&self.path(config), config),
        }
    }
}

pub(crate) fn execute(command: ProgramCommand, config: &Config, ui: &Ui) -> Result<u8, Error> {
    match command {
        ProgramCommand::List { registry } => list(&registry.load(config)?, ui),
        ProgramCommand::Show { id, registry } => show(&id, &registry.load(config)?, config, ui),
        ProgramCommand::Register { program, signing } => {
            let description = read_program(&program)?;
            change(&signing, config, ui, |registry, time, key| {
                registry.register(description, time, key).map(|_| ())
            })
        }
        ProgramCommand::Deprecate { id, reason, signing } => {
            change(&signing, config, ui, |registry, time, key| {
                registry.deprecate(id, &reason, time, key).map(|_| ())
            })
        }
        ProgramCommand::Sync { from, registry } => take_over(from.as_deref(), &registry, config, ui),
        ProgramCommand::Audit { registry } => audit(&registry.load(config)?, config, ui),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(flatten)]
    program: Program,
    standing: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Listed {
    fn new(program: &Program, registry: &Registry) -> Self {
        let (standing, why) = match registry.standing(&program.id) {
            Standing::Allowed(_) => ("allowed", None),
            Standing::Deprecated { reason, .. } => ("deprecated", Some(reason.to_string())),
            Standing::TooOld { minimum, .. } => {
                ("too-old", Some(format!("the oldest accepted version is {minimum}")))
            }
            Standing::Unknown => ("unknown", None),
        };
        Self { program: program.clone(), standing, why }
    }

    fn standing(&self, ui: &Ui) -> String {
        let tone = if self.standing == "allowed" { Tone::Good } else { Tone::Bad };
        let why = self.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{}{why}", ui.paint(tone, self.standing))
    }
}

fn list(registry: &Registry, ui: &Ui) -> Result<u8, Error> {
    let programs: Vec<Listed> = registry.programs().map(|program| Listed::new(program, registry)).collect();
    let answer = serde_json::json!({ "head": registry.head(), "programs": programs });
    ui.answer(&answer, |ui| {
        let rows: Vec<Vec<String>> = programs
            .iter()
            .map(|listed| {
                let program = &listed.program;
                vec![
                    program.name.clone(),
                    program.version.to_string(),
                    program.system.clone(),
                    listed.standing.to_string(),
                    program.id.to_string(),
                ]
            })
            .collect();
        let left = Align::Left;
        let heading =
            [("program", left), ("version", left), ("system", left), ("standing", left), ("id", left)];
        table(ui, &heading, &rows)
    });
    Ok(0)
}

fn show(id: &Digest, registry: &Registry, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let program = registry.program(id).ok_or_else(|| Error::Refused {
        code: "unknown-program",
        message: format!("the registry does not know {id}"),
        hint: Some(
            "`proofmark program list` shows what it knows; `proofmark program sync` fetches a newer one"
                .to_string(),
        ),
    })?;
    let listed = Listed::new(program, registry);
    let id = id.to_string();
    let history: Vec<AuditLine> =
        trail(registry, config)?.into_iter().filter(|line| line.change.contains(&id)).collect();
    let answer = serde_json::json!({ "program": listed, "history": history });
    ui.answer(&answer, |ui| {
        let mut facts = Facts::default();
        facts.add("program", format!("{} {}", program.name, program.version));
        facts.add("standing", listed.standing(ui));
        facts.add("id", id);
        facts.add("system", program.system.clone());
        facts.add("released", program.release_date.clone());
        facts.add("features", program.features.iter().cloned().collect::<Vec<_>>().join(", "));
        facts.add("compatible from", program.min_compatible_version.to_string());
        facts.add("file", program.elf.to_string());
        facts.add("build", program.build.clone());
        for line in &history {
            facts.add("history", format!("{} {} by {}", line.time, line.change, line.signer));
        }
        facts.render(ui, 0)
    });
    Ok(0)
}

fn audit(registry: &Registry, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let lines = trail(registry, config)?;
    let answer = serde_json::json!({ "head": registry.head(), "entries": lines });
    ui.answer(&answer, |ui| {
        let mut text: String = lines
            .iter()
            .map(|line| {
                let mut facts = Facts::default();
                facts.add("change", line.change.clone());
                facts.add("signed by", line.signer.to_string());
                facts.add("digest", line.digest.to_string());
                let title = format!("{}  {}", line.seq, line.time);
                format!("{}\n{}", ui.paint(Tone::Bold, &crate::ui::clean(&title)), facts.render(ui, 2))
            })
            .collect();
        let count = plural(lines.len() as u64, "change");
        text.push_str(&format!(
            "{} {count}, the chain is whole, every signature is good\n",
            ui.paint(Tone::Good, "ok")
        ));
        text
    });
    Ok(0)
}

fn trail(registry: &Registry, config: &Config) -> Result<Vec<AuditLine>, Error> {
    registry.audit(&registry_file::authorities(config)).map_err(|error| Error::Refused {
        code: "bad-registry",
        message: error.to_string(),
        hint: None,
    })
}

/// Signs one change and writes the registry whole.
fn change<E: std::fmt::Display>(
    signing: &SigningArgs,
    config: &Config,
    ui: &Ui,
    action: impl FnOnce(&mut Registry, &str, &ed25519_dalek::SigningKey) -> Result<(), E>,
) -> Result<u8, Error> {
    let path = signing.registry.path(config);
    let mut registry = registry_file::read(&path, config)?;
    let key = keys::load(&signing.key.clone().unwrap_or_else(|| config.provider_key()))?;
    let public = keys::public(&key);
    if !registry_file::authorities(config).contains(&public) {
        return Err(Error::usage(
            format!("{public} is not an authority here, so the change would not be believed"),
            format!(
                "add it to agent.zkvm.programRegistry.authorities, or set PROOFMARK_PROGRAM_REGISTRY_AUTHORITIES={public}"
            ),
        ));
    }
    action(&mut registry, &now(), &key).map_err(|fault| Error::Refused {
        code: "registry-change-refused",
        message: fault.to_string(),
        hint: None,
    })?;
    registry_file::write(&path, &registry)?;
    let line = trail(&registry, config)?.pop();
    let answer = serde_json::json!({ "path": path, "entry": line });
    ui.answer(&answer, |ui| {
        let mut facts = Facts::default();
        if let Some(line) = &line {
            facts.add("change", line.change.clone());
            facts.add("signed by", line.signer.to_string());
            facts.add("digest", line.digest.to_string());
        }
        facts.add("wrote", path.display().to_string());
        facts.render(ui, 0)
    });
    Ok(0)
}

fn take_over(from: Option<&str>, args: &RegistryArgs, config: &Config, ui: &Ui) -> Result<u8, Error> {
    let from = match from {
        Some(from) => from,
        None if !config.remote_registry() => {
            return Err(Error::usage(
                "programRegistry.source is `embedded`, so there is nothing to sync with",
                "give --from, or set programRegistry.source to `remote` and programRegistry.url",
            ));
        }
        None => config.registry_url().ok_or_else(|| {
            Error::usage(
                "no programRegistry.url is configured",
                "give --from URL, or set PROOFMARK_PROGRAM_REGISTRY_URL",
            )
        })?,
    };
    let path = args.path(config);
    let local = registry_file::read(&path, config)?;
    let fetched = if from.starts_with("http://") || from.starts_with("https://") {
        http::fetch(from, SYNC_TIMEOUT).map_err(|error| Error::Refused {
            code: "fetch-failed",
            message: error.to_string(),
            hint: error
                .is_retryable()
                .then(|| "try again later; until then the local registry stays in force".to_string()),
        })?
    } else {
        files::read(Path::new(from), proofmark_registry::MAX_REGISTRY_BYTES as u64)?
    };
    let outcome = sync(&local, &fetched, &registry_file::authorities(config))
        .map_err(|error| registry_file::refused(Path::new(from), &error))?;
    let new = outcome.new_entries(&local).len();
    if let SyncOutcome::Extended(registry) = &outcome {
        registry_file::write(&path, registry)?;
    }
    let answer = serde_json::json!({ "from": from, "path": path, "newEntries": new });
    ui.answer(&answer, |_| match new {
        0 => "up to date\n".to_string(),
        _ => format!("{} taken over into {}\n", plural(new as u64, "new change"), path.display()),
    });
    Ok(0)
}

fn read_program(path: &Path) -> Result<Program, Error> {
    let text = files::read(path, MAX_PROGRAM_BYTES)?;
    serde_json::from_slice(&text).map_err(|e| Error::File {
        path: path.to_path_buf(),
        message: format!("not a program's description: {e}"),
        hint: Some("`proofmark program show --json` shows what one looks like".to_string()),
    })
}

/// The time as RFC 3339 in UTC, to the second.
fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_secs()).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
    let (text, length) = calendar::timestamp_text(micros.unwrap_or(0).min(calendar::MAX_TIMESTAMP));
    String::from_utf8_lossy(&text[..length]).into_owned()
}
