//! How much memory there is for this process: of the machine, its container and its own limits.
//!
//! Linux gives all of it in files: `/proc/meminfo`, the control groups that the process is in (cgroup v1 and v2), and
//! `/proc/self/limits`. Where a file is not there (other systems), what it would say does not count.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where control groups are mounted, of version 2 alone, and where version 1 is mounted too.
const GROUPS: &str = "/sys/fs/cgroup";
const GROUPS_UNIFIED: &str = "/sys/fs/cgroup/unified";
/// And those of version 1 that count memory.
const MEMORY_GROUPS: &str = "/sys/fs/cgroup/memory";

/// The memory that pictures may take, in bytes: half of what the process is allowed, since the program itself, what is read, and the
/// pictures of other threads need the rest. Looked up once.
pub(crate) fn memory() -> u64 {
    static MEMORY: OnceLock<u64> = OnceLock::new();
    *MEMORY.get_or_init(|| allowed(Path::new("/")).map_or(u64::MAX, |bytes| bytes / 2))
}

/// The memory that the process could still get by its own limit and the machine's state, in bytes; for messages.
pub(crate) fn memory_left() -> u64 {
    let text = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let used = kibibytes(&text("/proc/self/status"), "VmSize:").unwrap_or(0);
    let own = address_space(&text("/proc/self/limits")).map(|bytes| bytes.saturating_sub(used));
    let free = kibibytes(&text("/proc/meminfo"), "MemAvailable:");
    [own, free].into_iter().flatten().min().unwrap_or(u64::MAX)
}

/// The least of all limits; `root` is where the system's files are.
fn allowed(root: &Path) -> Option<u64> {
    let text = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_default();
    let machine = kibibytes(&text("proc/meminfo"), "MemTotal:");
    let limits = text("proc/self/limits");
    let own = [address_space(&limits), limit(&limits, "Max data size")];
    let groups = groups(&text("proc/self/cgroup"));
    let group = groups.into_iter().filter_map(|file| number(&fs::read_to_string(root.join(file)).ok()?));
    machine.into_iter().chain(own.into_iter().flatten()).chain(group).min()
}

/// A line such as `MemTotal:  16384 kB`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    number(line.trim().strip_suffix("kB")?).map(|number| number.saturating_mul(1024))
}

fn address_space(limits: &str) -> Option<u64> {
    limit(limits, "Max address space")
}

/// The soft limit of a line such as `Max data size  1048576  unlimited  bytes`; `None` for `unlimited`.
fn limit(limits: &str, name: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    number(line.split_whitespace().next()?)
}

/// A number by itself; `None` for `max` and `unlimited`.
fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The files, without their first slash, that may say how much memory a process in these groups gets: of each group and of all above it. Inside a
/// container the paths may be those of the host while the mount begins at the container's own group, so that some do not exist.
fn groups(of_process: &str) -> Vec<PathBuf> {
    let lines = of_process.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        Some((controllers, path))
    });
    let mut files = Vec::new();
    for (controllers, path) in lines {
        let mounts: &[(&str, &str)] = if controllers.is_empty() {
            &[(GROUPS, "memory.max"), (GROUPS_UNIFIED, "memory.max")]
        } else if controllers.split(',').any(|controller| controller == "memory") {
            &[(MEMORY_GROUPS, "memory.limit_in_bytes")]
        } else {
            &[]
        };
        let inside = |path: &Path| path.strip_prefix("/").map(Path::to_path_buf).unwrap_or_default();
        for (mount, file) in mounts {
            let above = Path::new(path).ancestors().map(inside);
            files.extend(above.map(|path| inside(Path::new(mount)).join(path).join(file)));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system of made-up files.
    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn found(files: &[(&str, &str)]) -> Option<u64> {
        let mut all = vec![("proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n")];
        all.extend(files);
        allowed(system(&all).path())
    }

    const MACHINE: u64 = 16 << 30;

    #[test]
    fn the_least_limit_counts() {
        assert_eq!(allowed(system(&[]).path()), None);
        assert_eq!(found(&[]), Some(MACHINE));
        let limits = |space: &str, data: &str| {
            format!(
                "Limit   Soft Limit  Hard Limit  Units\nMax data size   {data}  unlimited  bytes\nMax address space  {space}  8  bytes\n"
            )
        };
        for (space, data, least) in [
            ("unlimited", "unlimited", MACHINE),
            ("1000000", "unlimited", 1_000_000),
            ("unlimited", "2000000", 2_000_000),
            ("3000000", "2000000", 2_000_000),
        ] {
            assert_eq!(found(&[("proc/self/limits", &limits(space, data))]), Some(least), "{space} {data}");
        }
    }

    #[test]
    fn control_groups_of_both_versions_count_up_to_the_root() {
        let second = ("proc/self/cgroup", "0::/a/b\n");
        let max = |bytes: &'static str| ("sys/fs/cgroup/a/b/memory.max", bytes);
        assert_eq!(found(&[second, max("max\n")]), Some(MACHINE));
        assert_eq!(found(&[second, max("5000\n")]), Some(5000));
        assert_eq!(found(&[second, max("5000\n"), ("sys/fs/cgroup/a/memory.max", "4000\n")]), Some(4000));
        assert_eq!(found(&[second, ("sys/fs/cgroup/unified/a/memory.max", "4000\n")]), Some(4000));
        // A container whose mount begins at its own group.
        assert_eq!(found(&[second, ("sys/fs/cgroup/memory.max", "3000\n")]), Some(3000));

        let first = ("proc/self/cgroup", "9:cpu:/\n4:hugetlb,memory:/docker/x\n0::/\n");
        let limit = ("sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "6000\n");
        let none = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(found(&[first, none]), Some(MACHINE));
        assert_eq!(found(&[first, none, limit]), Some(6000));
        assert_eq!(found(&[("proc/self/cgroup", "9:cpu:/\n"), none, limit]), Some(MACHINE));
    }

    #[test]
    fn this_machine_has_some() {
        assert!(memory() > 16 << 20 && memory_left() > 1 << 20);
    }
}
