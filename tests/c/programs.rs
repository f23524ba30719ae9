//! Programs in C and C++ against the library as it is installed, plainly and under AddressSanitizer.
//!
//! `cargo build -p shadegrid-c --lib --tests` builds the library first: `cargo test` alone does not. `CC` and `CXX` name other compilers. Without a compiler, or
//! without its sanitizer, a test says that it skips, unless `SHADEGRID_REQUIRE` names `c`.

#![expect(clippy::print_stdout, reason = "tests say how much they compared, and what they skip")]

use std::collections::HashSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use shadegrid::gallery::{Entry, GalleryBuilder};
use shadegrid::{Flag, HashOptions, Hashed, Hasher};
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn holiday() -> PathBuf {
    root().join("tests/data/holiday")
}

/// The folder of the library, which is no older than its sources, as cargo lists them.
fn library() -> PathBuf {
    let folder = env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
    let first = "run `cargo build -p shadegrid-c --lib --tests` first";
    let list = fs::read_to_string(folder.join("libshadegrid_c.d")).expect(first);
    let built =
        ["libshadegrid_c.so", "libshadegrid_c.a"].map(|name| changed(&folder.join(name)).expect(first));
    let sources = list.lines().next().unwrap().split_once(": ").unwrap().1;
    // A blank in a path is written as `\ `.
    let sources: Vec<String> =
        sources.replace("\\ ", "\0").split(' ').map(|path| path.replace('\0', " ")).collect();
    assert!(sources.iter().any(|path| path.ends_with("hasher/pixels.rs")) && sources.len() > 50);
    for source in sources {
        let source_changed = changed(Path::new(&source));
        assert!(
            source_changed.is_ok_and(|time| built.iter().all(|built| time <= *built)),
            "{source} is new: {first}"
        );
    }
    folder
}

/// How a program is built.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Shared,
    Static,
    Sanitized,
}

const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

fn compiler(is_cpp: bool) -> String {
    let (variable, usual) = if is_cpp { ("CXX", "c++") } else { ("CC", "cc") };
    env::var(variable).unwrap_or_else(|_| usual.to_string())
}

/// Whether programs can be built so; says why where not, and fails where that is required.
fn can_build(way: Way) -> bool {
    static EACH: [OnceLock<bool>; 3] = [const { OnceLock::new() }; 3];
    *EACH[way as usize].get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("empty.cpp");
        fs::write(&source, "int main() { return 0; }\n").unwrap();
        let mut command = Command::new(compiler(true));
        command.arg(&source).arg("-o").arg(folder.path().join("empty"));
        if way == Way::Sanitized {
            command.args(SANITIZERS);
        }
        let can = Command::new(compiler(false)).arg("--version").output().is_ok()
            && command.output().is_ok_and(|output| output.status.success());
        if !can {
            let what = if way == Way::Sanitized { "AddressSanitizer" } else { "C++ compiler" };
            let required = env::var("SHADEGRID_REQUIRE").unwrap_or_default();
            assert!(!required.split(',').any(|name| name == "c"), "no {what} here");
            println!("skipped: no {what} here");
        }
        can
    })
}

/// A program, built in a folder.
fn build(source: &Path, way: Way, folder: &Path) -> PathBuf {
    let (library, is_cpp) = (library(), source.extension().unwrap() == "cpp");
    let program = folder.join(source.file_stem().unwrap());
    let mut command = Command::new(compiler(is_cpp));
    command.arg(if is_cpp { "-std=c++11" } else { "-std=c99" });
    command.args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-g", "-pthread"]);
    command.arg("-I").arg(root().join("bindings/c/include")).arg("-I").arg(root().join("tests/c"));
    if way == Way::Sanitized {
        command.args(SANITIZERS);
    }
    command.arg(source).arg("-o").arg(&program);
    match way {
        Way::Static => command.arg(library.join("libshadegrid_c.a")).args(["-ldl", "-lm"]),
        _ => {
            let rpath = format!("-Wl,-rpath,{}", library.display());
            command.arg("-L").arg(&library).arg("-lshadegrid_c").arg(rpath)
        }
    };
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}:\n{}", source.display(), String::from_utf8_lossy(&output.stderr));
    program
}

fn run(program: &Path, arguments: &[&Path]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

/// Standard output of a program that ends well.
fn printed(program: &Path, arguments: &[&Path]) -> String {
    let output = run(program, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{errors}", program.display(), output.status);
    print!("{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The checks that a program made.
fn checks(output: &str) -> usize {
    let last = output.lines().last().unwrap();
    last.strip_suffix(" checks").unwrap().parse().unwrap()
}

/// The gallery that `gallery.c` describes.
fn gallery(folder: &Path) -> PathBuf {
    let mut hasher = Hasher::new(HashOptions::default());
    let mut hash = |name: &str| hasher.hash(&fs::read(holiday().join(name)).unwrap()).unwrap();
    let (hills, window) = (hash("hills.jpg"), hash("window.png"));
    let mut builder = GalleryBuilder::new();
    let list = builder.source("list", "text");
    let pdq = hills.pdq.unwrap();
    let entry = Entry::default().key("hills".into()).label("land".into()).position(7);
    let entry = entry.pdq(Some(pdq.signature)).quality(Some(pdq.quality));
    builder.add(list, entry.photodna(hills.photodna.map(|hash| hash.signature))).unwrap();
    let face = window.faces[0].photodna.map(|hash| hash.signature);
    builder.add(list, Entry::default().key("window".into()).photodna(face)).unwrap();
    let path = folder.join("known.gallery");
    builder.create(&path).unwrap();
    path
}

/// Builds and runs every program; how many checks they made together.
fn run_all(way: Way) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let (holiday, gallery) = (holiday(), gallery(folder.path()));
    let programs: [(&str, &[&Path]); 7] = [
        ("hash.c", &[&holiday]),
        ("pixels.c", &[]),
        ("many.c", &[&holiday]),
        ("gallery.c", &[&holiday, &gallery]),
        ("arguments.c", &[&gallery]),
        ("threads.c", &[&holiday, &gallery]),
        ("plus.cpp", &[&holiday]),
    ];
    let mut all = 0;
    for (source, arguments) in programs {
        let program = build(&root().join("tests/c").join(source), way, folder.path());
        let made = checks(&printed(&program, arguments));
        println!("{source}: {made} checks");
        all += made;
    }
    all
}

#[test]
fn programs_pass() {
    if can_build(Way::Shared) {
        assert!(run_all(Way::Shared) >= 400);
    }
}

#[test]
fn programs_pass_under_address_sanitizer() {
    if can_build(Way::Sanitized) {
        assert!(run_all(Way::Sanitized) >= 400);
    }
}

#[test]
fn the_archive_links() {
    if can_build(Way::Static) {
        let folder = tempfile::tempdir().unwrap();
        let program = build(&root().join("tests/c/hash.c"), Way::Static, folder.path());
        assert!(checks(&printed(&program, &[&holiday()])) >= 50);
    }
}

/// What `install.sh` leaves is found by pkg-config, where that is there.
#[test]
fn pkg_config_finds_what_is_installed() {
    if !can_build(Way::Shared) {
        return;
    }
    let prefix = tempfile::tempdir().unwrap();
    let install =
        Command::new(root().join("bindings/c/install.sh")).arg(prefix.path()).arg(library()).output();
    assert!(install.unwrap().status.success());
    let installed = |file: &str| prefix.path().join(file);
    let mut pkg_config = Command::new("pkg-config");
    pkg_config.args(["--cflags", "--libs", "shadegrid"]).env("PKG_CONFIG_PATH", installed("lib/pkgconfig"));
    let Ok(flags) = pkg_config.output() else {
        assert!(
            fs::read_to_string(installed("lib/pkgconfig/shadegrid.pc")).unwrap().contains("-lshadegrid_c")
        );
        println!("skipped: no pkg-config here");
        return;
    };
    assert!(flags.status.success(), "{}", String::from_utf8_lossy(&flags.stderr));
    let flags = String::from_utf8(flags.stdout).unwrap();
    let program = installed("hash");
    let mut command = Command::new(compiler(false));
    command.arg("-std=c99").arg(root().join("bindings/c/examples/hash.c")).arg("-o").arg(&program);
    command.args(flags.split_whitespace()).arg(format!("-Wl,-rpath,{}", installed("lib").display()));
    assert!(command.status().unwrap().success());
    assert!(printed(&program, &[&holiday().join("hills.jpg")]).starts_with("ok 360c39db"));
}

/// The sanitizer is there, and memory that Rust took counts for it: a handle that is not freed is a leak.
#[test]
fn what_the_sanitizer_has_to_see_is_seen() {
    if !can_build(Way::Sanitized) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = build(&root().join("tests/c/wrong.c"), Way::Sanitized, folder.path());
    for (wrong, expected) in
        [("read", "heap-buffer-overflow"), ("leak", "LeakSanitizer: detected memory leaks")]
    {
        let output = run(&program, &[Path::new(wrong)]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(expected), "{wrong}: {errors}");
    }
}

/// A record of the library as `folder.c` prints it.
fn line(path: &Path, outcome: Result<Hashed, shadegrid::Error>) -> String {
    let path = path.display();
    let hashed = match outcome {
        Ok(hashed) => hashed,
        Err(error) => {
            let message = error.to_string();
            let none = format!("{}\t0.000000\t{}\t0", "A".repeat(192), "0".repeat(64));
            return format!("{path}\t{}\t0×0\t\t\t0\t0.000000\t{none}\t\t{message}", error.code());
        }
    };
    let bit = |flag: Flag| {
        1 << ["flat", "small", "damaged", "alpha", "profile", "animated", "oriented", "unusual", "pages"]
            .iter()
            .position(|name| *name == flag.name())
            .unwrap()
    };
    let flags: u32 = hashed.flags().map(bit).sum();
    let (photodna, pdq) = (hashed.photodna.unwrap(), hashed.pdq.as_ref().unwrap());
    let faces: Vec<String> = hashed.faces.iter().map(|hash| hash.face.to_string()).collect();
    format!(
        "{path}\tok\t{}×{}\t{}\t{}\t{flags:x}\t{:.6}\t{}\t{:.6}\t{}\t{}\t{}\t",
        hashed.width,
        hashed.height,
        hashed.format.unwrap(),
        hashed.detail,
        hashed.whole.unwrap_or(1.0),
        photodna.signature,
        photodna.strength,
        pdq.signature,
        pdq.quality,
        faces.join(","),
    )
}

/// Builds `folder.c` and runs it over `data`; its lines.
fn hash_folder(way: Way, data: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let program = build(&root().join("tests/c/folder.c"), way, folder.path());
    let output = printed(&program, &[data, Path::new("records")]);
    assert!(checks(&output) > 0);
    let mut lines: Vec<String> = output.lines().map(String::from).collect();
    lines.pop();
    lines
}

#[test]
fn results_are_those_of_the_library() {
    if !can_build(Way::Shared) {
        return;
    }
    let data = root().join("tests/data");
    let lines = hash_folder(Way::Shared, &data);
    let mut hasher = Hasher::new(HashOptions::default());
    let mut faces = 0;
    for found in &lines {
        let path = Path::new(found.split('\t').next().unwrap());
        let outcome = hasher.hash(&fs::read(path).unwrap());
        faces += outcome.as_ref().map_or(0, |hashed| hashed.faces.len());
        assert_eq!(*found, line(path, outcome));
    }
    println!("{} files with {faces} faces are the same", lines.len());
    assert!(lines.len() >= 60 && faces > 0);
    let signatures: HashSet<&str> = lines.iter().filter_map(|found| found.split('\t').nth(7)).collect();
    assert!(signatures.len() >= 20, "only {} different signatures", signatures.len());
}

/// `SHADEGRID_HOSTILE` names further folders.
#[test]
fn every_file_is_clean_under_address_sanitizer() {
    if can_build(Way::Sanitized) {
        let more = env::var_os("SHADEGRID_HOSTILE").unwrap_or_default();
        for data in env::split_paths(&more).chain([root().join("tests/data")]).filter(|path| path.exists()) {
            println!("{}: {} files", data.display(), hash_folder(Way::Sanitized, &data).len());
        }
    }
}

/// The program of the guide is the example, and both examples do what they say.
#[test]
fn examples_run() {
    let examples = root().join("bindings/c/examples");
    let guide = fs::read_to_string(root().join("docs/c.md")).unwrap();
    let first = fs::read_to_string(examples.join("hash.c")).unwrap();
    assert!(
        guide.contains(&format!("```c\n{first}```\n")),
        "docs/c.md shows another program than examples/hash.c"
    );
    if !can_build(Way::Sanitized) {
        return;
    }
    let folder: TempDir = tempfile::tempdir().unwrap();
    let gallery = gallery(folder.path());
    let picture = |name: &str| holiday().join(name);
    let pictures = ["hills.jpg", "window.png", "notes.txt"].map(picture);
    let [hills, window, notes] = [&pictures[0], &pictures[1], &pictures[2]].map(PathBuf::as_path);

    let hash = build(&examples.join("hash.c"), Way::Sanitized, folder.path());
    let output = printed(&hash, &[hills, notes, Path::new("no/such/file")]);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with("ok 360c39db") && lines[0].contains(" 100 ") && lines[1].starts_with("input ")
    );

    let find = build(&examples.join("find.cpp"), Way::Sanitized, folder.path());
    let output = printed(&find, &[&gallery, hills, window, notes]);
    let lines: Vec<&str> = output.lines().map(|line| line.rsplit_once('/').unwrap().1).collect();
    assert_eq!(
        lines,
        ["hills.jpg: hills, photodna 0", "hills.jpg: hills, pdq 0", "window.png (white): window, photodna 0"]
    );
    assert!(!run(&find, &[notes, hills]).status.success());
}
