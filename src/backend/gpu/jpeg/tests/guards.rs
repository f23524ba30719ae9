//! The stages of guards by themselves against their twins, over made-up pictures.

use super::super::descriptors::{Grid, Group, Guard, Look, NONE, Picture, SEEN, SUMS, Side, THREADS, WINDOW};
use super::super::gamut::gamut;
use super::super::looks::looks;
use super::super::spots::spots;
use super::super::stages::{GAMUT, LOOKS, SPOTS_TEXT};
use super::stages::{MadeUp, cast};
use super::{POISON, devices, is_noticed, run};
use crate::kernel::Bytes;

/// Up to 64 of an owner's in each group.
fn groups(owner: u32, first: u32, count: u32) -> impl Iterator<Item = Group> {
    (0..count).step_by(THREADS as usize).map(move |done| Group {
        owner,
        first: first + done,
        count: THREADS.min(count - done),
        unused: 0,
    })
}

#[test]
fn looks_equal_their_twin() {
    for device in devices() {
        let mut numbers = Bytes(57);
        let (mut compared, mut found_blocks, mut coefficients, mut noticed) = (0, 0, 0, 0);
        for round in 0..24 {
            let made = MadeUp::new(&mut numbers, WINDOW);
            let (lanes, notes) = made.first();
            let work = made.resolve(&made.follow(&lanes, &notes));
            let (mut all, mut of_picture, mut expected) = (Vec::new(), Vec::new(), Vec::new());
            for (picture, _) in made.pictures.iter().enumerate() {
                let first = all.len() as u32;
                let own = made.lanes().filter(|(of, segment, lane)| {
                    *of == picture && *lane == 0 && segment.end > segment.start
                });
                let segments: Vec<u32> = own
                    .map(|(_, segment, _)| {
                        made.segments.iter().position(|other| other == segment).unwrap() as u32
                    })
                    .collect();
                for _ in 0..if segments.is_empty() { 0 } else { 90 } {
                    let mut below = |limit: u32| (numbers.next() % u64::from(limit)) as u32;
                    let segment = segments[below(segments.len() as u32) as usize];
                    let of = &made.segments[segment as usize];
                    let look = Look {
                        segment,
                        bit: of.start + below(of.end - of.start),
                        passed: below(32),
                        wants_chroma: below(2),
                    };
                    let lanes = &work[of.first_lane as usize..][..of.lanes as usize];
                    expected.push(looks(made.source(picture), of, lanes, &look));
                    all.push(look);
                }
                of_picture.extend(groups(picture as u32, first, all.len() as u32 - first));
            }
            if all.is_empty() {
                continue;
            }
            let arrays = [
                cast(&made.pictures),
                cast(&made.segments),
                cast(&of_picture),
                &made.stream[..],
                &made.tables,
                cast(&work),
                cast(&all),
                &vec![POISON; all.len() * SEEN as usize],
            ];
            if round % 4 == 0 {
                let wrong = (
                    "seen[at] = segment.first_block + block;",
                    "seen[at] = segment.first_block + block + 1u;",
                );
                let groups = of_picture.len() as u32;
                noticed += usize::from(is_noticed(&device, ("looks", LOOKS), wrong, (&arrays, 1), groups));
            }
            let found = run(&device, ("looks", LOOKS), &arrays, 1, of_picture.len() as u32);
            for (index, (seen, expected)) in found[0].chunks_exact(SEEN as usize).zip(&expected).enumerate() {
                assert_eq!(
                    seen[0],
                    expected.map_or(NONE, |(block, _)| block),
                    "look {index} of round {round}"
                );
                let Some((_, values)) = expected else { continue };
                let word = |at: usize| (values[2 * at] & 0xFFFF | values[2 * at + 1] << 16) as u32;
                let words: Vec<u32> = (0..32).map(word).collect();
                assert_eq!(seen[18..], words, "look {index} of round {round}");
                found_blocks += 1;
                coefficients += values.iter().filter(|value| **value != 0).count();
            }
            compared += all.len();
        }
        println!("{compared} looks, {found_blocks} blocks with {coefficients} coefficients");
        assert!(
            compared > 2_000 && found_blocks > 300 && compared - found_blocks > 300 && coefficients > 1_000
        );
        assert!(noticed >= 4, "{noticed}");
    }
}

/// A plane of so many words from a place on.
fn grid(numbers: &mut Bytes, at: u32) -> Grid {
    let mut below = |limit: u64| (numbers.next() % limit) as u32;
    let columns = 1 + below(90);
    Grid {
        at,
        pitch: columns.div_ceil(2) + below(3),
        columns,
        rows: 1 + below(70),
        cell_width: 1 + below(16),
        cell_height: 1 + below(16),
    }
}

/// Planes, and samples as colours have them and far beyond.
fn grids(numbers: &mut Bytes) -> ([Grid; 3], Vec<u32>) {
    let mut end = 0;
    let grids = [(); 3].map(|()| {
        let grid = grid(numbers, end);
        end += grid.pitch * grid.rows;
        grid
    });
    let reach = [2_000, 30_000][(numbers.next() % 2) as usize];
    let mut half = || (32_768 - reach / 2 + numbers.next() % reach) as u32;
    let samples = (0..end).map(|_| half() | half() << 16).collect();
    (grids, samples)
}

#[test]
fn gamut_equals_its_twin() {
    for device in devices() {
        let mut numbers = Bytes(58);
        let (mut compared, mut clamped, mut noticed) = (0, 0, 0);
        for round in 0..60 {
            let (grids, samples) = grids(&mut numbers);
            let mut below = |limit: u32| (numbers.next() % u64::from(limit)) as u32;
            let both = |side: fn(&Grid) -> u32| [side(&grids[0]), side(&grids[1]).min(side(&grids[2]))];
            let mut cells: Vec<u32> = vec![POISON; round % 3];
            let (columns, rows) = (1 + below(64), 1 + below(64));
            for (count, [luma, chroma]) in [(columns, both(|g| g.columns)), (rows, both(|g| g.rows))] {
                cells.extend((0..count).map(|_| below(luma) << 16 | below(chroma)));
            }
            let guard =
                Guard { count: 3, cells: (round % 3) as u32, columns, rows, grids, ..Guard::default() };
            let wide = samples.iter().any(|word| (word & 0xFFFF).abs_diff(32_768) > 1_000);
            // Sums of a row have 31 bits for samples of 12, which `planes` keeps to.
            let samples: Vec<u32> = if wide {
                samples.iter().map(|word| (word & 0x0FFF_0FFF) + 0x7800_7800).collect()
            } else {
                samples
            };
            let expected = gamut(&guard, &cells, &samples);
            let arrays =
                [cast(std::slice::from_ref(&guard)), &cells[..], &samples, &[POISON; 2 * SUMS as usize]];
            let found = run(&device, ("gamut", GAMUT), &arrays, 1, 1);
            let long = |two: &[u32]| (u64::from(two[0]) | u64::from(two[1]) << 32) as i64;
            let words = found[0].clone();
            let found: Vec<i64> = words.chunks_exact(2).map(long).collect();
            assert_eq!(found, expected, "round {round}");
            let wrong = GAMUT.replace("22554 * cb", "22654 * cb");
            assert_ne!(wrong, GAMUT);
            noticed += if round % 10 == 0 {
                usize::from(run(&device, ("gamut", &wrong), &arrays, 1, 1)[0] != words)
            } else {
                0
            };
            compared += columns * rows;
            clamped += usize::from(expected[1] != 0);
        }
        println!("{compared} cells, {clamped} pictures in which clamping takes part");
        assert!(compared > 20_000 && clamped > 20 && noticed >= 5);
    }
}

#[test]
fn spots_equal_their_twin() {
    for device in devices() {
        let mut numbers = Bytes(59);
        let (mut compared, mut outside, mut noticed) = (0, 0, 0);
        for round in 0..40 {
            let (grids, samples) = grids(&mut numbers);
            let mut below = |limit: u32| (numbers.next() % u64::from(limit)) as u32;
            let count = [1, 3][round % 2];
            let (mcus, mcus_high) = (1 + below(6), 1 + below(5));
            let (mut place, mut components, mut sides) = (0, 0, [Side::default(); 3]);
            for (component, side) in sides.iter_mut().enumerate().take(count) {
                let (across, down) = (1 + below(2), 1 + below(2));
                (0..across * down).for_each(|own| components |= (component as u32) << (2 * (place + own)));
                *side = Side {
                    place,
                    across,
                    down,
                    wide: (mcus * across - below(across)).max(1),
                    high: (mcus_high * down - below(down)).max(1),
                    times_across: 1 + below(3),
                    times_down: 1 + below(3),
                };
                place += across * down;
            }
            let (slot_count, lanes, first_lane) = (1 + below(6), 1 + below(9), below(4));
            let (per_mcu, slots) = (place, below(9));
            let picture =
                Picture { per_mcu, components, slots, slot_count, first_lane, ..Picture::default() };
            let guard = Guard { count: count as u32, mcus, grids, sides, ..Guard::default() };
            let blocks = mcus * mcus_high * per_mcu;
            let all_slots: Vec<u32> =
                (0..slots + blocks * slot_count).map(|_| below(lanes) << 16 | below(1 << 16)).collect();
            let offsets: Vec<[u32; 4]> =
                (0..first_lane + lanes).map(|_| [(); 4].map(|()| below(u32::MAX))).collect();
            let looks = 1 + below(150);
            let mut seen = vec![POISON; (looks * SEEN) as usize];
            seen.chunks_exact_mut(SEEN as usize)
                .for_each(|seen| seen[0] = if below(9) == 0 { NONE } else { below(blocks) });
            let groups: Vec<Group> = groups(0, 0, looks).collect();
            let arrays = [
                cast(std::slice::from_ref(&picture)),
                cast(std::slice::from_ref(&guard)),
                cast(&groups),
                &all_slots[..],
                offsets.as_flattened(),
                &samples,
                &seen.clone(),
            ];
            if round % 8 == 0 {
                let wrong =
                    ("let x = mcu % guard.mcus * side.across", "let x = mcu % guard.mcus * side.down");
                let wrong = [wrong, ("pixel.x / grid.cell_width", "pixel.y / grid.cell_width")];
                let is_noticed = |wrong| {
                    is_noticed(&device, ("spots", SPOTS_TEXT), wrong, (&arrays, 1), groups.len() as u32)
                };
                noticed += usize::from(wrong.into_iter().any(is_noticed));
            }
            let found = run(&device, ("spots", SPOTS_TEXT), &arrays, 1, groups.len() as u32);
            let before = seen.iter().step_by(SEEN as usize).filter(|block| **block == NONE).count();
            seen.chunks_exact_mut(SEEN as usize)
                .for_each(|seen| spots((&picture, &guard), (&all_slots, &offsets, &samples), seen));
            assert_eq!(found[0], seen, "round {round}");
            compared += looks;
            outside += seen.iter().step_by(SEEN as usize).filter(|block| **block == NONE).count() - before;
        }
        println!("{compared} blocks, {outside} of them outside of the picture");
        assert!(compared > 1_500 && outside > 50 && noticed >= 3, "{noticed}");
    }
}
