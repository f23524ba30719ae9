//! The published description's elements, written down a second time: a document is compared with this, and not with the tables that wrote it.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// A type a line: its attributes and children in order. `?` may be left out, `*` any number of times, `+` at least once; behind a colon the child's type, without
/// one it is text. `|` begins a type of which exactly one child stands there, `=` one that has text.
const SCHEMA: &str = "
report batchedReport?:batch incidentSummary:summary internetDetails*:internet lawEnforcement?:law reporter:reporter personOrUserReported?:reported intendedRecipient*:recipient victim*:victim additionalInfo?
batch @reason
summary incidentType platform? escalateToHighPriority? reportAnnotations?:annotations incidentDateTime incidentDateTimeDescription?
annotations sextortion?:empty csamSolicitation?:empty minorToMinorInteraction?:empty spam?:empty sadisticOnlineExploitation?:empty informational?:empty
empty
internet | webPageIncident?:web emailIncident?:mail newsgroupIncident?:news chatImIncident?:chat onlineGamingIncident?:gaming cellPhoneIncident?:cell nonInternetIncident?:elsewhere peer2peerIncident?:peer
web @thirdPartyHostedContent? url* additionalInfo?
mail emailAddress*:email content? additionalInfo?
news name? emailAddress*:email content? additionalInfo?
chat chatClient? chatRoomName? content? additionalInfo?
gaming gameName? console? content? additionalInfo?
cell phoneNumber?:phone latitude? longitude? additionalInfo?
elsewhere locationName? incidentAddress*:address additionalInfo?
peer client? ipCaptureEvent*:ip fileNames? additionalInfo?
law agencyName caseNumber? officerContact?:contact reportedToLe? servedLegalProcessDomestic? servedLegalProcessInternational?:process
process = @fleaCountry?
contact firstName? lastName? phone*:phone email*:email address*:address
person firstName? lastName? phone*:phone email*:email address*:address age? dateOfBirth?
reporter reportingPerson:person contactPerson?:contact companyTemplate? termsOfService? legalURL?
phone = @type? @verified? @verificationDate? @countryCallingCode? @extension?
email = @type? @verified? @verificationDate?
address @type? address? city? zipCode? state? nonUsaState? country?
ip ipAddress eventName? dateTime? possibleProxy? port?
device idType idValue eventName? dateTime?
place @verified? @timestamp? city? region? countryCode?
suspended = @disabledDate? @userNotified? @userNotifiedDate? @reenabledDate?
closed = @disabledDate? @userNotified? @userNotifiedDate?
platform = @thirdPartyUser?
account @type? platform?:platform firstName? middleName? lastName? approximateAge? dateOfBirth? phone*:phone email*:email allEmailsReported? address*:address espService? espIdentifier? profileUrl* screenName? displayName* profileBio? groupIdentifier? compromisedAccount? accountTemporarilyDisabled?:suspended accountPermanentlyDisabled?:closed ipCaptureEvent*:ip deviceId*:device priorCTReport* additionalInfo?
reported personOrUserReportedPerson?:person vehicleDescription? espIdentifier? espService? compromisedAccount? screenName? displayName* profileUrl* profileBio? ipCaptureEvent*:ip deviceId*:device thirdPartyUserReported? priorCTReports* groupIdentifier? accountTemporarilyDisabled?:suspended accountPermanentlyDisabled?:closed estimatedLocation?:place allEmailsReported? associatedAccount*:account additionalInfo?
recipient intendedRecipientPerson?:person espIdentifier? espService? compromisedAccount? screenName? displayName* profileUrl* profileBio? ipCaptureEvent*:ip deviceId*:device priorCTReports* groupIdentifier? accountTemporarilyDisabled?:suspended accountPermanentlyDisabled?:closed estimatedLocation?:place allEmailsReported? additionalInfo*
victim victimPerson:person espIdentifier? espService? compromisedAccount? screenName? displayName* profileUrl* profileBio? ipCaptureEvent*:ip deviceId*:device schoolName? priorCTReports* accountTemporarilyDisabled?:suspended accountPermanentlyDisabled?:closed estimatedLocation?:place allEmailsReported? associatedAccount*:account additionalInfo?
fileDetails reportId fileId originalFileName? uploadedToEspTimestamp? locationOfFile? fileViewedByEsp? exifViewedByEsp? publiclyAvailable? fileRelevance? fileAnnotations?:marks industryClassification? originalFileHash*:hash ipCaptureEvent?:ip deviceId*:device details*:details additionalInfo*
marks animeDrawingVirtualHentai?:empty potentialMeme?:empty viral?:empty possibleSelfProduction?:empty physicalHarm?:empty violenceGore?:empty bestiality?:empty liveStreaming?:empty infant?:empty generativeAi?:empty
hash = @hashType
details nameValuePair+:pair
pair @type? name value
";

/// How many children and attributes the schema has in all its types.
pub(in crate::report) fn parts() -> usize {
    SCHEMA
        .lines()
        .flat_map(|line| line.split_whitespace().skip(1))
        .filter(|word| !matches!(*word, "=" | "|"))
        .count()
}

#[derive(Default)]
struct Node {
    name: String,
    attributes: Vec<String>,
    text: String,
    children: Vec<Node>,
}

fn node(start: &BytesStart<'_>) -> Node {
    let attributes = start.attributes().map(|attribute| attribute.unwrap().key.as_ref().to_string());
    Node { name: start.name().as_ref().to_string(), attributes: attributes.collect(), ..Node::default() }
}

fn tree(text: &str) -> Result<Node, String> {
    let mut xml = Reader::from_str(text);
    let mut open = vec![Node::default()];
    loop {
        match xml.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => open.push(node(&start)),
            Event::Empty(start) => open.last_mut().unwrap().children.push(node(&start)),
            Event::Text(text) => open.last_mut().unwrap().text.push_str(&text),
            Event::GeneralRef(name) => open.last_mut().unwrap().text.push_str(&name),
            Event::End(_) => {
                let done = open.pop().unwrap();
                open.last_mut().ok_or("an end too many")?.children.push(done);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let mut root = open.pop().filter(|_| open.is_empty()).ok_or("an end is missing")?;
    root.children.pop().filter(|_| root.children.is_empty()).ok_or("it has not exactly one root".to_string())
}

/// Whether a document is of a type; what was met is counted.
pub(in crate::report) fn check(
    text: &str,
    kind: &str,
    met: &mut BTreeMap<String, u64>,
) -> Result<(), String> {
    let root = tree(text)?;
    if root.name != kind {
        return Err(format!("the root is {}", root.name));
    }
    compare(&root, kind, met)
}

fn compare(node: &Node, kind: &str, met: &mut BTreeMap<String, u64>) -> Result<(), String> {
    let line = SCHEMA.lines().find(|line| line.split(' ').next() == Some(kind)).ok_or("no such type")?;
    let words: Vec<&str> = line.split(' ').skip(1).collect();
    let (has_text, is_choice) = (words.contains(&"="), words.contains(&"|"));
    if has_text == node.text.trim().is_empty() {
        return Err(format!("{}: text", node.name));
    }
    if is_choice && node.children.len() != 1 {
        return Err(format!("{}: {} children", node.name, node.children.len()));
    }
    let (mut attributes, mut children) = (&node.attributes[..], &node.children[..]);
    for word in words.into_iter().filter(|word| !matches!(*word, "=" | "|")) {
        let (part, of) = word.split_once(':').unwrap_or((word, ""));
        let name = part.trim_matches(['@', '?', '*', '+']);
        let mut times = 0;
        if part.starts_with('@') {
            if attributes.first().is_some_and(|attribute| attribute == name) {
                (attributes, times) = (&attributes[1..], 1);
            }
        } else {
            while children.first().is_some_and(|child| child.name == name) {
                match of {
                    "" if !children[0].children.is_empty() || !children[0].attributes.is_empty() => {
                        return Err(format!("{name}: not text alone"));
                    }
                    "" if children[0].text.is_empty() => return Err(format!("{name}: empty")),
                    "" => {}
                    of => compare(&children[0], of, met)?,
                }
                (children, times) = (&children[1..], times + 1);
            }
        }
        let is_right = match part.chars().last() {
            Some('?') => times <= 1,
            Some('*') => true,
            Some('+') => times >= 1,
            _ => times == 1,
        };
        if !is_right {
            return Err(format!("{}: {times} times {name}", node.name));
        }
        if times > 0 {
            *met.entry(format!("{kind} {word}")).or_default() += 1;
        }
    }
    match (attributes.first(), children.first()) {
        (None, None) => Ok(()),
        (Some(attribute), _) => Err(format!("{}: {attribute} stands where it may not", node.name)),
        (_, Some(child)) => Err(format!("{}: {} stands where it may not", node.name, child.name)),
    }
}

#[test]
fn what_is_out_of_order_is_seen() {
    let check = |text: &str| check(text, "pair", &mut BTreeMap::new());
    assert!(check("<pair type=\"EXIF\"><name>a</name><value>b</value></pair>").is_ok());
    for wrong in [
        "<pair><value>b</value><name>a</name></pair>",
        "<pair><name>a</name></pair>",
        "<pair><name>a</name><name>a</name><value>b</value></pair>",
        "<pair><name>a</name><value>b</value><other/></pair>",
        "<pair other=\"1\"><name>a</name><value>b</value></pair>",
        "<pair><name><a/></name><value>b</value></pair>",
        "<other/>",
        "<pair>",
    ] {
        assert!(check(wrong).is_err(), "{wrong}");
    }
}
