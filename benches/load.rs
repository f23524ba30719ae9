//! A load of HTTP for the service: requests begin at their times, whether or not those before them are answered, so that an answer that is late counts
//! from when it was due.
//!
//! `cargo bench --bench load -- [OPTIONS] http://ADDRESS/PATH FILE…` sends the files in turn as bodies. Options: `--connections N` (64), `--rate N` requests per
//! second (0: each connection sends the next as soon as it has its answer), `--seconds N` (10), `--header "Name: value"`. Before the load every file is sent once by itself; under the load its
//! answer has to be the same. It prints one line of JSON: answers by status, requests per second, times in milliseconds of those that were answered with 200, how
//! many answers were wrong or broke off, and the CPU seconds that this program took itself.

#![expect(clippy::print_stdout, reason = "says what was measured")]

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::json;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What is asked for, again and again.
struct Load {
    address: String,
    /// Whole requests, one a file.
    requests: Vec<Vec<u8>>,
    connections: usize,
    rate: f64,
    length: Duration,
}

/// An answer, and how long it took from the time at which its request was due.
struct Sample {
    status: u16,
    took: Duration,
    right: bool,
}

/// What a connection saw.
#[derive(Default)]
struct Seen {
    samples: Vec<Sample>,
    broken: u64,
}

fn main() -> Outcome<()> {
    let Some(load) = Load::of(env::args().skip(1).filter(|argument| argument != "--bench"))? else {
        println!("nothing to send: see the head of benches/load.rs");
        return Ok(());
    };
    let right = load.requests.iter().map(|request| ask(&mut connect(&load.address)?, request));
    let right: Vec<(u16, Vec<u8>)> = right.collect::<Outcome<_>>()?;
    let (next, started, cpu) = (AtomicU64::new(0), Instant::now(), cpu_seconds());
    let all: Vec<Seen> = thread::scope(|scope| {
        let work = || load.one(&right, &next, started);
        let threads: Vec<_> = (0..load.connections).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect()
    });
    println!("{}", summary(&all, started.elapsed(), cpu_seconds() - cpu));
    Ok(())
}

impl Load {
    /// `None` where nothing is named, as when all benchmarks are run.
    fn of(mut arguments: impl Iterator<Item = String>) -> Outcome<Option<Load>> {
        let (mut headers, mut rest) = (String::new(), Vec::new());
        let mut load = Load {
            address: String::new(),
            requests: Vec::new(),
            connections: 64,
            rate: 0.0,
            length: Duration::from_secs(10),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--connections" => load.connections = value()?.parse()?,
                "--rate" => load.rate = value()?.parse()?,
                "--seconds" => load.length = Duration::try_from_secs_f64(value()?.parse()?)?,
                "--header" => headers += &format!("{}\r\n", value()?),
                _ => rest.push(argument),
            }
        }
        let [url, files @ ..] = rest.as_slice() else { return Ok(None) };
        let url = url.strip_prefix("http://").ok_or("the address must begin with http://")?;
        let (address, path) = url.split_once('/').unwrap_or((url, ""));
        load.address = address.to_string();
        for file in files {
            let body = fs::read(file)?;
            let mut request = format!(
                "POST /{path} HTTP/1.1\r\nhost: {address}\r\n{headers}content-length: {}\r\n\r\n",
                body.len()
            )
            .into_bytes();
            request.extend(body);
            load.requests.push(request);
        }
        Ok(Some(load).filter(|load| !load.requests.is_empty()))
    }

    /// One connection, until the time is over.
    fn one(&self, right: &[(u16, Vec<u8>)], next: &AtomicU64, started: Instant) -> Seen {
        let (mut seen, mut open) = (Seen::default(), None);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let due = if self.rate > 0.0 {
                Duration::from_secs_f64(number as f64 / self.rate)
            } else {
                started.elapsed()
            };
            if due >= self.length {
                return seen;
            }
            thread::sleep(due.saturating_sub(started.elapsed()));
            let at = number as usize % self.requests.len();
            let answer = match open.take() {
                Some(stream) => Ok(stream),
                None => connect(&self.address),
            };
            let answer = answer
                .and_then(|mut stream| ask(&mut stream, &self.requests[at]).map(|answer| (answer, stream)));
            match answer {
                Ok(((status, body), stream)) => {
                    let (expected, text) = &right[at];
                    let right = status == 503 || status == 429 || (status == *expected && body == *text);
                    seen.samples.push(Sample { status, took: started.elapsed() - due, right });
                    open = Some(stream);
                }
                Err(_) => seen.broken += 1,
            }
        }
    }
}

fn connect(address: &str) -> Outcome<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// Sends a request and reads its answer: the status and the body.
fn ask(stream: &mut BufReader<TcpStream>, request: &[u8]) -> Outcome<(u16, Vec<u8>)> {
    stream.get_mut().write_all(request)?;
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status =
        line.split(' ').nth(1).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?.parse()?;
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse()?;
            }
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((status, body))
}

fn summary(all: &[Seen], took: Duration, cpu: f64) -> serde_json::Value {
    let samples = || all.iter().flat_map(|seen| &seen.samples);
    let mut by_status = BTreeMap::<String, u64>::new();
    samples().for_each(|sample| *by_status.entry(sample.status.to_string()).or_default() += 1);
    let mut times: Vec<f64> = samples()
        .filter(|sample| sample.status == 200)
        .map(|sample| sample.took.as_secs_f64() * 1e3)
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1))).copied()
    };
    json!({
        "answers": samples().count(), "by_status": by_status, "seconds": took.as_secs_f64(),
        "per_second": times.len() as f64 / took.as_secs_f64(),
        "p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "max_ms": times.last(),
        "wrong": samples().filter(|sample| !sample.right).count(), "broken": all.iter().map(|seen| seen.broken).sum::<u64>(), "cpu_s": cpu,
    })
}

/// CPU seconds of this process, where Linux says so.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
