//! What a stand-in is fed with: changes, one JSON object a line, in one form for every exchange.

use serde::Deserialize;

use super::time::seconds;
use crate::service::json;

/// A change of one entry. It has no `Debug`: it holds signatures.
pub(super) struct Change {
    /// Seconds since 1970 from which on it is visible.
    pub(super) at: i64,
    pub(super) key: String,
    pub(super) member: u64,
    pub(super) member_name: String,
    pub(super) is_removal: bool,
    pub(super) kind: Kind,
    pub(super) signatures: Signatures,
    pub(super) labels: Vec<String>,
    pub(super) status: Option<String>,
    pub(super) feedback: Vec<Feedback>,
}

/// What an entry is of.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Image,
    Video,
}

/// The signatures of an entry, as texts that nobody checks: real lists hold wrong ones too.
pub(super) struct Signatures {
    pub(super) pdq: Option<String>,
    pub(super) photodna: Option<String>,
    pub(super) md5: Option<String>,
    pub(super) sha1: Option<String>,
}

impl Signatures {
    pub(super) fn is_empty(&self) -> bool {
        [&self.pdq, &self.photodna, &self.md5, &self.sha1].iter().all(|signature| signature.is_none())
    }
}

/// What somebody says about an entry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Feedback {
    /// `Blocked`, `upvote`, `HELPFUL`: the exchange's own word.
    pub(super) value: String,
    #[serde(default = "first_member")]
    pub(super) member: u64,
    /// The name of who says it.
    #[serde(default)]
    pub(super) source: String,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// Of which signature it is said.
    #[serde(default = "usual_type", rename = "type")]
    pub(super) about: String,
    #[serde(default)]
    pub(super) reason: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    #[default]
    Add,
    Update,
    Remove,
}

/// A line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    #[serde(default, deserialize_with = "seconds")]
    at: Option<i64>,
    #[serde(default)]
    op: Op,
    #[serde(default = "first_member")]
    member: u64,
    member_name: Option<String>,
    #[serde(default = "image")]
    kind: Kind,
    pdq: Option<String>,
    photodna: Option<String>,
    md5: Option<String>,
    sha1: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    status: Option<String>,
    #[serde(default)]
    feedback: Vec<Feedback>,
}

fn first_member() -> u64 {
    1
}

fn usual_type() -> String {
    "Pdq".into()
}

fn image() -> Kind {
    Kind::Image
}

impl Line {
    fn change(self, now: i64) -> Result<Change, String> {
        if self.key.is_empty() {
            return Err("key: this must not be empty".into());
        }
        Ok(Change {
            at: self.at.unwrap_or(now),
            key: self.key,
            member: self.member,
            member_name: self.member_name.unwrap_or_else(|| format!("Member {}", self.member)),
            is_removal: matches!(self.op, Op::Remove),
            kind: self.kind,
            signatures: Signatures { pdq: self.pdq, photodna: self.photodna, md5: self.md5, sha1: self.sha1 },
            labels: self.labels,
            status: self.status,
            feedback: self.feedback,
        })
    }
}

/// Reads lines; a change without a time is of `now`. The error names the line and the field, and shows no value.
pub(super) fn lines(bytes: &[u8], now: i64) -> Result<Vec<Change>, String> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines =
        lines.map(|(place, line)| (place + 1, line.trim_ascii())).filter(|(_, line)| !line.is_empty());
    lines
        .map(|(number, line)| {
            let read = json::read::<Line>(line).map_err(|problem| problem.detail);
            read.and_then(|line| line.change(now)).map_err(|why| format!("line {number}: {why}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_defaults() {
        let text = b"\n{\"key\":\"a\",\"pdq\":\"00\"}\r\n  \n{\"key\":\"b\",\"op\":\"remove\",\"at\":\"1970-01-01T00:00:09Z\",\"member\":7}";
        let changes = lines(text, 5).ok().unwrap();
        let [a, b] = &changes[..] else { panic!("{} changes", changes.len()) };
        assert_eq!((a.at, a.member, &*a.member_name, a.is_removal), (5, 1, "Member 1", false));
        assert!(a.kind == Kind::Image && a.signatures.pdq.as_deref() == Some("00"));
        assert_eq!((b.at, b.member, b.is_removal, b.signatures.is_empty()), (9, 7, true, true));
    }

    #[test]
    fn what_is_wrong_names_line_and_field_and_shows_no_value() {
        for (line, expected) in [
            (r#"{"pdq":"secret"}"#, "line 2: the body: missing field key"),
            (r#"{"key":""}"#, "line 2: key: this must not be empty"),
            (r#"{"key":"a","at":"secret"}"#, "line 2: at: this must be a time such as 2026"),
            (r#"{"key":"a","op":"secret"}"#, "line 2: op: "),
            (r#"{"key":"a","pdq":5}"#, "line 2: pdq: "),
            (r#"{"key":"a","secret":5}"#, "line 2: secret: unknown field"),
            (r#"{"key":"a","feedback":[{"source":"secret"}]}"#, "line 2: feedback[0]: missing field value"),
            ("secret", "line 2: the body is not JSON"),
        ] {
            let text = format!("{{\"key\":\"a\"}}\n{line}");
            let why = lines(text.as_bytes(), 0).err().unwrap();
            assert!(why.starts_with(expected), "{line}: {why}");
            assert!(line.contains("\"secret\":") || !why.contains("secret"), "{why}");
        }
    }
}
