//! A file of a report, and what is said about it.

use super::element::Field;
use super::element::Kind::{Choice, Data, Element as Nested, Evidence, Flag, Marks, Past, Text, Url};
use super::element::Times::{One, Optional, Some as AtLeastOne};
use super::element::UNBOUNDED;
use super::parts::{DEVICE, Device, IP_EVENT, IpEvent};
use super::words::{Classification, FileAnnotation, MetadataType, Relevance};
use crate::report::time::Moment;

elements! {
    /// A file: what it is in the evidence or as base64, and its details.
    File as FILE {
        /// What the caller calls it.
        "id" id: Option<String>;
        /// Where its bytes are kept: `sha256:` and the SHA-256.
        "evidence" evidence: Option<String>;
        /// Its bytes as base64, where they are not kept yet.
        "data" data: Option<String>;
        /// What it was called when it was uploaded to the company.
        "name" name: Option<String>;
        /// When it was.
        "uploaded" uploaded: Option<Moment>;
        /// The URL where it was.
        "location" location: Option<String>;
        /// Whether somebody of the company looked at all of it.
        "viewed" viewed: Option<bool>;
        /// Whether somebody of the company looked at its EXIF. Not without `viewed`.
        "exif_viewed" exif_viewed: Option<bool>;
        /// Whether everybody could see all of it.
        "public" public: Option<bool>;
        /// What it is to the report.
        "relevance" relevance: Option<Relevance>;
        /// What describes it.
        "annotations" annotations: Vec<FileAnnotation>;
        /// The industry's classification. Not with *Supplemental Reported*.
        "classification" classification: Option<Classification>;
        /// Hashes that the company has; MD5, SHA-1 and SHA-256 of the evidence are added.
        "hashes" hashes: Vec<FileHash>;
        /// The address that it came from.
        "ip_event" ip_event: Option<IpEvent>;
        /// The devices that it came from.
        "devices" devices: Vec<Device>;
        /// Metadata.
        "details" details: Vec<Details>;
        /// What else is known.
        "additional_info" additional_info: Vec<String>;
    }
    in order {
        Field::json_only("id", One, Text(64)),
        Field::json_only("evidence", Optional, Evidence),
        Field::json_only("data", Optional, Data),
        Field::optional("name", "originalFileName", Text(2056)),
        Field::optional("uploaded", "uploadedToEspTimestamp", Past),
        Field::optional("location", "locationOfFile", Url(2083)),
        Field::optional("viewed", "fileViewedByEsp", Flag),
        Field::optional("exif_viewed", "exifViewedByEsp", Flag),
        Field::optional("public", "publiclyAvailable", Flag),
        Field::optional("relevance", "fileRelevance", Choice(Relevance::WORDS)),
        Field::optional("annotations", "fileAnnotations", Marks(FileAnnotation::WORDS)),
        Field::optional("classification", "industryClassification", Choice(Classification::WORDS)),
        Field::many("hashes", "originalFileHash", Nested(&FILE_HASH)),
        Field::optional("ip_event", "ipCaptureEvent", Nested(&IP_EVENT)),
        Field::many("devices", "deviceId", Nested(&DEVICE)),
        Field::many("details", "details", Nested(&DETAILS)),
        Field::many("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }

    /// A hash of a file.
    FileHash as FILE_HASH {
        /// The hash.
        "value" value: Option<String>;
        /// Its kind, such as `MD5` or `PDQ`.
        "type" kind: Option<String>;
    }
    in order {
        Field::content("value", Text(UNBOUNDED)),
        Field::attribute("type", "hashType", One, Text(64)),
    }

    /// Metadata of a file.
    Details as DETAILS {
        /// The entries: at least one.
        "entries" entries: Vec<Metadata>;
    }
    in order { Field::child("entries", "nameValuePair", AtLeastOne, Nested(&METADATA)) }

    /// An entry of metadata.
    Metadata as METADATA {
        /// Where it is from.
        "type" kind: Option<MetadataType>;
        /// Its name.
        "name" name: Option<String>;
        /// Its value.
        "value" value: Option<String>;
    }
    in order {
        Field::attribute("type", "type", Optional, Choice(MetadataType::WORDS)),
        Field::one("name", "name", Text(64)),
        Field::one("value", "value", Text(UNBOUNDED)),
    }
}
