//! Pages for somebody who is signed in.

use std::fmt;

use axum::http::StatusCode;
use axum::response::Response;

use super::frame::{Text, Time, answer};
use super::now;
use super::session::Person;
use crate::review::Sitting;

/// A form with one button, which changes something.
pub(super) struct Button<'a> {
    pub(super) person: &'a Person,
    pub(super) to: &'a str,
    pub(super) says: &'a str,
    /// `class` of the button.
    pub(super) class: &'static str,
}

impl fmt::Display for Button<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Button { person, to, says, class } = self;
        let (to, says, token) = (Text(to), Text(says), Token(person));
        write!(
            formatter,
            "<form method=\"post\" action=\"{to}\">{token}<button class=\"{class}\">{says}</button></form>"
        )
    }
}

/// The field that every form has.
pub(super) struct Token<'a>(pub(super) &'a Person);

impl fmt::Display for Token<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<input type=\"hidden\" name=\"csrf\" value=\"{}\">", self.0.token())
    }
}

/// A page for somebody who is signed in.
pub(super) fn page(person: &Person, sitting: &Sitting, title: &str, body: &str) -> Response {
    let sign_out = Button { person, to: "/review/sign-out", says: "Sign out", class: "quiet" };
    let Sitting { since, revealed, decided, .. } = sitting;
    let head = format!(
        "<nav aria-label=\"Pages\"><a href=\"/review\">Queue</a><a href=\"/review/reports\">Reports</a>\
         <a href=\"/review/audit\">Audit</a><a href=\"/review/settings\">Settings</a></nav>\
         <div class=\"person\"><span>{}</span>{sign_out}</div>",
        Text(person.name())
    );
    let rest = if sitting.is_break_due(now()) { reminder(person, sitting) } else { String::new() };
    let count = format!(
        "<footer><p>Since {}: {} decided, {} revealed.</p></footer>",
        Time(*since),
        decided,
        revealed
    );
    answer(StatusCode::OK, title, &head, &format!("{rest}<main>{body}</main>{count}"))
}

fn reminder(person: &Person, sitting: &Sitting) -> String {
    let minutes = (now() - sitting.since) / 60_000;
    let button = Button { person, to: "/review/break", says: "I had a break", class: "" };
    format!(
        "<aside role=\"status\" class=\"break\"><p>{minutes} minutes without a break. Time for one.</p>{button}</aside>"
    )
}
