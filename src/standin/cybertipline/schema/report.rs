//! `<report>`: what happened, and where.

use super::Kind::{Boolean, Filled, Number, Past, Text, Url, Word};
use super::Times::{Many, One, Optional};
use super::parts::{ADDRESS, EMAIL, IP_EVENT, PHONE, flag};
use super::people::{LAW_ENFORCEMENT, RECIPIENT, REPORTED, REPORTER, VICTIM};
use super::words::{BATCH_REASONS, INCIDENT_TYPES};
use super::{Content, Element, TEXT, attribute, many, needed_attribute, nested, one, optional, sequence};

/// `<report>`.
pub(in super::super) static REPORT: Element = sequence(&[
    nested("batchedReport", Optional, &BATCH),
    nested("incidentSummary", One, &SUMMARY),
    nested("internetDetails", Many, &INTERNET),
    nested("lawEnforcement", Optional, &LAW_ENFORCEMENT),
    nested("reporter", One, &REPORTER),
    // More than one is for batches alone, which is among the rules.
    nested("personOrUserReported", Many, &REPORTED),
    nested("intendedRecipient", Many, &RECIPIENT),
    nested("victim", Many, &VICTIM),
    optional("additionalInfo", TEXT),
]);

static BATCH: Element =
    Element { attributes: &[needed_attribute("reason", Word(BATCH_REASONS))], content: Content::Nothing };

static SUMMARY: Element = sequence(&[
    one("incidentType", Word(INCIDENT_TYPES)),
    optional("platform", Text(256)),
    optional("escalateToHighPriority", Filled(3000)),
    nested("reportAnnotations", Optional, &ANNOTATIONS),
    one("incidentDateTime", Past),
    optional("incidentDateTimeDescription", Text(3000)),
]);

static ANNOTATIONS: Element = Element {
    attributes: &[],
    content: Content::Any(&[
        flag("sextortion"),
        flag("csamSolicitation"),
        flag("minorToMinorInteraction"),
        flag("spam"),
        flag("sadisticOnlineExploitation"),
        flag("informational"),
    ]),
};

static INTERNET: Element = Element {
    attributes: &[],
    content: Content::OneOf(&[
        nested("webPageIncident", One, &WEB_PAGE),
        nested("emailIncident", One, &EMAIL_INCIDENT),
        nested("newsgroupIncident", One, &NEWSGROUP),
        nested("chatImIncident", One, &CHAT),
        nested("onlineGamingIncident", One, &GAMING),
        nested("cellPhoneIncident", One, &CELL_PHONE),
        nested("nonInternetIncident", One, &NON_INTERNET),
        nested("peer2peerIncident", One, &PEER_TO_PEER),
    ]),
};

static WEB_PAGE: Element = Element {
    attributes: &[attribute("thirdPartyHostedContent", Boolean)],
    content: Content::Sequence(&[many("url", Url), optional("additionalInfo", TEXT)]),
};

static EMAIL_INCIDENT: Element = sequence(&[
    nested("emailAddress", Many, &EMAIL),
    optional("content", TEXT),
    optional("additionalInfo", TEXT),
]);

static NEWSGROUP: Element = sequence(&[
    optional("name", Text(255)),
    nested("emailAddress", Many, &EMAIL),
    optional("content", TEXT),
    optional("additionalInfo", TEXT),
]);

static CHAT: Element = sequence(&[
    optional("chatClient", Text(255)),
    optional("chatRoomName", Text(255)),
    optional("content", TEXT),
    optional("additionalInfo", TEXT),
]);

static GAMING: Element = sequence(&[
    optional("gameName", Text(255)),
    optional("console", Text(255)),
    optional("content", TEXT),
    optional("additionalInfo", TEXT),
]);

static CELL_PHONE: Element = sequence(&[
    nested("phoneNumber", Optional, &PHONE),
    optional("latitude", Number),
    optional("longitude", Number),
    optional("additionalInfo", TEXT),
]);

static NON_INTERNET: Element = sequence(&[
    optional("locationName", Text(255)),
    nested("incidentAddress", Many, &ADDRESS),
    optional("additionalInfo", TEXT),
]);

static PEER_TO_PEER: Element = sequence(&[
    optional("client", Text(255)),
    nested("ipCaptureEvent", Many, &IP_EVENT),
    optional("fileNames", TEXT),
    optional("additionalInfo", TEXT),
]);
