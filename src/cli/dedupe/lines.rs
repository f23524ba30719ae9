//! Groups as they are written: JSON lines, CSV, or a table for people.

use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;
use serde::Serialize;
use shadegrid::{Error, Orientation};

use super::group::{Group, Member, Tie};
use super::plan::{Step, goes};
use crate::cli::columns::{self, cut, left, right};
use crate::cli::console;
use crate::cli::lookups::json;
use crate::cli::output::OutputFormat;

/// How groups are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum GroupFormat {
    /// One JSON object for each group, a line each
    Jsonl,
    /// Comma-separated values with a row of names, one row for each member
    Csv,
    /// A table for people
    Table,
}

impl GroupFormat {
    /// The format of a file whose name says one, if that is what is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the two contradict each other, and for Parquet.
    pub(super) fn of(
        named: OutputFormat,
        asked: Option<GroupFormat>,
        path: &Path,
    ) -> Result<GroupFormat, Error> {
        let path = path.display();
        let format = match named {
            OutputFormat::Jsonl => GroupFormat::Jsonl,
            OutputFormat::Csv => GroupFormat::Csv,
            OutputFormat::Parquet => {
                return Err(Error::Input(format!(
                    "{path}: groups are written as .jsonl or .csv; choose another name"
                )));
            }
        };
        match asked {
            Some(asked) if asked != format => Err(Error::Input(format!(
                "--format and the name {path} contradict each other; leave --format away, or choose another name"
            ))),
            _ => Ok(format),
        }
    }
}

/// Writes groups one after another.
pub(super) enum Lines<W: Write> {
    Json(W),
    Csv(Box<csv::Writer<W>>),
    /// And how wide a line may be; `None` where names are not cut.
    Table(W, Option<usize>),
}

/// A group as it is written.
#[derive(Serialize)]
struct GroupLine<'a> {
    group: usize,
    size: usize,
    members: Vec<MemberLine<'a>>,
}

#[derive(Serialize)]
struct MemberLine<'a> {
    key: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    source: String,
    position: u64,
    /// Where the key is no UTF-8, its exact bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// By the names of algorithms.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    distance: serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orientation: Option<&'static str>,
    #[serde(skip_serializing_if = "is_not")]
    best: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<String>,
    #[serde(skip_serializing_if = "is_not")]
    reference: bool,
    #[serde(skip_serializing_if = "is_not")]
    remove: bool,
}

fn is_not(is: &bool) -> bool {
    !is
}

impl<'a> MemberLine<'a> {
    fn new(group: &'a Group, number: usize, steps: &[Step]) -> MemberLine<'a> {
        let member = &group.members[number];
        let key = |of: usize| group.members[of].item.name();
        let exact_bytes = member.item.key.as_encoded_bytes();
        MemberLine {
            key: key(number),
            label: &member.item.label,
            source: member.item.source.to_string_lossy().into_owned(),
            position: member.item.position,
            key_bytes: std::str::from_utf8(exact_bytes).is_err().then(|| BASE64.encode(exact_bytes)),
            width: member.item.width,
            height: member.item.height,
            bytes: member.item.bytes,
            distance: member
                .distances
                .iter()
                .map(|(of, distance)| (of.to_string(), (*distance).into()))
                .collect(),
            orientation: turned(member).map(Orientation::name),
            best: member.tie == Tie::Best,
            why: (member.tie == Tie::Best).then_some(group.why),
            via: through(member).map(key),
            exact: member.exact.map(key),
            reference: member.item.is_reference,
            remove: goes(steps, number),
        }
    }
}

/// How a member has to be laid, if not as it is.
pub(super) fn turned(member: &Member) -> Option<Orientation> {
    (member.orientation != Orientation::Upright && member.tie != Tie::Best).then_some(member.orientation)
}

/// Through which other a member hangs together with the best copy.
pub(super) fn through(member: &Member) -> Option<usize> {
    match member.tie {
        Tie::Chain(through) => Some(through),
        _ => None,
    }
}

/// The columns of CSV.
const COLUMNS: [&str; 19] = [
    "group",
    "size",
    "key",
    "key_bytes",
    "label",
    "source",
    "position",
    "width",
    "height",
    "bytes",
    "photodna_distance",
    "pdq_distance",
    "orientation",
    "best",
    "why",
    "via",
    "exact",
    "reference",
    "remove",
];

impl<W: Write> Lines<W> {
    pub(super) fn new(format: GroupFormat, to: W, width: Option<usize>) -> Result<Lines<W>, Error> {
        Ok(match format {
            GroupFormat::Jsonl => Lines::Json(to),
            GroupFormat::Table => Lines::Table(to, width),
            GroupFormat::Csv => {
                let mut rows = csv::Writer::from_writer(to);
                rows.write_record(COLUMNS).map_err(|error| cannot(error.into()))?;
                Lines::Csv(Box::new(rows))
            }
        })
    }

    /// Writes a group; its steps say which members go.
    pub(super) fn write(&mut self, group: &Group, steps: &[Step]) -> Result<(), Error> {
        let size = group.members.len();
        let members = (0..size).map(|number| MemberLine::new(group, number, steps));
        match self {
            Lines::Json(to) => {
                let line = json(&GroupLine { group: group.number, size, members: members.collect() })?;
                writeln!(to, "{line}").map_err(cannot)
            }
            Lines::Csv(rows) => {
                let mut members = members.map(|member| row(group, member));
                members.try_for_each(|row| rows.write_record(row)).map_err(|error| cannot(error.into()))
            }
            Lines::Table(to, width) => to.write_all(table(group, steps, *width).as_bytes()).map_err(cannot),
        }
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        match self {
            Lines::Json(mut to) | Lines::Table(mut to, _) => to.flush().map_err(cannot),
            Lines::Csv(mut rows) => rows.flush().map_err(cannot),
        }
    }
}

fn cannot(source: std::io::Error) -> Error {
    Error::io("cannot write the groups", source)
}

fn row(group: &Group, member: MemberLine<'_>) -> [String; 19] {
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let distance = |of: &str| member.distance.get(of).map(ToString::to_string).unwrap_or_default();
    let (photodna, pdq) = (distance("photodna"), distance("pdq"));
    [
        group.number.to_string(),
        group.members.len().to_string(),
        member.key,
        member.key_bytes.unwrap_or_default(),
        member.label.to_string(),
        member.source,
        member.position.to_string(),
        number(member.width.map(u64::from)),
        number(member.height.map(u64::from)),
        number(member.bytes),
        photodna,
        pdq,
        member.orientation.unwrap_or_default().to_string(),
        member.best.to_string(),
        member.why.unwrap_or_default().to_string(),
        member.via.unwrap_or_default(),
        member.exact.unwrap_or_default(),
        member.reference.to_string(),
        member.remove.to_string(),
    ]
}

/// The least that a name is cut to.
const NARROWEST: usize = 14;

/// A group for people: a heading, and a line for each member, the best copy first. Names are cut where lines would be wider than `width`.
fn table(group: &Group, steps: &[Step], width: Option<usize>) -> String {
    let mut order: Vec<usize> = (0..group.members.len()).collect();
    order.sort_by_key(|member| *member != group.best);
    let rows: Vec<(&str, [String; 4])> = order
        .iter()
        .map(|&number| {
            let item = &group.members[number].item;
            let mark = match goes(steps, number) {
                _ if number == group.best => "*",
                true => "-",
                false => " ",
            };
            let bytes = item.bytes.map(size).unwrap_or_default();
            let name = console::printable(&item.name());
            (mark, [name, dimensions(item.width, item.height), bytes, about(group, number)])
        })
        .collect();
    let widest = |column: usize| columns::width(rows.iter().map(|(_, row)| row[column].as_str()));
    let [mut names, dimensions, sizes, words] = [0, 1, 2, 3].map(widest);
    if let Some(width) = width {
        // Ten more stand between the columns and around the mark.
        names = names.min(width.saturating_sub(dimensions + sizes + words + 10).max(NARROWEST));
    }
    let mut text = format!("group {}: {} pictures\n", group.number, group.members.len());
    for (mark, [name, size, bytes, about]) in &rows {
        let name = if width.is_some() { &cut(name, names) } else { name };
        let (name, size, bytes) = (left(name, names), right(size, dimensions), right(bytes, sizes));
        let line = format!("  {mark} {name}  {size}  {bytes}  {about}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What there is to say of a member, in words.
pub(super) fn about(group: &Group, number: usize) -> String {
    let member = &group.members[number];
    let key = |of: usize| console::printable(&group.members[of].item.name());
    let mut about: Vec<String> = Vec::new();
    if member.tie == Tie::Best {
        about.push(format!("best copy: {}", group.why));
    }
    if member.item.is_reference {
        about.push("reference".to_string());
    }
    let best = &group.members[group.best];
    match member.exact {
        _ if member.tie == Tie::Best => {}
        Some(_) if member.item.is_copy_of(&best.item) => about.push("same bytes".to_string()),
        exact => {
            about.extend(member.distances.iter().map(|(of, distance)| format!("{of} {distance}")));
            let first = exact.filter(|first| *first != number);
            about.extend(first.map(|first| format!("same bytes as {}", key(first))));
        }
    }
    about.extend(turned(member).map(|orientation| orientation.to_string()));
    about.extend(through(member).map(|through| format!("only through {}", key(through))));
    if member.item.is_damaged {
        about.push("damaged".to_string());
    }
    about.join(", ")
}

/// `4000×3000`.
pub(super) fn dimensions(width: Option<u32>, height: Option<u32>) -> String {
    width.zip(height).map(|(width, height)| format!("{width}×{height}")).unwrap_or_default()
}

/// A number of bytes for people: `1.2 MB`, by powers of 1,000.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut number = bytes as f64 / 1e3;
    let mut unit = 0;
    while number >= 999.5 && unit + 1 < UNITS.len() {
        number /= 1e3;
        unit += 1;
    }
    let digits = if number < 9.95 { 1 } else { 0 };
    format!("{number:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (9_951, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (34_567_890, "35 MB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }
}
