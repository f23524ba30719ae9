//! One `Hasher` over files, round after round: `loop ROUNDS FILE…`. Prints a checksum of the signatures.

#![expect(clippy::print_stdout, reason = "the checksum is compared with that of loop.c")]

use shadegrid::{HashOptions, Hasher};

fn main() {
    // `cargo bench` adds an argument of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let rounds: u32 = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(0);
    let files: Vec<Vec<u8>> = arguments.map(|path| std::fs::read(path).expect("a file")).collect();
    let mut hasher = Hasher::new(HashOptions::default());
    let mut sum: u64 = 0;
    for _ in 0..rounds {
        for file in &files {
            let Ok(hashed) = hasher.hash(file) else { continue };
            let bytes = hashed.photodna.expect("both by default").signature.0;
            sum = bytes.iter().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
        }
    }
    println!("{sum}");
}
