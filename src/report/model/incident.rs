//! What happened, and where.

use super::element::Field;
use super::element::Kind::{Choice, Degrees, Element as Nested, Flag, Marks, Past, Text};
use super::element::Times::{One, Optional};
use super::element::UNBOUNDED;
use super::parts::{ADDRESS, Address, EMAIL, Email, IP_EVENT, IpEvent, PHONE, Phone};
use super::words::{BatchReason, IncidentType, ReportAnnotation};
use crate::report::time::Moment;

elements! {
    /// What happened.
    Incident as INCIDENT {
        /// The kind.
        "type" kind: Option<IncidentType>;
        /// The full name of the application.
        "platform" platform: Option<String>;
        /// Why a child is in danger now. Only for what is urgent.
        "escalate" escalate: Option<String>;
        /// What describes it.
        "annotations" annotations: Vec<ReportAnnotation>;
        /// When.
        "time" time: Option<Moment>;
        /// How well the time is known.
        "time_description" time_description: Option<String>;
    }
    in order {
        Field::one("type", "incidentType", Choice(IncidentType::WORDS)),
        Field::optional("platform", "platform", Text(256)),
        Field::optional("escalate", "escalateToHighPriority", Text(3000)),
        Field::optional("annotations", "reportAnnotations", Marks(ReportAnnotation::WORDS)),
        Field::one("time", "incidentDateTime", Past),
        Field::optional("time_description", "incidentDateTimeDescription", Text(3000)),
    }

    /// That individual reports are one.
    Batch as BATCH {
        /// Why.
        "reason" reason: Option<BatchReason>;
    }
    in order { Field::attribute("reason", "reason", One, Choice(BatchReason::WORDS)) }

    /// Where it happened: exactly one of these.
    Internet as INTERNET {
        /// On a page of the web.
        "web_page" web_page: Option<WebPage>;
        /// By e-mail.
        "email" email: Option<EmailIncident>;
        /// In a newsgroup.
        "newsgroup" newsgroup: Option<Newsgroup>;
        /// In a chat.
        "chat" chat: Option<Chat>;
        /// In a game.
        "gaming" gaming: Option<Gaming>;
        /// By a mobile telephone.
        "cell_phone" cell_phone: Option<CellPhone>;
        /// Elsewhere.
        "non_internet" non_internet: Option<NonInternet>;
        /// From peer to peer.
        "peer_to_peer" peer_to_peer: Option<PeerToPeer>;
    }
    in order {
        Field::optional("web_page", "webPageIncident", Nested(&WEB_PAGE)),
        Field::optional("email", "emailIncident", Nested(&EMAIL_INCIDENT)),
        Field::optional("newsgroup", "newsgroupIncident", Nested(&NEWSGROUP)),
        Field::optional("chat", "chatImIncident", Nested(&CHAT)),
        Field::optional("gaming", "onlineGamingIncident", Nested(&GAMING)),
        Field::optional("cell_phone", "cellPhoneIncident", Nested(&CELL_PHONE)),
        Field::optional("non_internet", "nonInternetIncident", Nested(&NON_INTERNET)),
        Field::optional("peer_to_peer", "peer2peerIncident", Nested(&PEER_TO_PEER)),
    }

    /// On a page of the web.
    WebPage as WEB_PAGE {
        /// Whether another company hosts it.
        "third_party" third_party: Option<bool>;
        /// The URLs.
        "urls" urls: Vec<String>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
    }
    in order {
        Field::attribute("third_party", "thirdPartyHostedContent", Optional, Flag),
        Field::many("urls", "url", Text(UNBOUNDED)),
        Field::optional("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }

    /// By e-mail.
    EmailIncident as EMAIL_INCIDENT {
        /// The addresses.
        "emails" emails: Vec<Email>;
        /// Headers, subject and content.
        "content" content: Option<String>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
    }
    in order {
        Field::many("emails", "emailAddress", Nested(&EMAIL)),
        Field::optional("content", "content", Text(UNBOUNDED)),
        Field::optional("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }

    /// In a newsgroup.
    Newsgroup as NEWSGROUP {
        /// Its name.
        "name" name: Option<String>;
        /// The addresses.
        "emails" emails: Vec<Email>;
        /// Headers, subject and content.
        "content" content: Option<String>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
    }
    in order {
        Field::optional("name", "name", Text(255)),
        Field::many("emails", "emailAddress", Nested(&EMAIL)),
        Field::optional("content", "content", Text(UNBOUNDED)),
        Field::optional("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }

    /// In a chat.
    Chat as CHAT {
        /// The program.
        "client" client: Option<String>;
        /// The room.
        "room" room: Option<String>;
        /// What was said.
        "content" content: Option<String>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
    }
    in order {
        Field::optional("client", "chatClient", Text(255)),
        Field::optional("room", "chatRoomName", Text(255)),
        Field::optional("content", "content", Text(UNBOUNDED)),
        Field::optional("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }

    /// In a game.
    Gaming as GAMING {
        /// The game.
        "game" game: Option<String>;
        /// The console.
        "console" console: Option<String>;
        /// What was said.
        "content" content: Option<String>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
    }
    in order {
        Field::optional("game", "gameName", Text(255)),
        Field::optional("console", "console", Text(255)),
        Field::optional("content", "content", Text(UNBOUNDED)),
        Field::optional("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }

    /// By a mobile telephone.
    CellPhone as CELL_PHONE {
        /// The number.
        "phone" phone: Option<Phone>;
        /// The latitude in degrees.
        "latitude" latitude: Option<f64>;
        /// The longitude in degrees.
        "longitude" longitude: Option<f64>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
    }
    in order {
        Field::optional("phone", "phoneNumber", Nested(&PHONE)),
        Field::optional("latitude", "latitude", Degrees(90.0)),
        Field::optional("longitude", "longitude", Degrees(180.0)),
        Field::optional("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }

    /// Neither over the Internet nor by a telephone.
    NonInternet as NON_INTERNET {
        /// The place.
        "location" location: Option<String>;
        /// Its addresses.
        "addresses" addresses: Vec<Address>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
    }
    in order {
        Field::optional("location", "locationName", Text(255)),
        Field::many("addresses", "incidentAddress", Nested(&ADDRESS)),
        Field::optional("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }

    /// From peer to peer.
    PeerToPeer as PEER_TO_PEER {
        /// The program.
        "client" client: Option<String>;
        /// The addresses.
        "ip_events" ip_events: Vec<IpEvent>;
        /// Names of files.
        "file_names" file_names: Option<String>;
        /// What else is known.
        "additional_info" additional_info: Option<String>;
    }
    in order {
        Field::optional("client", "client", Text(255)),
        Field::many("ip_events", "ipCaptureEvent", Nested(&IP_EVENT)),
        Field::optional("file_names", "fileNames", Text(UNBOUNDED)),
        Field::optional("additional_info", "additionalInfo", Text(UNBOUNDED)),
    }
}
