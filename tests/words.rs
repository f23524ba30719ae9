//! Words that the project does not use, since a stranger would not know what they mean here: `told` for announced, `beside` for
//! concurrent, "the processor" for the CPU. They stand neither in code and its comments, nor in messages and help, nor in the pages.

use std::fs;
use std::path::Path;

/// The words, and what is said instead.
const WORDS: [(&str, &str); 27] = [
    ("told", "announced, said, reported"),
    ("tells of", "describes, names"),
    ("tell of", "describe, name"),
    ("goes on with", "resumes, continues"),
    ("go on with", "resume, continue"),
    ("going on with", "resuming"),
    ("gone on with", "resumed"),
    ("beside", "next to, concurrently, besides"),
    ("hand on", "pass on"),
    ("hands on", "passes on"),
    ("handed on", "passed on"),
    ("mend", "repair"),
    ("mended", "repaired"),
    ("however", "whatever, no matter how"),
    ("processor", "CPU"),
    ("processors", "CPUs"),
    ("graphics processor", "GPU"),
    ("passed over", "skipped"),
    ("passes over", "skips"),
    ("on its way", "in flight"),
    ("on their way", "in flight"),
    ("records a second", "records per second"),
    ("pictures a second", "pictures per second"),
    ("bytes a second", "bytes per second"),
    ("pixels a second", "pixels per second"),
    ("files a second", "files per second"),
    ("queries a second", "queries per second"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether the word stands by itself in the text, as a word or as a part of a name in snake_case or CamelCase.
fn stands(text: &str, word: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric());
    let small = text.to_ascii_lowercase();
    small.match_indices(word).any(|(at, _)| {
        let begins = !letter(text[..at].chars().next_back())
            || text[at..].starts_with(char::is_uppercase) && text[..at].ends_with(char::is_lowercase);
        let behind = text[at + word.len()..].chars().next();
        begins && (!letter(behind) || behind.is_some_and(char::is_uppercase))
    })
}

fn found(text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(number, line)| {
            let words = WORDS.iter().filter(move |(word, _)| stands(line, word));
            words.map(move |(word, instead)| {
                format!("{}: {word} (say {instead}): {}", number + 1, line.trim())
            })
        })
        .collect()
}

/// What is read: a folder, the extensions of its files, and how many there are at least.
const FOLDERS: [(&str, &[&str], usize); 6] = [
    ("src", &["rs"], 300),
    ("shaders", &["wgsl"], 9),
    ("tests", &["rs"], 45),
    ("benches", &["rs", "py", "toml"], 20),
    ("bindings", &["c", "cpp", "h", "md", "py", "pyi", "rs", "toml"], 40),
    ("examples", &["rs"], 2),
];

/// This file, whose words are the ones not to use.
const OWN: &str = "tests/words.rs";

fn in_file(path: &Path, text: &str) -> Vec<String> {
    found(text).into_iter().map(|what| format!("{}:{what}", path.display())).collect()
}

#[test]
fn code_and_comments_are_plain() {
    let mut wrong = Vec::new();
    for (folder, extensions, least) in FOLDERS {
        let mut read = 0;
        let built = |entry: &walkdir::DirEntry| entry.file_name() != "target";
        let entries = walkdir::WalkDir::new(root().join(folder)).sort_by_file_name().into_iter();
        for entry in entries.filter_entry(built) {
            let entry = entry.unwrap();
            let path = entry.path().strip_prefix(root()).unwrap();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if extension.is_some_and(|extension| extensions.contains(&extension)) && path != Path::new(OWN) {
                wrong.extend(in_file(path, &fs::read_to_string(entry.path()).unwrap()));
                read += 1;
            }
        }
        assert!(read >= least, "only {read} files in {folder}");
    }
    wrong.extend(in_file(Path::new("Cargo.toml"), &fs::read_to_string(root().join("Cargo.toml")).unwrap()));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pages_are_plain() {
    let mut pages: Vec<_> =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "src/ARCHITECTURE.md"]
            .map(|page| root().join(page))
            .into();
    pages.extend(fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    assert!(pages.len() >= 9, "only {} pages", pages.len());
    let wrong: Vec<String> =
        pages.iter().flat_map(|page| in_file(page, &fs::read_to_string(page).unwrap())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_word_that_may_not_stand_is_seen() {
    for text in
        ["let told = 1;", "fn is_told()", "struct FoundTold;", "as_told(x)", "The processor, too", "isTold"]
    {
        assert_eq!(found(text).len(), 1, "{text}");
    }
    for text in ["let untold = toldest;", "recommended, amendment", "multiprocessor", "besides"] {
        assert!(found(text).is_empty(), "{text}: {:?}", found(text));
    }
    assert_eq!(found("a graphics processor").len(), 2);
    assert_eq!(found("let a = 1; // told\n    /// told\nlet b = \"told\";").len(), 3);
}
