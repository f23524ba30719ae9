//! What one thread keeps from picture to picture.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::work::{MakeWork, Work};
use crate::hasher::HashOptions;

/// The buffers of one thread, for the options that it met last. A run and single pictures with other options may take turns.
#[derive(Default)]
pub(crate) struct Kept {
    /// Those used last stand first.
    works: Vec<(Arc<HashOptions>, Box<dyn Work>)>,
}

/// For how many options a thread keeps buffers.
const MOST: usize = 2;

impl fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "buffers for {} kinds of options", self.works.len())
    }
}

impl Kept {
    /// The work for these options, made where it is not there.
    pub(super) fn of(&mut self, options: &Arc<HashOptions>, make: &MakeWork) -> &mut dyn Work {
        match self.place(options) {
            Some(0) => {}
            Some(place) => self.works.swap(0, place),
            None => {
                self.works.truncate(MOST - 1);
                self.works.insert(0, (options.clone(), make(options)));
            }
        }
        &mut *self.works[0].1
    }

    /// Gives up kept buffers if they and `need` bytes more exceed `most`: first those that these options do not use.
    pub(super) fn make_room(&mut self, options: &Arc<HashOptions>, need: u64, most: u64) {
        let kept = |kept: &Kept| kept.works.iter().map(|(_, work)| work.kept()).sum::<u64>();
        for own in [false, true] {
            if kept(self).saturating_add(need) <= most {
                return;
            }
            let theirs = self.works.iter_mut().filter(|(other, _)| Arc::ptr_eq(other, options) == own);
            theirs.for_each(|(_, work)| work.forget());
        }
    }

    /// How long decoding with these options took since this was asked last.
    pub(super) fn take_decoding(&mut self, options: &Arc<HashOptions>) -> Duration {
        self.place(options).map_or(Duration::ZERO, |place| self.works[place].1.take_decoding())
    }

    /// Drops the work for these options.
    pub(super) fn drop(&mut self, options: &Arc<HashOptions>) {
        self.works.retain(|(other, _)| !Arc::ptr_eq(other, options));
    }

    fn place(&self, options: &Arc<HashOptions>) -> Option<usize> {
        self.works.iter().position(|(other, _)| Arc::ptr_eq(other, options))
    }
}
