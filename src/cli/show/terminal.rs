//! Drawings in a terminal: half-blocks, two pixels to a character.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use super::canvas::{Canvas, Colour};
use super::drawing::{CELLS, bits, cell, sign, strength};
use super::panels::{Differences, POINTS, Shown};

/// What the output can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Any colour.
    Colour,
    /// 24 greys, which every terminal of today has.
    Grey,
    /// Characters of five shades, for what is no terminal.
    Plain,
}

impl Ink {
    /// That of standard output.
    pub(super) fn of_output() -> Ink {
        let says = |value: &str| std::env::var("COLORTERM").is_ok_and(|has| has.eq_ignore_ascii_case(value));
        match std::io::stdout().is_terminal() {
            false => Ink::Plain,
            true if says("truecolor") || says("24bit") => Ink::Colour,
            true => Ink::Grey,
        }
    }

    /// The escape that sets a colour: 38 is that of the character, 48 that of the ground.
    fn escape(self, of: u8, colour: Colour) -> String {
        let [red, green, blue] = colour;
        match self {
            Ink::Colour => format!("\x1b[{of};2;{red};{green};{blue}m"),
            // 232 is nearly black, 255 nearly white.
            _ => format!("\x1b[{of};5;{}m", 232 + u16::from(grey(colour)) * 23 / 255),
        }
    }
}

fn grey([red, green, blue]: Colour) -> u8 {
    ((u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114) / 1000) as u8
}

/// Characters between drawings.
const GAP: usize = 2;

/// All inputs, and what two of them differ in, with their distances; drawings next to one another as far as there is `room`, in characters.
pub(super) fn text(
    shown: &[Shown],
    differences: Option<&(Differences, String)>,
    ink: Ink,
    room: usize,
) -> String {
    let mut text = String::new();
    for (place, shown) in shown.iter().enumerate() {
        if place > 0 {
            text.push('\n');
        }
        let _ = writeln!(text, "{} ({})", shown.name, shown.about);
        text.push_str(&side_by_side(&columns(shown, ink), room));
    }
    if let Some((differences, distances)) = differences {
        let all: Vec<Column> =
            differences.all().map(|(name, canvas)| column(&[(name, blocks(&spread(canvas), ink))])).collect();
        text.push_str("\ndifferences\n");
        text.push_str(&side_by_side(&all, room));
        text.push('\n');
        text.push_str(distances);
    }
    text
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
    use super::panels::{BITS, GRADIENTS, PICTURE, SHADING};
    let picture =
        shown.picture.as_ref().map(|canvas| column(&[(PICTURE, blocks(&canvas.fitted(POINTS), ink))]));
    let shading = shown.points().map(|canvas| column(&[(SHADING, blocks(&canvas, ink))]));
    let gradients = shown.photodna.as_ref().map(|signature| {
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
        (GRADIENTS, cells.chunks(CELLS).map(line).collect::<Vec<Line>>())
    });
    let bits = shown.pdq.as_ref().map(|signature| (BITS, blocks(&bits(signature), ink)));
    let signatures: Vec<(&str, Vec<Line>)> = gradients.into_iter().chain(bits).collect();
    let signatures = (!signatures.is_empty()).then(|| column(&signatures));
    [picture, shading, signatures].into_iter().flatten().collect()
}

/// A drawing as lines of characters.
fn blocks(canvas: &Canvas, ink: Ink) -> Vec<Line> {
    let rows = (0..canvas.height).step_by(2);
    let line = |row: usize| {
        let mut line = String::new();
        for x in 0..canvas.width {
            let upper = canvas.at(x, row);
            let lower = (row + 1 < canvas.height).then(|| canvas.at(x, row + 1));
            match (ink, lower) {
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

/// One of five shades for two pixels.
fn shade(upper: Colour, lower: Colour) -> char {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    let mean = (usize::from(grey(upper)) + usize::from(grey(lower))) / 2;
    SHADES[mean * SHADES.len() / 256]
}

/// Columns next to one another, and where there is no room for all, in several rows.
fn side_by_side(columns: &[Column], room: usize) -> String {
    let mut text = String::new();
    let mut rest = columns;
    while !rest.is_empty() {
        let mut end = 0;
        let fits = |column: &&Column| {
            end += column.width + GAP;
            end - GAP <= room
        };
        let (row, further) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        text += &one_row(row);
        rest = further;
    }
    text
}

/// Columns next to one another.
fn one_row(columns: &[Column]) -> String {
    let height = columns.iter().map(|column| column.lines.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in 0..height {
        let mut line = String::new();
        for column in columns {
            match column.lines.get(row) {
                Some(part) => line += part,
                None => line += &" ".repeat(column.width),
            }
            line += &" ".repeat(GAP);
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
        assert_eq!(plain, [(3, "▒▒▒".to_string()), (3, "   ".to_string())]);
        let coloured = &blocks(&canvas, Ink::Colour)[0].1;
        assert!(
            coloured.starts_with("\x1b[38;2;255;255;255m\x1b[48;2;0;0;0m▀") && coloured.ends_with("\x1b[0m")
        );
        assert!(blocks(&canvas, Ink::Grey)[0].1.starts_with("\x1b[38;5;255m\x1b[48;5;232m▀"));
        assert_eq!((shade([0; 3], [0; 3]), shade([255; 3], [255; 3])), (' ', '█'));
    }

    #[test]
    fn what_has_no_room_is_below() {
        let of = |name: &str, width| column(&[(name, vec![(width, "x".repeat(width))])]);
        let all = [of("a", 3), of("b", 3), of("c", 9)];
        let wide = |room| side_by_side(&all, room).lines().map(|line| line.chars().count()).max();
        assert_eq!(side_by_side(&all, 19), "a    b    c\nxxx  xxx  xxxxxxxxx\n");
        assert_eq!(side_by_side(&all, 18), "a    b\nxxx  xxx\nc\nxxxxxxxxx\n");
        assert_eq!((side_by_side(&all, 0).lines().count(), side_by_side(&[], 80).as_str()), (6, ""));
        assert!((9..=30).all(|room| wide(room) <= Some(room)));
    }

    #[test]
    fn columns_keep_their_widths() {
        let one = column(&[("a long name (more)", vec![(1, "x".to_string())])]);
        assert_eq!((one.width, one.lines), (11, vec!["a long name".to_string(), "x          ".to_string()]));
    }
}
