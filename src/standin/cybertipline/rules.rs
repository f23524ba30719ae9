//! What no table can say: rules between elements. The documents have passed the tables.

use std::collections::HashSet;

use super::moment::time;
use super::schema::words::{STATES, SUPPLEMENTAL};
use super::text::is_true;
use super::tree::Node;

/// What a batch may not have.
const NOT_IN_BATCHES: [&[&str]; 6] = [
    &["incidentSummary", "escalateToHighPriority"],
    &["internetDetails"],
    &["lawEnforcement"],
    &["intendedRecipient"],
    &["victim"],
    &["additionalInfo"],
];

/// What a file of a batch may not have.
const NOT_OF_BATCHED_FILES: [&str; 7] = [
    "originalFileName",
    "locationOfFile",
    "originalFileHash",
    "ipCaptureEvent",
    "deviceId",
    "details",
    "additionalInfo",
];

/// The annotations of which a file of a batch has one or both, and no other.
const OF_BATCHED_FILES: [&str; 2] = ["viral", "potentialMeme"];

/// Whether a report is a batch.
pub(super) fn is_batch(report: &Node) -> bool {
    report.child("batchedReport").is_some()
}

/// Rules of `<report>`.
pub(super) fn report(report: &Node) -> Result<(), String> {
    report.visit(&mut |node| anywhere(node))?;
    let reporter = report.child("reporter").and_then(|reporter| reporter.child("reportingPerson"));
    if reporter.is_none_or(|person| person.child("email").is_none()) {
        return Err("report/reporter/reportingPerson/email: this is missing".into());
    }
    if is_batch(report) {
        return batch(report);
    }
    if report.all("personOrUserReported").count() > 1 {
        return Err("report/personOrUserReported: only a batch has more than one".into());
    }
    emails_of_incidents(report)
}

fn batch(report: &Node) -> Result<(), String> {
    for path in NOT_IN_BATCHES {
        let found = path.iter().try_fold(report, |node, name| node.child(name));
        if found.is_some() {
            return Err(format!("report/{}: a batch may not have it", path.join("/")));
        }
    }
    let mut reported = report.all("personOrUserReported").flat_map(|reported| &reported.children);
    match reported.all(|child| child.name == "espIdentifier") {
        true => Ok(()),
        false => Err("report/personOrUserReported: in a batch it may have nothing but espIdentifier".into()),
    }
}

/// Addresses that an incident names have to be somebody's.
fn emails_of_incidents(report: &Node) -> Result<(), String> {
    let people = ["personOrUserReported", "intendedRecipient", "victim"];
    let persons = ["personOrUserReportedPerson", "intendedRecipientPerson", "victimPerson"];
    let people = people.iter().zip(persons);
    let known: HashSet<String> = people
        .flat_map(|(group, person)| report.all(group).filter_map(move |one| one.child(person)))
        .flat_map(|person| person.all("email"))
        .map(|email| email.text.to_ascii_lowercase())
        .collect();
    let incidents = report.all("internetDetails").flat_map(|details| &details.children);
    for incident in
        incidents.filter(|incident| ["emailIncident", "newsgroupIncident"].contains(&&*incident.name))
    {
        let is_known = |email: &Node| known.contains(&email.text.to_ascii_lowercase());
        if !incident.all("emailAddress").all(is_known) {
            return Err(format!(
                "report/internetDetails/{}/emailAddress: this must also be an address of personOrUserReported, an intendedRecipient or a victim",
                incident.name
            ));
        }
    }
    Ok(())
}

/// Rules of `<fileDetails>`.
pub(super) fn file(details: &Node, is_batched: bool) -> Result<(), String> {
    details.visit(&mut |node| anywhere(node))?;
    let is_set = |name| details.text_of(name).and_then(is_true) == Some(true);
    if is_set("exifViewedByEsp") && !is_set("fileViewedByEsp") {
        return Err("fileDetails/exifViewedByEsp: not without fileViewedByEsp".into());
    }
    let annotations = details.child("fileAnnotations");
    if annotations.is_some() && details.child("potentialMeme").is_some() {
        return Err("fileDetails/potentialMeme: not next to fileAnnotations".into());
    }
    let is_meme =
        is_set("potentialMeme") || annotations.is_some_and(|all| all.child("potentialMeme").is_some());
    let is_classified = details.child("industryClassification").is_some();
    // The value was held against its words as it stands, without blanks.
    let is_supplemental = details.text_of("fileRelevance") == Some(SUPPLEMENTAL);
    if is_supplemental && (is_meme || is_classified) {
        let what = if is_meme { "potentialMeme" } else { "industryClassification" };
        return Err(format!("fileDetails/fileRelevance: {SUPPLEMENTAL} goes without {what}"));
    }
    if is_batched { batched_file(details, is_supplemental) } else { Ok(()) }
}

fn batched_file(details: &Node, is_supplemental: bool) -> Result<(), String> {
    if let Some(name) = NOT_OF_BATCHED_FILES.iter().find(|name| details.child(name).is_some()) {
        return Err(format!("fileDetails/{name}: a file of a batch may not have it"));
    }
    if is_supplemental {
        return Err("fileDetails/fileRelevance: a file of a batch is Reported".into());
    }
    let annotations = details.child("fileAnnotations").map_or(&[][..], |all| &all.children);
    let is_right = |annotation: &Node| OF_BATCHED_FILES.contains(&&*annotation.name);
    match !annotations.is_empty() && annotations.iter().all(is_right) {
        true => Ok(()),
        false => Err("fileDetails/fileAnnotations: a file of a batch is viral, potentialMeme or both, and nothing else".into()),
    }
}

/// Rules of elements that stand in several places.
fn anywhere(node: &Node) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{}: {why}", node.name));
    match &*node.name {
        "phone" | "phoneNumber" | "email" | "emailAddress" => {
            let is_verified = node.attribute("verified").and_then(|text| is_true(text.trim()));
            if node.attribute("verificationDate").is_some() && is_verified != Some(true) {
                return wrong("verified must be true where verificationDate stands");
            }
            let code = node.attribute("countryCallingCode");
            if code.is_some_and(|code| node.text.trim_start().starts_with(code)) {
                return wrong("the number may not begin with its countryCallingCode");
            }
        }
        "accountTemporarilyDisabled" | "accountPermanentlyDisabled" => return disabled(node),
        "estimatedLocation" => return location(node),
        "associatedAccount"
            if ["approximateAge", "dateOfBirth"].iter().all(|name| node.child(name).is_some()) =>
        {
            return wrong("approximateAge and dateOfBirth exclude each other");
        }
        _ => {}
    }
    Ok(())
}

fn disabled(node: &Node) -> Result<(), String> {
    let date = |name| node.attribute(name).and_then(|text| time(text.trim()).ok());
    let (from, notified, until) = (date("disabledDate"), date("userNotifiedDate"), date("reenabledDate"));
    let name = &node.name;
    if from.zip(notified).is_some_and(|(from, notified)| notified < from) {
        return Err(format!("{name}/@userNotifiedDate: not before disabledDate"));
    }
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        return Err(format!("{name}/@reenabledDate: not before disabledDate, nor at the same time"));
    }
    Ok(())
}

fn location(node: &Node) -> Result<(), String> {
    if node.text_of("countryCode") != Some("US") {
        return Ok(());
    }
    let region = node.text_of("region").filter(|region| !region.is_empty());
    match region {
        Some(region) if !STATES.contains(&region) => {
            Err("estimatedLocation/region: this must be a state or territory, by its letters, where the country is US".into())
        }
        None if node.child("city").is_some() => {
            Err("estimatedLocation/region: this is missing, where there is a city and the country is US".into())
        }
        _ => Ok(()),
    }
}
