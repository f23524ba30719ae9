//! What programs embed: one picture, many, runs, and look-ups while galleries change.

use std::future::{Future, IntoFuture};
use std::io::{self, Cursor, Read};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use image::{ImageFormat, RgbImage};
use shadegrid::gallery::{Entry, Gallery, GalleryBuilder, Query, SearchOptions};
use shadegrid::pipeline::{Ended, Record, Source, Stop};
use shadegrid::{
    Algorithm, BufferHasher, DecodeOptions, Engine, HashError, HashOptions, Hashed, Hasher, Lane, Limits,
    Picture, RunOptions, Search,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[allow(dead_code, reason = "its main is not for tests")]
#[path = "../examples/axum.rs"]
mod example;

/// A picture of its own for each number.
fn picture(number: u32, side: u32) -> Vec<u8> {
    let value = |x: u32, y: u32| (x / 9 * (number % 13 + 3) + y / 7 * (number % 29 + 5) + x * y / 97) as u8;
    let picture = RgbImage::from_fn(side, side - 7, |x, y| {
        image::Rgb([value(x, y), value(y, x), value(x + number, y) / 2 + 60])
    });
    let mut encoded = Cursor::new(Vec::new());
    picture.write_to(&mut encoded, ImageFormat::Png).unwrap();
    encoded.into_inner()
}

fn engine(threads: usize) -> Engine {
    Engine::builder().threads(threads).build().unwrap()
}

fn hash(bytes: &[u8]) -> Hashed {
    Hasher::new(HashOptions::default()).hash(bytes).unwrap()
}

/// What came of a future, if it is done.
fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

#[test]
fn one_picture_is_hashed_whichever_way_it_is_asked_for() {
    let engine = engine(2);
    let bytes = picture(1, 200);
    let expected = hash(&bytes);
    assert_eq!(engine.hash(bytes.clone()).wait().unwrap(), expected);
    assert_eq!(engine.hash(bytes.clone()).submit().unwrap().wait().unwrap(), expected);
    let mut future = engine.hash(bytes.clone()).lane(Lane::Bulk).into_future();
    let outcome = loop {
        if let Some(outcome) = poll(&mut future) {
            break outcome;
        }
        std::thread::yield_now();
    };
    assert_eq!(outcome.unwrap(), expected);
    let alone = Arc::new(HashOptions::default().algorithms(vec![Algorithm::Pdq]));
    let hashed = engine.hash(bytes).options(&alone).wait().unwrap();
    assert_eq!((hashed.photodna, hashed.pdq), (None, expected.pdq));
}

#[test]
fn a_runtime_wakes_who_awaits() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let engine = engine(2);
    let bytes = picture(3, 300);
    let hashed = runtime.block_on(async { engine.hash(bytes.clone()).await });
    assert_eq!(hashed.unwrap(), hash(&bytes));
}

#[test]
fn what_is_wrong_with_a_picture_is_a_value() {
    let limits = Limits::default().max_pixels(1000);
    let decode = DecodeOptions::default().limits(limits);
    let options = Arc::new(HashOptions::default().decode(decode));
    let engine = engine(1);
    let HashError::Picture(error) = engine.hash(picture(1, 64)).options(&options).wait().unwrap_err() else {
        panic!("not the picture's")
    };
    assert_eq!((error.code, error.limit.as_deref()), ("limit", Some("max_pixels")));
    assert!(!error.message.contains("--"), "{error}");
    assert_eq!(serde_json::to_value(&error).unwrap()["code"], "limit");
    let HashError::Picture(error) = engine.hash(&b"\xFF\xD8\xFF"[..]).wait().unwrap_err() else {
        panic!("not the picture's")
    };
    assert_eq!((error.code, error.format), ("corrupt", Some("jpeg")));
}

#[test]
fn many_pictures_come_back_in_their_order() {
    let engine = engine(3);
    let mut pictures: Vec<Vec<u8>> = (0..40).map(|number| picture(number, 40 + number)).collect();
    pictures[7] = b"no picture".to_vec();
    let outcomes = engine.hash_many(&pictures);
    assert_eq!(outcomes.len(), 40);
    for (number, (picture, outcome)) in pictures.iter().zip(&outcomes).enumerate() {
        match outcome {
            Ok(hashed) => assert_eq!(*hashed, hash(picture)),
            Err(error) => assert_eq!((number, error.code), (7, "input")),
        }
    }
    assert!(engine.hash_many::<Vec<u8>>(&[]).is_empty());
}

#[test]
fn a_buffer_hasher_gives_what_an_engine_does_on_the_threads_of_a_call() {
    let hasher = BufferHasher::new(HashOptions::default()).threads(3).memory(1 << 30);
    let mut pictures: Vec<Vec<u8>> = (0..20).map(|number| picture(number, 40 + number)).collect();
    pictures[7] = b"no picture".to_vec();
    let outcomes = hasher.hash_many(&pictures);
    let single: Vec<_> = pictures.iter().map(|picture| hasher.hash(picture)).collect();
    for (outcome, (single, engines)) in outcomes.iter().zip(single.iter().zip(engine(2).hash_many(&pictures)))
    {
        match (outcome, single, engines) {
            (Ok(many), Ok(single), Ok(engines)) => assert!(*many == *single && *many == engines),
            (Err(many), Err(single), Err(engines)) => {
                assert_eq!((many.to_string(), many.code()), (single.to_string(), engines.code));
            }
            _ => panic!("not the same"),
        }
    }
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
    assert!(hasher.hash_many::<Vec<u8>>(&[]).is_empty());
}

#[test]
fn a_buffer_hasher_ends_between_pictures_once_it_is_not_wanted() {
    let pictures = vec![picture(5, 300); 200];
    for threads in [1, 2] {
        let hasher = BufferHasher::new(HashOptions::default()).threads(threads);
        let mut asked = 0;
        let ended = hasher.hash_many_while(&pictures, &mut || {
            asked += 1;
            asked <= 3
        });
        assert!(ended.is_none());
        assert_eq!(asked, 4, "nothing is asked after a no");
        assert_eq!(hasher.hash_many_while(&pictures[..2], &mut || true).unwrap().len(), 2);
    }
}

#[test]
fn a_buffer_hasher_reads_regular_files_and_hashes_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = (folder.path().join("a.png"), picture(3, 50));
    std::fs::write(&path, &bytes).unwrap();
    let limits = Limits::default().max_side(60);
    let hasher = BufferHasher::new(HashOptions::default().decode(DecodeOptions::default().limits(limits)));
    assert_eq!(hasher.hash_file(&path).unwrap(), (hash(&bytes), bytes.len() as u64));
    assert_eq!(hasher.hash_file(folder.path()).unwrap_err().code(), "io");
    assert_eq!(hasher.hash_file(folder.path().join("none")).unwrap_err().code(), "io");
    let grey = |side: u32| Picture::from_grey(vec![9; (side * side) as usize], side, side);
    assert_eq!(hasher.hash_picture(&grey(60)).unwrap().width, 60);
    assert_eq!(hasher.hash_picture(&grey(61)).unwrap_err().code(), "limit");
    assert_eq!(hasher.hash_picture(&grey(4)).unwrap_err().code(), "input");
}

#[test]
fn a_full_lane_says_so_and_loses_nothing() {
    let engine = Engine::builder().threads(1).queue(2).build().unwrap();
    let bytes = picture(5, 900);
    let asked: Vec<_> = (0..30).map(|_| engine.hash(bytes.clone()).submit()).collect();
    let busy = asked.iter().filter(|asked| matches!(asked, Err(HashError::Busy))).count();
    assert!((1..30).contains(&busy), "{busy} of 30");
    let expected = hash(&bytes);
    for hashing in asked.into_iter().flatten() {
        assert_eq!(hashing.wait().unwrap(), expected);
    }
    assert_eq!(engine.hash(bytes).wait().unwrap(), expected, "whoever waits gets a place");
}

#[test]
fn an_engine_says_where_the_time_went_and_what_waits() {
    let engine = Engine::builder().threads(1).queue(3).build().unwrap();
    let bytes = picture(5, 900);
    let mut asked: Vec<_> = (0..3).map(|_| engine.hash(bytes.clone()).submit().unwrap()).collect();
    assert!(engine.queued(Lane::Interactive) >= 2 && engine.queued(Lane::Bulk) == 0);
    // One may be with the thread already.
    let more = engine.hash(bytes.clone()).submit();
    assert!(more.is_err() || engine.is_full(Lane::Interactive) || engine.queued(Lane::Interactive) == 2);
    drop(more);
    let times: Vec<_> = asked
        .iter_mut()
        .map(|hashing| {
            while poll(hashing).is_none() {
                std::thread::yield_now();
            }
            hashing.times().unwrap()
        })
        .collect();
    assert!(times.iter().all(|times| times.decoding > Duration::ZERO && times.hashing > Duration::ZERO));
    assert!(times[2].waited >= times[0].decoding + times[0].hashing, "{times:?}");
    let mut corrupt = engine.hash(b"no picture".to_vec()).submit().unwrap();
    while poll(&mut corrupt).is_none() {
        std::thread::yield_now();
    }
    assert!(corrupt.times().is_some());
    let mut late = engine.hash(bytes).deadline(Duration::ZERO).submit().unwrap();
    while poll(&mut late).is_none() {
        std::thread::yield_now();
    }
    assert_eq!(late.times(), None, "no thread was at it");
}

/// A picture larger than a thread's share waits for memory, which is no work.
#[test]
fn a_large_picture_has_its_times_too() {
    let engine = Engine::builder().threads(1).memory(64 << 20).build().unwrap();
    let mut hashing = engine.hash(picture(5, 3000)).submit().unwrap();
    while poll(&mut hashing).is_none() {
        std::thread::yield_now();
    }
    let times = hashing.times().unwrap();
    assert!(times.decoding > Duration::ZERO && times.hashing > Duration::ZERO, "{times:?}");
}

#[test]
fn pictures_that_nobody_waits_for_cost_nothing() {
    let engine = engine(1);
    let large = picture(5, 2000);
    let late = engine.hash(large.clone()).deadline(Duration::ZERO).wait();
    assert_eq!(late.unwrap_err(), HashError::DeadlineExceeded);
    // A thousand large pictures would take minutes.
    let first = engine.hash(large.clone()).submit().unwrap();
    (0..1000).for_each(|_| drop(engine.hash(large.clone()).submit()));
    let started = std::time::Instant::now();
    let (first, second) = (first.wait().unwrap(), engine.hash(large.clone()).wait().unwrap());
    assert_eq!(first, second);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn one_picture_does_not_wait_for_many() {
    let engine = engine(1);
    let (bulk, single) = (picture(1, 400), picture(2, 60));
    let mut many: Vec<_> =
        (0..300).map(|_| engine.hash(bulk.clone()).lane(Lane::Bulk).submit().unwrap()).collect();
    engine.hash(single).wait().unwrap();
    let done = many.iter_mut().filter_map(poll).count();
    assert!(done < 150, "{done} of 300 were first");
}

#[test]
fn pictures_that_can_wait_get_on_while_others_never_end() {
    let engine = engine(1);
    let (single, begun) = (picture(2, 60), std::sync::Barrier::new(2));
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Twenty always wait.
            let mut waiting = std::collections::VecDeque::new();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                waiting.push_back(engine.hash(single.clone()).submit().unwrap());
                if waiting.len() == 20 {
                    begun.wait();
                }
                if waiting.len() > 20 {
                    waiting.pop_front().unwrap().wait().unwrap();
                }
            }
        });
        begun.wait();
        let mut bulk: Vec<_> =
            (0..10).map(|_| engine.hash(single.clone()).lane(Lane::Bulk).submit().unwrap()).collect();
        let began = std::time::Instant::now();
        while !bulk.is_empty() && began.elapsed() < Duration::from_secs(60) {
            bulk.retain_mut(|hashing| poll(hashing).is_none());
            std::thread::yield_now();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(bulk.is_empty(), "{} of 10 starve", bulk.len());
    });
}

#[test]
fn an_engine_that_is_dropped_finishes_what_was_asked_for() {
    let engine = engine(2);
    let bytes = picture(9, 300);
    let asked: Vec<_> = (0..20).map(|_| engine.hash(bytes.clone()).submit().unwrap()).collect();
    drop(engine);
    let expected = hash(&bytes);
    asked.into_iter().for_each(|hashing| assert_eq!(hashing.wait().unwrap(), expected));
}

/// A reader that fails after so many bytes.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = to.len().min(self.0);
        self.0 -= count;
        to[..count].fill(1);
        if count == 0 { Err(io::Error::other("the line is cut")) } else { Ok(count) }
    }
}

fn code(record: &Record) -> &'static str {
    record.outcome.as_ref().map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn a_run_gives_every_source_its_record_in_order() {
    let engine = engine(2);
    let bytes = picture(4, 120);
    let of = |length: Option<u64>, bytes: Vec<u8>| {
        Source::reader("reader", length, move || Ok(Cursor::new(bytes)))
    };
    let length = bytes.len() as u64;
    let sources = vec![
        Source::bytes("memory", bytes.clone()).tag(70),
        of(Some(length), bytes.clone()).tag(71),
        of(None, bytes.clone()).tag(72),
        of(Some(length + 1), bytes.clone()).tag(73),
        of(Some(length - 1), bytes.clone()).tag(74),
        Source::reader("refused", None, || Err::<Broken, _>(io::ErrorKind::PermissionDenied.into())).tag(75),
        Source::reader("cut", Some(9), || Ok(Broken(5))).tag(76),
        Source::reader("panics", Some(9), || -> io::Result<Broken> { panic!("not today") }).tag(77),
        Source::file("no/such/file").tag(78),
    ];
    let mut run = engine.run(sources, &RunOptions::default()).unwrap();
    let records: Vec<Record> = run.by_ref().collect();
    let tags: Vec<u64> = records.iter().map(|record| record.tag).collect();
    assert_eq!(tags, (70..79).collect::<Vec<u64>>());
    let codes: Vec<&str> = records.iter().map(code).collect();
    assert_eq!(codes, ["ok", "ok", "ok", "input", "input", "io", "io", "io", "io"]);
    let summary = run.finish().unwrap();
    assert_eq!((summary.records, summary.ended), (9, Ended::Complete));
}

#[test]
fn a_run_without_end_ends_when_it_is_stopped_or_dropped() {
    let engine = engine(2);
    let endless = || (0u64..).map(|number| Source::bytes("x", b"no picture".to_vec()).tag(number));
    let mut run = engine.run(endless(), &RunOptions::default()).unwrap();
    let handle = run.handle();
    assert_eq!(
        run.by_ref().take(1000).map(|record| record.tag).collect::<Vec<_>>(),
        (0..1000).collect::<Vec<_>>()
    );
    handle.stop();
    let left = run.by_ref().count();
    assert!(left < 10_000, "{left} after the stop");
    assert_eq!(run.finish().unwrap().ended, Ended::Stopped);
    drop(engine.run(endless(), &RunOptions::default()).unwrap());
    let options = RunOptions::default().fail_fast(true);
    let run = engine.run(endless(), &options).unwrap();
    assert_eq!(run.finish().unwrap().ended, Ended::FailedFast);
}

#[test]
fn one_picture_does_not_wait_for_a_run_on_the_same_threads() {
    let engine = engine(1);
    let (bulk, single) = (picture(1, 400), picture(2, 60));
    let endless = {
        let bulk = bulk.clone();
        (0u64..).map(move |number| Source::bytes("bulk", bulk.clone()).tag(number))
    };
    let mut run = engine.run(endless, &RunOptions::default()).unwrap();
    let before = run.by_ref().take(3).count();
    // Nobody takes the records: the run comes to a stand, the picture does not.
    for _ in 0..20 {
        engine.hash(single.clone()).wait().unwrap();
    }
    let handle = run.handle();
    handle.stop();
    let records = before + run.by_ref().count();
    assert_eq!(run.finish().unwrap().records, records as u64);
}

#[test]
fn runs_share_the_threads_and_none_waits_for_the_other() {
    let engine = engine(2);
    let (opened, gate) = std::sync::mpsc::channel::<()>();
    let bytes = picture(3, 90);
    let silent = {
        let bytes = bytes.clone();
        (0..3u64).map(move |number| {
            if number == 1 {
                // It goes on once the other end is gone.
                let _ = gate.recv();
            }
            Source::bytes("silent", bytes.clone()).tag(number)
        })
    };
    let mut first = engine.run(silent, &RunOptions::default()).unwrap();
    assert_eq!(first.next().map(|record| record.tag), Some(0));
    let many = (0..500u64).map(|number| Source::bytes("many", bytes.clone()).tag(number)).collect::<Vec<_>>();
    let second: Vec<u64> =
        engine.run(many, &RunOptions::default()).unwrap().map(|record| record.tag).collect();
    assert_eq!(second, (0..500).collect::<Vec<_>>());
    drop(opened);
    assert_eq!(first.map(|record| record.tag).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn records_may_come_as_they_are_done() {
    let engine = engine(2);
    let (opened, gate) = std::sync::mpsc::channel::<()>();
    let bytes = picture(3, 90);
    let held = {
        let bytes = bytes.clone();
        // It goes on once the other end is gone.
        Source::reader("held", None, move || {
            gate.recv().map_or_else(|_| Ok(Cursor::new(bytes)), |()| unreachable!())
        })
    };
    let rest = (1..100u64).map(move |number| Source::bytes("x", bytes.clone()).tag(number));
    let sources: Vec<_> = std::iter::once(held).chain(rest).collect();
    let mut run = engine.run(sources, &RunOptions::default().unordered(true)).unwrap();
    let mut tags: Vec<u64> = run.by_ref().take(99).map(|record| record.tag).collect();
    tags.sort_unstable();
    assert_eq!(tags, (1..100).collect::<Vec<_>>(), "the first one held up others");
    drop(opened);
    let last: Vec<_> = run.by_ref().map(|record| (record.index, record.outcome.is_ok())).collect();
    assert_eq!(last, [(0, true)]);
    assert_eq!(run.finish().unwrap().ended, Ended::Complete);
}

#[test]
fn runs_that_share_a_stop_end_one_by_one_and_by_it_together() {
    let (engine, stop) = (engine(2), Stop::default());
    let options = RunOptions::default().stop(stop.clone());
    let endless = || std::iter::repeat_with(|| Source::bytes("a", vec![]));
    let mut other = engine.run(endless(), &options).unwrap();
    drop(engine.run(endless(), &options).unwrap());
    engine.run([Source::bytes("b", vec![])], &options).unwrap().finish().unwrap();
    assert!(!stop.requested() && other.nth(5_000).is_some());
    stop.request();
    assert_eq!(other.finish().unwrap().ended, Ended::Stopped);
}

#[test]
fn what_was_asked_for_is_finished_when_the_engine_is_gone() {
    let engine = engine(1);
    let bytes = picture(5, 500);
    let asked: Vec<_> = (0..10).map(|_| engine.hash(bytes.clone()).submit().unwrap()).collect();
    let sources: Vec<_> = (0..50).map(|_| Source::bytes("x", bytes.clone())).collect();
    let run = engine.run(sources, &RunOptions::default()).unwrap();
    drop(engine);
    let expected = hash(&bytes);
    assert!(asked.into_iter().all(|hashing| hashing.wait().unwrap() == expected));
    assert_eq!(run.finish().unwrap().records, 50);
}

/// A picture that takes more than a thread's share waits for memory without a thread, whichever way it came.
#[test]
fn large_pictures_are_hashed_one_after_another_while_small_ones_are() {
    let memory = 48 << 20;
    let engine = Engine::builder().threads(2).memory(memory).build().unwrap();
    let (large, small) = (picture(7, 1900), picture(8, 60));
    let expected = (hash(&large), hash(&small));
    let asked: Vec<_> = (0..4).map(|_| engine.hash(large.clone()).submit().unwrap()).collect();
    let sources: Vec<_> = (0..40)
        .map(|number| Source::bytes("x", if number % 10 == 0 { large.clone() } else { small.clone() }))
        .collect();
    let run = engine.run(sources, &RunOptions::default()).unwrap();
    assert_eq!(engine.hash(small).wait().unwrap(), expected.1);
    for (number, record) in run.enumerate() {
        let expected = if number % 10 == 0 { &expected.0 } else { &expected.1 };
        assert_eq!(record.outcome.as_ref().unwrap(), expected);
    }
    assert!(asked.into_iter().all(|hashing| hashing.wait().unwrap() == expected.0));
    let many = engine.hash_many(&[&large, &large, &large]);
    assert!(many.into_iter().all(|outcome| outcome.unwrap() == expected.0));
}

/// A gallery with one entry of each picture, under a key.
fn gallery(pictures: &[Vec<u8>], key: &str) -> Vec<u8> {
    let mut builder = GalleryBuilder::new();
    let source = builder.source("list", "text");
    for (number, picture) in pictures.iter().enumerate() {
        let hashed = hash(picture);
        let (photodna, pdq) =
            (hashed.photodna.map(|hash| hash.signature), hashed.pdq.map(|hash| hash.signature));
        builder
            .add(source, Entry::default().key(format!("{key}-{number}")).photodna(photodna).pdq(pdq))
            .unwrap();
    }
    builder.to_bytes().unwrap()
}

#[test]
fn a_search_is_answered_by_the_galleries_that_it_began_with() {
    let pictures: Vec<Vec<u8>> = (0..3).map(|number| picture(number, 150)).collect();
    let known = |key: &str| Arc::new(Gallery::from_bytes(gallery(&pictures, key)).unwrap());
    let search = Search::new([("first", known("a"))], SearchOptions::default());
    let hashed = hash(&pictures[1]);
    let found = search.find_picture(&hashed).unwrap();
    assert!(found.iter().any(|found| (&*found.key, &*found.gallery, found.distance) == ("a-1", "first", 0)));
    search.replace([("second", known("b")), ("third", known("c"))]);
    let query = Query::default().pdq(hashed.pdq.as_ref().map(|hash| hash.signature));
    let found = search.find(&[Query::default(), query]).unwrap();
    assert!(found[0].is_empty());
    let keys: Vec<&str> =
        found[1].iter().filter(|found| found.distance == 0).map(|found| &*found.key).collect();
    assert_eq!(keys, ["b-1", "c-1"]);
}

/// Sends a request and returns the status and the body.
async fn ask(address: std::net::SocketAddr, path: &str, body: &[u8]) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_string())
}

#[test]
fn a_service_answers_a_thousand_at_once_while_its_gallery_is_replaced() {
    let pictures: Vec<Vec<u8>> = (0..20).map(|number| picture(number, 90)).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known.gallery");
    std::fs::write(&path, gallery(&pictures, "old")).unwrap();
    let app = Arc::new(example::App::open(path.clone()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (mut old, mut new) = (0, 0);
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, example::router(app)).into_future());
        let mut asked = Vec::new();
        for number in 0..1000 {
            let body = pictures[number % 20].clone();
            asked.push((number % 20, tokio::spawn(async move { ask(address, "/match", &body).await })));
            if number == 500 {
                // No matter how the threads are scheduled, some are answered by now.
                while !asked.iter().any(|(_, answer)| answer.is_finished()) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let newer = folder.path().join("newer");
                std::fs::write(&newer, gallery(&pictures, "new")).unwrap();
                std::fs::rename(&newer, &path).unwrap();
                assert_eq!(ask(address, "/reload", b"").await.0, 200);
            }
        }
        for (number, answer) in asked {
            let (status, body) = answer.await.unwrap();
            assert_eq!(status, 200, "{body}");
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            let matches = body["matches"].as_array().unwrap();
            let exact = matches.iter().filter(|found| found["distance"] == 0);
            let keys: Vec<&str> = exact.map(|found| found["key"].as_str().unwrap()).collect();
            assert!(!keys.is_empty(), "{body}");
            let is = |which: &str| keys.iter().any(|key| *key == format!("{which}-{number}"));
            assert!(is("old") != is("new"), "{keys:?}");
            old += usize::from(is("old"));
            new += usize::from(is("new"));
        }
        let (status, body) = ask(address, "/match", b"no picture").await;
        assert_eq!(status, 422, "{body}");
    });
    assert!(old + new == 1000 && old > 0 && new > 0, "{old} {new}");
}
