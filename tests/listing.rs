//! The inputs of a job, listed: what cannot be listed is no input that fails, and what comes later is planned when it is asked for.

#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "tests say what they skip and measure")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;

#[path = "common/jobs.rs"]
mod jobs;

use jobs::*;

/// A library that makes calls of the C library fail; `None` where there is no compiler for it.
static FAILING: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let library =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("failing-{}.so", std::process::id()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/failing.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).args([source, "-ldl"]);
    let built = compiler.status().is_ok_and(|status| status.success());
    if !built {
        println!("skipped: there is no C compiler");
    }
    built.then_some(library)
});

/// What is to fail: the call, its path, the error's number, and the first such call that fails.
#[derive(Debug, Clone, Copy)]
struct Fault(&'static str, &'static str, i32, u32);

/// In place of an error: the process ends, or the call never returns.
const ENDS: i32 = -1;
const HANGS: i32 = -2;

const GONE: i32 = 2;
const IO: i32 = 5;
const DENIED: i32 = 13;

/// A command with a fault; `None` where that cannot be.
fn faulty(folder: &Path, arguments: &[&str], fault: Fault) -> Option<Command> {
    let Fault(call, path, error, from) = fault;
    let mut command = shadegrid(folder, arguments);
    command.env("LD_PRELOAD", FAILING.as_ref()?).env("FAIL_CALL", call).env("FAIL_PATH", path);
    command.env("FAIL_ERRNO", error.to_string()).env("FAIL_FROM", from.to_string());
    Some(command)
}

/// Runs a command with a fault; `None` where that cannot be.
fn failing(folder: &Path, arguments: &[&str], fault: Fault) -> Option<Output> {
    faulty(folder, arguments, fault).map(|mut command| command.output().unwrap())
}

fn all_records(folder: &Path) -> Vec<u8> {
    records(&folder.join("out")).into_values().flatten().collect()
}

/// Every command that looks at the job says that the listing broke off at `place`.
fn assert_broken(folder: &Path, run: &Output, place: &str) {
    assert_eq!(code(run), 1, "{}", stderr(run));
    assert!(stderr(run).contains("cannot list the inputs to their end"), "{}", stderr(run));
    assert!(stderr(run).contains(place), "{}", stderr(run));
    assert!(!folder.join("out/plan/complete.json").exists(), "the plan has its last word");
    let (exit, printed) = job(folder, &["verify", "out"]);
    assert!(
        exit == 3 && printed.contains("the inputs are not listed to their end") && printed.contains(place),
        "{printed}"
    );
    let status = status(folder);
    assert!(
        status["planned"] == false && status["listing_broke"].as_str().unwrap().contains(place),
        "{status}"
    );
    assert!(job(folder, &["status", "out"]).1.contains("broke off"));
    assert_eq!(job(folder, &["merge", "out", "-o", "merged.jsonl"]).0, 1, "half a job was merged");
}

#[test]
fn a_folder_that_cannot_be_listed_ends_the_listing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 499, 16);
    let expected = hashed(folder);
    let faults = [
        Fault("opendir", "photos/002", IO, 1),
        Fault("opendir", "photos/002", DENIED, 1),
        Fault("opendir", "photos/002", GONE, 1),
        Fault("readdir64", "photos/002", IO, 1),
        Fault("readdir64", "photos/002", IO, 57),
        Fault("readdir64", "photos/004", IO, 99),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let Some(run) = failing(folder, &backfill("out", &[]), fault) else { return };
        assert_broken(folder, &run, fault.1);
        // Of the folder itself nothing is planned, so that what could not be seen of it comes later.
        assert!(!text_of(&all_records_so_far(folder)).contains(fault.1), "{fault:?}");
        let again = match number % 2 {
            0 => output(folder, &backfill("out", &[])),
            _ => output(folder, &["job", "retry", "out"]),
        };
        assert_eq!(code(&again), 2, "{}", stderr(&again));
        let (exit, printed) = job(folder, &["verify", "out"]);
        assert!(exit == 0 && printed.contains("499 records"), "{fault:?}: {printed}");
        assert!(all_records(folder) == expected, "{fault:?}: other records than those of `hash`");
        assert!(status(folder)["listing_broke"].is_null());
        fs::remove_dir_all(folder.join("out")).unwrap();

        let run = failing(folder, &["hash", "photos", "--backend", "cpu", "--threads", "1"], fault).unwrap();
        assert_eq!(code(&run), 2);
        let failed =
            text_of(&run.stdout).lines().filter(|line| line.contains("cannot list the inputs")).count();
        assert_eq!(failed, 1, "`hash` has one record of the folder that cannot be listed");
    }
}

/// The records of the shards that are done, if any are.
fn all_records_so_far(folder: &Path) -> Vec<u8> {
    if folder.join("out/records").exists() { all_records(folder) } else { Vec::new() }
}

#[test]
fn an_argument_that_cannot_be_looked_at_is_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 60, 16);
    // It is looked at before the job begins, and once more when it is listed.
    for error in [IO, DENIED, GONE] {
        let fault = Fault("statx", "=photos", error, 2);
        let Some(run) = failing(folder, &backfill("out", &[]), fault) else { return };
        assert_broken(folder, &run, "photos");
        assert_eq!(code(&output(folder, &backfill("out", &[]))), 2);
        assert!(all_records(folder) == hashed(folder));
        fs::remove_dir_all(folder.join("out")).unwrap();
    }
}

#[test]
fn a_list_that_breaks_off_ends_the_listing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 60, 16);
    let named = ["hash", "photos", "--backend", "cpu", "--format", "parquet", "-o", "list.parquet"];
    assert_eq!(code(&output(folder, &named)), 2);
    let with_list =
        |more: &[&'static str]| [&["backfill", "--out", "out", "--quiet", "--backend", "cpu"], more].concat();
    // A Parquet file may be an archive or a list: while it cannot be opened, nobody knows.
    let parquet = with_list(&["list.parquet", "--column", "key", "--format", "jsonl"]);
    let Some(run) = failing(folder, &parquet, Fault("open64", "=list.parquet", IO, 3)) else { return };
    assert_broken(folder, &run, "list.parquet");
    assert_eq!(code(&output(folder, &parquet)), 2);
    assert_eq!(keys(&folder.join("out")).len(), 60);
    fs::remove_dir_all(folder.join("out")).unwrap();

    let plain = with_list(&["--files-from", "list.txt", "--format", "jsonl"]);
    let names: String = (0..30).map(|number| format!("photos/000/{number:06}.bmp\n")).collect();
    let endless = "x".repeat(70_000);
    fs::write(folder.join("list.txt"), format!("{names}{endless}\n{names}")).unwrap();
    assert_broken(folder, &output(folder, &plain), "list.txt");
    fs::write(folder.join("list.txt"), &names).unwrap();
    assert_eq!(code(&output(folder, &plain)), 2);
    assert_eq!((keys(&folder.join("out")).len(), job(folder, &["verify", "out"]).0), (30, 0));
}

/// Names in a list are inputs of their own, whatever becomes of them, and so are links that lead nowhere or in circles.
#[test]
fn an_input_that_fails_is_no_failed_listing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 20, 16);
    std::os::unix::fs::symlink("../nowhere", folder.join("photos/link.bmp")).unwrap();
    std::os::unix::fs::symlink("..", folder.join("photos/000/up")).unwrap();
    fs::write(folder.join("list.txt"), "photos/gone.bmp\nphotos/000/000001.bmp/below.bmp\n").unwrap();
    let run = output(folder, &backfill("out", &["--follow", "--files-from", "list.txt"]));
    assert_eq!(code(&run), 2, "{}", stderr(&run));
    let (exit, printed) = job(folder, &["verify", "out"]);
    assert!(exit == 0 && printed.contains("24 records, 19 hashed, 5 failed (input 1, io 4)"), "{printed}");
    // A link that leads somewhere now is hashed like any file.
    fs::copy(folder.join("photos/000/000001.bmp"), folder.join("nowhere")).unwrap();
    let (exit, printed) = job(folder, &["retry", "out", "--codes", "io"]);
    assert!(exit == 2 && printed.contains("1 of 4 are hashed now"), "{printed}");
}

/// What `verify` says of the inputs, and the paths of all records.
fn verified(folder: &Path) -> (String, Vec<String>) {
    let (exit, printed) = job(folder, &["verify", "out"]);
    assert_eq!(exit, 0, "{printed}");
    (printed, keys(&folder.join("out")))
}

#[test]
fn what_is_new_is_hashed_when_the_inputs_are_listed_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 120, 16);
    tars(folder, 10, 16);
    assert_eq!(code(&output(folder, &backfill("out", &["--extend"]))), 2);
    let before = records(&folder.join("out"));
    assert_eq!(keys(&folder.join("out")).len(), 130);

    // Before all others, between them, behind them; one that was changed, one that is gone, and an archive.
    for (number, name) in ["000/!.bmp", "000/000050x.bmp", "zzz.bmp"].into_iter().enumerate() {
        fs::write(folder.join("photos").join(name), bitmap(5_000 + number as u64, 16)).unwrap();
    }
    fs::write(folder.join("photos/001/000101.bmp"), bitmap(6_000, 17)).unwrap();
    fs::remove_file(folder.join("photos/001/000102.bmp")).unwrap();
    fs::rename(folder.join("photos/tars/000000.tar"), folder.join("photos/tars/000009.tar")).unwrap();

    let unchanged = output(folder, &backfill("out", &[]));
    assert_eq!(code(&unchanged), 2);
    let printed = stderr(&unchanged);
    assert!(
        printed.contains("its inputs were listed on 20") && printed.contains("--extend lists them again"),
        "{printed}"
    );
    assert_eq!(records(&folder.join("out")), before);

    let extended = output(folder, &backfill("out", &["--extend"]));
    assert_eq!(code(&extended), 2, "{}", stderr(&extended));
    let after = records(&folder.join("out"));
    assert!(
        before.iter().all(|(name, content)| after.get(name) == Some(content)),
        "a finished shard was changed"
    );
    let (printed, all) = verified(folder);
    assert!(
        printed.contains("144 records") && printed.contains("1 inputs are planned more than once"),
        "{printed}"
    );
    let new: Vec<&str> = all[130..].iter().map(String::as_str).collect();
    assert_eq!(
        new[..4],
        [
            "photos/000/!.bmp",
            "photos/000/000050x.bmp",
            "photos/001/000101.bmp",
            "photos/tars/000009.tar/000000.bmp"
        ]
    );
    assert_eq!(new[13..], ["photos/zzz.bmp"]);

    assert_eq!(code(&output(folder, &backfill("out", &["--extend"]))), 2);
    assert_eq!(records(&folder.join("out")), after, "nothing was new");
    assert_eq!(job(folder, &["merge", "out", "-o", "merged.jsonl"]).0, 0);
    let status = status(folder);
    assert!(
        status["planned"] == true && status["listed"]["from"].is_u64() && status["listed"]["to"].is_u64()
    );
}

#[test]
fn another_listing_may_break_off_or_be_killed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 300, 16);
    assert_eq!(code(&output(folder, &backfill("out", &[]))), 2);
    for number in (0..300).step_by(2) {
        fs::write(
            folder.join(format!("photos/{:03}/new{number}.bmp", number / 100)),
            bitmap(number + 900, 16),
        )
        .unwrap();
    }
    let extend = backfill("out", &["--extend"]);
    if let Some(broken) = failing(folder, &extend, Fault("opendir", "photos/002", IO, 1)) {
        assert!(code(&broken) == 1 && stderr(&broken).contains("photos/002"), "{}", stderr(&broken));
        let (exit, printed) = job(folder, &["verify", "out"]);
        assert!(exit == 3 && printed.contains("not listed to their end"), "{printed}");
    }
    let mut killed = 0;
    for round in 0..12 {
        let mut workers: Vec<_> = (0..2)
            .map(|_| shadegrid(folder, &extend).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
            .collect();
        std::thread::sleep(Duration::from_millis(5 + noise(11, round) % 60));
        for worker in &mut workers {
            killed += u32::from(worker.try_wait().unwrap().is_none());
            worker.kill().unwrap();
            worker.wait().unwrap();
        }
    }
    println!("{killed} workers were killed");
    // Whoever comes next resumes a listing that was begun, asked to or not.
    assert_eq!(code(&output(folder, &backfill("out", &[]))), 2);
    assert_eq!(code(&output(folder, &extend)), 2);
    let (_, all) = verified(folder);
    let unlike: BTreeSet<&String> = all.iter().collect();
    assert_eq!((all.len(), unlike.len()), (450, 450));
    let expected: BTreeSet<String> = text_of(&hashed(folder)).lines().map(path_of).collect();
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// While a worker is at what was planned first, another one may list again: what is done stays, and each takes what comes.
#[test]
fn the_inputs_are_listed_again_while_others_are_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 600, 64);
    tars(folder, 10, 16);
    let quiet = |arguments: &[&str]| {
        shadegrid(folder, arguments).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    };
    let mut first = quiet(&backfill("out", &[]));
    // What is complete stays as it is, whoever lists meanwhile.
    let listed = folder.join("out/plan/complete.json");
    let begun = Instant::now();
    let is_any_done = || fs::read_dir(folder.join("out/records")).is_ok_and(|files| files.count() > 0);
    while !listed.exists() || !is_any_done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "no shard was finished");
        std::thread::sleep(Duration::from_millis(1));
    }
    let before = records(&folder.join("out"));
    for number in 0..60 {
        fs::write(folder.join(format!("photos/000/new{number}.bmp")), bitmap(number + 9_000, 16)).unwrap();
    }
    // An archive that has changed is a shard again, with all its members.
    let tar = "photos/tars/000000.tar";
    tars(&folder.join("elsewhere"), 12, 16);
    fs::rename(folder.join("elsewhere").join(tar), folder.join(tar)).unwrap();
    let was_at_work = first.try_wait().unwrap().is_none();
    println!("the first worker was {}", if was_at_work { "at work" } else { "done" });
    let extend = backfill("out", &["--extend"]);
    let mut second = quiet(&extend);
    let mut third = quiet(&backfill("out", &[]));
    for worker in [&mut first, &mut second, &mut third] {
        assert!(matches!(worker.wait().unwrap().code(), Some(0 | 2)));
    }
    assert_eq!(code(&output(folder, &extend)), 2);
    let after = records(&folder.join("out"));
    assert!(before.iter().all(|(name, content)| after.get(name) == Some(content)));
    let (printed, all) = verified(folder);
    let expected: Vec<String> = text_of(&hashed(folder)).lines().map(path_of).collect();
    let is_new = |key: &&String| key.starts_with("photos/tars/000000.tar/");
    let again = expected.iter().filter(is_new).count();
    let members = all.iter().filter(is_new).count();
    // Its first shard has what was in it when its turn came.
    assert!(again == 12 && [10 + 12, 12 + 12].contains(&members), "{again} and {members} of the archive");
    let twice = format!("{} inputs are planned more than once", members - again);
    assert!(printed.contains(&twice), "{printed}");
    let unlike: BTreeSet<&String> = all.iter().collect();
    assert!(expected.iter().all(|key| unlike.contains(key)));
    let of_others = |key: &&String| !is_new(key);
    assert_eq!(
        all.iter().filter(of_others).collect::<BTreeSet<_>>().len(),
        all.iter().filter(of_others).count(),
        "a record is there twice"
    );
}

fn path_of(line: &str) -> String {
    serde_json::from_str::<Value>(line).unwrap()["key"].as_str().unwrap().to_string()
}

#[test]
fn what_cannot_be_opened_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 5, 16);
    std::os::unix::fs::symlink("nowhere", folder.join("link")).unwrap();
    fs::write(folder.join("names.csv"), "a,b\n1,2\n").unwrap();
    let refused = |run: &Output, why: &str| {
        assert!(code(run) == 1 && stderr(run).contains(why), "{why}: {}", stderr(run));
        assert!(!folder.join("out").exists(), "{why}: something was written");
    };
    for (more, why) in [
        (&["gone"][..], "gone is not there"),
        (&["link"], "link is not there"),
        (&["gone/photo.jpg"], "gone/photo.jpg is not there"),
        (&["photos/000/000000.bmp/x"], "photos/000/000000.bmp/x cannot be opened"),
        (&["names.csv"], "has no column"),
        (&["--files-from", "gone.txt"], "gone.txt is not there"),
        (&["--files-from", "photos"], "photos cannot be opened"),
        (&["--match", "gone.gallery"], "gone.gallery"),
        (&["--metrics", "nowhere"], "cannot serve metrics"),
    ] {
        refused(&output(folder, &backfill("out", more)), why);
    }
    if let Some(run) = failing(folder, &backfill("out", &[]), Fault("opendir", "=photos", DENIED, 1)) {
        refused(&run, "photos cannot be opened: Permission denied");
    }
    if let Some(run) =
        failing(folder, &backfill("out", &["names.csv"]), Fault("open64", "=names.csv", DENIED, 1))
    {
        refused(&run, "names.csv cannot be opened: Permission denied");
    }
    // One that is complete needs its inputs no more, unless they are to be listed again.
    assert_eq!(code(&output(folder, &backfill("out", &[]))), 0);
    fs::rename(folder.join("photos"), folder.join("away")).unwrap();
    assert_eq!(code(&output(folder, &backfill("out", &[]))), 0);
    let again = output(folder, &backfill("out", &["--extend"]));
    assert!(code(&again) == 1 && stderr(&again).contains("photos is not there"), "{}", stderr(&again));
    assert_eq!(job(folder, &["verify", "out"]).0, 0, "it is as it was");
}

#[test]
fn a_merged_file_is_on_the_disk_before_it_has_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 5, 16);
    assert_eq!(code(&output(folder, &backfill("out", &[]))), 0);
    let merge = ["job", "merge", "out", "-o", "merged.jsonl"];
    let Some(run) = failing(folder, &merge, Fault("fsync", "merged.jsonl", IO, 1)) else { return };
    assert!(code(&run) == 1 && stderr(&run).contains("Input/output error"), "{}", stderr(&run));
    let left = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>();
    assert_eq!(left, BTreeSet::from(["out".into(), "photos".into()]));
    assert_eq!(code(&output(folder, &merge)), 0);
}

/// Pictures, and one more that the hooks of a test take for poison; the records without it.
fn poisoned(folder: &Path) -> String {
    pictures(folder, 90, 40);
    let expected = String::from_utf8(hashed(folder)).unwrap();
    fs::copy(folder.join("photos/000/000000.bmp"), folder.join("photos/000/poison.bmp")).unwrap();
    expected
}

/// The poison has one record, which says why, the other pictures have theirs, and the job is whole.
fn assert_blamed(folder: &Path, expected: &str, why: &str) {
    let text = String::from_utf8(all_records(folder)).unwrap();
    let (blamed, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.contains("poison.bmp"));
    assert_eq!(blamed.len(), 1, "{blamed:?}");
    assert!(blamed[0].contains("corrupt") && blamed[0].contains(why), "{blamed:?}");
    assert_eq!(others, expected.lines().collect::<Vec<_>>());
    assert_eq!(job(folder, &["verify", "out"]).0, 0);
}

#[test]
fn an_input_that_ends_its_worker_has_one_record_and_the_job_ends() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let expected = poisoned(folder);
    let mut deaths = 0;
    let run = loop {
        let fault = Fault("open64", "poison.bmp", ENDS, 1);
        let Some(run) = failing(folder, &backfill("out", &[]), fault) else { return };
        if run.status.code().is_some() {
            break run;
        }
        deaths += 1;
        assert!(deaths < 12, "the job never ends");
    };
    assert_eq!((code(&run), deaths), (2, 5), "{}", stderr(&run));
    assert_blamed(folder, &expected, "ended the process");
    assert!(!fs::read_dir(folder.join("out/claims")).is_ok_and(|claims| claims.count() > 0));
}

/// Each worker hangs at the same picture for ever, with heartbeats. The last one of five finds out and ends the job.
#[test]
fn an_input_that_hangs_its_workers_has_one_record_and_the_job_ends() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let expected = poisoned(folder);
    let command = backfill("out", &["--expiry", "1", "--stall", "2"]);
    let start = || {
        let mut command = faulty(folder, &command, Fault("open64", "poison.bmp", HANGS, 1))?;
        Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    let Some(workers) = (0..5).map(|_| start()).collect::<Option<Vec<_>>>() else { return };
    let mut workers = Workers(workers);
    let started = Instant::now();
    let exit = loop {
        if let Some(exit) = workers.0.iter_mut().find_map(|worker| worker.try_wait().unwrap()) {
            break exit;
        }
        assert!(started.elapsed() < Duration::from_secs(120), "the job never ends");
        std::thread::sleep(Duration::from_millis(50));
    };
    println!("{exit} after {:?}", started.elapsed());
    assert_eq!(exit.code(), Some(2));
    assert!(started.elapsed() > Duration::from_secs(8), "four workers were to hang for two seconds each");
    let hanging =
        workers.0.iter_mut().map(|worker| worker.try_wait().unwrap()).filter(Option::is_none).count();
    assert_eq!(hanging, 4);
    drop(workers);
    assert_blamed(folder, &expected, "hashing it hung");
}

/// Workers that are killed where a test ends.
struct Workers(Vec<Child>);

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}
