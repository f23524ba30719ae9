//! JSON in which nothing stands twice: of two members of one name, one would be lost in silence. There is a bound on how many values it has, each of which
//! takes many times the bytes of its text.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The most values of a report.
const MOST: usize = 1 << 16;

/// Reads a text.
///
/// # Errors
///
/// What is wrong, and where. It holds nothing of a value.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let left = Cell::new(MOST);
    let value = Once { left: &left }.deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data if left.get() == 0 => "it has more than 65536 values",
            serde_json::error::Category::Data => "a member stands twice",
            _ => "it is no JSON",
        };
        format!("{what}, at line {} and column {}", error.line(), error.column())
    })
}

#[derive(Clone, Copy)]
struct Once<'a> {
    /// How many values there may be still.
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Once<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.left.get().saturating_sub(1);
        self.left.set(left);
        if left == 0 {
            return Err(D::Error::custom("too many"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_twice_is_refused() {
        let text = r#"{"a":[1,-2,1.5,"x",null,true],"b":{"c":{}}}"#;
        assert_eq!(parse(text).unwrap().to_string(), text);
        for (text, says) in [
            (r#"{"a":1,"a":1}"#, "twice"),
            (r#"{"b":[{"a":1,"\u0061":2}]}"#, "twice"),
            ("{", "no JSON"),
            ("{} {}", "no JSON"),
            ("", "no JSON"),
        ] {
            assert!(parse(text).unwrap_err().contains(says), "{text}");
        }
        assert!(parse(&"[".repeat(10_000)).is_err());
        let list = |values: usize| format!("[{}]", vec!["0"; values].join(","));
        assert!(parse(&list(MOST - 2)).is_ok());
        for values in [MOST - 1, 3 * MOST] {
            assert!(parse(&list(values)).unwrap_err().contains("65536 values"), "{values}");
        }
    }
}
