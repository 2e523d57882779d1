//! Reading `perf.data` files that nobody vouches for.
//!
//! The [`linux_perf_data`] crate knows the format, and trusts it: a section that says it has 2^60 bytes gets them, a
//! count of build id bytes is asserted. So everything passes a [`gate::Gate`] first, which checks every length that the
//! crate would believe, and lets only kinds of files and records through whose reading is bounded. What a file can cost
//! is then known beforehand: see [`Limits`].

mod facts;
mod gate;

use std::io::{Read, Seek};

use linux_perf_data::{
    PerfFileReader, PerfFileRecord,
    linux_perf_event_reader::{CpuMode, EventRecord, Mmap2FileId},
};

pub use self::facts::{Clock, Facts};
use self::gate::Gate;

/// What reading a recording may cost at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub max_bytes: u64,
    /// Records in it.
    pub max_records: u64,
    /// Bytes of records between two ends of rounds. The reader holds two rounds to sort them.
    pub max_round_bytes: u64,
    /// Records between two ends of rounds.
    pub max_round_records: u64,
    /// Bytes of all descriptive sections together.
    pub max_section_bytes: u64,
    /// Different paths, names and processes that are remembered.
    pub max_names: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 16 << 30,
            max_records: 200_000_000,
            max_round_bytes: 32 << 20,
            max_round_records: 200_000,
            max_section_bytes: 4 << 20,
            max_names: 20_000,
        }
    }
}

/// Why bytes are not a recording that is read. Whoever made the file is at fault; a retry cannot help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PerfError {
    /// The file contradicts itself, or is cut off.
    #[error("not a perf.data file: {0}")]
    Malformed(String),
    /// More of something than is read.
    #[error("more than {limit} {what}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The most that is read.
        limit: u64,
    },
    /// A kind of recording that is not read.
    #[error("this kind of recording is not read: {0}")]
    Unsupported(&'static str),
}

/// A record that means something here, in the order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// A process took a name, by `exec` or by itself.
    Comm {
        /// The process.
        pid: i32,
        /// Whether it did so by starting another program.
        exec: bool,
        /// The name, at most 15 bytes.
        name: String,
    },
    /// A process ended or one of its threads did.
    Exit {
        /// The process.
        pid: i32,
        /// The thread.
        tid: i32,
    },
    /// A process or a thread began.
    Fork {
        /// The process.
        pid: i32,
        /// The process that began it.
        parent: i32,
    },
    /// The kernel dropped records.
    Lost(u64),
    /// A program or library was mapped so that it can run.
    Map(Map),
    /// A sample.
    Sample(Sample),
}

/// A part of a file in the memory of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// The process; -1 is the kernel.
    pub pid: i32,
    /// Where it begins.
    pub address: u64,
    /// Bytes.
    pub length: u64,
    /// Where in the file it begins.
    pub offset: u64,
    /// The file, or a name in brackets.
    pub path: String,
    /// The linker's build id in hex, if the recorder wrote it here.
    pub build_id: Option<String>,
    /// Whether it is code of the kernel.
    pub kernel: bool,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Which event, by its place in [`Facts::events`].
    pub event: usize,
    /// When, on the recording's clock, in nanoseconds.
    pub time_ns: u64,
    /// The process.
    pub pid: i32,
    /// The thread.
    pub tid: i32,
    /// How much of the event this sample stands for.
    pub period: u64,
    /// Addresses from the innermost out, and whether each lies in the kernel.
    pub stack: Vec<(u64, bool)>,
}

/// Reads a recording of `length` bytes; `each` hears every record that means something.
///
/// # Errors
/// [`PerfError`]: the file is malformed, too large or of a kind that is not read.
pub fn read<R: Read + Seek>(
    source: R,
    length: u64,
    limits: &Limits,
    mut each: impl FnMut(Record),
) -> Result<Facts, PerfError> {
    let (gate, events) = Gate::open(source, length, *limits)?;
    let broken = gate.reason();
    // The gate's own words, where it stopped the reader; otherwise the reader's.
    let explain = |error: &dyn std::fmt::Display| {
        broken.borrow_mut().take().unwrap_or_else(|| PerfError::Malformed(error.to_string()))
    };
    let PerfFileReader { mut perf_file, mut record_iter } =
        PerfFileReader::parse_file(gate).map_err(|e| explain(&e))?;
    let mut facts = Facts::of(&perf_file, events).map_err(|e| explain(&e))?;
    let formats: Vec<_> = perf_file.event_attributes().iter().map(|event| event.attr.sample_format).collect();
    while let Some(record) = record_iter.next_record(&mut perf_file).map_err(|e| explain(&e))? {
        let PerfFileRecord::EventRecord { attr_index, record } = record else { continue };
        gate::check_record(&record, formats[attr_index])?;
        let parsed = record.parse().map_err(|e| explain(&e))?;
        if let Some(record) = convert(attr_index, parsed) {
            facts.see(&record, limits)?;
            each(record);
        }
    }
    Ok(facts)
}

fn convert(event: usize, record: EventRecord<'_>) -> Option<Record> {
    let text = |data: linux_perf_data::linux_perf_event_reader::RawData<'_>| {
        String::from_utf8_lossy(&data.as_slice()).into_owned()
    };
    Some(match record {
        EventRecord::Comm(comm) => {
            Record::Comm { pid: comm.pid, exec: comm.is_execve, name: text(comm.name) }
        }
        EventRecord::Exit(exit) => Record::Exit { pid: exit.pid, tid: exit.tid },
        EventRecord::Fork(fork) => Record::Fork { pid: fork.pid, parent: fork.ppid },
        EventRecord::Lost(lost) => Record::Lost(lost.count),
        EventRecord::Mmap(map) if map.is_executable => Record::Map(Map {
            pid: map.pid,
            address: map.address,
            length: map.length,
            offset: map.page_offset,
            path: text(map.path),
            build_id: None,
            kernel: map.cpu_mode == CpuMode::Kernel,
        }),
        EventRecord::Mmap2(map) if map.protection & PROT_EXEC != 0 || map.cpu_mode == CpuMode::Kernel => {
            let build_id = match map.file_id {
                Mmap2FileId::BuildId(bytes) if !bytes.is_empty() => Some(hex(&bytes)),
                _ => None,
            };
            Record::Map(Map {
                pid: map.pid,
                address: map.address,
                length: map.length,
                offset: map.page_offset,
                path: text(map.path),
                build_id,
                kernel: map.cpu_mode == CpuMode::Kernel,
            })
        }
        EventRecord::Sample(sample) => {
            let mut kernel = sample.cpu_mode == CpuMode::Kernel;
            let mut stack = Vec::new();
            match sample.callchain {
                Some(chain) => {
                    for at in 0..chain.len().min(MAX_STACK) {
                        match chain.get(at)? {
                            // Markers between the parts of a chain, `PERF_CONTEXT_*`.
                            CONTEXT_KERNEL => kernel = true,
                            marker if marker >= CONTEXT_MAX => kernel = false,
                            address => stack.push((address, kernel)),
                        }
                    }
                }
                None => stack.extend(sample.ip.map(|ip| (ip, kernel))),
            }
            Record::Sample(Sample {
                event,
                time_ns: sample.timestamp.unwrap_or_default(),
                pid: sample.pid.unwrap_or(-1),
                tid: sample.tid.unwrap_or(-1),
                period: sample.period.unwrap_or_default(),
                stack,
            })
        }
        _ => return None,
    })
}

/// Bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `PROT_EXEC` of `mmap(2)`.
const PROT_EXEC: u32 = 4;
/// `PERF_CONTEXT_KERNEL`, -128.
const CONTEXT_KERNEL: u64 = -128i64 as u64;
/// `PERF_CONTEXT_MAX`, -4095: addresses from here on are markers.
const CONTEXT_MAX: u64 = -4095i64 as u64;
/// The most addresses of one sample that are kept.
const MAX_STACK: usize = 1024;
