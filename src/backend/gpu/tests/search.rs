//! Signatures looked up on every adapter, pair by pair against the definitions.

use super::super::Device;
use super::super::search::{CAPACITY, Metric, Resident};
use super::{are_long, devices};
use crate::kernel::distance::{Pair, Random, naive};

type Found = Vec<(Pair, u32)>;

fn on_device<const N: usize>(
    device: &Device,
    metric: Metric,
    rows: &[[u8; N]],
    queries: &[[u8; N]],
    radius: u32,
) -> Found {
    let resident = Resident::upload(device, metric, rows.as_flattened()).unwrap();
    let mut found = Vec::new();
    let searched = resident
        .search(device, queries.as_flattened(), radius, &mut |pair, distance| found.push((pair, distance)));
    searched.unwrap_or_else(|(_, error)| panic!("{error}"));
    found.sort_unstable();
    found
}

fn by_definition<const N: usize>(
    rows: &[[u8; N]],
    queries: &[[u8; N]],
    radius: u32,
    distance: impl Fn(&[u8; N], &[u8; N]) -> u32,
) -> Found {
    let mut found = Vec::new();
    for (query, own) in queries.iter().enumerate() {
        for (row, other) in rows.iter().enumerate() {
            let distance = distance(own, other);
            if distance <= radius {
                found.push((Pair { query: query as u32, row: row as u32 }, distance));
            }
        }
    }
    found
}

/// Random signatures, and among them flat ones, extremes, duplicates and near copies of the one before.
fn signatures<const N: usize>(random: &mut Random, count: usize) -> Vec<[u8; N]> {
    let mut all: Vec<[u8; N]> = Vec::new();
    for number in 0..count {
        let before = all.last().copied().unwrap_or([3; N]);
        all.push(match number % 8 {
            0 => [0; N],
            1 => [255; N],
            2 => before,
            3 => std::array::from_fn(|k| before[k] ^ u8::from(k == 7)),
            4 => [(random.next() % 256) as u8; N],
            _ => random.bytes(),
        });
    }
    all
}

/// Sizes about a workgroup's rows, and about the queries that share workgroup memory and a batch.
const SIZES: [(usize, usize); 12] = [
    (0, 3),
    (1, 1),
    (1, 0),
    (255, 63),
    (511, 64),
    (512, 65),
    (513, 1),
    (1023, 255),
    (1024, 256),
    (1025, 257),
    (300, 1023),
    (40, 1030),
];

#[test]
fn hits_are_those_of_the_definition_at_every_size() {
    for device in devices() {
        let mut random = Random(31);
        let (mut compared, mut within) = (0, 0);
        for (rows, queries) in SIZES {
            // Radii that let few through need no large sizes each time.
            let has_more = are_long() || rows * queries < 50_000;
            let radii = |all: &[u32], last: u32| if has_more { all.to_vec() } else { vec![last] };
            let (known, asked) = (signatures(&mut random, rows), signatures(&mut random, queries));
            for radius in radii(&[0, 1_400_000], 1_400_000) {
                let expected = by_definition(&known, &asked, radius, naive::squares);
                assert_eq!(on_device(&device, Metric::Squares, &known, &asked, radius), expected);
                within += expected.len();
            }
            let (known, asked) = (signatures(&mut random, rows), signatures(&mut random, queries));
            for radius in radii(&[0, 31, 120], 120) {
                let expected = by_definition(&known, &asked, radius, naive::hamming);
                assert_eq!(on_device(&device, Metric::Hamming, &known, &asked, radius), expected);
                within += expected.len();
            }
            compared += if has_more { 5 } else { 2 } * rows * queries;
        }
        println!("{within} hits among {compared} pairs");
        assert!(compared > 2_500_000 && within > 100_000 && within < compared / 2);
    }
}

/// Entries at distance exactly T − 1, T and T + 1, for a threshold T.
#[test]
fn the_edge_is_exact() {
    for device in devices() {
        // 40,000 = 200²; one byte less gives 39,601, and a second byte of 19 and of 20 gives 39,962 and 40,001.
        let base = [20u8; 144];
        let at = |first: u8, second: u8| {
            let mut row = base;
            (row[5], row[143]) = (20 + first, 20 + second);
            row
        };
        let rows = [at(200, 0), at(199, 20), at(199, 19), at(200, 1), at(0, 200)];
        let found = on_device(&device, Metric::Squares, &rows, &[base], 40_000);
        let pair = |row| Pair { query: 0, row };
        assert_eq!(found, [(pair(0), 40_000), (pair(2), 39_962), (pair(4), 40_000)]);
        assert_eq!(on_device(&device, Metric::Squares, &rows, &[base], 40_001).len(), 5);

        let flipped = |bits: usize| {
            let mut row = [0x5au8; 32];
            (0..bits).for_each(|bit| row[(7 * bit) % 256 / 8] ^= 1 << ((7 * bit) % 8));
            row
        };
        let rows = [flipped(30), flipped(31), flipped(32), flipped(0), flipped(256)];
        let found = on_device(&device, Metric::Hamming, &rows, &[flipped(0)], 31);
        assert_eq!(found, [(pair(0), 30), (pair(1), 31), (pair(3), 0)]);
    }
}

/// Far more hits than the list holds, in few rows and in many: the range is divided, and none is lost.
#[test]
fn a_list_that_is_too_short_loses_no_hit() {
    let mut random = Random(33);
    for device in devices() {
        for (rows, queries) in [(2500, 100), (200, 1024)] {
            let (known, asked): (Vec<[u8; 32]>, Vec<[u8; 32]>) =
                (signatures(&mut random, rows), signatures(&mut random, queries));
            let expected = by_definition(&known, &asked, 256, naive::hamming);
            assert!(expected.len() > 3 * CAPACITY as usize);
            assert_eq!(on_device(&device, Metric::Hamming, &known, &asked, 256), expected);
        }
        let (known, asked): (Vec<[u8; 144]>, Vec<[u8; 144]>) =
            (signatures(&mut random, 1100), signatures(&mut random, 90));
        let expected = by_definition(&known, &asked, u32::MAX, naive::squares);
        assert_eq!(expected.len(), 1100 * 90);
        assert_eq!(on_device(&device, Metric::Squares, &known, &asked, u32::MAX), expected);
    }
}

#[test]
fn a_lost_device_is_an_error_that_says_what_was_done() {
    let mut random = Random(34);
    let (known, asked): (Vec<[u8; 32]>, Vec<[u8; 32]>) =
        (signatures(&mut random, 100), signatures(&mut random, 3000));
    for device in devices() {
        let resident = Resident::upload(&device, Metric::Hamming, known.as_flattened()).unwrap();
        let (mut given, mut last) = (0, 0);
        let searched = resident.search(&device, asked.as_flattened(), 31, &mut |pair, _| {
            if pair.query >= 1024 && given > 0 && last < 1024 {
                device.destroy();
            }
            (given, last) = (given + 1, pair.query);
        });
        let (done, error) = searched.unwrap_err();
        assert_eq!((done, last / 1024), (2048, 1), "{error}");
        let expected = by_definition(&known, &asked[..2048], 31, naive::hamming);
        assert_eq!(given, expected.len(), "of what was done, everything was given");
    }
}

#[test]
fn rows_are_divided_by_the_largest_binding() {
    let mut random = Random(35);
    let (known, asked): (Vec<[u8; 144]>, Vec<[u8; 144]>) =
        (signatures(&mut random, 1700), signatures(&mut random, 70));
    let expected = by_definition(&known, &asked, 1_400_000, naive::squares);
    for mut device in devices() {
        device.adapter.max_binding = 144 * 600 + 7;
        assert_eq!(on_device(&device, Metric::Squares, &known, &asked, 1_400_000), expected);
    }
}
