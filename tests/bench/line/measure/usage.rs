//! What processes use, and what the machine is, as Linux tells it.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Ticks of `/proc/PID/stat` in a second: the same on every Linux that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of a process and all its descendants so far, in milliseconds. Ended ones count once they were waited for.
pub(crate) fn cpu_ms(process: u32) -> f64 {
    let own = ticks(process).unwrap_or(0) as f64 * 1_000.0 / TICKS_PER_SECOND;
    own + children(process).into_iter().map(cpu_ms).sum::<f64>()
}

fn ticks(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything; what counts comes after it.
    let (_, rest) = stat.rsplit_once(") ")?;
    let numbers = rest.split(' ').skip(11).take(4);
    Some(numbers.filter_map(|number| number.parse::<u64>().ok()).sum())
}

fn children(process: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let of_thread = |thread: &Path| fs::read_to_string(thread.join("children")).unwrap_or_default();
    threads
        .flatten()
        .flat_map(|thread| {
            let all = of_thread(&thread.path());
            all.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}

/// The most memory that a process has held, in MiB.
pub(crate) fn peak_mib(process: u32) -> f64 {
    memory_mib(process, "VmHWM:")
}

/// The memory that a process holds, in MiB.
pub(crate) fn held_mib(process: u32) -> f64 {
    memory_mib(process, "VmRSS:")
}

fn memory_mib(process: u32, field: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    first_number(&status, field) / 1_024.0
}

/// Threads of the whole machine that ran or waited for a core, over the last minute.
pub(crate) fn load() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f64::NAN)
}

fn first_number(text: &str, field: &str) -> f64 {
    let value =
        text.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse().ok());
    value.unwrap_or(f64::NAN)
}

/// The machine and the programs that were measured, one fact each.
pub(crate) fn machine() -> Vec<(String, String)> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = first_number(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal:");
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|it| it.1);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    [
        ("machine", format!("{cores} cores, {:.0} GiB", memory / 1_048_576.0)),
        ("CPU", model.unwrap_or("unknown").to_owned()),
        ("Linux", kernel.trim().split('-').next().unwrap_or_default().to_owned()),
        ("Rust", first_line("rustc", &["--version"])),
        ("Node", first_line("node", &["--version"])),
        ("countersign", env!("CARGO_PKG_VERSION").to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("not there").to_owned()
}
