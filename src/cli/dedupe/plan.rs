//! What may be done with a group's members: which files, and what of them is kept.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::PathBuf;

use super::file::FileState;
use super::group::{Group, Member, Tie};
use super::item::Item;
use super::looks::Looks;

/// What is done with the copies that are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing.
    Print,
    /// They are moved to a folder.
    Move(PathBuf),
    /// Those of the same bytes become further names of one file.
    Link,
    /// They are deleted.
    Delete,
}

/// Reads `print`, `move=FOLDER`, `link` or `delete`.
pub(super) fn act(text: &str) -> Result<Act, String> {
    match text.split_once('=') {
        None if text == "print" => Ok(Act::Print),
        None if text == "link" => Ok(Act::Link),
        None if text == "delete" => Ok(Act::Delete),
        Some(("move", folder)) if !folder.is_empty() => Ok(Act::Move(folder.into())),
        _ => Err("expected print, move=FOLDER, link or delete".to_string()),
    }
}

/// One file of a group that something is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The member.
    pub(super) member: usize,
    /// The member that is kept in its place.
    pub(super) kept: usize,
}

/// Whether a member is among those that something is done with.
pub(super) fn goes(steps: &[Step], member: usize) -> bool {
    steps.binary_search_by_key(&member, |step| step.member).is_ok()
}

/// The members of a group that go, in order. What goes was hashed now, is a file, is no reference, and is not the best copy by another name. The best copy is a
/// file too that was hashed now. What hangs together with it by a chain alone stays, unless `chains` are taken for copies. But for files of the same bytes, both hold one
/// picture alone, and whatever may be seen of what goes is near what may be seen of the best copy, turned as viewers turn both.
pub(super) fn steps(group: &Group, act: &Act, chains: bool, looks: &mut Looks) -> Vec<Step> {
    match act {
        Act::Link => links(group),
        _ => removals(group, chains, looks),
    }
}

fn removals(group: &Group, chains: bool, looks: &mut Looks) -> Vec<Step> {
    let best = &group.members[group.best].item;
    if best.file.is_none() {
        return Vec::new();
    }
    let goes = |member: &Member| match member.tie {
        Tie::Best => false,
        Tie::Direct => member.item.is_copy_of(best) || member.is_covered,
        Tie::Chain(_) => chains && member.faces == 1,
    };
    let best_holds_more = OnceCell::new();
    let is_one = |item: &Item| {
        item.is_copy_of(best) || !*best_holds_more.get_or_init(|| best.holds_more()) && !item.holds_more()
    };
    let members = group.members.iter().enumerate();
    members
        .filter(|(_, member)| goes(member) && !member.item.is_same_file(best))
        .filter(|(_, member)| member.item.removable().is_some() && is_one(&member.item))
        .filter(|(_, member)| member.item.is_copy_of(best) || looks.is_alike(&member.item, best))
        .map(|(member, _)| Step { member, kept: group.best })
        .collect()
}

/// Files of the same bytes that are not one file yet. What is kept of each class is the best copy if it is one of them, else a reference, else the
/// first.
fn links(group: &Group) -> Vec<Step> {
    let item = |member: usize| &group.members[member].item;
    let mut classes: HashMap<usize, Vec<usize>> = HashMap::new();
    for (member, first) in group.members.iter().enumerate().filter_map(|(n, member)| Some((n, member.exact?)))
    {
        classes.entry(first).or_default().push(member);
    }
    let mut steps: Vec<Step> = Vec::new();
    for class in classes.into_values() {
        let reference = class.iter().copied().find(|member| item(*member).is_reference);
        let best = class.iter().copied().find(|member| *member == group.best);
        let Some(kept) = best.or(reference).or(class.first().copied()) else { continue };
        let others = class.into_iter().filter(|member| *member != kept);
        let others = others.filter(|member| !item(*member).is_same_file(item(kept)));
        let others = others.filter(|member| item(*member).removable().is_some());
        steps.extend(others.map(|member| Step { member, kept }));
    }
    steps.sort_unstable_by_key(|step| step.member);
    steps
}

/// What goes, over all groups.
#[derive(Debug, Default)]
pub(super) struct Freed {
    pub(super) files: u64,
    pub(super) groups: u64,
    /// How many of its names go of each file that has several.
    names: HashMap<(u64, u64), u64>,
    pub(super) bytes: u64,
}

impl Freed {
    /// Counts the files of a group.
    pub(super) fn add(&mut self, files: impl IntoIterator<Item = FileState>) {
        let before = self.files;
        for file in files {
            self.files += 1;
            // The bytes are free when the last name is gone.
            let gone = match file.number() {
                Some(number) if file.names > 1 => {
                    let names = self.names.entry(number).or_insert(0);
                    *names += 1;
                    *names
                }
                _ => 1,
            };
            self.bytes += if gone == file.names { file.bytes } else { 0 };
        }
        self.groups += u64::from(self.files > before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_are_read() {
        assert_eq!(act("print"), Ok(Act::Print));
        assert_eq!(act("move=a b"), Ok(Act::Move("a b".into())));
        assert_eq!(act("delete"), Ok(Act::Delete));
        for wrong in ["", "move", "move=", "remove", "delete=all", "print=x"] {
            assert!(act(wrong).is_err(), "{wrong} was taken");
        }
    }
}
