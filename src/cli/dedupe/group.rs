//! A group: its members, the best copy, and how the others hang together with it.

use std::collections::BTreeSet;

use shadegrid::gallery::{Entry, EntryId, Gallery, GalleryBuilder, Match, Query, Scratch, SearchOptions};
use shadegrid::{Algorithm, Error, Orientation};

use super::best::{Keep, best};
use super::collection::Collection;
use super::item::Item;

/// What belongs together.
pub(super) struct Group {
    /// From 1.
    pub(super) number: usize,
    /// In the order of the inputs.
    pub(super) members: Vec<Member>,
    /// Which member is the best copy, and why.
    pub(super) best: usize,
    pub(super) why: &'static str,
}

/// A member of a group.
pub(super) struct Member {
    pub(super) item: Item,
    /// How far it is from the best copy, by each signature that both have and that is good enough to be compared.
    pub(super) distances: Vec<(Algorithm, u32)>,
    /// How it has to be laid to look like the best copy.
    pub(super) orientation: Orientation,
    pub(super) tie: Tie,
    /// The first member of the same bytes, where there are others.
    pub(super) exact: Option<usize>,
    /// Whether whatever may be seen of it, each of its faces, is within the threshold of the best copy.
    pub(super) is_covered: bool,
    /// Its faces.
    pub(super) faces: usize,
}

/// How a member hangs together with the best copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tie {
    /// It is the best copy.
    Best,
    /// It is within the threshold of it, or has the same bytes.
    Direct,
    /// It is not, but within that of this member, which hangs together with it.
    Chain(usize),
}

/// Distances of which none is larger.
const WIDEST: [(Algorithm, u32); 2] = [(Algorithm::PhotoDna, 144 * 255 * 255), (Algorithm::Pdq, 256)];

/// Queries that are searched at a time.
const BATCH: usize = 1024;

/// Looks into groups.
pub(super) struct Grouping<'a> {
    collection: &'a Collection,
    keep: Keep,
    /// What counts as a match, by any of these; and the same without a threshold.
    rules: Vec<SearchOptions>,
    any: SearchOptions,
    scratch: Scratch,
}

impl<'a> Grouping<'a> {
    /// Looks into groups that these rules made, of which there is one at least.
    pub(super) fn new(collection: &'a Collection, rules: &[SearchOptions], keep: Keep) -> Grouping<'a> {
        // Of two entries each is looked up, so that a limit on their number says nothing about two.
        let [(_, photodna), (_, pdq)] = WIDEST;
        let mut any = rules.first().cloned().unwrap_or_default().nearest(None).joint(false);
        any.photodna = rules.iter().any(|rule| rule.photodna.is_some()).then_some(photodna);
        any.pdq = rules.iter().any(|rule| rule.pdq.is_some()).then_some(pdq);
        let capped = |rule: &SearchOptions| {
            let within = |threshold: Option<u32>, widest| threshold.map(|threshold| threshold.min(widest));
            let (photodna, pdq) = (within(rule.photodna, photodna), within(rule.pdq, pdq));
            rule.clone().nearest(None).photodna(photodna).pdq(pdq)
        };
        let rules = rules.iter().map(capped).collect();
        Grouping { collection, keep, rules, any, scratch: Scratch::default() }
    }

    /// The group of these items, of which there are two at least; their numbers say where their signatures are.
    pub(super) fn group(
        &mut self,
        number: usize,
        numbers: &[usize],
        items: Vec<Item>,
    ) -> Result<Group, Error> {
        let (best, why) = best(&items, self.keep);
        let mut ties: Vec<Option<Tie>> =
            items.iter().map(|item| item.is_copy_of(&items[best]).then_some(Tie::Direct)).collect();
        let mut distances = vec![Vec::new(); items.len()];
        let mut orientations = vec![Orientation::Upright; items.len()];
        let all: Vec<usize> = (0..items.len()).collect();
        let of_best = Part::new(self.collection, numbers, &[best])?;
        let any = self.any.clone();
        for (member, _, _, found) in self.search(&of_best, &all, numbers, std::slice::from_ref(&any)) {
            let known =
                distances[member].iter_mut().find(|(of, _): &&mut (Algorithm, u32)| *of == found.algorithm);
            match known {
                // Of several faces, those that are nearest.
                Some((_, distance)) if *distance <= found.distance => continue,
                Some((_, distance)) => *distance = found.distance,
                None => distances[member].push((found.algorithm, found.distance)),
            }
            if distances[member][0].0 == found.algorithm {
                orientations[member] = found.orientation;
            }
        }
        let mut covered = vec![BTreeSet::new(); items.len()];
        for (member, face, ..) in self.search(&of_best, &all, numbers, &self.rules.clone()) {
            ties[member] = Some(Tie::Direct);
            covered[member].insert(face);
        }
        let covered = covered.iter().zip(numbers);
        let faces = |number: &usize| self.collection.entries(*number).len();
        let covered: Vec<(usize, usize)> =
            covered.map(|(covered, number)| (covered.len(), faces(number))).collect();
        ties[best] = Some(Tie::Best);
        distances[best].clear();
        self.chain(&items, numbers, &mut ties)?;
        let exact: Vec<Option<usize>> = items.iter().map(|item| first_of(&items, item)).collect();
        let members = items
            .into_iter()
            .zip(distances.into_iter().zip(orientations))
            .zip(ties.into_iter().zip(exact.into_iter().zip(covered)))
            .map(|((item, (distances, orientation)), (tie, (exact, (covered, faces))))| Member {
                item,
                distances,
                orientation,
                // Everything in a group hangs together; were it not so, nothing would be near.
                tie: tie.unwrap_or(Tie::Chain(best)),
                exact,
                is_covered: covered == faces,
                faces,
            });
        Ok(Group { number, members: members.collect(), best, why })
    }

    /// Finds through which others the members hang together that are not within the threshold of the best copy: by the fewest steps.
    fn chain(&mut self, items: &[Item], numbers: &[usize], ties: &mut [Option<Tie>]) -> Result<(), Error> {
        let mut left: Vec<usize> = (0..ties.len()).filter(|member| ties[*member].is_none()).collect();
        if left.is_empty() {
            return Ok(());
        }
        let all: Vec<usize> = (0..items.len()).collect();
        let whole = Part::new(self.collection, numbers, &all)?;
        let rules = self.rules.clone();
        while !left.is_empty() {
            let mut reached: Vec<(usize, usize)> = Vec::new();
            for part in left.chunks(BATCH) {
                let found = self.search(&whole, part, numbers, &rules);
                let near = found.into_iter().map(|(member, _, other, _)| (member, other));
                // Nearly flat pictures match nothing, and are in the group for their bytes alone.
                let copies = part.iter().filter(|member| items[**member].class.is_some());
                let same = copies.flat_map(|&member| {
                    let same = move |&&other: &&usize| items[member].is_copy_of(&items[other]);
                    all.iter().filter(same).map(move |&other| (member, other))
                });
                reached.extend(near.chain(same).filter(|(_, other)| ties[*other].is_some()));
            }
            reached.sort_unstable();
            if reached.is_empty() {
                break;
            }
            for (member, through) in reached {
                ties[member].get_or_insert(Tie::Chain(through));
            }
            left.retain(|member| ties[*member].is_none());
        }
        Ok(())
    }

    /// What of a part matches `members` by any rule: member and which of its faces, the part's member, and the match.
    fn search(
        &mut self,
        part: &Part,
        members: &[usize],
        numbers: &[usize],
        rules: &[SearchOptions],
    ) -> Vec<(usize, usize, usize, Match)> {
        let mut asked = Vec::new();
        let mut queries: Vec<Query> = Vec::new();
        for &member in members {
            for (face, id) in self.collection.entries(numbers[member]).iter().enumerate() {
                asked.push((member, face));
                queries.push(self.collection.gallery.query(*id));
            }
        }
        let mut found = Vec::new();
        for rule in rules {
            let mut by_rule = Vec::new();
            part.gallery.search(&queries, rule, &mut self.scratch, &mut by_rule);
            found.append(&mut by_rule);
        }
        let place = |found: &Match| part.ids.binary_search(&found.entry).ok().map(|place| part.owners[place]);
        let pairs = found.iter().filter_map(|one| {
            let (member, face) = asked[one.query as usize];
            Some((member, face, place(one)?, *one))
        });
        pairs.filter(|(member, _, other, _)| member != other || part.is_single).collect()
    }
}

/// The first of `items` that has the same bytes as one of them; `None` where it is alone.
fn first_of(items: &[Item], item: &Item) -> Option<usize> {
    item.class?;
    items.iter().position(|other| other.is_copy_of(item))
}

/// A gallery of some members of a group.
struct Part {
    gallery: Gallery,
    ids: Vec<EntryId>,
    /// The member of each entry.
    owners: Vec<usize>,
    is_single: bool,
}

impl Part {
    fn new(collection: &Collection, numbers: &[usize], members: &[usize]) -> Result<Part, Error> {
        let mut builder = GalleryBuilder::new();
        let of = builder.source("", "");
        let mut owners = Vec::new();
        for &member in members {
            for id in collection.entries(numbers[member]) {
                let Query { photodna, pdq, flat, quality, .. } = collection.gallery.query(*id);
                builder.add(of, Entry::default().photodna(photodna).pdq(pdq).flat(flat).quality(quality))?;
                owners.push(member);
            }
        }
        let gallery = Gallery::from_bytes(builder.to_bytes()?)?;
        let ids = gallery.ids().collect();
        Ok(Part { gallery, ids, owners, is_single: members.len() == 1 })
    }
}
