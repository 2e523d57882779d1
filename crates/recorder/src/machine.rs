//! What the machine and its files say of themselves.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use proofmark_core::{Binary, Machine};
use proofmark_witness::perf_digest;

use crate::RecordError;

/// The machine as `perf` would describe it, so that the two agree.
pub(crate) fn describe(facts: &proofmark_witness::perf::Facts) -> Machine {
    Machine {
        kernel: facts.kernel.clone(),
        architecture: facts.architecture.clone(),
        cpu: facts.cpu.clone(),
        cpus: std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1)),
    }
}

/// The file that a command name stands for, as `execvp(3)` finds it.
pub(crate) fn find_program(name: &str) -> io::Result<PathBuf> {
    let runs = |path: &Path| {
        fs::metadata(path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    let found = if name.contains('/') {
        Some(PathBuf::from(name)).filter(|path| path.exists())
    } else {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| runs(path))
    };
    let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    if !runs(&found) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    found.canonicalize()
}

/// A program, and the one that interprets it if it is a script.
pub(crate) fn binaries(path: &Path) -> Result<(Binary, Option<Binary>), RecordError> {
    let program = binary(path)?;
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(256).read_to_end(&mut head));
    read.map_err(|e| RecordError::io(path, e))?;
    let Some(line) = head.strip_prefix(b"#!").and_then(|rest| rest.split(|byte| *byte == b'\n').next())
    else {
        return Ok((program, None));
    };
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace();
    let Some(mut interpreter) = words.next() else { return Ok((program, None)) };
    // `#!/usr/bin/env python3`: the program that env finds is the one that runs in the end.
    if interpreter.ends_with("/env") {
        interpreter = words.find(|word| !word.starts_with('-') && !word.contains('=')).unwrap_or(interpreter);
    }
    let interpreter = find_program(interpreter).map_err(|e| RecordError::io(interpreter, e))?;
    Ok((program, Some(binary(&interpreter)?)))
}

fn binary(path: &Path) -> Result<Binary, RecordError> {
    let failed = |e| RecordError::io(path, e);
    let file = File::open(path).map_err(failed)?;
    let (digest, _) = perf_digest(file, u64::MAX - 1).map_err(failed)?;
    Ok(Binary {
        path: path.to_string_lossy().into_owned(),
        digest,
        build_id: blazesym::helper::read_elf_build_id(path)
            .ok()
            .flatten()
            .map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect()),
    })
}
