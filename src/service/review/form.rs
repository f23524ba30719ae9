//! What a form sends.

use axum::body::Body;
use axum::http::HeaderMap;

use super::super::app::App;
use super::super::body::{self, Held, Size};
use super::super::pictures::media_type;
use super::super::problem::{Answer, Problem};

/// Bytes of the longest form.
const LONGEST: u64 = 256 << 10;

/// Most fields of one.
const MOST: usize = 2_000;

/// The fields of a form. Nothing of them is ever repeated in an error.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

/// Fields that hold what is known already.
impl From<Vec<(String, String)>> for Fields {
    fn from(fields: Vec<(String, String)>) -> Fields {
        Fields(fields)
    }
}

impl Fields {
    /// Reads a body.
    pub(super) async fn read(app: &App, headers: &HeaderMap, body: Body) -> Answer<Fields> {
        if media_type(headers).as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(Problem::input("the body must be application/x-www-form-urlencoded"));
        }
        let Held { bytes, permit: _held } = body::read(app, body, Size { most: LONGEST, times: 2 }).await?;
        Fields::of(&bytes)
    }

    fn of(bytes: &[u8]) -> Answer<Fields> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            if fields.len() == MOST || fields.iter().any(|(known, _)| *known == name) {
                return Err(Problem::input("a form has at most 2,000 fields, and each stands once"));
            }
            // Browsers end lines by two characters.
            let value = value.replace("\r\n", "\n");
            if value.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
                return Err(Problem::input("a field of the form holds a control character"));
            }
            fields.push((name.into_owned(), value));
        }
        Ok(Fields(fields))
    }

    /// A field without space around it; empty where it is missing.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// The same; `None` where it is empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// Whether a box is ticked.
    pub(super) fn is_ticked(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// A field that is one of some words; `None` where it is empty.
    pub(super) fn choice<T>(&self, name: &'static str, of: impl Fn(&str) -> Option<T>) -> Answer<Option<T>> {
        let wrong = || Problem::input(format!("{name}: this is none of the choices"));
        self.given(name).map(|text| of(text).ok_or_else(wrong)).transpose()
    }

    /// A text of at most so many characters.
    pub(super) fn bounded(&self, name: &'static str, most: usize) -> Answer<String> {
        let text = self.text(name);
        match text.chars().count() > most {
            true => Err(Problem::input(format!("{name}: this has more than {most} characters"))),
            false => Ok(text.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_once_and_hold_text() {
        let fields = Fields::of(b"note=a%0D%0Ab+%26&csrf=x&empty=&tick=on&bad=%ff").unwrap();
        assert_eq!(fields.text("note"), "a\nb &");
        assert_eq!((fields.text("none"), fields.given("empty"), fields.is_ticked("tick")), ("", None, true));
        assert!(fields.bounded("note", 5).is_ok() && fields.bounded("note", 4).is_err());
        assert_eq!(fields.choice("csrf", |text| (text == "x").then_some(1)), Ok(Some(1)));
        assert!(fields.choice("csrf", |_| None::<u8>).is_err());
        assert_eq!(fields.choice("empty", |_| None::<u8>), Ok(None));
        for wrong in [&b"a=1&a=2"[..], b"a=%00", b"a=%1b%5b", b"a=1&b=%7f"] {
            assert!(Fields::of(wrong).is_err(), "{wrong:?}");
        }
        let many: Vec<String> = (0..=MOST).map(|at| format!("f{at}=")).collect();
        assert!(Fields::of(many.join("&").as_bytes()).is_err());
        assert!(Fields::of(many[1..].join("&").as_bytes()).is_ok());
        assert!(Fields::of(b"").unwrap().given("a").is_none());
    }
}
