//! Reports, and how far they have come.

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;

use super::super::app::{Shared, aside};
use super::super::problem::{Answer, Problem};
use super::super::reports::Page;
use super::frame::Text;
use super::html::{self, Button};
use super::session::{Change, Person};
use super::{ask, asked, to};
use crate::error::Result;
use crate::report::{Item, ItemState, Outbox};

/// Reports of a page.
const MOST: usize = 100;

pub(super) async fn show(State(app): State<Shared>, person: Person, uri: Uri) -> Answer<Response> {
    let before = asked(&uri, "before");
    let id = person.id().to_string();
    let sitting = ask(&app, move |review| Ok(review.sitting(&id)?)).await?;
    let taken = app.clone();
    let page = Page { state: None, before, most: MOST };
    let items = aside(move || taken.reports()?.page(&page)).await?;
    Ok(html::page(&person, &sitting, "Reports", &table(&person, &items)))
}

fn table(person: &Person, items: &[Item]) -> String {
    if items.is_empty() {
        return "<section><h2>Reports</h2><p class=\"note\">No reports.</p></section>".to_string();
    }
    let rows: String = items.iter().take(MOST).map(|item| row(person, item)).collect();
    // There is one more where there are more.
    let rest = match items.get(MOST - 1).filter(|_| items.len() > MOST) {
        Some(last) => {
            format!("<p><a href=\"/review/reports?before={}\">Earlier ones</a></p>", Text(&last.id))
        }
        None => String::new(),
    };
    format!(
        "<section><h2>Reports</h2><div class=\"scroll\"><table><thead><tr><th>State</th><th>Mode</th><th>Made</th><th>Report</th>\
         <th class=\"number\">NCMEC’s number</th><th class=\"number\">Attempts</th><th>Last error</th><th></th></tr></thead>\
         <tbody>{rows}</tbody></table></div>{rest}</section>"
    )
}

fn row(person: &Person, item: &Item) -> String {
    let Item { id, mode, state, created, report_id, attempts, last_error, .. } = item;
    let number = report_id.map_or(String::new(), |number| number.to_string());
    let made = created.to_string();
    format!(
        "<tr id=\"{id}\"><td>{}</td><td>{}</td><td><time datetime=\"{made}\">{}</time></td><td><code>{id}</code></td>\
         <td class=\"number\">{number}</td><td class=\"number\">{attempts}</td><td class=\"wide\">{}</td><td class=\"buttons\">{}</td></tr>",
        state.name(),
        mode.word(),
        made.get(..16).unwrap_or(&made).replace('T', " "),
        Text(last_error.as_deref().unwrap_or_default()),
        buttons(person, item),
        id = Text(id)
    )
}

/// What can be done with a report by who may.
fn buttons(person: &Person, item: &Item) -> String {
    let Item { id, state, .. } = item;
    let button = |what: &str, says: &str| {
        Button { person, to: &format!("/review/reports/{id}/{what}"), says, class: "quiet" }.to_string()
    };
    let retries = matches!(state, ItemState::Failed | ItemState::Queued | ItemState::Finishing);
    let retracts = !state.is_filed()
        && !matches!(
            state,
            ItemState::Finishing | ItemState::Erased | ItemState::Retracted | ItemState::Cancelled
        );
    let parts = [(retries, "retry", "Try again now"), (retracts, "retract", "Take back")];
    let parts = parts.into_iter().filter(|(may, ..)| *may && person.may_report());
    parts.map(|(_, what, says)| button(what, says)).collect()
}

/// Does something with a report, for a person.
async fn with(
    app: Shared,
    id: String,
    change: &Change,
    work: impl FnOnce(&Outbox, &str) -> Result<()> + Send + 'static,
) -> Answer<()> {
    let who = change.person.id().to_string();
    aside(move || {
        let reports = app.reports()?;
        reports.item(&id)?;
        let done = work(&reports.outbox_by(&who), &id);
        done.map_err(|error| Problem::new(StatusCode::CONFLICT, "state", error.to_string()))?;
        reports.wake();
        Ok(())
    })
    .await
}

/// Tries a report again.
pub(super) async fn retry(
    State(app): State<Shared>,
    Path(id): Path<String>,
    change: Change,
) -> Answer<Response> {
    change.person.check_report()?;
    with(app, id, &change, |outbox, id| outbox.retry(id, false)).await?;
    Ok(to("/review/reports"))
}

/// Takes a report back.
pub(super) async fn retract(
    State(app): State<Shared>,
    Path(id): Path<String>,
    change: Change,
) -> Answer<Response> {
    change.person.check_report()?;
    with(app, id, &change, |outbox, id| outbox.retract(id).map(drop)).await?;
    Ok(to("/review/reports"))
}
