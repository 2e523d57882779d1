//! Checks every length in a recording before the reader believes it.

use std::{
    cell::RefCell,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    rc::Rc,
};

use linux_perf_data::linux_perf_event_reader::{RawEventRecord, RecordType, SampleFormat};

use super::{Limits, PerfError};

type Result<T, E = PerfError> = std::result::Result<T, E>;

/// A source that fails at the first record whose reading would not be bounded.
pub(super) struct Gate<R> {
    inner: R,
    limits: Limits,
    /// Where the records are.
    data: Range<u64>,
    position: u64,
    /// The head of the record that is being read, as far as it has come.
    head: [u8; HEAD],
    head_length: usize,
    /// Bytes of its body that are still to come.
    body: u64,
    records: u64,
    round_records: u64,
    round_bytes: u64,
    reason: Rc<RefCell<Option<PerfError>>>,
}

impl<R: Read + Seek> Gate<R> {
    /// Checks the file's frame: header, sections, event descriptions. Returns the names of the events too.
    pub(super) fn open(source: R, length: u64, limits: Limits) -> Result<(Self, Vec<String>)> {
        if length > limits.max_bytes {
            return Err(PerfError::TooMuch { what: "bytes", limit: limits.max_bytes });
        }
        let mut source = source;
        let header = Slice::load(&mut source, 0..HEADER, length)?;
        match &header.bytes[..8] {
            b"PERFILE2" => {}
            b"2ELIFREP" => return Err(PerfError::Unsupported("written on a big-endian machine")),
            _ => return malformed("it does not begin with PERFILE2"),
        }
        if header.u64(8)? != HEADER {
            return Err(PerfError::Unsupported("written to a pipe, or with an unknown header"));
        }
        let data = span(header.u64(40)?, header.u64(48)?, length)?;
        if data.start < HEADER || data.is_empty() {
            return malformed("it holds no records; the recorder was cut off");
        }
        let mut features = Vec::new();
        for (word, at) in (0..4).map(|word| (word, 72 + 8 * word as usize)) {
            let bits = header.u64(at)?;
            features.extend((0..64).filter(|bit| bits >> bit & 1 == 1).map(|bit| 64 * word + bit));
        }
        if let Some(bad) = features.iter().find_map(|feature| refused(*feature)) {
            return Err(PerfError::Unsupported(bad));
        }
        let table = Slice::load(&mut source, data.end..data.end + 16 * features.len() as u64, length)?;
        let (mut total, mut events) = (0u64, None);
        for (at, feature) in features.iter().enumerate() {
            let section = span(table.u64(16 * at)?, table.u64(16 * at + 8)?, length)?;
            total = total.saturating_add(section.end - section.start);
            if total > limits.max_section_bytes {
                return Err(PerfError::TooMuch {
                    what: "bytes of sections",
                    limit: limits.max_section_bytes,
                });
            }
            match *feature {
                EVENT_DESC => events = Some(check_events(&Slice::load(&mut source, section, length)?)?),
                CMDLINE => check_strings(&Slice::load(&mut source, section, length)?)?,
                _ => {}
            }
        }
        let Some(events) = events else { return malformed("it does not describe its events") };
        source.seek(SeekFrom::Start(0)).map_err(|e| PerfError::Malformed(e.to_string()))?;
        let gate = Self {
            inner: source,
            limits,
            data,
            position: 0,
            head: [0; HEAD],
            head_length: 0,
            body: 0,
            records: 0,
            round_records: 0,
            round_bytes: 0,
            reason: Rc::default(),
        };
        Ok((gate, events))
    }

    /// Where the gate leaves word of what it objected to.
    pub(super) fn reason(&self) -> Rc<RefCell<Option<PerfError>>> {
        self.reason.clone()
    }

    /// Follows the frames of records through bytes that are about to be handed over.
    fn follow(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.body > 0 {
                let step = bytes.len().min(usize::try_from(self.body).unwrap_or(usize::MAX));
                self.body -= step as u64;
                bytes = &bytes[step..];
                continue;
            }
            let step = bytes.len().min(HEAD - self.head_length);
            self.head[self.head_length..self.head_length + step].copy_from_slice(&bytes[..step]);
            self.head_length += step;
            bytes = &bytes[step..];
            if self.head_length == HEAD {
                self.head_length = 0;
                self.begin_record()?;
            }
        }
        Ok(())
    }

    fn begin_record(&mut self) -> Result<()> {
        let [k0, k1, k2, k3, _, _, s0, s1] = self.head;
        let (kind, size) = (u32::from_le_bytes([k0, k1, k2, k3]), u64::from(u16::from_le_bytes([s0, s1])));
        if size < HEAD as u64 {
            return malformed("a record is shorter than its own head");
        }
        self.records += 1;
        self.round_records += 1;
        self.round_bytes += size;
        if kind == FINISHED_ROUND {
            // The reader skips the body of these, so one with a body would put it out of step.
            if size != HEAD as u64 {
                return malformed("an end of a round has a body");
            }
            (self.round_records, self.round_bytes) = (0, 0);
        }
        // Their real length stands in their body.
        if matches!(kind, AUXTRACE | COMPRESSED | COMPRESSED2) {
            return Err(PerfError::Unsupported("hardware traces and compressed records"));
        }
        let limits = &self.limits;
        for (what, count, limit) in [
            ("records", self.records, limits.max_records),
            ("records in one round", self.round_records, limits.max_round_records),
            ("bytes in one round", self.round_bytes, limits.max_round_bytes),
        ] {
            if count > limit {
                return Err(PerfError::TooMuch { what, limit });
            }
        }
        self.body = size - HEAD as u64;
        Ok(())
    }
}

impl<R: Read + Seek> Read for Gate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let (from, to) = (self.position, self.position + read as u64);
        self.position = to;
        if from >= self.data.start && from < self.data.end {
            let inside = usize::try_from(to.min(self.data.end) - from).unwrap_or(read);
            if let Err(error) = self.follow(&buffer[..inside.min(read)]) {
                let text = error.to_string();
                *self.reason.borrow_mut() = Some(error);
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for Gate<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.inner.seek(to)?;
        Ok(self.position)
    }
}

/// Checks what the reader of single records would assert or multiply without looking.
pub(super) fn check_record(record: &RawEventRecord<'_>, format: SampleFormat) -> Result<()> {
    let data = &record.data;
    match record.record_type {
        RecordType::MMAP2 if record.misc & MISC_MMAP_BUILD_ID != 0 => {
            let length = data.get(32..33).map(|byte| byte.as_slice()[0]);
            if length.is_none_or(|length| length > 20) {
                return malformed("a build id has more than 20 bytes");
            }
        }
        RecordType::SAMPLE => {
            if !ALLOWED.contains(format) {
                return Err(PerfError::Unsupported("samples with registers, stacks, branches or raw data"));
            }
            if format.contains(SampleFormat::CALLCHAIN) {
                let before = BEFORE_CHAIN.iter().filter(|part| format.contains(**part)).count() * 8;
                let count = data.get(before..before + 8).map(|part| {
                    let mut word = [0; 8];
                    word.copy_from_slice(&part.as_slice());
                    u64::from_le_bytes(word)
                });
                let room = data.len().saturating_sub(before + 8) as u64 / 8;
                if count.is_none_or(|count| count > room) {
                    return malformed("a call chain is longer than its record");
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// Names of the events, once the section that describes them is sound.
fn check_events(section: &Slice) -> Result<Vec<String>> {
    let (count, attribute) = (section.u32(0)?, section.u32(4)? as usize);
    if !(1..=MAX_EVENTS).contains(&count) || !(64..=512).contains(&attribute) {
        return malformed("its event descriptions have an impossible size or number");
    }
    let (mut at, mut names) = (8, Vec::new());
    for _ in 0..count {
        // An attribute says its own size a second time.
        if section.u32(at + 4)? as usize > attribute {
            return malformed("an event description is longer than its place");
        }
        let ids = section.u32(at + attribute)? as usize;
        let (name, next) = section.string(at + attribute + 4)?;
        at = next + 8 * ids.min(section.bytes.len());
        if at > section.bytes.len() {
            return malformed("an event has more ids than its section holds");
        }
        names.push(name);
    }
    Ok(names)
}

fn check_strings(section: &Slice) -> Result<()> {
    let (count, mut at) = (section.u32(0)? as usize, 4);
    if count > section.bytes.len() / 4 {
        return malformed("a command line has more words than its section holds");
    }
    for _ in 0..count {
        at = section.string(at)?.1;
    }
    Ok(())
}

/// What a feature that is not read would bring.
fn refused(feature: u32) -> Option<&'static str> {
    match feature {
        18 => Some("hardware traces"),
        19 => Some("counters of `perf stat`"),
        24 => Some("spread over several files"),
        27 => Some("compressed"),
        64.. => Some("features of other recorders than perf"),
        _ => None,
    }
}

/// A part of the file, held in memory.
struct Slice {
    bytes: Vec<u8>,
}

impl Slice {
    fn load<R: Read + Seek>(source: &mut R, range: Range<u64>, length: u64) -> Result<Self> {
        let range = span(range.start, range.end.saturating_sub(range.start), length)?;
        let mut bytes = Vec::new();
        source.seek(SeekFrom::Start(range.start)).map_err(|e| PerfError::Malformed(e.to_string()))?;
        let wanted = range.end - range.start;
        source
            .by_ref()
            .take(wanted)
            .read_to_end(&mut bytes)
            .map_err(|e| PerfError::Malformed(e.to_string()))?;
        if bytes.len() as u64 != wanted {
            return malformed("it is cut off");
        }
        Ok(Self { bytes })
    }

    fn u32(&self, at: usize) -> Result<u32> {
        match self.bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(word) => Ok(u32::from_le_bytes(*word)),
            None => malformed("a section is cut off"),
        }
    }

    fn u64(&self, at: usize) -> Result<u64> {
        match self.bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(word) => Ok(u64::from_le_bytes(*word)),
            None => malformed("a section is cut off"),
        }
    }

    /// A string with its length before it, padded with zeros, and where it ends.
    fn string(&self, at: usize) -> Result<(String, usize)> {
        let length = self.u32(at)? as usize;
        let Some(text) = self.bytes.get(at + 4..).and_then(|rest| rest.get(..length)) else {
            return malformed("a text is longer than its section");
        };
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        match std::str::from_utf8(text) {
            Ok(text) => Ok((text.to_owned(), at + 4 + length)),
            Err(_) => malformed("a text is not UTF-8"),
        }
    }
}

/// A range of the file that really lies in it.
fn span(start: u64, size: u64, length: u64) -> Result<Range<u64>> {
    match start.checked_add(size) {
        Some(end) if end <= length => Ok(start..end),
        _ => malformed("a section reaches beyond its end"),
    }
}

fn malformed<T>(text: &str) -> Result<T> {
    Err(PerfError::Malformed(text.into()))
}

/// Bytes of `perf_file_header`.
const HEADER: u64 = 104;
/// Bytes of `perf_event_header`.
const HEAD: usize = 8;
const MAX_EVENTS: u32 = 64;
const EVENT_DESC: u32 = 12;
const CMDLINE: u32 = 11;
const FINISHED_ROUND: u32 = 68;
const AUXTRACE: u32 = 71;
const COMPRESSED: u32 = 81;
const COMPRESSED2: u32 = 83;
const MISC_MMAP_BUILD_ID: u16 = 1 << 14;

/// Parts of a sample whose length is fixed, and the call chain.
const ALLOWED: SampleFormat = SampleFormat::IDENTIFIER
    .union(SampleFormat::IP)
    .union(SampleFormat::TID)
    .union(SampleFormat::TIME)
    .union(SampleFormat::ADDR)
    .union(SampleFormat::ID)
    .union(SampleFormat::STREAM_ID)
    .union(SampleFormat::CPU)
    .union(SampleFormat::PERIOD)
    .union(SampleFormat::CALLCHAIN);

/// Those of them that come before the call chain, eight bytes each.
const BEFORE_CHAIN: [SampleFormat; 9] = [
    SampleFormat::IDENTIFIER,
    SampleFormat::IP,
    SampleFormat::TID,
    SampleFormat::TIME,
    SampleFormat::ADDR,
    SampleFormat::ID,
    SampleFormat::STREAM_ID,
    SampleFormat::CPU,
    SampleFormat::PERIOD,
];
