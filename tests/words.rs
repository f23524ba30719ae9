//! Words that the project does not use, since a stranger would not know what they mean here: `told` for announced, `beside` for
//! concurrent, "the processor" for the CPU. They stand neither in names and messages, nor in the help, nor in the pages.

use std::fs;
use std::path::Path;

/// The words, and what is said instead.
const WORDS: [(&str, &str); 17] = [
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

/// The code without its comments: names and messages.
fn code(text: &str) -> String {
    let without = |line: &str| match line.trim_start().starts_with("//") {
        true => String::new(),
        false => line.split(" // ").next().unwrap_or_default().to_string(),
    };
    text.lines().map(without).collect::<Vec<_>>().join("\n")
}

fn in_file(path: &Path, text: &str) -> Vec<String> {
    found(text).into_iter().map(|what| format!("{}:{what}", path.display())).collect()
}

#[test]
fn names_and_messages_are_plain() {
    let source = root().join("src");
    let mut wrong = Vec::new();
    let mut read = 0;
    for entry in walkdir::WalkDir::new(&source).sort_by_file_name() {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(&source).unwrap();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        // The comments of the command are its help.
        let text = if path.starts_with("cli") { text } else { code(&text) };
        wrong.extend(in_file(path, &text));
        read += 1;
    }
    assert!(read >= 150, "only {read} files");
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
    assert_eq!(code("let a = 1; // told\n    /// told\nlet b = \"told\";").matches("told").count(), 1);
}
