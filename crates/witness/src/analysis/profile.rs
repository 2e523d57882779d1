//! Where the time went: stacks, functions and a time line.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    FAST, MEDIUM, STEADY,
    check::is_clock,
    perf::{Map, PerfError, Record, Sample},
};

/// A place in the code of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame {
    /// The file, a name in brackets, or `[unknown]`.
    pub path: String,
    /// Bytes from the beginning of the file; the address itself where nothing was mapped.
    pub offset: u64,
    /// Whether it is code of the kernel.
    pub kernel: bool,
}

/// Hears the records of a recording and remembers what a profile needs.
///
/// It keeps one number a frame and 24 bytes a sample, and refuses to go on after [`Collector::MAX_SAMPLES`].
#[derive(Debug, Default)]
pub struct Collector {
    maps: BTreeMap<i32, BTreeMap<u64, Map>>,
    map_count: usize,
    frames: HashMap<Frame, u32>,
    stacks: HashMap<Vec<u32>, u32>,
    samples: Vec<(usize, u64, u64, u32)>,
    overflow: bool,
}

/// How much of a profile something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Weight {
    /// In it, not in what it called.
    pub own: u64,
    /// In it and in what it called.
    pub total: u64,
}

/// Where the time went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The events that it was made from: the finest clock of each phase, or the event with most samples.
    pub events: Vec<String>,
    /// Sum of all weights: nanoseconds for clocks.
    pub total: u64,
    /// Samples that it was made from.
    pub samples: u64,
    /// Weight by function.
    pub functions: BTreeMap<String, Weight>,
    /// Weight by stack, outermost function first, joined by semicolons.
    pub stacks: BTreeMap<String, u64>,
    /// Weight in equal parts of the time between the first and the last sample.
    pub time_line: Vec<u64>,
}

impl Collector {
    /// The most samples that a profile is made from.
    pub const MAX_SAMPLES: usize = 4_000_000;
    /// The most mapped files of all processes together.
    pub const MAX_MAPS: usize = 200_000;
    /// Parts of the time line.
    pub const PARTS: usize = 60;

    /// Takes a record into account.
    pub fn see(&mut self, record: Record) {
        match record {
            Record::Comm { pid, exec: true, .. } => {
                self.map_count -= self.maps.remove(&pid).map_or(0, |maps| maps.len());
            }
            Record::Fork { pid, parent } if pid != parent => {
                let Some(maps) = self.maps.get(&parent).cloned() else { return };
                self.map_count += maps.len();
                self.overflow |= self.map_count > Self::MAX_MAPS;
                if !self.overflow {
                    self.maps.insert(pid, maps);
                }
            }
            Record::Exit { pid, tid } if pid == tid => {
                self.map_count -= self.maps.remove(&pid).map_or(0, |maps| maps.len());
            }
            Record::Map(map) => {
                self.map_count += 1;
                self.overflow |= self.map_count > Self::MAX_MAPS;
                if !self.overflow {
                    let pid = if map.kernel { -1 } else { map.pid };
                    let replaced = self.maps.entry(pid).or_default().insert(map.address, map);
                    self.map_count -= usize::from(replaced.is_some());
                }
            }
            Record::Sample(sample) => self.sample(&sample),
            _ => {}
        }
    }

    /// Makes the profile. `events` are the recording's, `resolve` names the functions at a frame, the innermost first:
    /// more than one if calls were inlined there.
    ///
    /// # Errors
    /// If there were more samples or mappings than are kept.
    pub fn finish(
        self,
        events: &[proofmark_core::Event],
        mut resolve: impl FnMut(&Frame) -> Vec<String>,
    ) -> Result<Profile, PerfError> {
        if self.overflow {
            let limit = Self::MAX_SAMPLES as u64;
            return Err(PerfError::TooMuch { what: "samples or mappings for a profile", limit });
        }
        let chosen = choose(events, &self.samples);
        let mut profile = Profile {
            events: chosen.iter().map(|(event, ..)| events[*event].name.clone()).collect(),
            ..Profile::default()
        };
        let mut frames: Vec<_> = self.frames.into_iter().collect();
        frames.sort_by_key(|(_, id)| *id);
        let names: Vec<Vec<String>> = frames.iter().map(|(frame, _)| clean(resolve(frame), frame)).collect();
        let mut stacks: Vec<_> = self.stacks.into_iter().collect();
        stacks.sort_by_key(|(_, id)| *id);
        let used: Vec<_> = self
            .samples
            .iter()
            .filter(|(event, time, ..)| {
                chosen.iter().any(|(own, from, to)| own == event && from < time && time <= to)
            })
            .collect();
        let (first, last) = used
            .iter()
            .fold((u64::MAX, 0), |(first, last), (_, time, ..)| (first.min(*time), last.max(*time)));
        profile.time_line = vec![0; Self::PARTS];
        let mut by_stack = vec![0u64; stacks.len()];
        for (_, time, weight, stack) in used {
            by_stack[*stack as usize] += weight;
            let part = u128::from(time - first) * Self::PARTS as u128 / (u128::from(last - first) + 1);
            profile.time_line[part as usize] += weight;
            profile.total += weight;
            profile.samples += 1;
        }
        for ((stack, _), weight) in stacks.iter().zip(by_stack).filter(|(_, weight)| *weight > 0) {
            let path: Vec<&str> = stack
                .iter()
                .rev()
                .flat_map(|frame| names[*frame as usize].iter().rev())
                .map(String::as_str)
                .collect();
            for name in path.iter().collect::<BTreeSet<_>>() {
                profile.functions.entry((*name).to_string()).or_default().total += weight;
            }
            if let Some(name) = path.last() {
                profile.functions.entry((*name).to_string()).or_default().own += weight;
            }
            *profile.stacks.entry(path.join(";")).or_default() += weight;
        }
        Ok(profile)
    }

    fn sample(&mut self, sample: &Sample) {
        if self.samples.len() >= Self::MAX_SAMPLES {
            self.overflow = true;
        }
        if self.overflow {
            return;
        }
        let mut stack = Vec::with_capacity(sample.stack.len());
        for (depth, (address, kernel)) in sample.stack.iter().enumerate() {
            // All but the innermost are addresses to return to: the call is the instruction before.
            let address = address.saturating_sub(u64::from(depth > 0));
            let frame = self.locate(sample.pid, address, *kernel);
            let next = self.frames.len() as u32;
            stack.push(*self.frames.entry(frame).or_insert(next));
        }
        let next = self.stacks.len() as u32;
        let stack = *self.stacks.entry(stack).or_insert(next);
        self.samples.push((sample.event, sample.time_ns, sample.period.max(1), stack));
    }

    fn locate(&self, pid: i32, address: u64, kernel: bool) -> Frame {
        let pid = if kernel { -1 } else { pid };
        let map = self.maps.get(&pid).and_then(|maps| maps.range(..=address).next_back());
        match map {
            Some((start, map)) if address - start < map.length => {
                Frame { path: map.path.clone(), offset: (address - start).wrapping_add(map.offset), kernel }
            }
            _ => Frame {
                path: if kernel { "[kernel]" } else { "[unknown]" }.into(),
                offset: if kernel { 0 } else { address },
                kernel,
            },
        }
    }
}

/// Which event counts in which span of time: `(event, after, up to)`.
///
/// All clocks of ours tick over the same time, so only one may count at a moment: the finest that still runs.
fn choose(events: &[proofmark_core::Event], samples: &[(usize, u64, u64, u32)]) -> Vec<(usize, u64, u64)> {
    let position = |name: &str| events.iter().position(|event| event.name == name);
    let end = |event: usize| {
        samples.iter().filter(|(own, ..)| *own == event).map(|(_, time, ..)| *time).max().unwrap_or_default()
    };
    if let (Some(fast), Some(medium), Some(steady)) = (position(FAST), position(MEDIUM), position(STEADY)) {
        let first = end(fast);
        let second = end(medium).max(first);
        return vec![(fast, 0, first), (medium, first, second), (steady, second, u64::MAX)];
    }
    let rank = |event: &&(usize, &proofmark_core::Event)| (is_clock(&event.1.name), event.1.samples);
    let best = events.iter().enumerate().collect::<Vec<_>>();
    best.iter().max_by_key(|event| rank(event)).map(|(event, _)| (*event, 0, u64::MAX)).into_iter().collect()
}

/// Names without the characters that stacks are joined by.
fn clean(names: Vec<String>, frame: &Frame) -> Vec<String> {
    let names = if names.is_empty() {
        let file = frame.path.rsplit('/').next().unwrap_or(&frame.path);
        vec![if frame.path.starts_with('[') { frame.path.clone() } else { format!("[{file}]") }]
    } else {
        names
    };
    let safe = |c: char| if c == ';' || c.is_control() { '_' } else { c };
    names.into_iter().map(|name| name.chars().take(200).map(safe).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofmark_core::{Event, EventSource};

    fn event(name: &str) -> Event {
        Event { name: name.into(), source: EventSource::Software, samples: 2, total: 2 }
    }

    fn sample(event: usize, time_ns: u64, stack: &[u64]) -> Record {
        let stack = stack.iter().map(|address| (*address, false)).collect();
        Record::Sample(Sample { event, time_ns, pid: 5, tid: 5, period: 10, stack })
    }

    #[test]
    fn time_is_counted_once_and_put_where_it_was_spent() {
        let mut collector = Collector::default();
        collector.see(Record::Map(Map {
            pid: 5,
            address: 0x1000,
            length: 0x1000,
            offset: 0x200,
            path: "/bin/x".into(),
            build_id: None,
            kernel: false,
        }));
        // Fast ticks until 20, medium until 40, steady beyond; what they say of the same time counts once.
        for record in [
            sample(0, 10, &[0x1010, 0x1100]),
            sample(0, 20, &[0x1010, 0x1100]),
            sample(1, 15, &[0x1010]),
            sample(1, 40, &[0x1020, 0x1100]),
            sample(2, 30, &[0x1010]),
            sample(2, 90, &[0x9999]),
        ] {
            collector.see(record);
        }
        let events = [event(FAST), event(MEDIUM), event(STEADY)];
        let profile = collector
            .finish(&events, |frame| match frame.offset {
                0x210 => vec!["inner".into(), "inlined into".into()],
                0x220 => vec!["other".into()],
                0x2ff => vec!["main".into()],
                _ => vec![],
            })
            .unwrap();
        assert_eq!((profile.total, profile.samples), (40, 4));
        assert_eq!(profile.stacks["main;inlined into;inner"], 20);
        assert_eq!(profile.stacks["main;other"], 10);
        assert_eq!(profile.stacks["[unknown]"], 10);
        assert_eq!(profile.functions["main"], Weight { own: 0, total: 30 });
        assert_eq!(profile.functions["inner"], Weight { own: 20, total: 20 });
        assert_eq!(profile.time_line.iter().sum::<u64>(), 40);
    }
}
