//! Does what `--do` asks for, file by file: each is looked at once more before anything happens to it.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use tempfile::Builder;

use super::file::FileState;
use super::group::Group;
use super::item::Item;
use super::plan::{Act, Freed, Step};
use crate::cli::console;

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) freed: Freed,
    pub(super) failed: u64,
}

impl Done {
    /// Does the steps of a group, and says each.
    pub(super) fn group(&mut self, group: &Group, steps: &[Step], act: &Act) {
        let mut gone = Vec::new();
        for step in steps {
            let (item, kept) = (&group.members[step.member].item, &group.members[step.kept].item);
            let [name, kept_name] = [item, kept].map(|item| console::printable(&item.name()));
            match one(item, kept, act) {
                Ok((file, what)) => {
                    gone.push(file);
                    console::say(format_args!("{what}{name} (kept {kept_name})"));
                }
                Err(error) => {
                    self.failed += 1;
                    console::say(format_args!("shadegrid: {name}: left as it is: {error}"));
                }
            }
        }
        self.freed.add(gone);
    }
}

/// Takes one file away, and says how.
fn one(item: &Item, kept: &Item, act: &Act) -> io::Result<(FileState, String)> {
    let file = item
        .removable()
        .ok_or_else(|| io::Error::other("it is no file of this run, or lies behind a link"))?;
    let other = kept.file.ok_or_else(|| io::Error::other("what is kept is no file of this run"))?;
    let cannot_keep =
        |error: io::Error| io::Error::other(format!("of what is kept, {}: {error}", kept.path().display()));
    other.check(kept.path()).map_err(cannot_keep)?;
    if item.is_copy_of(kept) {
        let digest = file.digest(item.path())?;
        if other.digest(kept.path()).map_err(cannot_keep)? != digest {
            return Err(io::Error::other("it has not the same bytes any more"));
        }
    } else if *act == Act::Link {
        return Err(io::Error::other("it has not the same bytes"));
    }
    file.check(item.path())?;
    let what = match act {
        Act::Print => return Err(io::Error::other("nothing was to be done")),
        Act::Delete => {
            let is_kept = || other.check(kept.path()).map_err(cannot_keep);
            delete(item.path(), is_kept).map(|()| "deleted ".to_string())?
        }
        Act::Link => link(item.path(), kept.path()).map(|()| "linked ".to_string())?,
        Act::Move(folder) => {
            let to = target(folder, item.path());
            move_to(item.path(), &to, &file)?;
            format!("moved to {}: ", console::printable(&folder.to_string_lossy()))
        }
    };
    Ok((file, what))
}

/// Deletes a file, unless what is kept is gone with it: a folder may be there twice, by two mounts of it, without any sign. So the file has another name until that is
/// looked at, and gets its own back then.
fn delete(path: &Path, is_kept: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names = Builder::new();
    let names = names.prefix(".shadegrid");
    let aside = match names.make_in(folder, |name| fs::hard_link(path, name)) {
        Ok(aside) => {
            fs::remove_file(path)?;
            aside
        }
        // A file system without further names.
        Err(_) => names.make_in(folder, |name| match name.try_exists()? {
            true => Err(io::ErrorKind::AlreadyExists.into()),
            false => fs::rename(path, name),
        })?,
    };
    // From here on it is gone by that name alone, so that nothing else may take that.
    let aside = aside.into_temp_path().keep()?;
    match is_kept() {
        Ok(()) => fs::remove_file(aside),
        Err(error) => fs::rename(aside, path).and(Err(error)),
    }
}

/// Makes `path` a further name of `kept`. It is a name of its own file or of that one at every instant.
fn link(path: &Path, kept: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let link = Builder::new().prefix(".shadegrid").make_in(folder, |name| fs::hard_link(kept, name))?;
    fs::rename(link.path(), path)?;
    // The name is gone with the renaming.
    let _ = link.into_temp_path().keep();
    Ok(())
}

/// Where a path lies below `folder`: as it lies below here, or below the root.
fn target(folder: &Path, path: &Path) -> PathBuf {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_)));
    names.fold(folder.to_path_buf(), |folder, name| folder.join(name))
}

/// Moves a file to a place where nothing is yet. It is in one of the two places at every instant.
fn move_to(path: &Path, to: &Path, file: &FileState) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let there = || io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is there already", to.display()));
    let moved = match fs::hard_link(path, to) {
        // What was linked is what was meant, and not what took its place meanwhile.
        Ok(()) => file.check(to).inspect_err(|_| {
            let _ = fs::remove_file(to);
        }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Another file system, or one without further names.
        Err(_) => copy(path, to, file),
    };
    moved.map_err(|error| if error.kind() == io::ErrorKind::AlreadyExists { there() } else { error })?;
    fs::remove_file(path)
}

/// Copies a file, its time and its mode to a place where nothing is yet; a copy that fails is taken away.
fn copy(path: &Path, to: &Path, file: &FileState) -> io::Result<()> {
    let mut target = File::create_new(to)?;
    let copied = (|| {
        let mut source = file.open(path)?;
        io::copy(&mut source, &mut target)?;
        target.set_permissions(source.metadata()?.permissions())?;
        if let Some(modified) = file.modified {
            target.set_modified(modified)?;
        }
        target.sync_all()?;
        file.check(path)
    })();
    copied.inspect_err(|_| {
        let _ = fs::remove_file(to);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_keep_their_places_below_the_folder() {
        for (path, expected) in [
            ("a/b.jpg", "to/a/b.jpg"),
            ("/a/b.jpg", "to/a/b.jpg"),
            ("./a/../b.jpg", "to/a/b.jpg"),
            ("../b.jpg", "to/b.jpg"),
        ] {
            assert_eq!(target(Path::new("to"), Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn what_is_deleted_comes_back_where_nothing_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), b"one").unwrap();
        let state = FileState::at(&at("a")).unwrap();
        let is_gone = || {
            assert!(!at("a").exists());
            Err(io::Error::other("it is gone too"))
        };
        assert!(delete(&at("a"), is_gone).unwrap_err().to_string().contains("gone too"));
        state.check(&at("a")).unwrap();
        delete(&at("a"), || Ok(())).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(delete(&at("a"), || Ok(())).is_err());
    }

    #[test]
    fn nothing_is_moved_over_and_copies_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), b"one").unwrap();
        fs::write(at("taken"), b"other").unwrap();
        let state = FileState::at(&at("a")).unwrap();
        assert!(move_to(&at("a"), &at("taken"), &state).is_err());
        assert!(copy(&at("a"), &at("taken"), &state).is_err());
        assert_eq!(
            (fs::read(at("a")).unwrap(), fs::read(at("taken")).unwrap()),
            (b"one".to_vec(), b"other".to_vec())
        );
        copy(&at("a"), &at("copy"), &state).unwrap();
        let copied = FileState::at(&at("copy")).unwrap();
        assert_eq!((copied.bytes, copied.modified), (3, state.modified));
        move_to(&at("a"), &at("b/c/d"), &state).unwrap();
        assert!(!at("a").exists() && fs::read(at("b/c/d")).unwrap() == b"one");
    }
}
