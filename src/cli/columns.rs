//! Columns of text, as wide as what stands in them.

/// The longest cell that makes its column wider, in characters. A longer one is written whole, and the others stay where they are: else one name would pad every
/// row of a long table.
const WIDEST: usize = 200;

/// How wide a column of these cells is, in characters.
pub(crate) fn width<'a>(cells: impl IntoIterator<Item = &'a str>) -> usize {
    cells.into_iter().map(letters).filter(|letters| *letters <= WIDEST).max().unwrap_or(0)
}

/// Characters of a text.
pub(crate) fn letters(text: &str) -> usize {
    text.chars().count()
}

/// The text, and spaces up to the width. `{:<width$}` cannot be had for this: it panics where a width is over 65,535.
pub(crate) fn left(text: &str, width: usize) -> String {
    text.to_string() + &space(text, width)
}

/// Spaces up to the width, and the text.
pub(crate) fn right(text: &str, width: usize) -> String {
    space(text, width) + text
}

/// The end of a text that is too wide: names differ there.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let count = letters(text);
    if count <= width {
        return text.to_string();
    }
    let end: String = text.chars().skip(count - width.saturating_sub(1)).collect();
    format!("…{end}")
}

/// The beginning of a text that is too wide.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if letters(text) <= width {
        return text.to_string();
    }
    let start: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{start}…")
}

fn space(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(letters(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_is_too_long_stands_out_alone() {
        let long = "é".repeat(70_000);
        let at = |letters: usize| "é".repeat(letters);
        assert_eq!(width(["ab", "éé", long.as_str(), ""]), 2);
        assert_eq!((width([&*at(WIDEST), &at(3)]), width([&*at(WIDEST + 1), &at(3)])), (WIDEST, 3));
        assert_eq!((width([]), width([long.as_str()])), (0, 0));
        assert_eq!([left("é", 3), right("é", 3), left("abc", 2)], ["é  ", "  é", "abc"]);
        assert_eq!((left(&long, 3), right(&long, 3)), (long.clone(), long.clone()));
        assert_eq!(left("", 70_000), " ".repeat(70_000));
    }

    #[test]
    fn what_is_too_wide_is_cut() {
        assert_eq!([cut("abcdef", 4), cut("abc", 3), cut("ab", 0)], ["…def", "abc", "…"]);
        assert_eq!([shortened("abcdef", 4), shortened("abc", 3)], ["abc…", "abc"]);
    }
}
