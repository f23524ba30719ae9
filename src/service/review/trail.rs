//! The audit, the newest lines first.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde_json::Value;

use super::super::app::Shared;
use super::super::problem::Answer;
use super::frame::Text;
use super::html;
use super::session::Person;
use super::{ask, asked};

/// Lines of a page.
const MOST: usize = 100;

pub(super) async fn show(State(app): State<Shared>, person: Person, uri: Uri) -> Answer<Response> {
    let before = asked(&uri, "before").and_then(|text| text.parse().ok()).unwrap_or(i64::MAX);
    let id = person.id().to_string();
    let found = ask(&app, move |review| Ok((review.acts(before, MOST)?, review.sitting(&id)?)));
    let (acts, sitting) = found.await?;
    Ok(html::page(&person, &sitting, "Audit", &table(&acts)))
}

fn table(acts: &[(i64, Value)]) -> String {
    let rows: String = acts.iter().map(|(number, act)| row(*number, act)).collect();
    let more = match acts.last().filter(|(number, _)| acts.len() == MOST && *number > 1) {
        Some((number, _)) => format!("<p><a href=\"/review/audit?before={number}\">Earlier ones</a></p>"),
        None => String::new(),
    };
    format!(
        "<section><h2>Audit</h2><p class=\"note\">Each line holds the SHA-256 of the one before. <code>shadegrid audit verify</code> checks them.</p>\
         <div class=\"scroll\"><table><thead><tr><th class=\"number\">Line</th><th>Time</th><th>Who</th><th>Did</th><th>With</th></tr></thead>\
         <tbody>{rows}</tbody></table></div>{more}</section>"
    )
}

fn row(number: i64, act: &Value) -> String {
    let [time, who, action, subject] =
        ["time", "who", "action", "subject"].map(|name| act[name].as_str().unwrap_or_default());
    let detail = act["detail"].to_string();
    let detail = if detail == "{}" { "" } else { &detail };
    let cells = [time, who, action].map(|text| format!("<td>{}</td>", Text(text)));
    format!(
        "<tr><td class=\"number\">{number}</td>{}<td class=\"wide\"><code>{}</code><br><code class=\"faint\">{}</code></td></tr>",
        cells.concat(),
        Text(subject),
        Text(detail)
    )
}
