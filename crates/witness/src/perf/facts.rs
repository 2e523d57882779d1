//! What a recording says of the run, in numbers.

use std::collections::{BTreeMap, BTreeSet};

use linux_perf_data::{Error, PerfFile, linux_perf_event_reader::PerfEventType};
use proofmark_core::{Event, EventSource};

use super::{Limits, PerfError, Record};

/// What a recording says of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The recorder's version.
    pub tool: String,
    /// The kernel's release.
    pub kernel: String,
    /// The architecture.
    pub architecture: String,
    /// The processor's model.
    pub cpu: String,
    /// The recorder's own command line.
    pub command_line: Vec<String>,
    /// What was counted, with its samples.
    pub events: Vec<Event>,
    /// The largest period that a sample of each event stood for.
    pub periods: Vec<u64>,
    /// Samples of all events.
    pub samples: u64,
    /// Records that the kernel dropped.
    pub lost: u64,
    /// Time of the first sample, zero if there is none.
    pub first_ns: u64,
    /// Time of the last sample, zero if there is none.
    pub last_ns: u64,
    /// The clock's time at a moment of wall-clock time, if the recorder wrote that down.
    pub clock: Option<Clock>,
    /// Build ids by path.
    pub build_ids: BTreeMap<String, String>,
    /// Paths of all code that was mapped.
    pub mapped: BTreeSet<String>,
    /// Names that processes took by starting a program.
    pub started: BTreeSet<String>,
    /// Processes and threads that began.
    pub tasks: u64,
}

/// One moment on two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Nanoseconds of Unix time.
    pub wall_ns: u64,
    /// Nanoseconds on the recording's clock.
    pub recording_ns: u64,
}

impl Clock {
    /// Unix time of a moment of the recording, in nanoseconds.
    pub fn wall(&self, recording_ns: u64) -> i128 {
        i128::from(self.wall_ns) + i128::from(recording_ns) - i128::from(self.recording_ns)
    }
}

impl Facts {
    /// What the descriptive sections say; records come later.
    pub(super) fn of(file: &PerfFile, names: Vec<String>) -> Result<Self, Error> {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let events: Vec<_> = file
            .event_attributes()
            .iter()
            .zip(names)
            .map(|(event, name)| {
                let source = match event.attr.type_ {
                    PerfEventType::Hardware(..) | PerfEventType::HwCache(..) => EventSource::Hardware,
                    _ => EventSource::Software,
                };
                Event { name, source, samples: 0, total: 0 }
            })
            .collect();
        let clock = file
            .clock_data()?
            .map(|clock| Clock { wall_ns: clock.wall_clock_ns, recording_ns: clock.clockid_time_ns });
        let command_line = file.cmdline()?.unwrap_or_default().into_iter().map(str::to_owned).collect();
        let build_ids: BTreeMap<_, _> = file
            .build_ids()?
            .into_values()
            .map(|dso| (String::from_utf8_lossy(&dso.path).into_owned(), super::hex(&dso.build_id)))
            .collect();
        Ok(Self {
            tool: text(file.perf_version()?),
            kernel: text(file.os_release()?),
            architecture: text(file.arch()?),
            cpu: text(file.cpu_desc()?),
            command_line,
            periods: vec![0; events.len()],
            events,
            samples: 0,
            lost: 0,
            first_ns: 0,
            last_ns: 0,
            clock,
            build_ids,
            mapped: BTreeSet::new(),
            started: BTreeSet::new(),
            tasks: 0,
        })
    }

    /// Takes a record into account.
    pub(super) fn see(&mut self, record: &Record, limits: &Limits) -> Result<(), PerfError> {
        match record {
            Record::Comm { exec: true, name, .. } => {
                self.started.insert(name.clone());
            }
            Record::Fork { .. } => self.tasks += 1,
            Record::Lost(count) => self.lost = self.lost.saturating_add(*count),
            Record::Map(map) => {
                if let Some(build_id) = &map.build_id {
                    self.build_ids.insert(map.path.clone(), build_id.clone());
                }
                self.mapped.insert(map.path.clone());
            }
            Record::Sample(sample) => {
                if let (Some(event), Some(period)) =
                    (self.events.get_mut(sample.event), self.periods.get_mut(sample.event))
                {
                    event.samples += 1;
                    event.total = event.total.saturating_add(sample.period);
                    *period = sample.period.max(*period);
                }
                if self.samples == 0 || sample.time_ns < self.first_ns {
                    self.first_ns = sample.time_ns;
                }
                self.last_ns = self.last_ns.max(sample.time_ns);
                self.samples += 1;
            }
            _ => {}
        }
        if self.mapped.len().max(self.started.len()).max(self.build_ids.len()) > limits.max_names {
            return Err(PerfError::TooMuch { what: "different names", limit: limits.max_names as u64 });
        }
        Ok(())
    }
}
