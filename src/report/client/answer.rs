//! `<reportResponse>` and `<reportDoneResponse>`.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::super::transport::Answer;

/// Characters of a description that are kept.
const KEPT: usize = 1000;

/// Reads an answer; `None` where it is none. Elements that are unknown are skipped.
pub(super) fn read(body: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(body).ok()?;
    let mut xml = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut answer = Answer::default();
    let (mut path, mut content): (Vec<String>, String) = (Vec::new(), String::new());
    let (mut has_code, mut is_whole) = (false, false);
    loop {
        match xml.read_event().ok()? {
            Event::Start(start) => {
                if is_whole {
                    return None;
                }
                path.push(start.local_name().as_ref().to_string());
                content.clear();
            }
            Event::Text(text) => content.push_str(&text),
            Event::CData(text) => content.push_str(&text),
            Event::GeneralRef(name) => content.push(entity(&name)?),
            Event::End(_) => {
                has_code |= take(&mut answer, &path, content.trim())?;
                path.pop()?;
                is_whole = path.is_empty();
                content.clear();
            }
            Event::DocType(_) => return None,
            Event::Eof => return (is_whole && has_code).then_some(answer),
            _ => {}
        }
    }
}

/// Takes an element's text; whether it was the code. `None` where it cannot be what it says.
fn take(answer: &mut Answer, path: &[String], text: &str) -> Option<bool> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let ["reportResponse" | "reportDoneResponse", inner @ ..] = &path[..] else { return None };
    match inner {
        ["responseCode"] => answer.code = text.parse().ok()?,
        ["responseDescription"] => {
            answer.description = text.chars().filter(|c| !c.is_control()).take(KEPT).collect();
        }
        ["reportId"] if !text.is_empty() => answer.report = Some(text.parse().ok().filter(|id| *id > 0)?),
        ["fileId"] if !text.is_empty() => answer.file = Some(file(text)?),
        ["hash"] if !text.is_empty() => answer.hash = Some(text.to_ascii_lowercase()),
        ["files", "fileId"] => answer.files.push(file(text)?),
        _ => {}
    }
    Some(*inner == ["responseCode"])
}

/// The id of a file: 32 hexadecimal digits as far as anybody has seen, and never what could end a form or an element.
fn file(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!text.is_empty() && text.len() <= 128 && text.chars().all(plain)).then(|| text.to_string())
}

fn entity(name: &BytesRef<'_>) -> Option<char> {
    if name.is_char_ref() {
        return name.resolve_char_ref().ok().flatten();
    }
    let name: &str = name;
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<reportResponse>\n <responseCode>0</responseCode>\
            <responseDescription>a &amp; b&#33;</responseDescription><reportId>4564654</reportId><fileId>b0754af766b426f2928a02c651ed4b99</fileId>\
            <hash>FAFA5efeaf3cbe3b23b2748d13e629a1</hash><new><reportId>x</reportId></new></reportResponse>\n";
        let answer = read(text.as_bytes()).unwrap();
        assert_eq!((answer.code, &*answer.description, answer.report), (0, "a & b!", Some(4_564_654)));
        assert_eq!(answer.file.as_deref(), Some("b0754af766b426f2928a02c651ed4b99"));
        assert_eq!(answer.hash.as_deref(), Some("fafa5efeaf3cbe3b23b2748d13e629a1"));
        let done = "<reportDoneResponse><responseCode>0</responseCode><reportId>7</reportId><files><fileId>a</fileId><fileId>b</fileId></files></reportDoneResponse>";
        assert_eq!(read(done.as_bytes()).unwrap().files, ["a", "b"]);
        let none = "<reportDoneResponse><responseCode>0</responseCode><reportId>7</reportId><files/></reportDoneResponse>";
        assert!(read(none.as_bytes()).unwrap().files.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_no_answer() {
        for text in [
            "",
            "<html><body>busy</body></html>",
            "<reportResponse></reportResponse>",
            "<reportResponse><responseCode>0</responseCode>",
            "<reportResponse><responseCode></responseCode></reportResponse>",
            "<reportResponse><responseCode>x</responseCode></reportResponse>",
            "<reportResponse><responseCode>0</responseCode><reportId>-1</reportId></reportResponse>",
            "<reportResponse><responseCode>0</responseCode><reportId>0</reportId></reportResponse>",
            "<reportResponse><responseCode>0</responseCode><fileId>a\r\nb</fileId></reportResponse>",
            "<reportResponse><responseCode>0</responseCode></reportResponse><x></x>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><reportResponse><responseCode>0</responseCode></reportResponse>",
            "<reportResponse><responseCode>&zero;</responseCode></reportResponse>",
            "<a><responseCode>0</responseCode></a>",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read(&[0xff, 0xfe]), None);
    }
}
