//! What an existing file holds, judged by its first and last bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// What a command writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Records of `hash`, `match` or `job merge`, in any format.
    Records,
    /// Rows of `match`.
    Matches,
    /// Groups of `dedupe`.
    Groups,
    /// Distances of `compare`.
    Distances,
    /// Entries of `gallery export`.
    Entries,
    /// What `gallery build --quarantine` puts aside.
    Quarantine,
    /// A gallery.
    Gallery,
    /// Lines of `audit export`.
    #[cfg(feature = "report")]
    Audit,
    /// The page of `bench`.
    Page,
    /// Its numbers, as a table, CSV, Markdown or JSON.
    Measurements,
    /// The page of `dedupe`.
    Album,
    /// The page of `show`.
    Sheet,
    /// The picture of `show`.
    Drawing,
}

/// How much of a file is looked at: more than any record's name and source take.
const START: u64 = 1 << 20;
const END: u64 = 1 << 16;

impl Kind {
    /// In words, behind "is not".
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Records => "a file of records",
            Kind::Matches => "a file of matches",
            Kind::Groups => "a file of groups",
            Kind::Distances => "a file of distances",
            Kind::Entries => "an export of a gallery",
            Kind::Quarantine => "a quarantine file",
            Kind::Gallery => "a gallery",
            #[cfg(feature = "report")]
            Kind::Audit => "an export of an audit log",
            Kind::Page => "a page of `bench`",
            Kind::Measurements => "a report of `bench`",
            Kind::Album => "a page of `dedupe`",
            Kind::Sheet => "a page of `show`",
            Kind::Drawing => "a picture of `show`",
        }
    }

    /// Whether only its owner may read it: all that holds signatures, or says what they are of.
    pub(super) fn is_private(self) -> bool {
        !matches!(self, Kind::Page | Kind::Measurements)
    }

    /// Whether the file at `path` holds this, or nothing.
    pub(super) fn holds(self, path: &Path) -> io::Result<bool> {
        let mut file = File::open(path)?;
        let mut start = Vec::new();
        file.by_ref().take(START).read_to_end(&mut start)?;
        let may_be_parquet = matches!(self, Kind::Records | Kind::Matches);
        Ok(start.is_empty() || self.begins(&start) || may_be_parquet && is_parquet(&start, file)?)
    }

    fn begins(self, start: &[u8]) -> bool {
        let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let object = |first: &[&str], further: &[&str]| {
            first.iter().any(|name| line.starts_with(format!("{{\"{name}\":").as_bytes()))
                && further.iter().all(|part| has(line, part.as_bytes()))
        };
        match self {
            Kind::Records => {
                [&b"key,key_bytes,status,"[..], b"path,path_base64,status,"]
                    .iter()
                    .any(|names| line.starts_with(names))
                    || ["\"status\":\"ok\"", "\"status\":\"error\""]
                        .iter()
                        .any(|status| object(&["path", "key", "position"], &[status]))
            }
            Kind::Matches => {
                line.starts_with(b"key,key_bytes,gallery,entry,")
                    || object(&["key"], &["\"gallery\":", "\"entry\":", "\"orientation\":"])
                        && !has(line, b"\"status\":")
            }
            Kind::Groups => {
                object(&["group"], &["\"members\":["])
                    || line.starts_with(b"group,size,key,")
                    || line.starts_with(b"group 1: ")
            }
            Kind::Distances => {
                object(&["a"], &["\"b\":", "\"distances\":["])
                    || line.starts_with(b"a,b,algorithm,metric,")
                    || line.starts_with(b"algorithm  metric  ")
                    || line.starts_with(b"A  ") && line.ends_with(b"  WITHIN")
            }
            Kind::Entries => object(&["key"], &["\"source_format\":"]),
            Kind::Quarantine => object(&["list"], &["\"position\":", "\"reason\":"]),
            #[cfg(feature = "report")]
            Kind::Audit => object(&["number"], &["\"previous\":\"", "\"hash\":\""]),
            Kind::Gallery => start.starts_with(b"SHADEGAL"),
            Kind::Page => {
                let titles = [&b"<title>Shadegrid bench</title>"[..], b"<title>Shadegrid bench: "];
                start.starts_with(b"<!doctype html>") && titles.iter().any(|title| has(line, title))
            }
            Kind::Measurements => {
                line.starts_with(b"contender,threads,")
                    || line.starts_with(b"# Shadegrid bench")
                    || line == b"{" && has(start, b"\n  \"bench\": \"shadegrid ")
                    || has(start, b"\nWhere the time goes: one thread of the CPU, ")
            }
            Kind::Drawing => start.starts_with(b"\x89PNG") && has(start, b"Software\0shadegrid show"),
            Kind::Sheet => start.starts_with(b"<!doctype html>") && has(line, b"<title>Shadegrid show: "),
            Kind::Album => start.starts_with(b"<!doctype html>") && has(line, b"<title>Shadegrid dedupe: "),
        }
    }
}

/// Whether it is a Parquet file that says at its end that we wrote it.
fn is_parquet(start: &[u8], mut file: File) -> io::Result<bool> {
    if !start.starts_with(b"PAR1") {
        return Ok(false);
    }
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end)?;
    Ok(end.ends_with(b"PAR1") && has(&end, b"shadegrid.version"))
}

fn has(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Kind; 12] = [
        Kind::Records,
        Kind::Matches,
        Kind::Groups,
        Kind::Distances,
        Kind::Entries,
        Kind::Quarantine,
        Kind::Gallery,
        Kind::Page,
        Kind::Measurements,
        Kind::Album,
        Kind::Sheet,
        Kind::Drawing,
    ];

    #[test]
    fn a_kind_knows_its_own_and_nothing_else() {
        let own: [(Kind, &[u8]); 28] = [
            (Kind::Records, b"{\"path\":\"a.jpg\",\"status\":\"ok\",\"width\":1}\n"),
            (Kind::Records, b"{\"path\":\"a.jpg\",\"source\":\"l\",\"status\":\"error\",\"code\":\"io\"}\n"),
            (Kind::Records, b"{\"key\":\"a.jpg\",\"status\":\"ok\",\"width\":1,\"path\":\"a.jpg\"}\n"),
            (Kind::Records, b"{\"position\":3,\"status\":\"error\",\"error_code\":\"input\"}\n"),
            (Kind::Records, b"key,key_bytes,status,error_code,error_message\n"),
            (Kind::Records, b"{\"key\":\"a\",\"position\":3,\"status\":\"ok\",\"matches\":[]}\n"),
            (Kind::Records, b"path,path_base64,status,code,message\n"),
            (Kind::Matches, b"key,key_bytes,gallery,entry,label\n"),
            (
                Kind::Matches,
                b"{\"key\":\"a\",\"gallery\":\"g\",\"entry\":\"b\",\"orientation\":\"upright\"}\n",
            ),
            (Kind::Groups, b"{\"group\":1,\"size\":2,\"members\":[{}]}\n"),
            (Kind::Distances, b"{\"a\":\"a.jpg\",\"b\":\"b.jpg\",\"distances\":[],\"notes\":[]}\n"),
            (Kind::Distances, b"a,b,algorithm,metric,orientation,distance\n"),
            (Kind::Distances, b"algorithm  metric             orientation     distance  threshold\n"),
            (Kind::Distances, b"A      B      PHOTODNA       PDQ   PDQ-512  WITHIN\n"),
            (Kind::Entries, b"{\"key\":\"a\",\"label\":\"\",\"source\":\"l\",\"source_format\":\"csv\"}\n"),
            (Kind::Quarantine, b"{\"list\":\"l\",\"position\":3,\"reason\":\"odd\"}\n"),
            (Kind::Gallery, b"SHADEGAL\x02\0\0\0"),
            (Kind::Page, b"<!doctype html><html><title>Shadegrid bench</title>"),
            (Kind::Page, b"<!doctype html><html><title>Shadegrid bench: photos</title>"),
            (Kind::Measurements, b"contender,threads,software,\ncpu,4,false\n"),
            (Kind::Measurements, b"# Shadegrid bench: photos\n"),
            (Kind::Measurements, b"{\n  \"algorithms\": \"pdq\",\n  \"bench\": \"shadegrid 1.2.3\",\n"),
            (Kind::Measurements, b"4 threads\n\nWhere the time goes: one thread of the CPU, ms a picture:\n"),
            (Kind::Groups, b"group,size,key,key_bytes,label,source\n1,2,a.jpg,,,photos\n"),
            (Kind::Groups, b"group 1: 2 pictures\n  * a.jpg\n"),
            (Kind::Album, b"<!doctype html><html><title>Shadegrid dedupe: photos</title>"),
            (Kind::Sheet, b"<!doctype html><html><title>Shadegrid show: a.jpg</title>"),
            (Kind::Drawing, b"\x89PNG\r\n\x1a\n\0\0\0\x17tEXtSoftware\0shadegrid show"),
        ];
        for (of, content) in own {
            for kind in ALL {
                assert_eq!(kind.begins(content), kind == of, "{kind:?} of {:?}", content.escape_ascii());
            }
        }
        let foreign: [&[u8]; 8] = [
            b"\xff\xd8\xff\xe0",
            b"notes\n",
            b"{\"path\":\"a.jpg\"}\n",
            b"{\"path\":\"a.jpg\"}\n{\"path\":\"b\",\"status\":\"ok\"}",
            b"{\"key\":\"a\"}\n",
            b"path,status\n",
            b"<!doctype html><html><title>Home</title>",
            b"\0",
        ];
        for content in foreign {
            assert!(ALL.iter().all(|kind| !kind.begins(content)), "{:?}", content.escape_ascii());
        }
    }
}
