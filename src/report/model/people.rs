//! Who reports, who is reported, whom it was meant for, whom it hurt, and who investigates.

use super::element::Field;
use super::element::Kind::{Choice, Element as Nested, Flag, Number, Text, Url};
use super::element::Times::{One, Optional};
use super::element::UNBOUNDED;
use super::parts::{
    ACCOUNT, Account, CLOSURE, CONTACT, Closure, Contact, DEVICE, Device, IP_EVENT, IpEvent, LOCATION, LONG,
    Location, Person, SUSPENSION, Suspension, person,
};
use super::words::COUNTRIES;

elements! {
    /// Who reports. The configuration says so for every report that names nobody.
    Reporter as REPORTER {
        @flat
        /// The person. At least one address of e-mail.
        person: Person;
        /// Who should be asked instead.
        "contact" contact: Option<Contact>;
        /// What the company wants to stand in every report.
        "company_template" company_template: Option<String>;
        /// The terms of service that matter.
        "terms_of_service" terms_of_service: Option<String>;
        /// Where more stands.
        "legal_url" legal_url: Option<String>;
    }
    in order {
        person("reportingPerson", One),
        Field::optional("contact", "contactPerson", Nested(&CONTACT)),
        Field::optional("company_template", "companyTemplate", Text(UNBOUNDED)),
        Field::optional("terms_of_service", "termsOfService", Text(UNBOUNDED)),
        Field::optional("legal_url", "legalURL", Url(2083)),
    }

    /// Legal process of another country.
    Process as PROCESS {
        /// Whether it was served.
        "served" served: Option<bool>;
        /// By which country, two letters.
        "country" country: Option<String>;
    }
    in order {
        Field::content("served", Flag),
        Field::attribute("country", "fleaCountry", Optional, Choice(COUNTRIES)),
    }

    /// Who investigates already.
    LawEnforcement as LAW_ENFORCEMENT {
        /// The agency.
        "agency" agency: Option<String>;
        /// The case.
        "case_number" case_number: Option<String>;
        /// The officer.
        "officer" officer: Option<Contact>;
        /// Whether the company reported it there.
        "reported" reported: Option<bool>;
        /// Whether legal process of the United States was served.
        "served_domestic" served_domestic: Option<bool>;
        /// Whether another country's was.
        "served_international" served_international: Option<Process>;
    }
    in order {
        Field::one("agency", "agencyName", Text(255)),
        Field::optional("case_number", "caseNumber", Text(100)),
        Field::optional("officer", "officerContact", Nested(&CONTACT)),
        Field::optional("reported", "reportedToLe", Flag),
        Field::optional("served_domestic", "servedLegalProcessDomestic", Flag),
        Field::optional("served_international", "servedLegalProcessInternational", Nested(&PROCESS)),
    }

    /// The person or user that is reported.
    Reported as REPORTED {
        @flat
        /// The person.
        person: Person;
        /// The vehicle.
        "vehicle_description" vehicle_description: Option<String>;
        /// The number of the account.
        "esp_identifier" esp_identifier: Option<String>;
        /// The product.
        "esp_service" esp_service: Option<String>;
        /// Whether somebody else took the account.
        "compromised" compromised: Option<bool>;
        /// The screen name.
        "screen_name" screen_name: Option<String>;
        /// Other names.
        "display_names" display_names: Vec<String>;
        /// URLs of the profiles.
        "profile_urls" profile_urls: Vec<String>;
        /// What the account says about itself.
        "profile_bio" profile_bio: Option<String>;
        /// The addresses.
        "ip_events" ip_events: Vec<IpEvent>;
        /// The devices.
        "devices" devices: Vec<Device>;
        /// Whether it is another company's user.
        "third_party" third_party: Option<bool>;
        /// Earlier reports.
        "prior_reports" prior_reports: Vec<u64>;
        /// The group that it belongs to.
        "group_identifier" group_identifier: Option<String>;
        /// Whether the account was disabled for a time.
        "suspended" suspended: Option<Suspension>;
        /// Whether it was disabled for ever.
        "closed" closed: Option<Closure>;
        /// Where the person probably is.
        "location" location: Option<Location>;
        /// Whether these are all addresses of e-mail.
        "all_emails_reported" all_emails_reported: Option<bool>;
        /// Other accounts.
        "accounts" accounts: Vec<Account>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
    }
    in order {
        person("personOrUserReportedPerson", Optional),
        Field::optional("vehicle_description", "vehicleDescription", Text(300)),
        Field::optional("esp_identifier", "espIdentifier", Text(255)),
        Field::optional("esp_service", "espService", Text(100)),
        Field::optional("compromised", "compromisedAccount", Flag),
        Field::optional("screen_name", "screenName", Text(256)),
        Field::many("display_names", "displayName", Text(UNBOUNDED)),
        Field::many("profile_urls", "profileUrl", Text(UNBOUNDED)),
        Field::optional("profile_bio", "profileBio", Text(UNBOUNDED)),
        Field::many("ip_events", "ipCaptureEvent", Nested(&IP_EVENT)),
        Field::many("devices", "deviceId", Nested(&DEVICE)),
        Field::optional("third_party", "thirdPartyUserReported", Flag),
        Field::many("prior_reports", "priorCTReports", Number(1, LONG)),
        Field::optional("group_identifier", "groupIdentifier", Text(255)),
        Field::optional("suspended", "accountTemporarilyDisabled", Nested(&SUSPENSION)),
        Field::optional("closed", "accountPermanentlyDisabled", Nested(&CLOSURE)),
        Field::optional("location", "estimatedLocation", Nested(&LOCATION)),
        Field::optional("all_emails_reported", "allEmailsReported", Flag),
        Field::many("accounts", "associatedAccount", Nested(&ACCOUNT)),
        Field::optional("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }

    /// Whom it was meant for.
    Recipient as RECIPIENT {
        @flat
        /// The person.
        person: Person;
        /// The number of the account.
        "esp_identifier" esp_identifier: Option<String>;
        /// The product.
        "esp_service" esp_service: Option<String>;
        /// Whether somebody else took the account.
        "compromised" compromised: Option<bool>;
        /// The screen name.
        "screen_name" screen_name: Option<String>;
        /// Other names.
        "display_names" display_names: Vec<String>;
        /// URLs of the profiles.
        "profile_urls" profile_urls: Vec<String>;
        /// What the account says about itself.
        "profile_bio" profile_bio: Option<String>;
        /// The addresses.
        "ip_events" ip_events: Vec<IpEvent>;
        /// The devices.
        "devices" devices: Vec<Device>;
        /// Earlier reports.
        "prior_reports" prior_reports: Vec<u64>;
        /// The group that it belongs to.
        "group_identifier" group_identifier: Option<String>;
        /// Whether the account was disabled for a time.
        "suspended" suspended: Option<Suspension>;
        /// Whether it was disabled for ever.
        "closed" closed: Option<Closure>;
        /// Where the person probably is.
        "location" location: Option<Location>;
        /// Whether these are all addresses of e-mail.
        "all_emails_reported" all_emails_reported: Option<bool>;
        /// What else is known.
        "additional_info" additional_info: Vec<String>;
    }
    in order {
        person("intendedRecipientPerson", Optional),
        Field::optional("esp_identifier", "espIdentifier", Text(255)),
        Field::optional("esp_service", "espService", Text(100)),
        Field::optional("compromised", "compromisedAccount", Flag),
        Field::optional("screen_name", "screenName", Text(256)),
        Field::many("display_names", "displayName", Text(UNBOUNDED)),
        Field::many("profile_urls", "profileUrl", Text(UNBOUNDED)),
        Field::optional("profile_bio", "profileBio", Text(UNBOUNDED)),
        Field::many("ip_events", "ipCaptureEvent", Nested(&IP_EVENT)),
        Field::many("devices", "deviceId", Nested(&DEVICE)),
        Field::many("prior_reports", "priorCTReports", Number(1, LONG)),
        Field::optional("group_identifier", "groupIdentifier", Text(255)),
        Field::optional("suspended", "accountTemporarilyDisabled", Nested(&SUSPENSION)),
        Field::optional("closed", "accountPermanentlyDisabled", Nested(&CLOSURE)),
        Field::optional("location", "estimatedLocation", Nested(&LOCATION)),
        Field::optional("all_emails_reported", "allEmailsReported", Flag),
        Field::many("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }

    /// A child whom it hurt.
    Victim as VICTIM {
        @flat
        /// The child.
        person: Person;
        /// The number of the account.
        "esp_identifier" esp_identifier: Option<String>;
        /// The product.
        "esp_service" esp_service: Option<String>;
        /// Whether somebody else took the account.
        "compromised" compromised: Option<bool>;
        /// The screen name.
        "screen_name" screen_name: Option<String>;
        /// Other names.
        "display_names" display_names: Vec<String>;
        /// URLs of the profiles.
        "profile_urls" profile_urls: Vec<String>;
        /// What the account says about itself.
        "profile_bio" profile_bio: Option<String>;
        /// The addresses.
        "ip_events" ip_events: Vec<IpEvent>;
        /// The devices.
        "devices" devices: Vec<Device>;
        /// The school.
        "school_name" school_name: Option<String>;
        /// Earlier reports.
        "prior_reports" prior_reports: Vec<u64>;
        /// Whether the account was disabled for a time.
        "suspended" suspended: Option<Suspension>;
        /// Whether it was disabled for ever.
        "closed" closed: Option<Closure>;
        /// Where the child probably is.
        "location" location: Option<Location>;
        /// Whether these are all addresses of e-mail.
        "all_emails_reported" all_emails_reported: Option<bool>;
        /// Other accounts.
        "accounts" accounts: Vec<Account>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
    }
    in order {
        person("victimPerson", One),
        Field::optional("esp_identifier", "espIdentifier", Text(255)),
        Field::optional("esp_service", "espService", Text(100)),
        Field::optional("compromised", "compromisedAccount", Flag),
        Field::optional("screen_name", "screenName", Text(256)),
        Field::many("display_names", "displayName", Text(UNBOUNDED)),
        Field::many("profile_urls", "profileUrl", Text(UNBOUNDED)),
        Field::optional("profile_bio", "profileBio", Text(UNBOUNDED)),
        Field::many("ip_events", "ipCaptureEvent", Nested(&IP_EVENT)),
        Field::many("devices", "deviceId", Nested(&DEVICE)),
        Field::optional("school_name", "schoolName", Text(255)),
        Field::many("prior_reports", "priorCTReports", Number(1, LONG)),
        Field::optional("suspended", "accountTemporarilyDisabled", Nested(&SUSPENSION)),
        Field::optional("closed", "accountPermanentlyDisabled", Nested(&CLOSURE)),
        Field::optional("location", "estimatedLocation", Nested(&LOCATION)),
        Field::optional("all_emails_reported", "allEmailsReported", Flag),
        Field::many("accounts", "associatedAccount", Nested(&ACCOUNT)),
        Field::optional("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }
}
