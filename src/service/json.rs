//! JSON in, with errors that name the field and never show its value; JSON out.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::permits::Permit;
use super::problem::{Answer, Problem};

/// Longest name of a field that an error repeats.
const LONGEST_NAME: usize = 64;

/// Reads a body.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Answer<T> {
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut from).map_err(|error| {
        let path = error.path().to_string();
        wrong(error.inner(), &path)
    })?;
    from.end().map_err(|error| wrong(&error, "."))?;
    Ok(value)
}

fn wrong(error: &serde_json::Error, path: &str) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    Problem::input(match error.classify() {
        Category::Data => format!("{}: {} ({place})", field(path), plain(&error.to_string())),
        Category::Eof => format!("the body is not JSON: it ends too early ({place})"),
        _ => format!("the body is not JSON: it is malformed at {place}"),
    })
}

/// The path of a field, without what nobody would call a name.
fn field(path: &str) -> String {
    let named = path.chars().all(|c| c.is_ascii_alphanumeric() || "._-[]".contains(c));
    match path {
        "." | "?" => "the body".to_string(),
        path if named && path.len() <= LONGEST_NAME => path.to_string(),
        _ => "a field".to_string(),
    }
}

/// What serde says, without values.
fn plain(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let known = ["unknown field", "missing field", "duplicate field"];
    if known.iter().any(|start| message.starts_with(start)) {
        let name = message.split('`').nth(1).unwrap_or_default();
        let kind = message.split(" `").next().unwrap_or_default();
        let expected = message.split_once("`, ").map_or(String::new(), |(_, rest)| format!(", {rest}"));
        return format!("{kind} {}{expected}", field(name));
    }
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("this must be {}", in_words(expected)),
        None => "this is not what it must be".to_string(),
    }
}

/// What serde expects, in the words of JSON: it names types of this program.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "a string" | "a borrowed string" => "a text",
        _ if expected.starts_with("struct ") => "an object",
        other => other,
    }
}

/// An answer of JSON.
pub(crate) fn answer(value: &impl Serialize) -> Answer<Response> {
    let bytes = serde_json::to_vec(value).map_err(|_| Problem::internal("the answer cannot be written"))?;
    Ok(bytes_answer(StatusCode::OK, bytes))
}

/// The same, whose bytes are held by `permit` until the client has them.
pub(crate) fn held_answer(value: &impl Serialize, permit: Permit) -> Answer<Response> {
    let bytes = serde_json::to_vec(value).map_err(|_| Problem::internal("the answer cannot be written"))?;
    Ok(held_bytes(StatusCode::OK, bytes, permit))
}

/// The same of JSON that is written already.
pub(crate) fn held_bytes(status: StatusCode, json: Vec<u8>, mut permit: Permit) -> Response {
    permit.shrink(json.len() as u64);
    let mut response =
        (status, Body::from(Bytes::from_owner(Held { json, _permit: permit }))).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Bytes that wait to be sent.
struct Held {
    json: Vec<u8>,
    _permit: Permit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

/// An answer of JSON that is written already.
pub(crate) fn bytes_answer(status: StatusCode, json: Vec<u8>) -> Response {
    let mut response = (status, json).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only read")]
        number: u8,
    }

    #[test]
    fn errors_name_the_field_and_no_value() {
        for (text, expected) in [
            (
                r#"{"list":[{"number":1},{"number":"secret"}]}"#,
                "list[1].number: this must be a whole number from 0 to 255",
            ),
            (r#"{"list":[{"number":300}]}"#, "list[0].number: this must be a whole number from 0 to 255"),
            (r#"{"list":[{"other":1}]}"#, "list[0].other: unknown field other, expected `number`"),
            (r#"{"list":{}}"#, "list: this must be a list"),
            (r#"{"list":[true]}"#, "list[0]: this must be an object"),
            (r#"{"list":[{}]}"#, "list[0]: missing field number"),
            (r#"{"list":[]} secret"#, "the body is not JSON: it is malformed at line 1"),
            (r#"{"list":["#, "the body is not JSON: it ends too early"),
            ("", "the body is not JSON: it ends too early"),
            ("secret", "the body is not JSON"),
        ] {
            let problem = read::<Outer>(text.as_bytes()).unwrap_err();
            assert!(problem.detail.starts_with(expected), "{text}: {}", problem.detail);
            assert!(!problem.detail.contains("secret") && problem.status == 400, "{}", problem.detail);
        }
        let long = format!(r#"{{"{}":1}}"#, "a".repeat(1000));
        assert!(read::<Outer>(long.as_bytes()).unwrap_err().detail.len() < 200);
        assert_eq!(read::<Outer>(br#" {"list":[{"number":255}]} "#).unwrap().list.len(), 1);
    }
}
