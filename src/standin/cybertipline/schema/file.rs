//! `<fileDetails>`.

use super::Kind::{Boolean, Filled, Past, Text, Url, Word};
use super::Times::{Many, Optional, Several};
use super::parts::{DEVICE, IP_EVENT, flag};
use super::words::{CLASSIFICATIONS, METADATA, RELEVANCE};
use super::{
    Content, Element, REPORT_ID, TEXT, attribute, many, needed_attribute, nested, one, optional, sequence,
};

/// `<fileDetails>`.
pub(in super::super) static FILE_DETAILS: Element = sequence(&[
    one("reportId", REPORT_ID),
    one("fileId", Filled(usize::MAX)),
    // In the schema alone.
    optional("fileName", TEXT),
    optional("originalFileName", Text(2056)),
    optional("uploadedToEspTimestamp", Past),
    optional("locationOfFile", Url),
    optional("fileViewedByEsp", Boolean),
    optional("exifViewedByEsp", Boolean),
    optional("publiclyAvailable", Boolean),
    optional("fileRelevance", Word(RELEVANCE)),
    // In the schema alone, in place of the annotations, which is among the rules.
    optional("potentialMeme", Boolean),
    nested("fileAnnotations", Optional, &ANNOTATIONS),
    optional("industryClassification", Word(CLASSIFICATIONS)),
    nested("originalFileHash", Many, &HASH),
    nested("ipCaptureEvent", Optional, &IP_EVENT),
    nested("deviceId", Many, &DEVICE),
    nested("details", Many, &DETAILS),
    many("additionalInfo", TEXT),
]);

static ANNOTATIONS: Element = Element {
    attributes: &[],
    content: Content::Any(&[
        flag("animeDrawingVirtualHentai"),
        flag("potentialMeme"),
        flag("viral"),
        flag("possibleSelfProduction"),
        flag("physicalHarm"),
        flag("violenceGore"),
        flag("bestiality"),
        flag("liveStreaming"),
        flag("infant"),
        flag("generativeAi"),
    ]),
};

static HASH: Element =
    Element { attributes: &[needed_attribute("hashType", Text(64))], content: Content::Text(TEXT) };

static DETAILS: Element = Element {
    attributes: &[attribute("type", Word(METADATA))],
    content: Content::Sequence(&[nested("nameValuePair", Several, &PAIR)]),
};

static PAIR: Element = sequence(&[one("name", Text(64)), one("value", TEXT)]);
