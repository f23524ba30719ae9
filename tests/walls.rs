//! The walls between the parts of the crate: imports go one way, and some things are named in one place only.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

/// Modules of the crate by level: each may use itself and lower levels, those of the lowest also each other.
const LEVELS: [&[&str]; 17] = [
    &["error", "folders", "limits", "parquet", "picture", "setters", "signature"],
    &["kernel", "decode"],
    &["backend"],
    &["hasher", "gallery"],
    &["pipeline"],
    &["engine"],
    &["job"],
    &["backoff", "clock", "credential", "private", "random"],
    &["state"],
    &["audit"],
    &["hook"],
    &["report"],
    &["review"],
    &["sync"],
    &["service"],
    &["standin"],
    &["cli", "python"],
];

/// Folders whose own folders are levels too: each may use itself and those before it, and none what the folder as a whole gives to others.
const ROOMS: [(&str, &[&str]); 1] = [("job", &["state", "run", "commands"])];

/// Words, and the only places (files or folders under `src`, without `.rs`) where they may stand.
const WALLS: [(&[&str], &[&str]); 14] = [
    (
        &["thread::spawn", "thread::scope", "thread::Builder", "crossbeam_channel", "mpsc"],
        &["pipeline", "engine", "job/run", "hook/thread"],
    ),
    (&["clap", "ctrlc", "indicatif"], &["cli"]),
    (&["println!", "print!", "eprintln!", "eprint!", "dbg!", "io::stdout", "io::stderr"], &["cli"]),
    (&["std::process"], &["cli", "main", "decode/helper", "job/state/identity"]),
    (&["process::exit"], &["cli", "main"]),
    (&["wgpu"], &["backend/gpu"]),
    (&["tokio"], &["hook/client", "pipeline/source/store", "report/client", "sync", "service", "standin"]),
    (&["object_store"], &["pipeline/source/store"]),
    (&["reqwest"], &["hook", "pipeline/source/store", "report/client", "sync"]),
    (&["axum", "hyper", "hyper_util", "socket2"], &["service", "standin"]),
    (&["tokio_rustls"], &["service"]),
    (&["rusqlite"], &["audit", "cli/cache", "hook", "report/outbox", "review", "state"]),
    (&["unsafe"], &["backend/gpu", "gallery/storage"]),
    // Readers of Parquet files that nobody looked at before.
    (&["SerializedFileReader", "ParquetMetaDataReader", "from_file_into"], &["parquet"]),
];

/// Modules in files of their own that only tests have: `#[cfg(test)] mod name;`.
fn test_modules(file: &str, text: &str) -> Vec<String> {
    let declared =
        text.split("#[cfg(test)]\nmod ").skip(1).filter_map(|rest| rest.split_once([';', ' ', '{']));
    let folder = if file == "lib" { String::new() } else { format!("{file}/") };
    declared.map(|(name, _)| format!("{folder}{name}")).collect()
}

/// Every Rust file under `src` that is not for tests alone: its path without `.rs`, and its text.
fn sources() -> Vec<(String, String)> {
    let mut files = all_files();
    let for_tests: Vec<String> = files.iter().flat_map(|(file, text)| test_modules(file, text)).collect();
    let inside = |file: &str, test: &String| file == test || file.starts_with(&format!("{test}/"));
    files.retain(|(file, _)| !for_tests.iter().any(|test| inside(file, test)));
    files
}

fn all_files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = walkdir::WalkDir::new(&root).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs"));
    files
        .map(|file| {
            let path = file.path().strip_prefix(&root).unwrap().with_extension("");
            (path.to_str().unwrap().replace('\\', "/"), fs::read_to_string(file.path()).unwrap())
        })
        .collect()
}

/// The code without comments and unit tests.
fn code(text: &str) -> String {
    let text = text.split("mod tests {").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Which module each of the crate's re-exports comes from.
fn exports(lib: &str) -> HashMap<String, String> {
    let lib = code(lib);
    let uses = lib.split("pub use ").skip(1).map(|rest| rest.split(';').next().unwrap());
    uses.flat_map(|path| {
        let (module, names) = path.split_once("::").unwrap();
        let names = names.trim_matches(['{', '}']).split(',').map(|name| name.trim().to_string());
        names.filter(|name| !name.is_empty()).map(|name| (name, module.to_string())).collect::<Vec<_>>()
    })
    .collect()
}

fn level(module: &str) -> Option<usize> {
    LEVELS.iter().position(|modules| modules.contains(&module))
}

/// First identifiers behind every `crate::`, also in braces.
fn imported(code: &str) -> Vec<&str> {
    fn identifier(text: &str) -> &str {
        text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()
    }
    let mut names = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => {
                let mut depth = 0;
                let top_level = |c: char| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    c == ',' && depth == 0
                };
                let list = list.split(';').next().unwrap();
                names.extend(list.split(top_level).map(|item| identifier(item.trim())));
            }
            None => names.push(identifier(rest)),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Imports of `file` that go the wrong way, also by `super::super`.
fn wrong_imports(file: &str, text: &str, exports: &HashMap<String, String>) -> Vec<String> {
    let module = file.split('/').next().unwrap();
    let Some(own) = level(module) else { return Vec::new() };
    let code = code(text);
    let wrong = |name: &&str| {
        let target = exports.get(*name).map_or(*name, String::as_str);
        let allowed = |level| level < own || (level == own && (own == 0 || target == module));
        !level(target).is_none_or(allowed)
    };
    let by_crate = imported(&code).into_iter().map(String::from);
    let paths = named(file, text);
    let by_super = paths.iter().filter_map(|path| path.first()).filter(|first| *first != module).cloned();
    let mut names: Vec<String> = by_crate.chain(by_super).filter(|name| wrong(&name.as_str())).collect();
    names.sort();
    names.dedup();
    let mut wrong: Vec<String> = names.into_iter().map(|name| format!("{file} uses {name}")).collect();
    wrong.extend(wrong_rooms(file, &paths));
    wrong
}

/// Imports between the folders of a folder that go the wrong way.
fn wrong_rooms(file: &str, paths: &[Vec<String>]) -> Vec<String> {
    let Some((folder, rest)) = file.split_once('/') else { return Vec::new() };
    let Some((_, rooms)) = ROOMS.iter().find(|(name, _)| *name == folder) else { return Vec::new() };
    let room = |name: &str| rooms.iter().position(|room| *room == name);
    let own = room(rest.split('/').next().unwrap());
    let of_folder = paths.iter().filter(|path| path.first().is_some_and(|first| first == folder));
    let wrong = of_folder
        .filter(|path| own.is_none() || path.len() < 2 || room(&path[1]).is_none_or(|room| Some(room) > own));
    let mut wrong: Vec<String> = wrong.map(|path| format!("{file} uses {}", path.join("::"))).collect();
    wrong.sort();
    wrong.dedup();
    wrong
}

/// The paths of a `use`, braces resolved: `a::{b, c::{d, e}}` is three.
fn paths(of: &str) -> Vec<String> {
    let Some((start, list)) = of.split_once('{') else { return vec![of.trim().to_string()] };
    let list = &list[..list.rfind('}').unwrap_or(list.len())];
    let mut depth = 0;
    let top_level = |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    };
    let items = list.split(top_level).filter(|item| !item.trim().is_empty());
    items.flat_map(|item| paths(&format!("{}{}", start.trim(), item.trim()))).collect()
}

/// The modules and names that a file names by `crate::` and `super::`, as paths from the top: `decode/jpeg/selection/Selection`.
fn named(file: &str, text: &str) -> Vec<Vec<String>> {
    // `pub(in path)` says who may see an item, and uses nothing.
    let code: String = code(text)
        .split("pub(in ")
        .map(|rest| {
            rest.split_once(')').map_or(rest, |(path, behind)| {
                if path.starts_with("crate::") && !path.contains(char::is_whitespace) { behind } else { rest }
            })
        })
        .collect();
    let uses = code.split("use ").skip(1).filter_map(|rest| rest.split(';').next()).flat_map(paths);
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    // What ends in `::` stands before braces, and is among the uses.
    let inline = code.split(|c: char| !is_path(c)).filter(|path| !path.ends_with(':')).map(String::from);
    let own: Vec<&str> = file.split('/').collect();
    let from_the_top = uses.chain(inline).filter_map(|path| {
        let mut parts: Vec<&str> = path.split("::").collect();
        let mut from = match parts.first() {
            Some(&"crate") => Vec::new(),
            Some(&"super") => own.clone(),
            _ => return None,
        };
        if parts.first() == Some(&"crate") {
            parts.remove(0);
        }
        while parts.first() == Some(&"super") {
            parts.remove(0);
            from.pop();
        }
        from.extend(parts);
        Some(from.into_iter().map(String::from).collect())
    });
    from_the_top.collect()
}

/// The files that a file names, but for those above and below it: a module may use its parts, and these what it shares.
fn names_files(file: &str, text: &str, files: &HashSet<String>) -> Vec<String> {
    let resolved = named(file, text).into_iter().filter_map(|path| {
        (1..=path.len()).rev().map(|length| path[..length].join("/")).find(|name| files.contains(name))
    });
    let is_kin =
        |other: &str| other.starts_with(&format!("{file}/")) || file.starts_with(&format!("{other}/"));
    let mut names: Vec<String> = resolved.filter(|name| name != file && !is_kin(name)).collect();
    names.sort();
    names.dedup();
    names
}

/// Files that import one another, no matter how many steps apart.
fn circles(sources: &[(String, String)]) -> Vec<Vec<String>> {
    let files: HashSet<String> = sources.iter().map(|(file, _)| file.clone()).collect();
    let inner = sources.iter().filter(|(file, _)| file != "lib" && file != "main");
    let edges: HashMap<&str, Vec<String>> =
        inner.map(|(file, text)| (file.as_str(), names_files(file, text, &files))).collect();
    let reached = |from: &str| {
        let (mut seen, mut left) = (HashSet::new(), edges.get(from).cloned().unwrap_or_default());
        while let Some(next) = left.pop() {
            left.extend(
                edges.get(next.as_str()).into_iter().flatten().filter(|name| !seen.contains(*name)).cloned(),
            );
            seen.insert(next);
        }
        seen
    };
    let all: HashMap<&str, HashSet<String>> = edges.keys().map(|file| (*file, reached(file))).collect();
    let mut found: Vec<Vec<String>> = Vec::new();
    for (file, reached) in &all {
        let mut circle: Vec<String> = reached
            .iter()
            .filter(|other| all.get(other.as_str()).is_some_and(|back| back.contains(*file)))
            .cloned()
            .collect();
        circle.sort();
        if !circle.is_empty() && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

/// Words of `file` that belong elsewhere.
fn wrong_words(file: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let inside = |place: &&str| file == *place || file.starts_with(&format!("{place}/"));
    let boundary = |character: Option<char>| character.is_none_or(|c| !c.is_alphanumeric() && c != '_');
    let stands = |word: &str| {
        code.match_indices(word).any(|(at, _)| {
            let behind = code[at + word.len()..].chars().next();
            boundary(code[..at].chars().next_back())
                && (!word.ends_with(char::is_alphanumeric) || boundary(behind))
        })
    };
    let walls = WALLS.iter().filter(|(_, places)| !places.iter().any(inside));
    walls
        .flat_map(|(words, _)| words.iter())
        .filter(|word| stands(word))
        .map(|word| format!("{file} names {word}"))
        .collect()
}

#[test]
fn the_walls_stand() {
    let sources = sources();
    assert!(sources.len() >= 30, "only {} files", sources.len());
    let lib = &sources.iter().find(|(file, _)| file == "lib").unwrap().1;
    let exports = exports(lib);
    assert!(exports.len() >= 15 && exports["Error"] == "error", "{exports:?}");
    let checked = sources.iter().filter(|(file, _)| level(file.split('/').next().unwrap()).is_some()).count();
    assert!(
        checked >= sources.len() - 2,
        "only lib and main lie outside the levels, not {}",
        sources.len() - checked
    );
    let mut wrong = Vec::new();
    for (file, text) in &sources {
        wrong.extend(wrong_imports(file, text, &exports));
        wrong.extend(wrong_words(file, text));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_imports_in_a_circle() {
    let found = circles(&sources());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_circle_is_seen() {
    let file = |name: &str, text: &str| (name.to_string(), text.to_string());
    let chain = [
        file("a", "use crate::b::{self, c::{D, E}};"),
        file("b", "mod c;"),
        file("b/c", "use super::super::d;\nfn f() { super::g() }"),
        file("d", "fn f() {}"),
    ];
    assert!(circles(&chain).is_empty());
    let mut closed = chain;
    closed[3].1 = "fn f() { crate::a::f() }".to_string();
    assert_eq!(circles(&closed), [["a", "b/c", "d"]]);
}

#[test]
fn a_hole_in_a_wall_is_seen() {
    let exports = exports("pub use decode::{Decoder, Format};\npub use error::Error;");
    let imports = |file, text| wrong_imports(file, text, &exports).len();
    assert_eq!(imports("signature", "use crate::error::Error;\nuse crate::limits::Limits;"), 0);
    assert_eq!(imports("signature", "use crate::kernel::dct;"), 1);
    assert_eq!(imports("kernel/reduce", "use crate::{Error, Format};"), 1);
    assert_eq!(
        imports("kernel/reduce", "use crate::{picture::{Plane, Planes}, hasher::Hasher, pipeline};"),
        2
    );
    assert_eq!(imports("hasher", "fn f() { crate::gallery::open() }"), 1);
    assert_eq!(imports("decode/jpeg", "/// See [`x`](crate::pipeline).\nuse crate::decode::Format;"), 0);
    assert_eq!(
        imports("decode", "use crate::error;\n#[cfg(test)]\nmod tests {\n use crate::pipeline;\n}"),
        0
    );

    assert_eq!(imports("decode/jpeg/selection", "use super::super::super::pipeline::Source;"), 1);
    assert_eq!(imports("decode/jpeg/selection", "use super::super::{super::error, Format};"), 0);
    assert_eq!(imports("job/state/claim", "use super::super::run::worker;\nuse super::ledger;"), 1);
    assert_eq!(imports("job/state/claim", "fn f() { crate::job::commands::work::work() }"), 1);
    assert_eq!(imports("job/commands/work", "use crate::job::{run::worker, state::claim::Claims};"), 0);
    assert_eq!(imports("job/commands/work", "use crate::job::Settings;"), 1);
    assert_eq!(imports("job/misc", "use super::state::claim;"), 1);

    assert_eq!(test_modules("kernel", "mod dct;\n#[cfg(test)]\nmod twins;\nmod reduce;"), ["kernel/twins"]);
    assert_eq!(test_modules("lib", "mod dct;"), [""; 0]);

    let words = |file, text| wrong_words(file, text).len();
    assert_eq!(words("hasher", "std::thread::spawn(f)"), 1);
    assert_eq!(words("pipeline/pool", "thread::scope(f); println!()"), 1);
    assert_eq!(words("pipelines", "use crossbeam_channel::bounded;"), 1);
    assert_eq!(words("job/run/worker", "std::thread::spawn(f)"), 0);
    assert_eq!(words("job/state/claim", "std::thread::spawn(f)"), 1);
    assert_eq!(words("decode", "eprint!(\"x\")"), 1);
    assert_eq!(words("decode", "// unsafe, println! and wgpu\nlet unsafely = 1; // clap"), 0);
    assert_eq!(words("backend/gpu", "use wgpu::Device; unsafe {}"), 0);
    assert_eq!(words("backend", "use wgpu::Device;"), 1);
}
