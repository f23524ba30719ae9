//! The documentation, compared with the program: every command in it is run, and every link leads somewhere.
//!
//! A block of `console` in `README.md` or `docs/*.md` shows commands behind `$ ` and what they print: standard output, then standard error.
//! All blocks of one page run in one folder, in order, next to a copy of `tests/data/holiday`. A comment `# exit 2` names an exit code that
//! is not 0. `…` stands for any text within a line, and alone on a line for any number of lines.

#![expect(clippy::print_stdout, reason = "tests say how much they compared")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The front page, what it links to from the root, and the guides.
fn pages() -> Vec<PathBuf> {
    let top = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name));
    let guides = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let guides = guides.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut pages: Vec<PathBuf> = top.into_iter().chain(guides).collect();
    pages.sort();
    pages
}

/// A command of a page, and what it shall do.
#[derive(Debug, PartialEq)]
struct Step {
    words: Vec<String>,
    exit: i32,
    output: Vec<String>,
}

impl Step {
    /// Reads `shadegrid hash holiday   # exit 2`.
    fn parse(line: &str) -> Step {
        let (command, comment) = line.split_once(" # ").unwrap_or((line, ""));
        assert!(!command.contains(['"', '\'', '|', '>', '<', '*', '\\']), "no shell runs this: {line}");
        let exit = comment.trim().strip_prefix("exit ").map_or(0, |code| code.trim().parse().unwrap());
        let words = command.split_whitespace().map(String::from).collect();
        Step { words, exit, output: Vec::new() }
    }
}

/// The commands of a page's blocks of `console`.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut block: Option<&str> = None;
    for line in page.lines() {
        match (block, line.strip_prefix("```")) {
            (None, Some(language)) => block = Some(language),
            (Some(_), Some(_)) => block = None,
            (Some("console"), None) => match line.strip_prefix("$ ") {
                Some(command) => steps.push(Step::parse(command)),
                None => steps.last_mut().expect("a command comes first").output.push(line.to_string()),
            },
            _ => {}
        }
    }
    assert!(block.is_none(), "a block does not end");
    steps
}

/// Whether `…` can stand for something that makes the lines these.
fn lines_match(expected: &[&str], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((&"…", rest)) => (0..=lines.len()).any(|passed| lines_match(rest, &lines[passed..])),
        Some((first, rest)) => lines
            .split_first()
            .is_some_and(|(line, others)| line_matches(first, line) && lines_match(rest, others)),
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(line) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return line.is_empty() };
    let Some(mut line) = line.strip_suffix(last) else { return false };
    parts.all(|part| match line.split_once(part) {
        Some((_, rest)) => {
            line = rest;
            true
        }
        None => false,
    })
}

fn copy_holiday(to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(root().join("tests/data/holiday")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Runs a step in `folder`; what it did otherwise.
fn run(step: &Step, folder: &Path) -> Result<(), String> {
    let arguments: Vec<&str> = step.words.iter().map(String::as_str).collect();
    let arguments = match arguments[..] {
        ["cp", from, to] => {
            fs::copy(folder.join(from), folder.join(to)).unwrap();
            return Ok(());
        }
        ["shadegrid", ref arguments @ ..] => arguments,
        _ => return Err("is neither `shadegrid` nor `cp FROM TO`".to_string()),
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    let output = command.args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let lines: Vec<&str> = printed.iter().flat_map(|text| text.lines()).collect();
    let expected: Vec<&str> = step.output.iter().map(String::as_str).collect();
    match output.status.code() == Some(step.exit) && lines_match(&expected, &lines) {
        true => Ok(()),
        false => {
            let code = output.status.code();
            Err(format!(
                "{code:?}, not {}:\n{}\n-- not\n{}",
                step.exit,
                lines.join("\n"),
                expected.join("\n")
            ))
        }
    }
}

#[test]
fn commands_print_what_the_pages_show() {
    let (mut commands, mut wrong) = (0, Vec::new());
    for page in pages() {
        let folder = tempfile::tempdir().unwrap();
        copy_holiday(&folder.path().join("holiday"));
        for step in steps(&fs::read_to_string(&page).unwrap()) {
            commands += usize::from(step.words[0] == "shadegrid");
            if let Err(why) = run(&step, folder.path()) {
                wrong.push(format!("{}: {}: {why}", page.display(), step.words.join(" ")));
            }
        }
    }
    println!("{commands} commands ran");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(commands >= 15, "only {commands} commands");
}

#[test]
fn a_wrong_page_is_seen() {
    let page = "text\n```sh\n$ rm x\n```\n```console\n$ shadegrid hash a   # exit 2\nb\n$ cp a b\n```\n";
    let steps = steps(page);
    assert_eq!(steps.len(), 2);
    assert_eq!((steps[0].words.len(), steps[0].exit, steps[0].output.len()), (3, 2, 1));
    assert_eq!((steps[1].exit, steps[1].output.len()), (0, 0));

    let matches = |expected: &[&str], lines: &[&str]| lines_match(expected, lines);
    assert!(matches(&["a", "…", "c"], &["a", "b", "b", "c"]) && matches(&["a", "…"], &["a"]));
    assert!(
        !matches(&["a", "…", "c"], &["a", "b"]) && !matches(&["a"], &["a", "b"]) && !matches(&[], &["a"])
    );
    assert!(line_matches("in … s: …", "in 3 s: 4") && line_matches("a…b…c", "abc") && line_matches("a", "a"));
    assert!(!line_matches("in … s", "in 3 min") && !line_matches("a", "ab") && !line_matches("a…b…c", "acb"));
    assert!(!line_matches("ab…ba", "aba"));

    let folder = tempfile::tempdir().unwrap();
    copy_holiday(&folder.path().join("holiday"));
    let compare = "shadegrid compare holiday/hills.jpg holiday/hills.jpg";
    assert!(run(&Step { output: vec!["…".to_string()], ..Step::parse(compare) }, folder.path()).is_ok());
    assert!(run(&Step::parse(compare), folder.path()).is_err());
    let other = Step { exit: 2, output: vec!["…".to_string()], ..Step::parse(compare) };
    assert!(run(&other, folder.path()).is_err());
}

/// Targets of `[text](target)` outside of blocks.
fn links(page: &str) -> Vec<&str> {
    let outside = page.split("```").step_by(2);
    outside
        .flat_map(|text| text.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .collect()
}

/// What a heading is called in links.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn has_anchor(page: &str, wanted: &str) -> bool {
    page.lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line.trim_start_matches('#')) == wanted)
}

#[test]
fn links_lead_somewhere() {
    let (mut count, mut broken) = (0, Vec::new());
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let leads = target.exists()
                && (heading.is_empty() || has_anchor(&fs::read_to_string(&target).unwrap(), heading));
            count += 1;
            if !leads {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    println!("{count} links lead somewhere");
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(count >= 30, "only {count} links");
    assert!(has_anchor("# A & b, c\n", "a--b-c") && !has_anchor("# A\n", "b"));
}
