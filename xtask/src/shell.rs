//! Running commands so that a reader can follow.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root").to_path_buf()
}

/// The folder for things that survive a clean checkout: `$PROOFMARK_CACHE`, else `~/.cache/proofmark`.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(path) = env::var_os("PROOFMARK_CACHE").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let home = env::var_os("HOME").context("neither PROOFMARK_CACHE nor HOME is set")?;
    Ok(Path::new(&home).join(".cache/proofmark"))
}

/// Where cargo builds: `$CARGO_TARGET_DIR`, else in the cache.
pub(crate) fn target() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR").filter(|path| !path.is_empty()) {
        Some(path) => Ok(root().join(path)),
        None => Ok(cache()?.join("target")),
    }
}

/// Whether nobody watches: `CI=true`.
pub(crate) fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false")
}

/// Cargo, in the root, with our target folder.
pub(crate) fn cargo<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Result<Command> {
    let mut command = command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), args);
    command.env("CARGO_TARGET_DIR", target()?);
    Ok(command)
}

/// A command in the root.
pub(crate) fn command<I: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = I>,
) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// Runs a command in the open; an exit status other than zero is an error.
pub(crate) fn run(mut command: Command) -> Result<()> {
    echo(&command);
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(&command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(&command));
    }
    Ok(())
}

/// Runs a command silently and returns its standard output.
pub(crate) fn capture(mut command: Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", shown(&command)))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("`{}` ended with {}: {errors}", shown(&command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command can be started and succeeds, in silence.
pub(crate) fn succeeds(mut command: Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// What a watched command said and how it ended.
pub(crate) struct Watched {
    /// Whether it succeeded.
    pub(crate) success: bool,
    /// Its exit code, if it was not killed.
    pub(crate) code: Option<i32>,
    /// All that it wrote, standard output and error in the order of their lines.
    pub(crate) text: String,
}

/// Runs a command in the open and keeps what it writes. Says every minute that it is still at work, if it is silent.
pub(crate) fn watch(mut command: Command) -> Result<Watched> {
    echo(&command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", shown(&command)))?;
    let heard = Arc::new(Mutex::new((String::new(), Instant::now())));
    let out = listen(child.stdout.take().expect("stdout is piped"), std::io::stdout(), &heard);
    let err = listen(child.stderr.take().expect("stderr is piped"), std::io::stderr(), &heard);
    let done = Arc::new(AtomicBool::new(false));
    let heartbeat = beat(&heard, &done);
    let status = child.wait()?;
    done.store(true, Ordering::Relaxed);
    for thread in [out, err, heartbeat] {
        thread.join().map_err(|_| anyhow::anyhow!("a reader of the command's output panicked"))?;
    }
    let text = std::mem::take(&mut heard.lock().expect("no reader panics").0);
    Ok(Watched { success: status.success(), code: status.code(), text })
}

/// The text that a command is written as in a shell.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Prints a command before it runs.
fn echo(command: &Command) {
    println!("\x1b[2m$ {}\x1b[0m", shown(command));
}

type Heard = Arc<Mutex<(String, Instant)>>;

/// Copies lines to `sink` and into the shared text.
fn listen(
    from: impl Read + Send + 'static,
    mut sink: impl Write + Send + 'static,
    heard: &Heard,
) -> thread::JoinHandle<()> {
    let heard = Arc::clone(heard);
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let _ = sink.write_all(&line).and_then(|()| sink.flush());
            let mut heard = heard.lock().expect("no reader panics");
            heard.0.push_str(&String::from_utf8_lossy(&line));
            heard.1 = Instant::now();
            line.clear();
        }
    })
}

/// Breaks long silences.
fn beat(heard: &Heard, done: &Arc<AtomicBool>) -> thread::JoinHandle<()> {
    let (heard, done, start) = (Arc::clone(heard), Arc::clone(done), Instant::now());
    thread::spawn(move || {
        while !done.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(200));
            let mut heard = heard.lock().expect("no reader panics");
            if heard.1.elapsed() > Duration::from_secs(60) {
                println!("  … still at work after {} min", start.elapsed().as_secs() / 60);
                heard.1 = Instant::now();
            }
        }
    })
}
