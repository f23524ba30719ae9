//! The frame of every page. What is not ours is escaped where it is put in, by [`Text`].

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::problem::Problem;
use crate::clock;

/// What a page may load and do: our files and pictures, and those that a script of ours was given; and send forms to us.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// Nothing of a page stays in a browser's memory, or is used by another site.
const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Forms need their origin to be said, which `no-referrer` forbids.
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// A text that is put into a page: no character of it is markup, neither between tags nor within quotes.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => formatter.write_str("&amp;"),
            '<' => formatter.write_str("&lt;"),
            '>' => formatter.write_str("&gt;"),
            '"' => formatter.write_str("&quot;"),
            '\'' => formatter.write_str("&#39;"),
            c if c.is_control() && c != '\n' => formatter.write_str("\u{fffd}"),
            c => fmt::Write::write_char(formatter, c),
        })
    }
}

/// A time to the second, in UTC.
pub(super) struct Time(pub(super) i64);

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = utc(self.0);
        let (day, time) = text.trim_end_matches('Z').split_once('T').unwrap_or((&text, ""));
        write!(formatter, "<time datetime=\"{text}\">{day} {time}</time>")
    }
}

/// A time as RFC 3339 has it.
pub(crate) fn utc(milliseconds: i64) -> String {
    clock::text(UNIX_EPOCH + Duration::from_millis(milliseconds.max(0) as u64))
}

/// The choices of a list, of which one may be chosen: values and what is said for them.
pub(super) fn options<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>, chosen: &str) -> String {
    let option = |(value, says): (&str, &str)| {
        let selected = if value == chosen { " selected" } else { "" };
        format!("<option value=\"{}\"{selected}>{}</option>", Text(value), Text(says))
    };
    all.into_iter().map(option).collect()
}

/// The page that asks for a key, and says why the last one would not do.
pub(super) fn sign_in(status: StatusCode, why: &str) -> Response {
    let why = if why.is_empty() { String::new() } else { format!("<p role=\"alert\">{}</p>", Text(why)) };
    let body = format!(
        "<main><section><h2>Sign in</h2>{why}<form method=\"post\" action=\"/review/sign-in\">\
         <label class=\"line\">Your key<input name=\"key\" type=\"password\" autocomplete=\"off\" placeholder=\"sg_…\" required autofocus></label>\
         <p class=\"note\">A key of your own, with the scope <code>review</code>. You are signed in for 8 hours.</p>\
         <button class=\"main\">Sign in</button></form></section></main>"
    );
    answer(status, "Sign in", "", &body)
}

/// What went wrong, as a page.
pub(crate) fn problem(problem: &Problem, request_id: &str) -> Response {
    let body = format!(
        "<main><section><h2>{}</h2><p role=\"alert\">{}</p><p class=\"note\">Request {}</p><p><a href=\"/review\">To the queue</a></p></section></main>",
        Text(problem.status.canonical_reason().unwrap_or("Error")),
        Text(&problem.detail),
        Text(request_id)
    );
    let mut response = answer(problem.status, "Not done", "", &body);
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// A page with its head and body.
pub(super) fn answer(status: StatusCode, title: &str, head: &str, body: &str) -> Response {
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{} – Shadegrid review</title>\n<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/review/page.css\">\n\
         <script src=\"/review/page.js\" defer></script>\n</head>\n<body>\n<header><h1>Review</h1>{head}</header>\n{body}\n</body>\n</html>\n",
        Text(title)
    );
    (status, HEADERS, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

/// A picture that nobody but this page may use.
pub(super) fn picture(png: Vec<u8>) -> Response {
    (HEADERS, [(CONTENT_TYPE, "image/png")], png).into_response()
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let mut response = (HEADERS, [(CONTENT_TYPE, kind)], text).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("page.css"))
}

pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("page.js"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        let text = Text("<b a=\"1\" c='2'>&\u{0}\u{1b}\n</b>").to_string();
        assert_eq!(text, "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;\u{fffd}\u{fffd}\n&lt;/b&gt;");
        let list = options([("a", "A"), ("\"><script>", "<script>")], "a");
        assert!(!list.contains("<script>") && list.contains("value=\"a\" selected"), "{list}");
    }

    #[test]
    fn times_are_read_by_people_and_programs() {
        let time = Time(1_764_064_801_999).to_string();
        assert_eq!(time, "<time datetime=\"2025-11-25T10:00:01Z\">2025-11-25 10:00:01</time>");
        assert!(Time(-1).to_string().contains("1970"));
    }
}
