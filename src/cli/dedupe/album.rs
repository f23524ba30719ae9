//! Groups as one page to look through: every member with its picture, where that is a file on this machine.
//!
//! The page refers to the pictures, and holds small ones of formats that browsers do not show: it stays small, and shows what is there when it is opened. A browser
//! lays out only the groups that are seen, and loads only their pictures. Order and choice of groups are rules of style, so the page runs no script.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path, PathBuf};

use indicatif::HumanCount;

use super::group::{Group, Tie};
use super::lines::{about, dimensions, size};
use super::plan::{Step, goes};
use super::thumbnails::Thumbnails;
use crate::cli::console;
use crate::cli::page::{self, escaped};
use crate::cli::places::is_url;

const STYLE: &str = "\
body{max-width:80rem}label{user-select:none;white-space:nowrap}\
form{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;margin:1rem 0;padding:.5rem 0;font-size:.875rem}\
@media(min-width:40rem){form{position:sticky;top:0;background:var(--paper);z-index:1}}\
fieldset{border:0;padding:0;margin:0;display:flex;flex-wrap:wrap;gap:.2rem .8rem}\
main{display:flex;flex-direction:column}body:has(#gain:checked) section{order:var(--gain)}\
body:has(#could:checked) section:not(.could),body:has(#same:checked) section:not(.same),body:has(#chains:checked) section:not(.chains){display:none}\
section{content-visibility:auto;contain-intrinsic-size:auto 21rem;border-top:1px solid var(--line);padding:.2rem 0 1rem}\
section h2{margin:.6rem 0;font-size:1rem}section h2 a{text-decoration:none}h2 .soft{font-weight:400}\
.row{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.8rem}\
figure{margin:0;padding:.5rem;border:1px solid var(--line);border-radius:.4rem;background:var(--card);min-width:0;break-inside:avoid}\
figure.best{border:2px solid var(--good)}figure.goes{border-style:dashed}\
figure a,figure .none{display:flex;height:11rem;align-items:center;justify-content:center;overflow:hidden;color:var(--soft)}\
img{max-width:100%;max-height:100%;object-fit:contain}body:has(#blur:checked) img{filter:grayscale(1) blur(12px)}\
figcaption{font-size:.875rem;overflow-wrap:anywhere;margin-top:.4rem}figcaption b{font-weight:600}\
.soft{color:var(--soft)}.good{color:var(--good)}.warn{color:var(--warn)}\
@media(max-width:40rem){.row{grid-template-columns:1fr 1fr}figure a,figure .none{height:8rem}}\
@media print{body{font-size:11px}form{display:none}section{content-visibility:visible;break-inside:avoid}\
figure a,figure .none{height:6rem}\
.row{grid-template-columns:repeat(4,1fr)}}";

/// What a reader chooses: the order of the groups, which of them are seen, and how.
const CHOICES: &str = "\
<form><fieldset><label><input type=\"radio\" name=\"order\" id=\"gain\" checked> most to gain first</label>\
<label><input type=\"radio\" name=\"order\"> as found</label></fieldset>\
<fieldset><label><input type=\"radio\" name=\"which\" checked> all groups</label>\
<label><input type=\"radio\" name=\"which\" id=\"could\"> something could go</label>\
<label><input type=\"radio\" name=\"which\" id=\"same\"> the same bytes</label>\
<label><input type=\"radio\" name=\"which\" id=\"chains\"> chains</label></fieldset>\
<label><input type=\"checkbox\" id=\"blur\"> grey and blurred</label></form>";

/// A page that is being made.
pub(super) struct Album {
    /// The page's folder, without links; `None` where the page goes to no file.
    folder: Option<PathBuf>,
    thumbnails: Thumbnails,
    /// Each with what it would gain, in bytes.
    sections: Vec<(u64, String)>,
    groups: u64,
    members: u64,
    /// What would go.
    files: u64,
    bytes: u64,
}

impl Album {
    /// A page that goes to `path`, with these in place of what browsers do not show.
    pub(super) fn new(path: &Path, thumbnails: Thumbnails) -> Album {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).ok();
        Album { folder, thumbnails, sections: Vec::new(), groups: 0, members: 0, files: 0, bytes: 0 }
    }

    /// Adds a group; its steps say which members go.
    pub(super) fn add(&mut self, group: &Group, steps: &[Step]) {
        self.groups += 1;
        self.members += group.members.len() as u64;
        let bytes: u64 = steps.iter().filter_map(|step| group.members[step.member].item.bytes).sum();
        self.files += steps.len() as u64;
        self.bytes += bytes;
        let could = match steps.len() {
            0 => String::new(),
            count => format!(" <span class=\"soft\">· {count} could go, {}</span>", size(bytes)),
        };
        let number = group.number;
        let classes = [
            ("could", !steps.is_empty()),
            ("same", group.members.iter().any(|member| member.exact.is_some())),
            ("chains", group.members.iter().any(|member| matches!(member.tie, Tie::Chain(_)))),
        ];
        let classes: Vec<&str> = classes.into_iter().filter(|(_, is)| *is).map(|(class, _)| class).collect();
        let mut section = format!(
            "id=\"g{number}\" class=\"{}\"><h2><a href=\"#g{number}\">Group {number}</a> <span class=\"soft\">· {} \
             pictures</span>{could}</h2><div class=\"row\">",
            classes.join(" "),
            group.members.len()
        );
        let mut order: Vec<usize> = (0..group.members.len()).collect();
        order.sort_by_key(|member| *member != group.best);
        for member in order {
            section.push_str(&self.figure(group, member, goes(steps, member)));
        }
        section.push_str("</div></section>");
        self.sections.push((bytes, section));
    }

    fn figure(&self, group: &Group, number: usize, goes: bool) -> String {
        let member = &group.members[number];
        let item = &member.item;
        let name = escaped(&console::printable(&item.name()));
        let picture = match self.address(item.path()) {
            Some(address) => format!(
                "<a href=\"{address}\"><img src=\"{}\" alt=\"not shown by this browser\" loading=\"lazy\" \
                 decoding=\"async\"></a>",
                self.thumbnails.get(&item.key).unwrap_or(&address)
            ),
            None => "<div class=\"none\">no file to show</div>".to_string(),
        };
        let (class, word) = match member.tie {
            Tie::Best => (" class=\"best\"", "good"),
            _ if goes => (" class=\"goes\"", "soft"),
            Tie::Chain(_) => ("", "warn"),
            Tie::Direct => ("", "soft"),
        };
        let facts = [dimensions(item.width, item.height), item.bytes.map(size).unwrap_or_default()];
        let facts: Vec<String> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
        let mut about = escaped(&about(group, number));
        if goes {
            about += if about.is_empty() { "could go" } else { " · could go" };
        }
        format!(
            "<figure{class}>{picture}<figcaption><b>{name}</b><br><span class=\"soft\">{}</span><br>\
             <span class=\"{word}\">{about}</span></figcaption></figure>",
            facts.join(" · ")
        )
    }

    /// Where a browser finds a file from the page; `None` for what is no file here.
    fn address(&self, path: &Path) -> Option<String> {
        if path.as_os_str() == "-" || is_url(path) || !path.is_file() {
            return None;
        }
        let file = fs::canonicalize(path).ok()?;
        address(self.folder.as_deref(), &file)
    }

    /// The whole page, about what these arguments name.
    pub(super) fn page(self, arguments: &[PathBuf]) -> String {
        let names: Vec<String> =
            arguments.iter().map(|path| console::printable(&path.to_string_lossy())).collect();
        let title = format!("Shadegrid dedupe: {}", page::named(&names));
        let Album { sections, groups, members, files, bytes, .. } = self;
        let counted = |number: u64, noun: &str| {
            format!("{} {noun}{}", HumanCount(number), if number == 1 { "" } else { "s" })
        };
        let (groups, members) = (counted(groups, "group"), counted(members, "member"));
        let could = match files {
            0 => String::new(),
            files => format!(" {}, {}, could go.", counted(files, "file"), size(bytes)),
        };
        let body = format!(
            "<h1>{}</h1><p>{groups} of pictures that look the same, with {members}.{could}</p>{}{CHOICES}<main>{}</main>",
            escaped(&title),
            page::origin(),
            ranked(sections),
        );
        page::styled(&title, STYLE, &body)
    }
}

/// The sections in the order of the groups, each with its place by what it would gain.
fn ranked(sections: Vec<(u64, String)>) -> String {
    let mut order: Vec<usize> = (0..sections.len()).collect();
    order.sort_by_key(|section| Reverse(sections[*section].0));
    let mut places = vec![0; sections.len()];
    order.into_iter().enumerate().for_each(|(place, section)| places[section] = place);
    let sections = sections.into_iter().zip(places);
    sections.map(|((_, section), place)| format!("<section style=\"--gain:{place}\" {section}")).collect()
}

/// The relative address of a file from a folder, both without links; a `file:` URL where there is none.
fn address(folder: Option<&Path>, file: &Path) -> Option<String> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(encoded(name.as_encoded_bytes())),
        _ => None,
    };
    let root = |path: &Path| -> PathBuf {
        path.components().take_while(|part| !matches!(part, Component::Normal(_))).collect()
    };
    match folder.filter(|folder| root(folder) == root(file)) {
        Some(folder) => {
            let same =
                folder.components().zip(file.components()).take_while(|(one, other)| one == other).count();
            let up = std::iter::repeat_n("..".to_string(), folder.components().count() - same);
            let down = file.components().skip(same).filter_map(name);
            Some(up.chain(down).collect::<Vec<_>>().join("/"))
        }
        None if cfg!(unix) => {
            Some(format!("file:///{}", file.components().filter_map(name).collect::<Vec<_>>().join("/")))
        }
        None => None,
    }
}

/// A name as a part of an address, byte by byte.
fn encoded(name: &[u8]) -> String {
    let mut text = String::new();
    for &byte in name {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_relative_and_encoded() {
        for (folder, file, expected) in [
            ("/a/b", "/a/b/c d.jpg", "c%20d.jpg"),
            ("/a/b", "/a/e/f#?.png", "../e/f%23%3F.png"),
            ("/", "/x/\u{e9}.gif", "x/%C3%A9.gif"),
            ("/a/b", "/c/\"><script>", "../../c/%22%3E%3Cscript%3E"),
            ("/a", "/a/javascript:x", "javascript%3Ax"),
        ] {
            assert_eq!(address(Some(Path::new(folder)), Path::new(file)).unwrap(), expected, "{file}");
        }
        assert_eq!(address(None, Path::new("/a b/c")).unwrap(), "file:///a%20b/c");
    }
}
