//! Reading a child's output all the time, so that it never blocks, and keeping its end.

use std::{
    collections::VecDeque,
    io::Read,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Bytes kept of the end of each stream.
const TAIL_BYTES: usize = 8 << 10;
/// Bytes kept of one line.
const LINE_BYTES: usize = 4 << 10;
/// Lines kept until somebody fetches them.
const LINES: usize = 1024;

#[derive(Debug)]
pub(super) struct Drain {
    heard: Arc<Mutex<Heard>>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Heard {
    /// Of standard output and of standard error.
    tails: [VecDeque<u8>; 2],
    lines: Vec<String>,
}

impl Drain {
    pub(super) fn start(
        out: Option<impl Read + Send + 'static>,
        err: Option<impl Read + Send + 'static>,
    ) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let out = out.map(|from| listen(from, 0, Arc::clone(&heard)));
        let err = err.map(|from| listen(from, 1, Arc::clone(&heard)));
        Self { heard, threads: out.into_iter().chain(err).collect() }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        mem::take(&mut lock(&self.heard).lines)
    }

    /// The ends of standard output and of standard error, one after the other.
    pub(super) fn tail(&self) -> String {
        let tail: Vec<u8> = lock(&self.heard).tails.iter().flatten().copied().collect();
        without_colours(&String::from_utf8_lossy(&tail))
    }

    /// Waits for the readers, which end when nobody holds the other end of the pipes. One that does not end in time is left alone:
    /// some process that is not ours inherited the pipe.
    pub(super) fn finish(&mut self) {
        let end = Instant::now() + Duration::from_millis(500);
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
        }
        for thread in self.threads.drain(..).filter(JoinHandle::is_finished) {
            let _ = thread.join();
        }
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(mut from: impl Read + Send + 'static, stream: usize, heard: Arc<Mutex<Heard>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        let mut line = Vec::new();
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            let mut heard = lock(&heard);
            let tail = &mut heard.tails[stream];
            tail.extend(&buffer[..read]);
            let over = tail.len().saturating_sub(TAIL_BYTES);
            tail.drain(..over);
            for &byte in &buffer[..read] {
                if byte == b'\n' {
                    if heard.lines.len() < LINES {
                        heard.lines.push(String::from_utf8_lossy(&line).into_owned());
                    }
                    line.clear();
                } else if line.len() < LINE_BYTES {
                    line.push(byte);
                }
            }
        }
    })
}

/// Removes the escape sequences by which programs colour their output.
fn without_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            out.push(c);
        }
    }
    out
}
