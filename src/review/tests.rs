//! A whole review, in a folder of its own, with a clock that the tests set.

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::hook::Hooks;
use crate::report::model::words::{Classification, IncidentType};
use crate::report::{Outbox, ReportOptions};
use crate::signature::{Pdq, PhotoDna};

const MINUTE: i64 = 60_000;

/// Some time in 2026.
const START: i64 = 1_790_000_000_000;

struct Room {
    folder: TempDir,
    review: Review,
    outbox: Outbox,
}

fn opened(folder: &Path) -> (Review, Outbox) {
    let state = Arc::new(State::own(&folder.join("data")).unwrap());
    let options = ReportOptions::new(folder.join("data"), folder.join("key"));
    let outbox = Outbox::of(state.clone(), options).unwrap();
    (Review::open(state, outbox.evidence().clone(), Arc::new(Hooks::default())).unwrap(), outbox)
}

impl Room {
    fn new() -> Room {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        fs::write(&key, "0123456789abcdef".repeat(4)).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let (review, outbox) = opened(folder.path());
        Room { folder, review, outbox }
    }

    /// As after the end of the process, whatever ended it.
    fn again(self) -> Room {
        let Room { folder, review, outbox } = self;
        drop((review, outbox));
        let (review, outbox) = opened(folder.path());
        Room { folder, review, outbox }
    }

    fn add(&self, bytes: &[u8], matched: &Matched, now: i64) -> Added {
        let arrived = Arrived { reference: "upload 7".into(), sender: Some("k1".into()) };
        self.review.add(bytes, matched, &arrived, now).unwrap()
    }

    fn acts(&self) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_string();
        let acts = self.review.acts(i64::MAX, 1000).unwrap();
        let of = |(_, act): &(i64, Value)| (text(&act["who"]), text(&act["action"]), text(&act["subject"]));
        acts.iter().rev().map(of).collect()
    }

    fn state(&self, id: &str) -> ItemState {
        self.review.item(id).unwrap().unwrap().state
    }
}

/// A picture whose signatures are all these.
fn looking(photodna: u8, bits: u32) -> Matched {
    let pdq = Pdq::from_bits(|bit| bit < bits as usize);
    let entry = Entry {
        gallery: "known".into(),
        key: "case 7".into(),
        label: "A1".into(),
        source: "list".into(),
        algorithm: "photodna".into(),
        distance: 72,
        orientation: "upright".into(),
        face: None,
    };
    Matched {
        format: "jpeg".into(),
        width: 640,
        height: 480,
        flags: Vec::new(),
        faces: Vec::new(),
        look: Look::of(Some((PhotoDna([photodna; 144]), 900.0)), Some((pdq, 100))),
        entries: vec![entry],
    }
}

fn confirmed() -> Decision {
    Decision {
        verdict: Verdict::Confirm,
        note: "as the list says".into(),
        classification: Some(Classification::A1),
        incident: Some(IncidentType::ChildPornography),
    }
}

fn said(verdict: Verdict) -> Decision {
    Decision { verdict, note: String::new(), classification: None, incident: None }
}

#[test]
fn an_item_is_decided_once_by_whoever_holds_it() {
    let room = Room::new();
    let review = &room.review;
    let first = room.add(b"first", &looking(10, 0), START);
    let second = room.add(b"second", &looking(200, 128), START + 1);
    assert!(first.is_new && second.is_new && first.item < second.item);
    assert_eq!(review.waiting().unwrap(), 2);

    assert!(matches!(review.decide(&first.item, "anna", &confirmed(), START), Err(Refusal::NotHeld)));
    assert_eq!(review.next("anna", START).unwrap().as_ref(), Some(&first.item), "the oldest one");
    assert_eq!(review.next("anna", START + 1).unwrap().as_ref(), Some(&first.item), "one for each person");
    assert_eq!(review.next("berta", START).unwrap().as_ref(), Some(&second.item));
    assert_eq!(review.next("clara", START).unwrap(), None);
    assert!(matches!(review.take(&first.item, "clara", START), Err(Refusal::Held)));
    assert!(matches!(review.decide(&first.item, "berta", &confirmed(), START), Err(Refusal::NotHeld)));
    assert!(matches!(review.decide("none", "anna", &confirmed(), START), Err(Refusal::Missing)));

    review.decide(&first.item, "anna", &confirmed(), START + 5 * MINUTE).unwrap();
    let again = review.decide(&first.item, "anna", &said(Verdict::NoMatch), START + 5 * MINUTE);
    assert!(matches!(again, Err(Refusal::State(ItemState::Confirmed))), "{again:?}");
    let item = review.item(&first.item).unwrap().unwrap();
    let decided = item.decided.unwrap();
    assert_eq!((decided.by.as_str(), decided.note.as_str()), ("anna", "as the list says"));
    assert_eq!((decided.classification, item.lease), (Some(Classification::A1), None));
    assert_eq!(review.waiting().unwrap(), 1);
    let acts = room.acts();
    let expected = [
        ("k1", "review.open", &first.item),
        ("k1", "review.open", &second.item),
        ("anna", "review.decide", &first.item),
    ];
    let expected = expected.map(|(who, action, subject)| (who.into(), action.into(), subject.clone()));
    assert_eq!(acts, expected);
    let lines = format!("{:?}", review.acts(i64::MAX, 10).unwrap());
    assert!(!lines.contains("as the list says") && !lines.contains("upload 7"), "{lines}");
}

#[test]
fn a_lease_ends_after_ten_minutes() {
    let room = Room::new();
    let review = &room.review;
    let item = room.add(b"one", &looking(10, 0), START).item;
    review.take(&item, "anna", START).unwrap();
    assert_eq!(review.next("berta", START + LEASE - 1).unwrap(), None);
    assert!(matches!(review.take(&item, "berta", START + LEASE - 1), Err(Refusal::Held)));
    // From now on it is anybody's, and no longer anna's.
    let late = review.decide(&item, "anna", &confirmed(), START + LEASE);
    assert!(matches!(late, Err(Refusal::NotHeld)), "{late:?}");
    assert!(matches!(review.reveal(&item, 0, 0, "anna", START + LEASE), Err(Refusal::NotHeld)));
    assert_eq!(review.next("berta", START + LEASE).unwrap().as_ref(), Some(&item));
    assert!(matches!(review.decide(&item, "anna", &confirmed(), START + LEASE), Err(Refusal::NotHeld)));
    // Who holds it may hold it longer, or give it back.
    review.take(&item, "berta", START + LEASE + 9 * MINUTE).unwrap();
    review.reveal(&item, 0, 0, "berta", START + LEASE + 15 * MINUTE).unwrap();
    assert!(matches!(review.release(&item, "anna"), Err(Refusal::NotHeld)));
    review.release(&item, "berta").unwrap();
    assert_eq!(review.next("anna", START + LEASE + 15 * MINUTE).unwrap().as_ref(), Some(&item));
    // Another item ends the hold of the first.
    let other = room.add(b"two", &looking(200, 128), START + 2 * LEASE).item;
    review.take(&other, "anna", START + LEASE + 16 * MINUTE).unwrap();
    assert_eq!(review.item(&item).unwrap().unwrap().lease, None);
}

#[test]
fn what_somebody_is_unsure_about_comes_to_others() {
    let room = Room::new();
    let review = &room.review;
    let item = room.add(b"one", &looking(10, 0), START).item;
    review.next("anna", START).unwrap();
    review.decide(&item, "anna", &said(Verdict::Unsure), START).unwrap();
    assert_eq!((room.state(&item), review.waiting().unwrap()), (ItemState::Unsure, 1));
    assert_eq!(review.next("anna", START).unwrap(), None);
    let newer = room.add(b"two", &looking(200, 128), START + 1).item;
    assert_eq!(review.next("berta", START + 1).unwrap(), Some(newer), "first what nobody looked at");
    assert_eq!(review.next("clara", START + 1).unwrap().as_ref(), Some(&item));
    review.decide(&item, "clara", &said(Verdict::NoMatch), START + 2).unwrap();
    assert_eq!(room.state(&item), ItemState::Rejected);
    assert!(matches!(review.link("none", "r", "clara", START), Err(Refusal::Missing)));
    review.reopen(&item, "anna", START + 3).unwrap();
    assert!(matches!(review.reopen(&item, "anna", START), Err(Refusal::State(ItemState::Open))));
    review.decide(&item, "anna", &confirmed(), START + 4).unwrap();
    review.link(&item, "r", "anna", START + 5).unwrap();
    review.link(&item, "r", "anna", START + 6).unwrap();
    assert_eq!(review.item(&item).unwrap().unwrap().reports, ["r"]);
    let made = room.acts().iter().filter(|(_, action, _)| action == "review.report").count();
    assert_eq!(made, 1);
    let listed = |filter| review.list(filter, None, 10).unwrap().len();
    assert_eq!((listed(Filter::Waiting), listed(Filter::In(ItemState::Confirmed))), (1, 1));
}

#[test]
fn near_duplicates_are_one_item() {
    let room = Room::new();
    let first = room.add(b"first", &looking(100, 0), START);
    let same = room.add(b"first", &looking(100, 0), START + 1);
    let near = room.add(b"smaller", &looking(103, 9), START + 2);
    let far = room.add(b"other", &looking(120, 9), START + 3);
    assert!(!same.is_new && !near.is_new && far.is_new);
    assert_eq!((&same.item, &near.item), (&first.item, &first.item));
    let item = room.review.item(&first.item).unwrap().unwrap();
    let places: Vec<(usize, u64)> =
        item.pictures.iter().map(|picture| (picture.place, picture.times)).collect();
    assert_eq!(places, [(0, 2), (1, 1)]);
    assert_eq!(item.pictures[0].first.as_ref().unwrap().1, START);
    assert_eq!(item.pictures[0].last, START + 1);
    assert_eq!(room.review.bytes(&item.pictures[1].evidence).unwrap(), b"smaller");
    let listed = room.review.list(Filter::Waiting, None, 10).unwrap();
    assert_eq!((listed[0].pictures, listed[0].arrivals), (2, 3));
    assert_eq!(room.review.list(Filter::Waiting, Some(&first.item), 10).unwrap().len(), 1);

    // What is decided stays so, and still takes what looks the same; also after the end of the process.
    room.review.take(&first.item, "anna", START).unwrap();
    room.review.decide(&first.item, "anna", &confirmed(), START).unwrap();
    let room = room.again();
    let third = room.add(b"darker", &looking(98, 2), START + 4);
    assert_eq!((third.item, third.is_new), (first.item.clone(), false));
    assert_eq!(room.state(&first.item), ItemState::Confirmed);
    let count = room.acts().iter().filter(|(_, action, _)| action == "review.join").count();
    assert_eq!(count, 3);
    // What says nothing about itself joins nothing but the same file.
    let flat = Matched { look: Look::default(), ..looking(100, 0) };
    let [one, two] = [&b"flat"[..], b"flat too"].map(|bytes| room.add(bytes, &flat, START + 5));
    assert!(one.is_new && two.is_new && one.item != two.item);
    assert_eq!(room.add(b"flat", &flat, START + 6).item, one.item);
}

#[test]
fn viewed_is_what_the_audit_says() {
    let room = Room::new();
    let review = &room.review;
    let matched = Matched { faces: vec!["white".into()], ..looking(100, 0) };
    let item = room.add(b"one", &matched, START).item;
    let picture = || review.item(&item).unwrap().unwrap().pictures.remove(0);
    assert_eq!((picture().revealed, picture().is_viewed()), (vec![None, None], false));
    assert!(matches!(review.reveal(&item, 0, 0, "anna", START), Err(Refusal::NotHeld)));
    review.take(&item, "anna", START).unwrap();
    assert!(matches!(review.reveal(&item, 1, 0, "anna", START), Err(Refusal::Missing)));
    assert!(matches!(review.reveal(&item, 0, 2, "anna", START), Err(Refusal::Missing)));
    review.reveal(&item, 0, 0, "anna", START + 1_000).unwrap();
    review.reveal(&item, 0, 0, "anna", START + 2_000).unwrap();
    assert_eq!((picture().revealed, picture().is_viewed()), (vec![Some(START + 1_000), None], false));
    review.reveal(&item, 0, 1, "anna", START + 3_000).unwrap();
    assert!(picture().is_viewed());
    let revealed: Vec<_> =
        room.acts().into_iter().filter(|(_, action, _)| action == "review.reveal").collect();
    let name = format!("sha256:{}", picture().evidence);
    let subjects: Vec<&String> = revealed.iter().map(|(.., subject)| subject).collect();
    assert_eq!(subjects, [&name, &name, &format!("{name}/1")]);
    assert_eq!(review.sitting("anna").unwrap().revealed, 3);
    // A file with further frames is never all that is shown.
    let animated = Matched { flags: vec!["animated".into()], ..looking(200, 128) };
    let other = room.add(b"frames", &animated, START).item;
    review.take(&other, "anna", START).unwrap();
    review.reveal(&other, 0, 0, "anna", START).unwrap();
    assert!(!review.item(&other).unwrap().unwrap().pictures[0].is_viewed());
}

#[test]
fn two_reviewers_never_hold_the_same_item() {
    let room = Room::new();
    let count: u8 = 40;
    for at in 0..count {
        let flat = Matched { look: Look::default(), ..looking(at, 0) };
        room.add(&[at], &flat, START + i64::from(at));
    }
    let (review, barrier) = (&room.review, Barrier::new(4));
    let decided: Vec<Vec<String>> = thread::scope(|scope| {
        let people = ["anna", "berta", "clara", "dora"].map(|person| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                let mut own = Vec::new();
                while let Some(item) = review.next(person, START).unwrap() {
                    review.decide(&item, person, &confirmed(), START).unwrap();
                    own.push(item);
                }
                own
            })
        });
        people.map(|person| person.join().unwrap()).into()
    });
    let mut all: Vec<String> = decided.into_iter().flatten().collect();
    assert_eq!(all.len(), usize::from(count));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), usize::from(count), "each by one person");
    assert_eq!(review.waiting().unwrap(), 0);
}

#[test]
fn pictures_that_come_at_once_are_one_item() {
    let room = Room::new();
    let (room, barrier) = (&room, Barrier::new(8));
    let added: Vec<Added> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8u8)
            .map(|at| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    // Two of each file.
                    room.add(&[at / 2], &looking(100 + at / 2, 0), START)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(added.iter().filter(|added| added.is_new).count(), 1);
    let item = room.review.item(&added[0].item).unwrap().unwrap();
    assert_eq!(item.pictures.len(), 4);
    assert_eq!(item.pictures.iter().map(|picture| picture.times).sum::<u64>(), 8);
}

#[test]
fn a_process_that_ends_leaves_nothing_half_done() {
    let room = Room::new();
    // Killed between the evidence and its row: the same picture comes again, and is there once.
    room.outbox.keep(&mut &b"one"[..]).unwrap();
    let room = room.again();
    assert_eq!(room.review.waiting().unwrap(), 0);
    let item = room.add(b"one", &looking(100, 0), START).item;
    room.review.take(&item, "anna", START).unwrap();
    // Killed while somebody holds it: they still do.
    let room = room.again();
    assert_eq!(room.review.next("anna", START + 1).unwrap().as_ref(), Some(&item));
    room.review.decide(&item, "anna", &confirmed(), START + 2).unwrap();
    // Killed between a report and its note: the same form is the same report, and noted then.
    let report = |room: &Room| {
        let evidence = &room.review.item(&item).unwrap().unwrap().pictures[0].evidence;
        let text = serde_json::json!({
            "incident": { "type": IncidentType::ChildPornography.word(), "time": "2025-01-01T00:00:00Z" },
            "reporter": { "emails": [{ "email": "a@b.example" }] },
            "files": [{ "id": "f1", "evidence": format!("sha256:{evidence}"), "viewed": false }],
        });
        let report = room.outbox.parse(&text.to_string()).unwrap();
        room.outbox.submit(Some("review:1:0"), report).unwrap()
    };
    let first = report(&room);
    let room = room.again();
    assert!(room.review.item(&item).unwrap().unwrap().reports.is_empty());
    let second = report(&room);
    assert_eq!((second.id.as_str(), second.is_new), (first.id.as_str(), false));
    room.review.link(&item, &second.id, "anna", START + 3).unwrap();
    assert_eq!(room.review.item(&item).unwrap().unwrap().reports, [first.id.as_str()]);

    // What a report needs is not erased with the item, nor the other way round.
    let evidence = room.review.item(&item).unwrap().unwrap().pictures[0].evidence.clone();
    room.outbox.retract(&first.id).unwrap();
    room.outbox.erase(&first.id, true).unwrap();
    assert_eq!(room.review.bytes(&evidence).unwrap(), b"one");
    room.review.erase(&item, "anna", START + 4).unwrap();
    assert!(room.review.bytes(&evidence).is_err());
    let erased = room.review.item(&item).unwrap().unwrap();
    assert!(erased.pictures.is_empty() && erased.erased == Some(START + 4));
    assert!(matches!(room.review.erase(&item, "anna", START), Err(Refusal::State(_))));
    assert!(matches!(room.review.reopen(&item, "anna", START), Err(Refusal::State(_))));
    assert!(room.add(b"one", &looking(100, 0), START + 5).is_new, "what is erased is forgotten");
}

#[test]
fn what_a_report_needs_stays_when_its_item_is_erased() {
    let room = Room::new();
    let item = room.add(b"one", &looking(100, 0), START).item;
    assert!(matches!(room.review.erase(&item, "anna", START), Err(Refusal::State(ItemState::Open))));
    room.review.take(&item, "anna", START).unwrap();
    room.review.decide(&item, "anna", &confirmed(), START).unwrap();
    let evidence = room.review.item(&item).unwrap().unwrap().pictures[0].evidence.clone();
    let text = serde_json::json!({
        "incident": { "type": IncidentType::ChildPornography.word(), "time": "2025-01-01T00:00:00Z" },
        "reporter": { "emails": [{ "email": "a@b.example" }] },
        "files": [{ "id": "f1", "evidence": format!("sha256:{evidence}") }],
    });
    let report = room.outbox.submit(None, room.outbox.parse(&text.to_string()).unwrap()).unwrap();
    room.review.erase(&item, "anna", START).unwrap();
    assert_eq!(room.review.bytes(&evidence).unwrap(), b"one");
    room.outbox.retract(&report.id).unwrap();
    room.outbox.erase(&report.id, true).unwrap();
    assert!(room.review.bytes(&evidence).is_err());
}

#[test]
fn people_choose_and_are_counted() {
    let room = Room::new();
    let review = &room.review;
    let sitting = review.sitting("anna").unwrap();
    assert!(sitting.settings.is_grey && sitting.settings.blur == Blur::Medium);
    let settings = Settings { blur: Blur::Strong, is_grey: false, reminder: 30 };
    review.begin("anna", START).unwrap();
    review.choose("anna", settings, START).unwrap();
    let item = room.add(b"one", &looking(100, 0), START).item;
    review.take(&item, "anna", START).unwrap();
    review.reveal(&item, 0, 0, "anna", START).unwrap();
    review.decide(&item, "anna", &confirmed(), START).unwrap();
    let sitting = review.sitting("anna").unwrap();
    assert_eq!((sitting.settings, sitting.revealed, sitting.decided), (settings, 1, 1));
    assert!(!sitting.is_break_due(START + 30 * MINUTE - 1) && sitting.is_break_due(START + 30 * MINUTE));
    review.begin("anna", START + 40 * MINUTE).unwrap();
    let sitting = review.sitting("anna").unwrap();
    assert_eq!((sitting.settings, sitting.revealed, sitting.decided), (settings, 0, 0));
    assert!(!Sitting { settings: Settings { reminder: 0, ..settings }, ..sitting }.is_break_due(i64::MAX));
}
