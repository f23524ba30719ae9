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
    assert!(
        two.contains("\ndifferences\n") && two.contains("photodna   squared Euclidean  upright"),
        "{two}"
    );
    // A scaled copy differs in next to nothing.
    let small = image::open(folder.path().join("a.png")).unwrap();
    let small = small.resize_exact(104, 52, image::imageops::FilterType::Triangle);
    small.save(folder.path().join("small.png")).unwrap();
    let scaled = text(&folder, &["show", "a.png", "small.png"], 0);
    let drawn = scaled.split("\ndifferences\n").nth(1).unwrap();
    let shading: String = drawn.lines().skip(1).take(13).flat_map(|line| line.chars().take(26)).collect();
    assert!(shading.trim().is_empty(), "{drawn}");
    let same = text(&folder, &["show", "a.png", "a.png"], 0);
    let drawn = same.split("\ndifferences\n").nth(1).unwrap();
    assert!(!drawn.contains(['░', '▒', '▓', '█']), "{drawn}");
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
    assert_eq!(page.matches("data:image/png;base64,").count(), 6 + 6 + 3);
    assert!(page.contains("<title>Shadegrid show: a.png, b.png</title>") && page.contains("Hamming"));
    let sheet = image::open(at("sheet.png")).unwrap();
    assert_eq!(sheet.dimensions(), (4 * 252 + 12, 3 * 252 + 12));
    // The picture is red on its right; the corner that differs is white in the difference of the shading.
    let red = sheet.get_pixel(12 + 235, 12 + 120).0;
    assert!(red[0] > 150 && red[1] < 100, "{red:?}");
    let (corner, elsewhere) =
        (sheet.get_pixel(264 + 30, 516 + 30).0, sheet.get_pixel(264 + 200, 516 + 200).0);
    assert!(corner[0] > 100 && elsewhere[0] < 40, "{corner:?} {elsewhere:?}");

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
    assert!(shown.starts_with("a.png (") && !shown.contains("differences"), "{shown}");
}
