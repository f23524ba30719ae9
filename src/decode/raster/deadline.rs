//! The time that a picture may take, where its headers do not say how much there is to do.
//!
//! A file of some bytes may hold thousands of frames or parts that nobody sees, each as large as the picture. The time that they take is bounded by far
//! more than any picture takes.

/// When decoding has to end.
pub(super) struct Deadline {
    /// In seconds of this thread, where the system counts them.
    end: Option<u64>,
}

/// Seconds for any picture, and pixels for which there is one more: a tenth of the speed of lossless pictures.
const SECONDS: u64 = 10;
const PIXELS_PER_SECOND: u64 = 500_000;

impl Deadline {
    /// From now on, for a picture of so many pixels.
    pub(super) fn of(pixels: u64) -> Deadline {
        Deadline { end: seconds().map(|now| now.saturating_add(SECONDS + pixels / PIXELS_PER_SECOND)) }
    }

    /// Whether there is time left.
    ///
    /// # Errors
    ///
    /// What is wrong with the picture where there is none.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        match (self.end, seconds()) {
            (Some(end), Some(now)) if now > end => Err("it takes longer than any picture of its size"),
            _ => Ok(()),
        }
    }
}

/// Time that this thread has worked.
fn seconds() -> Option<u64> {
    #[cfg(unix)]
    return u64::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).tv_sec).ok();
    #[cfg(not(unix))]
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn time_ends() {
        assert!(Deadline::of(u64::MAX).check().is_ok());
        assert!(Deadline { end: None }.check().is_ok());
        let over = Deadline { end: Some(0) };
        while seconds() == Some(0) {
            std::hint::spin_loop();
        }
        assert!(over.check().is_err());
    }
}
