//! One `Hasher` over files in memory, round after round, on one thread: what bindings are measured against.
//!
//! ```sh
//! cargo run --release --example plain -- ROUNDS FILE…
//! ```
//!
//! Prints how many pictures were hashed, and the CPU time that it took since the files were read, in seconds (Linux).

#![expect(clippy::print_stdout, reason = "an example's output")]

use std::fs;
use std::hint::black_box;

use shadegrid::{HashOptions, Hasher};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().ok_or("ROUNDS is missing")?.parse()?;
    let files = arguments.map(fs::read).collect::<Result<Vec<_>, _>>()?;
    let mut hasher = Hasher::new(HashOptions::default());
    // Buffers and tables are there when the time begins.
    let hashed = files.iter().filter(|file| hasher.hash(file).is_ok()).count();
    let started = nanoseconds()?;
    for _ in 0..rounds {
        for file in &files {
            black_box(hasher.hash(file).is_ok());
        }
    }
    println!("{} {}", rounds * hashed, (nanoseconds()? - started) as f64 / 1e9);
    Ok(())
}

/// CPU time of this thread, the process's only one.
fn nanoseconds() -> Result<u64, Box<dyn std::error::Error>> {
    let spent = fs::read_to_string("/proc/self/schedstat")?;
    Ok(spent.split_whitespace().next().ok_or("no schedstat")?.parse()?)
}
