//! The service killed at any instant, in front of a CyberTipline that fails.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::*;

/// Reports, and kills at least: `SHADEGRID_ITEMS` and `SHADEGRID_KILLS` ask for more.
fn asked() -> (usize, usize) {
    let number =
        |name, usual| std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(usual);
    (number("SHADEGRID_ITEMS", 20), number("SHADEGRID_KILLS", 12))
}

/// What the next requests meet: every kind of fault at every step, with some that have none in between.
fn faults() -> Value {
    let mut all = Vec::new();
    for step in ["submit", "upload", "fileinfo", "finish", "retract"] {
        for fault in [
            json!({ "reset": true }),
            json!({ "reset": true, "after": true }),
            json!({ "status": 500 }),
            json!({ "status": 503, "after": true }),
            json!({ "cut": 40 }),
            json!({ "slow_ms": 60 }),
            json!({ "reset_at": 50 }),
        ] {
            let mut fault = fault;
            fault["step"] = step.into();
            all.extend([fault, json!({ "step": step, "times": 2 })]);
        }
    }
    all.push(json!({ "wrong_md5": true }));
    // The order is not that of the steps.
    let count = all.len();
    (0..count).map(|at| all[at * 31 % count].clone()).collect()
}

/// Asks until there is an answer: a client that does not know whether its report arrived sends it again under the same key.
fn submit_whatever_happens(at: &Mutex<Option<SocketAddr>>, number: usize, report: &Value) {
    let body = report.to_string();
    let head = format!(
        "POST /v1/reports HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nIdempotency-Key: item-{number}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    until("it is kept", || {
        let address = (*at.lock().unwrap_or_else(PoisonError::into_inner))?;
        let stream = std::net::TcpStream::connect(address).ok()?;
        drop(stream);
        let mut connection = std::panic::catch_unwind(|| Connection::to(address)).ok()?;
        connection.send(format!("{head}{body}").as_bytes());
        connection.answer().map(|answer| drop(answer.is(202)))
    });
}

#[test]
fn kills_of_the_service_lose_and_double_nothing() {
    let (count, least) = asked();
    let place = Place::new();
    place.faults(faults());
    let files = |number: usize| (0..number % 4).map(|file| file * 40_000).collect::<Vec<usize>>();
    let (at, kept) = (Mutex::new(None), AtomicUsize::new(0));
    let put = |address| *at.lock().unwrap_or_else(PoisonError::into_inner) = address;
    let (mut kills, mut seed) = (0, 11);
    let server = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..count {
                submit_whatever_happens(&at, number, &report(number, &files(number)));
                kept.fetch_add(1, Ordering::SeqCst);
            }
        });
        // Until everything is kept, and some more while it is being sent.
        let mut more = 12_u32;
        while more > 0 && kills < 100.max(least) || kills < least {
            let server = place.serve();
            put(Some(server.address));
            std::thread::sleep(Duration::from_millis(random(&mut seed, 300)));
            put(None);
            drop(server);
            kills += 1;
            if kept.load(Ordering::SeqCst) == count {
                more = more.saturating_sub(1);
            }
        }
        let server = place.serve();
        put(Some(server.address));
        server
    });
    let items: Vec<(usize, Vec<usize>)> = (0..count).map(|number| (number, files(number))).collect();
    let all = until("all are filed", || {
        let all = server.get("/v1/reports?limit=1000").is(200)["reports"].as_array().unwrap().clone();
        all.iter().all(|report| report["state"] == "preserved").then_some(all)
    });
    assert_eq!(all.len(), count);
    finished_once(&place, &items);
    let known = place.known();
    let attempts: u64 = all.iter().map(|report| report["attempts"].as_u64().unwrap()).sum();
    println!(
        "{kills} kills: {count} items filed once each in {attempts} attempts; at the stand-in {}, {} requests, faults played {}",
        known["counts"], known["requests"], known["played"]
    );
    assert!(kills >= least && attempts >= count as u64, "{kills} kills, {attempts} attempts");
}
