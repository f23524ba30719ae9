//! What a client of the face says of an incident, as a report.
//!
//! Members have any case. An empty text counts as left out, since clients send such. What has no place of its own in a report is kept as additional information:
//! nothing is lost because it is not known here.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::time::rfc3339;
use crate::report::model::words::IncidentType;
use crate::report::{Mode, Problem, ReportOptions, Rule};

/// What every report of the face is about.
const INCIDENT: IncidentType = IncidentType::ChildPornography;

/// The parts of the reporter that are the company's, whoever reports.
const COMPANY: [&str; 4] = ["contact", "company_template", "terms_of_service", "legal_url"];

/// The key of what else is known of a file.
const INFORMATION: &str = "additionalInfo";

/// Members that were not asked for yet.
struct Members(Map<String, Value>);

impl Members {
    /// Those of an object, none of which stands twice.
    fn of(value: Value, path: &str, problems: &mut Vec<Problem>) -> Option<Members> {
        let Value::Object(members) = value else {
            problems.push(Problem::new(path, Rule::Type, "an object is needed"));
            return None;
        };
        let mut names = HashSet::new();
        if !members.keys().all(|name| names.insert(name.to_ascii_lowercase())) {
            problems.push(Problem::new(path, Rule::Twice, "a member stands twice"));
        }
        Some(Members(members))
    }

    /// Takes a member; `None` where it is left out, null or empty.
    fn take(&mut self, name: &str) -> Option<Value> {
        let found = self.0.keys().find(|of| of.eq_ignore_ascii_case(name)).cloned()?;
        self.0.remove(&found).filter(|value| !is_empty(value))
    }

    /// What nobody took, a line each.
    fn rest(self) -> impl Iterator<Item = String> {
        self.0.into_iter().filter(|(_, value)| !is_empty(value)).map(|(name, value)| line(&name, value))
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn line(name: &str, value: Value) -> String {
    format!("{name}: {}", text(value))
}

/// A text as it is, and all else as JSON.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        value => value.to_string(),
    }
}

/// A time in the form that reports have.
fn time(value: Value) -> Value {
    match value {
        Value::String(text) => rfc3339(&text).into(),
        value => value,
    }
}

/// `true` and `"True"` are one.
fn flag(value: Value) -> Value {
    match value.as_str().map(|text| text.trim().to_ascii_lowercase()).as_deref() {
        Some("true") => true.into(),
        Some("false") => false.into(),
        _ => value,
    }
}

/// A list of `{"Key":…,"Value":…}`, or an object, as members.
fn metadata(value: Option<Value>, path: &str, problems: &mut Vec<Problem>) -> Members {
    let pairs = match value {
        None => Vec::new(),
        Some(Value::Array(all)) => all.into_iter().filter_map(|one| pair(one, path, problems)).collect(),
        Some(object) => {
            let members = Members::of(object, path, problems);
            members.map_or_else(Vec::new, |members| members.0.into_iter().collect())
        }
    };
    let (mut members, mut names) = (Map::new(), HashSet::new());
    for (name, value) in pairs {
        let is_new = names.insert(name.to_ascii_lowercase());
        match members.get_mut(&name) {
            None if is_new => drop(members.insert(name, value)),
            // Several pieces of information are one below the other.
            Some(before) if name.eq_ignore_ascii_case(INFORMATION) => {
                *before = format!("{}\n{}", text(before.take()), text(value)).into();
            }
            _ => problems.push(Problem::new(path, Rule::Twice, "a key stands twice")),
        }
    }
    Members(members)
}

fn pair(one: Value, path: &str, problems: &mut Vec<Problem>) -> Option<(String, Value)> {
    let mut one = Members::of(one, path, problems)?;
    match one.take("Key") {
        Some(Value::String(name)) => Some((name, one.take("Value").unwrap_or_default())),
        _ => {
            problems.push(Problem::new(path, Rule::Type, "objects of Key and Value are needed"));
            None
        }
    }
}

/// The report as JSON, which is still to be checked, and what cannot be understood.
pub(super) fn report(given: Value, options: &ReportOptions) -> (Value, Vec<Problem>) {
    let mut problems = Vec::new();
    let Some(mut given) = Members::of(given, "", &mut problems) else { return (Value::Null, problems) };
    let mut more = metadata(given.take("AdditionalMetadata"), "AdditionalMetadata", &mut problems);
    let mut report = json!({ "incident": { "type": INCIDENT } });
    report["mode"] = mode(more.take("IsTest"), options, &mut problems).word().into();
    let when = given.take("IncidentTime").map(time);
    report["incident"]["time"] = when.clone().unwrap_or_default();
    report["reported"] = reported(&mut given, when);
    let mut lines: Vec<String> =
        given.take("OrgName").into_iter().map(|name| line("OrgName", name)).collect();
    report["reporter"] = reporter(&mut given, options);
    lines.extend(given.take("ReporterName").map(|name| line("ReporterName", name)));
    report["files"] = files(given.take("ViolationContentCollection"), &mut problems);
    lines.extend(more.rest().chain(given.rest()));
    if !lines.is_empty() {
        report["additional_info"] = lines.join("\n").into();
    }
    (report, problems)
}

/// A report is filed only where it says so. Where reports are filed, one that says nothing is refused: as a test it would be lost in silence.
fn mode(is_test: Option<Value>, options: &ReportOptions, problems: &mut Vec<Problem>) -> Mode {
    match is_test.map(flag) {
        Some(Value::Bool(true)) => Mode::Test,
        Some(Value::Bool(false)) => Mode::Production,
        None if options.mode == Mode::Test => Mode::Test,
        None => {
            let message = "it has to be false for a report to be filed, and true for a test";
            problems.push(Problem::new("mode", Rule::Missing, message));
            Mode::Test
        }
        Some(_) => {
            problems.push(Problem::new("mode", Rule::Type, "true or false is needed"));
            Mode::Test
        }
    }
}

/// Who reports, where the client names an address of e-mail; else the configuration says so.
fn reporter(given: &mut Members, options: &ReportOptions) -> Value {
    let Some(email) = given.take("ReporterEmail") else { return Value::Null };
    let mut reporter = json!({ "emails": [{ "email": email }] });
    if let Some(name) = given.take("ReporterName") {
        match name.as_str().map(str::trim).and_then(|name| name.rsplit_once(char::is_whitespace)) {
            Some((first, last)) => {
                (reporter["first_name"], reporter["last_name"]) = (first.trim().into(), last.into());
            }
            None => reporter["first_name"] = name,
        }
    }
    let company = options.reporter.as_ref();
    for part in COMPANY {
        if let Some(said) = company.and_then(|company| company.get(part)) {
            reporter[part] = said.clone();
        }
    }
    reporter
}

/// Who is reported, and the address from which it happened at that time.
fn reported(given: &mut Members, when: Option<Value>) -> Value {
    let mut reported = Map::new();
    if let Some(name) = given.take("ReporteeName") {
        reported.insert("screen_name".into(), name);
    }
    if let Some(ip) = given.take("ReporteeIPAddress") {
        reported.insert("ip_events".into(), json!([{ "ip": ip, "time": when }]));
    }
    if reported.is_empty() { Value::Null } else { reported.into() }
}

/// The files: a list, or one that stands alone.
fn files(given: Option<Value>, problems: &mut Vec<Problem>) -> Value {
    let all = match given {
        Some(Value::Array(all)) => all,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    if all.is_empty() {
        problems.push(Problem::new("files", Rule::Missing, "at least one is needed"));
    }
    all.into_iter().enumerate().map(|(place, one)| file(place, one, problems)).collect()
}

fn file(place: usize, given: Value, problems: &mut Vec<Problem>) -> Value {
    let path = format!("files[{place}]");
    let Some(mut given) = Members::of(given, &path, problems) else { return Value::Null };
    let mut more = metadata(given.take("AdditionalMetadata"), &path, problems);
    let mut file = json!({ "id": format!("f{}", place + 1) });
    let data = given.take("Value");
    if data.is_none() {
        problems.push(Problem::new(format!("{path}.data"), Rule::Missing, "it is missing"));
    }
    file["data"] = data.map_or_else(|| "".into(), unwrapped);
    file["name"] = given.take("Name").unwrap_or_default();
    let uploaded = given.take("UploadDateTime").map(time);
    if let Some(ip) = given.take("UploadIpAddress") {
        file["ip_event"] = json!({ "ip": ip, "event": "Upload", "time": uploaded });
    }
    file["uploaded"] = uploaded.unwrap_or_default();
    file["viewed"] = more.take("viewedByEsp").map(flag).unwrap_or_default();
    file["public"] = more.take("publiclyAvailable").map(flag).unwrap_or_default();
    let mut lines: Vec<String> = more.take(INFORMATION).map(text).into_iter().collect();
    place_of(given.take("Location"), &mut file, &mut lines);
    lines.extend(more.rest().chain(given.rest()));
    file["additional_info"] = lines.into();
    file
}

/// Where the picture was taken, as its EXIF has it; or the address at which it was.
fn place_of(given: Option<Value>, file: &mut Value, lines: &mut Vec<String>) {
    match given {
        Some(Value::Object(parts)) => {
            let parts = parts.into_iter().filter(|(_, value)| !is_empty(value));
            let entries: Vec<Value> =
                parts.map(|(name, value)| json!({ "name": name, "value": text(value) })).collect();
            if !entries.is_empty() {
                file["details"] = json!([{ "entries": entries }]);
            }
        }
        Some(Value::String(url)) if url.contains("://") => file["location"] = url.into(),
        Some(other) => lines.push(line("Location", other)),
        None => {}
    }
}

/// Base64 without the ends of lines that some clients put into it.
fn unwrapped(data: Value) -> Value {
    match data {
        Value::String(text) if text.bytes().any(|byte| byte.is_ascii_whitespace()) => {
            text.split_ascii_whitespace().collect::<String>().into()
        }
        data => data,
    }
}

/// What the client calls the place of a problem.
pub(super) fn named(path: &str) -> String {
    let Some(rest) = path.strip_prefix("files") else { return of_report(path).to_string() };
    let (place, part) = rest.split_once('.').unwrap_or((rest, ""));
    let name = match part {
        "" => "",
        "name" => ".Name",
        "data" => ".Value",
        "uploaded" | "ip_event.time" => ".UploadDateTime",
        "ip_event.ip" => ".UploadIpAddress",
        "viewed" => ".AdditionalMetadata.viewedByEsp",
        "public" => ".AdditionalMetadata.publiclyAvailable",
        part if part.starts_with("details") || part == "location" => ".Location",
        _ => ".AdditionalMetadata",
    };
    format!("ViolationContentCollection{place}{name}")
}

fn of_report(path: &str) -> &str {
    match path {
        "mode" => "AdditionalMetadata.IsTest",
        "incident.time" | "reported.ip_events[0].time" => "IncidentTime",
        "reported.ip_events[0].ip" => "ReporteeIPAddress",
        "reported.screen_name" => "ReporteeName",
        "reporter.first_name" | "reporter.last_name" => "ReporterName",
        "additional_info" => "AdditionalMetadata",
        path if path.starts_with("reporter") => "ReporterEmail",
        path => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(mode: Mode) -> ReportOptions {
        let reporter = json!({ "first_name": "Config", "phones": [{ "number": "1" }], "legal_url": "https://a.example/legal" });
        ReportOptions::new("data", "key").mode(mode).reporter(Some(reporter))
    }

    #[test]
    fn nothing_is_filed_that_does_not_say_so() {
        let mode = |is_test: Value, allowed| {
            let given =
                json!({ "AdditionalMetadata": is_test, "ViolationContentCollection": { "Value": "AA==" } });
            match report(given, &options(allowed)) {
                (report, problems) if problems.is_empty() => Ok(report["mode"].clone()),
                (_, problems) => Err(problems.len()),
            }
        };
        for (is_test, at_tests, where_filed) in [
            (json!(null), Ok("test"), Err(1)),
            (json!([]), Ok("test"), Err(1)),
            (json!([{ "Key": "IsTest", "Value": "" }]), Ok("test"), Err(1)),
            (json!([{ "Key": "istest", "Value": "True" }]), Ok("test"), Ok("test")),
            (json!({ "IsTest": true }), Ok("test"), Ok("test")),
            (json!({ "IsTest": false }), Ok("production"), Ok("production")),
            (json!([{ "key": "IsTest", "value": "FALSE" }]), Ok("production"), Ok("production")),
            (json!({ "IsTest": "no" }), Err(1), Err(1)),
            (json!({ "IsTest": 0 }), Err(1), Err(1)),
            (json!({ "IsTest": "false", "istest": "true" }), Err(2), Err(2)),
            (
                json!([{ "Key": "IsTest", "Value": "true" }, { "Key": "IsTest", "Value": "false" }]),
                Err(1),
                Err(1),
            ),
            (json!("IsTest"), Err(1), Err(2)),
            (json!(["IsTest"]), Err(1), Err(2)),
        ] {
            // How many rules are broken is not what matters here.
            let expected = |of: Result<&str, usize>| of.map(Value::from).map_err(drop);
            let mode = |allowed| mode(is_test.clone(), allowed).map_err(drop);
            assert_eq!(mode(Mode::Test), expected(at_tests), "{is_test}");
            assert_eq!(mode(Mode::Production), expected(where_filed), "{is_test}");
        }
    }

    #[test]
    fn the_company_stays_whoever_reports() {
        let reporter = |given: Value| {
            super::reporter(&mut Members::of(given, "", &mut Vec::new()).unwrap(), &options(Mode::Test))
        };
        assert_eq!(reporter(json!({ "ReporterName": "A B" })), Value::Null);
        let named = reporter(json!({ "reporteremail": "a@b.example", "ReporterName": "Ada van Dam" }));
        let expected = json!({ "emails": [{ "email": "a@b.example" }], "first_name": "Ada van", "last_name": "Dam",
            "legal_url": "https://a.example/legal" });
        assert_eq!(named, expected);
        assert_eq!(reporter(json!({ "ReporterEmail": "a", "ReporterName": "Ada" }))["first_name"], "Ada");
    }
}
