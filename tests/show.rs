//! `shadegrid show` as its users meet it: in a terminal's text, as a page and as a picture.

use std::fs;
use std::process::{Command, Output, Stdio};

use image::{DynamicImage, GenericImageView as _, RgbImage};
use tempfile::TempDir;

fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap()
}

fn text(folder: &TempDir, arguments: &[&str], code: i32) -> String {
    let output = run(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// `a.png`, bright on the right and red; `b.png`, the same but for a corner; `c.png`, the first one mirrored.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let a = RgbImage::from_fn(208, 104, |x, y| image::Rgb([(x + y / 8) as u8, (x / 3) as u8, (x / 3) as u8]));
    let mut b = a.clone();
    b.enumerate_pixels_mut()
        .filter(|(x, y, _)| *x < 60 && *y < 30)
        .for_each(|(_, _, pixel)| pixel.0 = [255; 3]);
    let save = |picture: RgbImage, name: &str| {
        DynamicImage::ImageRgb8(picture).save(folder.path().join(name)).unwrap();
    };
    save(image::imageops::flip_horizontal(&a), "c.png");
    save(a, "a.png");
    save(b, "b.png");
    folder
}

#[test]
fn pictures_are_drawn_as_text() {
    let folder = folder();
    let shown = text(&folder, &["show", "a.png"], 0);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("a.png (208×104, png, strength "), "{shown}");
    for drawing in ["picture", "26×26 shading", "6×6×4 gradients", "16×16 bits"] {
        assert!(shown.contains(drawing), "{drawing}: {shown}");
    }
    assert!(!shown.contains('\x1b'), "no escapes for what is no terminal");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{shown}");
    let arrows = |text: &str, arrow: char| text.matches(arrow).count();
    assert!(arrows(&shown, '→') > 20 && arrows(&shown, '←') == 0, "{shown}");
    let mirrored = text(&folder, &["show", "c.png"], 0);
    assert!(arrows(&mirrored, '←') > 20 && arrows(&mirrored, '→') == 0, "{mirrored}");
    // The shading is dark on the left and bright on the right.
    assert!(shown.lines().filter(|line| line.trim_end().contains('█')).count() > 10, "{shown}");

    let two = text(&folder, &["show", "a.png", "b.png"], 0);
    assert!(two.starts_with("left: a.png (") && two.contains("\nright: b.png ("), "{two}");
    assert!(two.contains("photodna   squared Euclidean  upright"), "{two}");
    assert!(two.lines().all(|line| line.chars().count() <= 80), "{two}");
    // Each drawing of the one stands next to that of the other, and what they differ in.
    for name in ["26×26 shading", "6×6×4 gradients", "64×64 luminance", "16×16 bits"] {
        let row = two.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(row.matches(name).count() == 2 && row.contains("difference"), "{row}");
    }
    assert!(two.contains("white: ") && two.contains(" % of the span") && two.contains(" of 256"), "{two}");
    // A scaled copy differs in next to nothing, which is said, and drawn as far as it is there.
    let small = image::open(folder.path().join("a.png")).unwrap();
    let small = small.resize_exact(104, 52, image::imageops::FilterType::Triangle);
    small.save(folder.path().join("small.png")).unwrap();
    let scaled = text(&folder, &["show", "a.png", "small.png"], 0);
    let most: Vec<f64> = scaled
        .lines()
        .filter_map(|line| line.split("white: ").nth(1)?.split(" %").next()?.parse().ok())
        .collect();
    assert!(most.iter().all(|share| *share < 20.0), "{scaled}");
    let same = text(&folder, &["show", "a.png", "a.png"], 0);
    assert_eq!((same.matches("none").count(), same.matches("0 of 256").count()), (3, 1), "{same}");
    // PDQ's bits need no colour: two to a character.
    let bits = shown.lines().skip_while(|line| !line.contains("16×16 bits")).nth(1).unwrap();
    assert!(bits.contains(['▀', '▄']), "{shown}");
    let luminance = shown.lines().skip_while(|line| !line.starts_with("64×64 luminance")).skip(1);
    let rows: Vec<&str> = luminance.collect();
    assert!(rows.len() == 32 && rows.iter().all(|row| row.chars().count() <= 64), "{shown}");
}

#[test]
fn colours_are_those_that_the_terminal_says_it_has() {
    let folder = folder();
    let drawn = |terminal: &[(&str, &str)], color: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shadegrid"));
        command.args(["show", "a.png", "--color", color]).current_dir(folder.path());
        command.env_remove("COLORTERM").env_remove("TERM").envs(terminal.iter().copied());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let always = drawn(&[("COLORTERM", "truecolor")], "always");
    assert!(always.contains("\x1b[38;2;") && always.contains('▀'), "{always}");
    let palette = drawn(&[("TERM", "tmux-256color")], "always");
    assert!(palette.contains("\x1b[38;5;") && !palette.contains("\x1b[38;2;"), "{palette}");
    for choice in ["auto", "never"] {
        assert!(!drawn(&[("COLORTERM", "truecolor")], choice).contains('\x1b'), "{choice}");
    }
}

#[test]
fn files_are_named_by_urls_too() {
    let folder = folder();
    let url = format!("file://{}", folder.path().join("a.png").display());
    let shown = text(&folder, &["show", &url], 0);
    assert!(shown.contains("a.png (208×104, png, "), "{shown}");
    let compared = text(&folder, &["compare", &url, "c.png", "--orientations", "all"], 0);
    assert!(compared.contains("pdq        Hamming"), "{compared}");
    for wrong in [&["show", "ftp://host/a.png"][..], &["compare", "a.png", "file://host/b.png"]] {
        let output = run(&folder, wrong);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("file://"), "{said}");
    }
}

#[test]
fn signatures_show_what_they_hold() {
    let folder = folder();
    let pdq = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22";
    let photodna = vec!["7"; 144].join(",");
    let shown = text(&folder, &["show", pdq, &photodna, "a.png"], 0);
    assert!(shown.contains("signature (pdq)") && shown.contains("signature (photodna)"), "{shown}");
    assert!(!shown.contains(pdq) && !shown.contains(&photodna), "a drawing is what was asked for");
    assert!(
        !text(&folder, &["show", pdq, &photodna], 0).contains("  within"),
        "no distance between the two kinds"
    );
    text(&folder, &["show", pdq, "--html", "page.html"], 0);
    assert!(!fs::read_to_string(folder.path().join("page.html")).unwrap().contains(pdq));
}

#[test]
fn drawings_are_pages_and_pictures() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    for _ in 0..2 {
        assert!(text(&folder, &["show", "a.png", "b.png", "--html", "page.html"], 0).is_empty());
        assert!(text(&folder, &["show", "a.png", "b.png", "--png", "sheet.png"], 0).is_empty());
    }
    let page = fs::read_to_string(at("page.html")).unwrap();
    // Seven drawings of each, and four of what they differ in.
    assert_eq!(page.matches("data:image/png;base64,").count(), 7 + 7 + 4);
    assert!(page.contains("64×64 luminance") && page.contains(" % of the span"));
    assert!(page.contains("<title>Shadegrid show: a.png, b.png</title>") && page.contains("Hamming"));
    let sheet = image::open(at("sheet.png")).unwrap();
    assert_eq!(sheet.dimensions(), (3 * 252 + 12, 5 * 252 + 12));
    // The picture is red on its right; the corner that differs is white in the difference of the shading.
    let red = sheet.get_pixel(12 + 235, 12 + 120).0;
    assert!(red[0] > 150 && red[1] < 100, "{red:?}");
    let (corner, elsewhere) =
        (sheet.get_pixel(516 + 30, 264 + 30).0, sheet.get_pixel(516 + 200, 264 + 200).0);
    assert!(corner[0] > 100 && elsewhere[0] < 100, "{corner:?} {elsewhere:?}");

    fs::write(at("notes.txt"), "mine").unwrap();
    for wrong in [
        &["show", "a.png", "--html", "notes.txt"][..],
        &["show", "a.png", "--png", "b.png"],
        &["show", "a.png", "--png", "a.png", "--force"],
        &["show", "a.png", "--png", "x.png", "--html", "x.html"],
        &["show", "-", "-"],
        &["show"],
    ] {
        assert_eq!(run(&folder, wrong).status.code(), Some(1), "{wrong:?}");
    }
    assert_eq!(fs::read_to_string(at("notes.txt")).unwrap(), "mine");
    let shown = text(&folder, &["show", "notes.txt", "a.png", "gone.png"], 2);
    assert!(shown.starts_with("a.png (") && !shown.contains("left: "), "{shown}");
}
