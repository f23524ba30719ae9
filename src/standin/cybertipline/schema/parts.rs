//! What stands in several places: addresses, events, accounts.

use super::Kind::{
    Boolean, CallingCode, Email, Extension, Filled, Flag, Ip, Past, PastDay, Text, Time, Url, Whole, Word,
};
use super::Times::{Many, Optional};
use super::words::{ACCOUNT_TYPES, ADDRESS_TYPES, COUNTRIES, EMAIL_TYPES, EVENTS, PHONE_TYPES, STATES};
use super::{
    Content, Element, REPORT_ID, TEXT, attribute, many, needed_attribute, nested, one, optional, sequence,
};

/// Ages in years.
pub(super) const AGE: super::Kind = Whole(0, 150);

/// An element that says something by standing there.
pub(super) const fn flag(name: &'static str) -> super::Child {
    optional(name, Flag)
}

pub(super) static PHONE: Element = Element {
    attributes: &[
        attribute("type", Word(PHONE_TYPES)),
        attribute("verified", Boolean),
        attribute("verificationDate", Past),
        attribute("countryCallingCode", CallingCode),
        attribute("extension", Extension),
    ],
    content: Content::Text(Text(50)),
};

pub(super) static EMAIL: Element = Element {
    attributes: &[
        attribute("type", Word(EMAIL_TYPES)),
        attribute("verified", Boolean),
        attribute("verificationDate", Past),
    ],
    content: Content::Text(Email),
};

pub(super) static ADDRESS: Element = Element {
    attributes: &[attribute("type", Word(ADDRESS_TYPES))],
    content: Content::Sequence(&[
        optional("address", Text(255)),
        optional("city", Text(100)),
        optional("zipCode", Text(20)),
        optional("state", Word(STATES)),
        optional("nonUsaState", Text(100)),
        optional("country", Word(COUNTRIES)),
    ]),
};

pub(super) static IP_EVENT: Element = sequence(&[
    one("ipAddress", Ip),
    optional("eventName", Word(EVENTS)),
    optional("dateTime", Past),
    optional("possibleProxy", Boolean),
    optional("port", Whole(1, 65_535)),
]);

pub(super) static DEVICE: Element = sequence(&[
    one("idType", Filled(255)),
    one("idValue", Filled(2083)),
    optional("eventName", Word(EVENTS)),
    optional("dateTime", Past),
]);

pub(super) static LOCATION: Element = Element {
    attributes: &[attribute("verified", Boolean), attribute("timestamp", Past)],
    content: Content::Sequence(&[
        optional("city", Text(255)),
        optional("region", Text(255)),
        // The schema would let it be absent, the documentation does not.
        one("countryCode", Word(COUNTRIES)),
    ]),
};

pub(super) static TEMPORARILY_DISABLED: Element = Element {
    attributes: &[
        attribute("disabledDate", Past),
        attribute("userNotified", Boolean),
        attribute("userNotifiedDate", Past),
        attribute("reenabledDate", Time),
    ],
    content: Content::Text(Boolean),
};

pub(super) static PERMANENTLY_DISABLED: Element = Element {
    attributes: &[
        attribute("disabledDate", Past),
        attribute("userNotified", Boolean),
        attribute("userNotifiedDate", Past),
    ],
    content: Content::Text(Boolean),
};

static PLATFORM: Element =
    Element { attributes: &[attribute("thirdPartyUser", Boolean)], content: Content::Text(Text(256)) };

pub(super) static ACCOUNT: Element = Element {
    attributes: &[needed_attribute("type", Word(ACCOUNT_TYPES))],
    content: Content::Sequence(&[
        nested("platform", Optional, &PLATFORM),
        optional("firstName", Text(256)),
        optional("middleName", Text(256)),
        optional("lastName", Text(256)),
        optional("approximateAge", AGE),
        optional("ageAssertionDiscrepancy", Boolean),
        optional("dateOfBirth", PastDay),
        nested("phone", Many, &PHONE),
        nested("email", Many, &EMAIL),
        optional("allEmailsReported", Boolean),
        nested("address", Many, &ADDRESS),
        optional("espService", Text(256)),
        optional("espIdentifier", Text(256)),
        many("profileUrl", Url),
        optional("screenName", Text(256)),
        many("displayName", Text(255)),
        optional("profileBio", TEXT),
        optional("groupIdentifier", Text(256)),
        optional("compromisedAccount", Boolean),
        nested("accountTemporarilyDisabled", Optional, &TEMPORARILY_DISABLED),
        nested("accountPermanentlyDisabled", Optional, &PERMANENTLY_DISABLED),
        nested("ipCaptureEvent", Many, &IP_EVENT),
        nested("deviceId", Many, &DEVICE),
        many("priorCTReport", REPORT_ID),
        optional("additionalInfo", TEXT),
    ]),
};
