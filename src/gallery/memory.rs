//! How much memory a gallery may take.

use std::fs;

/// Most bytes that are read into memory where the system does not say how much is free.
const WHERE_UNKNOWN: u64 = 1 << 30;

/// The largest gallery that is read into memory rather than mapped: a quarter of what is free now, so that several, and the pictures, have
/// their place too.
pub(super) fn largest_read() -> u64 {
    free().map_or(WHERE_UNKNOWN, |free| free / 4)
}

/// What the system has left for new programs, or the control group of this one where that is less (Linux).
fn free() -> Option<u64> {
    let machine = kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    Some(group().map_or(machine, |group| group.min(machine)))
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// What the control group has left (version 2); what it holds of files can be given up.
fn group() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let number =
        |file: &str| fs::read_to_string(format!("/sys/fs/cgroup/{own}/{file}")).ok()?.trim().parse().ok();
    let (limit, used): (u64, u64) = (number("memory.max")?, number("memory.current")?);
    let statistics = fs::read_to_string(format!("/sys/fs/cgroup/{own}/memory.stat")).unwrap_or_default();
    let files = statistics.lines().find_map(|line| line.strip_prefix("file ")?.parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(files)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read() {
        assert_eq!(kibibytes("MemTotal: 7 kB\nMemAvailable:    20 kB\n", "MemAvailable:"), Some(20 << 10));
        assert_eq!(kibibytes("MemTotal: 7 kB\n", "MemAvailable:"), None);
        assert!(largest_read() > 0);
    }
}
