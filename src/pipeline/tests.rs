//! The promises of a run, with work whose need, duration and outcome the tests choose.
//!
//! One long file, since every promise is held by the same made-up work.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::order::IN_FLIGHT;
use super::work::Work;
use super::workers::Workers;
use super::*;
use crate::Memory;
use crate::{Detail, Error, Hashed, Viewing};

/// What happens to one made-up picture: a letter, then its need in bytes as decimal digits.
struct Play {
    watch: Arc<Watch>,
}

#[derive(Default)]
struct Watch {
    /// Bytes that work is using, and the most it ever did.
    using: AtomicU64,
    peak: AtomicU64,
    largest_company: AtomicU64,
    /// Others that were hashed while the first slow one was.
    concurrent: AtomicU64,
    slow: AtomicU64,
    made: AtomicUsize,
}

const SLOW: Duration = Duration::from_millis(150);

/// Others that what waits (`w`) waits for, and how long at most.
const AWAITED: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(60);

/// Threads that play.
fn players(watch: &Arc<Watch>, options: &Options) -> Workers {
    Workers::of(bounded(watch, options), options.threads, options.memory, 1).unwrap()
}

/// What they share.
fn bounded(watch: &Arc<Watch>, options: &Options) -> Bounded {
    let watch = watch.clone();
    let make = move |_: &HashOptions| {
        watch.made.fetch_add(1, Ordering::SeqCst);
        Box::new(Play { watch: watch.clone() }) as Box<dyn Work>
    };
    Bounded::with(Box::new(make), options.threads, options.memory)
}

impl Work for Play {
    fn memory(&mut self, encoded: &[u8]) -> Memory {
        assert!(encoded[0] != b'n', "need panics");
        let need = std::str::from_utf8(&encoded[1..]).unwrap().parse().unwrap();
        // What is read in two steps needs a tenth at first.
        Memory { first: if encoded[0] == b'2' { need / 10 } else { need }, worst: need }
    }

    fn hash_first(&mut self, encoded: &[u8]) -> Result<Option<Hashed>> {
        let first = self.memory(encoded).first;
        let using = self.watch.using.fetch_add(first, Ordering::SeqCst) + first;
        self.watch.peak.fetch_max(using, Ordering::SeqCst);
        self.watch.using.fetch_sub(first, Ordering::SeqCst);
        Ok(if first.is_multiple_of(2) { Some(hashed(first as u32)) } else { None })
    }

    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed> {
        let need = self.memory(encoded).worst;
        let using = self.watch.using.fetch_add(need, Ordering::SeqCst) + need;
        self.watch.peak.fetch_max(using, Ordering::SeqCst);
        self.watch.largest_company.fetch_max(using - need, Ordering::SeqCst);
        if matches!(encoded[0], b's' | b'w') {
            let begun = Instant::now();
            let is_waiting = || encoded[0] == b'w' && self.watch.concurrent.load(Ordering::SeqCst) < AWAITED;
            thread::sleep(SLOW);
            while is_waiting() && begun.elapsed() < PATIENCE {
                thread::sleep(SLOW / 10);
            }
            self.watch.slow.fetch_add(1, Ordering::SeqCst);
        } else {
            thread::sleep(Duration::from_micros(need % 7 * 30));
            self.watch
                .concurrent
                .fetch_add(u64::from(self.watch.slow.load(Ordering::SeqCst) == 0), Ordering::SeqCst);
        }
        self.watch.using.fetch_sub(need, Ordering::SeqCst);
        match encoded[0] {
            b'c' => Err(Error::corrupt("jpeg", "broken")),
            b'p' => panic!("a bug in work {need}"),
            _ => Ok(hashed(need as u32)),
        }
    }
}

fn hashed(width: u32) -> Hashed {
    let (format, detail, whole) = (None, Detail::Full, None);
    let backend = crate::Backend::Cpu;
    let (fallback, photodna, pdq, pdq512) = (None, None, None, None);
    let viewing = Viewing::default();
    let (face, faces, frames, shading, thumbnail) = (None, Vec::new(), Vec::new(), None, None);
    let luminance = None;
    Hashed {
        format,
        width,
        height: 1,
        detail,
        whole,
        viewing,
        backend,
        fallback,
        photodna,
        pdq,
        pdq512,
        face,
        faces,
        frames,
        shading,
        luminance,
        thumbnail,
    }
}

/// Key, and width or error code with message, of a record.
type Seen = (String, Result<u32, (&'static str, String)>);

/// Keeps what the tests look at.
#[derive(Default)]
struct Kept {
    records: Vec<Seen>,
    finished: bool,
    /// Refuses the record with this position.
    breaks_at: Option<usize>,
}

impl Sink for Kept {
    fn write(&mut self, record: &Record) -> Result<()> {
        if self.breaks_at == Some(self.records.len()) {
            return Err(Error::io("disk", io::ErrorKind::StorageFull.into()));
        }
        let outcome = record.outcome.as_ref().map(|hashed| hashed.width);
        let outcome = outcome.map_err(|error| (error.code(), error.to_string()));
        assert_eq!(record.index, self.records.len() as u64);
        self.records.push((record.key.to_str().unwrap().to_string(), outcome));
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.finished = true;
        Ok(())
    }
}

/// Threads and memory of a run, and what is chosen for it.
struct Options {
    threads: NonZeroUsize,
    memory: u64,
    choices: RunChoices,
}

fn options(threads: usize, memory: u64) -> Options {
    Options { threads: NonZeroUsize::new(threads).unwrap(), memory, choices: RunChoices::default() }
}

/// A run of real pictures, on threads of its own.
fn run(
    sources: impl IntoIterator<Item = Source, IntoIter: Send>,
    sink: &mut dyn Sink,
    options: &Options,
) -> Result<Summary> {
    let workers = Workers::start(options.threads, options.memory, 1)?;
    pool::run(&workers, sources.into_iter(), sink, &options.choices)
}

fn play(
    plays: impl IntoIterator<Item = String, IntoIter: Send>,
    sink: &mut Kept,
    options: &Options,
) -> (Result<Summary>, Arc<Watch>) {
    let watch = Arc::<Watch>::default();
    let sources = plays.into_iter().map(|play| Source::bytes(play.clone(), play.into_bytes()));
    let summary = pool::run(&players(&watch, options), sources, sink, &options.choices);
    (summary, watch)
}

fn keys(sink: &Kept) -> Vec<&str> {
    sink.records.iter().map(|(key, _)| key.as_str()).collect()
}

#[test]
fn the_order_is_that_of_the_sources_and_not_of_their_ends() {
    for threads in [1, 2, 3, 8, 33] {
        let plays: Vec<String> =
            (0..500).map(|n| format!("{}{n}", if n % 250 == 0 { 's' } else { 'o' })).collect();
        let mut sink = Kept::default();
        let (summary, ..) = play(plays.clone(), &mut sink, &options(threads, 1 << 30));
        let summary = summary.unwrap();
        assert_eq!((summary.records, summary.failed(), summary.bytes > 0), (500, 0, true));
        assert_eq!(summary.ended, Ended::Complete);
        assert_eq!(keys(&sink), plays);
        assert!(sink.finished);
    }
}

#[test]
fn a_panic_is_a_record_and_the_run_goes_on() {
    let plays = ["o1", "p2", "n3", "o4", "p5", "o6"].map(String::from);
    let mut sink = Kept::default();
    let (summary, watch) = play(plays, &mut sink, &options(1, 1 << 30));
    assert_eq!(summary.unwrap().errors, [("corrupt", 3)].into());
    assert_eq!(watch.made.load(Ordering::SeqCst), 1 + 3, "what a panic left must not be used again");
    let (code, message) = sink.records[1].1.as_ref().unwrap_err();
    assert_eq!(*code, "corrupt");
    assert!(message.contains("a bug in work 2"), "{message}");
    assert!(sink.records[2].1.as_ref().unwrap_err().1.contains("need panics"));
    assert_eq!(sink.records[3].1, Ok(4));
}

#[test]
fn decoding_stays_within_the_budget() {
    let memory = 8_000;
    let plays =
        (0..2_000u64).map(|n| format!("o{}", [10, 900, 300, 2_999, 3_000, 3][n as usize % 6] - n % 3));
    let mut sink = Kept::default();
    let (summary, watch) = play(plays, &mut sink, &options(8, memory));
    assert_eq!(summary.unwrap().records, 2_000);
    let peak = watch.peak.load(Ordering::SeqCst);
    assert!((3_000..=6_000).contains(&peak), "{peak} bytes used of 3/8 lent and 3/8 in shares");
    assert!(watch.made.load(Ordering::SeqCst) > 500, "large buffers are not kept");
}

#[test]
fn a_picture_over_the_whole_budget_is_alone_but_for_the_shares() {
    let giant = |n: u64| if n % 100 == 50 { 1_000_000 } else { n % 3_000 };
    let mut sink = Kept::default();
    let plays = (0..1_000).map(|n| format!("o{}", giant(n)));
    let (summary, watch) = play(plays, &mut sink, &options(4, 8_000));
    assert_eq!(summary.unwrap().records, 1_000);
    assert!(watch.peak.load(Ordering::SeqCst) >= 1_000_000);
    assert!(watch.largest_company.load(Ordering::SeqCst) <= 1_003_000);
}

/// A giant holds up those that wait for memory like it, and nobody else: with as many giants as threads in front, what is
/// small is done before the second giant begins.
#[test]
fn giants_are_hashed_while_the_others_are() {
    let giants = (0..4).map(|n| format!("w{}", 1_000_000 + n));
    let small = (0..500).map(|n| format!("o{}", n % 300));
    let mut sink = Kept::default();
    let (summary, watch) = play(giants.chain(small), &mut sink, &options(4, 8_000));
    assert_eq!(summary.unwrap().records, 504);
    let concurrent = watch.concurrent.load(Ordering::SeqCst);
    assert!(concurrent >= AWAITED, "only {concurrent} small ones while the first giant was at work");
}

/// What is read in two steps takes little where the first step does, and is lent the rest where it does not.
#[test]
fn the_second_step_is_lent_its_memory() {
    let mut sink = Kept::default();
    let plays: Vec<String> = (0..600).map(|n| format!("2{}", 10 * (n % 350))).collect();
    let (summary, watch) = play(plays, &mut sink, &options(4, 8_000));
    assert_eq!(summary.unwrap().records, 600);
    let width = |index: u32| sink.records[index as usize].1.clone().unwrap();
    // 8,000 bytes are shares of 750: up to there, and where the first step does not do, all of it is taken.
    assert_eq!([0, 74, 75, 76, 77, 349].map(width), [0, 740, 750, 76, 770, 3_490]);
    let (peak, made) = (watch.peak.load(Ordering::SeqCst), watch.made.load(Ordering::SeqCst));
    assert!(peak > 3_000 && peak <= 3_490 + 4 * 750 && made > 100, "{peak} {made}");
}

#[test]
fn no_budget_is_too_small() {
    for memory in [0, 1, 8, 100] {
        let mut sink = Kept::default();
        let (summary, ..) = play((0..300).map(|n| format!("o{n}")), &mut sink, &options(4, memory));
        assert_eq!(summary.unwrap().records, 300);
    }
}

#[test]
fn records_that_wait_for_a_slow_picture_are_bounded_by_their_bytes() {
    let taken = AtomicUsize::new(0);
    let slow_at_first = (0..3 * IN_FLIGHT).map(|n| {
        taken.fetch_add(1, Ordering::SeqCst);
        format!("{}0", if n == 0 { 's' } else { 'o' })
    });
    struct First<'a>(&'a AtomicUsize, Option<usize>);
    impl Sink for First<'_> {
        fn write(&mut self, _: &Record) -> Result<()> {
            self.1.get_or_insert(self.0.load(Ordering::SeqCst));
            Ok(())
        }
    }
    let mut sink = First(&taken, None);
    let sources = slow_at_first.map(|play| Source::bytes("", play.into_bytes()));
    // A 64th of it holds no more than 64 of them.
    let options = options(4, 1 << 20);
    let workers = players(&Arc::default(), &options);
    let summary = pool::run(&workers, sources, &mut sink, &options.choices).unwrap();
    assert_eq!(summary.records as usize, 3 * IN_FLIGHT);
    let taken_at_first_write = sink.1.unwrap();
    let most = IN_FLIGHT + 64;
    assert!(taken_at_first_write <= most, "{taken_at_first_write} taken before the first was written");
    assert!(taken_at_first_write > 100, "only {taken_at_first_write}: the slow picture stopped the run");
}

/// One reader is enough for four workers until they wait for it.
#[test]
fn where_workers_wait_more_read() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let sources = (0..400).map(|n| {
        let (now, most) = (now.clone(), most.clone());
        Source::reader(format!("{n}"), Some(2), move || {
            most.fetch_max(1 + now.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            thread::sleep(Duration::from_millis(2));
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(io::Cursor::new(b"o0".to_vec()))
        })
    });
    let mut sink = Kept::default();
    let options = options(4, 1 << 30);
    let workers = players(&Arc::default(), &options);
    let summary = pool::run(&workers, sources, &mut sink, &options.choices).unwrap();
    let most = most.load(Ordering::SeqCst);
    assert!(summary.records == 400 && (4..=16).contains(&most), "{most}");
}

#[test]
fn fail_fast_ends_with_the_first_failure_in_order() {
    let mut plays: Vec<String> = (0..5_000).map(|n| format!("o{n}")).collect();
    plays[7] = "s7".to_string();
    plays[20] = "c20".to_string();
    plays[21] = "c21".to_string();
    let mut sink = Kept::default();
    let mut options = options(4, 1 << 30);
    options.choices.fail_fast = true;
    let (summary, ..) = play(plays, &mut sink, &options);
    let summary = summary.unwrap();
    assert_eq!((summary.records, summary.failed(), summary.ended), (21, 1, Ended::FailedFast));
    assert_eq!(keys(&sink).last(), Some(&"c20"));
    assert!(sink.finished);
}

#[test]
fn a_stop_finishes_what_was_taken() {
    let options = options(4, 1 << 30);
    let stop = options.choices.stop.clone();
    let endless = (0u64..).map(move |n| {
        if n == 300 {
            stop.request();
        }
        format!("o{n}")
    });
    let mut sink = Kept::default();
    let (summary, ..) = play(endless, &mut sink, &options);
    let summary = summary.unwrap();
    assert_eq!((summary.records, summary.ended), (301, Ended::Stopped));
    assert!(sink.finished && keys(&sink)[300] == "o300");
}

#[test]
fn a_stop_after_the_last_source_leaves_the_run_complete() {
    let options = options(2, 1 << 30);
    options.choices.stop.request();
    let mut sink = Kept::default();
    let (summary, ..) = play(["o1".to_string()], &mut sink, &options);
    assert_eq!(summary.unwrap().ended, Ended::Stopped, "a stop before the first source");
    struct StopAtLast(Stop);
    impl Sink for StopAtLast {
        fn write(&mut self, _: &Record) -> Result<()> {
            Ok(())
        }
        fn finish(&mut self) -> Result<()> {
            self.0.request();
            Ok(())
        }
    }
    let options = Options { choices: RunChoices::default(), ..options };
    let summary = run([], &mut StopAtLast(options.choices.stop.clone()), &options).unwrap();
    assert_eq!(summary.ended, Ended::Complete);
}

#[test]
fn a_sink_that_fails_ends_the_run() {
    for position in [0, 1, 700] {
        let mut sink = Kept { breaks_at: Some(position), ..Kept::default() };
        let endless = (0..).map(|n| format!("o{n}"));
        let (summary, ..) = play(endless, &mut sink, &options(4, 10_000));
        assert_eq!(summary.unwrap_err().code(), "io");
        assert_eq!(sink.records.len(), position);
    }
}

/// Does something on a thread of its own, which must come to its end.
fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = crossbeam_channel::bounded(1);
    thread::spawn(move || sender.send(work()));
    done.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("{what} hangs"))
}

struct Panics;

impl io::Read for Panics {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("a bug in a caller's reader")
    }
}

#[test]
fn a_panic_in_a_source_is_its_record() {
    let (summary, sink) = in_time("a panic in a source", || {
        let mut sink = Kept::default();
        let detached = source::DetachedReader::new(Panics, Stop::default());
        let sources = [
            Source::bytes("a", b"o".to_vec()),
            Source::stream("b", Panics),
            Source::stream("c", detached),
            Source::bytes("d", b"o".to_vec()),
        ];
        (run(sources, &mut sink, &options(2, 1 << 30)), sink)
    });
    assert_eq!(summary.unwrap().records, 4);
    assert_eq!(keys(&sink), ["a", "b", "c", "d"]);
    for (at, telling) in [(1, "a bug in a caller's reader"), (2, "panicked")] {
        let (code, message) = sink.records[at].1.as_ref().unwrap_err();
        assert!(*code == "io" && message.contains(telling), "{message}");
    }
}

#[test]
fn a_panic_where_sources_come_from_is_an_error() {
    struct Dropped;
    impl Drop for Dropped {
        fn drop(&mut self) {
            assert!(thread::panicking(), "a bug in an end");
        }
    }
    for threads in [1, 20] {
        let (summary, sink) = in_time("a panic in an iterator", move || {
            let mut sink = Kept::default();
            let plays = (0..).map(|n| if n < 700 { format!("o{n}") } else { panic!("a bug in a list") });
            (play(plays, &mut sink, &options(threads, 1 << 30)).0, sink)
        });
        let error = summary.unwrap_err();
        assert!(error.code() == "input" && error.to_string().contains("a bug in a list"), "{error}");
        assert_eq!((sink.records.len(), sink.finished), (700, true), "records so far are whole");
    }
    let (summary, _) = in_time("a panic at the end of an iterator", || {
        let mut sink = Kept::default();
        let dropped = Dropped;
        let plays = (0..3).map(move |n| {
            let _ = &dropped;
            format!("o{n}")
        });
        (play(plays, &mut sink, &options(2, 1 << 30)).0, sink)
    });
    assert!(summary.unwrap_err().to_string().contains("a bug in an end"));
}

#[test]
fn a_panic_in_a_sink_is_an_error() {
    struct Sinks(&'static str);
    impl Sinks {
        fn at(&self, step: &str) -> Result<()> {
            assert!(self.0 != step, "a bug in {step}");
            Ok(())
        }
    }
    impl Sink for Sinks {
        fn write(&mut self, _: &Record) -> Result<()> {
            self.at("write")
        }
        fn flush(&mut self) -> Result<()> {
            self.at("flush")
        }
        fn finish(&mut self) -> Result<()> {
            self.at("finish")
        }
    }
    for step in ["write", "flush", "finish"] {
        let error = in_time(step, move || {
            let sources = (0..3_000).map(|n| Source::bytes(n.to_string(), b"o".to_vec()));
            run(sources, &mut Sinks(step), &options(3, 1 << 30)).unwrap_err()
        });
        assert!(error.code() == "input" && error.to_string().contains(step), "{error}");
    }
}

/// Items of which the first two come at once, and the next one never.
fn silent_list() -> (crossbeam_channel::Sender<Item>, impl Iterator<Item = Item> + Send + 'static) {
    let (sender, items) = crossbeam_channel::unbounded();
    for name in ["no/such/a", "no/such/b"] {
        let item =
            Item { location: name.into(), source: "list".into(), kind: ItemKind::Picture, version: None };
        sender.send(item).unwrap();
    }
    (sender, std::iter::from_fn(move || items.recv().ok()))
}

#[test]
fn a_run_that_ends_early_does_not_wait_for_a_silent_list() {
    let failing = || Kept { breaks_at: Some(1), ..Kept::default() };
    for (fail_fast, kept, records) in [(true, Kept::default(), 1), (false, failing(), 1)] {
        let outcome = in_time("a silent list", move || {
            let (_silent, items) = silent_list();
            let mut sink = kept;
            let mut run_options = options(2, 1 << 30);
            run_options.choices.fail_fast = fail_fast;
            let summary = run(open(items, &InputOptions::default()), &mut sink, &run_options);
            assert!(!run_options.choices.stop.requested(), "a stop is the caller's");
            (summary.map(|summary| summary.ended).map_err(|error| error.code()), sink.records.len())
        });
        assert_eq!(outcome, (if fail_fast { Ok(Ended::FailedFast) } else { Err("io") }, records));
    }
}

#[test]
fn a_reader_that_never_returns_is_left_behind_after_a_stop() {
    struct Never(crossbeam_channel::Receiver<()>, Stop);
    impl io::Read for Never {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.1.request();
            let _ = self.0.recv();
            Ok(0)
        }
    }
    let (_held, never) = crossbeam_channel::bounded(0);
    let (ended, sink) = in_time("a read", move || {
        let run_options = options(2, 1 << 30);
        let stop = run_options.choices.stop.clone();
        let sources = (0..).map(move |n| match n {
            3 => Source::stream("never", Never(never.clone(), stop.clone())),
            n => Source::bytes(n.to_string(), b"o".to_vec()),
        });
        let mut sink = Kept::default();
        (run(sources, &mut sink, &run_options).unwrap().ended, sink)
    });
    assert_eq!((ended, keys(&sink)), (Ended::Stopped, vec!["0", "1", "2"]));
    assert!(sink.finished);
}

#[test]
fn a_panic_of_what_lists_is_a_record() {
    let outcome = in_time("a panic in a list", || {
        let (silent, items) = silent_list();
        drop(silent);
        let items = items.chain(std::iter::once_with(|| panic!("a bug in a list")));
        let mut sink = Kept::default();
        let options = options(2, 1 << 30);
        run(open(items, &InputOptions::default()), &mut sink, &options).unwrap();
        sink.records
    });
    assert_eq!(outcome.len(), 3);
    let (_, message) = outcome[2].1.as_ref().unwrap_err();
    assert!(message.contains("a bug in a list"), "{message}");
}

#[test]
fn a_fence_keeps_its_place_and_has_no_record() {
    #[derive(Default)]
    struct Marked {
        records: Vec<String>,
        /// The number of each fence, and how many records had come by then.
        fences: Vec<(u64, usize)>,
    }
    impl Sink for Marked {
        fn write(&mut self, record: &Record) -> Result<()> {
            self.records.push(record.key.to_str().unwrap().to_string());
            Ok(())
        }
        fn fence(&mut self, tag: u64) -> Result<()> {
            self.fences.push((tag, self.records.len()));
            Ok(())
        }
    }
    // More than the window holds, some slow to read and some fast to fail; a fence at the start, two together, one at the end.
    let pictures = |run: usize| {
        (0..700).map(move |n| match n % 3 {
            0 => Source::failed(format!("{run}/{n}"), Error::Input("no".into())),
            1 => Source::bytes(format!("{run}/{n}"), b"no picture".to_vec()),
            _ => Source::stream(format!("{run}/{n}"), &b"no picture either"[..]),
        })
    };
    let runs = (0..8).flat_map(|run| pictures(run).chain([Source::fence(run as u64)]));
    let sources = [Source::fence(100), Source::fence(101)].into_iter().chain(runs);
    let mut sink = Marked::default();
    let summary = run(sources, &mut sink, &options(4, 1 << 30)).unwrap();
    assert_eq!((summary.records, summary.ended), (5_600, Ended::Complete));
    let expected = [(100, 0), (101, 0)].into_iter().chain((0..8).map(|run| (run, 700 * (run as usize + 1))));
    assert_eq!(sink.fences, expected.collect::<Vec<_>>());
    let keys = (0..8).flat_map(|run| (0..700).map(move |n| format!("{run}/{n}")));
    assert_eq!(sink.records, keys.collect::<Vec<_>>());
}

#[test]
fn a_panic_on_the_callers_own_thread_is_an_error_and_the_next_picture_is_hashed() {
    let watch = Arc::default();
    let shared = bounded(&watch, &options(1, 1 << 20));
    let (mut buffers, options) = (super::kept::Kept::default(), Arc::new(HashOptions::default()));
    for broken in ["p10", "n10"] {
        let error = shared.hash(&mut buffers, &options, broken.as_bytes()).unwrap_err();
        assert!(error.code() == "corrupt" && error.to_string().contains("panicked"), "{error}");
        assert_eq!(shared.hash(&mut buffers, &options, b"o12").unwrap().width, 12);
    }
    // Work that panicked is made anew.
    assert_eq!(watch.made.load(Ordering::SeqCst), 3);
    let picture = crate::Picture::from_grey(vec![0; 36], 6, 6);
    assert_eq!(shared.hash_picture(&mut buffers, &options, &picture).unwrap_err().code(), "input");
}
