//! PDQ search by the multi-index and by looking at every row, in turn, over sizes: where the
//! costs in `gallery/ways.rs` come from.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Instant;

use shadegrid::gallery::PdqMethods;

use super::Outcome;

/// Times both ways on the first rows of the file, by CPU time.
pub(super) fn run(folder: &Path, sizes: &[&str]) -> Outcome<()> {
    let known = std::fs::read(folder.join("pdq.gallery.bin"))?;
    let asked = std::fs::read(folder.join("pdq.queries.bin"))?;
    let (known, asked) = (known.as_chunks::<32>().0, asked.as_chunks::<32>().0);
    for size in sizes {
        let rows = known.get(..size.parse()?).ok_or("the folder has fewer signatures")?;
        let ways = PdqMethods::new(rows)?;
        let (values, met) = ways.index_work(RADIUS);
        for batch in [1, 16, 512, 4096] {
            let mut times = [[0.0; 3]; 2];
            for round in 0..3 {
                let queries = &asked[round * asked.len() / 3..][..asked.len() / 3];
                times[0][round] = time(queries, batch, |set| ways.by_index(set, RADIUS));
                times[1][round] = time(queries, batch, |set| ways.by_every_row(set, RADIUS));
            }
            times.iter_mut().for_each(|three| three.sort_by(f64::total_cmp));
            println!(
                "{{\"rows\":{size},\"values\":{values},\"met\":{met:.0},\"batch\":{batch},\
                 \"index_us\":{:.2},\"every_row_us\":{:.2},\"model_index_us\":{:.2},\"model_every_row_us\":{:.2}}}",
                times[0][1],
                times[1][1],
                ways.index_cost(RADIUS) / 1e3,
                ways.every_row_cost(batch) / 1e3,
            );
        }
    }
    Ok(())
}

const RADIUS: u32 = 31;

/// Microseconds of CPU time per query: of all of them, or of as many sets as take 50 ms, over and over if they take less.
fn time(queries: &[[u8; 32]], batch: usize, search: impl Fn(&[[u8; 32]]) -> usize) -> f64 {
    let start = thread_seconds();
    let (mut asked, mut found) = (0, 0);
    for set in queries.chunks(batch).cycle() {
        found += search(set);
        asked += set.len();
        let spent = thread_seconds() - start;
        if spent > 0.05 {
            std::hint::black_box(found);
            return spent * 1e6 / asked as f64;
        }
    }
    f64::NAN
}

/// CPU time of this thread on Linux, wall clock elsewhere.
fn thread_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    match stat.split(' ').next().and_then(|field| field.parse::<u64>().ok()) {
        Some(nanoseconds) => nanoseconds as f64 / 1e9,
        None => START.elapsed().as_secs_f64(),
    }
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
