//! The page of an item: its pictures, what they matched, and what is decided.

use axum::extract::{Path, State};
use axum::response::Response;

use super::super::app::Shared;
use super::super::problem::{Answer, Problem};
use super::frame::{self, Text, Time};
use super::html::{self, Button, Token};
use super::session::Person;
use super::{ask, now};
use crate::report::model::words::{Classification, IncidentType};
use crate::review::{Decided, Entry, Item, Picture};

pub(super) async fn show(
    State(app): State<Shared>,
    person: Person,
    Path(id): Path<String>,
) -> Answer<Response> {
    let who = person.id().to_string();
    let (item, sitting) = ask(&app, move |review| Ok((review.item(&id)?, review.sitting(&who)?))).await?;
    let item = item.ok_or_else(|| Problem::not_found("there is no such item"))?;
    let body = [heading(&item), pictures(&person, &item), decision(&person, &item), after(&person, &item)];
    Ok(html::page(&person, &sitting, "Item", &body.concat()))
}

fn heading(item: &Item) -> String {
    let Item { id, state, created, .. } = item;
    let (state, created) = (state.name(), Time(*created));
    format!(
        "<section class=\"first\"><h2>Item <code>{}</code></h2><p role=\"status\">{state} · since {created}</p></section>",
        Text(id)
    )
}

fn pictures(person: &Person, item: &Item) -> String {
    let all: String = item.pictures.iter().map(|picture| one(person, item, picture)).collect();
    match item.erased {
        Some(when) => format!("<section><p>The pictures were erased {}.</p></section>", Time(when)),
        None => format!("{all}{}", further(item)),
    }
}

/// What is said of pictures that are not shown.
fn further(item: &Item) -> String {
    match item.total.saturating_sub(item.pictures.len() as u64) {
        0 => String::new(),
        more => format!(
            "<section><p class=\"note\">{more} further pictures look the same, and are not shown.</p></section>"
        ),
    }
}

fn one(person: &Person, item: &Item, picture: &Picture) -> String {
    let number = picture.place + 1;
    let names = std::iter::once("stored pixels").chain(picture.matched.faces.iter().map(String::as_str));
    let views: String =
        names.enumerate().map(|(view, name)| figure(person, item, picture, view, name)).collect();
    let noscript = match picture.place {
        0 => {
            "<noscript><p class=\"note\">Holding needs JavaScript; everything else works without.</p></noscript>"
        }
        _ => "",
    };
    format!(
        "<section aria-labelledby=\"picture-{number}\"><h2 id=\"picture-{number}\">Picture {number} of {}</h2><div class=\"picture\">\
         <div class=\"views\">{views}</div><div>{}{}</div></div>{noscript}</section>",
        item.total,
        facts(picture),
        matches(&picture.matched.entries)
    )
}

/// A view, and what is held to see it as it is.
fn figure(person: &Person, item: &Item, picture: &Picture, view: usize, name: &str) -> String {
    let path = format!("/review/items/{}/pictures/{}/{view}", Text(&item.id), picture.place);
    let may = !item.state.waits() || item.is_held_by(person.id(), now());
    let button = match may {
        true => format!(
            "<button type=\"button\" class=\"hold\" hidden data-reveal=\"{path}/reveal\" data-token=\"{}\">Hold to reveal</button>",
            person.token()
        ),
        false => String::new(),
    };
    let shown = match picture.revealed.get(view).copied().flatten() {
        Some(when) => format!("revealed first {}", Time(when)),
        None => "not revealed".to_string(),
    };
    let number = picture.place + 1;
    let lazy = if number > 4 { " loading=\"lazy\"" } else { "" };
    format!(
        "<figure><div class=\"frame\"><img src=\"{path}\" alt=\"Picture {number}, {name}, blurred\"{lazy}></div>\
         <figcaption>{name} · {shown}</figcaption>{button}</figure>",
        name = Text(name)
    )
}

fn facts(picture: &Picture) -> String {
    let matched = &picture.matched;
    let viewed = match (picture.is_viewed(), picture.can_be_viewed()) {
        (true, _) => "all of it was revealed",
        (false, true) => "not all of it was revealed",
        (false, false) => "no: what is shown is not all of the file",
    };
    let first = picture.first.as_ref();
    let flags = if matched.flags.is_empty() { "none".to_string() } else { matched.flags.join(", ") };
    let rows = [
        ("Called", Text(first.map_or("", |(arrived, _)| &arrived.reference)).to_string()),
        (
            "Sent by key",
            Text(first.and_then(|(arrived, _)| arrived.sender.as_deref()).unwrap_or("none")).to_string(),
        ),
        ("Came first", first.map_or(String::new(), |(_, time)| Time(*time).to_string())),
        ("Came", format!("{} ×, last {}", picture.times, Time(picture.last))),
        (
            "File",
            format!(
                "{}, {} × {}, {} bytes",
                Text(&matched.format),
                matched.width,
                matched.height,
                picture.bytes
            ),
        ),
        ("SHA-256", format!("<code>{}</code>", Text(&picture.evidence))),
        ("Flags", Text(&flags).to_string()),
        ("Viewed", viewed.to_string()),
    ];
    let rows: String =
        rows.iter().map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>")).collect();
    format!("<dl>{rows}</dl>")
}

fn matches(entries: &[Entry]) -> String {
    // Most files show one picture alone.
    let has_faces = entries.iter().any(|entry| entry.face.is_some());
    let face = |text: String| if has_faces { text } else { String::new() };
    let row = |entry: &Entry| {
        let Entry { gallery, key, label, source, algorithm, distance, orientation, .. } = entry;
        let cells = [gallery, key, label, source, algorithm].map(|text| format!("<td>{}</td>", Text(text)));
        let last = face(format!("<td>{}</td>", Text(entry.face.as_deref().unwrap_or_default())));
        let orientation = Text(orientation);
        format!("<tr>{}<td class=\"number\">{distance}</td><td>{orientation}</td>{last}</tr>", cells.concat())
    };
    let rows: String = entries.iter().map(row).collect();
    let last = face("<th>Face</th>".to_string());
    format!(
        "<div class=\"scroll\"><table><thead><tr><th>Gallery</th><th>Key</th><th>Label</th><th>Source</th><th>Algorithm</th>\
         <th class=\"number\">Distance</th><th>Orientation</th>{last}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// What is decided, or the form for it, or how to get it.
fn decision(person: &Person, item: &Item) -> String {
    let before = item.decided.as_ref().map(decided).unwrap_or_default();
    let path = format!("/review/items/{}", item.id);
    let rest = match item.state.waits() {
        false => String::new(),
        true if item.is_held_by(person.id(), now()) => form(person, item),
        true if item.lease.as_ref().is_some_and(|(_, until)| now() < *until) => {
            "<p>Somebody else holds this item.</p>".to_string()
        }
        true => {
            let take = Button { person, to: &format!("{path}/take"), says: "Take it", class: "main" };
            format!("<p>Whoever decides takes the item first, for 10 minutes.</p>{take}")
        }
    };
    format!("<section><h2>Decision</h2>{before}{rest}</section>")
}

fn decided(decided: &Decided) -> String {
    let Decided { by, at, note, classification, incident } = decided;
    let rows = [
        ("Last decided", format!("{} by key {}", Time(*at), Text(by))),
        ("Class", classification.map_or("none", Classification::word).to_string()),
        ("Incident", incident.map_or("none", IncidentType::word).to_string()),
        ("Note", Text(note).to_string()),
    ];
    let rows: String = rows
        .iter()
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd class=\"text\">{value}</dd></div>"))
        .collect();
    format!("<dl>{rows}</dl>")
}

fn form(person: &Person, item: &Item) -> String {
    let path = format!("/review/items/{}", item.id);
    let (until, token) = (item.lease.as_ref().map_or(0, |(_, until)| *until), Token(person));
    let again = Button { person, to: &format!("{path}/take"), says: "10 more minutes", class: "quiet" };
    let release = Button { person, to: &format!("{path}/release"), says: "Give it back", class: "quiet" };
    let verdicts = [("confirm", "Confirm", "1"), ("no_match", "No match", "2"), ("unsure", "Unsure", "3")];
    let verdicts: String = verdicts
        .iter()
        .map(|(word, says, key)| {
            format!("<label class=\"tick\"><input type=\"radio\" name=\"verdict\" value=\"{word}\" accesskey=\"{key}\" required> {says}</label>")
        })
        .collect();
    format!(
        "<p class=\"note\">You hold this item until {}.</p><div class=\"buttons\">{again}{release}</div>\
         <form method=\"post\" action=\"{path}/decide\">{token}<fieldset><legend>What is it?</legend>{verdicts}</fieldset>\
         <label class=\"line\">Class, where it is confirmed<select name=\"classification\">{}</select></label>\
         <label class=\"line\">Incident, where it is confirmed<select name=\"incident\">{}</select></label>\
         <label class=\"line\">Note<textarea name=\"note\" rows=\"3\" maxlength=\"4000\"></textarea></label>\
         <button class=\"main\" accesskey=\"s\">Decide</button></form>",
        Time(until),
        classes(None, suggested(item)),
        incidents(IncidentType::ChildPornography)
    )
}

/// The class that lists give the nearest entry, where they give one.
fn suggested(item: &Item) -> &str {
    let labels = item.pictures.iter().flat_map(|picture| &picture.matched.entries).map(|entry| &*entry.label);
    labels.into_iter().find(|label| Classification::WORDS.iter().any(|word| word == label)).unwrap_or("")
}

/// The classes as options.
pub(super) fn classes(chosen: Option<Classification>, suggested: &str) -> String {
    const SAID: [(&str, &str); 5] = [
        ("", "none"),
        ("A1", "A1: before puberty, an act"),
        ("A2", "A2: before puberty, an exhibition"),
        ("B1", "B1: later, an act"),
        ("B2", "B2: later, an exhibition"),
    ];
    frame::options(SAID, chosen.map_or(suggested, |class| class.word()))
}

/// The types of incident as options.
pub(super) fn incidents(chosen: IncidentType) -> String {
    frame::options(IncidentType::WORDS.iter().map(|word| (*word, *word)), chosen.word())
}

/// What may follow a decision.
fn after(person: &Person, item: &Item) -> String {
    if item.state.waits() {
        return String::new();
    }
    let path = format!("/review/items/{}", item.id);
    let is_confirmed = item.state == crate::review::ItemState::Confirmed && item.erased.is_none();
    let report = match (is_confirmed, person.may_report()) {
        (false, _) => "<p class=\"note\">Only what is confirmed is reported.</p>".to_string(),
        (true, false) => "<p class=\"note\">Your key lacks the scope <code>report</code>: somebody else makes the report.</p>".to_string(),
        (true, true) => format!("<p><a class=\"button\" href=\"{path}/report\">Make a report</a></p>"),
    };
    let link = |id: &String| {
        format!("<li><a href=\"/review/reports#{id}\"><code>{id}</code></a></li>", id = Text(id))
    };
    let reports: String = item.reports.iter().map(link).collect();
    let rest = match item.erased {
        Some(_) => String::new(),
        None => {
            let reopen =
                Button { person, to: &format!("{path}/reopen"), says: "Open it again", class: "quiet" };
            format!(
                "<section><h2>Otherwise</h2><div class=\"buttons\">{reopen}</div>\
                 <form method=\"post\" action=\"{path}/erase\">{}<label class=\"tick\"><input type=\"checkbox\" name=\"sure\" value=\"on\" required> \
                 The pictures are to be erased, but for those that a report needs</label><button class=\"quiet\">Erase</button></form></section>",
                Token(person)
            )
        }
    };
    format!("<section><h2>Reports</h2><ul>{reports}</ul>{report}</section>{rest}")
}
