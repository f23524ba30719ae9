//! Jobs as their users meet them: killed, stopped, starved of space, and complete all the same.
//!
//! One long file, since all of it works on the same generated jobs by the same few helpers, and every file of tests is linked with the whole program.

#![expect(clippy::print_stdout, reason = "tests say what they skip and measure")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

#[path = "common/jobs.rs"]
mod jobs;

use jobs::*;

#[test]
fn a_job_says_what_hash_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 310, 40);
    let run = output(folder, &backfill("out", &[]));
    assert_eq!(code(&run), 2, "{}", stderr(&run));
    let out = folder.join("out");
    assert_eq!(records(&out).len(), 13);
    assert_eq!(records(&out).into_values().flatten().collect::<Vec<u8>>(), hashed(folder));

    let before = records(&out);
    let again = output(folder, &backfill("out", &[]));
    assert_eq!(code(&again), 2, "{}", stderr(&again));
    assert_eq!(records(&out), before);
    let inside = output(folder, &backfill("photos/out", &[]));
    assert!(code(&inside) == 1 && stderr(&inside).contains("lies in the source"), "{}", stderr(&inside));
    assert!(!folder.join("photos/out").exists());
    let other = output(folder, &backfill("out", &["--detail", "full"]));
    assert_eq!(code(&other), 1);
    assert!(stderr(&other).contains(r#"detail was "auto" and is now "full""#), "{}", stderr(&other));
}

#[test]
fn fixed_parts_make_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 210, 40);
    for (part, files) in [("1/3", 3), ("3/3", 6), ("2/3", 9)] {
        let run = output(folder, &backfill("out", &["--worker", part]));
        assert!([0, 2].contains(&code(&run)), "{}", stderr(&run));
        assert_eq!(records(&folder.join("out")).len(), files);
    }
    assert_eq!(records(&folder.join("out")).into_values().flatten().collect::<Vec<u8>>(), hashed(folder));
}

/// Two workers that are killed, at the same instant, after every pause; how often they were both at work then.
fn kill_and_restart(
    folder: &Path,
    arguments: &[&str],
    pauses: impl Iterator<Item = Duration>,
    kills: usize,
) -> usize {
    let mut killed = 0;
    for (round, pause) in pauses.enumerate() {
        let start =
            || shadegrid(folder, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut workers: Vec<Child> = (0..2).map(|_| start()).collect();
        std::thread::sleep(pause);
        let alive = workers
            .iter_mut()
            .map(|worker| worker.try_wait().unwrap().is_none())
            .filter(|alive| *alive)
            .count();
        workers.iter_mut().for_each(|worker| drop(worker.kill()));
        for worker in &mut workers {
            worker.wait().unwrap();
        }
        killed += alive;
        if alive == 0 || killed >= kills {
            println!("{killed} workers were killed in {} rounds", round + 1);
            break;
        }
    }
    killed
}

/// From the third death on the shard is taken alone, and whatever is in hand at a death comes under suspicion.
#[test]
fn deaths_for_other_reasons_blame_no_input() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 90, 300);
    let arguments = backfill("out", &[]);
    let is_alone = |name: &Path| name.extension().is_some_and(|extension| extension == "suspects");
    let claims =
        || fs::read_dir(folder.join("out/claims")).into_iter().flatten().flatten().map(|claim| claim.path());
    let written_down =
        || -> Vec<Vec<u8>> { claims().filter(|claim| is_alone(claim)).flat_map(fs::read).collect() };
    let mut kills = 0;
    for round in 0..60 {
        let (mut before, attempts) = (written_down(), claims().count());
        let mut worker =
            shadegrid(folder, &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // A worker is killed once it has the shard, and one that takes it alone after the suspect was tried: what it writes down has changed twice by
        // then. Where every worker were killed sooner, as on a busy machine after any fixed time, the suspect would be in hand each time, and be blamed
        // with reason. A file that is just being written is no change: it is empty for an instant.
        let (started, mut changes) = (Instant::now(), 0);
        let mut is_due = || {
            let now = written_down();
            let is_whole = now.iter().all(|file| serde_json::from_slice::<Value>(file).is_ok());
            if now != before && !now.is_empty() && is_whole {
                (before, changes) = (now, changes + 1);
            }
            if before.is_empty() { claims().count() > attempts } else { changes >= 2 }
        };
        while !is_due() && worker.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_secs(600), "round {round}: the worker hangs");
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_millis(noise(11, round) % 40));
        kills += usize::from(worker.try_wait().unwrap().is_none());
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    println!("{kills} workers were killed");
    assert!(kills >= 40, "only {kills} workers were killed");
    assert!(!written_down().is_empty(), "no shard was taken alone");
    let last = output(folder, &arguments);
    assert_eq!(code(&last), 2, "{}", stderr(&last));
    assert_eq!(records(&folder.join("out")).into_values().flatten().collect::<Vec<u8>>(), hashed(folder));
}

#[test]
fn killed_at_any_instant_it_comes_out_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 1_400, 200);
    tars(folder, 600, 200);
    let started = Instant::now();
    assert_eq!(code(&output(folder, &backfill("undisturbed", &[]))), 2);
    let whole = started.elapsed();
    println!("undisturbed it takes {whole:?}");
    let pauses = (0..).map(|round| whole.mul_f64(0.005 + (noise(7, round) % 1000) as f64 / 1000.0 * 0.035));
    let killed = kill_and_restart(folder, &backfill("out", &[]), pauses, 24);
    assert!(killed >= 20, "only {killed} workers were killed");
    let last = output(folder, &backfill("out", &[]));
    assert_eq!(code(&last), 2, "{}", stderr(&last));
    assert_same(&folder.join("out"), &folder.join("undisturbed"));
}

#[test]
fn an_archive_is_a_shard_and_is_made_anew_where_it_was_broken() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 30, 40);
    tars(folder, 250, 40);
    let run = output(folder, &backfill("whole", &[]));
    assert_eq!(code(&run), 2, "{}", stderr(&run));
    assert_eq!(records(&folder.join("whole")).len(), 2 + 3);
    assert_eq!(keys(&folder.join("whole")).len(), 280);

    let tar = folder.join("photos/tars/000100.tar");
    let content = fs::read(&tar).unwrap();
    fs::write(&tar, &content[..content.len() * 2 / 5]).unwrap();
    assert_eq!(code(&output(folder, &backfill("out", &[]))), 2);
    let broken = status(folder);
    assert!(broken["records"].as_u64() < Some(250) && broken["complete"] == true, "{broken}");
    fs::write(&tar, content).unwrap();
    let (exit, printed) = job(folder, &["retry", "out", "--codes", "corrupt,io"]);
    assert_eq!(exit, 0, "{printed}");
    let (exit, printed) = job(folder, &["verify", "out"]);
    assert_eq!(exit, 0, "{printed}");
    assert_same(&folder.join("out"), &folder.join("whole"));
}

#[test]
fn every_format_holds_the_same_records() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 130, 40);
    for format in ["jsonl", "csv", "parquet"] {
        let run = output(folder, &backfill(format, &["--format", format]));
        assert_eq!(code(&run), 2, "{}", stderr(&run));
        let (code, printed) = job(folder, &["verify", format]);
        assert_eq!(code, 0, "{printed}");
        let (code, printed) = job(folder, &["merge", format, "-o", "merged.jsonl", "--format", "jsonl"]);
        assert_eq!(code, 0, "{printed}");
        assert!(fs::read(folder.join("merged.jsonl")).unwrap() == hashed(folder), "{format} says otherwise");
    }
}

#[test]
fn a_check_sees_what_was_done_to_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 130, 40);
    assert_eq!(code(&output(folder, &backfill("out", &["--worker", "1/2"]))), 2);
    let (code_unfinished, printed) = job(folder, &["verify", "out"]);
    assert_eq!(code_unfinished, 3, "{printed}");
    assert_eq!(job(folder, &["merge", "out", "-o", "x.jsonl"]).0, 1, "an unfinished job was merged");
    let before = status(folder);
    assert_eq!((&before["shards"], &before["done"], &before["left"]), (&6.into(), &3.into(), &3.into()));
    assert_eq!(code(&output(folder, &backfill("out", &[]))), 2);
    let (all_is_there, printed) = job(folder, &["verify", "out"]);
    assert_eq!(all_is_there, 0, "{printed}");
    assert!(printed.contains("130 records, 126 hashed, 4 failed (input 4)"), "{printed}");
    assert_eq!((&status(folder)["complete"], &status(folder)["failed"]["input"]), (&true.into(), &4.into()));

    let file = folder.join("out/records/0000002.jsonl");
    let whole = fs::read(&file).unwrap();
    let mut lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    lines.swap(3, 4);
    for damaged in [&whole[..whole.len() - 300], &lines.concat(), &[&whole[..], &whole[..]].concat()] {
        fs::write(&file, damaged).unwrap();
        let (code, printed) = job(folder, &["verify", "out"]);
        assert!(code == 2 && printed.contains("0000002.jsonl"), "{printed}");
    }
    fs::remove_file(&file).unwrap();
    assert!(job(folder, &["verify", "out"]).1.contains("records/0000002.jsonl is gone"));
    fs::write(&file, &whole).unwrap();
    fs::write(folder.join("out/records/0000099.jsonl"), &whole).unwrap();
    let (code, printed) = job(folder, &["verify", "out"]);
    assert!(
        code == 2 && printed.contains("belongs to no shard") && !printed.contains("130 records, 130"),
        "{printed}"
    );
}

#[test]
fn an_input_named_twice_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 60, 40);
    tars(folder, 10, 16);
    let more = ["photos/000/000007.bmp", "photos/tars/000000.tar"];
    assert_eq!(code(&output(folder, &backfill("out", &more))), 2);
    let (code, printed) = job(folder, &["verify", "out"]);
    assert!(code == 0 && printed.contains("11 inputs are planned more than once"), "{printed}");
}

/// A job of one tar with pictures and five pictures next to it; the tar's content, and the file of its records.
fn job_of_a_tar(folder: &Path, change: impl FnOnce(&Path, &[u8])) -> (PathBuf, Vec<u8>, PathBuf) {
    pictures(folder, 5, 16);
    tars(folder, 4, 40);
    let tar = folder.join("photos/tars/000000.tar");
    let content = fs::read(&tar).unwrap();
    change(&tar, &content);
    let run = output(folder, &backfill("out", &[]));
    assert!([0, 2].contains(&code(&run)), "{}", stderr(&run));
    (tar, content, folder.join("out/records/0000001.jsonl"))
}

/// The content of a tar of four pictures whose second one is none.
fn with_a_bad_member(content: &[u8]) -> Vec<u8> {
    let second = content.windows(10).position(|name| name == b"000001.bmp").unwrap();
    let mut bad = content.to_vec();
    bad[second + 512..second + 514].copy_from_slice(b"no");
    bad
}

#[test]
fn a_retry_loses_no_hashed_record() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cut = |tar: &Path, content: &[u8]| fs::write(tar, &content[..content.len() * 4 / 5]).unwrap();
    let (tar, content, file) = job_of_a_tar(folder, cut);
    let before = fs::read(&file).unwrap();
    assert!(before.windows(4).filter(|word| word == b"\"ok\"").count() == 3, "{}", text_of(&before));
    for second in [None, Some(&content[..content.len() / 2])] {
        match second {
            None => fs::remove_file(&tar).unwrap(),
            Some(content) => fs::write(&tar, content).unwrap(),
        }
        let (exit, printed) = job(folder, &["retry", "out"]);
        assert!(exit == 2 && printed.contains("0 of 1 are hashed now, 1 failed again"), "{printed}");
        assert!(
            printed.contains(
                "left as before, because what was read again lacks records that were hashed: 1 file"
            ),
            "{printed}"
        );
        assert!(fs::read(&file).unwrap() == before, "the file was replaced");
    }
    fs::write(&tar, &content).unwrap();
    let (exit, printed) = job(folder, &["retry", "out"]);
    assert!(exit == 0 && printed.contains("4 of 4 are hashed now"), "{printed}");
    assert_eq!(job(folder, &["verify", "out"]).0, 0);
}

#[test]
fn a_failed_member_that_does_not_come_again_failed_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let damage = |tar: &Path, content: &[u8]| fs::write(tar, with_a_bad_member(content)).unwrap();
    let (tar, content, file) = job_of_a_tar(folder, damage);
    let before = fs::read(&file).unwrap();
    fs::remove_file(&tar).unwrap();
    let (exit, printed) = job(folder, &["retry", "out"]);
    assert!(exit == 2 && printed.contains("0 of 1 are hashed now, 1 failed again (io 1)"), "{printed}");
    fs::write(&tar, [&content[..600], &[0; 1024]].concat()).unwrap();
    let (exit, printed) = job(folder, &["retry", "out"]);
    assert!(exit == 2 && printed.contains("0 of 1 are hashed now, 1 failed again"), "{printed}");
    let mut empty = tar::Builder::new(Vec::new());
    empty.finish().unwrap();
    fs::write(&tar, empty.get_ref()).unwrap();
    let (exit, printed) = job(folder, &["retry", "out"]);
    assert!(exit == 2 && printed.contains("0 of 1 are hashed now, 1 failed again (input 1)"), "{printed}");
    assert!(fs::read(&file).unwrap() == before, "nothing came of it, and the file was replaced");
    fs::write(&tar, &content).unwrap();
    let (exit, printed) = job(folder, &["retry", "out"]);
    assert!(exit == 0 && printed.contains("1 of 1 are hashed now"), "{printed}");
}

#[test]
fn lost_files_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 130, 40);
    assert_eq!(code(&output(folder, &backfill("out", &[]))), 2);
    let (out, before) = (folder.join("out/records"), records(&folder.join("out")));
    fs::remove_file(out.join("0000000.jsonl")).unwrap();
    fs::write(out.join("0000003.jsonl"), &before["0000003.jsonl"][9..]).unwrap();
    let (exit, printed) = job(folder, &["verify", "out"]);
    let advice = "`shadegrid job retry --lost` hashes it again";
    assert!(exit == 2 && printed.matches(advice).count() == 2, "{printed}");
    let (exit, printed) = job(folder, &["retry", "out"]);
    assert!(exit == 2 && printed.contains("0 of 2 are hashed now, 2 failed again"), "{printed}");
    assert!(printed.contains("missing, or different from the ledger: 2 files"), "{printed}");

    // What is left of a changed file is not given up for less.
    fs::rename(folder.join("photos"), folder.join("away")).unwrap();
    fs::create_dir(folder.join("photos")).unwrap();
    let changed = fs::read(out.join("0000003.jsonl")).unwrap();
    let (exit, printed) = job(folder, &["retry", "out", "--lost"]);
    assert!(
        exit == 2 && printed.contains("0 of 25 are hashed now, 25 failed again (io 25); left as before"),
        "{printed}"
    );
    assert!(fs::read(out.join("0000003.jsonl")).unwrap() == changed);
    fs::remove_dir(folder.join("photos")).unwrap();
    fs::rename(folder.join("away"), folder.join("photos")).unwrap();

    let (exit, printed) = job(folder, &["retry", "out", "--lost"]);
    assert!(exit == 2 && printed.contains("24 of 25 are hashed now, 1 failed again (input 1)"), "{printed}");
    let (exit, printed) = job(folder, &["retry", "out", "--codes", "io"]);
    assert!(exit == 2 && printed.contains("24 of 25 are hashed now, 1 failed again (input 1)"), "{printed}");
    let (exit, printed) = job(folder, &["verify", "out"]);
    assert_eq!(exit, 0, "{printed}");
    assert!(records(&folder.join("out")) == before);
    let (exit, printed) = job(folder, &["retry", "out", "--lost"]);
    assert!(exit == 0 && printed.contains("0 of 0 are hashed now"), "{printed}");
}

#[test]
fn a_check_reads_the_whole_plan() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (.., file) = job_of_a_tar(folder, |_, _| ());
    let (plan, records) = (folder.join("out/plan"), folder.join("out/records"));
    let segment = |shard: &str| {
        let all = fs::read_dir(&plan).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| text_of(&fs::read(path).unwrap()).contains(shard)).max().unwrap()
    };
    let of_the_tar = segment("archive");
    let whole = fs::read(&of_the_tar).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let reports = |what: &str| {
        let (exit, printed) = job(folder, &["verify", "out"]);
        assert!(exit == 2 && printed.contains(what), "{what}: {printed}");
    };
    // Another fault, which must be reported as well.
    fs::rename(records.join("0000000.jsonl"), folder.join("away")).unwrap();
    for damaged in [&flipped[..], &whole[..whole.len() - 1], &whole[1..], b""] {
        fs::write(&of_the_tar, damaged).unwrap();
        reports("segment is damaged");
        reports("0000000.jsonl is gone");
    }
    fs::remove_file(&of_the_tar).unwrap();
    reports("segment is gone");
    reports("0000000.jsonl is gone");
    fs::write(&of_the_tar, &whole).unwrap();
    fs::rename(folder.join("away"), records.join("0000000.jsonl")).unwrap();
    assert_eq!(job(folder, &["verify", "out"]).0, 0);

    // Neither can be read as records.
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    reports("0000001.jsonl");
    reports("5 records");
}

#[test]
fn a_check_sees_what_is_not_planned_or_not_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 130, 16);
    assert_eq!(code(&output(folder, &backfill("out", &["--worker", "1/2"]))), 2);
    let records = folder.join("out/records");
    let reports = |what: &str| {
        let (exit, printed) = job(folder, &["verify", "out"]);
        assert!(exit == 2 && printed.contains(what), "{what}: {printed}");
    };
    for stranger in ["0000000.copy.jsonl", "0.jsonl", "0000000.csv", "notes"] {
        fs::copy(records.join("0000000.jsonl"), records.join(stranger)).unwrap();
        reports(&format!("records/{stranger} belongs to no shard"));
        fs::remove_file(records.join(stranger)).unwrap();
    }
    fs::write(records.join(".nfs01"), "").unwrap();
    assert_eq!(job(folder, &["verify", "out"]).0, 3);
    fs::copy(records.join("0000000.jsonl"), records.join("0000001.jsonl")).unwrap();
    reports("records/0000001.jsonl is there, and no line of the ledger names it");
    fs::remove_file(records.join("0000001.jsonl")).unwrap();
    fs::remove_dir_all(folder.join("out/plan")).unwrap();
    reports("records/0000000.jsonl is in the ledger, and its shard not in the plan");
    let status = status(folder);
    assert_eq!((&status["done"], &status["left"]), (&3.into(), &0.into()));
    assert!(job(folder, &["status", "out"]).1.contains("3 done, 0 running, 0 left, of 0"));
    let (exit, printed) = job(folder, &["retry", "out"]);
    assert!(exit == 1 && printed.contains("not in the plan"), "{printed}");
}

#[test]
fn only_what_the_ledger_tells_of_is_merged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 60, 16);
    let merge = |output: &str, why: &str| {
        let (exit, printed) = job(folder, &["merge", "out", "-o", output]);
        assert!(exit == 1 && printed.contains(why), "{printed}");
        assert!(!folder.join(output).exists() && !folder.join(format!("{output}.partial")).exists());
    };
    assert_eq!(code(&output(folder, &backfill("out", &["--worker", "1/2"]))), 2);
    merge("all.jsonl", "is not finished");
    assert_eq!(code(&output(folder, &backfill("out", &[]))), 2);
    merge("out/records/all.jsonl", "lies in out, which is read");
    merge("out/records/0000007.jsonl", "lies in out, which is read");
    let file = folder.join("out/records/0000001.jsonl");
    let mut lines: Vec<_> =
        fs::read(&file).unwrap().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    lines.swap(1, 2);
    fs::write(&file, lines.concat()).unwrap();
    merge("all.jsonl", "records/0000001.jsonl is not the file in the ledger; `shadegrid job verify`");
    fs::remove_file(&file).unwrap();
    merge("all.jsonl", "records/0000001.jsonl is gone");
}

/// What `job report` says.
fn reported(folder: &Path) -> Value {
    assert_eq!(job(folder, &["report", "out"]).0, 0);
    serde_json::from_slice(&fs::read(folder.join("out/report.json")).unwrap()).unwrap()
}

#[test]
fn failed_records_are_tried_again_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 130, 40);
    let gone = folder.join("photos/000/000030.bmp");
    let content = fs::read(&gone).unwrap();
    let arguments = backfill("out", &["--max-pixels", "2200"]);
    assert_eq!(code(&output(folder, &[&arguments[..], &["--worker", "1/2"]].concat())), 2);
    // Planned, and removed before its shard is opened.
    fs::remove_file(&gone).unwrap();
    assert_eq!(code(&output(folder, &arguments)), 2);
    let before = status(folder)["failed"].clone();
    let (limit, begun) = (before["limit"].as_u64().unwrap(), reported(folder));
    assert!(limit > 10 && before["io"] == 1 && before["input"] == 4, "{before}");
    fs::write(&gone, content).unwrap();

    let (exit, printed) = job(folder, &["retry", "out", "--codes", "io"]);
    assert!(!job(folder, &["verify", "out"]).1.contains("under other limits"));
    assert!(exit == 0 && printed.contains("1 of 1 are hashed now"), "{printed}");
    let (exit, printed) = job(folder, &["retry", "out", "--codes", "limit,io", "--max-pixels", "1000000"]);
    assert!(exit == 0 && printed.contains(&format!("{limit} of {limit} are hashed now")), "{printed}");
    let limits = || reported(folder)["other_limits"].clone();
    assert_eq!(limits()[0]["max_pixels"], 1_000_000);
    let after = reported(folder);
    assert_eq!((&after["begun"], &after["ended"]), (&begun["begun"], &begun["ended"]));
    assert_eq!(after["workers"].as_object().unwrap().len(), begun["workers"].as_object().unwrap().len());
    let seconds = |report: &Value| report["thread_seconds"]["hash"].as_f64().unwrap();
    assert!(seconds(&after) > seconds(&begun));
    let printed = job(folder, &["verify", "out"]).1;
    assert!(printed.contains("under other limits"), "{printed}");
    let (exit, printed) = job(folder, &["retry", "out", "--codes", "input"]);
    assert!(exit == 2 && printed.contains("0 of 4 are hashed now, 4 failed again (input 4)"), "{printed}");
    // The last retry had the limits of the one before.
    assert_eq!(limits().as_array().unwrap().len(), 1);
    assert_eq!(job(folder, &["verify", "out"]), (0, job(folder, &["verify", "out"]).1));
    assert!(records(&folder.join("out")).into_values().flatten().collect::<Vec<u8>>() == hashed(folder));
    let (exit, printed) = job(folder, &["retry", "out", "--codes", "nonsense"]);
    assert!(exit == 1 && printed.contains("unknown code"), "{printed}");
}

#[test]
fn retries_that_are_killed_leave_one_or_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 400, 150);
    assert_eq!(code(&output(folder, &backfill("out", &["--max-pixels", "100"]))), 2);
    let retry = ["job", "retry", "out", "--codes", "limit", "--max-pixels", "1000000", "--threads", "1"];
    let pauses = (0..).map(|round| Duration::from_millis(5 + noise(3, round) % 35));
    let killed = kill_and_restart(folder, &retry, pauses, 12);
    assert!(killed >= 2, "only {killed} workers were killed");
    let (exit, printed) = job(folder, &["verify", "out"]);
    assert_eq!(exit, 0, "{printed}");
    assert_eq!(job(folder, &["retry", "out", "--codes", "limit", "--max-pixels", "1000000"]).0, 0);
    assert_eq!(job(folder, &["verify", "out"]).0, 0);
    assert!(records(&folder.join("out")).into_values().flatten().collect::<Vec<u8>>() == hashed(folder));
}

#[test]
fn matches_are_those_of_match() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 130, 60);
    let known = output(folder, &["hash", "photos/000", "--backend", "cpu", "-o", "known.jsonl"]);
    assert_eq!(code(&known), 2);
    let built = output(folder, &["gallery", "build", "known.gallery", "known.jsonl"]);
    assert!([0, 2].contains(&code(&built)), "{}", stderr(&built));
    let run = output(folder, &backfill("out", &["--match", "known.gallery"]));
    assert_eq!(code(&run), 2, "{}", stderr(&run));
    let matched = output(folder, &["match", "--gallery", "known.gallery", "photos"]).stdout;
    let found: Vec<u8> = records(&folder.join("out")).into_values().flatten().collect();
    let parsed = |lines: &[u8]| -> Vec<Value> {
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    };
    let (found, matched) = (parsed(&found), parsed(&matched));
    assert!(
        found.iter().filter(|record| record["matches"].as_array().is_some_and(|m| !m.is_empty())).count()
            >= 90
    );
    for (found, matched) in found.iter().zip(&matched).filter(|(found, _)| found["status"] == "ok") {
        assert_eq!((&found["key"], &found["matches"]), (&matched["key"], &matched["matches"]));
    }
    fs::copy(folder.join("known.jsonl"), folder.join("more.jsonl")).unwrap();
    assert_eq!(code(&output(folder, &["gallery", "add", "known.gallery", "more.jsonl"])) % 2, 0);
    let other = output(folder, &backfill("out", &["--match", "known.gallery"]));
    assert!(code(&other) == 1 && stderr(&other).contains("matching was"), "{}", stderr(&other));
}

/// Waits until there is a file of records.
fn wait_for_a_shard(folder: &Path) {
    for _ in 0..20_000 {
        std::thread::sleep(Duration::from_millis(1));
        if fs::read_dir(folder.join("out/records")).is_ok_and(|files| files.count() > 0) {
            return;
        }
    }
    panic!("no shard was finished");
}

#[cfg(unix)]
#[test]
fn a_request_to_end_leaves_what_others_can_go_on_with() {
    for grace in ["0", "30"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        pictures(folder, 2_000, 200);
        let arguments = backfill("out", &["--grace", grace]);
        let mut worker = shadegrid(folder, &arguments).stderr(Stdio::null()).spawn().unwrap();
        wait_for_a_shard(folder);
        signal(&worker, "-TERM");
        let asked = Instant::now();
        assert_eq!(worker.wait().unwrap().code(), Some(130));
        assert!(asked.elapsed() < Duration::from_secs(10), "it took {:?}", asked.elapsed());
        let (done, printed) = (status(folder)["done"].as_u64().unwrap(), job(folder, &["verify", "out"]));
        assert!((0..80).contains(&done) && printed.0 == 3, "{done} shards: {}", printed.1);
        for left in ["claims", "drafts", "workers"] {
            assert_eq!(fs::read_dir(folder.join("out").join(left)).unwrap().count(), 0, "{left} left");
        }
        let said = job(folder, &["status", "out"]).1;
        assert!(said.contains("workers  none; the same `shadegrid backfill` command resumes"), "{said}");
        assert!(status(folder)["seconds_left"].is_null(), "nobody is at it: {said}");
        assert_eq!(code(&output(folder, &arguments)), 2);
        assert!(records(&folder.join("out")).into_values().flatten().collect::<Vec<u8>>() == hashed(folder));
    }
}

/// What a worker of another machine held is taken over when that one has been silent for the expiry.
#[test]
fn a_silent_worker_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 60, 40);
    fs::create_dir_all(folder.join("out/claims")).unwrap();
    let holder = r#"{"name":"elsewhere_1","host":"elsewhere","process":1}"#;
    fs::write(folder.join("out/claims/0000001.1"), holder).unwrap();
    let started = Instant::now();
    assert_eq!(code(&output(folder, &backfill("out", &["--expiry", "1"]))), 2);
    assert!(started.elapsed() >= Duration::from_secs(1), "a living worker may have been robbed");
    assert!(records(&folder.join("out")).into_values().flatten().collect::<Vec<u8>>() == hashed(folder));
}

/// A worker that waits for its input has heartbeats and gets nothing done: another one takes its shard over and finishes the job. The slow one is
/// not dead, goes on when its input comes, and changes nothing.
#[cfg(unix)]
#[test]
fn a_worker_that_hangs_is_taken_over() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(folder, 30, 40);
    let pipe = folder.join("slow.bmp");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let arguments =
        ["backfill", "photos", "slow.bmp", "--out", "out", "--shard-size", "10", "--format", "jsonl"];
    let arguments = [&arguments[..], &["--expiry", "1", "--stall", "2"]].concat();
    let mut slow = shadegrid(folder, &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Opening it for writing waits until the worker has opened it for reading.
    let mut input = fs::File::options().write(true).open(&pipe).unwrap();
    fs::write(folder.join("whole.bmp"), bitmap(77, 40)).unwrap();
    fs::rename(folder.join("whole.bmp"), &pipe).unwrap();
    let started = Instant::now();
    let other = output(folder, &arguments);
    assert_eq!(code(&other), 2, "{}", stderr(&other));
    assert!(started.elapsed() >= Duration::from_secs(2), "a living worker was robbed");
    let done = records(&folder.join("out"));
    assert_eq!(keys(&folder.join("out")).len(), 31);
    let last = String::from_utf8(done.values().last().unwrap().clone()).unwrap();
    assert!(last.contains("slow.bmp") && last.contains(r#""status":"ok""#), "{last}");
    assert!(slow.try_wait().unwrap().is_none(), "the worker did not wait for its input");
    input.write_all(&bitmap(77, 40)).unwrap();
    drop(input);
    assert_eq!(slow.wait().unwrap().code(), Some(2));
    assert!(records(&folder.join("out")) == done);
    let (exit, said) = job(folder, &["verify", "out"]);
    assert_eq!(exit, 0, "{said}");
}

/// A file system of its own below `folder`, unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(folder: &Path, options: &str) -> Option<Mounted> {
        let place = folder.join("out");
        fs::create_dir_all(&place).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&place).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Mounted(place)),
            _ => {
                println!("skipped: a file system cannot be mounted here");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(disk) = Mounted::new(folder, "size=96k") else { return };
    pictures(folder, 410, 40);
    let full = output(folder, &backfill("out", &[]));
    assert_eq!(code(&full), 1, "{}", stderr(&full));
    assert!(
        stderr(&full).contains("No space left") && stderr(&full).contains("goes on"),
        "{}",
        stderr(&full)
    );
    let (exit, printed) = job(folder, &["verify", "out"]);
    assert_eq!(exit, 3, "{printed}");
    disk.remount("size=20m");
    assert_eq!(code(&output(folder, &backfill("out", &[]))), 2);
    assert_eq!(job(folder, &["verify", "out"]).0, 0);
    assert!(records(&folder.join("out")).into_values().flatten().collect::<Vec<u8>>() == hashed(folder));
}

#[test]
fn a_read_only_output_is_said_at_once_and_resumed_later() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(disk) = Mounted::new(folder, "size=20m") else { return };
    pictures(folder, 60, 40);
    assert_eq!(code(&output(folder, &backfill("out", &["--worker", "1/2"]))), 2);
    disk.remount("ro");
    let refused = output(folder, &backfill("out", &[]));
    assert_eq!(code(&refused), 1);
    assert!(stderr(&refused).contains("Read-only file system"), "{}", stderr(&refused));
    assert_eq!(job(folder, &["verify", "out"]).0, 3, "a read-only job can be looked at");
    disk.remount("rw");
    assert_eq!(code(&output(folder, &backfill("out", &[]))), 2);
    assert!(records(&folder.join("out")).into_values().flatten().collect::<Vec<u8>>() == hashed(folder));
}

#[test]
fn workers_that_end_together_all_end_well() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path(), 30, 16);
    for round in 0..10 {
        let out = format!("out{round}");
        let job = backfill(&out, &["--quiet"]);
        let worker = || shadegrid(folder.path(), &job).stderr(Stdio::piped()).spawn().unwrap();
        let workers: Vec<Child> = (0..4).map(|_| worker()).collect();
        for worker in workers {
            let ended = worker.wait_with_output().unwrap();
            assert_eq!(code(&ended), 2, "round {round}: {}", stderr(&ended));
        }
        assert_eq!(fs::read_dir(folder.path().join(&out).join("drafts")).unwrap().count(), 0);
    }
}

#[test]
fn a_fixed_part_answers_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    // The one that is no picture is in the first shard.
    pictures(folder.path(), 40, 16);
    let part = |part| code(&output(folder.path(), &backfill("out", &["--quiet", "--worker", part])));
    assert_eq!([part("1/2"), part("2/2"), part("1/1")], [2, 0, 2]);
}

#[test]
fn a_job_begins_where_its_sources_are() {
    let folder = tempfile::tempdir().unwrap();
    let job = backfill("out", &["--quiet"]);
    let refused = |folder: &Path, job: &[&str], why: &str| {
        let ended = output(folder, job);
        assert!(code(&ended) == 1 && stderr(&ended).contains(why), "{ended:?}");
    };
    refused(folder.path(), &job, "photos is not there");
    assert!(!folder.path().join("out/job.json").exists(), "a job was begun without its source");

    pictures(folder.path(), 3, 16);
    assert_eq!(code(&output(folder.path(), &job)), 0);
    let elsewhere = folder.path().join("elsewhere");
    pictures(&elsewhere, 3, 16);
    refused(&elsewhere, &backfill("../out", &["--quiet"]), "directory was");
    refused(&elsewhere, &["job", "retry", "../out"], "directory was");
    let settings = folder.path().join("out/job.json");
    let own = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, own.replace("\"engine\": \"shadegrid ", "\"engine\": \"shadegrid 9.")).unwrap();
    refused(folder.path(), &["job", "retry", "out"], "job.json in out is damaged: its checksum differs");
    fs::write(&settings, own).unwrap();

    fs::rename(folder.path().join("photos"), folder.path().join("away")).unwrap();
    assert_eq!(code(&output(folder.path(), &job)), 0, "a job that is complete needs its sources no more");
}

#[cfg(unix)]
#[test]
fn what_a_job_writes_is_never_its_input() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path(), 3, 16);
    std::os::unix::fs::symlink("photos", folder.path().join("link")).unwrap();
    for out in ["photos/out", "link/out", "link/../photos/deep/out"] {
        let ended = output(folder.path(), &backfill(out, &[]));
        assert!(code(&ended) == 1 && stderr(&ended).contains("lies in the source"), "{ended:?}");
    }
}

/// Four files of a folder and two members of a tar of it are skipped, one each fails.
fn with_notes(folder: &Path) {
    pictures(folder, 5, 40);
    let notes = |name: &str| fs::write(folder.join("photos").join(name), b"no picture").unwrap();
    ["notes.txt", "Thumbs.db", "._a.bmp", "liar.png"].into_iter().for_each(notes);
    fs::write(folder.join("photos/empty"), b"").unwrap();
    let mut tar = tar::Builder::new(fs::File::create(folder.join("photos/some.tar")).unwrap());
    for (name, content) in [
        ("a.bmp", bitmap(1, 40)),
        ("notes", b"no".to_vec()),
        ("b.txt", b"no".to_vec()),
        ("c.jpg", b"no".to_vec()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, &content[..]).unwrap();
    }
    tar.finish().unwrap();
}

/// What is no picture in a folder or archive has its record and no part in failures, wherever a job counts.
#[test]
fn what_is_no_picture_is_skipped_wherever_a_job_counts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    with_notes(folder);
    for format in ["jsonl", "csv", "parquet"] {
        let run = output(folder, &backfill(format, &["--format", format]));
        assert_eq!(code(&run), 2, "{}", stderr(&run));
        let counts = "6 of 8 hashed, 2 failed (input 2), 6 skipped (no pictures) in 2 shards";
        assert!(stderr(&run).contains(counts), "{}", stderr(&run));
        assert_eq!(stderr(&run).matches("not a picture").count(), 2, "{}", stderr(&run));
        let (_, printed) = job(folder, &["status", format]);
        assert!(
            printed.contains("6 hashed, 2 failed (input 2), 6 skipped (no pictures), 0 left"),
            "{printed}"
        );
        let verify = || job(folder, &["verify", format]);
        let (exit, printed) = verify();
        let counts = "14 records, 6 hashed, 2 failed (input 2), 6 skipped (no pictures)\n";
        assert!(exit == 0 && printed.contains(counts), "{printed}");
        let report: Value =
            serde_json::from_slice(&fs::read(folder.join(format).join("report.json")).unwrap()).unwrap();
        assert_eq!((&report["failed"]["input"], &report["skipped"]), (&2.into(), &6.into()), "{report}");
        // A retry of what failed leaves the rest alone, and counts it the same behind it.
        let (exit, printed) = job(folder, &["retry", format]);
        assert!(
            exit == 2 && printed.contains("0 of 2 are hashed now, 2 failed again (input 2)\n"),
            "{printed}"
        );
        assert!(verify().1.contains(counts), "{}", verify().1);
        let (exit, printed) = job(folder, &["retry", format, "--codes", "input"]);
        let all = "0 of 8 are hashed now, 2 failed again (input 2), 6 skipped (no pictures)\n";
        assert!(exit == 2 && printed.contains(all), "{printed}");
        assert!(verify().1.contains(counts), "{}", verify().1);
    }
    // What was skipped and is a picture now is hashed where its code is named.
    fs::write(folder.join("photos/notes.txt"), bitmap(9, 40)).unwrap();
    fs::write(folder.join("photos/liar.png"), bitmap(10, 40)).unwrap();
    let (exit, printed) = job(folder, &["retry", "jsonl", "--codes", "input"]);
    let now = "2 of 8 are hashed now, 1 failed again (input 1), 5 skipped (no pictures)\n";
    assert!(exit == 2 && printed.contains(now), "{printed}");
    assert_eq!(job(folder, &["verify", "jsonl"]).0, 0);
}

#[test]
fn a_strict_job_counts_all_of_it_as_failed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    with_notes(folder);
    let run = output(folder, &backfill("out", &["--strict"]));
    assert_eq!(code(&run), 2, "{}", stderr(&run));
    assert!(stderr(&run).contains("6 of 14 hashed, 8 failed (input 8) in 2 shards"), "{}", stderr(&run));
    assert!(job(folder, &["verify", "out"]).1.contains("14 records, 6 hashed, 8 failed (input 8)\n"));
    let (exit, printed) = job(folder, &["retry", "out"]);
    assert!(exit == 2 && printed.contains("0 of 8 are hashed now, 8 failed again (input 8)\n"), "{printed}");
    let (exit, printed) = job(folder, &["retry", "out", "--lost"]);
    assert!(exit == 0 && printed.contains("0 of 0 are hashed now\n"), "{printed}");
    let lenient = output(folder, &backfill("out", &[]));
    assert_eq!(code(&lenient), 1);
    assert!(stderr(&lenient).contains("strict was true and is now false"), "{}", stderr(&lenient));
}
