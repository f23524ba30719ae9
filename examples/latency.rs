//! How long one picture takes while a run keeps every thread busy, compared with an idle engine.
//!
//! `cargo run --release --example latency -- PICTURE FOLDER` prints the median and the 99th percentile of 300 pictures each.

#![expect(clippy::print_stdout, reason = "says what was measured")]

use std::time::{Duration, Instant};

use shadegrid::pipeline::Source;
use shadegrid::{Engine, RunOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (picture, folder) =
        (arguments.next().ok_or("name a picture")?, arguments.next().ok_or("name a folder")?);
    let picture = std::fs::read(picture)?;
    let engine = Engine::new()?;
    let idle = times(&engine, &picture)?;
    let sources: Vec<_> = walkdir::WalkDir::new(&folder).into_iter().filter_map(Result::ok).collect();
    let files =
        sources.into_iter().filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
    let files: Vec<_> = files.collect();
    let endless = files.into_iter().cycle().map(Source::found);
    let mut run = engine.run(endless, &RunOptions::default())?;
    let handle = run.handle();
    let counting = std::thread::spawn(move || run.by_ref().count());
    std::thread::sleep(Duration::from_millis(300));
    let busy = times(&engine, &picture)?;
    handle.stop();
    let records = counting.join().map_err(|_| "the run panicked")?;
    println!("idle: median {:?}, p99 {:?}", idle.0, idle.1);
    println!("with a run of {records} pictures: median {:?}, p99 {:?}", busy.0, busy.1);
    Ok(())
}

fn times(engine: &Engine, picture: &[u8]) -> Result<(Duration, Duration), Box<dyn std::error::Error>> {
    let mut times = Vec::new();
    for _ in 0..300 {
        let picture = picture.to_vec();
        let started = Instant::now();
        engine.hash(picture).wait()?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    Ok((times[times.len() / 2], times[times.len() * 99 / 100]))
}
