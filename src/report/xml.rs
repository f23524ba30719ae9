//! The XML of a report and of a file's details, in the schema's order.
//!
//! The tables of the model are walked, so whatever stands in the JSON stands in the XML, in the tables' order. All escaping is the library's.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use serde_json::{Map, Value};

use super::model::element::{Element, Field, Kind, Place, Times};
use super::time;
use crate::error::{Error, Result};

type Xml = Writer<Vec<u8>>;

/// `<report>`.
///
/// # Errors
///
/// [`Error::Input`] for what `check` would have refused.
pub(crate) fn report(report: &Value, table: &Element) -> Result<String> {
    document("report", &[], report, table)
}

/// `<fileDetails>` of a file that NCMEC has.
///
/// # Errors
///
/// [`Error::Input`] for what `check` would have refused.
pub(crate) fn file_details(report: u64, file: &str, details: &Value, table: &Element) -> Result<String> {
    let report = report.to_string();
    document("fileDetails", &[("reportId", &report), ("fileId", file)], details, table)
}

fn document(name: &str, first: &[(&str, &str)], value: &Value, table: &Element) -> Result<String> {
    let mut xml = Writer::new(Vec::new());
    let members = value.as_object().ok_or_else(|| wrong(name))?;
    put(&mut xml, Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    put(&mut xml, Event::Start(BytesStart::new(name)))?;
    for (name, text) in first {
        text_element(&mut xml, name, text)?;
    }
    children(&mut xml, members, table)?;
    put(&mut xml, Event::End(BytesEnd::new(name)))?;
    String::from_utf8(xml.into_inner()).map_err(|_| wrong(name))
}

fn wrong(name: &str) -> Error {
    Error::Input(format!("{name}: the report was not checked"))
}

fn put(xml: &mut Xml, event: Event<'_>) -> Result<()> {
    xml.write_event(event).map_err(|error| Error::io("cannot write XML", error))
}

fn text_element(xml: &mut Xml, name: &str, text: &str) -> Result<()> {
    put(xml, Event::Start(BytesStart::new(name)))?;
    put(xml, Event::Text(BytesText::new(text)))?;
    put(xml, Event::End(BytesEnd::new(name)))
}

fn is_there(members: &Map<String, Value>, field: &Field) -> bool {
    let is_empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    members.get(field.json).is_some_and(|value| !is_empty(value))
}

fn children(xml: &mut Xml, members: &Map<String, Value>, table: &Element) -> Result<()> {
    for field in table.fields.iter().filter(|field| field.place == Place::Child && field.is_written()) {
        if let Kind::Inline(inner) = field.kind {
            if field.times == Times::One || inner.fields.iter().any(|field| is_there(members, field)) {
                element(xml, field.xml, members, inner)?;
            }
            continue;
        }
        match members.get(field.json) {
            None | Some(Value::Null) => {}
            Some(Value::Array(list)) if matches!(field.times, Times::Many | Times::Some) => {
                for value in list {
                    child(xml, value, field)?;
                }
            }
            Some(value) => child(xml, value, field)?,
        }
    }
    Ok(())
}

fn child(xml: &mut Xml, value: &Value, field: &Field) -> Result<()> {
    match (field.kind, value) {
        (Kind::Element(table), Value::Object(members)) => element(xml, field.xml, members, table),
        (Kind::Marks(words), Value::Array(list)) if !list.is_empty() => {
            put(xml, Event::Start(BytesStart::new(field.xml)))?;
            for word in words.iter().filter(|word| list.iter().any(|value| value == **word)) {
                put(xml, Event::Empty(BytesStart::new(*word)))?;
            }
            put(xml, Event::End(BytesEnd::new(field.xml)))
        }
        (Kind::Marks(_), Value::Array(_)) => Ok(()),
        _ => text_element(xml, field.xml, &text(value, field)?),
    }
}

fn element(xml: &mut Xml, name: &str, members: &Map<String, Value>, table: &Element) -> Result<()> {
    let mut start = BytesStart::new(name);
    let mut content = None;
    for field in table.fields.iter().filter(|field| is_there(members, field)) {
        match field.place {
            Place::Child => {}
            Place::Attribute => start.push_attribute((field.xml, &*text(&members[field.json], field)?)),
            Place::Content => content = Some(text(&members[field.json], field)?),
        }
    }
    put(xml, Event::Start(start))?;
    if let Some(content) = content {
        put(xml, Event::Text(BytesText::new(&content)))?;
    }
    children(xml, members, table)?;
    put(xml, Event::End(BytesEnd::new(name)))
}

/// A value as XML writes it; times in UTC.
fn text(value: &Value, field: &Field) -> Result<String> {
    match (field.kind, value) {
        (Kind::Past | Kind::Time, Value::String(text)) => {
            time::parse(text).map(|time| time.to_string()).map_err(|_| wrong(field.xml))
        }
        (_, Value::String(text)) => Ok(text.clone()),
        (_, Value::Bool(_) | Value::Number(_)) => Ok(value.to_string()),
        _ => Err(wrong(field.xml)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::model::REPORT;
    use super::super::model::file::FILE;
    use super::*;

    #[test]
    fn the_order_is_the_schemas_and_not_the_jsons() {
        let value = json!({
            "victims": [{ "school_name": "s" }],
            "reporter": { "legal_url": "https://a.example", "emails": [{ "verified": true, "email": "a@b.example" }] },
            "incident": { "time": "2026-11-20T11:00:00+01:00", "type": "Child Sex Tourism",
                "annotations": ["spam", "sextortion"], "platform": "<&>\"'\r\n]]>" },
            "internet": [{ "web_page": { "urls": ["https://a.example/?a&b"], "third_party": false } }],
        });
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><report><incidentSummary><incidentType>Child Sex Tourism</incidentType>\
            <platform>&lt;&amp;&gt;&quot;&apos;&#13;\n]]&gt;</platform><reportAnnotations><sextortion/><spam/></reportAnnotations>\
            <incidentDateTime>2026-11-20T10:00:00Z</incidentDateTime></incidentSummary>\
            <internetDetails><webPageIncident thirdPartyHostedContent=\"false\"><url>https://a.example/?a&amp;b</url></webPageIncident></internetDetails>\
            <reporter><reportingPerson><email verified=\"true\">a@b.example</email></reportingPerson><legalURL>https://a.example</legalURL></reporter>\
            <victim><victimPerson></victimPerson><schoolName>s</schoolName></victim></report>";
        assert_eq!(report(&value, &REPORT).unwrap(), expected);
    }

    #[test]
    fn details_name_report_and_file_first() {
        let value = json!({ "id": "f1", "data": "AAAA", "name": "a.jpg", "hashes": [{ "value": "00", "type": "MD5" }] });
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><fileDetails><reportId>7</reportId><fileId>ab</fileId>\
            <originalFileName>a.jpg</originalFileName><originalFileHash hashType=\"MD5\">00</originalFileHash></fileDetails>";
        assert_eq!(file_details(7, "ab", &value, &FILE).unwrap(), expected);
        assert!(file_details(7, "ab", &json!([]), &FILE).is_err());
    }
}
