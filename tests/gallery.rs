//! Search finds exactly what the naive double loop finds, and galleries survive their life on disk.
#![expect(clippy::print_stderr, reason = "a test that cannot run here says so")]

use std::path::Path;

use fearless_simd::Level;
use shadegrid::gallery::{Entry, EntryId, Gallery, GalleryBuilder, Match, Query, Scratch, SearchOptions};
use shadegrid::{Algorithm, Error, Orientation, Pdq, PhotoDna};

/// A small generator: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Values as gradients have them, brought to the length of a signature.
    fn photodna(&mut self) -> PhotoDna {
        let values: [f64; 144] = std::array::from_fn(|_| (self.below(1000) as f64 / 1000.0).powi(3));
        let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        PhotoDna(values.map(|value| (value * 1024.0 / length) as u8))
    }

    fn pdq(&mut self) -> Pdq {
        Pdq(std::array::from_fn(|_| self.next() as u8))
    }
}

/// Every SIMD level that this machine has.
fn levels() -> Vec<Level> {
    let best = Level::new();
    #[cfg(target_arch = "x86_64")]
    {
        let all = [
            best.as_avx512().map(Level::Avx512),
            best.as_avx2().map(Level::Avx2),
            best.as_sse4_2().map(Level::Sse4_2),
            best.as_sse2().map(Level::Sse2),
        ];
        let levels: Vec<Level> = all.into_iter().flatten().collect();
        eprintln!("levels: {levels:?}");
        levels
    }
    #[cfg(not(target_arch = "x86_64"))]
    vec![best]
}

/// `signature` moved by a squared distance of exactly `distance`.
fn at_distance(signature: &PhotoDna, distance: u32, random: &mut Random) -> PhotoDna {
    loop {
        let mut moved = signature.0;
        let mut left = distance;
        let offset = random.below(144) as usize;
        for k in 0..144 {
            let value = &mut moved[(k + offset) % 144];
            // The last values take the largest steps that are left, so that the sum comes out.
            let most = if k < 100 { left.isqrt().min(25) } else { left.isqrt() };
            let (up, down) = (u32::from(255 - *value).min(most), u32::from(*value).min(most));
            let step = up.max(down);
            *value = if up >= down { *value + step as u8 } else { *value - step as u8 };
            left -= step * step;
        }
        if left == 0 {
            return PhotoDna(moved);
        }
    }
}

/// `signature` with `distance` bits flipped.
fn flipped(signature: &Pdq, distance: u32, random: &mut Random) -> Pdq {
    let mut bits = *signature;
    while bits.distance(signature) < distance {
        let bit = random.below(256) as usize;
        let byte = &mut bits.0[bit / 8];
        *byte = (*byte & !(1 << (bit % 8))) | (!signature.0[bit / 8] & (1 << (bit % 8)));
    }
    bits
}

/// Everything that search is compared with: a plain list of entries.
#[derive(Default)]
struct Naive {
    entries: Vec<Entry>,
}

impl Naive {
    fn gallery(&self) -> Gallery {
        let mut builder = GalleryBuilder::new();
        let source = builder.source("list", "text");
        for entry in &self.entries {
            builder.add(source, entry.clone()).unwrap();
        }
        Gallery::from_bytes(builder.to_bytes().unwrap()).unwrap()
    }

    /// (query, algorithm, distance, entry, orientation) of every match.
    fn search(
        &self,
        queries: &[Query],
        options: &SearchOptions,
    ) -> Vec<(u32, Algorithm, u32, usize, Orientation)> {
        let orientations =
            if options.all_orientations { &Orientation::ALL[..] } else { &Orientation::ALL[..1] };
        let mut all = Vec::new();
        for (number, query) in queries.iter().enumerate() {
            for (index, entry) in self.entries.iter().enumerate() {
                let within = |threshold: Option<u32>, distances: Vec<(u32, Orientation)>| {
                    distances
                        .into_iter()
                        .filter(|(distance, _)| threshold.is_some_and(|t| *distance <= t))
                        .min()
                };
                let flat = (query.flat || entry.flat) && !options.include_flat;
                let poor = [query.quality, entry.quality].iter().flatten().any(|&q| q < options.quality_min);
                if let (Some(a), Some(b), false) = (query.photodna, entry.photodna, flat) {
                    let distances = orientations.iter().map(|&o| (a.oriented(o).distance(&b), o)).collect();
                    if let Some((distance, orientation)) = within(options.photodna, distances) {
                        all.push((number as u32, Algorithm::PhotoDna, distance, index, orientation));
                    }
                }
                if let (Some(a), Some(b), false) = (query.pdq, entry.pdq, poor) {
                    let distances = orientations.iter().map(|&o| (a.oriented(o).distance(&b), o)).collect();
                    if let Some((distance, orientation)) = within(options.pdq, distances) {
                        all.push((number as u32, Algorithm::Pdq, distance, index, orientation));
                    }
                }
            }
        }
        all.sort_unstable_by_key(|m| (m.0, m.1, m.2, m.3));
        all
    }
}

/// Compares a search with the naive one, and gives the number of matches.
fn compare(naive: &Naive, gallery: &Gallery, queries: &[Query], options: &SearchOptions) -> usize {
    let ids: Vec<EntryId> = gallery.ids().collect();
    let mut matches = Vec::new();
    gallery.search(queries, options, &mut Scratch::default(), &mut matches);
    let expected: Vec<_> = naive
        .search(queries, options)
        .into_iter()
        .map(|(query, algorithm, distance, index, orientation)| {
            (query, ids[index], algorithm, distance, orientation)
        })
        .collect();
    let of_match = |m: &Match| (m.query, m.entry, m.algorithm, m.distance, m.orientation);
    let matches: Vec<_> = matches.iter().map(of_match).collect();
    assert_eq!(matches.len(), expected.len(), "{options:?}");
    assert_eq!(matches, expected, "{options:?}");
    matches.len()
}

/// A list with copies of the queries at distances around the thresholds, duplicates and flat ones among strangers.
fn adversarial(random: &mut Random, queries: &[Query], strangers: usize) -> Naive {
    let mut naive = Naive::default();
    let distances = [0, 1, 300, 39_998, 39_999, 40_000, 40_001, 62_499, 62_500, 62_501, 90_000];
    for (number, query) in queries.iter().enumerate() {
        let (photodna, pdq) = (query.photodna.unwrap(), query.pdq.unwrap());
        for (k, &distance) in distances.iter().enumerate() {
            let turned = photodna.oriented(Orientation::ALL[number % 8]);
            naive.entries.push(
                Entry::default()
                    .key(format!("{number}/{k}"))
                    .photodna(Some(at_distance(&turned, distance, random)))
                    .pdq(Some(flipped(&pdq, [0, 30, 31, 32, 90, 91][k % 6], random)))
                    .flat(k == 2)
                    .quality(Some([49, 50, 100][k % 3]).filter(|_| k != 5)),
            );
        }
        let duplicate = naive.entries[naive.entries.len() - 11].clone();
        naive.entries.push(duplicate);
    }
    for n in 0..strangers {
        naive.entries.push(
            Entry::default()
                .key(n.to_string())
                .photodna((n % 3 != 0).then(|| random.photodna()))
                .pdq((n % 3 != 1).then(|| random.pdq())),
        );
    }
    naive.entries.push(Entry::default().photodna(Some(PhotoDna([0; 144]))));
    naive.entries.push(Entry::default().photodna(Some(PhotoDna([255; 144]))));
    naive
}

fn queries(random: &mut Random, count: usize) -> Vec<Query> {
    (0..count)
        .map(|n| {
            Query::default()
                .photodna(Some(match n {
                    0 => PhotoDna([0; 144]),
                    1 => PhotoDna([128; 144]),
                    _ => random.photodna(),
                }))
                .pdq(Some(random.pdq()))
                .flat(n % 11 == 5)
                .quality(Some(if n % 7 == 3 { 49 } else { 80 }))
        })
        .collect()
}

#[test]
fn search_equals_the_double_loop() {
    let mut random = Random(1);
    let queries = queries(&mut random, 30);
    let naive = adversarial(&mut random, &queries, 1500);
    let mut gallery = naive.gallery();
    let levels = levels();
    let mut found = Vec::new();
    for photodna in [0, 39_999, 40_000, 40_001, 62_500, 250_000, 299_999, 300_000, 9_363_600] {
        for (all_orientations, include_flat) in [(false, false), (true, false), (true, true)] {
            let options = SearchOptions::default()
                .photodna(Some(photodna))
                .pdq(Some([0, 30, 31, 32, 90, 128][photodna as usize % 6]))
                .all_orientations(all_orientations)
                .include_flat(include_flat)
                .quality_min(if include_flat { 0 } else { 50 });
            gallery = gallery.at_level(levels[found.len() % levels.len()]);
            found.push(compare(&naive, &gallery, &queries, &options));
        }
    }
    assert!(found[0] >= 5 && found[6] > found[3], "{found:?}");
    assert!(found[26] > 30 * 1000, "everything matches at the largest threshold: {found:?}");
}

#[test]
fn the_edge_is_where_it_is_said_to_be() {
    let mut random = Random(2);
    let mut pairs = 0;
    for _ in 0..300 {
        let own = random.photodna();
        for threshold in [1, 100, 40_000, 62_500, 200_000] {
            for (distance, matches) in [(threshold - 1, 1), (threshold, 1), (threshold + 1, 0)] {
                let known = at_distance(&own, distance, &mut random);
                let naive = Naive { entries: vec![Entry::default().photodna(Some(known))] };
                let query = Query::default().photodna(Some(own));
                let options = SearchOptions::default().photodna(Some(threshold));
                assert_eq!(compare(&naive, &naive.gallery(), &[query], &options), matches);
                pairs += 1;
            }
        }
    }
    assert_eq!(pairs, 4500);
}

#[test]
fn every_length_of_gallery_and_batch() {
    let mut random = Random(3);
    let queries = queries(&mut random, 600);
    let mut cases = 0;
    for entries in [0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 2047, 2048, 2049] {
        let mut naive = Naive::default();
        for n in 0..entries {
            let own = &queries[n % 600];
            naive.entries.push(
                Entry::default()
                    .photodna(Some(at_distance(&own.photodna.unwrap(), 39_990 + n as u32 % 20, &mut random)))
                    .pdq(Some(flipped(&own.pdq.unwrap(), 25 + n as u32 % 12, &mut random))),
            );
        }
        let gallery = naive.gallery();
        for batch in [0, 1, 7, 511, 512, 513, 600] {
            if entries * batch > 300_000 && batch != 513 {
                continue;
            }
            let found = compare(&naive, &gallery, &queries[..batch], &SearchOptions::default());
            assert!(found > 0 || entries == 0 || batch <= 7);
            cases += 1;
        }
    }
    assert!(cases > 60, "{cases} cases");
}

#[test]
fn the_index_of_a_larger_gallery_loses_nothing() {
    let mut random = Random(4);
    let queries: Vec<Query> = (0..30).map(|_| Query::default().pdq(Some(random.pdq()))).collect();
    let mut naive = Naive::default();
    for n in 0..70_000 {
        let known = match n % 50 {
            0..3 => flipped(&queries[n / 50 % 30].pdq.unwrap(), 20 + random.below(20) as u32, &mut random),
            _ => random.pdq(),
        };
        naive.entries.push(Entry::default().pdq(Some(known)));
    }
    let levels = levels();
    let mut gallery = naive.gallery();
    for (round, pdq) in [0, 15, 30, 31, 32, 35, 60, 100].into_iter().enumerate() {
        gallery = gallery.at_level(levels[round % levels.len()]);
        let options = SearchOptions::default().pdq(Some(pdq)).all_orientations(pdq == 31);
        let found = compare(&naive, &gallery, &queries, &options);
        assert!(pdq < 30 || found > 1000, "{found} at {pdq}");
        // How many are looked up together bears on the way.
        let found = compare(&naive, &gallery, &queries[..1], &options);
        assert!(pdq < 30 || found > 30, "{found} at {pdq}");
    }
}

/// Signatures of real photographs where they are at hand.
#[test]
fn real_signatures_are_found_exactly() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let (Ok(photodna), Ok(pdq)) = (
        std::fs::read(folder.join("real_photodna_20000.bin")),
        std::fs::read(folder.join("real_pdq_20000.bin")),
    ) else {
        eprintln!("skipped: no signatures of real pictures here");
        return;
    };
    let mut naive = Naive::default();
    for (photodna, pdq) in photodna.as_chunks::<144>().0.iter().zip(pdq.as_chunks::<32>().0) {
        naive.entries.push(Entry::default().photodna(Some(PhotoDna(*photodna))).pdq(Some(Pdq(*pdq))));
    }
    let queries: Vec<Query> = naive
        .entries
        .iter()
        .step_by(499)
        .map(|entry| Query::default().photodna(entry.photodna).pdq(entry.pdq))
        .collect();
    let gallery = naive.gallery();
    for (photodna, pdq, all_orientations) in
        [(40_000, 31, false), (40_000, 31, true), (250_000, 60, false), (350_000, 90, false)]
    {
        let options = SearchOptions::default()
            .photodna(Some(photodna))
            .pdq(Some(pdq))
            .all_orientations(all_orientations);
        assert!(compare(&naive, &gallery, &queries, &options) >= 2 * queries.len());
    }
}

#[test]
fn the_nearest_are_the_nearest() {
    let mut random = Random(6);
    let queries = queries(&mut random, 20);
    let naive = adversarial(&mut random, &queries, 700);
    let gallery = naive.gallery();
    let ids: Vec<EntryId> = gallery.ids().collect();
    for (nearest, all_orientations) in [(0, false), (1, false), (5, true), (40, false), (5000, false)] {
        let everything = SearchOptions::default()
            .photodna(Some(u32::MAX))
            .pdq(Some(u32::MAX))
            .all_orientations(all_orientations);
        let mut expected = Vec::new();
        for found in naive.search(&queries, &everything) {
            let same = |m: &&(u32, Algorithm, u32, usize, Orientation)| (m.0, m.1) == (found.0, found.1);
            if expected.iter().rev().take_while(same).count() < nearest {
                expected.push(found);
            }
        }
        let mut matches = Vec::new();
        let options = everything.nearest(Some(nearest));
        gallery.search(&queries, &options, &mut Scratch::default(), &mut matches);
        let given: Vec<_> = matches
            .iter()
            .map(|m| {
                let index = ids.iter().position(|id| *id == m.entry).unwrap();
                (m.query, m.algorithm, m.distance, index, m.orientation)
            })
            .collect();
        assert_eq!(given, expected, "the nearest {nearest}");
    }
}

#[test]
fn joint_matches_need_both() {
    let mut random = Random(7);
    let queries = queries(&mut random, 20);
    let naive = adversarial(&mut random, &queries, 100);
    let gallery = naive.gallery();
    let ids: Vec<EntryId> = gallery.ids().collect();
    let options = SearchOptions::default().photodna(Some(62_500)).pdq(Some(90)).joint(true);
    let mut matches = Vec::new();
    gallery.search(&queries, &options, &mut Scratch::default(), &mut matches);
    let plain = naive.search(&queries, &options.clone().joint(false));
    let of = |algorithm| plain.iter().filter(move |m| m.1 == algorithm).map(|m| (m.0, m.3));
    let both: Vec<_> = of(Algorithm::PhotoDna).filter(|m| of(Algorithm::Pdq).any(|n| n == *m)).collect();
    assert!(both.len() > 10 && both.len() < of(Algorithm::PhotoDna).count());
    for algorithm in [Algorithm::PhotoDna, Algorithm::Pdq] {
        let mut given: Vec<_> = matches
            .iter()
            .filter(|m| m.algorithm == algorithm)
            .map(|m| (m.query, ids.iter().position(|id| *id == m.entry).unwrap()))
            .collect();
        let mut expected = both.clone();
        given.sort_unstable();
        expected.sort_unstable();
        assert_eq!(given, expected);
    }
}

fn small_gallery(keys: &[&str]) -> GalleryBuilder {
    let mut random = Random(9);
    let mut builder = GalleryBuilder::new();
    let source = builder.source("first", "text");
    for (n, key) in keys.iter().enumerate() {
        let entry = Entry::default()
            .key(key.to_string())
            .label(format!("label {}", n % 2))
            .position(n as u64 * 10)
            .quality((n % 2 == 1).then_some(77))
            .flat(n == 2)
            .photodna(Some(random.photodna()))
            .pdq((n % 2 == 0).then(|| random.pdq()));
        builder.add(source, entry).unwrap();
    }
    builder
}

#[test]
fn entries_keep_what_is_known_about_them() {
    let gallery = Gallery::from_bytes(small_gallery(&["a", "", "käse"]).to_bytes().unwrap()).unwrap();
    gallery.verify().unwrap();
    let ids: Vec<EntryId> = gallery.ids().collect();
    assert_eq!(ids.len(), 3);
    let last = gallery.entry(ids[2]);
    assert_eq!((last.key, last.label, last.source, last.format), ("käse", "label 0", "first", "text"));
    assert_eq!((last.position, last.flat, last.quality), (20, true, None));
    let middle = gallery.entry(ids[1]);
    assert_eq!((middle.key, middle.flat, middle.quality), ("", false, Some(77)));
    assert!(gallery.photodna(ids[1]).is_some() && gallery.pdq(ids[1]).is_none());
    assert_eq!(gallery.sources(), [("first".to_string(), "text".to_string(), 3)]);
}

#[test]
fn additions_and_removals_leave_the_rest_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.shadegrid");
    small_gallery(&["a", "b", "c"]).create(&path).unwrap();
    let before = Gallery::open(&path).unwrap();

    let mut delta = GalleryBuilder::new();
    let source = delta.source("second", "ncmec");
    let entry = |key: &str| Entry::default().key(key.into()).pdq(Some(Pdq([1; 32])));
    delta.add(source, entry("d")).unwrap();
    delta.add(source, entry("a")).unwrap();
    delta.remove("text", "b");
    delta.remove("ncmec", "c");
    delta.remove("ncmec", "d");
    delta.add(source, entry("d")).unwrap();
    delta.append(&before, &path).unwrap();

    let after = Gallery::open(&path).unwrap();
    after.verify().unwrap();
    let keys = |gallery: &Gallery| -> Vec<String> {
        gallery.ids().map(|id| format!("{}:{}", gallery.entry(id).source, gallery.entry(id).key)).collect()
    };
    assert_eq!(keys(&before), ["first:a", "first:b", "first:c"], "whoever has the old file keeps it");
    assert_eq!(keys(&after), ["first:a", "first:c", "second:a", "second:d"]);
    let counts = after.counts();
    assert_eq!((counts.entries, counts.removed, counts.segments), (4, 2, 2));

    // Entries by number, removed ones too: three in the first segment, two or three in the second.
    let numbers: Vec<u64> = after.ids().map(EntryId::number).collect();
    assert_eq!(numbers[..2], [0, 2]);
    assert!(after.ids().all(|id| after.id(id.number()) == Some(id)));
    assert_eq!(after.entry(after.id(1).unwrap()).key, "b");
    for stranger in [3, 1 << 32 | 3, 2 << 32, u64::MAX] {
        assert_eq!(after.id(stranger), None);
    }

    // What was removed no longer matches.
    let removed = before.photodna(before.ids().nth(1).unwrap());
    let query = Query::default().photodna(removed);
    let matched = |gallery: &Gallery| {
        let mut matches = Vec::new();
        gallery.search(
            std::slice::from_ref(&query),
            &SearchOptions::default(),
            &mut Scratch::default(),
            &mut matches,
        );
        matches.len()
    };
    assert_eq!((matched(&before), matched(&after)), (1, 0));
    assert!(std::fs::read_dir(folder.path()).unwrap().count() == 1, "no temporary file stays");
}

/// Files of version 1 had another multi-index, which is skipped.
#[test]
fn files_of_version_1_are_read() {
    let mut random = Random(12);
    let entry = |number: u32| {
        Entry::default().key(number.to_string()).photodna(Some(random.photodna())).pdq(Some(random.pdq()))
    };
    let naive = Naive { entries: (0..700).map(entry).collect() };
    let mut builder = GalleryBuilder::new();
    let source = builder.source("list", "text");
    naive.entries.iter().for_each(|entry| builder.add(source, entry.clone()).unwrap());
    let mut bytes = builder.to_bytes().unwrap();
    let at = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let (start, length) = (at(&bytes, 16), at(&bytes, 24));
    bytes[8] = 1;
    bytes[start + 12] = 16;
    let directory = crc32fast::hash(&bytes[start..start + length]);
    bytes[40..44].copy_from_slice(&directory.to_le_bytes());
    let header = crc32fast::hash(&bytes[..44]);
    bytes[44..48].copy_from_slice(&header.to_le_bytes());
    let old = Gallery::from_bytes(bytes).unwrap();
    assert_ne!(old.checksum(), naive.gallery().checksum());
    let queries: Vec<Query> = old.ids().step_by(7).map(|id| old.query(id)).collect();
    assert_eq!(queries[3].photodna, naive.entries[21].photodna);
    let found = compare(&naive, &old, &queries, &SearchOptions::default());
    assert!(found >= 2 * queries.len(), "{found}");
}

#[test]
fn damaged_files_are_refused() {
    let bytes = small_gallery(&["a", "b", "c", "d"]).to_bytes().unwrap();
    assert!(matches!(Gallery::from_bytes(Vec::new()), Err(Error::Input(_))));
    assert!(matches!(Gallery::from_bytes(b"not a gallery".repeat(10)), Err(Error::Input(_))));
    let mut newer = bytes.clone();
    newer[8] = 4;
    assert!(matches!(Gallery::from_bytes(newer), Err(Error::Unsupported(_))));
    for length in 0..bytes.len() {
        assert!(Gallery::from_bytes(bytes[..length].to_vec()).is_err(), "cut at {length}");
    }
    let mut refused = 0;
    let mut random = Random(10);
    let query = Query::default().photodna(Some(random.photodna())).pdq(Some(random.pdq()));
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1 << random.below(8);
        let Ok(gallery) = Gallery::from_bytes(broken) else {
            refused += 1;
            continue;
        };
        // Whatever opens must not panic, and verification finds it.
        let mut matches = Vec::new();
        let all = SearchOptions::default().photodna(Some(u32::MAX)).pdq(Some(256));
        gallery.search(std::slice::from_ref(&query), &all, &mut Scratch::default(), &mut matches);
        for id in gallery.ids() {
            let _ = (gallery.entry(id), gallery.photodna(id), gallery.pdq(id));
        }
        refused += usize::from(gallery.verify().is_err());
    }
    // Only the unused bytes between sections and at the header's end may change unseen.
    assert!(refused > bytes.len() / 2 && refused + 64 * 14 > bytes.len(), "{refused} of {}", bytes.len());
}

/// Readers of the file's format, and checksums that jobs have written down, know galleries by their bytes.
#[test]
fn a_gallery_without_columns_has_the_bytes_that_it_had_before_there_were_any() {
    let mut random = Random(7);
    let mut builder = GalleryBuilder::new();
    let sources = [builder.source("a.csv", "csv"), builder.source("b.json", "json")];
    for number in 0..5000u64 {
        let entry = Entry::default()
            .key(format!("key {number}"))
            .label(format!("label {}", number % 7))
            .position(number)
            .quality((number % 2 == 0).then_some((number % 101) as u8))
            .photodna((number % 3 > 0).then(|| random.photodna()))
            .pdq((number % 3 < 2).then(|| random.pdq()));
        builder.add(sources[number as usize % 2], entry).unwrap();
    }
    let bytes = builder.to_bytes().unwrap();
    assert_eq!((bytes.len(), crc32fast::hash(&bytes)), (840_368, 2_066_901_205));
    let mut more = GalleryBuilder::new();
    let source = more.source("c.csv", "csv");
    more.add(source, Entry::default().key("k".into()).pdq(Some(random.pdq()))).unwrap();
    more.remove("csv", "key 10");
    let bytes = more.append_to_bytes(&Gallery::from_bytes(bytes).unwrap()).unwrap();
    assert_eq!((bytes.len(), crc32fast::hash(&bytes)), (841_696, 3_918_442_233));
}
