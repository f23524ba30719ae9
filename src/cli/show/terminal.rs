//! Drawings in a terminal: half-blocks, two pixels to a character.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use clap::ColorChoice;
use shadegrid::PhotoDna;

use super::canvas::{Canvas, Colour};
use super::drawing::{CELLS, bits, cell, sign, strength};
use super::panels::{BITS, Differences, GRADIENTS, LUMINANCE, PICTURE, POINTS, SHADING, Shown};
use crate::cli::compare::Pair;

/// What the output can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Any colour.
    Colour,
    /// 256 colours: a cube of 6×6×6, and 24 greys.
    Palette,
    /// Characters of five shades, and half-blocks for what is black and white.
    Plain,
}

impl Ink {
    /// That of standard output.
    pub(super) fn of_output(choice: ColorChoice) -> Ink {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let is_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_coloured = match choice {
            ColorChoice::Always => true,
            ColorChoice::Auto => std::io::stdout().is_terminal() && !is_none,
            ColorChoice::Never => false,
        };
        if is_coloured { Ink::of(&variable("COLORTERM"), &variable("TERM"), choice) } else { Ink::Plain }
    }

    /// That of a terminal by what it says of itself. Where colours are asked for anyway, it has the 256 that nearly all have.
    fn of(colours: &str, terminal: &str, choice: ColorChoice) -> Ink {
        match colours.to_ascii_lowercase().as_str() {
            "truecolor" | "24bit" => Ink::Colour,
            _ if terminal.ends_with("-direct") => Ink::Colour,
            _ if terminal.contains("256color") || choice == ColorChoice::Always => Ink::Palette,
            _ => Ink::Plain,
        }
    }

    /// The escape that sets a colour: 38 is that of the character, 48 that of the ground.
    fn escape(self, of: u8, colour: Colour) -> String {
        let [red, green, blue] = colour;
        match self {
            Ink::Colour => format!("\x1b[{of};2;{red};{green};{blue}m"),
            _ => format!("\x1b[{of};5;{}m", of_palette(colour)),
        }
    }
}

/// The nearest of 256 colours: of the cube, or of the greys, which begin at 232 and are 10 apart.
fn of_palette(colour: Colour) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let apart = |of: Colour| -> u32 {
        colour.into_iter().zip(of).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    };
    let nearest = |value: u8| (0..6).min_by_key(|level| LEVELS[*level].abs_diff(value)).unwrap_or(0);
    let cube = colour.map(nearest);
    let step = (u32::from(grey(colour)).saturating_sub(3) / 10).min(23) as u8;
    if apart([8 + 10 * step; 3]) < apart(cube.map(|level| LEVELS[level])) {
        return 232 + step;
    }
    (16 + 36 * cube[0] + 6 * cube[1] + cube[2]) as u8
}

fn grey([red, green, blue]: Colour) -> u8 {
    ((u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114) / 1000) as u8
}

/// Characters between drawings; one where there are three to be compared, so that they fit into 80 columns.
const GAP: usize = 2;
const GAP_OF_THREE: usize = 1;

/// All inputs, and what two of them differ in, with their distances; drawings next to one another as far as there is `room`, in characters.
pub(super) fn text(
    shown: &[Shown],
    differences: Option<&(Differences, Pair)>,
    ink: Ink,
    room: usize,
) -> String {
    let mut text = String::new();
    if let ([left, right], Some((differences, comparison))) = (shown, differences) {
        let _ =
            writeln!(text, "left: {} ({})\nright: {} ({})", left.name, left.about, right.name, right.about);
        for row in compared([left, right], differences, ink, room) {
            text.push('\n');
            text.push_str(&side_by_side(&row, room, GAP_OF_THREE));
        }
        text.push('\n');
        text.push_str(&comparison.table());
        return text;
    }
    for (place, shown) in shown.iter().enumerate() {
        if place > 0 {
            text.push('\n');
        }
        let _ = writeln!(text, "{} ({})", shown.name, shown.about);
        text.push_str(&side_by_side(&columns(shown, ink), room, GAP));
        if let Some(canvas) = shown.luminance() {
            let canvas = canvas.resized(canvas.width.min(room), canvas.height.min(room));
            text.push_str(&side_by_side(&[column(&[(LUMINANCE, blocks(&canvas, ink))])], room, GAP));
        }
    }
    text
}

/// The drawings of two inputs, row by row: of the one, of the other, and what they differ in.
fn compared(both: [&Shown; 2], differences: &Differences, ink: Ink, room: usize) -> Vec<Vec<Column>> {
    // Three fit, unless there is hardly room for one.
    let side = (room.saturating_sub(2 * GAP_OF_THREE) / 3).clamp(POINTS.min(room.max(1)), 64);
    let small = |canvas: Canvas| canvas.resized(canvas.width.min(side), canvas.height.min(side));
    let of = |name: &'static str, shown: &Shown| -> Option<Vec<Line>> {
        match name {
            PICTURE => shown.picture.as_ref().map(|canvas| blocks(&canvas.fitted(POINTS), ink)),
            SHADING => shown.points().map(|canvas| blocks(&canvas, ink)),
            GRADIENTS => shown.photodna.as_ref().map(|signature| arrows(signature, ink)),
            LUMINANCE => shown.luminance().map(|canvas| blocks(&small(canvas), ink)),
            _ => shown.pdq.as_ref().map(|signature| blocks(&bits(signature), ink)),
        }
    };
    let row = |name: &'static str| {
        let mut row: Vec<Column> =
            both.iter().filter_map(|shown| Some(column(&[(name, of(name, shown)?)]))).collect();
        row.extend(differences.of(name).map(|difference| {
            let mut lines = blocks(&small(spread(&difference.canvas)), ink);
            lines.push((difference.scale.chars().count(), difference.scale.clone()));
            column(&[("difference", lines)])
        }));
        row
    };
    [PICTURE, SHADING, GRADIENTS, LUMINANCE, BITS]
        .into_iter()
        .map(row)
        .filter(|row| !row.is_empty())
        .collect()
}

/// Small drawings as large as they are read easily.
fn spread(canvas: &Canvas) -> Canvas {
    if canvas.width == CELLS { canvas.resized(2 * CELLS, 2 * CELLS) } else { canvas.clone() }
}

/// Lines of one width.
struct Column {
    width: usize,
    lines: Vec<String>,
}

/// A line by what is seen of it, and its characters.
type Line = (usize, String);

/// Drawings below one another, each under its name.
fn column(drawings: &[(&str, Vec<Line>)]) -> Column {
    let mut lines: Vec<Line> = Vec::new();
    for (name, drawing) in drawings {
        // The part in brackets is for where there is more room.
        let name = name.split(" (").next().unwrap_or(name);
        lines.push((name.chars().count(), name.to_string()));
        lines.extend(drawing.iter().cloned());
    }
    let width = lines.iter().map(|(seen, _)| *seen).max().unwrap_or(0);
    let lines = lines.into_iter().map(|(seen, line)| line + &" ".repeat(width - seen)).collect();
    Column { width, lines }
}

/// The drawings of an input: picture, shading, and the signatures below one another; 72 characters in all.
fn columns(shown: &Shown, ink: Ink) -> Vec<Column> {
    let picture =
        shown.picture.as_ref().map(|canvas| column(&[(PICTURE, blocks(&canvas.fitted(POINTS), ink))]));
    let shading = shown.points().map(|canvas| column(&[(SHADING, blocks(&canvas, ink))]));
    let gradients = shown.photodna.as_ref().map(|signature| (GRADIENTS, arrows(signature, ink)));
    let bits = shown.pdq.as_ref().map(|signature| (BITS, blocks(&bits(signature), ink)));
    let signatures: Vec<(&str, Vec<Line>)> = gradients.into_iter().chain(bits).collect();
    let signatures = (!signatures.is_empty()).then(|| column(&signatures));
    [picture, shading, signatures].into_iter().flatten().collect()
}

/// The gradients of a signature, an arrow a cell.
fn arrows(signature: &PhotoDna, ink: Ink) -> Vec<Line> {
    let cells: Vec<[f64; 4]> = (0..CELLS * CELLS).map(|at| cell(signature, at)).collect();
    let most = cells.iter().map(|cell| strength(*cell)).fold(1.0, f64::max);
    let line = |row: &[[f64; 4]]| {
        let signs = row.iter().map(|cell| {
            // The fainter the less there is; never so faint that it is not seen.
            let light = (90.0 + 165.0 * strength(*cell) / most) as u8;
            match ink {
                Ink::Plain => format!("{} ", sign(*cell)),
                ink => format!("{}{} ", ink.escape(38, [light; 3]), sign(*cell)),
            }
        });
        let end = if ink == Ink::Plain { "" } else { "\x1b[0m" };
        (2 * CELLS, signs.collect::<String>() + end)
    };
    cells.chunks(CELLS).map(line).collect()
}

/// A drawing as lines of characters.
fn blocks(canvas: &Canvas, ink: Ink) -> Vec<Line> {
    let rows = (0..canvas.height).step_by(2);
    let is_bilevel = canvas.is_bilevel();
    let line = |row: usize| {
        let mut line = String::new();
        if is_bilevel && ink != Ink::Plain {
            line += &ink.escape(38, [255; 3]);
            line += &ink.escape(48, [0; 3]);
        }
        for x in 0..canvas.width {
            let upper = canvas.at(x, row);
            let lower = (row + 1 < canvas.height).then(|| canvas.at(x, row + 1));
            match (ink, lower) {
                // Whoever copies the text without its colours has the bits.
                (_, lower) if is_bilevel => line.push(half(upper, lower.unwrap_or([0; 3]))),
                (Ink::Plain, lower) => line.push(shade(upper, lower.unwrap_or(upper))),
                (ink, Some(lower)) => {
                    line += &ink.escape(38, upper);
                    line += &ink.escape(48, lower);
                    line.push('▀');
                }
                (ink, None) => {
                    line += "\x1b[0m";
                    line += &ink.escape(38, upper);
                    line.push('▀');
                }
            }
        }
        if ink != Ink::Plain {
            line += "\x1b[0m";
        }
        (canvas.width, line)
    };
    rows.map(line).collect()
}

/// Two pixels of black and white, which need no colour.
fn half(upper: Colour, lower: Colour) -> char {
    match (upper == [255; 3], lower == [255; 3]) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    }
}

/// One of five shades for two pixels.
fn shade(upper: Colour, lower: Colour) -> char {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    let mean = (usize::from(grey(upper)) + usize::from(grey(lower))) / 2;
    SHADES[mean * SHADES.len() / 256]
}

/// Columns next to one another, and where there is no room for all, in several rows.
fn side_by_side(columns: &[Column], room: usize, gap: usize) -> String {
    let mut text = String::new();
    let mut rest = columns;
    while !rest.is_empty() {
        let mut end = 0;
        let fits = |column: &&Column| {
            end += column.width + gap;
            end - gap <= room
        };
        let (row, further) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        text += &one_row(row, gap);
        rest = further;
    }
    text
}

/// Columns next to one another.
fn one_row(columns: &[Column], gap: usize) -> String {
    let height = columns.iter().map(|column| column.lines.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in 0..height {
        let mut line = String::new();
        for column in columns {
            match column.lines.get(row) {
                Some(part) => line += part,
                None => line += &" ".repeat(column.width),
            }
            line += &" ".repeat(gap);
        }
        text += line.trim_end_matches(' ');
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pixels_are_one_character() {
        let canvas = Canvas::greys(3, |at| if at < 3 { 255 } else { 0 });
        let plain = blocks(&canvas, Ink::Plain);
        assert_eq!(plain, [(3, "▀▀▀".to_string()), (3, "   ".to_string())]);
        let grey = Canvas::greys(3, |at| if at < 3 { 254 } else { 0 });
        assert_eq!(blocks(&grey, Ink::Plain), [(3, "▒▒▒".to_string()), (3, "   ".to_string())]);
        let coloured = &blocks(&canvas, Ink::Colour)[0].1;
        assert!(
            coloured.starts_with("\x1b[38;2;255;255;255m\x1b[48;2;0;0;0m▀") && coloured.ends_with("\x1b[0m")
        );
        assert!(blocks(&canvas, Ink::Palette)[0].1.starts_with("\x1b[38;5;231m\x1b[48;5;16m▀"));
        let two = [[0; 3], [255; 3]];
        assert_eq!(two.map(|upper| two.map(|lower| half(upper, lower))), [[' ', '▄'], ['▀', '█']]);
        assert_eq!((shade([0; 3], [0; 3]), shade([255; 3], [255; 3])), (' ', '█'));
    }

    #[test]
    fn a_terminal_says_what_it_can_show() {
        let of = |colours, terminal| Ink::of(colours, terminal, ColorChoice::Auto);
        assert_eq!(of("truecolor", "xterm"), Ink::Colour);
        assert_eq!(of("24BIT", "screen"), Ink::Colour);
        assert_eq!(of("", "xterm-direct"), Ink::Colour);
        assert_eq!(of("", "tmux-256color"), Ink::Palette);
        assert_eq!((of("", "screen"), of("", "")), (Ink::Plain, Ink::Plain));
        assert_eq!(Ink::of("", "dumb", ColorChoice::Always), Ink::Palette);
    }

    #[test]
    fn colours_of_the_palette_are_the_nearest() {
        assert_eq!([[0; 3], [255; 3], [255, 0, 0]].map(of_palette), [16, 231, 196]);
        // A grey between those of the cube, and a colour that no grey is near.
        assert_eq!((of_palette([18; 3]), of_palette([120; 3]), of_palette([94, 136, 216])), (233, 243, 68));
    }

    #[test]
    fn what_has_no_room_is_below() {
        let of = |name: &str, width| column(&[(name, vec![(width, "x".repeat(width))])]);
        let all = [of("a", 3), of("b", 3), of("c", 9)];
        let wide = |room| side_by_side(&all, room, 2).lines().map(|line| line.chars().count()).max();
        assert_eq!(side_by_side(&all, 19, 2), "a    b    c\nxxx  xxx  xxxxxxxxx\n");
        assert_eq!(side_by_side(&all, 18, 2), "a    b\nxxx  xxx\nc\nxxxxxxxxx\n");
        assert_eq!((side_by_side(&all, 0, 2).lines().count(), side_by_side(&[], 80, 2).as_str()), (6, ""));
        assert!((9..=30).all(|room| wide(room) <= Some(room)));
    }

    #[test]
    fn columns_keep_their_widths() {
        let one = column(&[("a long name (more)", vec![(1, "x".to_string())])]);
        assert_eq!((one.width, one.lines), (11, vec!["a long name".to_string(), "x          ".to_string()]));
    }
}
