//! What several elements have: people, addresses, devices, places.

use super::element::Kind::{
    CallingCode, Choice, Day, Email as EmailText, Extension, Flag, Inline, Ip, Number, Past, Text, Time,
};
use super::element::Times::Optional;
use super::element::{Field, Kind, Place, UNBOUNDED};
use super::words::{AccountType, AddressType, COUNTRIES, EmailType, EventName, PhoneType, STATES};
use crate::report::time::Moment;

/// The largest number that the schema's `long` holds.
pub(super) const LONG: i64 = i64::MAX;

elements! {
    /// A person.
    Person as PERSON {
        /// The first name.
        "first_name" first_name: Option<String>;
        /// The last name.
        "last_name" last_name: Option<String>;
        /// Telephone numbers.
        "phones" phones: Vec<Phone>;
        /// Addresses of e-mail.
        "emails" emails: Vec<Email>;
        /// Postal addresses.
        "addresses" addresses: Vec<Address>;
        /// The age in years.
        "age" age: Option<u16>;
        /// The day of birth: `2010-01-31`.
        "date_of_birth" date_of_birth: Option<String>;
    }
    in order {
        Field::optional("first_name", "firstName", Text(100)),
        Field::optional("last_name", "lastName", Text(100)),
        Field::many("phones", "phone", Kind::Element(&PHONE)),
        Field::many("emails", "email", Kind::Element(&EMAIL)),
        Field::many("addresses", "address", Kind::Element(&ADDRESS)),
        Field::optional("age", "age", Number(0, 150)),
        Field::optional("date_of_birth", "dateOfBirth", Day),
    }

    /// Somebody who can be asked.
    Contact as CONTACT {
        /// The first name.
        "first_name" first_name: Option<String>;
        /// The last name.
        "last_name" last_name: Option<String>;
        /// Telephone numbers.
        "phones" phones: Vec<Phone>;
        /// Addresses of e-mail.
        "emails" emails: Vec<Email>;
        /// Postal addresses.
        "addresses" addresses: Vec<Address>;
    }
    in order {
        Field::optional("first_name", "firstName", Text(100)),
        Field::optional("last_name", "lastName", Text(100)),
        Field::many("phones", "phone", Kind::Element(&PHONE)),
        Field::many("emails", "email", Kind::Element(&EMAIL)),
        Field::many("addresses", "address", Kind::Element(&ADDRESS)),
    }

    /// A telephone number.
    Phone as PHONE {
        /// The number.
        "number" number: Option<String>;
        /// What it is for.
        "type" kind: Option<PhoneType>;
        /// Whether somebody showed that it is theirs.
        "verified" verified: Option<bool>;
        /// When they did.
        "verified_at" verified_at: Option<Moment>;
        /// The country's code, such as `+1`.
        "calling_code" calling_code: Option<String>;
        /// The extension, in digits.
        "extension" extension: Option<String>;
    }
    in order {
        Field::content("number", Text(50)),
        Field::attribute("type", "type", Optional, Choice(PhoneType::WORDS)),
        Field::attribute("verified", "verified", Optional, Flag),
        Field::attribute("verified_at", "verificationDate", Optional, Past),
        Field::attribute("calling_code", "countryCallingCode", Optional, CallingCode),
        Field::attribute("extension", "extension", Optional, Extension),
    }

    /// An address of e-mail.
    Email as EMAIL {
        /// The address.
        "email" email: Option<String>;
        /// What it is for.
        "type" kind: Option<EmailType>;
        /// Whether somebody showed that it is theirs.
        "verified" verified: Option<bool>;
        /// When they did.
        "verified_at" verified_at: Option<Moment>;
    }
    in order {
        Field::content("email", EmailText),
        Field::attribute("type", "type", Optional, Choice(EmailType::WORDS)),
        Field::attribute("verified", "verified", Optional, Flag),
        Field::attribute("verified_at", "verificationDate", Optional, Past),
    }

    /// A postal address.
    Address as ADDRESS {
        /// What it is for.
        "type" kind: Option<AddressType>;
        /// Street and number.
        "address" address: Option<String>;
        /// The town.
        "city" city: Option<String>;
        /// The postal code.
        "zip_code" zip_code: Option<String>;
        /// The state of the United States, two letters.
        "state" state: Option<String>;
        /// The state or province elsewhere.
        "non_usa_state" non_usa_state: Option<String>;
        /// The country, two letters.
        "country" country: Option<String>;
    }
    in order {
        Field::attribute("type", "type", Optional, Choice(AddressType::WORDS)),
        Field::optional("address", "address", Text(255)),
        Field::optional("city", "city", Text(100)),
        Field::optional("zip_code", "zipCode", Text(20)),
        Field::optional("state", "state", Choice(STATES)),
        Field::optional("non_usa_state", "nonUsaState", Text(100)),
        Field::optional("country", "country", Choice(COUNTRIES)),
    }

    /// An IP address, and when it was seen.
    IpEvent as IP_EVENT {
        /// The address.
        "ip" ip: Option<String>;
        /// What happened.
        "event" event: Option<EventName>;
        /// When.
        "time" time: Option<Moment>;
        /// Whether it may be a proxy's.
        "proxy" proxy: Option<bool>;
        /// The port.
        "port" port: Option<u16>;
    }
    in order {
        Field::one("ip", "ipAddress", Ip),
        Field::optional("event", "eventName", Choice(EventName::WORDS)),
        Field::optional("time", "dateTime", Past),
        Field::optional("proxy", "possibleProxy", Flag),
        Field::optional("port", "port", Number(1, 65_535)),
    }

    /// A device, and when it was seen.
    Device as DEVICE {
        /// What the number is, such as `IMEI`.
        "type" kind: Option<String>;
        /// The number.
        "value" value: Option<String>;
        /// What happened.
        "event" event: Option<EventName>;
        /// When.
        "time" time: Option<Moment>;
    }
    in order {
        Field::one("type", "idType", Text(255)),
        Field::one("value", "idValue", Text(2083)),
        Field::optional("event", "eventName", Choice(EventName::WORDS)),
        Field::optional("time", "dateTime", Past),
    }

    /// Where somebody probably is.
    Location as LOCATION {
        /// Whether it was verified.
        "verified" verified: Option<bool>;
        /// When that was so.
        "time" time: Option<Moment>;
        /// The town.
        "city" city: Option<String>;
        /// The region.
        "region" region: Option<String>;
        /// The country, two letters.
        "country" country: Option<String>;
    }
    in order {
        Field::attribute("verified", "verified", Optional, Flag),
        Field::attribute("time", "timestamp", Optional, Past),
        Field::optional("city", "city", Text(255)),
        Field::optional("region", "region", Text(255)),
        Field::optional("country", "countryCode", Choice(COUNTRIES)),
    }

    /// Whether an account was disabled for a time.
    Suspension as SUSPENSION {
        /// Whether it was.
        "disabled" disabled: Option<bool>;
        /// When.
        "time" time: Option<Moment>;
        /// Whether its owner knows.
        "notified" notified: Option<bool>;
        /// Since when.
        "notified_at" notified_at: Option<Moment>;
        /// When it is enabled again, which may be to come.
        "until" until: Option<Moment>;
    }
    in order {
        Field::content("disabled", Flag),
        Field::attribute("time", "disabledDate", Optional, Past),
        Field::attribute("notified", "userNotified", Optional, Flag),
        Field::attribute("notified_at", "userNotifiedDate", Optional, Past),
        Field::attribute("until", "reenabledDate", Optional, Time),
    }

    /// Whether an account was disabled for ever.
    Closure as CLOSURE {
        /// Whether it was.
        "disabled" disabled: Option<bool>;
        /// When.
        "time" time: Option<Moment>;
        /// Whether its owner knows.
        "notified" notified: Option<bool>;
        /// Since when.
        "notified_at" notified_at: Option<Moment>;
    }
    in order {
        Field::content("disabled", Flag),
        Field::attribute("time", "disabledDate", Optional, Past),
        Field::attribute("notified", "userNotified", Optional, Flag),
        Field::attribute("notified_at", "userNotifiedDate", Optional, Past),
    }

    /// The service that an associated account is at.
    Platform as PLATFORM {
        /// Its name.
        "name" name: Option<String>;
        /// Whether it is another company's.
        "third_party" third_party: Option<bool>;
    }
    in order {
        Field::content("name", Text(256)),
        Field::attribute("third_party", "thirdPartyUser", Optional, Flag),
    }

    /// Another account of a person.
    Account as ACCOUNT {
        /// How it belongs to the person.
        "type" kind: Option<AccountType>;
        /// The service that it is at.
        "platform" platform: Option<Platform>;
        /// The first name.
        "first_name" first_name: Option<String>;
        /// The middle name.
        "middle_name" middle_name: Option<String>;
        /// The last name.
        "last_name" last_name: Option<String>;
        /// The age in years, about.
        "approximate_age" approximate_age: Option<u16>;
        /// The day of birth.
        "date_of_birth" date_of_birth: Option<String>;
        /// Telephone numbers.
        "phones" phones: Vec<Phone>;
        /// Addresses of e-mail.
        "emails" emails: Vec<Email>;
        /// Whether these are all.
        "all_emails_reported" all_emails_reported: Option<bool>;
        /// Postal addresses.
        "addresses" addresses: Vec<Address>;
        /// The product.
        "esp_service" esp_service: Option<String>;
        /// The number of the account.
        "esp_identifier" esp_identifier: Option<String>;
        /// URLs of its profiles.
        "profile_urls" profile_urls: Vec<String>;
        /// The screen name.
        "screen_name" screen_name: Option<String>;
        /// Other names.
        "display_names" display_names: Vec<String>;
        /// What it says about itself.
        "profile_bio" profile_bio: Option<String>;
        /// The group that it belongs to.
        "group_identifier" group_identifier: Option<String>;
        /// Whether somebody else took it.
        "compromised" compromised: Option<bool>;
        /// Whether it was disabled for a time.
        "suspended" suspended: Option<Suspension>;
        /// Whether it was disabled for ever.
        "closed" closed: Option<Closure>;
        /// Its addresses.
        "ip_events" ip_events: Vec<IpEvent>;
        /// Its devices.
        "devices" devices: Vec<Device>;
        /// Earlier reports about it.
        "prior_reports" prior_reports: Vec<u64>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
    }
    in order {
        Field::attribute("type", ACCOUNT_TYPE, Optional, Choice(AccountType::WORDS)),
        Field::optional("platform", "platform", Kind::Element(&PLATFORM)),
        Field::optional("first_name", "firstName", Text(256)),
        Field::optional("middle_name", "middleName", Text(256)),
        Field::optional("last_name", "lastName", Text(256)),
        Field::optional("approximate_age", "approximateAge", Number(0, 150)),
        Field::optional("date_of_birth", "dateOfBirth", Day),
        Field::many("phones", "phone", Kind::Element(&PHONE)),
        Field::many("emails", "email", Kind::Element(&EMAIL)),
        Field::optional("all_emails_reported", "allEmailsReported", Flag),
        Field::many("addresses", "address", Kind::Element(&ADDRESS)),
        Field::optional("esp_service", "espService", Text(256)),
        Field::optional("esp_identifier", "espIdentifier", Text(256)),
        Field::many("profile_urls", "profileUrl", Text(UNBOUNDED)),
        Field::optional("screen_name", "screenName", Text(256)),
        Field::many("display_names", "displayName", Text(UNBOUNDED)),
        Field::optional("profile_bio", "profileBio", Text(UNBOUNDED)),
        Field::optional("group_identifier", "groupIdentifier", Text(256)),
        Field::optional("compromised", "compromisedAccount", Flag),
        Field::optional("suspended", "accountTemporarilyDisabled", Kind::Element(&SUSPENSION)),
        Field::optional("closed", "accountPermanentlyDisabled", Kind::Element(&CLOSURE)),
        Field::many("ip_events", "ipCaptureEvent", Kind::Element(&IP_EVENT)),
        Field::many("devices", "deviceId", Kind::Element(&DEVICE)),
        Field::many("prior_reports", "priorCTReport", Number(1, LONG)),
        Field::optional("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }
}

/// Not confirmed: one public client, made from the schema, has `type`, another `accountType`.
const ACCOUNT_TYPE: &str = "type";

/// The parts of a person that lie flat in the JSON of who has an account.
pub(super) const fn person(xml: &'static str, times: super::element::Times) -> Field {
    Field { json: "", xml, times, place: Place::Child, kind: Inline(&PERSON) }
}
