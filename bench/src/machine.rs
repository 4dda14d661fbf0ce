//! What the machine tells: processor time of a server and all its children, other load, the
//! disk's own speed, what a folder takes of it.
//!
//! Processor time is what other work on the machine hardly moves, so it says more than rates do
//! where people compile beside the measurement. proc(5) has the meaning of each field.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

/// Seconds of processor time that a process, its living children and those it has waited for
/// have taken so far.
pub fn tree_seconds(root: u32) -> Result<f64> {
    let tree = tree(root)?;
    let sum: u64 = tree.iter().map(|(_, ticks)| ticks).sum();
    Ok(sum as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// A process and its living children, each with its ticks of processor time.
fn tree(root: u32) -> Result<Vec<(u32, u64)>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut ticks = HashMap::new();
    for entry in fs::read_dir("/proc").context("no /proc")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process that has just ended has no line; its parent has its time.
        let Ok(line) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some(stat) = Stat::parse(&line) else { continue };
        children.entry(stat.parent).or_default().push(id);
        ticks.insert(id, stat.ticks);
    }
    if !ticks.contains_key(&root) {
        bail!("process {root} has ended");
    }
    let (mut tree, mut waiting) = (Vec::new(), vec![root]);
    while let Some(id) = waiting.pop() {
        tree.extend(ticks.get(&id).map(|ticks| (id, *ticks)));
        waiting.extend(children.remove(&id).unwrap_or_default());
    }
    Ok(tree)
}

/// Seconds of processor time that this process alone has taken so far.
pub fn own_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

struct Stat {
    parent: u32,
    ticks: u64,
}

impl Stat {
    fn parse(line: &str) -> Option<Self> {
        // The second field is the name in parentheses and may hold anything, so count from its end.
        let fields: Vec<&str> = line.get(line.rfind(')')? + 2..)?.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok());
        let ticks = [14, 15, 16, 17].into_iter().map(number).sum::<Option<u64>>()?;
        Some(Self { parent: u32::try_from(number(4)?).ok()?, ticks })
    }
}

/// What processes hold of the memory, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// What would be free without them: pages that several map count in parts.
    pub proportional: u64,
    /// The most that was resident of each at any time, one after the other: an upper bound.
    pub peak: u64,
}

impl Memory {
    /// Of these processes and their living children, or `None` where it cannot be seen: only root
    /// sees that of other users. proc(5): `smaps_rollup` and `status`.
    pub fn of(roots: &[u32]) -> Result<Option<Self>> {
        let mut memory = Self::default();
        for root in roots {
            for (id, _) in tree(*root)? {
                let file = |name: &str| fs::read_to_string(format!("/proc/{id}/{name}"));
                let (status, rollup) = match (file("status"), file("smaps_rollup")) {
                    (Ok(status), Ok(rollup)) => (status, rollup),
                    (_, Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
                    // One that has just ended holds nothing any more.
                    _ => continue,
                };
                memory.proportional += kilobytes(&rollup, "Pss:").unwrap_or(0) << 10;
                memory.peak += kilobytes(&status, "VmHWM:").unwrap_or(0) << 10;
            }
        }
        Ok(Some(memory))
    }
}

fn kilobytes(text: &str, field: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(field))?.split_whitespace().next()?.parse().ok()
}

/// Seconds that all processors together have spent on anything so far.
pub fn busy_seconds() -> Result<f64> {
    let text = fs::read_to_string("/proc/stat").context("no /proc/stat")?;
    let first = text.lines().next().context("/proc/stat is empty")?;
    let fields: Vec<u64> = first.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, (idle, iowait,) irq, softirq, and steal: what another machine on the
    // same processors took is as gone as what another program took.
    let busy: u64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|field| fields.get(*field)).sum();
    Ok(busy as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Time since 1970 by the machine's clock (UTC).
#[expect(clippy::disallowed_methods, reason = "a measurement of limits that are minutes of UTC")]
pub fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// What a folder takes of the disk, in whole blocks.
pub fn disk_bytes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        sum += metadata.blocks() * 512;
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
            for entry in entries {
                waiting.push(entry?.path());
            }
        }
    }
    Ok(sum)
}

/// Refuses folders that live in memory: a sync there costs nothing and saves nothing.
pub fn insist_on_a_disk(folder: &Path) -> Result<()> {
    const IN_MEMORY: [rustix::fs::FsWord; 2] = [0x0102_1994, 0x8584_58f6];
    let kind = rustix::fs::statfs(folder).context("cannot ask for the file system")?.f_type;
    if IN_MEMORY.contains(&kind) {
        bail!("{} is in memory, where nothing is durable; name a folder on a disk: --dir FOLDER", folder.display());
    }
    Ok(())
}

/// Appends of 4 KB made durable in a second, one after another.
pub fn syncs_per_second(folder: &Path) -> Result<f64> {
    const PROBE: Duration = Duration::from_millis(700);
    let mut file = tempfile::tempfile_in(folder).context("cannot write in the folder")?;
    let page = [0x5a; 4096];
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < PROBE {
        file.write_all(&page)?;
        file.sync_data()?;
        count += 1;
    }
    file.rewind()?;
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// Processors, memory, kernel: one line for the head of a report.
pub fn described() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = memory.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    format!(
        "{cpus} x {}, {} GiB, Linux {}",
        model.trim_start_matches([' ', '\t', ':']).trim(),
        kilobytes / (1 << 20),
        kernel.trim()
    )
}

/// The three load averages.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_that_of_the_tree() -> Result<()> {
        assert_eq!(kilobytes("Rss:  12 kB\nPss:    1234 kB\nPss_Dirty: 7 kB\n", "Pss:"), Some(1234));
        let own = Memory::of(&[std::process::id()])?.context("of its own")?;
        assert!(own.proportional > 100 << 10 && own.peak >= own.proportional, "{own:?}");
        Ok(())
    }

    #[test]
    fn a_name_with_parentheses_is_no_field() {
        let line = "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 0 0 0 10 20 3 4 20 0 1 0 5 6 7";
        let stat = Stat::parse(line).expect("a line of proc");
        assert_eq!((stat.parent, stat.ticks), (7, 37));
        assert!(Stat::parse("42 (a").is_none());
    }

    #[test]
    fn work_of_this_process_is_counted() {
        let own = std::process::id();
        let before = tree_seconds(own).expect("we are there");
        let mut sum = 0u64;
        while tree_seconds(own).expect("we are there") < before + 0.03 {
            sum = (0..100_000u64).fold(sum, |sum, number| sum ^ number.wrapping_mul(sum | 1));
        }
        assert!(busy_seconds().expect("Linux") > 0.0, "{sum}");
    }
}
