//! Sources of one shard after another, and the queue that tells the writing side where a shard ends.
//!
//! One run of the pipeline goes through many shards, so nothing drains at their ends: the next one is taken, on a thread of its own, as soon
//! as all of the current one is on its way, and is read ahead like any input. The feed does not wait until a shard is free: where none is, the
//! run ends, and whoever called it waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};

use super::options::Ending;
use super::repair::Repair;
use crate::error::{Error, Result};
use crate::job::state::ledger::Entry;
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

    /// What the ledger told of the file before.
    pub(in crate::job) fn before(&self) -> Option<&Entry> {
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
#[derive(Debug, Clone)]
pub(in crate::job) struct ShardInFlight {
    pub(in crate::job) shard: u64,
    pub(in crate::job) purpose: Purpose,
    pub(in crate::job) begun: Instant,
    /// Sources taken from it so far.
    pub(in crate::job) sources: u64,
    /// Whether there are no more.
    pub(in crate::job) ended: bool,
}

/// The shards that are under way, in order.
#[derive(Debug, Default)]
pub(in crate::job) struct InFlight {
    queue: Mutex<VecDeque<ShardInFlight>>,
    /// Sources without a record.
    in_flight: AtomicU64,
}

impl InFlight {
    fn lock(&self) -> MutexGuard<'_, VecDeque<ShardInFlight>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, shard: u64, purpose: Purpose) {
        self.lock().push_back(ShardInFlight {
            shard,
            purpose,
            begun: Instant::now(),
            sources: 0,
            ended: false,
        });
    }

    fn change_last(&self, change: impl FnOnce(&mut ShardInFlight)) {
        if let Some(last) = self.lock().back_mut() {
            change(last);
        }
    }

    fn take_source(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        self.change_last(|lot| lot.sources += 1);
    }

    /// Another source has its record.
    pub(in crate::job) fn take_record(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) == 0
    }

    /// The first shard, if all its sources have been taken and it has so many.
    pub(in crate::job) fn take_ended(&self, records: u64) -> Option<ShardInFlight> {
        let mut lots = self.lock();
        let ended = lots.front().is_some_and(|lot| lot.ended && lot.sources == records);
        if ended { lots.pop_front() } else { None }
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
    lots: &'a InFlight,
    ending: Ending,
    current: Option<Sources>,
    /// Whether nothing may be in flight when the next source is asked for.
    alone: bool,
    next: Next,
    /// How long until the next shard is asked for again.
    pause: Duration,
    /// To whoever takes shards.
    asks: Sender<()>,
    answers: Receiver<Answer>,
    failure: &'a Mutex<Option<Error>>,
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

impl<'a> ShardSources<'a> {
    /// Begins with a shard that is taken already.
    pub(in crate::job) fn new(
        first: ClaimedShard,
        lots: &'a InFlight,
        ending: Ending,
        (asks, answers): (Sender<()>, Receiver<Answer>),
        failure: &'a Mutex<Option<Error>>,
    ) -> ShardSources<'a> {
        let (current, next, pause) = (None, Next::None(None), PAUSE.0);
        let mut feed =
            ShardSources { lots, ending, current, alone: false, next, pause, asks, answers, failure };
        feed.begin(first);
        feed
    }

    fn begin(&mut self, taken: ClaimedShard) {
        self.lots.begin(taken.shard, taken.purpose);
        (self.current, self.alone) = (Some(taken.sources), taken.alone);
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
        while !self.lots.is_idle() {
            if self.ending.late.requested() {
                return false;
            }
            thread::sleep(BETWEEN_RECORDS);
        }
        true
    }

    /// Sees to it that there is a next shard once all of the current one is on its way.
    fn look_ahead(&mut self) {
        match self.next {
            Next::None(_) if self.current.as_ref().is_some_and(|all| all.size_hint().1.is_some()) => {
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
            if self.alone && !self.wait_for_records() {
                return None;
            }
            if let Some(source) = self.current.as_mut()?.next() {
                self.lots.take_source();
                return Some(source);
            }
            // Sources that are waited for end early then.
            if self.ending.late.requested() {
                return None;
            }
            self.current = None;
            self.lots.change_last(|lot| lot.ended = true);
            let next = self.next_shard()?;
            self.begin(next);
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

    /// What `run` makes of a feed of the shards 0 to 3, of which it may see how many were taken.
    fn fed<T>(ending: &Ending, run: impl FnOnce(ShardSources<'_>, &dyn Fn() -> u64) -> T) -> T {
        let (supply, lots, failure) = (Mutex::new(Shards(0)), InFlight::default(), Mutex::new(None));
        let ((asks, asked), (answers, answered)) = (bounded(1), bounded(1));
        let feed = ShardSources::new(shard(0), &lots, ending.clone(), (asks, answered), &failure);
        thread::scope(|scope| {
            let supply = &supply;
            scope.spawn(move || take_ahead(supply, &ending.stop, &asked, &answers));
            run(feed, &|| supply.lock().unwrap().0)
        })
    }

    #[test]
    fn the_next_shard_is_taken_before_the_current_one_ends() {
        let keys = fed(&Ending::new(&Stop::default(), Duration::ZERO), |mut feed, taken| {
            let first = feed.next().unwrap();
            let waiting = Instant::now();
            while taken() == 0 {
                assert!(waiting.elapsed() < Duration::from_secs(20), "no shard was taken ahead");
                thread::sleep(Duration::from_millis(1));
            }
            [first].into_iter().chain(feed).map(|source| source.key().to_os_string()).collect::<Vec<_>>()
        });
        let expected: Vec<_> =
            (0..12).map(|at| std::ffi::OsString::from(format!("{}/{}", at / 3, at % 3))).collect();
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_shard_taken_ahead_is_not_begun_after_a_request_to_end() {
        let stop = Stop::default();
        let rest = fed(&Ending::new(&stop, Duration::MAX), |mut feed, taken| {
            feed.next().unwrap();
            while taken() == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            stop.request();
            feed.count()
        });
        assert_eq!(rest, 2, "the shard in hand is to be finished, and no other begun");
    }
}
