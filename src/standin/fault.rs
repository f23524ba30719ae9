//! What goes wrong at will: faults, played in order, one for each request.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::http::Reply;
use super::step::Step;
use crate::service::json;

/// Longest wait before an answer, in milliseconds.
const LONGEST: u64 = 600_000;

/// Most requests that faults are kept for.
const MOST: usize = 100_000;

/// What happens to one request; nothing where all is absent.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fault {
    /// The step that it is for; any where it is absent.
    step: Option<Step>,
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
    /// The connection is reset once so many bytes of the request's body have come, at its end where it has fewer.
    pub(super) reset_at: Option<u64>,
    /// The request has its effect before the fault shows.
    pub(super) after: bool,
    /// The answer to an upload has the MD5 of something else.
    pub(super) wrong_md5: bool,
    /// How many requests it is for.
    times: Option<usize>,
}

/// What a request is, as far as faults wait for one.
pub(super) enum For {
    Page { has_cursor: bool },
    Step(Option<Step>),
}

impl Fault {
    pub(super) fn wait(&self) -> Duration {
        Duration::from_millis(self.slow_ms)
    }

    /// The answer with the `Retry-After` that was asked for.
    pub(super) fn with_retry_after(&self, reply: Reply) -> Reply {
        let after = self.retry_after.as_ref();
        let after = after.map(|value| value.as_str().map_or_else(|| value.to_string(), String::from));
        after.into_iter().fold(reply, |reply, after| reply.header("retry-after", after))
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
            (self.reset_at.is_some(), "reset_at"),
            (self.after, "after"),
            (self.wrong_md5, "wrong_md5"),
        ];
        names.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name)
    }

    /// Whether a request is this fault's.
    fn is_for(&self, request: &For) -> bool {
        match request {
            For::Page { has_cursor } => !(self.needs_cursor() && !has_cursor || self.shuffle && *has_cursor),
            For::Step(step) => self.step.is_none() || self.step == *step,
        }
    }

    fn needs_cursor(&self) -> bool {
        self.expired_cursor || self.repeat_page
    }

    fn check(&self, has_steps: bool) -> Result<(), &'static str> {
        match self {
            fault if has_steps && (fault.shuffle || fault.needs_cursor()) => {
                Err("shuffle, repeat_page, expired_cursor: a report has no pages")
            }
            Fault { step: Some(_), .. } | Fault { wrong_md5: true, .. } if !has_steps => {
                Err("step, wrong_md5: pages have none")
            }
            Fault { wrong_md5: true, step: Some(step), .. } if *step != Step::Upload => {
                Err("wrong_md5: only the answer to an upload has one")
            }
            Fault { after: true, reset_at: Some(_), .. } => {
                Err("after: what comes in the middle of a body comes before its effect")
            }
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
#[derive(Debug)]
pub(super) struct Faults {
    has_steps: bool,
    left: VecDeque<Fault>,
    pub(super) played: BTreeMap<&'static str, usize>,
}

impl Faults {
    /// Of a server that gives pages: a fault that waits for its request holds up those behind it.
    pub(super) fn of_pages() -> Faults {
        Faults { has_steps: false, left: VecDeque::new(), played: BTreeMap::new() }
    }

    /// Of one that is asked in steps: each request plays the first fault that is for its step.
    pub(super) fn of_steps() -> Faults {
        Faults { has_steps: true, ..Faults::of_pages() }
    }

    /// Reads faults, which take the place of those left.
    pub(super) fn replace(&mut self, bytes: &[u8]) -> Result<(), String> {
        let read: Vec<Fault> = json::read(bytes).map_err(|problem| problem.detail)?;
        let mut left = VecDeque::new();
        for (index, mut fault) in read.into_iter().enumerate() {
            fault.check(self.has_steps).map_err(|why| format!("[{index}].{why}"))?;
            if fault.wrong_md5 {
                fault.step = Some(Step::Upload);
            }
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
    pub(super) fn next(&mut self, request: &For) -> Fault {
        let waiting = if self.has_steps { self.left.len() } else { 1 };
        let place = self.left.iter().take(waiting).position(|fault| fault.is_for(request));
        let fault = place.and_then(|place| self.left.remove(place)).unwrap_or_default();
        fault.names().for_each(|name| *self.played.entry(name).or_default() += 1);
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: For = For::Page { has_cursor: false };
    const MORE: For = For::Page { has_cursor: true };

    fn retry_after(fault: &Fault) -> Option<String> {
        fault.with_retry_after(Reply::empty(503)).headers.pop().map(|(_, value)| value)
    }

    #[test]
    fn faults_are_played_in_order() {
        let mut faults = Faults::of_pages();
        let text =
            br#"[{"times":2},{"status":429,"retry_after":1,"slow_ms":5},{"expired_cursor":true},{"cut":10}]"#;
        faults.replace(text).unwrap();
        assert_eq!(faults.left(), 5);
        assert!(faults.next(&PAGE) == Fault::default() && faults.next(&MORE) == Fault::default());
        let busy = faults.next(&PAGE);
        assert_eq!((busy.status, retry_after(&busy).as_deref()), (Some(429), Some("1")));
        assert_eq!(busy.wait(), Duration::from_millis(5));
        // It waits for a cursor.
        assert_eq!((faults.next(&PAGE), faults.left()), (Fault::default(), 2));
        assert!(faults.next(&MORE).expired_cursor && faults.next(&PAGE).cut == Some(10));
        assert_eq!((faults.next(&PAGE), faults.left()), (Fault::default(), 0));
        let played = [("cut", 1), ("expired_cursor", 1), ("slow_ms", 1), ("status", 1)];
        assert_eq!(faults.played, BTreeMap::from(played));
        // It waits for a window that begins.
        faults.replace(br#"[{"shuffle":true}]"#).unwrap();
        assert!(faults.next(&MORE) == Fault::default() && faults.next(&PAGE).shuffle);
        faults.replace(br#"[{"status":503,"retry_after":"Fri, 31 Dec 1999 23:59:59 GMT"}]"#).unwrap();
        assert_eq!(retry_after(&faults.next(&PAGE)).as_deref(), Some("Fri, 31 Dec 1999 23:59:59 GMT"));
    }

    #[test]
    fn wrong_faults_change_nothing() {
        let mut faults = Faults::of_pages();
        faults.replace(br#"[{"reset":true}]"#).unwrap();
        for (text, expected) in [
            (r#"[{},{"status":99}]"#, "[1].status: "),
            (r#"[{"retry_after":1}]"#, "[0].retry_after: "),
            (r#"[{"slow_ms":600001}]"#, "[0].slow_ms: "),
            (r#"[{"times":100001}]"#, "[0].times: "),
            (r#"[{"shuffle":true,"expired_cursor":true}]"#, "[0].shuffle: "),
            (r#"[{"shuffle":true,"repeat_page":true}]"#, "[0].shuffle: "),
            (r#"[{"cut":-1}]"#, "[0].cut: "),
            (r#"[{"step":"upload"}]"#, "[0].step"),
            (r#"[{"wrong_md5":true}]"#, "[0].step, wrong_md5: "),
            (r#"[{"reset_at":1,"after":true}]"#, "[0].after: "),
            (r#"[{"other":1}]"#, "[0].other: unknown field"),
            ("{}", "the body: "),
        ] {
            let why = faults.replace(text.as_bytes()).unwrap_err();
            assert!(why.starts_with(expected), "{text}: {why}");
            assert_eq!(faults.left(), 1);
        }
    }

    #[test]
    fn each_step_plays_its_own_faults() {
        let mut faults = Faults::of_steps();
        faults
            .replace(
                br#"[{"step":"finish","status":500},{"step":"upload"},{"wrong_md5":true},{"reset":true}]"#,
            )
            .unwrap();
        let mut next = |step| faults.next(&For::Step(step));
        assert_eq!(next(Some(Step::Upload)), Fault { step: Some(Step::Upload), ..Fault::default() });
        assert!(next(Some(Step::Upload)).wrong_md5);
        // One that is for any step.
        assert!(next(None).reset);
        assert_eq!(next(Some(Step::Submit)), Fault::default());
        assert_eq!(next(Some(Step::Finish)).status, Some(500));
        assert_eq!(faults.left(), 0);
        for (text, expected) in [
            (r#"[{"step":"other"}]"#, "[0].step: "),
            (r#"[{"shuffle":true}]"#, "[0].shuffle"),
            (r#"[{"step":"finish","wrong_md5":true}]"#, "[0].wrong_md5: "),
        ] {
            let why = faults.replace(text.as_bytes()).unwrap_err();
            assert!(why.starts_with(expected), "{text}: {why}");
        }
    }
}
