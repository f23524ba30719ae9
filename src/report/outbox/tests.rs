//! The outbox against a CyberTipline that fails at any call in any way: one finished report for each item, with the right files.
//!
//! One long file, since the transport that fails and what is held against its end serve every case.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::options::Account;
use super::super::problem::Rule;
use super::*;
use crate::credential::Credential;
use crate::hasher::{HashOptions, Hasher};
use crate::signature::Algorithm;

mod tipline;

use tipline::{Fault, State as Theirs, Tipline};

/// Milliseconds since 1970 when the tests begin.
const BEGIN: i64 = 1_764_064_800_000;

/// A folder with an outbox, the CyberTipline, and the time.
struct World {
    folder: TempDir,
    tipline: Arc<Mutex<Tipline>>,
    time: Arc<AtomicI64>,
    alarms: Arc<Mutex<Vec<String>>>,
    sender: Option<Sender>,
}

fn options(folder: &Path) -> ReportOptions {
    let secret = || Credential::Environment("SHADEGRID_TEST".into());
    let account = Account::new(secret(), secret());
    ReportOptions::new(folder.join("data"), folder.join("key")).test(Some(account))
}

impl World {
    fn new() -> World {
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() }.unwrap();
        let key = folder.path().join("key");
        fs::write(&key, "0123456789abcdef".repeat(4)).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let time = Arc::new(AtomicI64::new(BEGIN));
        let tipline = Arc::new(Mutex::new(Tipline::new(time.clone())));
        World { folder, tipline, time, alarms: Arc::default(), sender: None }
    }

    fn clock(&self) -> Clock {
        let time = self.time.clone();
        Clock(Arc::new(move || time.load(Ordering::SeqCst)))
    }

    fn tipline(&self) -> MutexGuard<'_, Tipline> {
        self.tipline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self, milliseconds: i64) {
        self.time.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Begins with the outbox as a process does, after another one ended.
    fn restart(&mut self) {
        self.restart_with(options(self.folder.path()));
    }

    fn restart_with(&mut self, options: ReportOptions) {
        self.sender = None;
        let alarms = self.alarms.clone();
        let listener = Listener::new(move |event| {
            if let OutboxEvent::Alarm { why, .. } = event {
                alarms.lock().unwrap().push(why.clone());
            }
        });
        let mut outbox = Outbox::own(options).unwrap().listener(listener);
        outbox.clock = self.clock();
        let tipline = self.tipline.clone();
        let connect =
            move |_: &ReportOptions, _, _: &_| -> Result<Box<dyn super::super::transport::Transport>> {
                Ok(Box::new(tipline::Wire(tipline.clone())))
            };
        self.sender = Some(Sender::by(outbox, Box::new(connect)).unwrap());
    }

    fn outbox(&mut self) -> &Outbox {
        if self.sender.is_none() {
            self.restart();
        }
        self.sender.as_ref().unwrap().outbox()
    }

    fn submit(&mut self, number: usize, files: usize) -> String {
        let report = self.outbox().parse(&report(number, files).to_string()).unwrap();
        self.outbox().submit(None, report).unwrap().id
    }

    /// Works until there is nothing to do; time passes as it has to. Whether it came to an end.
    fn work(&mut self) -> bool {
        for _ in 0..300 {
            self.outbox();
            let sender = self.sender.as_mut().unwrap();
            match catch_unwind(AssertUnwindSafe(|| sender.step())) {
                Ok(Ok(Next::Now)) => {}
                Ok(Ok(Next::Wait(pause))) => self.pass(pause.as_millis() as i64),
                Ok(Ok(Next::Idle)) => return true,
                Ok(Err(error)) => panic!("{error}"),
                // The process is killed, and another one begins.
                Err(_) => self.restart(),
            }
        }
        false
    }

    fn item(&mut self, id: &str) -> Item {
        self.outbox().item(id).unwrap().unwrap()
    }

    fn alarms(&self) -> Vec<String> {
        self.alarms.lock().unwrap().clone()
    }
}

#[test]
fn a_stop_makes_no_call_and_the_next_sender_none_too_many() {
    let mut world = World::new();
    let id = world.submit(1, 1);
    let stop = crate::pipeline::Stop::default();
    world.sender = world.sender.take().map(|sender| sender.stop(stop.clone()));
    stop.request();
    assert_eq!(world.sender.as_mut().unwrap().step().unwrap(), Next::Now);
    let item = world.item(&id);
    assert!(item.requests.is_empty() && item.state == ItemState::Queued && item.attempts == 0, "{item:?}");
    assert!(item.last_error.unwrap().contains("ends") && world.alarms().is_empty());
    world.restart();
    assert!(world.work());
    assert_eq!((world.item(&id).state, world.item(&id).attempts), (ItemState::Preserved, 1));
}

#[test]
fn what_is_erased_comes_back_under_no_key() {
    let mut world = World::new();
    let submit = |world: &mut World| {
        let report = world.outbox().parse(&report(1, 2).to_string()).unwrap();
        world.outbox().submit(Some("case"), report).unwrap()
    };
    let first = submit(&mut world);
    assert!(world.work());
    world.outbox().erase(&first.id, true).unwrap();
    let again = submit(&mut world);
    assert!(!again.is_new && again.id == first.id && again.state == ItemState::Erased);
    let evidence = world.folder.path().join("data/evidence");
    assert_eq!(std::fs::read_dir(evidence).unwrap().count(), 0);
    let other = world.outbox().parse(&report(1, 1).to_string()).unwrap();
    assert!(matches!(world.outbox().submit(Some("case"), other), Err(SubmitError::Conflict)));
}

fn report(number: usize, files: usize) -> Value {
    let file = |place: usize| {
        let content = format!("file {place} of item {number}: {}", "x".repeat(place * 70_000));
        let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, content);
        json!({ "id": format!("f{place}"), "name": format!("{place}.jpg"), "data": data, "classification": "A1" })
    };
    json!({
        "incident": { "type": "Child Sexual Molestation", "time": "2025-11-25T09:00:00Z" },
        "reporter": { "emails": [{ "email": "a@b.example" }] },
        "additional_info": format!("item {number}"),
        "files": (0..files).map(file).collect::<Vec<_>>(),
    })
}

/// Exactly one finished report, and it is the item's.
fn filed_once(world: &mut World, id: &str, number: usize, files: usize, what: &str) {
    let item = world.item(id);
    assert_eq!(item.state, ItemState::Preserved, "{what}: {item:?}");
    let tipline = world.tipline();
    let finished: Vec<_> =
        tipline.reports.iter().filter(|(_, report)| report.state == Theirs::Finished).collect();
    let [(report_id, report)] = finished[..] else { panic!("{what}: {} are finished", finished.len()) };
    assert_eq!(item.report_id, Some(*report_id), "{what}");
    assert!(report.xml.contains(&format!("<additionalInfo>item {number}</additionalInfo>")), "{what}");
    assert_eq!(report.files.len(), files, "{what}");
    for (place, file) in report.files.iter().enumerate() {
        let content = format!("file {place} of item {number}: {}", "x".repeat(place * 70_000));
        assert!(file.content == content.as_bytes(), "{what}: file {place}");
        let details =
            file.details.as_deref().unwrap_or_else(|| panic!("{what}: file {place} has no details"));
        for part in [
            format!("<originalFileName>{place}.jpg<"),
            format!("hashType=\"MD5\">{}<", file.md5),
            "SHA256".into(),
        ] {
            assert!(details.contains(&part), "{what}: {part} is not in {details}");
        }
    }
}

#[test]
fn whatever_fails_at_whichever_call_one_report_is_finished() {
    let mut world = World::new();
    let (mut cases, mut calls, mut number) = (0, 0, 0);
    for files in [0, 1, 3] {
        let straight = 2 + 2 * files as u64;
        for call in 0..straight {
            for fault in Fault::ALL {
                number += 1;
                *world.tipline() = Tipline::new(world.time.clone()).faulty(&[(call, fault)]);
                let id = world.submit(number, files);
                let what = format!("{files} files, {fault:?} at call {call}");
                assert!(world.work(), "{what}");
                filed_once(&mut world, &id, number, files, &what);
                assert!(world.tipline().faults.is_empty(), "{what}: it was met");
                calls += world.tipline().calls;
                cases += 1;
            }
        }
    }
    println!("one fault: {cases} cases, {calls} calls");
    assert_eq!(cases, (2 + 4 + 8) * Fault::ALL.len());
}

#[test]
fn a_second_finished_report_would_be_seen() {
    let mut world = World::new();
    let ids = [world.submit(1, 1), world.submit(1, 1)];
    assert!(world.work());
    let seen = catch_unwind(AssertUnwindSafe(|| filed_once(&mut world, &ids[0], 1, 1, "twice")));
    assert!(seen.is_err());
}

#[test]
fn whichever_two_calls_fail_one_report_is_finished() {
    let mut world = World::new();
    let (mut cases, mut number) = (0, 1_000_000);
    for first in 0..4 {
        for second in first + 1..first + 5 {
            for one in Fault::ALL {
                for two in Fault::ALL {
                    number += 1;
                    *world.tipline() =
                        Tipline::new(world.time.clone()).faulty(&[(first, one), (second, two)]);
                    let id = world.submit(number, 1);
                    let what = format!("{one:?} at call {first}, {two:?} at call {second}");
                    assert!(world.work(), "{what}");
                    filed_once(&mut world, &id, number, 1, &what);
                    cases += 1;
                }
            }
        }
    }
    println!("two faults: {cases} cases");
    assert_eq!(cases, 16 * Fault::ALL.len() * Fault::ALL.len());
}

#[test]
fn every_call_fails_for_a_while_and_many_items_are_filed_once_each() {
    let mut world = World::new();
    let faults: Vec<(u64, Fault)> =
        (0..120).map(|call| (call, Fault::ALL[call as usize * 7 % Fault::ALL.len()])).collect();
    *world.tipline() = Tipline::new(world.time.clone()).faulty(&faults);
    let ids: Vec<String> = (0..12).map(|number| world.submit(number, number % 4)).collect();
    for _ in 0..20 {
        if world.work() {
            break;
        }
    }
    for (number, id) in ids.iter().enumerate() {
        let item = world.item(id);
        assert_eq!(item.state, ItemState::Preserved, "{item:?}");
        let ends = format!("<additionalInfo>item {number}</additionalInfo></report>");
        let tipline = world.tipline();
        let own = tipline.reports.values().filter(|report| report.xml.ends_with(&ends));
        assert_eq!(own.filter(|report| report.state == Theirs::Finished).count(), 1);
    }
    let open = world.tipline().reports.values().filter(|report| report.state == Theirs::Open).count();
    println!("12 items after 120 faults: 12 finished, {open} open ones that nobody knows of and that expire");
}

#[test]
fn what_ncmec_refuses_wants_a_person() {
    for (code, call) in [(4100, 0), (4110, 0), (4200, 1), (4100, 2), (3100, 0), (3000, 1)] {
        let mut world = World::new();
        *world.tipline() = Tipline::new(world.time.clone()).faulty(&[(call, Fault::Code(code))]);
        let id = world.submit(1, 1);
        assert!(world.work());
        let item = world.item(&id);
        assert_eq!((item.state, item.code), (ItemState::Failed, Some(code)), "{item:?}");
        let alarm = &world.alarms()[0];
        assert!(alarm.contains(&code.to_string()) && !alarm.contains("quotes"), "{alarm}");
        assert!(item.last_error.is_some_and(|error| error.contains("quotes")), "NCMEC's words are kept");
        assert!(world.tipline().reports.values().all(|report| report.state == Theirs::Retracted));
        // It is not tried again by itself, and filed once when a person says so.
        let calls = world.tipline().calls;
        world.pass(40 * 86_400_000);
        assert!(world.work() && world.tipline().calls == calls);
        world.outbox().retry(&id, false).unwrap();
        assert!(world.work());
        filed_once(&mut world, &id, 1, 1, "a retry");
    }
}

#[test]
fn what_ncmec_says_of_a_finish_is_repeated_until_it_is_done() {
    for (code, alarm) in [(5101, true), (5001, true), (4100, true), (1000, false), (5102, false)] {
        let mut world = World::new();
        *world.tipline() =
            Tipline::new(world.time.clone()).faulty(&[(3, Fault::Code(code)), (4, Fault::Code(code))]);
        let id = world.submit(1, 1);
        assert!(world.work());
        assert_eq!(world.item(&id).state, ItemState::Preserved, "{code}");
        assert_eq!(!world.alarms().is_empty(), alarm, "{code}: {:?}", world.alarms());
        let opened = world.tipline().reports.len();
        assert_eq!(opened, 1, "{code}: no other report is opened once one is being filed");
    }
}

#[test]
fn a_report_that_expired_before_its_finish_begins_anew() {
    let mut world = World::new();
    let faults: Vec<(u64, Fault)> = (3..2000).map(|call| (call, Fault::NoAnswerBefore)).collect();
    *world.tipline() = Tipline::new(world.time.clone()).faulty(&faults);
    let id = world.submit(1, 1);
    world.work();
    assert_eq!(world.item(&id).state, ItemState::Finishing);
    let refused = world.outbox().retry(&id, true).unwrap_err();
    assert!(refused.to_string().contains("second"), "{refused}");
    assert!(world.outbox().retract(&id).is_err(), "a finish cannot be undone");
    world.pass(26 * 3_600_000);
    world.tipline().faults.clear();
    assert!(world.work());
    filed_once(&mut world, &id, 1, 1, "anew");
    assert!(world.alarms().iter().any(|why| why.contains("anew")), "{:?}", world.alarms());
}

#[test]
fn a_report_that_expires_between_two_attempts_begins_anew_without_a_person() {
    let mut world = World::new();
    // Some 26 hours of pauses, each shorter than what counts as a change.
    let faults: Vec<(u64, Fault)> = (3..80).map(|call| (call, Fault::NoAnswerBefore)).collect();
    *world.tipline() = Tipline::new(world.time.clone()).faulty(&faults);
    let id = world.submit(1, 1);
    assert!(world.work());
    filed_once(&mut world, &id, 1, 1, "anew");
    assert!(world.time.load(Ordering::SeqCst) > BEGIN + 24 * 3_600_000);
    assert_eq!(world.tipline().reports.len(), 1, "the first one expired");
}

#[test]
fn credentials_that_are_not_accepted_pause_everything() {
    for call in 0..5 {
        let mut world = World::new();
        *world.tipline() = Tipline::new(world.time.clone()).faulty(&[(call, Fault::Credentials)]);
        let ids = [world.submit(1, 1), world.submit(2, 0)];
        assert!(world.work());
        let stopped = world.tipline().calls;
        world.pass(86_400_000 * 2);
        assert!(world.work() && world.tipline().calls == stopped, "nothing is sent in a pause");
        assert_eq!(world.outbox().pauses().unwrap().len(), 1);
        assert!(world.alarms()[0].contains("credentials"));
        world.pass(-86_400_000 * 2);
        world.outbox().resume(Mode::Test).unwrap();
        assert!(world.work());
        for id in ids {
            assert_eq!(world.item(&id).state, ItemState::Preserved, "call {call}");
        }
        let finished =
            world.tipline().reports.values().filter(|report| report.state == Theirs::Finished).count();
        assert_eq!(finished, 2, "call {call}");
    }
}

#[test]
fn evidence_that_was_changed_is_noticed_before_anything_is_opened() {
    let mut world = World::new();
    let id = world.submit(1, 3);
    let folder = world.folder.path().join("data/evidence");
    let path = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(world.work());
    assert_eq!((world.item(&id).state, world.tipline().calls), (ItemState::Failed, 0));
    assert!(world.alarms()[0].contains("evidence"), "{:?}", world.alarms());
}

#[test]
fn no_report_is_opened_with_evidence_of_which_any_part_was_changed() {
    let mut world = World::new();
    let id = world.submit(1, 2);
    let folder = world.folder.path().join("data/evidence");
    let paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut compared = 0;
    for path in &paths {
        let whole = fs::read(path).unwrap();
        let end = whole.len();
        // The head, both sides of where a chunk and its tag end, the end, and a stride through the rest.
        let seam = 40 + (64 << 10);
        let mut places: Vec<usize> = (0..64).chain(seam - 4..seam + 40).chain(end - 20..end).collect();
        places.extend((0..end).step_by(1009));
        places.retain(|place| *place < end);
        for place in places {
            let mut changed = whole.clone();
            changed[place] ^= 1 << (place % 8);
            fs::write(path, changed).unwrap();
            assert!(world.work());
            assert_eq!(
                (world.item(&id).state, world.tipline().calls),
                (ItemState::Failed, 0),
                "byte {place}"
            );
            world.outbox().retry(&id, false).unwrap();
            compared += 1;
        }
        fs::write(path, whole).unwrap();
    }
    println!("{compared} changed bytes of evidence: no report was opened");
    assert!(compared > 250, "only {compared}");
    assert!(world.work());
    filed_once(&mut world, &id, 1, 2, "whole again");
}

#[test]
fn every_finished_report_is_announced_once_and_every_act_is_known() {
    let mut world = World::new();
    let secret = world.folder.path().join("secret");
    fs::write(&secret, "0123456789abcdef").unwrap();
    let hooks =
        crate::hook::HookOptions::new(Credential::File(secret)).url(Some("http://127.0.0.1:1".into()));
    let with_hooks = options(world.folder.path()).hooks(Some(hooks));
    let (mut ids, mut number) = (Vec::new(), 0);
    for call in 0..4 {
        for fault in Fault::ALL {
            number += 1;
            world.restart_with(with_hooks.clone());
            *world.tipline() = Tipline::new(world.time.clone()).faulty(&[(call, fault)]);
            ids.push(world.submit(number, 1));
            for _ in 0..300 {
                let sender = world.sender.as_mut().unwrap();
                match catch_unwind(AssertUnwindSafe(|| sender.step())) {
                    Ok(Ok(Next::Wait(pause))) => world.pass(pause.as_millis() as i64),
                    Ok(Ok(Next::Idle)) => break,
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => panic!("{error}"),
                    Err(_) => world.restart_with(with_hooks.clone()),
                }
            }
            filed_once(&mut world, &ids[number - 1].clone(), number, 1, "with hooks");
        }
    }
    let data = world.folder.path().join("data");
    world.sender = None;
    let kept = crate::hook::HookStore::open(&data).unwrap().list(None).unwrap();
    assert_eq!(kept.len(), 2 * ids.len(), "each report has one event of each kind");
    let mut log = Vec::new();
    crate::audit::AuditLog::open(&data).unwrap().export(&mut log).unwrap();
    let log = String::from_utf8(log).unwrap();
    for id in &ids {
        for action in ["report.submit", "report.finish"] {
            let act = format!("\"action\":\"{action}\",\"subject\":\"{id}\"");
            assert_eq!(log.matches(&act).count(), 1, "{act}");
        }
    }
    println!("{} reports, {} events, {} lines of the audit log", ids.len(), kept.len(), log.lines().count());
}

#[test]
fn the_same_key_is_the_same_report() {
    let mut world = World::new();
    let parse =
        |world: &mut World, number, files| world.outbox().parse(&report(number, files).to_string()).unwrap();
    let (one, same, other) = (parse(&mut world, 1, 1), parse(&mut world, 1, 1), parse(&mut world, 2, 1));
    let first = world.outbox().submit(Some("k"), one).unwrap();
    let again = world.outbox().submit(Some("k"), same).unwrap();
    assert!(first.is_new && !again.is_new && first.id == again.id);
    assert!(matches!(world.outbox().submit(Some("k"), other.clone()), Err(SubmitError::Conflict)));
    assert!(world.outbox().submit(Some("l"), other).unwrap().is_new);
    for key in ["", "a\nb"] {
        let report = parse(&mut world, 3, 0);
        assert!(world.outbox().submit(Some(key), report).is_err());
    }
    assert!(world.work());
    let same = parse(&mut world, 1, 1);
    let filed = world.outbox().submit(Some("k"), same).unwrap();
    assert_eq!((filed.id, filed.state), (first.id, ItemState::Preserved));
    assert_eq!(world.outbox().items(None).unwrap().len(), 2);
}

#[test]
fn a_person_can_take_back_what_is_not_filed() {
    let mut world = World::new();
    let id = world.submit(1, 1);
    assert_eq!(world.outbox().retract(&id).unwrap(), ItemState::Cancelled);
    assert!(world.work() && world.tipline().calls == 0);
    assert!(world.outbox().retry(&id, false).is_err());
    // Before each call of a report, somebody takes it back.
    for call in 0..4 {
        *world.tipline() = Tipline::new(world.time.clone());
        let id = world.submit(2, 1);
        let (outbox, stopped) = (world.outbox().clone(), id.clone());
        world.tipline().before = Some(Box::new(move |number| {
            if number == call {
                let _ = outbox.retract(&stopped);
            }
        }));
        assert!(world.work());
        world.tipline().before = None;
        let expected = if call == 3 { ItemState::Preserved } else { ItemState::Retracted };
        assert_eq!(world.item(&id).state, expected, "at call {call}");
        let finished =
            world.tipline().reports.values().filter(|report| report.state == Theirs::Finished).count();
        assert_eq!(finished, usize::from(call == 3), "at call {call}");
        assert!(world.tipline().reports.values().all(|report| report.state != Theirs::Open));
    }
}

#[test]
fn production_needs_the_configuration_and_the_report() {
    let mut world = World::new();
    let mut asked = report(1, 0);
    asked["mode"] = "production".into();
    let problems = world.outbox().parse(&asked.to_string()).unwrap_err();
    assert_eq!((problems.len(), problems[0].rule, &*problems[0].path), (1, Rule::Configuration, "mode"));
    let secret = || Credential::Environment("SHADEGRID_TEST".into());
    let account = Account::new(secret(), secret());
    let allowing = options(world.folder.path()).mode(Mode::Production).production(Some(account));
    world.restart_with(allowing);
    let report = world.outbox().parse(&asked.to_string()).unwrap();
    let submitted = world.outbox().submit(None, report).unwrap();
    assert_eq!(submitted.mode, Mode::Production);
    // The configuration was changed back: nothing is sent, to no host.
    world.restart();
    assert!(world.work() && world.tipline().calls == 0);
    assert_eq!(world.item(&submitted.id).state, ItemState::Queued);
}

#[test]
fn what_is_filed_is_preserved_for_a_year_and_erased_by_a_person() {
    let mut world = World::new();
    let (kept, id) = (world.submit(1, 2), world.submit(1, 2));
    assert!(world.outbox().erase(&id, false).is_err(), "it is not filed yet");
    assert!(world.work());
    let item = world.item(&id);
    let since = |moment: Moment| std::time::SystemTime::from(moment);
    let preserved =
        since(item.preserve_until.unwrap()).duration_since(since(item.finished.unwrap())).unwrap();
    assert_eq!(preserved, Duration::from_secs(366 * 86_400));
    assert!(world.outbox().erase(&id, false).unwrap_err().to_string().contains("preserved until"));
    world.pass(366 * 86_400_000);
    world.outbox().erase(&id, false).unwrap();
    assert_eq!((world.item(&id).state, world.outbox().request(&id).unwrap()), (ItemState::Erased, None));
    assert_eq!(world.item(&id).report_id, item.report_id, "that it was filed stays");
    let evidence = world.folder.path().join("data/evidence");
    assert_eq!(fs::read_dir(&evidence).unwrap().count(), 2, "the other report needs the files");
    world.outbox().erase(&kept, false).unwrap();
    assert_eq!(fs::read_dir(&evidence).unwrap().count(), 0);
    world.sender = None;
    for entry in fs::read_dir(world.folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        for text in [&b"item 1"[..], b"a@b.example", &b"0123456789abcdef".repeat(4)] {
            assert!(!bytes.windows(text.len()).any(|window| window == text), "{}", path.display());
        }
    }
}

#[test]
fn evidence_that_is_erased_while_a_report_is_submitted_is_said() {
    let mut world = World::new();
    let id = world.submit(1, 1);
    world.outbox().retract(&id).unwrap();
    let named = world.outbox().request(&id).unwrap().unwrap();
    let report: Report = serde_json::from_value(named).unwrap();
    world.outbox();
    let outbox = world.sender.as_ref().unwrap().outbox();
    let (rows, has) = (outbox.rows(), |name: &str| outbox.evidence.has(name));
    let new = |key| NewItem {
        id: ids::next(0).unwrap(),
        key: Some(key),
        digest: vec![1],
        mode: Mode::Test,
        request: "{}".into(),
        files: rows.files(&id).unwrap().into_iter().map(|file| file.digests).collect(),
    };
    let act = outbox.actor.act("report.submit", &id, json!({}));
    assert!(rows.add(&new("before"), has, &act, BEGIN).unwrap().is_some());
    outbox.erase(&id, false).unwrap();
    assert!(
        report.files[0].evidence.as_deref().and_then(form::sha256).is_some_and(has),
        "another report needs it"
    );
    let refused = rows.add(&new("after"), |_| false, &act, BEGIN).unwrap_err();
    assert!(refused.to_string().contains("submit the report again"), "{refused}");
}

#[test]
fn a_folder_has_one_sender() {
    let mut world = World::new();
    world.restart();
    assert!(Outbox::own(options(world.folder.path())).is_err());
    assert!(Outbox::own_if_free(options(world.folder.path())).unwrap().is_none());
    let other = Outbox::open(options(world.folder.path())).unwrap();
    assert!(Sender::new(other).is_err());
}

#[test]
fn pictures_have_signatures_where_they_are_asked_for() {
    let mut world = World::new();
    let algorithms = vec![Algorithm::PhotoDna, Algorithm::Pdq];
    world.restart_with(options(world.folder.path()).signatures(algorithms.clone()));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/holiday/hills-small.jpg");
    let picture = std::fs::read(path).unwrap();
    let hashed = Hasher::new(HashOptions::default().algorithms(algorithms)).hash(&picture).unwrap();
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &picture);
    let mut given = report(1, 2);
    let pdq = json!({ "type": "PDQ", "value": "of the caller" });
    given["files"]
        .as_array_mut()
        .unwrap()
        .extend([json!({ "id": "p", "data": data }), json!({ "id": "q", "data": data, "hashes": [pdq] })]);
    let outbox = world.outbox();
    let submit = || outbox.submit(Some("key"), outbox.parse(&given.to_string()).unwrap()).unwrap();
    let (first, again) = (submit(), submit());
    assert!(first.is_new && !again.is_new && first.id == again.id);
    let kept = outbox.request(&first.id).unwrap().unwrap();
    let photodna = json!({ "type": "PhotoDNA", "value": hashed.photodna.unwrap().signature.to_string() });
    let own = json!({ "type": "PDQ", "value": hashed.pdq.unwrap().signature.to_string() });
    assert_eq!(kept["files"][2]["hashes"], json!([own, photodna]));
    assert_eq!(kept["files"][3]["hashes"], json!([pdq, photodna]));
    assert!(kept["files"][0].get("hashes").is_none(), "it is no picture");
    assert!(world.work());
    let tipline = world.tipline();
    let (_, filed) = tipline.reports.iter().next().unwrap();
    let details = filed.files[2].details.as_deref().unwrap();
    assert!(details.contains("hashType=\"PDQ\"") && details.contains("hashType=\"PhotoDNA\""), "{details}");
}
