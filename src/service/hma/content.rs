//! A bank's content as HMA's clients describe it and see it: signals, notes, metadata, and until when it is disabled.

use serde_json::{Map, Value, json};

use super::super::app::App;
use super::super::problem::{Answer, Problem};
use super::signal;
use crate::state::banks::{Bank, Enabled, Entry, NewEntry, now};

/// Farthest time until which content can be disabled: five years.
const FARTHEST: i64 = 5 * 366 * 86_400;

/// Most characters of a note.
const LONGEST_NOTE: usize = 255;

/// Signals by their types.
pub(super) fn entry(app: &App, signals: &Map<String, Value>) -> Answer<NewEntry> {
    let mut entry = NewEntry::default();
    for (name, value) in signals {
        let query = signal::query(signal::signal_type(app, name)?, value.as_str().unwrap_or_default())?;
        entry.photodna = query.photodna.or(entry.photodna);
        entry.pdq = query.pdq.or(entry.pdq);
    }
    if entry.photodna.is_none() && entry.pdq.is_none() {
        return Err(Problem::input("No signals given, or the picture's quality is too low for one"));
    }
    Ok(entry)
}

pub(super) fn signals(entry: &NewEntry) -> Map<String, Value> {
    let pdq = entry.pdq.map(|signature| ("pdq".to_string(), signature.to_string().into()));
    let photodna = entry.photodna.map(|signature| ("photodna".to_string(), signature.to_string().into()));
    pdq.into_iter().chain(photodna).collect()
}

/// A bank's name and share.
pub(super) fn bank(bank: &Bank) -> Value {
    json!({ "name": signal::bank_name(&bank.name), "matching_enabled_ratio": bank.ratio })
}

/// An entry as a request for it is answered: without a note or metadata where there is none.
pub(super) fn shown(of: &Bank, entry: &Entry, with_signals: bool, with_metadata: bool) -> Value {
    let mut shown = json!({ "id": entry.id, "disable_until_ts": entry.enabled.number(),
        "original_media_uri": null, "bank": bank(of) });
    if !entry.entry.note.is_empty() {
        shown["note"] = entry.entry.note.as_str().into();
    }
    if with_signals {
        shown["signals"] = signals(&entry.entry).into();
    }
    if let Some(metadata) = kept_metadata(&entry.entry).filter(|_| with_metadata) {
        shown["metadata"] = metadata;
    }
    shown
}

/// An entry as a change of it is answered.
pub(super) fn changed(of: &Bank, entry: &Entry) -> Value {
    let note = Some(entry.entry.note.as_str()).filter(|note| !note.is_empty());
    json!({ "id": entry.id, "disable_until_ts": entry.enabled.number(), "original_media_uri": null,
        "bank": bank(of), "note": note, "collab_metadata": {}, "user_metadata": kept_metadata(&entry.entry) })
}

/// Metadata with all of its members.
fn kept_metadata(entry: &NewEntry) -> Option<Value> {
    let mut kept: Map<String, Value> = serde_json::from_str(entry.metadata.as_deref()?).ok()?;
    let mut member = |name: &str| kept.remove(name).unwrap_or(Value::Null);
    Some(json!({ "collab": null, "content_id": member("content_id"),
        "content_uri": member("content_uri"), "json": member("json") }))
}

/// What a client says about content, as the text of an object: `content_id` and `content_uri` are texts, `json` is an object, and `collab` is not kept.
pub(super) fn metadata(text: &str) -> Answer<Option<String>> {
    let wrong = |what: &str| Problem::input(format!("metadata: {what}"));
    let given: Option<Map<String, Value>> =
        serde_json::from_str(text).map_err(|_| wrong("this must be a JSON object"))?;
    let mut kept = Map::new();
    for (name, value) in given.into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        match name.as_str() {
            "content_id" | "content_uri" if !value.is_string() => {
                return Err(wrong(&format!("{name} must be a text")));
            }
            "json" if !value.is_object() => return Err(wrong("json must be an object")),
            "content_id" | "content_uri" | "json" => drop(kept.insert(name, value)),
            "collab" => {}
            _ => return Err(wrong("its members are content_id, content_uri and json")),
        }
    }
    Ok((!kept.is_empty()).then(|| Value::Object(kept).to_string()))
}

/// A note, if there is one; `null` clears it.
pub(super) fn note(given: Option<&Value>) -> Answer<Option<String>> {
    match given {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(String::new())),
        Some(Value::String(note)) if note.chars().count() <= LONGEST_NOTE => Ok(Some(note.clone())),
        Some(_) => {
            Err(Problem::input(format!("note: this must be a text of at most {LONGEST_NOTE} characters")))
        }
    }
}

/// `disable_until_ts`: 0 is never, 1 always, else a second since 1970. Numbers may be texts.
pub(super) fn enabled(value: &Value) -> Answer<Enabled> {
    let whole = |number: f64| (number.fract() == 0.0).then_some(number as i64);
    let second = match value {
        Value::Bool(always) => Some(i64::from(*always)),
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_i64().or_else(|| whole(number.as_f64()?)),
    };
    match second {
        Some(second) if (0..=now() + FARTHEST).contains(&second) => Ok(Enabled::of(second)),
        Some(_) => {
            Err(Problem::input("disable_until_ts must be 0 or more, and less than 5 years in the future"))
        }
        None => Err(Problem::input("disable_until_ts must be a whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_an_object_with_known_members() {
        for (given, kept) in [
            (r#"{"content_id":"7","json":{"a":1}}"#, Some(r#"{"content_id":"7","json":{"a":1}}"#)),
            (r#"{"collab":"x"}"#, None),
            (r#"{"content_id":null}"#, None),
            ("{}", None),
            ("null", None),
        ] {
            assert_eq!(metadata(given).unwrap().as_deref(), kept, "{given}");
        }
        for wrong in ["", "text", "[]", "7", r#"{"other":1}"#, r#"{"content_id":5}"#, r#"{"json":"x"}"#] {
            assert!(metadata(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn notes_are_short_texts() {
        assert_eq!(note(None).unwrap(), None);
        assert_eq!(note(Some(&Value::Null)).unwrap().unwrap(), "");
        assert_eq!(note(Some(&"é".repeat(255).into())).unwrap().unwrap().chars().count(), 255);
        assert!(note(Some(&"a".repeat(256).into())).is_err());
        assert!(note(Some(&7.into())).is_err());
    }

    #[test]
    fn times_may_be_texts_and_whole_floats() {
        for (value, expected) in [
            (json!(0), Enabled::Never),
            (json!("1"), Enabled::Always),
            (json!(true), Enabled::Always),
            (json!(1.0), Enabled::Always),
            (json!(1_700_000_000), Enabled::From(1_700_000_000)),
        ] {
            assert_eq!(enabled(&value).unwrap(), expected);
        }
        for wrong in
            [json!(-1), json!(1.5), json!("x"), json!(null), json!([]), json!(1e300), json!(i64::MAX)]
        {
            assert!(enabled(&wrong).is_err(), "{wrong}");
        }
    }
}
