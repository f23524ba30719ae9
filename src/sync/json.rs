//! Values of a page in JSON. What nobody asks for is skipped as it is read, whatever it is, and no page has records without end.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::entries::LONGEST_TEXT;

/// Records of a page. The largest that is asked for has 1,000.
const MOST_RECORDS: usize = 20_000;

/// A text, a number or a truth as a text; empty for anything else.
#[derive(Debug, Default)]
pub(crate) struct Plain(pub(crate) String);

/// The same, and of an array all texts, with blanks between; what is too long for an entry is not kept whole.
#[derive(Debug, Default)]
pub(crate) struct Joined(pub(crate) String);

/// Reads an array of records.
///
/// # Errors
///
/// The reader's own, for one with more records than a page has too.
pub(crate) fn records<'de, D: Deserializer<'de>, T: Deserialize<'de>>(reader: D) -> Result<Vec<T>, D::Error> {
    reader.deserialize_seq(Records(PhantomData))
}

struct Records<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Records<T> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(record) = array.next_element()? {
            if all.len() == MOST_RECORDS {
                return Err(A::Error::custom("too many records"));
            }
            all.push(record);
        }
        Ok(all)
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Plain, D::Error> {
        reader.deserialize_any(AsText { joins: false }).map(Plain)
    }
}

impl<'de> Deserialize<'de> for Joined {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Joined, D::Error> {
        reader.deserialize_any(AsText { joins: true }).map(Joined)
    }
}

struct AsText {
    joins: bool,
}

impl<'de> Visitor<'de> for AsText {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<String, E> {
        Ok(truth.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<String, A::Error> {
        let mut joined = String::new();
        if self.joins {
            while let Some(Plain(text)) = array.next_element()? {
                if joined.len() <= LONGEST_TEXT && !text.is_empty() {
                    let between = if joined.is_empty() { "" } else { " " };
                    joined.extend([between, &text]);
                }
            }
        } else {
            while array.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(joined)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<String, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_text_or_none() {
        for (json, text, texts) in [
            (r#""a\nb""#, "a\nb", "a\nb"),
            ("18446744073709551615", "18446744073709551615", "18446744073709551615"),
            ("-7", "-7", "-7"),
            ("1.5", "1.5", "1.5"),
            ("true", "true", "true"),
            ("null", "", ""),
            (r#"["a",{"b":["c"]},"",["d"],"e",null,7]"#, "", "a e 7"),
            (r#"{"a":["b",{}]}"#, "", ""),
        ] {
            assert_eq!(serde_json::from_str::<Plain>(json).unwrap().0, text, "{json}");
            assert_eq!(serde_json::from_str::<Joined>(json).unwrap().0, texts, "{json}");
        }
    }

    #[test]
    fn what_has_no_end_is_not_kept() {
        let many = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        let read = |text: &str| {
            records::<_, Plain>(&mut serde_json::Deserializer::from_str(text)).map(|all| all.len()).ok()
        };
        assert_eq!(read(&many(MOST_RECORDS)), Some(MOST_RECORDS));
        assert_eq!(read(&many(MOST_RECORDS + 1)), None);
        let texts = format!("[{}]", vec![r#""word""#; 100_000].join(","));
        let Joined(joined) = serde_json::from_str(&texts).unwrap();
        assert!((LONGEST_TEXT + 1..LONGEST_TEXT + 8).contains(&joined.len()), "{}", joined.len());
    }
}
