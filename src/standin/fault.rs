//! What goes wrong at will: faults, played in order, one for each request.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::service::json;

/// Longest wait before an answer, in milliseconds.
const LONGEST: u64 = 600_000;

/// Most requests that faults are kept for.
const MOST: usize = 100_000;

/// What happens to one request; nothing where all is absent.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fault {
    /// This status instead of the answer.
    pub(super) status: Option<u16>,
    /// `Retry-After` of that status: seconds, or a text.
    retry_after: Option<Value>,
    /// The answer ends after so many bytes, at most all but one, although all were announced.
    pub(super) cut: Option<usize>,
    /// Milliseconds to wait before anything else.
    slow_ms: u64,
    /// The answer is the page that was given last. A request without a cursor is not this fault's: the end of another window would say that the new one ends too.
    pub(super) repeat_page: bool,
    /// The pages of the window that begins here are in another order; a request with a cursor is not this fault's.
    pub(super) shuffle: bool,
    /// The cursor is refused; a request without one is not this fault's.
    pub(super) expired_cursor: bool,
    /// The connection is reset.
    pub(super) reset: bool,
    /// How many requests it is for.
    times: Option<usize>,
}

impl Fault {
    pub(super) fn wait(&self) -> Duration {
        Duration::from_millis(self.slow_ms)
    }

    pub(super) fn retry_after(&self) -> Option<String> {
        self.retry_after.as_ref().map(|value| value.as_str().map_or_else(|| value.to_string(), String::from))
    }

    /// Its names, for the counts.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        let names = [
            (self.status.is_some(), "status"),
            (self.cut.is_some(), "cut"),
            (self.slow_ms > 0, "slow_ms"),
            (self.repeat_page, "repeat_page"),
            (self.shuffle, "shuffle"),
            (self.expired_cursor, "expired_cursor"),
            (self.reset, "reset"),
        ];
        names.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name)
    }

    fn needs_cursor(&self) -> bool {
        self.expired_cursor || self.repeat_page
    }

    fn check(&self) -> Result<(), &'static str> {
        match self {
            Fault { status: Some(status), .. } if !(200..600).contains(status) => {
                Err("status: this must be one from 200 to 599")
            }
            Fault { status: None, retry_after: Some(_), .. } => Err("retry_after: this needs a status"),
            fault if fault.shuffle && fault.needs_cursor() => {
                Err("shuffle: a window that begins has neither a cursor nor a page before it")
            }
            Fault { slow_ms, .. } if *slow_ms > LONGEST => Err("slow_ms: this must be 600000 at most"),
            _ => Ok(()),
        }
    }
}

/// The faults that are left, and how often each kind was played.
#[derive(Debug, Default)]
pub(super) struct Faults {
    left: VecDeque<Fault>,
    pub(super) played: BTreeMap<&'static str, usize>,
}

impl Faults {
    /// Reads faults, which take the place of those left.
    pub(super) fn replace(&mut self, bytes: &[u8]) -> Result<(), String> {
        let read: Vec<Fault> = json::read(bytes).map_err(|problem| problem.detail)?;
        let mut left = VecDeque::new();
        for (index, mut fault) in read.into_iter().enumerate() {
            fault.check().map_err(|why| format!("[{index}].{why}"))?;
            let times = fault.times.take().unwrap_or(1);
            if times > MOST - left.len() {
                return Err(format!("[{index}].times: faults are kept for {MOST} requests at most"));
            }
            left.extend(std::iter::repeat_n(fault, times));
        }
        self.left = left;
        Ok(())
    }

    pub(super) fn left(&self) -> usize {
        self.left.len()
    }

    /// The fault of the next request.
    pub(super) fn next(&mut self, has_cursor: bool) -> Fault {
        match self.left.front() {
            Some(fault) if fault.needs_cursor() && !has_cursor => return Fault::default(),
            Some(fault) if fault.shuffle && has_cursor => return Fault::default(),
            _ => {}
        }
        let fault = self.left.pop_front().unwrap_or_default();
        fault.names().for_each(|name| *self.played.entry(name).or_default() += 1);
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_played_in_order() {
        let mut faults = Faults::default();
        let text =
            br#"[{"times":2},{"status":429,"retry_after":1,"slow_ms":5},{"expired_cursor":true},{"cut":10}]"#;
        faults.replace(text).unwrap();
        assert_eq!(faults.left(), 5);
        assert!(faults.next(false) == Fault::default() && faults.next(true) == Fault::default());
        let busy = faults.next(false);
        assert_eq!((busy.status, busy.retry_after().as_deref()), (Some(429), Some("1")));
        assert_eq!(busy.wait(), Duration::from_millis(5));
        // It waits for a cursor.
        assert_eq!((faults.next(false), faults.left()), (Fault::default(), 2));
        assert!(faults.next(true).expired_cursor && faults.next(false).cut == Some(10));
        assert_eq!((faults.next(false), faults.left()), (Fault::default(), 0));
        let played = [("cut", 1), ("expired_cursor", 1), ("slow_ms", 1), ("status", 1)];
        assert_eq!(faults.played, BTreeMap::from(played));
        // It waits for a window that begins.
        faults.replace(br#"[{"shuffle":true}]"#).unwrap();
        assert!(faults.next(true) == Fault::default() && faults.next(false).shuffle);
        faults.replace(br#"[{"status":503,"retry_after":"Fri, 31 Dec 1999 23:59:59 GMT"}]"#).unwrap();
        assert_eq!(faults.next(false).retry_after().as_deref(), Some("Fri, 31 Dec 1999 23:59:59 GMT"));
    }

    #[test]
    fn wrong_faults_change_nothing() {
        let mut faults = Faults::default();
        faults.replace(br#"[{"reset":true}]"#).unwrap();
        for (text, expected) in [
            (r#"[{},{"status":99}]"#, "[1].status: "),
            (r#"[{"retry_after":1}]"#, "[0].retry_after: "),
            (r#"[{"slow_ms":600001}]"#, "[0].slow_ms: "),
            (r#"[{"times":100001}]"#, "[0].times: "),
            (r#"[{"shuffle":true,"expired_cursor":true}]"#, "[0].shuffle: "),
            (r#"[{"shuffle":true,"repeat_page":true}]"#, "[0].shuffle: "),
            (r#"[{"cut":-1}]"#, "[0].cut: "),
            (r#"[{"other":1}]"#, "[0].other: unknown field"),
            ("{}", "the body: "),
        ] {
            let why = faults.replace(text.as_bytes()).unwrap_err();
            assert!(why.starts_with(expected), "{text}: {why}");
            assert_eq!(faults.left(), 1);
        }
    }
}
