//! What the helper's process may take of the system (`setrlimit`), and ask of it (`seccomp`).

use std::collections::BTreeMap;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Bounds that follow from what the process had when it began.
pub(super) struct Bounds {
    /// Addresses, in bytes.
    began: Option<u64>,
}

/// Memory beyond that of the picture, in bytes.
const MORE: u64 = 64 << 20;

/// Seconds for any picture, and pixels for which there is one more.
const SECONDS: u64 = 10;
const PIXELS_PER_SECOND: u64 = 500_000;

impl Bounds {
    /// Gives up files, other processes, core dumps and most calls of the system, for good. What the system does not let be given up stays.
    pub(super) fn begin() -> Bounds {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB"));
        let began = size.and_then(|size| size.parse::<u64>().ok()).map(|size| size << 10);
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        for resource in [Resource::Nofile, Resource::Fsize, Resource::Core, Resource::Nproc] {
            let _ = setrlimit(resource, none);
        }
        if let Some(filter) = filter() {
            let _ = seccompiler::apply_filter(&filter);
        }
        Bounds { began }
    }

    /// Bounds memory and time of the next picture.
    pub(super) fn set(&self, pixels: u64, memory: u64) {
        let until = |resource, most: u64| {
            let maximum = getrlimit(resource).maximum;
            let current = Some(maximum.map_or(most, |maximum| maximum.min(most)));
            let _ = setrlimit(resource, Rlimit { current, maximum });
        };
        if let Some(began) = self.began {
            until(Resource::As, began.saturating_add(memory).saturating_add(MORE));
        }
        let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec as u64;
        until(Resource::Cpu, used + SECONDS + pixels / PIXELS_PER_SECOND);
    }
}

/// The calls that decoding needs, whatever their arguments: memory, time, and the end.
const CALLS: [libc::c_long; 20] = [
    libc::SYS_close,
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_sched_yield,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The calls of which the first argument has to be one of some: the socket, which is standard input and output, standard error, and this process. Who
/// starts the helper may have left it other files, and is another process of the same user.
fn bound_calls() -> [(libc::c_long, Vec<u32>); 6] {
    let (input, outputs) = (vec![0], vec![1, 2]);
    [
        (libc::SYS_read, input.clone()),
        (libc::SYS_readv, input),
        (libc::SYS_write, outputs.clone()),
        (libc::SYS_writev, outputs),
        (libc::SYS_prlimit64, vec![0]),
        (libc::SYS_tgkill, vec![std::process::id()]),
    ]
}

/// Refuses every other call. `None` for a machine whose calls the library does not know.
#[allow(clippy::useless_conversion, reason = "numbers of calls are shorter on machines of 32 bits")]
fn filter() -> Option<BpfProgram> {
    let mut calls: BTreeMap<i64, Vec<SeccompRule>> =
        CALLS.into_iter().map(|call| (i64::from(call), Vec::new())).collect();
    for (call, firsts) in bound_calls() {
        let is =
            |first: u32| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, first.into());
        let rules = firsts.into_iter().map(|first| SeccompRule::new(vec![is(first)?]));
        calls.insert(call.into(), rules.collect::<Result<_, _>>().ok()?);
    }
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let machine = std::env::consts::ARCH.try_into().ok()?;
    SeccompFilter::new(calls, refused, SeccompAction::Allow, machine).ok()?.try_into().ok()
}
