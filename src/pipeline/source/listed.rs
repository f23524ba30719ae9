//! Items as they are listed. Where that can take long, a thread of its own lists them: a list on standard input may be silent for hours.

use std::ffi::OsStr;
use std::iter::Peekable;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

use super::{Item, ItemKind, Items};
use crate::pipeline::panics::caught;
use crate::pipeline::waiting::Taker;

/// Items that are listed ahead.
const AHEAD: usize = 1024;

/// Items one after another; the next may not be there yet.
pub(super) enum Listed {
    /// They are in memory, as those of a job's shard are.
    Here(Peekable<Items>),
    /// A thread lists them.
    Coming { items: Receiver<Item>, next: Option<Item>, is_over: bool, _taker: Taker },
}

/// What [`Listed::wait`] found.
pub(super) enum Next {
    Item,
    NotYet,
    /// There are no more.
    None,
}

impl Listed {
    /// Lists `items`. Those whose number is known are in memory, and no thread is needed.
    pub(super) fn new(items: impl Iterator<Item = Item> + Send + 'static) -> Listed {
        let (least, most) = items.size_hint();
        if most == Some(least) {
            let items: Items = Box::new(items);
            return Listed::Here(items.peekable());
        }
        let ((sender, receiver), taker) = (bounded(AHEAD), Taker::default());
        let (of_thread, wanted) = (sender.clone(), taker.wanted());
        let list = move || {
            wanted.by_this_thread();
            list(items, &of_thread);
        };
        if let Err(error) = thread::Builder::new().name("shadegrid-list".to_string()).spawn(list) {
            let _ = sender.send(broken(format!("cannot start a thread: {error}")));
        }
        Listed::Coming { items: receiver, next: None, is_over: false, _taker: taker }
    }

    /// The next item, if it is there and `lets` accepts it.
    pub(super) fn next_if(&mut self, lets: impl FnOnce(&Item) -> bool) -> Option<Item> {
        match self {
            Listed::Here(items) => items.next_if(lets),
            Listed::Coming { items, next, is_over, .. } => {
                if next.is_none() {
                    *next = items
                        .try_recv()
                        .map_err(|error| *is_over |= error == TryRecvError::Disconnected)
                        .ok();
                }
                next.take_if(|next| lets(next))
            }
        }
    }

    /// Waits for the next item.
    pub(super) fn wait(&mut self, patience: Duration) -> Next {
        match self {
            Listed::Here(items) => items.peek().map_or(Next::None, |_| Next::Item),
            Listed::Coming { next: Some(_), .. } => Next::Item,
            Listed::Coming { items, next, is_over, .. } => match items.recv_timeout(patience) {
                Ok(item) => {
                    *next = Some(item);
                    Next::Item
                }
                Err(RecvTimeoutError::Timeout) => Next::NotYet,
                Err(RecvTimeoutError::Disconnected) => {
                    *is_over = true;
                    Next::None
                }
            },
        }
    }

    /// Whether it is known that there are no more.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Listed::Here(items) => items.size_hint().1 == Some(0),
            Listed::Coming { is_over, .. } => *is_over,
        }
    }
}

/// Sends items until nobody wants them. A panic in what lists them is an item more.
fn list(mut items: impl Iterator<Item = Item>, to: &Sender<Item>) {
    let sent = caught(|| items.try_for_each(|item| to.send(item)).is_ok());
    if let Err(panic) = sent {
        let _ = to.send(broken(format!("listing them panicked ({panic}); this is a bug, please report it")));
    }
}

/// That the inputs are not known from here on.
fn broken(message: String) -> Item {
    Item {
        location: "".into(),
        source: OsStr::new("").into(),
        kind: ItemKind::Broken(message),
        version: None,
    }
}
