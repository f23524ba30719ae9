//! A shard whose workers die is taken alone: one input at a time, each written down first, so that the one that ends its worker is found.
//!
//! A claim's number counts attempts: a worker that ends in order removes its claims, and one that was killed leaves them. From the [`FROM`]th
//! attempt on nothing else is in flight while an input is hashed, so what was written down when a worker died is under suspicion. A worker
//! may be killed for any reason, though: whoever takes the shard next hashes the suspect first, by itself, and clears it where that goes well. Only
//! an input that was in hand at [`DEATHS`] deaths, all but the first in such a trial of some milliseconds, is taken for their cause. It is not
//! hashed any more, and its record says why. Where it cannot even be opened, as an archive perhaps, all of the item has that one record.

use serde::{Deserialize, Serialize};

/// The first attempt at which a shard is taken alone.
pub(in crate::job) const FROM: u32 = 3;

/// Deaths with an input in hand after which it is not hashed any more; after as many again it is not opened.
pub(in crate::job) const DEATHS: u32 = 3;

/// An input of a shard: a source of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::job) struct Input {
    pub(in crate::job) item: usize,
    pub(in crate::job) source: u64,
}

/// What is written down of a shard that is taken alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::job) struct Suspects {
    /// The input that is in hand.
    in_hand: Option<Input>,
    /// Inputs that were in hand when a worker died, and how often.
    deaths: Vec<(Input, u32)>,
}

impl Suspects {
    /// The same after the death of the worker that wrote it.
    pub(in crate::job) fn after_a_death(mut self) -> Suspects {
        if let Some(input) = self.in_hand.take() {
            match self.deaths.iter_mut().find(|(known, _)| *known == input) {
                Some((_, deaths)) => *deaths += 1,
                None => self.deaths.push((input, 1)),
            }
        }
        self
    }

    /// Inputs that are to be tried before anything else: not blamed yet, and in hand at some death.
    pub(in crate::job) fn to_try(&self) -> Vec<Input> {
        let under_suspicion = self.deaths.iter().filter(|(_, deaths)| *deaths < DEATHS);
        under_suspicion.map(|(input, _)| *input).collect()
    }

    /// Clears an input that was tried.
    pub(in crate::job) fn clear(&mut self, input: Input) {
        self.deaths.retain(|(known, _)| *known != input);
        self.in_hand = None;
    }

    pub(in crate::job) fn take_in_hand(&mut self, input: Input) {
        self.in_hand = Some(input);
    }

    /// How often a worker died with this input in hand.
    pub(in crate::job) fn deaths(&self, input: Input) -> u32 {
        self.deaths.iter().find(|(known, _)| *known == input).map_or(0, |(_, deaths)| *deaths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_in_hand_at_several_deaths_is_blamed() {
        let input = |item| Input { item, source: 0 };
        let mut suspects = Suspects::default().after_a_death();
        assert_eq!(suspects, Suspects::default());
        for item in [4, 2, 4, 4] {
            suspects.in_hand = Some(input(item));
            suspects = suspects.after_a_death();
        }
        assert_eq!([2, 3, 4].map(|item| suspects.deaths(input(item))), [1, 0, 3]);
        assert_eq!((suspects.in_hand, suspects.to_try()), (None, vec![input(2)]));
        suspects.clear(input(2));
        assert!(suspects.to_try().is_empty() && suspects.deaths(input(4)) == 3);
    }
}
