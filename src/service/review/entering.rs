//! Pictures that matched, on the way to whoever reviews them.

use super::super::app::{Ask, Shared, aside};
use super::super::hashing::Worked;
use super::super::looking::FaceHits;
use super::super::pictures::{Given, Picture};
use super::super::problem::{Answer, Problem};
use super::now;
use crate::hasher::Hashed;
use crate::pipeline::Hit;
use crate::review::{Arrived, Entry, Look, Matched};

/// Entries that are kept of what a picture matched, the nearest.
const MOST: usize = 20;

/// Refuses what cannot be reviewed before anything is hashed: what is fetched is let go once it is.
pub(crate) fn check(pictures: &[Given]) -> Answer<()> {
    if pictures.iter().any(|given| matches!(given, Given::At(..))) {
        return Err(Problem::input("review: pictures at addresses are not kept; send the picture itself"));
    }
    Ok(())
}

/// Keeps those that matched, and gives the ids of their items. When this returns, they are on the disk.
pub(crate) async fn keep(
    app: &Shared,
    ask: &Ask,
    (pictures, worked): (&[Given], &[Worked]),
    found: &[Option<FaceHits>],
) -> Answer<Vec<Option<String>>> {
    let sender = ask.key_id();
    let one = |given: &Given, worked: &Worked, found: &Option<FaceHits>| {
        let (Given::Here(picture), Ok(hashed), Some((_, hits))) = (given, &worked.outcome, found) else {
            return None;
        };
        let arrived = Arrived { reference: short(&picture.key), sender: sender.clone() };
        (!hits.is_empty()).then(|| (picture.clone(), matched(hashed, hits), arrived))
    };
    let all = pictures.iter().zip(worked).zip(found);
    let all: Vec<_> = all.map(|((given, worked), found)| one(given, worked, found)).collect();
    let app = app.clone();
    aside(move || {
        let review = app.reviewing()?.review();
        let kept = all.into_iter().map(|one| {
            let Some((Picture { bytes, .. }, matched, arrived)) = one else { return Ok(None) };
            Ok(Some(review.add(&bytes, &matched, &arrived, now())?.item))
        });
        kept.collect()
    })
    .await
}

/// What a sender calls a picture, as far as a page shows it.
fn short(key: &str) -> String {
    key.chars().take(1000).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn matched(hashed: &Hashed, hits: &[Hit]) -> Matched {
    let photodna = hashed.photodna.map(|hash| (hash.signature, hash.strength));
    let pdq = hashed.pdq.as_ref().map(|hash| (hash.signature, hash.quality));
    Matched {
        format: hashed.format.map_or("", |format| format.name()).to_string(),
        width: hashed.width,
        height: hashed.height,
        flags: hashed.flags().map(|flag| flag.name().to_string()).collect(),
        faces: hashed
            .face
            .into_iter()
            .chain(hashed.faces.iter().map(|face| face.face))
            .map(|face| face.to_string())
            .collect(),
        look: Look::of(photodna, pdq),
        entries: hits.iter().take(MOST).map(entry).collect(),
    }
}

fn entry(hit: &Hit) -> Entry {
    let matched = hit.matched.clone();
    Entry {
        gallery: matched.gallery,
        key: matched.key,
        label: matched.label,
        source: matched.source,
        algorithm: matched.algorithm.to_string(),
        distance: matched.distance,
        orientation: matched.orientation.to_string(),
        face: matched.face.map(|face| face.to_string()),
    }
}
