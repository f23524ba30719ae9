//! Files of the same bytes.
//!
//! They have the same length, size and signatures, so only files that share these are read again.

use std::collections::HashMap;

use super::item::Item;

/// Marks the files of each class: same bytes, read now. Files that are alone have none, and neither has one that has changed or cannot be read
/// any more. `likenesses` are numbers that files of the same bytes share.
pub(super) fn mark(pictures: &mut [Item], likenesses: &[u64]) {
    let mut alike: HashMap<u64, Vec<usize>> = HashMap::new();
    for (number, likeness) in
        likenesses.iter().enumerate().filter(|(number, _)| pictures[*number].file.is_some())
    {
        alike.entry(*likeness).or_default().push(number);
    }
    let mut alike: Vec<Vec<usize>> = alike.into_values().filter(|numbers| numbers.len() > 1).collect();
    alike.sort_unstable();
    let mut count = 0;
    for numbers in alike {
        for class in classes(pictures, &numbers).into_iter().filter(|class| class.len() > 1) {
            class.into_iter().for_each(|number| pictures[number].class = Some(count));
            count += 1;
        }
    }
}

/// Those of `numbers` that have the same bytes.
fn classes(pictures: &[Item], numbers: &[usize]) -> Vec<Vec<usize>> {
    let files = files(pictures, numbers);
    if files.len() < 2 {
        return files;
    }
    let mut by_content: HashMap<([u8; 32], u64), Vec<usize>> = HashMap::new();
    for names in files {
        let first = &pictures[names[0]];
        let Some(file) = first.file else { continue };
        if let Ok(digest) = file.digest(first.path()) {
            by_content.entry((digest, file.bytes)).or_default().extend(names);
        }
    }
    let mut classes: Vec<Vec<usize>> = by_content.into_values().collect();
    classes.sort_unstable();
    classes
}

/// The names of each file.
fn files(pictures: &[Item], numbers: &[usize]) -> Vec<Vec<usize>> {
    let (mut files, mut known) = (Vec::<Vec<usize>>::new(), HashMap::new());
    for &number in numbers {
        let of = pictures[number].file.and_then(|file| file.number());
        match of.and_then(|of| known.get(&of).copied()) {
            Some(file) => Vec::push(&mut files[file], number),
            None => {
                known.extend(of.map(|of| (of, files.len())));
                files.push(vec![number]);
            }
        }
    }
    files
}
