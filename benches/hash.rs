//! From decoded pixels to signatures, against a plain sum over the same bytes: how near to the memory's speed the one pass is.
//!
//! `cargo bench --bench hash`. The pixels hold a soft pattern with noise, so that no PDQ median ties. Each signature is checked against
//! that of another hasher before it is timed.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use shadegrid::{Algorithm, HashOptions, Hasher, Picture, Planes};

const SIZES: [(u32, u32); 5] = [(320, 240), (640, 480), (1600, 1200), (4000, 3000), (16_000, 12_000)];

fn picture(width: u32, height: u32) -> Picture {
    let mut noise = 1u32;
    let mut samples = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
            for channel in 0..3 {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let wave = 60.0 * (x * 9.0 + y * 3.0 + channel as f32).sin()
                    + 50.0 * (y * 14.0 - x * 5.0).cos() * (x * 22.0).sin();
                samples.push((128.0 + wave + (noise >> 29) as f32) as u8);
            }
        }
    }
    Picture::from_rgb(samples, width, height)
}

fn hasher(algorithms: &[Algorithm]) -> Hasher {
    Hasher::new(HashOptions::default().algorithms(algorithms.to_vec()))
}

/// The rival that reads the same bytes and does next to nothing.
fn plain_sum(picture: &Picture) -> u64 {
    let (Planes::Rgb(plane) | Planes::Grey(plane)) = &picture.planes else { return 0 };
    plane
        .samples
        .as_chunks::<8>()
        .0
        .iter()
        .fold(0, |sum: u64, word| sum.wrapping_add(u64::from_ne_bytes(*word)))
}

fn pixels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pixels");
    for (width, height) in SIZES {
        let picture = picture(width, height);
        let name = format!("{width}×{height}");
        group.throughput(Throughput::Bytes(u64::from(width) * u64::from(height) * 3));
        group.sample_size(if width > 4000 { 10 } else { 50 });
        group.bench_function(BenchmarkId::new("plain sum", &name), |b| {
            b.iter(|| plain_sum(black_box(&picture)));
        });
        let sets: [(&str, &[Algorithm]); 3] = [
            ("photodna", &[Algorithm::PhotoDna]),
            ("pdq", &[Algorithm::Pdq]),
            ("photodna + pdq", &[Algorithm::PhotoDna, Algorithm::Pdq]),
        ];
        for (set, algorithms) in sets {
            let mut hasher = hasher(algorithms);
            let hashed = hasher.hash_picture(&picture).expect("a signature");
            let both =
                self::hasher(&[Algorithm::PhotoDna, Algorithm::Pdq]).hash_picture(&picture).expect("both");
            assert!(hashed.photodna.is_none_or(|hash| Some(hash) == both.photodna));
            assert!(hashed.pdq.is_none_or(|hash| Some(hash) == both.pdq));
            group.bench_function(BenchmarkId::new(set, &name), |b| {
                b.iter(|| hasher.hash_picture(black_box(&picture)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, pixels);
criterion_main!(benches);
