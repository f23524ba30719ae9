//! What of the tables viewers read in two ways: which picture is shown, how it is cut, turned and mirrored, and what says how opaque it is.

use std::collections::HashMap;

use super::canvas::Change;
use super::container::Container;
use super::{Meaning, Wanted};
use crate::decode::raster::boxes::Part;
use crate::decode::viewing::Tables;

impl<'a> Container<'a> {
    /// What an item of this size is changed by, as the tables are read.
    pub(super) fn changes(&self, item: Option<u32>, mut size: (u32, u32), tables: Tables) -> Vec<Change> {
        let Some(item) = item else { return Vec::new() };
        let mut parts = self.listed(item);
        if tables == Tables::AsBrowsers {
            let first = |name| parts.iter().find(|part| part.name == name).copied();
            parts = Change::NAMES.into_iter().filter_map(first).collect();
        }
        let change = |part: &Part<'a>| {
            let change = Change::of(*part, size)?;
            if tables == Tables::AsBrowsers
                && matches!(change, Change::Cut([left, top, ..]) if left + top > 0)
            {
                return None;
            }
            size = change.size(size);
            Some(change)
        };
        parts.iter().filter_map(change).collect()
    }

    /// The properties of an item that change it.
    pub(super) fn listed(&self, item: u32) -> Vec<Part<'a>> {
        self.properties(item).filter(|property| Change::NAMES.contains(&property.name)).collect()
    }

    /// Whether browsers read the tables as another picture than they name, whose size is `bare` before it is changed.
    pub(super) fn is_read_otherwise(&self, bare: (u32, u32)) -> bool {
        let item = self.primary;
        let changes = |tables| self.changes(Some(item), bare, tables);
        let tiles = || self.made_from(item).iter().filter(|_| self.is_grid(item));
        let alpha = self.alpha(item).map(|(alpha, _)| alpha);
        self.first != item
            || changes(Tables::AsListed) != changes(Tables::AsBrowsers)
            || tiles().any(|tile| !self.listed(*tile).is_empty())
            || alpha.is_some_and(|alpha| self.listed(alpha) != self.listed(item))
            || alpha.is_none() && tiles().next().is_some_and(|tile| self.alpha(*tile).is_some())
    }

    fn is_grid(&self, item: u32) -> bool {
        self.kind(item).is_ok_and(|kind| kind == *b"grid")
    }

    /// What of the file says how opaque the main picture is, and whether colours are multiplied with that.
    pub(super) fn opacity(&self, wanted: Wanted) -> Option<(Wanted, bool)> {
        let as_browsers = self.tables == Tables::AsBrowsers;
        if let Some((alpha, is_multiplied)) = self.alpha(wanted.item) {
            // As listed, it is changed by itself.
            let changed_as = if as_browsers { wanted.item } else { alpha };
            return Some((Wanted { changed_as: Some(changed_as), ..wanted.luma_of(alpha) }, is_multiplied));
        }
        let tile =
            self.made_from(wanted.item).first().filter(|_| as_browsers && self.is_grid(wanted.item))?;
        let (_, is_multiplied) = self.alpha(*tile)?;
        Some((Wanted { of_tiles: true, ..wanted.luma_of(wanted.item) }, is_multiplied))
    }

    /// What is wanted of each tile of a grid; `None` where that says nothing of opacity.
    pub(super) fn wanted_of_tiles(
        &self,
        wanted: Wanted,
        meaning: Option<Meaning>,
    ) -> impl Fn(u32) -> Option<Wanted> + use<> {
        let alphas = if wanted.of_tiles { self.alphas() } else { HashMap::new() };
        let is_changed = self.tables == Tables::AsListed;
        move |tile| {
            let item = if wanted.of_tiles { *alphas.get(&tile)? } else { tile };
            let part = wanted.part(item, meaning);
            Some(Wanted { changed_as: part.changed_as.filter(|_| is_changed), ..part })
        }
    }
}
