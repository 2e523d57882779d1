//! What benchmarks tell of the machine and of their own process. Memory, load and the processor's name are known on Linux
//! only; elsewhere they are zero or "unknown".

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor, cores and memory.
pub fn machine() -> String {
    let name = system::processor().unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = system::memory_of_machine().unwrap_or_default();
    format!("{name}, {cores} cores, {:.1} GB", memory as f64 / 1e9)
}

/// Processes that wanted a core, over the last minute.
pub fn load() -> f32 {
    system::load().unwrap_or_default()
}

/// Time that all threads of the process had on a core since its start.
pub fn cpu_time() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// As [`cpu_time`] for the calling thread.
pub fn thread_time() -> Duration {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Physical memory of the process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All that it has now.
    pub resident: u64,
    /// Of that, what it shares with nobody: not the pages of files.
    pub own: u64,
    /// The most that it had.
    pub peak: u64,
}

/// The memory of the process.
pub fn memory() -> Memory {
    system::memory().unwrap_or_default()
}

#[cfg(target_os = "linux")]
mod system {
    use procfs::{CpuInfo, Current, LoadAverage, Meminfo, process::Process};

    use super::Memory;

    pub(super) fn processor() -> Option<String> {
        Some(CpuInfo::current().ok()?.model_name(0)?.to_owned())
    }

    pub(super) fn memory_of_machine() -> Option<u64> {
        Some(Meminfo::current().ok()?.mem_total)
    }

    pub(super) fn load() -> Option<f32> {
        Some(LoadAverage::current().ok()?.one)
    }

    pub(super) fn memory() -> Option<Memory> {
        let status = Process::myself().ok()?.status().ok()?;
        let bytes = |kib: Option<u64>| kib.unwrap_or_default() * 1024;
        Some(Memory { resident: bytes(status.vmrss), own: bytes(status.rssanon), peak: bytes(status.vmhwm) })
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Memory;

    pub(super) fn processor() -> Option<String> {
        None
    }

    pub(super) fn memory_of_machine() -> Option<u64> {
        None
    }

    pub(super) fn load() -> Option<f32> {
        None
    }

    pub(super) fn memory() -> Option<Memory> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_and_memory() {
        let (before, cpu, thread) = (memory(), cpu_time(), thread_time());
        let block = std::hint::black_box(vec![1u8; 64 << 20]);
        let sum: u64 = block.iter().map(|byte| u64::from(std::hint::black_box(*byte))).sum();
        assert_eq!(sum, block.len() as u64);
        assert!(cpu_time() > cpu && thread_time() > thread);
        if cfg!(target_os = "linux") {
            let with = memory();
            assert!(with.own >= before.own + (60 << 20), "{before:?} {with:?}");
            assert!(with.peak >= with.resident);
            drop(block);
            assert!(memory().own + (60 << 20) <= with.own);
        }
    }
}
