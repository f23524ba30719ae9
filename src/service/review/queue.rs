//! The queue, and what a person chooses.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use super::super::app::Shared;
use super::super::problem::{Answer, Problem};
use super::frame::{self, Text, Time};
use super::html::{self, Button, Token};
use super::session::{Change, Person};
use super::{ask, asked, now, to, to_item};
use crate::review::{Blur, Entry, Filter, ItemState, Settings, Sitting, Summary};

/// Items of a page.
const MOST: usize = 50;

/// Minutes after which a break may be proposed; 0: never.
const REMINDERS: [u32; 5] = [30, 45, 60, 90, 0];

/// Which items are shown: all that wait, or those of a state.
pub(crate) fn filter(word: Option<&str>) -> Answer<Filter> {
    match word {
        None | Some("waiting") => Ok(Filter::Waiting),
        Some(word) => {
            let wrong =
                || Problem::input("state: this is none of waiting, open, unsure, confirmed, rejected");
            ItemState::of(word).map(Filter::In).ok_or_else(wrong)
        }
    }
}

/// The queue, or the items of a state.
pub(super) async fn show(State(app): State<Shared>, person: Person, uri: Uri) -> Answer<Response> {
    let (filter, after) = (filter(asked(&uri, "state").as_deref())?, asked(&uri, "after"));
    let id = person.id().to_string();
    let found = ask(&app, move |review| {
        let items = review.list(filter, after.as_deref(), MOST)?;
        Ok((items, review.waiting()?, review.sitting(&id)?))
    });
    let (items, waiting, sitting) = found.await?;
    let body = format!("{}{}", head(&person, filter, waiting), table(&person, filter, &items));
    Ok(html::page(&person, &sitting, "Queue", &body))
}

fn head(person: &Person, filter: Filter, waiting: u64) -> String {
    let links =
        [("waiting", "Waiting"), ("confirmed", "Confirmed"), ("rejected", "No match"), ("unsure", "Unsure")];
    let links: String = links
        .iter()
        .map(|(word, says)| {
            let current = if *word == word_of(filter) { " aria-current=\"page\"" } else { "" };
            format!("<a href=\"/review?state={word}\"{current}>{says}</a>")
        })
        .collect();
    let count = match waiting {
        0 => "Nothing waits for a decision.".to_string(),
        1 => "1 item waits for a decision.".to_string(),
        more => format!("{more} items wait for a decision."),
    };
    let next = match waiting {
        0 => String::new(),
        _ => Button { person, to: "/review/next", says: "Review the next one", class: "main" }.to_string(),
    };
    format!(
        "<section class=\"first\"><p role=\"status\">{count}</p>{next}</section><nav class=\"tabs\" aria-label=\"States\">{links}</nav>"
    )
}

fn word_of(filter: Filter) -> &'static str {
    match filter {
        Filter::Waiting => "waiting",
        Filter::In(state) => state.name(),
    }
}

fn table(person: &Person, filter: Filter, items: &[Summary]) -> String {
    if items.is_empty() {
        return "<section><p class=\"note\">No items.</p></section>".to_string();
    }
    let rows: String = items.iter().map(|item| row(person, item)).collect();
    let more = match items.last().filter(|_| items.len() == MOST) {
        Some(last) => {
            let (state, last) = (word_of(filter), Text(&last.id));
            format!("<p><a href=\"/review?state={state}&amp;after={last}\">Further ones</a></p>")
        }
        None => String::new(),
    };
    format!(
        "<section><div class=\"scroll\"><table><thead><tr><th>Item</th><th>State</th><th>Nearest</th><th class=\"number\">Pictures</th>\
         <th class=\"number\">Arrivals</th><th>Since</th></tr></thead><tbody>{rows}</tbody></table></div>{more}</section>"
    )
}

fn row(person: &Person, item: &Summary) -> String {
    let Summary { id, state, created, lease, pictures, arrivals, nearest } = item;
    let state = match lease {
        Some((holder, until)) if state.waits() && now() < *until => {
            let whom = if holder == person.id() { "you" } else { "somebody" };
            format!("{}, held by {whom}", state.name())
        }
        _ => state.name().to_string(),
    };
    // The end of an id is chance, its begin the time.
    let end = id.get(id.len().saturating_sub(8)..).unwrap_or(id);
    format!(
        "<tr><td><a href=\"/review/items/{id}\" title=\"{id}\"><code>…{}</code></a></td><td>{}</td><td>{}</td><td class=\"number\">{pictures}</td>\
         <td class=\"number\">{arrivals}</td><td>{}</td></tr>",
        Text(end),
        Text(&state),
        nearest.as_ref().map(short).unwrap_or_default(),
        Time(*created),
        id = Text(id)
    )
}

/// An entry in a few words.
fn short(entry: &Entry) -> String {
    let Entry { gallery, label, algorithm, distance, .. } = entry;
    let label = if label.is_empty() { String::new() } else { format!("{} · ", Text(label)) };
    format!("{label}{} · {} {distance}", Text(gallery), Text(algorithm))
}

/// Gives the person the next item.
pub(super) async fn next(State(app): State<Shared>, change: Change) -> Answer<Response> {
    let id = change.person.id().to_string();
    let item = ask(&app, move |review| Ok(review.next(&id, now())?)).await?;
    Ok(item.map_or_else(|| to("/review"), |item| to_item(&item)))
}

/// What may be chosen.
pub(super) async fn settings(State(app): State<Shared>, person: Person) -> Answer<Response> {
    let id = person.id().to_string();
    let sitting = ask(&app, move |review| Ok(review.sitting(&id)?)).await?;
    Ok(html::page(&person, &sitting, "Settings", &choices(&person, &sitting)))
}

fn choices(person: &Person, sitting: &Sitting) -> String {
    let Settings { blur, is_grey, reminder } = sitting.settings;
    let blurs = frame::options(Blur::ALL.map(|blur| (blur.name(), blur.name())), blur.name());
    let reminders = REMINDERS.map(|minutes| (minutes.to_string(), minutes));
    let says = |minutes| if minutes == 0 { "never".to_string() } else { format!("after {minutes} minutes") };
    let reminders = reminders.map(|(value, minutes)| (value, says(minutes)));
    let reminders = frame::options(reminders.iter().map(|(a, b)| (&**a, &**b)), &reminder.to_string());
    let checked = if is_grey { " checked" } else { "" };
    let pause = Button { person, to: "/review/break", says: "Begin counting anew", class: "" };
    format!(
        "<section><h2>Settings</h2><form method=\"post\" action=\"/review/settings\">{}\
         <label class=\"line\">Blur of pictures that are not held<select name=\"blur\">{blurs}</select></label>\
         <label class=\"tick\"><input type=\"checkbox\" name=\"grey\" value=\"on\"{checked}> Grey pictures, held ones too</label>\
         <label class=\"line\">Propose a break<select name=\"reminder\">{reminders}</select></label>\
         <button class=\"main\">Keep</button></form></section>\
         <section><h2>Since {}</h2><p>{} decided, {} revealed.</p>{pause}</section>",
        Token(person),
        Time(sitting.since),
        sitting.decided,
        sitting.revealed,
    )
}

/// Keeps what was chosen.
pub(super) async fn choose(State(app): State<Shared>, change: Change) -> Answer<Response> {
    let fields = &change.fields;
    let minutes = |text: &str| text.parse().ok().filter(|minutes| REMINDERS.contains(minutes));
    let blur = fields.choice("blur", Blur::of)?.unwrap_or_default();
    let reminder = fields.choice("reminder", minutes)?.unwrap_or(Settings::default().reminder);
    let settings = Settings { blur, is_grey: fields.is_ticked("grey"), reminder };
    let id = change.person.id().to_string();
    ask(&app, move |review| Ok(review.choose(&id, settings, now())?)).await?;
    Ok(to("/review/settings"))
}

/// Counts anew after a break.
pub(super) async fn pause(State(app): State<Shared>, change: Change) -> Answer<Response> {
    let id = change.person.id().to_string();
    ask(&app, move |review| Ok(review.begin(&id, now())?)).await?;
    Ok(to("/review"))
}
