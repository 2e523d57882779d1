//! Execution without proof, through one long-lived `r0vm --rpc`.
//!
//! The server's standard input is a socket. A frame is its length (u32, little-endian) and a bincode value: RISC Zero's
//! `rpc::JobRequest` to the server, `rpc::JobInfo` back. Their shapes are mirrored here as far as we need them, because the crate
//! that defines them brings the whole client with it; the pinned version keeps them true.

use std::{
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::Stdio,
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Instant,
};

use bincode::Options as _;
use proofmark_prover::{
    Control, Executed, ProveError, Work,
    supervise::{Bounds, POLL, Supervised},
};
use risc0_zkvm::{AssumptionReceipt, ExitCode, Journal, SessionStats};
use serde::Deserialize;

use crate::server::Server;

/// The longest answer that is read. An answer holds a journal and a few figures.
const MAX_ANSWER_BYTES: u32 = 16 << 20;

/// Executes programs on behalf of any thread; the server starts with the first request.
#[derive(Debug, Default)]
pub(crate) struct Executor {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
}

struct Job {
    server: Server,
    frame: Vec<u8>,
    start: Instant,
    control: Control<'static>,
    answer: mpsc::Sender<Result<Executed, ProveError>>,
}

impl Executor {
    /// Runs `program` on `input`.
    pub(crate) fn execute(
        &self,
        server: &Server,
        program: &[u8],
        input: &[u8],
        bounds: &Bounds<'_>,
    ) -> Result<Executed, ProveError> {
        let (answer, answered) = mpsc::channel();
        let job = Job {
            server: server.clone(),
            frame: frame(program, input)?,
            start: bounds.start,
            control: Control {
                deadline: bounds.control.deadline,
                memory_limit_bytes: bounds.control.memory_limit_bytes,
                cycle_limit: bounds.control.cycle_limit,
                cancel: bounds.control.cancel.clone(),
                progress: None,
            },
            answer,
        };
        let gone = || ProveError::Io {
            doing: "executing the program".to_owned(),
            source: io::Error::other("the thread that supervises the server ended"),
        };
        self.sender().send(job).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }

    /// The thread that owns the server. The kernel ends a supervised child with the thread that spawned it, so that thread must
    /// live as long as the child.
    fn sender(&self) -> mpsc::Sender<Job> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.get_or_insert_with(|| {
            let (sender, receiver) = mpsc::channel();
            thread::spawn(move || serve(&receiver));
            sender
        })
        .clone()
    }
}

/// Works off jobs until the executor is dropped.
fn serve(jobs: &mpsc::Receiver<Job>) {
    let mut running: Option<Running> = None;
    while let Ok(job) = jobs.recv() {
        let bounds = Bounds { start: job.start, control: &job.control };
        let reusable = running.take().filter(|server| server.path == job.server.path);
        let result = reusable.map_or_else(|| Running::start(&job.server), Ok).and_then(|mut server| {
            let result = server.execute(&job.frame, &bounds);
            // After a crash or a limit the tree is gone; after an answer the server waits for the next frame.
            if matches!(result, Ok(_) | Err(ProveError::GuestRejected { .. })) {
                running = Some(server);
            }
            result
        });
        // Nobody waits any more if the caller's thread is gone.
        let _ = job.answer.send(result);
    }
}

/// A running server.
struct Running {
    path: std::path::PathBuf,
    child: Supervised,
    socket: UnixStream,
}

impl Running {
    fn start(server: &Server) -> Result<Self, ProveError> {
        let connect = |e| ProveError::io("cannot connect to r0vm", &server.path, e);
        let (socket, theirs) = UnixStream::pair().map_err(connect)?;
        socket
            .set_read_timeout(Some(POLL))
            .and_then(|()| socket.set_write_timeout(Some(POLL)))
            .map_err(connect)?;
        let mut command = server.command();
        command.arg("--rpc").stdin(Stdio::from(OwnedFd::from(theirs)));
        // Spawned children of the server would each look for GPUs; execution needs none.
        command.env("CUDA_VISIBLE_DEVICES", "");
        let child = Supervised::spawn(command)?;
        Ok(Self { path: server.path.clone(), child, socket })
    }

    fn execute(&mut self, frame: &[u8], bounds: &Bounds<'_>) -> Result<Executed, ProveError> {
        let start = Instant::now();
        let mut written = 0;
        while written < frame.len() {
            let result = self.socket.write(&frame[written..]);
            written += self.moved(result, bounds)?;
        }
        let mut length = [0; 4];
        self.read_exact(&mut length, bounds)?;
        let length = u32::from_le_bytes(length);
        if length > MAX_ANSWER_BYTES {
            return Err(bad(format!("an answer of {length} bytes")));
        }
        let mut answer = vec![0; length as usize];
        self.read_exact(&mut answer, bounds)?;
        let mut executed = decode(&answer)?;
        executed.time = start.elapsed();
        Ok(executed)
    }

    fn read_exact(&mut self, buffer: &mut [u8], bounds: &Bounds<'_>) -> Result<(), ProveError> {
        let mut filled = 0;
        while filled < buffer.len() {
            let result = self.socket.read(&mut buffer[filled..]);
            filled += self.moved(result, bounds)?;
        }
        Ok(())
    }

    /// The bytes that moved; zero if the time for looking after the child came first.
    fn moved(&mut self, result: io::Result<usize>, bounds: &Bounds<'_>) -> Result<usize, ProveError> {
        let moved = match result {
            Ok(moved @ 1..) => return Ok(moved),
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(0)
            }
            Err(error) => Err(error),
        };
        if moved.is_err() {
            // The other end is closed: the child is dying. Its exit says why.
            thread::sleep(POLL);
        }
        if let Some(finished) = self.child.poll(bounds)? {
            let output = finished.output.clone();
            finished.success()?;
            return Err(ProveError::Crashed { exit: "it ended too early".to_owned(), stderr: output });
        }
        moved.map_err(|e| ProveError::io("speaking to r0vm", &self.path, e))
    }
}

/// `JobRequest::Proof(ProofRequest { binary, input, assumptions: [], segment_limit_po2: None, execute_only: true, dev_mode: false })`
fn frame(program: &[u8], input: &[u8]) -> Result<Vec<u8>, ProveError> {
    let length = 4 + 8 + program.len() + 8 + input.len() + 8 + 3;
    let header = u32::try_from(length).map_err(|_| ProveError::Unsupported {
        prover: "risc0",
        detail: format!("the input has {} bytes; RISC Zero's server takes less than 4 GiB", input.len()),
    })?;
    let mut frame = Vec::with_capacity(4 + length);
    frame.extend(header.to_le_bytes());
    frame.extend(0u32.to_le_bytes());
    for bytes in [program, input] {
        frame.extend((bytes.len() as u64).to_le_bytes());
        frame.extend(bytes);
    }
    frame.extend(0u64.to_le_bytes());
    frame.extend([0, 1, 0]);
    Ok(frame)
}

/// `JobStatus` of a `JobInfo`, which comes first in it; the session is read as far as we need it.
#[derive(Deserialize)]
enum Status {
    Running(String),
    Succeeded(Box<Session>),
    Failed(TaskError),
    TimedOut,
    Aborted,
}

#[derive(Deserialize)]
enum TaskError {
    Generic(String),
}

#[derive(Deserialize)]
struct Session {
    stats: SessionStats,
    journal: Option<Journal>,
    #[allow(dead_code, reason = "stands between the fields that we need")]
    assumptions: Vec<AssumptionReceipt>,
    segments: Vec<SegmentInfo>,
    exit_code: ExitCode,
}

#[derive(Deserialize)]
struct SegmentInfo {
    po2: u32,
    #[allow(dead_code, reason = "the sum is in the statistics")]
    cycles: u32,
}

fn decode(answer: &[u8]) -> Result<Executed, ProveError> {
    let options = bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_limit(u64::from(MAX_ANSWER_BYTES))
        .allow_trailing_bytes();
    let status: Status = options.deserialize(answer).map_err(|e| bad(format!("an unknown answer: {e}")))?;
    let session = match status {
        Status::Succeeded(session) => session,
        Status::Failed(TaskError::Generic(message)) => return Err(failed(&message)),
        Status::Running(text) => return Err(bad(format!("an unfinished job: {text}"))),
        Status::TimedOut => return Err(bad("it timed out".to_owned())),
        Status::Aborted => return Err(bad("it aborted".to_owned())),
    };
    if session.exit_code != ExitCode::Halted(0) {
        return Err(ProveError::GuestRejected { message: format!("exit {:?}", session.exit_code) });
    }
    Ok(Executed {
        journal: session.journal.unwrap_or_default().bytes,
        work: Work::Cycles {
            user: session.stats.user_cycles,
            paging: session.stats.paging_cycles,
            total: session.stats.total_cycles,
            segments: session.segments.iter().map(|segment| segment.po2).collect(),
        },
        time: std::time::Duration::ZERO,
    })
}

/// What the server says of a failed execution, as our error.
pub(crate) fn failed(message: &str) -> ProveError {
    let message = message.trim();
    match message.split_once("Guest panicked: ") {
        Some((_, said)) => {
            ProveError::GuestRejected { message: said.lines().next().unwrap_or_default().to_owned() }
        }
        None => ProveError::Crashed { exit: "the execution failed".to_owned(), stderr: message.to_owned() },
    }
}

fn bad(detail: String) -> ProveError {
    ProveError::BadOutput { detail: format!("the server answered with {detail}") }
}
