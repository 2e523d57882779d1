//! `perf record`, attached to a process that has not begun yet.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::{fs::OpenOptionsExt as _, process::CommandExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use proofmark_witness::{FAST, MEDIUM, STEADY};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::RecordError;

/// Ticks a second of the three clocks, and until when the first two tick.
const FAST_HZ: u32 = 997;
const MEDIUM_HZ: u32 = 97;
const STEADY_HZ: u32 = 19;
const FAST_FOR: Duration = Duration::from_millis(150);
const MEDIUM_FOR: Duration = Duration::from_secs(3);
/// The most addresses of a call chain: deeper ones are cut at the outer end.
const MAX_STACK: u32 = 64;
/// How long `perf` may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to record beside the clocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EventChoice {
    /// Hardware counters if the processor has them, and what the kernel counts.
    #[default]
    Auto,
    /// These, in `perf`'s notation.
    Named(Vec<String>),
    /// What the kernel counts.
    Software,
}

/// The `perf` of this machine.
#[derive(Clone, Debug)]
pub struct Perf {
    program: OsString,
    hardware: bool,
}

impl Perf {
    /// Finds it.
    ///
    /// # Errors
    /// [`RecordError::NoPerf`].
    pub fn find() -> Result<Self, RecordError> {
        let program = std::env::var_os("PROOFMARK_PERF").unwrap_or_else(|| "perf".into());
        let found =
            crate::machine::find_program(&program.to_string_lossy()).map_err(|_| RecordError::NoPerf)?;
        // Where the kernel has no driver for the processor's counters, asking `perf` would only cost time.
        let devices = Path::new("/sys/bus/event_source/devices");
        let names = fs::read_dir(devices).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let hardware = names.into_iter().any(|name| {
            let name = name.to_string_lossy();
            name == "cpu" || name == "cpu_core" || name.starts_with("armv8_") || name.starts_with("armv9_")
        });
        Ok(Self { program: found.into_os_string(), hardware })
    }

    /// Attaches to a process. Comes back when everything that it does from now on is recorded.
    pub(crate) fn attach(
        &self,
        pid: i32,
        output: &Path,
        marker: &str,
        choice: &EventChoice,
        folder: &Path,
    ) -> Result<Attached, RecordError> {
        let (control, ack) = (folder.join("control"), folder.join("ack"));
        for path in [&control, &ack] {
            mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
                .map_err(|e| RecordError::io(path, e.into()))?;
        }
        // Opened for both, so that neither opening nor reading waits for the other side.
        let open = |path: &Path| {
            let mut options = File::options();
            options.read(true).write(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
            options.open(path).map_err(|e| RecordError::io(path, e))
        };
        let (to, from) = (open(&control)?, open(&ack)?);
        let errors = folder.join("stderr");
        let stderr = File::create(&errors).map_err(|e| RecordError::io(&errors, e))?;
        let mut command = Command::new(&self.program);
        command.args(["record", "-q", "-N", "--buildid-mmap", "--no-bpf-event", "-k", "CLOCK_MONOTONIC"]);
        command.args(["--call-graph", "fp", "-D", "-1", "-o"]).arg(output);
        for (name, rate) in [(FAST, FAST_HZ), (MEDIUM, MEDIUM_HZ), (STEADY, STEADY_HZ)] {
            command.arg("-e").arg(format!("cpu-clock/freq={rate},name={name},max-stack={MAX_STACK}/"));
        }
        for event in self.others(choice) {
            command.args(["-e", &event]);
        }
        command.args(["-e", &format!("dummy/name={marker}/")]);
        command.arg(format!("--control=fifo:{},{}", control.display(), ack.display()));
        command.args(["-p", &pid.to_string()]);
        // A group of its own, so that a Ctrl-C of the terminal does not end the recording before the command.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let child = command.spawn().map_err(|e| RecordError::PerfFailed(e.to_string()))?;
        let mut attached = Attached { child, to, from, errors, schedule: None };
        match attached.command("enable") {
            Ok(()) => Ok(attached),
            Err(error) => {
                attached.kill();
                Err(error)
            }
        }
    }

    fn others(&self, choice: &EventChoice) -> Vec<String> {
        let software = ["page-faults/period=64/", "context-switches/period=64/"];
        let hardware = [
            "cycles/freq=97/",
            "instructions/period=20000003/",
            "cache-misses/period=100003/",
            "branch-misses/period=100003/",
        ];
        match choice {
            EventChoice::Auto if self.hardware => {
                software.into_iter().chain(hardware).map(str::to_owned).collect()
            }
            EventChoice::Auto | EventChoice::Software => software.map(str::to_owned).into(),
            EventChoice::Named(names) => names.clone(),
        }
    }
}

/// A `perf` that records.
pub(crate) struct Attached {
    child: Child,
    to: File,
    from: File,
    errors: std::path::PathBuf,
    /// Slows the clocks down as time goes by; ends when the sender is dropped.
    schedule: Option<(mpsc::Sender<()>, thread::JoinHandle<()>)>,
}

impl Attached {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Begins to slow the clocks down: the command was let go now.
    pub(crate) fn started(&mut self) {
        let Ok(mut to) = self.to.try_clone() else { return };
        let (stop, stopped) = mpsc::channel();
        let begin = Instant::now();
        let handle = thread::spawn(move || {
            for (event, until) in [(FAST, FAST_FOR), (MEDIUM, MEDIUM_FOR)] {
                let left = until.saturating_sub(begin.elapsed());
                if stopped.recv_timeout(left) != Err(mpsc::RecvTimeoutError::Timeout) {
                    return;
                }
                // Its answer is read with the next command's.
                let _ = to.write_all(format!("disable {event}\n").as_bytes());
            }
        });
        self.schedule = Some((stop, handle));
    }

    /// Ends the recording.
    pub(crate) fn finish(mut self) -> Result<(), RecordError> {
        if let Some((stop, handle)) = self.schedule.take() {
            drop(stop);
            let _ = handle.join();
        }
        // Where the command was the last process, `perf` has ended by itself.
        let _ = self.to.write_all(b"stop\n");
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(_)) => return Err(self.failure()),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
                _ => {
                    self.kill();
                    return Err(RecordError::PerfFailed("it did not end".into()));
                }
            }
        }
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a command and waits until it was carried out.
    fn command(&mut self, text: &str) -> Result<(), RecordError> {
        let failed = |error: io::Error| RecordError::PerfFailed(error.to_string());
        self.to.write_all(format!("{text}\n").as_bytes()).map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        let mut answer = [0; 64];
        loop {
            match self.from.read(&mut answer) {
                Ok(count) if answer[..count].windows(3).any(|part| part == b"ack") => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(failed(error)),
            }
            if let Ok(Some(_)) = self.child.try_wait() {
                return Err(self.failure());
            }
            if Instant::now() > deadline {
                return Err(RecordError::PerfFailed("it did not start".into()));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Why it ended, from what it said.
    fn failure(&self) -> RecordError {
        let text = fs::read_to_string(&self.errors).unwrap_or_default();
        let lower = text.to_lowercase();
        if lower.contains("perf_event_paranoid")
            || lower.contains("permission")
            || lower.contains("not permitted")
        {
            let paranoid = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
            let paranoid = match paranoid.trim() {
                "" => "unknown".to_owned(),
                text => text.to_owned(),
            };
            return RecordError::NotPermitted { paranoid };
        }
        let line = text.lines().map(str::trim).find(|line| !line.is_empty());
        RecordError::PerfFailed(line.unwrap_or("it gave no reason").chars().take(300).collect())
    }
}
