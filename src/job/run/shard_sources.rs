//! Sources of one shard after another, with a fence behind each.
//!
//! One run of the pipeline goes through many shards, so nothing drains at their ends: the next one is taken, on a thread of its own, as soon
//! as all of the current one is handed out, and is read ahead like any input. The sources do not wait until a shard is free: if none is, the
//! run ends and its caller waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};

use super::options::Ending;
use super::progress::Progress;
use super::repair::Repair;
use crate::error::{Error, Result};
use crate::job::state::ledger::ShardEntry;
use crate::job::state::location::Publish;
use crate::limits::Limits;
use crate::pipeline::{Source, Sources, Stop};

/// A shard that this worker has taken, and what is to be hashed of it.
pub(in crate::job) struct ClaimedShard {
    pub(in crate::job) shard: u64,
    pub(in crate::job) sources: Sources,
    pub(in crate::job) purpose: Purpose,
    /// Whether each source is to have its record before the next one is asked for.
    pub(in crate::job) alone: bool,
}

/// What becomes of a shard's records.
#[derive(Debug, Clone)]
pub(in crate::job) enum Purpose {
    /// They are its file.
    New(Publish),
    /// They repair its file.
    Repair(Arc<Repair>),
}

impl Purpose {
    /// Other limits than the settings' under which some of the records are made.
    pub(in crate::job) fn other_limits(&self) -> &[Limits] {
        match self {
            Purpose::New(_) => &[],
            Purpose::Repair(repair) => &repair.other_limits,
        }
    }

    /// What the ledger said of the file before.
    pub(in crate::job) fn before(&self) -> Option<&ShardEntry> {
        match self {
            Purpose::New(_) => None,
            Purpose::Repair(repair) => Some(&repair.before),
        }
    }
}

/// Where shards come from.
pub(in crate::job) trait Supply: Send {
    /// Takes a shard; `None` where all are done or in others' hands.
    fn take(&mut self) -> Result<Option<ClaimedShard>>;
}

/// A shard between its first source and its last record.
#[derive(Debug)]
pub(in crate::job) struct ShardInFlight {
    pub(in crate::job) shard: u64,
    pub(in crate::job) purpose: Purpose,
    pub(in crate::job) begun: Instant,
}

/// The shards that are under way. Where one ends is said among the sources themselves, by a fence with its number.
#[derive(Debug, Default)]
pub(in crate::job) struct InFlight {
    shards: Mutex<HashMap<u64, ShardInFlight>>,
    /// Records that came to the sink.
    records: AtomicU64,
    progress: Arc<Progress>,
}

impl InFlight {
    /// None yet; what gets done is counted in `progress`.
    pub(in crate::job) fn new(progress: Arc<Progress>) -> InFlight {
        InFlight { progress, ..InFlight::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, ShardInFlight>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, shard: u64, purpose: Purpose) {
        self.lock().insert(shard, ShardInFlight { shard, purpose, begun: Instant::now() });
    }

    /// Another source has its record.
    pub(in crate::job) fn take_record(&self) {
        self.records.fetch_add(1, Ordering::AcqRel);
    }

    /// The shard whose fence the sink has met.
    pub(in crate::job) fn end(&self, shard: u64) -> Option<ShardInFlight> {
        self.lock().remove(&shard)
    }
}

/// What came of taking a shard.
pub(in crate::job) type Answer = Result<Option<ClaimedShard>>;

/// Takes a shard whenever it is asked to, until nobody will ask again.
pub(in crate::job) fn take_ahead(
    supply: &Mutex<impl Supply>,
    stop: &Stop,
    asked: &Receiver<()>,
    answers: &Sender<Answer>,
) {
    let take = || match stop.requested() {
        true => Ok(None),
        false => supply.lock().unwrap_or_else(PoisonError::into_inner).take(),
    };
    // What nobody waits for any more stays claimed until the run is over.
    asked.iter().take_while(|()| answers.send(take()).is_ok()).for_each(drop);
}

/// How often a wait is left to look for a stop.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long until a shard is asked for again where there was none: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));

/// How often a shard that is taken alone looks for the record of its last source.
const BETWEEN_RECORDS: Duration = Duration::from_micros(200);

/// The sources of all shards that this worker takes.
pub(in crate::job) struct ShardSources<'a> {
    in_flight: &'a InFlight,
    ending: Ending,
    current: Option<Current>,
    /// Sources taken so far, of all shards.
    taken: u64,
    next: Next,
    /// How long until the next shard is asked for again.
    pause: Duration,
    /// To whoever takes shards.
    asks: Sender<()>,
    answers: Receiver<Answer>,
    failure: &'a Mutex<Option<Error>>,
}

/// The shard whose sources are taken.
struct Current {
    shard: u64,
    sources: Sources,
    /// Whether nothing may be in flight when the next source is asked for.
    alone: bool,
}

/// The shard after the current one.
enum Next {
    /// Not asked for, or in vain, so that it is not asked for again before that time.
    None(Option<Instant>),
    Asked,
    ClaimedShard(ClaimedShard),
    /// There will be none.
    Over,
}

impl Current {
    /// Whether all of it is handed out: then its sources say how many are left at most.
    fn is_handed_out(&self) -> bool {
        self.sources.size_hint().1.is_some()
    }
}

impl<'a> ShardSources<'a> {
    /// Begins with a shard that is taken already.
    pub(in crate::job) fn new(
        first: ClaimedShard,
        in_flight: &'a InFlight,
        ending: Ending,
        (asks, answers): (Sender<()>, Receiver<Answer>),
        failure: &'a Mutex<Option<Error>>,
    ) -> ShardSources<'a> {
        let (current, next, pause) = (None, Next::None(None), PAUSE.0);
        let mut sources =
            ShardSources { in_flight, ending, current, taken: 0, next, pause, asks, answers, failure };
        sources.begin(first);
        sources
    }

    fn begin(&mut self, taken: ClaimedShard) {
        let ClaimedShard { shard, sources, purpose, alone } = taken;
        self.in_flight.begin(shard, purpose);
        self.current = Some(Current { shard, sources, alone });
        (self.next, self.pause) = (Next::None(None), PAUSE.0);
    }

    /// Asks for the next shard, unless that was just done in vain.
    fn ask(&mut self) {
        if let Next::None(not_before) = self.next
            && not_before.is_none_or(|time| Instant::now() >= time)
        {
            self.next = if self.asks.send(()).is_ok() { Next::Asked } else { Next::Over };
        }
    }

    fn answered(&mut self, answer: Answer) {
        self.next = match answer {
            Ok(Some(taken)) => Next::ClaimedShard(taken),
            Ok(None) => {
                let again = Instant::now() + self.pause;
                self.pause = PAUSE.1.min(2 * self.pause);
                Next::None(Some(again))
            }
            Err(error) => {
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Next::Over
            }
        };
    }

    /// Waits until nothing is in flight; whether that came before the end of all time.
    fn wait_for_records(&self) -> bool {
        while self.in_flight.records.load(Ordering::Acquire) < self.taken {
            if self.ending.late.requested() {
                return false;
            }
            thread::sleep(BETWEEN_RECORDS);
        }
        true
    }

    /// Asks for the next shard once all of the current one is handed out.
    fn look_ahead(&mut self) {
        match self.next {
            Next::None(_) if self.current.as_ref().is_some_and(Current::is_handed_out) => {
                self.ask();
            }
            Next::Asked => match self.answers.try_recv() {
                Ok(answer) => self.answered(answer),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => self.next = Next::Over,
            },
            _ => {}
        }
    }

    /// The next shard; `None` where there is none now, or no time for it.
    fn next_shard(&mut self) -> Option<ClaimedShard> {
        self.ask();
        while let Next::Asked = self.next {
            match self.answers.recv_timeout(PATIENCE) {
                Ok(answer) => self.answered(answer),
                Err(RecvTimeoutError::Timeout) if self.ending.stop.requested() => return None,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.next = Next::Over,
            }
        }
        match std::mem::replace(&mut self.next, Next::Over) {
            Next::ClaimedShard(taken) if !self.ending.stop.requested() => Some(taken),
            _ => None,
        }
    }
}

impl Iterator for ShardSources<'_> {
    type Item = Source;

    fn next(&mut self) -> Option<Source> {
        loop {
            if self.ending.late.requested() {
                return None;
            }
            self.look_ahead();
            if self.current.as_ref().is_some_and(|current| current.alone) && !self.wait_for_records() {
                return None;
            }
            let Some(current) = &mut self.current else {
                let next = self.next_shard()?;
                self.begin(next);
                continue;
            };
            if let Some(source) = current.sources.next() {
                self.in_flight.progress.step();
                self.taken += 1;
                return Some(source);
            }
            // Sources that are waited for end early then, and the shard has not come to its end.
            if self.ending.late.requested() {
                return None;
            }
            let fence = Source::fence(current.shard);
            self.current = None;
            return Some(fence);
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;

    use super::*;

    /// Shards of three pictures, from 1 on.
    struct Shards(u64);

    fn shard(shard: u64) -> ClaimedShard {
        let sources = (0..3).map(move |number| Source::bytes(format!("{shard}/{number}"), Vec::new()));
        ClaimedShard {
            shard,
            sources: Box::new(sources),
            purpose: Purpose::New(Publish::First),
            alone: false,
        }
    }

    impl Supply for Shards {
        fn take(&mut self) -> Result<Option<ClaimedShard>> {
            self.0 += 1;
            Ok((self.0 < 4).then(|| shard(self.0)))
        }
    }

    /// What `run` makes of the sources of the shards 0 to 3, of which it may see how many were taken.
    fn with_sources<T>(ending: &Ending, run: impl FnOnce(ShardSources<'_>, &dyn Fn() -> u64) -> T) -> T {
        let (supply, in_flight, failure) = (Mutex::new(Shards(0)), InFlight::default(), Mutex::new(None));
        let ((asks, asked), (answers, answered)) = (bounded(1), bounded(1));
        let sources = ShardSources::new(shard(0), &in_flight, ending.clone(), (asks, answered), &failure);
        thread::scope(|scope| {
            let supply = &supply;
            scope.spawn(move || take_ahead(supply, &ending.stop, &asked, &answers));
            run(sources, &|| supply.lock().unwrap().0)
        })
    }

    #[test]
    fn the_next_shard_is_taken_before_the_current_one_ends() {
        let keys = with_sources(&Ending::new(&Stop::default(), Duration::ZERO), |mut sources, taken| {
            let first = sources.next().unwrap();
            let waiting = Instant::now();
            while taken() == 0 {
                assert!(waiting.elapsed() < Duration::from_secs(20), "no shard was taken ahead");
                thread::sleep(Duration::from_millis(1));
            }
            [first].into_iter().chain(sources).map(|source| source.key().to_os_string()).collect::<Vec<_>>()
        });
        let shard = |shard| [format!("{shard}/0"), format!("{shard}/1"), format!("{shard}/2"), String::new()];
        let expected: Vec<_> = (0..4).flat_map(shard).map(std::ffi::OsString::from).collect();
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_shard_taken_ahead_is_not_begun_after_a_request_to_end() {
        let stop = Stop::default();
        let rest = with_sources(&Ending::new(&stop, Duration::MAX), |mut sources, taken| {
            sources.next().unwrap();
            while taken() == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            stop.request();
            sources.count()
        });
        assert_eq!(rest, 3, "the shard in hand is to be finished with its fence, and no other begun");
    }
}
