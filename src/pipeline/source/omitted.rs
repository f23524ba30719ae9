//! Files that folders are read without.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::{Item, ItemKind};

/// Files that folders are read without, by their paths as a walk meets them. They have no record and are not counted. It is for what a run itself writes:
/// what is named, as an argument or in a list, is read all the same.
#[derive(Clone, Default)]
pub struct Omitted(Option<Arc<Rule>>);

type Rule = dyn Fn(&Path) -> bool + Send + Sync;

impl Omitted {
    /// Omits every file whose path `rule` says yes to.
    pub fn new(rule: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Omitted {
        Omitted(Some(Arc::new(rule)))
    }

    /// Whether a file is omitted. What says that a folder could not be read never is.
    pub(super) fn has(&self, item: &Item) -> bool {
        let is_file = matches!(item.kind, ItemKind::Picture | ItemKind::Archive);
        is_file && self.0.as_ref().is_some_and(|rule| rule(Path::new(&item.location)))
    }
}

impl fmt::Debug for Omitted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Omitted(some)" } else { "Omitted(none)" })
    }
}
