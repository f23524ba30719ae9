//! A report that a person asks for, made of a confirmed item by a form.
//!
//! What is known stands in the form already. Whether a file was viewed is said by the audit: a person may say less than it, and never more. The form has the
//! number of reports that the item had when it was opened, and that is a part of the report's key: a form that is sent twice is one report.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::super::app::{Shared, aside};
use super::super::problem::{Answer, Problem};
use super::deciding::incident;
use super::form::Fields;
use super::frame::{self, Text, utc};
use super::html::{self, Token};
use super::item::{classes, incidents};
use super::session::{Change, Person};
use super::{ask as ask_review, now, to_item};
use crate::report::model::words::IncidentType;
use crate::report::{Mode, SubmitError};
use crate::review::{Item, ItemState, Picture, Sitting};

/// An empty form.
pub(super) async fn ask(
    State(app): State<Shared>,
    person: Person,
    Path(id): Path<String>,
) -> Answer<Response> {
    person.check_report()?;
    let (item, sitting) = confirmed(&app, &person, id).await?;
    let form = Form { person: &person, item: &item, production: production(&app)?, fields: &first(&item) };
    Ok(html::page(&person, &sitting, "Report", &form.page(&[])))
}

/// Makes the report, or says what is wrong with it.
pub(super) async fn submit(
    State(app): State<Shared>,
    Path(id): Path<String>,
    change: Change,
) -> Answer<Response> {
    let Change { person, fields } = change;
    person.check_report()?;
    let (item, sitting) = confirmed(&app, &person, id).await?;
    let wrong = match made(&app, &person, &item, &fields).await? {
        Ok(()) => return Ok(to_item(&item.id)),
        Err(wrong) => wrong,
    };
    let form = Form { person: &person, item: &item, production: production(&app)?, fields: &fields };
    let mut page = html::page(&person, &sitting, "Report", &form.page(&wrong));
    *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(page)
}

/// An item that may be reported.
async fn confirmed(app: &Shared, person: &Person, id: String) -> Answer<(Item, Sitting)> {
    let who = person.id().to_string();
    let found = ask_review(app, move |review| Ok((review.item(&id)?, review.sitting(&who)?)));
    let (item, sitting) = found.await?;
    let item = item.ok_or_else(|| Problem::not_found("there is no such item"))?;
    if item.state != ItemState::Confirmed || item.erased.is_some() {
        let detail = "only what is confirmed, and not erased, is reported";
        return Err(Problem::new(StatusCode::CONFLICT, "review", detail));
    }
    Ok((item, sitting))
}

/// Whether the configuration lets reports be filed.
fn production(app: &Shared) -> Answer<bool> {
    Ok(app.reports()?.options().mode == Mode::Production)
}

/// Submits what the form asks for and notes it with the item; or the broken rules.
async fn made(
    app: &Shared,
    person: &Person,
    item: &Item,
    fields: &Fields,
) -> Answer<Result<(), Vec<String>>> {
    let report = report(item, fields)?.to_string();
    let key = format!("review:{}:{}", item.id, fields.text("number"));
    let (app, id, who) = (app.clone(), item.id.clone(), person.id().to_string());
    aside(move || {
        let reports = app.reports()?;
        let report = match reports.outbox().parse(&report) {
            Ok(report) => report,
            Err(problems) => return Ok(Err(problems.iter().map(ToString::to_string).collect())),
        };
        let submitted = reports.outbox_by(&who).submit(Some(&key), report);
        reports.wake();
        match submitted {
            Ok(submitted) => Ok(Ok(app.reviewing()?.review().link(&id, &submitted.id, &who, now())?)),
            Err(SubmitError::Problems(problems)) => {
                Ok(Err(problems.iter().map(ToString::to_string).collect()))
            }
            Err(SubmitError::Conflict) => {
                Ok(Err(vec!["another report was made by this form meanwhile: open the item again".into()]))
            }
            Err(SubmitError::Failed(error)) => Err(error.into()),
        }
    })
    .await
}

/// The report that a form asks for, as JSON.
fn report(item: &Item, fields: &Fields) -> Answer<Value> {
    let mode = if fields.text("mode") == Mode::Production.word() { Mode::Production } else { Mode::Test };
    let mut incident_of =
        members(fields, &[("time", "time"), ("platform", "platform"), ("escalate", "escalate")]);
    incident_of.insert("type".into(), json!(incident(fields)?));
    let mut report = Map::new();
    report.insert("mode".into(), json!(mode));
    report.insert("incident".into(), Value::Object(incident_of));
    if let Some(url) = fields.given("url") {
        report.insert("internet".into(), json!([{ "web_page": { "urls": [url] } }]));
    }
    let reported = reported(fields);
    if !reported.is_empty() {
        report.insert("reported".into(), Value::Object(reported));
    }
    report.append(&mut members(fields, &[("additional_info", "additional_info")]));
    let chosen = item.pictures.iter().filter(|picture| fields.is_ticked(&format!("file{}", picture.place)));
    report.insert("files".into(), chosen.map(|picture| file(picture, fields)).collect());
    Ok(Value::Object(report))
}

/// Members of these names with what fields of the others say, where they say anything.
fn members(fields: &Fields, names: &[(&str, &str)]) -> Map<String, Value> {
    let given = names.iter().filter_map(|(member, field)| Some((member, fields.given(field)?)));
    given.map(|(member, text)| (member.to_string(), json!(text))).collect()
}

fn reported(fields: &Fields) -> Map<String, Value> {
    let mut reported =
        members(fields, &[("esp_identifier", "esp_identifier"), ("screen_name", "screen_name")]);
    if let Some(email) = fields.given("email") {
        reported.insert("emails".into(), json!([{ "email": email }]));
    }
    if let Some(ip) = fields.given("ip") {
        let mut event = members(fields, &[("time", "ip_time")]);
        event.insert("ip".into(), json!(ip));
        event.insert("event".into(), json!("Upload"));
        reported.insert("ip_events".into(), json!([event]));
    }
    reported
}

fn file(picture: &Picture, fields: &Fields) -> Value {
    let place = picture.place;
    let field = |name: &str| format!("{name}{place}");
    let class = fields.text(&field("class"));
    let mut file = Map::new();
    file.insert("id".into(), json!(format!("f{}", place + 1)));
    file.insert("evidence".into(), json!(format!("sha256:{}", picture.evidence)));
    // Never more than the audit says.
    file.insert("viewed".into(), json!(picture.is_viewed() && fields.is_ticked(&field("viewed"))));
    file.insert("relevance".into(), json!("Reported"));
    if !class.is_empty() {
        file.insert("classification".into(), json!(class));
    }
    if let Some(name) = fields.given(&field("name")) {
        file.insert("name".into(), json!(name));
    }
    match fields.text(&field("public")) {
        "yes" => file.insert("public".into(), json!(true)),
        "no" => file.insert("public".into(), json!(false)),
        _ => None,
    };
    Value::Object(file)
}

/// The fields of a form that nobody filled in.
fn first(item: &Item) -> Fields {
    let arrived = item.pictures.iter().filter_map(|picture| picture.first.as_ref()).map(|(_, time)| *time);
    let decided = item.decided.as_ref();
    let mut all = vec![
        ("mode".to_string(), Mode::Test.word().to_string()),
        ("number".to_string(), item.reports.len().to_string()),
        ("time".to_string(), utc(arrived.min().unwrap_or(item.created))),
    ];
    let kind = decided.and_then(|decided| decided.incident).unwrap_or(IncidentType::ChildPornography);
    all.push(("incident".to_string(), kind.word().to_string()));
    let class = decided.and_then(|decided| decided.classification).map_or("", |class| class.word());
    for picture in &item.pictures {
        let reference = picture.first.as_ref().map_or("", |(arrived, _)| &arrived.reference);
        let name = if reference == "-" { "" } else { reference };
        for (field, text) in [("file", "on"), ("viewed", "on"), ("class", class), ("name", name)] {
            all.push((format!("{field}{}", picture.place), text.to_string()));
        }
    }
    Fields::from(all)
}

/// The form, with what its fields hold.
struct Form<'a> {
    person: &'a Person,
    item: &'a Item,
    production: bool,
    fields: &'a Fields,
}

impl Form<'_> {
    fn page(&self, wrong: &[String]) -> String {
        let Form { person, item, fields, .. } = self;
        let id = Text(&item.id);
        let kind = incident(fields).ok().flatten().unwrap_or(IncidentType::ChildPornography);
        let files: String = item.pictures.iter().map(|picture| self.file(picture)).collect();
        let number = Text(fields.text("number"));
        let note = Text(fields.text("additional_info"));
        format!(
            "<section><h2>Report of item <code>{id}</code></h2>{}<form method=\"post\" action=\"/review/items/{id}/report\">{}\
             <input type=\"hidden\" name=\"number\" value=\"{number}\">{}\
             <fieldset><legend>Incident</legend><label class=\"line\">Type<select name=\"incident\">{}</select></label>{}{}{}</fieldset>\
             <fieldset><legend>Who is reported, as far as you know</legend>{}{}{}{}{}</fieldset>\
             <fieldset><legend>Files</legend>{files}</fieldset>\
             <label class=\"line\">What else is known<textarea name=\"additional_info\" rows=\"3\">{note}</textarea></label>\
             <p class=\"note\">The reporter is the one of the configuration. A report that is kept is sent at once.</p>\
             <button class=\"main\">Submit the report</button> <a href=\"/review/items/{id}\">Back without one</a></form></section>",
            mistakes(wrong),
            Token(person),
            self.mode(),
            incidents(kind),
            self.line("time", "Time, with its zone"),
            self.line("platform", "Platform"),
            self.line("url", "Address of the page where it was"),
            self.line("esp_identifier", "Your identifier of the account"),
            self.line("screen_name", "Screen name"),
            self.line("email", "E-mail"),
            self.line("ip", "IP address of the upload"),
            self.line("ip_time", "Its time, with its zone"),
        )
    }

    fn mode(&self) -> String {
        if !self.production {
            return "<p><strong>Test</strong>: it goes to the test host. The configuration allows no other.</p>\
                    <input type=\"hidden\" name=\"mode\" value=\"test\">"
                .to_string();
        }
        let modes = [
            ("test", "Test: it goes to the test host"),
            ("production", "Production: it is filed with NCMEC"),
        ];
        let modes = frame::options(modes, self.fields.text("mode"));
        format!("<label class=\"line\">Mode<select name=\"mode\">{modes}</select></label>")
    }

    fn line(&self, name: &str, says: &str) -> String {
        let value = Text(self.fields.text(name));
        format!(
            "<label class=\"line\">{says}<input name=\"{name}\" value=\"{value}\" autocomplete=\"off\"></label>"
        )
    }

    fn file(&self, picture: &Picture) -> String {
        let (place, fields) = (picture.place, self.fields);
        let text = |name: &str| fields.text(&format!("{name}{place}"));
        let ticked = |name: &str| if text(name).is_empty() { "" } else { " checked" };
        let viewed = match (picture.is_viewed(), picture.can_be_viewed()) {
            (true, _) => format!(
                "<label class=\"tick\"><input type=\"checkbox\" name=\"viewed{place}\" value=\"on\"{}> Somebody here viewed all of it</label>",
                ticked("viewed")
            ),
            (false, true) => "<p class=\"note\">Not viewed: not all of it was revealed here.</p>".to_string(),
            (false, false) => {
                "<p class=\"note\">Not viewed: what is shown here is not all of the file.</p>".to_string()
            }
        };
        let public = [("", "not known"), ("yes", "yes"), ("no", "no")];
        format!(
            "<div class=\"file\"><label class=\"tick\"><input type=\"checkbox\" name=\"file{place}\" value=\"on\"{}> Picture {}, <code>{}…</code></label>\
             <label class=\"line\">Name at upload<input name=\"name{place}\" value=\"{}\" autocomplete=\"off\"></label>\
             <label class=\"line\">Class<select name=\"class{place}\">{}</select></label>\
             <label class=\"line\">Could everybody see it?<select name=\"public{place}\">{}</select></label>{viewed}</div>",
            ticked("file"),
            place + 1,
            Text(picture.evidence.get(..12).unwrap_or_default()),
            Text(text("name")),
            classes(None, text("class")),
            frame::options(public, text("public")),
        )
    }
}

fn mistakes(wrong: &[String]) -> String {
    if wrong.is_empty() {
        return String::new();
    }
    let lines: String = wrong.iter().map(|line| format!("<li>{}</li>", Text(line))).collect();
    format!("<div role=\"alert\" class=\"wrong\"><p>Nothing was sent:</p><ul>{lines}</ul></div>")
}
