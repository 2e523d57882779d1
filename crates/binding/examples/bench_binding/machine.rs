//! The machine, and what the process takes of it. Linux alone; elsewhere the figures are zero.

use std::{fs, time::Duration};

/// Processor, cores, and how busy they were.
pub(crate) fn name() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    format!(
        "{}, {} cores, load {}",
        name.trim_start_matches([' ', '\t', ':']),
        std::thread::available_parallelism().map_or(1, usize::from),
        load()
    )
}

/// Processes that wanted a core, over the last minute.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("?").to_owned()
}

/// Time that all threads of the process had on a core since its start, in steps of 10 ms.
pub(crate) fn cpu_time() -> Duration {
    /// Ticks a second of `/proc`, the same on every Linux that Rust's standard library runs on.
    const TICKS: u32 = 100;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in brackets, may have blanks; user and system time are the 12th and 13th field behind it.
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        behind.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_secs(ticks) / TICKS
}

/// Memory of the process in MB: all of it, and without the pages of files, which others share.
pub(crate) fn resident_mb() -> (f64, f64) {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
        line.split_whitespace().next().and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1e3
    };
    (field("VmRSS:"), field("RssAnon:"))
}
