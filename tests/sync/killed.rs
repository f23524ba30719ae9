//! `gallery sync`, killed at any instant: what is there afterwards is the list.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use shadegrid::standin::Exchange;

use super::faults::{self, Running};
use super::script::{Script, answer, deleted, image, ncmec};
use super::{Content, content, pdq};

/// Elements of a page.
const PAGE: usize = 400;

/// An exchange with a list: by number, when each was changed last, and its signature unless it was taken back.
#[derive(Default)]
struct List {
    states: BTreeMap<u64, (u64, Option<u64>)>,
    /// Every state that there ever was.
    history: HashSet<(String, u64)>,
}

impl List {
    fn set(&mut self, number: u64, time: u64, signature: Option<u64>) {
        self.states.insert(number, (time, signature));
        self.history.insert((format!("42/i{number}"), time));
    }

    /// The page behind a number of what changed in a window; in the order of numbers, not of time.
    fn page(&self, from: u64, to: u64, after: Option<u64>) -> String {
        let rest = self.states.range(after.map_or(0, |after| after + 1)..);
        let mut inside = rest.filter(|(_, (time, _))| (from..to).contains(time)).peekable();
        let mut elements = String::new();
        let mut last = 0;
        for (number, (time, signature)) in inside.by_ref().take(PAGE) {
            last = *number;
            let time = text(*time);
            elements += &match signature {
                Some(signature) => image(*number, &time, &pdq(*signature)),
                None => deleted(*number, &time),
            };
        }
        let next = match inside.peek() {
            Some(_) => format!("/v2/entries?from={}&to={}&after={last}", text(from), text(to)),
            None => String::new(),
        };
        ncmec(&next, &elements)
    }

    /// What a gallery of it holds.
    fn content(&self) -> Content {
        let of = |(number, (time, signature)): (&u64, &(u64, Option<u64>))| {
            let signature = pdq((*signature)?).parse().ok();
            Some((format!("42/i{number}"), "A1".to_string(), *time, None, signature))
        };
        let mut all: Content = self.states.iter().filter_map(of).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn text(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

fn seconds(text: &str) -> u64 {
    humantime::parse_rfc3339(text).unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn serve(list: Arc<Mutex<List>>) -> Script {
    Script::new(move |path, _| {
        let pairs = path.split_once('?').unwrap().1.split('&').filter_map(|pair| pair.split_once('='));
        let pairs: BTreeMap<&str, &str> = pairs.collect();
        let after = pairs.get("after").map(|after| after.parse().unwrap());
        answer(200, &list.lock().unwrap().page(seconds(pairs["from"]), seconds(pairs["to"]), after))
    })
}

/// A folder with a configuration.
struct Place {
    folder: tempfile::TempDir,
}

/// What each exchange asks for.
const NCMEC: &str = "exchange = \"ncmec\"\nuser = \"user\"\npassword_file = \"secret\"\n";
const STOPNCII: &str =
    "exchange = \"stopncii\"\nfunction_key_file = \"secret\"\nsubscription_key_file = \"secret\"\n";
const THREATEXCHANGE: &str = "exchange = \"threatexchange\"\ngroup = \"77\"\ntoken_file = \"secret\"\n";

impl Place {
    fn new(url: &str, exchange: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "hush").unwrap();
        let config = format!("data = \"data\"\n[sync.list]\nurl = \"{url}\"\n{exchange}");
        fs::write(folder.path().join("serve.toml"), config).unwrap();
        Place { folder }
    }

    fn gallery(&self) -> PathBuf {
        self.folder.path().join("data/galleries/list.gallery")
    }

    fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        // Nearly half of the list changes in a round.
        command.args(["gallery", "sync", "list", "--accept-shrink", "--config"]);
        command.arg(self.folder.path().join("serve.toml"));
        command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// How long an undisturbed round takes.
    fn round(&self) -> Duration {
        let began = Instant::now();
        let output = self.start().wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        began.elapsed()
    }

    /// Kills a round after so long; whether it had not ended by itself.
    fn kill(&self, after: Duration) -> bool {
        let mut child = self.start();
        std::thread::sleep(after);
        let was_running = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        was_running
    }
}

/// What a killed round left: a whole gallery of what the list had at some time.
fn check(gallery: &Path, list: &List) {
    if gallery.exists() {
        let invented =
            content(gallery).into_iter().find(|entry| !list.history.contains(&(entry.0.clone(), entry.2)));
        assert!(invented.is_none(), "{:?}", invented.map(|entry| entry.0));
    }
}

/// Changes as many entries as two writes need, some of them twice; at the time that a round sees next.
fn change(list: &mut List, step: u64) {
    let time = now() - 5;
    for number in 0..5200 {
        let number = (number + step * 977) % 12_000;
        list.set(number, time, Some(number + step * 100_000));
    }
    for number in 0..300 {
        list.set(12_000 + step * 300 + number, time, Some(number + step * 100_000 + 50_000));
    }
    for number in 0..200 {
        list.set((number * 59 + step) % 12_000, time, None);
    }
}

#[test]
fn a_round_that_is_killed_is_repeated_and_skips_nothing() {
    let list = Arc::new(Mutex::new(List::default()));
    for number in 0..12_000 {
        list.lock().unwrap().set(number, 1_700_000_000 + number * 1000, Some(number));
    }
    let script = serve(list.clone());
    let url = script.url();

    let whole = Place::new(&url, NCMEC).round();
    let mut running = 0;
    // The first fetch, again and again from where it was.
    let first = Place::new(&url, NCMEC);
    for instant in 0..25 {
        running += u32::from(first.kill(whole * instant / 32));
        check(&first.gallery(), &list.lock().unwrap());
    }
    first.round();
    assert!(content(&first.gallery()) == list.lock().unwrap().content());

    // Rounds of changes.
    let (mut usual, mut kills) = (whole / 2, 25);
    for step in 1..=70 {
        change(&mut list.lock().unwrap(), u64::from(step));
        std::thread::sleep(Duration::from_millis(1100));
        if step == 1 {
            usual = first.round();
            continue;
        }
        running += u32::from(first.kill(usual * (step % 32) / 32));
        kills += 1;
        check(&first.gallery(), &list.lock().unwrap());
        if running == 50 {
            break;
        }
    }
    first.round();
    let undisturbed = Place::new(&url, NCMEC);
    undisturbed.round();
    let expected = list.lock().unwrap().content();
    assert!(content(&undisturbed.gallery()) == expected);
    assert!(content(&first.gallery()) == expected, "the gallery of killed rounds is not the list");
    let mut names: Vec<_> = fs::read_dir(first.gallery().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["list.gallery", "list.sync"]);
    println!("{kills} kills, {running} of them in a round; {} entries are the list's", expected.len());
    assert!(running >= 50, "only {running} of {kills} rounds were killed");
}

#[test]
fn rounds_of_the_other_exchanges_are_killed_too() {
    for (exchange, name, config) in [
        (Exchange::StopNcii, "stopncii", STOPNCII),
        (Exchange::ThreatExchange, "threatexchange", THREATEXCHANGE),
    ] {
        let standin = Running::start(exchange, name, 200);
        let added = |key| faults::change(key, 1_767_225_600 + key, "add", key);
        let changes: String = (0..11_000).map(added).collect();
        standin.post("changes", &changes);
        let undisturbed = Place::new(&standin.url, config);
        let whole = undisturbed.round();
        let expected = content(&undisturbed.gallery());
        assert_eq!(expected.len(), 11_000, "{name}");
        let (mut killed, mut running, mut kills) = (Place::new(&standin.url, config), 0, 0);
        while running < 16 && kills < 64 {
            kills += 1;
            let instant = kills % 16 + 1;
            // Each round resumes; every fourth one begins anew.
            if instant % 4 == 1 {
                killed = Place::new(&standin.url, config);
            }
            running += u32::from(killed.kill(whole * instant / 24));
            if killed.gallery().exists() {
                assert!(
                    content(&killed.gallery()).iter().all(|entry| expected
                        .binary_search_by(|known| known.0.cmp(&entry.0))
                        .is_ok_and(|at| expected[at] == *entry)),
                    "{name}"
                );
            }
        }
        killed.round();
        assert!(content(&killed.gallery()) == expected, "{name}");
        println!(
            "{name}: {kills} kills, {running} of them in a round; {} entries are the list's",
            expected.len()
        );
        assert!(running >= 16, "{name}: only {running} of {kills}");
    }
}
