//! Delivery against a receiver on loopback that answers as each test wants, with a clock that the tests set.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use super::queue::moment;
use super::*;
use crate::pipeline::Stop;
use crate::state::State;

/// Milliseconds since 1970 when the tests begin.
const BEGIN: i64 = 1_764_064_800_000;

const HOUR: i64 = 3_600_000;

/// How a receiver answers an event.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Status(u16),
    /// Never.
    Nothing,
    /// Taken, with a body that has no end.
    Endless,
}

type Manner = Arc<Mutex<Box<dyn FnMut(&Value) -> Answer + Send>>>;

/// A receiver that keeps what it took.
struct Receiver {
    address: String,
    manner: Manner,
    taken: Arc<Mutex<Vec<Value>>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        let manner: Manner = Arc::new(Mutex::new(Box::new(|_| Answer::Status(200))));
        let taken = Arc::<Mutex<Vec<Value>>>::default();
        let asked = Arc::<Mutex<Vec<Value>>>::default();
        let (shared, kept, seen) = (manner.clone(), taken.clone(), asked.clone());
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let Some(event) = read(&connection) else { continue };
                seen.lock().unwrap().push(event.clone());
                let answer = (shared.lock().unwrap())(&event);
                if matches!(answer, Answer::Status(200) | Answer::Endless) {
                    kept.lock().unwrap().push(event);
                }
                reply(connection, answer);
            }
        });
        Receiver { address, manner, taken, asked }
    }

    fn answers(&self, with: impl FnMut(&Value) -> Answer + Send + 'static) {
        *self.manner.lock().unwrap() = Box::new(with);
    }

    /// What the events said that were taken, in their order.
    fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap().iter().map(|event| event["data"].clone()).collect()
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn read(mut connection: &TcpStream) -> Option<Value> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let length = connection.read(&mut buffer).ok().filter(|length| *length > 0)?;
        all.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&all).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if Some(body.len()) == length {
            return serde_json::from_str(body).ok();
        }
    }
}

fn reply(mut connection: TcpStream, answer: Answer) {
    match answer {
        Answer::Status(status) => {
            let _ =
                write!(connection, "HTTP/1.1 {status} x\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
        }
        Answer::Endless => {
            let _ = write!(connection, "HTTP/1.1 200 OK\r\n\r\n");
            std::thread::spawn(move || while connection.write_all(&[b'x'; 65_536]).is_ok() {});
        }
        // Held until the test ends.
        Answer::Nothing => std::mem::forget(connection),
    }
}

/// A folder with events, their receiver, and the time.
struct World {
    folder: TempDir,
    receiver: Receiver,
    hooks: Arc<Hooks>,
    state: Arc<State>,
    time: Arc<AtomicI64>,
    alarms: Arc<Mutex<Vec<String>>>,
    sender: HookSender,
}

fn options(folder: &Path, address: &str) -> HookOptions {
    let secret = folder.join("secret");
    std::fs::write(&secret, "0123456789abcdef\n").unwrap();
    HookOptions::new(Credential::File(secret)).url(Some(address.into()))
}

impl World {
    fn new() -> World {
        World::with(|options| options)
    }

    fn with(change: impl FnOnce(HookOptions) -> HookOptions) -> World {
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() }.unwrap();
        let receiver = Receiver::start();
        let options = change(options(folder.path(), &receiver.address));
        let hooks = Arc::new(Hooks::of(Some(&options)).unwrap());
        let state = Arc::new(State::own(&folder.path().join("data")).unwrap());
        let (time, alarms): (_, Arc<Mutex<Vec<String>>>) = (Arc::new(AtomicI64::new(BEGIN)), Arc::default());
        let heard = alarms.clone();
        let listener = HookListener::new(move |event| {
            if let HookEvent::Alarm { why, .. } = event {
                heard.lock().unwrap().push(why.clone());
            }
        });
        let clock = time.clone();
        let sender = HookSender::new(state.clone(), hooks.clone(), listener).unwrap().unwrap();
        let sender = sender.with_clock(move || moment(clock.load(Ordering::SeqCst)));
        World { folder, receiver, hooks, state, time, alarms, sender }
    }

    fn add(&self, kind: HookKind, data: Value) {
        let now = moment(self.time.load(Ordering::SeqCst));
        self.hooks.enqueue(&self.state.connection(), kind, &data, now).unwrap();
    }

    /// Works until nothing is due, or until so many milliseconds have passed, which pass as they have to.
    fn work(&mut self, longest: i64) {
        let until = self.time.load(Ordering::SeqCst).saturating_add(longest);
        for _ in 0..100_000 {
            match self.sender.step().unwrap() {
                HookNext::Now => {}
                HookNext::Idle => return,
                HookNext::Wait(pause) => {
                    let next = self.time.load(Ordering::SeqCst) + pause.as_millis() as i64;
                    if next > until {
                        self.time.store(until, Ordering::SeqCst);
                        return;
                    }
                    self.time.store(next, Ordering::SeqCst);
                }
            }
        }
        panic!("it does not come to an end");
    }

    fn counts(&self) -> (u64, u64) {
        let counts = counts(&self.state).unwrap();
        (counts.waiting, counts.failed)
    }
}

#[test]
fn events_arrive_in_order_and_are_forgotten() {
    let mut world = World::new();
    for number in 0..20 {
        world.add(HookKind::ALL[number % 4], json!({ "number": number, "text": "\"ü\n" }));
    }
    world.work(0);
    let taken = world.receiver.taken();
    assert_eq!(taken.len(), 20);
    for kind in 0..4 {
        let of_kind =
            taken.iter().filter_map(|data| data["number"].as_u64()).filter(|number| number % 4 == kind);
        assert!(of_kind.is_sorted());
    }
    assert_eq!((taken[0]["text"].as_str(), world.counts()), (Some("\"ü\n"), (0, 0)));
    let asked = world.receiver.asked.lock().unwrap();
    let event = &asked[0];
    assert_eq!(
        (&event["attempt"], &event["kind"], &event["time"]),
        (&json!(1), &json!("match"), &json!("2025-11-25T10:00:00.000Z"))
    );
    let ids: std::collections::BTreeSet<&str> =
        asked.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 20);
    assert_eq!(world.hooks.delivered.load(Ordering::Relaxed), 20);
}

#[test]
fn an_address_that_is_down_loses_nothing_and_changes_no_order() {
    let mut compared = 0;
    for failure in [500, 503, 429, 404, 302, 400] {
        for refused in [1, 4, 5, 6, 40, 41] {
            let mut world = World::new();
            let mut left = refused;
            world.receiver.answers(move |_| {
                left -= 1;
                Answer::Status(if left >= 0 { failure } else { 200 })
            });
            (0..6).for_each(|number| world.add(HookKind::Decision, json!(number)));
            world.work(29 * 24 * HOUR);
            // Where the address comes back between the fifth try of the first one and that of the second, these two are exchanged.
            let is_exchanged = refused >= 5 && refused % 2 == 1;
            let expected =
                if is_exchanged { [1, 0, 2, 3, 4, 5] } else { [0, 1, 2, 3, 4, 5] }.map(Value::from);
            assert_eq!(world.receiver.taken(), expected, "{failure} {refused}");
            assert_eq!(world.receiver.asked(), 6 + refused as usize);
            compared += 1;
        }
    }
    assert_eq!(compared, 36);
}

#[test]
fn one_event_that_is_never_taken_holds_the_others_for_minutes() {
    let mut world = World::new();
    world.receiver.answers(|event| Answer::Status(if event["data"] == 0 { 500 } else { 200 }));
    (0..4).for_each(|number| world.add(HookKind::Match, json!(number)));
    world.add(HookKind::Preserve, json!("other"));
    world.work(60_000);
    assert_eq!(world.receiver.taken(), [json!("other")], "other kinds do not wait");
    // 10, 20, 40, 80 and 160 s at most.
    world.work(310_000);
    assert_eq!(world.receiver.taken(), [json!("other"), json!(1), json!(2), json!(3)]);
    assert_eq!(world.counts(), (1, 0));
    // It is tried for 30 days, and others pass it meanwhile.
    for day in 0..31 {
        world.add(HookKind::Match, json!(10 + day));
        world.work(24 * HOUR);
        assert_eq!(world.receiver.taken().last(), Some(&json!(10 + day)));
    }
    assert_eq!(world.counts(), (0, 1));
    let alarms = std::mem::take(&mut *world.alarms.lock().unwrap());
    assert!(
        alarms.last().unwrap().starts_with("it could not be delivered within 30 days: it answered 500"),
        "{alarms:?}"
    );
    assert!(
        alarms.len() > 1000 && alarms[0].starts_with("it is not delivered after an hour"),
        "{}",
        alarms.len()
    );
    // Nothing more happens to it until a person says so.
    let asked = world.receiver.asked();
    world.work(24 * HOUR);
    assert_eq!(world.receiver.asked(), asked);
    let store = HookStore::open(world.folder.path().join("data")).unwrap();
    let failed = store.list(Some(HookState::Failed)).unwrap().remove(0);
    assert_eq!((failed.last_status, failed.kind), (Some(500), HookKind::Match));
    assert!(store.retry(Some("none"), "anna").is_err());
    world.receiver.answers(|_| Answer::Status(200));
    world.time.store(super::queue::milliseconds(SystemTime::now()), Ordering::SeqCst);
    assert_eq!(store.retry(Some(&failed.id), "anna").unwrap(), 1);
    world.work(1000);
    assert_eq!((world.receiver.taken().last(), world.counts()), (Some(&json!(0)), (0, 0)));
    let mut log = Vec::new();
    crate::audit::AuditLog::open(world.folder.path().join("data")).unwrap().export(&mut log).unwrap();
    let log = String::from_utf8(log).unwrap();
    assert!(log.lines().count() == 1 && log.contains("\"who\":\"anna\",\"action\":\"hook.retry\""), "{log}");
}

#[test]
fn an_event_may_be_tried_for_another_30_days() {
    let mut world = World::new();
    world.receiver.answers(|_| Answer::Status(500));
    world.add(HookKind::Match, json!(0));
    world.work(32 * 24 * HOUR);
    assert_eq!(world.counts(), (0, 1));
    let now = world.time.load(Ordering::SeqCst);
    super::queue::retry(&world.state.connection(), None, now).unwrap();
    world.work(29 * 24 * HOUR);
    assert_eq!(world.counts(), (1, 0));
    world.work(3 * 24 * HOUR);
    assert_eq!(world.counts(), (0, 1));
}

#[test]
fn pauses_grow_to_half_an_hour_and_longer_ones_may_be_asked_for() {
    let mut world = World::new();
    world.receiver.answers(|_| Answer::Status(500));
    world.add(HookKind::Match, json!(0));
    for attempt in 0..12 {
        assert_eq!(world.sender.step().unwrap(), HookNext::Now);
        let HookNext::Wait(pause) = world.sender.step().unwrap() else { panic!("it waits") };
        let whole = Duration::from_secs((10 << attempt).min(1800));
        assert!(pause >= whole / 2 && pause <= whole, "{attempt}: {pause:?}");
        world.time.fetch_add(pause.as_millis() as i64, Ordering::SeqCst);
    }
}

#[test]
fn answers_are_not_waited_for_and_not_read() {
    let mut world = World::with(|options| options.timeout(Duration::from_millis(300)));
    world.receiver.answers(|_| Answer::Endless);
    world.add(HookKind::Match, json!(0));
    world.work(0);
    assert_eq!((world.receiver.taken().len(), world.counts()), (1, (0, 0)));
    world.receiver.answers(|_| Answer::Nothing);
    world.add(HookKind::Match, json!(1));
    world.work(0);
    let item = HookStore::open(world.folder.path().join("data")).unwrap().list(None).unwrap().remove(0);
    assert_eq!((item.attempts, item.last_error.as_deref()), (1, Some("it does not answer in time")));
}

#[test]
fn a_stop_ends_a_post_that_hangs() {
    let world = World::with(|options| options.timeout(Duration::from_secs(3600)));
    world.receiver.answers(|_| Answer::Nothing);
    world.add(HookKind::Match, json!(0));
    let World { sender, receiver, state, .. } = world;
    let thread = sender.start().unwrap();
    let begun = Instant::now();
    while receiver.asked() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(thread);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert_eq!(counts(&state).unwrap().waiting, 1);
}

#[test]
fn a_thread_that_drains_tries_everything_that_is_due() {
    let world = World::new();
    world.receiver.answers(|event| Answer::Status(if event["data"] == 3 { 500 } else { 200 }));
    (0..4).for_each(|number| world.add(HookKind::ALL[number], json!(number)));
    let World { sender, receiver, state, .. } = world;
    sender.start().unwrap().drain();
    assert_eq!((receiver.taken().len(), counts(&state).unwrap().waiting), (3, 1));
}

#[test]
fn an_event_is_kept_with_what_it_is_about_or_not_at_all() {
    let mut world = World::with(|options| {
        let url = options.url.clone().unwrap();
        options.url(None).urls(BTreeMap::from([(HookKind::Match, url)]))
    });
    let now = moment(BEGIN);
    let mut connection = world.state.connection();
    let change = connection.transaction().unwrap();
    world.hooks.enqueue(&change, HookKind::Match, &json!(1), now).unwrap();
    change.rollback().unwrap();
    let change = connection.transaction().unwrap();
    world.hooks.enqueue(&change, HookKind::Decision, &json!(2), now).unwrap();
    world.hooks.enqueue(&change, HookKind::Match, &json!(3), now).unwrap();
    let long = json!("x".repeat(2 << 20));
    assert!(world.hooks.enqueue(&change, HookKind::Match, &long, now).is_err());
    change.commit().unwrap();
    drop(connection);
    world.work(0);
    assert_eq!(world.receiver.taken(), [json!(3)]);
    assert!(
        world.hooks.wants_match(true)
            && !world.hooks.wants_match(false)
            && !world.hooks.wants(HookKind::Preserve)
    );
}

#[test]
fn a_secret_that_is_gone_is_an_alarm_and_loses_nothing() {
    let mut world = World::new();
    let secret = world.folder.path().join("secret");
    std::fs::remove_file(&secret).unwrap();
    world.add(HookKind::Match, json!(0));
    world.work(0);
    assert_eq!((world.receiver.asked(), world.counts()), (0, (1, 0)));
    assert!(world.alarms.lock().unwrap()[0].contains("cannot read"));
    std::fs::write(&secret, "another secret of the two").unwrap();
    world.work(60_000);
    assert_eq!(world.counts(), (0, 0));
}

#[test]
fn only_the_owner_delivers_and_only_with_a_secret() {
    let folder = TempDir::new().unwrap();
    let (data, own) = (folder.path().join("data"), options(folder.path(), "http://127.0.0.1:1"));
    let sender = |hooks: &HookOptions, state| {
        HookSender::new(Arc::new(state), Arc::new(Hooks::of(Some(hooks)).unwrap()), HookListener::default())
    };
    assert!(sender(&own, State::open(&data).unwrap()).unwrap_err().to_string().contains("owns"));
    assert!(sender(&own, State::own(&data).unwrap()).unwrap().is_some());
    std::fs::write(folder.path().join("secret"), "short").unwrap();
    assert!(sender(&own, State::own(&data).unwrap()).unwrap_err().to_string().contains("16 characters"));
    let none = HookSender::new(Arc::new(State::own(&data).unwrap()), Arc::default(), HookListener::default());
    assert!(none.unwrap().is_none());
    assert!(!Stop::default().requested());
}
