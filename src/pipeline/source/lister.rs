//! Items listed by a thread of its own: what was found is read while a slow list says no more.

use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::{Item, Items};

/// Items that may wait beside those that were begun.
const AHEAD: usize = 1024;

/// Items one after another, without waiting for those that are not listed yet.
pub(super) enum Lister {
    /// As many as they say: nothing has to be looked for.
    Known(Items),
    Looked {
        items: Receiver<Item>,
        thread: Option<JoinHandle<()>>,
    },
}

/// What a lister has.
pub(super) enum Next {
    Item(Item),
    /// Nothing yet.
    Later,
    End,
}

impl Lister {
    pub(super) fn new(items: Items) -> Lister {
        if matches!(items.size_hint(), (least, Some(most)) if least == most) {
            return Lister::Known(items);
        }
        let (sender, receiver) = bounded::<Item>(AHEAD);
        let (hand, handed) = bounded::<Items>(1);
        let list = move || {
            for item in handed.into_iter().flatten() {
                // Who does not want them any more hangs up.
                if sender.send(item).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("shadegrid-list".to_string());
        // The items are handed over once there is a thread: else they are listed without one.
        match thread.spawn(list) {
            Ok(thread) => {
                let _ = hand.send(items);
                Lister::Looked { items: receiver, thread: Some(thread) }
            }
            Err(_) => Lister::Known(items),
        }
    }

    /// The next item, for which it waits so long.
    pub(super) fn next(&mut self, patience: Duration) -> Next {
        let (items, thread) = match self {
            Lister::Known(items) => return items.next().map_or(Next::End, Next::Item),
            Lister::Looked { items, thread } => (items, thread),
        };
        match items.recv_timeout(patience) {
            Ok(item) => Next::Item(item),
            Err(RecvTimeoutError::Timeout) => Next::Later,
            Err(RecvTimeoutError::Disconnected) => {
                // A panic, which is a bug in a list's reader, is not the end of the list.
                if let Some(Err(panic)) = thread.take().map(JoinHandle::join) {
                    resume_unwind(panic);
                }
                Next::End
            }
        }
    }

    /// How many items are left, where that is known.
    pub(super) fn left(&self) -> Option<usize> {
        match self {
            Lister::Known(items) => items.size_hint().1,
            Lister::Looked { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::pipeline::ItemKind;

    fn item(number: usize) -> Item {
        let location = number.to_string().into();
        Item { location, source: OsStr::new("").into(), kind: ItemKind::Picture }
    }

    /// Takes what is there within a second.
    fn taken(lister: &mut Lister) -> (Vec<String>, Next) {
        let mut taken = Vec::new();
        loop {
            match lister.next(Duration::from_secs(1)) {
                Next::Item(item) => taken.push(item.location.into_string().unwrap()),
                other => return (taken, other),
            }
        }
    }

    #[test]
    fn what_is_listed_comes_though_the_list_is_silent() {
        let (more, silent) = bounded::<Item>(0);
        let items = (0..3).map(item).chain(silent);
        let mut lister = Lister::new(Box::new(items.filter(|_| true)));
        let (first, then) = taken(&mut lister);
        assert!(first == ["0", "1", "2"] && matches!(then, Next::Later), "{first:?}");
        more.send(item(3)).unwrap();
        drop(more);
        let (last, then) = taken(&mut lister);
        assert!(last == ["3"] && matches!(then, Next::End), "{last:?}");
        assert!(matches!(lister.next(Duration::ZERO), Next::End));
    }

    #[test]
    fn a_list_whose_reader_panics_has_no_end() {
        let items = (0..).map(|number| if number < 5 { item(number) } else { panic!("a bug") });
        let mut lister = Lister::new(Box::new(items.filter(|_| true)));
        for _ in 0..5 {
            assert!(matches!(lister.next(Duration::from_secs(10)), Next::Item(_)));
        }
        let next = AssertUnwindSafe(|| drop(lister.next(Duration::from_secs(10))));
        assert!(catch_unwind(next).is_err());
    }
}
