//! A CyberTipline within the test: it keeps what it gets, and fails as it is asked to.

use std::collections::BTreeMap;
use std::io::Read;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use md5::{Digest as _, Md5};

use super::super::super::tests::schema;
use super::super::super::transport::{Answer, Call, Failure, Transport};
use crate::random::digits;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not done, and no answer comes.
    NoAnswerBefore,
    /// It is done, and no answer comes.
    NoAnswerAfter,
    /// 500, and it is not done.
    Status500,
    /// 503, and it is done.
    Status503,
    /// The connection breaks in the middle of the request.
    Reset,
    /// It is done, and the answer names another MD5; of other calls the answer makes no sense.
    WrongMd5,
    /// The process ends before the call arrives.
    KilledBefore,
    /// The process ends after the call was done.
    KilledAfter,
    /// NCMEC says this, and does nothing.
    Code(i64),
    /// 401.
    Credentials,
}

impl Fault {
    /// Those after which it has to be filed without anybody's help.
    pub(super) const ALL: [Fault; 8] = [
        Fault::NoAnswerBefore,
        Fault::NoAnswerAfter,
        Fault::Status500,
        Fault::Status503,
        Fault::Reset,
        Fault::WrongMd5,
        Fault::KilledBefore,
        Fault::KilledAfter,
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Finished,
    Retracted,
}

#[derive(Debug)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) content: Vec<u8>,
    pub(super) md5: String,
    pub(super) details: Option<String>,
}

#[derive(Debug)]
pub(super) struct Report {
    pub(super) xml: String,
    pub(super) files: Vec<File>,
    pub(super) state: State,
    opened: i64,
    changed: i64,
}

type Before = Box<dyn FnMut(u64) + Send>;

pub(super) struct Tipline {
    pub(super) reports: BTreeMap<u64, Report>,
    pub(super) calls: u64,
    pub(super) faults: BTreeMap<u64, Fault>,
    pub(super) before: Option<Before>,
    time: Arc<AtomicI64>,
    next: u64,
}

impl Tipline {
    pub(super) fn new(time: Arc<AtomicI64>) -> Tipline {
        // Numbers are given once, whichever of them it is.
        static NUMBERS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let next = NUMBERS.fetch_add(10_000, Ordering::SeqCst);
        Tipline { reports: BTreeMap::new(), calls: 0, faults: BTreeMap::new(), before: None, time, next }
    }

    pub(super) fn faulty(mut self, faults: &[(u64, Fault)]) -> Tipline {
        self.faults = faults.iter().copied().collect();
        self
    }

    fn answer(&mut self, code: i64) -> Answer {
        Answer {
            status: if code == 0 { 200 } else { 400 },
            code,
            description: "it quotes".into(),
            ..Answer::default()
        }
    }

    /// An open report, or why it is none.
    fn open(&mut self, report: u64) -> Result<&mut Report, i64> {
        let now = self.time.load(Ordering::SeqCst);
        let hour = 3_600_000;
        self.reports.retain(|_, report| {
            report.state == State::Finished || now <= (report.opened + 24 * hour).max(report.changed + hour)
        });
        let found = self.reports.get_mut(&report).ok_or(5001)?;
        found.changed = now;
        match found.state {
            State::Open => Ok(found),
            State::Finished => Err(5102),
            State::Retracted => Err(5101),
        }
    }

    fn effect(&mut self, call: Call) -> Answer {
        let now = self.time.load(Ordering::SeqCst);
        let done = match call {
            Call::Status => Ok(Answer::default()),
            Call::Submit(xml) => {
                if schema::check(&xml, "report", &mut BTreeMap::new()).is_err() {
                    return self.answer(4100);
                }
                self.next += 1;
                let report = Report { xml, files: Vec::new(), state: State::Open, opened: now, changed: now };
                self.reports.insert(self.next, report);
                Ok(Answer { report: Some(self.next), ..Answer::default() })
            }
            Call::Upload { report, mut content, bytes } => {
                let mut arrived = Vec::new();
                let read = content.read_to_end(&mut arrived);
                assert_eq!((read.unwrap() as u64, arrived.len() as u64), (bytes, bytes));
                let md5 = digits(&Md5::digest(&arrived));
                self.next += 1;
                let id = format!("{:032x}", self.next);
                self.open(report).map(|open| {
                    open.files.push(File {
                        id: id.clone(),
                        content: arrived,
                        md5: md5.clone(),
                        details: None,
                    });
                    Answer { report: Some(report), file: Some(id), hash: Some(md5), ..Answer::default() }
                })
            }
            Call::FileInfo { report, details } => {
                assert!(schema::check(&details, "fileDetails", &mut BTreeMap::new()).is_ok(), "{details}");
                self.open(report).and_then(|open| {
                    let file =
                        open.files.iter_mut().find(|file| details.contains(&format!("<fileId>{}<", file.id)));
                    let file = file.ok_or(5002)?;
                    if file.details.is_some() {
                        return Err(4100);
                    }
                    file.details = Some(details);
                    Ok(Answer { report: Some(report), ..Answer::default() })
                })
            }
            Call::Finish(report) => self.open(report).map(|open| {
                open.state = State::Finished;
                let files = open.files.iter().map(|file| file.id.clone()).collect();
                Answer { report: Some(report), files, ..Answer::default() }
            }),
            Call::Retract(report) => self.open(report).map(|open| {
                open.state = State::Retracted;
                Answer::default()
            }),
        };
        match done {
            Ok(answer) => Answer { status: 200, request_id: Some(format!("r{}", self.calls)), ..answer },
            Err(code) => self.answer(code),
        }
    }

    fn call(&mut self, call: Call) -> Result<Answer, Failure> {
        let number = self.calls;
        self.calls += 1;
        let fault = self.faults.remove(&number);
        let doubt = |status| Failure::Doubt { why: "a fault".into(), status, request_id: None, after: None };
        match fault {
            None => Ok(self.effect(call)),
            Some(Fault::NoAnswerBefore) => Err(doubt(None)),
            Some(Fault::NoAnswerAfter) => {
                self.effect(call);
                Err(doubt(None))
            }
            Some(Fault::Status500) => Err(doubt(Some(500))),
            Some(Fault::Status503) => {
                self.effect(call);
                Err(doubt(Some(503)))
            }
            Some(Fault::Reset) => {
                if let Call::Upload { mut content, bytes, .. } = call {
                    let mut half = vec![0; bytes as usize / 2];
                    content.read_exact(&mut half).unwrap();
                }
                Err(doubt(None))
            }
            Some(Fault::WrongMd5) => match self.effect(call) {
                answer if answer.hash.is_some() => Ok(Answer { hash: Some("0".repeat(32)), ..answer }),
                _ => Err(doubt(Some(200))),
            },
            // An unwinding that nobody prints.
            Some(Fault::KilledBefore) => resume_unwind(Box::new("killed")),
            Some(Fault::KilledAfter) => {
                self.effect(call);
                resume_unwind(Box::new("killed"))
            }
            Some(Fault::Code(5102)) => {
                self.effect(call);
                Ok(self.answer(5102))
            }
            Some(Fault::Code(code)) => Ok(self.answer(code)),
            Some(Fault::Credentials) => Err(Failure::Credentials { status: 401, request_id: None }),
        }
    }
}

/// A way to it.
pub(super) struct Wire(pub(super) Arc<Mutex<Tipline>>);

impl Transport for Wire {
    fn call(&mut self, call: Call) -> Result<Answer, Failure> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, before) = {
            let mut tipline = lock();
            (tipline.calls, tipline.before.take())
        };
        if let Some(mut before) = before {
            before(number);
            lock().before = Some(before);
        }
        lock().call(call)
    }
}
