//! Every rule of the description that can be checked without NCMEC; all broken ones at once.
//!
//! The order of elements is no rule here: the writer of the XML keeps it.

use serde_json::{Map, Value};

use super::model::element::{Element, Field, Kind, Place, Times};
use super::problem::{Problem, Rule};
use super::time::Moment;

pub(crate) mod form;
mod rules;

/// Checks a report of a table against the time now.
pub(crate) fn check(value: &Value, table: &Element, now: Moment) -> Vec<Problem> {
    let mut checker = Checker { now, problems: Vec::new() };
    checker.element("", value, table);
    checker.problems
}

/// The same for a whole report, with the rules between its parts.
pub(crate) fn check_report(value: &Value, table: &Element, now: Moment) -> Vec<Problem> {
    let mut problems = check(value, table, now);
    rules::check(value, &mut problems);
    problems
}

struct Checker {
    now: Moment,
    problems: Vec<Problem>,
}

/// Whether it counts as left out.
fn is_absent(value: &Value) -> bool {
    value.is_null()
}

impl Checker {
    fn say(&mut self, path: &str, rule: Rule, message: impl Into<String>) {
        self.problems.push(Problem::new(path, rule, message));
    }

    fn element(&mut self, path: &str, value: &Value, table: &Element) {
        let Value::Object(members) = value else {
            return self.say(path, Rule::Type, "an object is needed");
        };
        for name in members.keys().filter(|name| !knows(table, name)) {
            // The name is the caller's; it is shown so that it can be found.
            let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            self.say(&joined(path, &name), Rule::Unknown, "there is no such member");
        }
        self.parts(path, members, table);
    }

    fn parts(&mut self, path: &str, members: &Map<String, Value>, table: &Element) {
        for field in table.fields {
            match field.kind {
                Kind::Inline(inner) => self.parts(path, members, inner),
                _ => self.part(&joined(path, field.json), members.get(field.json), field),
            }
        }
    }

    fn part(&mut self, path: &str, value: Option<&Value>, field: &Field) {
        let Some(value) = value.filter(|value| !is_absent(value)) else {
            match field.times {
                Times::One => self.say(path, Rule::Missing, "it is missing"),
                Times::Some => self.say(path, Rule::Missing, "at least one is needed"),
                Times::Optional | Times::Many => {}
            }
            return;
        };
        if let Times::Optional | Times::One = field.times {
            return self.value(path, value, field);
        }
        match value {
            Value::Array(list) if list.is_empty() && field.times == Times::Some => {
                self.say(path, Rule::Missing, "at least one is needed");
            }
            Value::Array(list) => {
                for (place, value) in list.iter().enumerate() {
                    self.value(&format!("{path}[{place}]"), value, field);
                }
            }
            _ => self.say(path, Rule::Type, "a list is needed"),
        }
    }

    fn value(&mut self, path: &str, value: &Value, field: &Field) {
        match field.kind {
            Kind::Element(table) => self.element(path, value, table),
            Kind::Flag if value.is_boolean() => {}
            Kind::Flag => self.say(path, Rule::Type, "true or false is needed"),
            Kind::Number(least, most) => self.number(path, value, least, most),
            Kind::Degrees(most) => match value.as_f64() {
                Some(number) if number.abs() <= most => {}
                Some(_) => self.say(path, Rule::Range, format!("it is beyond ±{most}")),
                None => self.say(path, Rule::Type, "a number is needed"),
            },
            Kind::Marks(words) => self.marks(path, value, words),
            _ => match value {
                Value::String(text) => self.text(path, text, field),
                _ => self.say(path, Rule::Type, "a text is needed"),
            },
        }
    }

    fn number(&mut self, path: &str, value: &Value, least: i64, most: i64) {
        match value.as_i64() {
            Some(number) if (least..=most).contains(&number) => {}
            None if !value.is_u64() => self.say(path, Rule::Type, "a whole number is needed"),
            _ => self.say(path, Rule::Range, format!("it is not between {least} and {most}")),
        }
    }

    fn marks(&mut self, path: &str, value: &Value, words: &[&str]) {
        let Value::Array(list) = value else { return self.say(path, Rule::Type, "a list is needed") };
        for (place, value) in list.iter().enumerate() {
            let path = format!("{path}[{place}]");
            match value.as_str() {
                Some(word) if !words.contains(&word) => self.say(&path, Rule::Choice, one_of(words)),
                Some(_) if list[..place].contains(value) => self.say(&path, Rule::Twice, "it stands twice"),
                Some(_) => {}
                None => self.say(&path, Rule::Type, "a text is needed"),
            }
        }
    }

    fn text(&mut self, path: &str, text: &str, field: &Field) {
        if let Kind::Choice(words) = field.kind {
            if !words.contains(&text) {
                self.say(path, Rule::Choice, one_of(words));
            }
            return;
        }
        if let Kind::Data = field.kind {
            // Megabytes are looked at once.
            return self.formed(path, text, field.kind);
        }
        if text.trim().is_empty() {
            return self.say(path, Rule::Blank, "it is empty");
        }
        if !text.chars().all(form::is_of_xml) {
            return self.say(path, Rule::Character, "it holds a control character, which XML cannot");
        }
        if field.place == Place::Attribute && text.chars().any(char::is_control) {
            return self.say(path, Rule::Character, "it holds a control character");
        }
        self.formed(path, text, field.kind);
    }

    /// The rules of one kind of text.
    fn formed(&mut self, path: &str, text: &str, kind: Kind) {
        if let Some(longest) = form::longest(kind)
            && text.chars().count() > longest
        {
            return self.say(path, Rule::Length, format!("it has more than {longest} characters"));
        }
        if let Some((rule, message)) = form::fault(text, kind, self.now) {
            self.say(path, rule, message);
        }
    }
}

/// Whether a table has a member of this name.
fn knows(table: &Element, name: &str) -> bool {
    table.fields.iter().any(|field| match field.kind {
        Kind::Inline(inner) => knows(inner, name),
        _ => field.json == name,
    })
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

/// Some words of a long list are enough.
fn one_of(words: &[&str]) -> String {
    match words.len() {
        ..=12 => format!("the choice is {}", words.join(", ")),
        _ => format!("it is none of the {} codes, such as {}", words.len(), words[words.len() / 2]),
    }
}
