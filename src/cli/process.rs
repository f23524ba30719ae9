//! This process: whose it is, and that its memory reaches no disk.

use shadegrid::Error;

/// Lets the system write no core dump of this process, whose memory may hold the key of the evidence: neither to a file, nor to a program that collects them.
///
/// # Errors
///
/// [`Error::Io`] where the system refuses.
pub(crate) fn keep_memory_private() -> Result<(), Error> {
    no_dumps().map_err(|error| Error::io("cannot switch core dumps off", error))
}

#[cfg(unix)]
fn no_dumps() -> std::io::Result<()> {
    use nix::sys::resource::{Resource, setrlimit};
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    // A program that the kernel pipes dumps to is not held by the limit.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    nix::sys::prctl::set_dumpable(false)?;
    Ok(())
}

#[cfg(not(unix))]
fn no_dumps() -> std::io::Result<()> {
    Ok(())
}

/// The user of the system who runs this.
#[cfg(unix)]
pub(crate) fn user() -> String {
    let id = nix::unistd::getuid();
    let known = nix::unistd::User::from_uid(id).ok().flatten();
    known.map_or_else(|| format!("user {id}"), |user| user.name)
}

/// The user of the system who runs this.
#[cfg(not(unix))]
pub(crate) fn user() -> String {
    std::env::var("USERNAME").unwrap_or_else(|_| "unknown".into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use nix::sys::prctl::get_dumpable;
    use nix::sys::resource::{Resource, getrlimit};

    use super::*;

    #[test]
    fn nothing_is_dumped() {
        keep_memory_private().unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, 0));
        assert!(!get_dumpable().unwrap());
        // Again is no error.
        keep_memory_private().unwrap();
        assert!(!user().is_empty());
    }
}
