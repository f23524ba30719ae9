//! Exchanges that are broken, or worse.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::script::{Script, answer, deleted, image, ncmec};
use super::{content, follower, pdq, round};

const TIME: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2026-01-02T00:00:00Z";

/// The entries of these numbers in one page.
fn images(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|number| image(number, TIME, &pdq(number))).collect()
}

#[test]
fn a_round_asks_for_what_changed_since_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let round_number = Arc::new(AtomicU64::new(0));
    let number = round_number.clone();
    let script = Script::new(move |path, _| {
        let page = match (number.load(Ordering::SeqCst), path.contains("page=2")) {
            (0, false) => ncmec("/v2/entries?page=2&x=1", &images(0..30)),
            (0, true) => ncmec("", &(images(30..40) + &image(99, TIME, &"f".repeat(64)))),
            (1, _) => {
                ncmec("", &(deleted(0, LATER) + &image(1, LATER, &pdq(101)) + &image(2, TIME, &pdq(2))))
            }
            _ => ncmec("", ""),
        };
        answer(200, &page)
    });
    let follower = follower(folder.path(), &script.url(), "ncmec");
    assert!(follower.status().synced.is_none() && follower.status().stale);
    let first = round(&follower);
    assert_eq!((first.added, first.left_out, first.bad, first.entries, first.pages), (40, 1, 0, 40, 2));
    assert!(follower.status().synced.is_some() && !follower.status().stale);
    round_number.store(1, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(1100));
    let second = round(&follower);
    assert_eq!((second.added, second.changed, second.removed, second.entries), (0, 1, 1, 39));
    let content = content(&follower.gallery());
    assert_eq!(content.iter().find(|entry| entry.0 == "42/i1").unwrap().4, pdq(101).parse().ok());
    assert!(content.iter().all(|entry| entry.0 != "42/i0" && entry.1 == "A1"));

    let asked = script.asked();
    let value = |head: &str, name: &str| {
        let rest = head.split_once(&format!("{name}=")).unwrap().1;
        rest.split(['&', ' ']).next().unwrap().to_string()
    };
    assert!(asked[0].starts_with("GET /base/v2/entries?from=1970-01-01T00:00:00Z&to="), "{}", asked[0]);
    assert!(asked[1].starts_with("GET /base/v2/entries?page=2&x=1 "), "{}", asked[1]);
    assert_eq!(value(&asked[2], "from"), value(&asked[0], "to"));
    assert!(asked.iter().all(|head| head.to_ascii_lowercase().contains("authorization: basic dxnlcjpodxno")));
}

#[test]
fn another_address_is_not_asked() {
    let other = Script::new(|_, _| answer(200, &ncmec("", &images(100..101))));
    for (exchange, body) in [
        ("ncmec", ncmec(&format!("http://{}/v2/entries?x", other.address), &images(0..1))),
        ("ncmec", ncmec(&format!("@{}/v2/entries?x", other.address), &images(0..1))),
        ("ncmec", ncmec(&format!("//{}/v2/entries?x", other.address), &images(0..1))),
        (
            "threatexchange",
            format!(
                r#"{{"data":[],"paging":{{"next":"http://{}/base/77/threat_updates/?after=1"}}}}"#,
                other.address
            ),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let script = Script::new(move |_, _| answer(200, &body));
        let follower = follower(folder.path(), &script.url(), exchange);
        let error = follower.round_by_itself(false).unwrap_err();
        assert!(error.to_string().contains("another address"), "{error}");
        assert_eq!(script.asked().len(), 1);
    }
    let redirect = format!(
        "HTTP/1.1 302 X\r\nLocation: http://{}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        other.address
    );
    let script = Script::new(move |_, _| redirect.clone().into_bytes());
    let folder = tempfile::tempdir().unwrap();
    let error = follower(folder.path(), &script.url(), "ncmec").round_by_itself(false).unwrap_err();
    assert!(error.to_string().contains("redirects"), "{error}");
    assert!(other.asked().is_empty());
}

#[test]
fn pages_in_a_circle_and_without_end_end() {
    let (counter, healed) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
    let is_healed = healed.clone();
    let circle = Script::new(move |path, _| {
        if is_healed.load(Ordering::SeqCst) > 0 {
            return answer(
                200,
                &ncmec("", &if path.contains("page=") { String::new() } else { images(0..7) }),
            );
        }
        let next = if path.contains("page=a") { "/v2/entries?page=b" } else { "/v2/entries?page=a" };
        let number = u64::from(path.contains("page=a"));
        answer(200, &ncmec(next, &images(number..number + 1)))
    });
    let endless = Script::new(move |_, _| {
        let next = counter.fetch_add(1, Ordering::SeqCst);
        answer(200, &ncmec(&format!("/v2/entries?page={next}"), ""))
    });
    for script in [circle, endless] {
        let folder = tempfile::tempdir().unwrap();
        let follower = follower(folder.path(), &script.url(), "ncmec");
        let began = Instant::now();
        let error = follower.round_by_itself(false).unwrap_err();
        assert!(error.to_string().contains("circle"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(60));
        assert!(follower.status().synced.is_none());
        if healed.fetch_add(1, Ordering::SeqCst) == 0 {
            assert_eq!(round(&follower).entries, 7);
        }
    }
}

#[test]
fn what_is_no_answer_is_not_taken_for_an_empty_one() {
    let mut tried = 0;
    for (exchange, body) in [
        ("ncmec", "<html><body>Please sign in</body></html>"),
        ("ncmec", ""),
        ("ncmec", "<queryResult><images>"),
        ("stopncii", "{}"),
        ("stopncii", r#"{"hasMoreRecords":false,"hashRecords":[]}"#),
        ("threatexchange", r#"{"error":{"message":"x"}}"#),
        ("threatexchange", r#"{"data":[{"id":"1""#),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let script = Script::new(move |_, _| answer(200, body));
        let follower = follower(folder.path(), &script.url(), exchange);
        assert_eq!(follower.round_by_itself(false).unwrap_err().code(), "corrupt", "{exchange} {body}");
        assert!(script.asked().len() > 3 && follower.status().synced.is_none());
        tried += 1;
    }
    assert_eq!(tried, 7);
}

#[test]
fn refusals_are_not_repeated_and_hold_no_secret() {
    for (exchange, status) in
        [("ncmec", 401), ("stopncii", 403), ("threatexchange", 400), ("threatexchange", 404)]
    {
        let folder = tempfile::tempdir().unwrap();
        let script = Script::new(move |path, _| answer(status, path));
        let error = follower(folder.path(), &script.url(), exchange).round_by_itself(false).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(
            text.contains(&status.to_string()) && !text.contains("hush") && !text.contains('='),
            "{text}"
        );
        assert_eq!(script.asked().len(), 1, "{exchange}");
    }
}

#[test]
fn a_window_of_too_many_pages_is_made_shorter() {
    let folder = tempfile::tempdir().unwrap();
    // 400 entries, a day between two of them, each on a page of its own.
    let first = 1_700_000_000;
    let script = Script::new(move |path, _| {
        let seconds = |name: &str| {
            let rest = path.split_once(&format!("{name}=")).unwrap().1;
            seconds_of(rest.split('&').next().unwrap())
        };
        let (from, to) = (seconds("from"), seconds("to"));
        let start = path.split_once("start=").map_or(0, |(_, rest)| rest.parse().unwrap());
        let inside: Vec<u64> = (0..400).filter(|n| (from..to).contains(&(first + n * 86_400))).collect();
        let element = inside.get(start).map(|n| image(*n, &rfc3339(first + n * 86_400), &pdq(*n)));
        let next = match start + 1 < inside.len() {
            true => format!("/v2/entries?from={}&to={}&start={}", rfc3339(from), rfc3339(to), start + 1),
            false => String::new(),
        };
        answer(200, &ncmec(&next, &element.unwrap_or_default()))
    });
    let follower = follower(folder.path(), &script.url(), "ncmec");
    assert_eq!(round(&follower).entries, 400);
    let pages = script.asked().len();
    println!("{pages} pages for 400 of one entry each");
    assert!((401..1500).contains(&pages), "{pages}");
    assert_eq!(content(&follower.gallery()).len(), 400);
}

fn seconds_of(text: &str) -> u64 {
    let time = humantime::parse_rfc3339(text).unwrap();
    time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn rfc3339(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

#[test]
fn a_list_that_shrinks_at_once_stops_and_asks() {
    let folder = tempfile::tempdir().unwrap();
    let gone = Arc::new(AtomicU64::new(0));
    let number = gone.clone();
    let script = Script::new(move |path, _| {
        let gone = number.load(Ordering::SeqCst);
        let elements: String = (0..gone).map(|id| deleted(id, LATER)).collect();
        answer(200, &ncmec("", &if path.contains("from=1970") { images(0..100) } else { elements }))
    });
    let follower = follower(folder.path(), &script.url(), "ncmec");
    round(&follower);
    let before = fs::read(follower.gallery()).unwrap();
    gone.store(11, Ordering::SeqCst);
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(1100));
        let error = follower.round_by_itself(false).unwrap_err();
        assert!(error.to_string().contains("--accept-shrink"), "{error}");
        assert!(fs::read(follower.gallery()).unwrap() == before);
    }
    gone.store(10, Ordering::SeqCst);
    assert_eq!(round(&follower).entries, 90);
    std::thread::sleep(Duration::from_millis(1100));
    gone.store(60, Ordering::SeqCst);
    assert!(follower.round_by_itself(false).is_err());
    assert_eq!(follower.round_by_itself(true).unwrap().entries, 40);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(round(&follower).entries, 40);
}

#[test]
fn a_time_that_is_to_come_outlasts_no_removal() {
    let stopncii = |time: u64, status: &str| {
        let (pdq, next) = (pdq(1), seconds_of(LATER));
        format!(
            r#"{{"nextSetTimestamp":{next},"hasMoreRecords":false,"hashRecords":[{{"lastModtimestamp":{time},"signalType":"ImagePDQ","hashValue":"{pdq}",
            "hashStatus":"{status}"}}]}}"#
        )
    };
    // Milliseconds, at StopNCII.
    let rounds = [
        ("ncmec", [ncmec("", &image(1, "9999-12-31T00:00:00Z", &pdq(1))), ncmec("", &deleted(1, LATER))]),
        ("stopncii", [stopncii(seconds_of(TIME) * 1000, "Active"), stopncii(seconds_of(LATER), "Withdrawn")]),
        (
            "stopncii",
            [stopncii(seconds_of(TIME) * 1000, "Active"), stopncii(seconds_of(LATER) * 1000, "Withdrawn")],
        ),
    ];
    for (exchange, pages) in rounds {
        let folder = tempfile::tempdir().unwrap();
        let asked = AtomicU64::new(0);
        let script = Script::new(move |_, _| {
            answer(200, &pages[usize::from(asked.fetch_add(1, Ordering::SeqCst) > 0)])
        });
        let follower = follower(folder.path(), &script.url(), exchange);
        assert_eq!(round(&follower).entries, 1);
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(follower.round_by_itself(true).unwrap().entries, 0, "{exchange}");
    }
}

#[test]
fn a_list_that_cannot_be_read_is_not_synced() {
    let stopncii = |count: usize, hash: &str, rest: &str| {
        let records = vec![format!(r#"{{"signalType":"ImagePDQ","hashValue":"{hash}"}}"#); count].join(",");
        format!(r#"{{"nextSetTimestamp":9,"hasMoreRecords":false,"hashRecords":[{records}{rest}]}}"#)
    };
    let update = r#"{"id":"","x":1}"#;
    let bad: String = (0..15).map(|number| image(number, TIME, "zz")).collect();
    let good = format!(r#",{{"signalType":"ImagePDQ","hashValue":"{}"}}"#, pdq(1));
    for (exchange, body, is_refused) in [
        ("ncmec", ncmec("", &bad), true),
        ("ncmec", ncmec("", &image(1, TIME, "zz")), true),
        ("ncmec", ncmec("", &(image(1, TIME, "zz") + &image(2, TIME, &pdq(2)))), false),
        ("ncmec", ncmec("", &(bad + &images(20..40))), false),
        ("stopncii", stopncii(15, "zz", &good), true),
        ("stopncii", stopncii(19_000, "zz", &good), true),
        ("stopncii", stopncii(1, "zz", &good), false),
        ("threatexchange", format!(r#"{{"data":[{}]}}"#, vec![update; 15].join(",")), true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let script = Script::new(move |_, _| answer(200, &body));
        let follower = follower(folder.path(), &script.url(), exchange);
        let outcome = follower.round_by_itself(false);
        assert_eq!(follower.status().synced.is_none(), is_refused, "{exchange}");
        match outcome {
            Ok(outcome) => assert!(!is_refused && outcome.bad > 0 && outcome.entries > 0, "{exchange}"),
            Err(error) => assert!(is_refused && error.to_string().contains("cannot be read"), "{error}"),
        }
    }
}

#[test]
fn what_an_exchange_sends_without_end_is_not_kept() {
    let stopncii = |records: &str| {
        format!(r#"{{"nextSetTimestamp":9,"hasMoreRecords":false,"hashRecords":[{records}]}}"#)
    };
    let long = |bytes: usize| "9".repeat(bytes);
    let update = |id: &str, tag: &str| {
        format!(r#"{{"data":[{{"id":"{id}","indicator":"{}","type":"HASH_PDQ","tags":["{tag}"]}}]}}"#, pdq(1))
    };
    let next = |bytes| format!("/v2/entries?{}", long(bytes));
    for (exchange, body, said) in [
        ("ncmec", ncmec("", &format!("<!--{}-->", long(17 << 20))), "16 MiB"),
        ("ncmec", ncmec(&next(9000), &images(0..1)), "no end"),
        ("stopncii", stopncii(&vec!["{}"; 30_000].join(",")), "no page"),
        (
            "stopncii",
            stopncii(&format!(r#"{{"signalType":"A","hashValue":"{}"}}"#, long(5000))),
            "cannot be read",
        ),
        ("threatexchange", update(&long(8 << 20), "a"), "cannot be read"),
        ("threatexchange", update("1", &long(8 << 20)), "cannot be read"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let script = Script::new(move |_, _| answer(200, &body));
        let error = follower(folder.path(), &script.url(), exchange).round_by_itself(false).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn signatures_that_others_replace_are_lost_too() {
    for (entries, replaced, removed, is_refused) in [
        (15, 15, 0, true),
        (15, 3, 2, false),
        (15, 3, 3, true),
        (5, 0, 1, false),
        (5, 1, 2, true),
        (100, 11, 0, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let script = Script::new(move |path, _| {
            let changes: String = (0..replaced)
                .map(|id| image(id, LATER, &pdq(id + 1000)))
                .chain((replaced..replaced + removed).map(|id| deleted(id, LATER)))
                // Who adds as many loses no less.
                .chain((500..500 + removed).map(|id| image(id, LATER, &pdq(id))))
                .collect();
            answer(200, &ncmec("", &if path.contains("from=1970") { images(0..entries) } else { changes }))
        });
        let follower = follower(folder.path(), &script.url(), "ncmec");
        round(&follower);
        std::thread::sleep(Duration::from_millis(1100));
        let outcome = follower.round_by_itself(false);
        assert_eq!(outcome.is_err(), is_refused, "{entries} {replaced} {removed}");
        let agreed = follower.round_by_itself(true).unwrap();
        assert_eq!(agreed.entries, entries);
    }
}

/// Changes a checkpoint as its owner would have written it.
fn rewritten(path: &std::path::Path, change: impl Fn(&mut serde_json::Value)) {
    let text = fs::read(path).unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&text[9..]).unwrap();
    change(&mut value);
    let content = serde_json::to_vec(&value).unwrap();
    let sum = format!("{:08x}\n", crc32fast::hash(&content));
    fs::write(path, [sum.as_bytes(), &content].concat()).unwrap();
}

#[test]
fn a_stale_list_is_fetched_anew_aside() {
    let day = 86_400;
    for (exchange, days) in [("threatexchange", 85), ("stopncii", 30)] {
        let folder = tempfile::tempdir().unwrap();
        let left = Arc::new(AtomicU64::new(100));
        let number = left.clone();
        // What was removed is not said: it is only missing.
        let script = Script::new(move |_, _| {
            let left = number.load(Ordering::SeqCst);
            let body = match exchange {
                "stopncii" => {
                    let record = |n| {
                        format!(
                            r#"{{"lastModtimestamp":9,"signalType":"ImagePDQ","hashValue":"{}","hashStatus":"Active"}}"#,
                            pdq(n)
                        )
                    };
                    let records: Vec<String> = (0..left).map(record).collect();
                    format!(
                        r#"{{"nextSetTimestamp":9,"hasMoreRecords":false,"hashRecords":[{}]}}"#,
                        records.join(",")
                    )
                }
                _ => {
                    let record = |n| {
                        format!(
                            r#"{{"id":"{n}","indicator":"{}","type":"HASH_PDQ","last_updated":9,"should_delete":false}}"#,
                            pdq(n)
                        )
                    };
                    format!(r#"{{"data":[{}]}}"#, (0..left).map(record).collect::<Vec<_>>().join(","))
                }
            };
            answer(200, &body)
        });
        let follower = follower(folder.path(), &script.url(), exchange);
        assert_eq!(round(&follower).entries, 100);
        left.store(95, Ordering::SeqCst);
        let age = |seconds: u64| {
            rewritten(&follower.gallery().with_extension("sync"), |checkpoint| {
                checkpoint["synced"] = (checkpoint["synced"].as_u64().unwrap() - seconds).into();
            });
        };
        age(days * day - 100);
        assert!(!follower.status().stale);
        let outcome = round(&follower);
        assert_eq!((outcome.anew, outcome.entries), (false, 100), "{exchange}");
        age(days * day);
        assert!(follower.status().stale);
        let outcome = round(&follower);
        assert_eq!((outcome.anew, outcome.entries), (true, 95), "{exchange}");
        assert!(!follower.status().stale);
        // It asks too, and what is aside waits.
        left.store(50, Ordering::SeqCst);
        age(days * day);
        for _ in 0..2 {
            let error = follower.round_by_itself(false).unwrap_err();
            assert!(error.to_string().contains("--accept-shrink"), "{error}");
            assert_eq!(content(&follower.gallery()).len(), 95);
        }
        assert_eq!(follower.round_by_itself(true).unwrap().entries, 50);
        assert_eq!(content(&follower.gallery()).len(), 50);
        let mut names: Vec<String> = fs::read_dir(folder.path().join("galleries"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["list.gallery", "list.sync"]);
    }
}

#[test]
fn a_gallery_that_is_not_the_checkpoints_is_fetched_anew() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new(move |path, _| {
        answer(200, &ncmec("", &if path.contains("from=1970") { images(0..100) } else { String::new() }))
    });
    let follower = follower(folder.path(), &script.url(), "ncmec");
    round(&follower);
    let (gallery, whole) = (follower.gallery(), content(&follower.gallery()));
    let checkpoint = gallery.with_extension("sync");
    let older = {
        let mut builder = shadegrid::gallery::GalleryBuilder::new();
        let source = builder.source("list", "ncmec");
        let entry = shadegrid::gallery::Entry::default().key("42/i1".into()).pdq(pdq(1).parse().ok());
        builder.add(source, entry).unwrap();
        builder.to_bytes().unwrap()
    };
    let kept = fs::read(&checkpoint).unwrap();
    for what in ["an older gallery", "a damaged one", "none", "a damaged checkpoint"] {
        match what {
            "an older gallery" => fs::write(&gallery, &older).unwrap(),
            "a damaged one" => fs::write(&gallery, b"no gallery").unwrap(),
            "none" => fs::remove_file(&gallery).unwrap(),
            _ => fs::write(&checkpoint, &kept[..kept.len() / 2]).unwrap(),
        }
        assert_eq!(round(&follower).entries, 100, "{what}");
        assert!(content(&gallery) == whole, "{what}");
    }
    // What follows no list is somebody's work.
    fs::remove_file(&checkpoint).unwrap();
    let error = follower.round_by_itself(false).unwrap_err();
    assert!(error.to_string().contains("follows no list"), "{error}");
    assert!(content(&gallery) == whole);
}

#[test]
fn an_exchange_whose_clock_is_behind_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Its clock is a day behind ours, as its header says.
    let date = "Thu, 01 Jan 2026 00:00:00 GMT";
    let script = Script::new(move |_, _| {
        let body = ncmec("", &images(0..5));
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    });
    let follower = follower(folder.path(), &script.url(), "ncmec");
    round(&follower);
    round(&follower);
    assert!(script.asked()[1].contains("from=2025-12-31T23:59:55Z"), "{}", script.asked()[1]);
}

#[test]
fn a_damaged_section_is_not_copied_but_fetched_anew() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new(move |path, _| {
        let new = image(500, LATER, &pdq(500));
        answer(
            200,
            &ncmec("", &if path.contains("from=1970") { images(0..100) + &new } else { images(600..601) }),
        )
    });
    let follower = follower(folder.path(), &script.url(), "ncmec");
    round(&follower);
    let mut bytes = fs::read(follower.gallery()).unwrap();
    bytes[100] ^= 1;
    fs::write(follower.gallery(), bytes).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(follower.round_by_itself(false).unwrap_err().code(), "corrupt");
    let outcome = round(&follower);
    assert_eq!((outcome.anew, outcome.entries), (true, 101));
    assert_eq!(content(&follower.gallery()).len(), 101);
}

#[test]
fn the_next_round_begins_where_the_first_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new(move |path, _| {
        let record = |n| {
            format!(
                r#"{{"lastModtimestamp":9,"signalType":"ImagePDQ","hashValue":"{}","hashStatus":"Active"}}"#,
                pdq(n)
            )
        };
        // The list changed between two pages.
        let (next, token, more, number) = match path.contains("nextPageToken=b") {
            false => (10, "b", true, 1),
            true => (20, "", false, 2),
        };
        let records = record(number);
        answer(
            200,
            &format!(
                r#"{{"nextSetTimestamp":{next},"nextPageToken":"{token}","hasMoreRecords":{more},"hashRecords":[{records}]}}"#
            ),
        )
    });
    let follower = follower(folder.path(), &script.url(), "stopncii");
    assert_eq!(round(&follower).entries, 2);
    round(&follower);
    let asked = script.asked();
    assert!(
        asked[0].contains("startTimestamp=0&") && asked[2].contains("startTimestamp=10&"),
        "{}",
        asked[2]
    );
}
