//! A shard whose workers die or hang is taken alone: one input at a time, each written down first, so that the one at fault is found.
//!
//! A claim's number counts attempts: a worker that ends in order removes its claims, and one that was killed or hangs leaves them. From the [`FROM`]th
//! attempt on nothing else is in flight while an input is hashed, so what was written down when a worker died, or hung, is under suspicion. A worker
//! may be killed for any reason, though, or wait for something else than its input: whoever takes the shard next hashes the suspect first, by itself,
//! and clears it where that goes well. Only an input that was in hand at [`DEATHS`] deaths, or for the whole stall time of [`HANGS`] workers, is taken for
//! the cause. It is not hashed any more, and its record says why. Where it cannot even be opened, as an archive perhaps, all of the item has that one record.
//!
//! An input that is still being fetched from a store is not in hand for a stall: there the store may hang.

use serde::{Deserialize, Serialize};

/// The first attempt at which a shard is taken alone.
pub(in crate::job) const FROM: u32 = 3;

/// Deaths with an input in hand after which it is not hashed any more; after as many again it is not opened.
const DEATHS: u32 = 3;

/// The same for workers that hung: each of them was without progress for the stall time, in which thousands of inputs are hashed.
const HANGS: u32 = 2;

/// An input of a shard: a source of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::job) struct Input {
    pub(in crate::job) item: usize,
    pub(in crate::job) source: u64,
}

/// What became of the worker that held a shard before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::job) enum Fate {
    Died,
    /// It gives heartbeats, and gets nothing done.
    Hung,
}

/// What is not done any more with an input that is taken for the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::job) enum Blame {
    /// It is opened and not hashed.
    NotHashed(Fate),
    /// Its item is not even opened.
    NotOpened(Fate),
}

/// What is written down of a shard that is taken alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::job) struct Suspects {
    /// The input that is in hand.
    in_hand: Option<Input>,
    /// Whether it is still being fetched.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fetching: bool,
    /// Inputs that were in hand when a worker died, and how often.
    deaths: Vec<(Input, u32)>,
    /// Inputs that were in hand when a worker hung, and how often.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hangs: Vec<(Input, u32)>,
}

fn count(counts: &[(Input, u32)], input: Input) -> u32 {
    counts.iter().find(|(known, _)| *known == input).map_or(0, |(_, times)| *times)
}

impl Suspects {
    /// The same for whoever takes the shard from the worker that wrote it.
    pub(in crate::job) fn after(mut self, fate: Fate) -> Suspects {
        let fetching = std::mem::take(&mut self.fetching);
        let counts = match fate {
            Fate::Died => &mut self.deaths,
            Fate::Hung => &mut self.hangs,
        };
        if let Some(input) = self.in_hand.take().filter(|_| fate == Fate::Died || !fetching) {
            match counts.iter_mut().find(|(known, _)| *known == input) {
                Some((_, times)) => *times += 1,
                None => counts.push((input, 1)),
            }
        }
        self
    }

    /// Inputs that are to be tried before anything else: not blamed yet, and in hand at some death or hang.
    pub(in crate::job) fn to_try(&self) -> Vec<Input> {
        let mut suspects: Vec<Input> = Vec::new();
        for (input, _) in self.deaths.iter().chain(&self.hangs) {
            if self.blame(*input).is_none() && !suspects.contains(input) {
                suspects.push(*input);
            }
        }
        suspects
    }

    /// Clears an input that was tried.
    pub(in crate::job) fn clear(&mut self, input: Input) {
        self.deaths.retain(|(known, _)| *known != input);
        self.hangs.retain(|(known, _)| *known != input);
        (self.in_hand, self.fetching) = (None, false);
    }

    /// Takes an input in hand, which is perhaps still to be fetched from a store.
    pub(in crate::job) fn take_in_hand(&mut self, input: Input, fetching: bool) {
        (self.in_hand, self.fetching) = (Some(input), fetching);
    }

    /// What is not done any more with an input, if it is taken for the cause, and what it did.
    pub(in crate::job) fn blame(&self, input: Input) -> Option<Blame> {
        let (deaths, hangs) = (count(&self.deaths, input), count(&self.hangs, input));
        let reach = |times| deaths + hangs >= times * DEATHS || hangs >= times * HANGS;
        let fate = if hangs >= deaths { Fate::Hung } else { Fate::Died };
        match (reach(1), reach(2)) {
            (_, true) => Some(Blame::NotOpened(fate)),
            (true, false) => Some(Blame::NotHashed(fate)),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known after these fates, with the input of each in hand.
    fn after(fates: &[(usize, bool, Fate)]) -> Suspects {
        fates.iter().fold(Suspects::default(), |mut suspects, (item, fetching, fate)| {
            suspects.take_in_hand(Input { item: *item, source: 0 }, *fetching);
            suspects.after(*fate)
        })
    }

    #[test]
    fn only_what_was_in_hand_at_several_deaths_is_blamed() {
        let input = |item| Input { item, source: 0 };
        assert_eq!(Suspects::default().after(Fate::Died), Suspects::default());
        let mut suspects = after(&[4, 2, 4, 4].map(|item| (item, false, Fate::Died)));
        let blamed = Some(Blame::NotHashed(Fate::Died));
        assert_eq!([2, 3, 4].map(|item| suspects.blame(input(item))), [None, None, blamed]);
        assert_eq!((suspects.in_hand, suspects.to_try()), (None, vec![input(2)]));
        suspects.clear(input(2));
        assert!(suspects.to_try().is_empty() && suspects.blame(input(4)) == blamed);
        let often = after(&[(4, true, Fate::Died); 6]);
        assert_eq!(often.blame(input(4)), Some(Blame::NotOpened(Fate::Died)));
    }

    #[test]
    fn what_hung_two_workers_is_blamed_and_a_store_that_hangs_is_not() {
        let input = Input { item: 4, source: 0 };
        let blame = |fates: &[(usize, bool, Fate)]| after(fates).blame(input);
        let hung = (4, false, Fate::Hung);
        assert_eq!((blame(&[hung]), after(&[hung]).to_try()), (None, vec![input]));
        assert_eq!(blame(&[hung; 2]), Some(Blame::NotHashed(Fate::Hung)));
        assert_eq!(blame(&[hung; 4]), Some(Blame::NotOpened(Fate::Hung)));
        assert_eq!(blame(&[(4, true, Fate::Hung); 9]), None);
        // Whoever looks after a job may kill what hangs.
        let died = (4, false, Fate::Died);
        assert_eq!(blame(&[hung, died, died]), Some(Blame::NotHashed(Fate::Died)));
        assert_eq!(blame(&[hung, died]), None);
        let written = serde_json::to_string(&after(&[hung])).unwrap();
        assert_eq!(serde_json::from_str::<Suspects>(&written).unwrap(), after(&[hung]));
        let older = r#"{"in_hand":{"item":4,"source":0},"deaths":[]}"#;
        assert_eq!(serde_json::from_str::<Suspects>(older).unwrap().after(Fate::Hung).to_try(), [input]);
    }
}
