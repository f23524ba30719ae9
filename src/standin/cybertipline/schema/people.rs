//! Who reports, who is reported, whom it was meant for and whom it hurt.

use super::Kind::{Boolean, PastDay, Text, Url, Word};
use super::Times::{Many, One, Optional};
use super::parts::{
    ACCOUNT, ADDRESS, AGE, DEVICE, EMAIL, IP_EVENT, LOCATION, PERMANENTLY_DISABLED, PHONE,
    TEMPORARILY_DISABLED,
};
use super::words::COUNTRIES;
use super::{Content, Element, REPORT_ID, TEXT, attribute, many, nested, one, optional, sequence};

static PERSON: Element = sequence(&[
    optional("firstName", Text(100)),
    optional("lastName", Text(100)),
    nested("phone", Many, &PHONE),
    nested("email", Many, &EMAIL),
    nested("address", Many, &ADDRESS),
    optional("age", AGE),
    optional("ageAssertionDiscrepancy", Boolean),
    optional("dateOfBirth", PastDay),
]);

static CONTACT: Element = sequence(&[
    optional("firstName", Text(100)),
    optional("lastName", Text(100)),
    nested("phone", Many, &PHONE),
    nested("email", Many, &EMAIL),
    nested("address", Many, &ADDRESS),
]);

static PROCESS: Element =
    Element { attributes: &[attribute("fleaCountry", Word(COUNTRIES))], content: Content::Text(Boolean) };

pub(super) static LAW_ENFORCEMENT: Element = sequence(&[
    one("agencyName", Text(255)),
    optional("caseNumber", Text(100)),
    nested("officerContact", Optional, &CONTACT),
    optional("reportedToLe", Boolean),
    optional("servedLegalProcessDomestic", Boolean),
    nested("servedLegalProcessInternational", Optional, &PROCESS),
]);

pub(super) static REPORTER: Element = sequence(&[
    nested("reportingPerson", One, &PERSON),
    nested("contactPerson", Optional, &CONTACT),
    optional("companyTemplate", TEXT),
    optional("termsOfService", TEXT),
    optional("legalURL", Url),
]);

pub(super) static REPORTED: Element = sequence(&[
    nested("personOrUserReportedPerson", Optional, &PERSON),
    optional("vehicleDescription", Text(300)),
    optional("espIdentifier", Text(255)),
    optional("espService", Text(100)),
    optional("compromisedAccount", Boolean),
    optional("screenName", Text(256)),
    many("displayName", Text(255)),
    many("profileUrl", Url),
    optional("profileBio", TEXT),
    nested("ipCaptureEvent", Many, &IP_EVENT),
    nested("deviceId", Many, &DEVICE),
    optional("thirdPartyUserReported", Boolean),
    many("priorCTReports", REPORT_ID),
    optional("groupIdentifier", Text(255)),
    nested("accountTemporarilyDisabled", Optional, &TEMPORARILY_DISABLED),
    nested("accountPermanentlyDisabled", Optional, &PERMANENTLY_DISABLED),
    nested("estimatedLocation", Optional, &LOCATION),
    optional("allEmailsReported", Boolean),
    nested("associatedAccount", Many, &ACCOUNT),
    optional("additionalInfo", TEXT),
]);

pub(super) static RECIPIENT: Element = sequence(&[
    nested("intendedRecipientPerson", Optional, &PERSON),
    optional("espIdentifier", Text(255)),
    optional("espService", Text(100)),
    optional("compromisedAccount", Boolean),
    optional("screenName", Text(256)),
    many("displayName", Text(255)),
    many("profileUrl", Url),
    optional("profileBio", TEXT),
    nested("ipCaptureEvent", Many, &IP_EVENT),
    nested("deviceId", Many, &DEVICE),
    many("priorCTReports", REPORT_ID),
    optional("groupIdentifier", Text(255)),
    nested("accountTemporarilyDisabled", Optional, &TEMPORARILY_DISABLED),
    nested("accountPermanentlyDisabled", Optional, &PERMANENTLY_DISABLED),
    nested("estimatedLocation", Optional, &LOCATION),
    optional("allEmailsReported", Boolean),
    many("additionalInfo", TEXT),
]);

pub(super) static VICTIM: Element = sequence(&[
    nested("victimPerson", One, &PERSON),
    optional("espIdentifier", Text(255)),
    optional("espService", Text(100)),
    optional("compromisedAccount", Boolean),
    optional("screenName", Text(256)),
    many("displayName", Text(255)),
    many("profileUrl", Url),
    optional("profileBio", TEXT),
    nested("ipCaptureEvent", Many, &IP_EVENT),
    nested("deviceId", Many, &DEVICE),
    optional("schoolName", Text(255)),
    many("priorCTReports", REPORT_ID),
    nested("accountTemporarilyDisabled", Optional, &TEMPORARILY_DISABLED),
    nested("accountPermanentlyDisabled", Optional, &PERMANENTLY_DISABLED),
    nested("estimatedLocation", Optional, &LOCATION),
    optional("allEmailsReported", Boolean),
    nested("associatedAccount", Many, &ACCOUNT),
    optional("additionalInfo", TEXT),
]);
