//! The description's enumerations. Each word is the same in JSON and in XML.

/// Enums with their words.
macro_rules! words {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident { $( $(#[doc = $variant_doc:literal])* $variant:ident = $word:literal, )* }
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[doc = $variant_doc])* #[serde(rename = $word)] $variant, )*
        }

        impl $name {
            /// Every word, in the schema's order.
            pub const WORDS: &[&str] = &[$($word),*];

            /// The word.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }
    )*};
}

words! {
    /// Whether a report is a test.
    Mode {
        /// It goes to NCMEC's test host, or to the stand-in that the configuration names.
        Test = "test",
        /// It is filed, if the configuration allows that.
        Production = "production",
    }

    /// What a report is about.
    IncidentType {
        /// Possession, manufacture and distribution of depictions of abuse. The law's words, not ours.
        ChildPornography = "Child Pornography (possession, manufacture, and distribution)",
        /// Trafficking.
        ChildSexTrafficking = "Child Sex Trafficking",
        /// Tourism.
        ChildSexTourism = "Child Sex Tourism",
        /// Molestation.
        ChildSexualMolestation = "Child Sexual Molestation",
        /// A domain's name misleads.
        MisleadingDomainName = "Misleading Domain Name",
        /// Words or pictures mislead.
        MisleadingWordsOrDigitalImages = "Misleading Words or Digital Images on the Internet",
        /// Enticement.
        OnlineEnticement = "Online Enticement of Children for Sexual Acts",
        /// Material sent to a child.
        UnsolicitedObsceneMaterial = "Unsolicited Obscene Material Sent to a Child",
    }

    /// What describes a report.
    ReportAnnotation {
        /// Sextortion.
        Sextortion = "sextortion",
        /// Somebody asks for depictions of abuse.
        CsamSolicitation = "csamSolicitation",
        /// Between minors.
        MinorToMinorInteraction = "minorToMinorInteraction",
        /// Spam.
        Spam = "spam",
        /// Sadistic exploitation.
        SadisticOnlineExploitation = "sadisticOnlineExploitation",
        /// In newer descriptions; they do not say what follows from it.
        Informational = "informational",
    }

    /// Why individual reports are one.
    BatchReason {
        /// The files go around, or are memes.
        ViralPotentialMeme = "VIRAL_POTENTIAL_MEME",
    }

    /// When an address or a device was seen.
    EventName {
        /// Somebody signed in.
        Login = "Login",
        /// An account was made.
        Registration = "Registration",
        /// Something was bought.
        Purchase = "Purchase",
        /// A file was uploaded.
        Upload = "Upload",
        /// Something else happened.
        Other = "Other",
        /// Nobody knows what happened.
        Unknown = "Unknown",
    }

    /// What an address is for.
    AddressType {
        /// At home.
        Home = "Home",
        /// A business.
        Business = "Business",
        /// Where bills go.
        Billing = "Billing",
        /// Where goods go.
        Shipping = "Shipping",
        /// The technical contact's.
        Technical = "Technical",
    }

    /// What a telephone number is for.
    PhoneType {
        /// A mobile one.
        Mobile = "Mobile",
        /// At home.
        Home = "Home",
        /// A business.
        Business = "Business",
        /// At work.
        Work = "Work",
        /// A fax machine.
        Fax = "Fax",
        /// Over the Internet.
        Internet = "Internet",
        /// For getting an account back.
        Recovery = "Recovery",
    }

    /// What an address of e-mail is for.
    EmailType {
        /// At home.
        Home = "Home",
        /// At work.
        Work = "Work",
        /// A business.
        Business = "Business",
        /// For getting an account back.
        Recovery = "Recovery",
    }

    /// How another account belongs to a person.
    AccountType {
        /// It pays.
        Billing = "Billing",
        /// It is linked to.
        Linked = "Linked",
        /// A business.
        Business = "Business",
        /// A creator's.
        Creator = "Creator",
        /// A parent's or guardian's.
        ParentGuardian = "Parent/Guardian",
        /// Otherwise.
        Other = "Other",
    }

    /// What a file is to the report.
    Relevance {
        /// It is the reason of the report.
        Reported = "Reported",
        /// It belongs to what is reported, such as a part of the same conversation.
        SupplementalReported = "Supplemental Reported",
    }

    /// The industry's classification: A before puberty, B later; 1 a sexual act, 2 a lascivious exhibition.
    Classification {
        /// Before puberty, an act.
        A1 = "A1",
        /// Before puberty, an exhibition.
        A2 = "A2",
        /// Later, an act.
        B1 = "B1",
        /// Later, an exhibition.
        B2 = "B2",
    }

    /// What describes a file.
    FileAnnotation {
        /// Drawn, or made by a computer.
        AnimeDrawingVirtualHentai = "animeDrawingVirtualHentai",
        /// Shared out of mimicry. Not with *Supplemental Reported*.
        PotentialMeme = "potentialMeme",
        /// It goes around quickly.
        Viral = "viral",
        /// Perhaps made by the child.
        PossibleSelfProduction = "possibleSelfProduction",
        /// Somebody is hurt.
        PhysicalHarm = "physicalHarm",
        /// Violence.
        ViolenceGore = "violenceGore",
        /// An animal takes part.
        Bestiality = "bestiality",
        /// It was streamed as it happened.
        LiveStreaming = "liveStreaming",
        /// An infant.
        Infant = "infant",
        /// A generative model made it.
        GenerativeAi = "generativeAi",
    }

    /// What metadata of a file are.
    MetadataType {
        /// From the file's EXIF.
        Exif = "EXIF",
        /// A hash.
        Hash = "HASH",
    }
}

/// Countries by their two letters of ISO 3166-1, and the description's own codes for what is no country.
pub(crate) const COUNTRIES: &[&str] = &[
    "A1", "A2", "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AN", "AO", "AP", "AQ", "AR", "AS", "AT", "AU",
    "AW", "AX", "AZ", "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ",
    "BR", "BS", "BT", "BV", "BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM",
    "CN", "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE",
    "EG", "EH", "ER", "ES", "ET", "EU", "FI", "FJ", "FK", "FM", "FO", "FR", "FX", "GA", "GB", "GD", "GE",
    "GF", "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM",
    "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM", "JO",
    "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC", "LI", "LK",
    "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK", "ML", "MM", "MN",
    "MO", "MP", "MQ", "MR", "MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA", "NC", "NE", "NF", "NG",
    "NI", "NL", "NO", "NP", "NR", "NU", "NZ", "O1", "OM", "PA", "PE", "PF", "PG", "PH", "PK", "PL", "PM",
    "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS", "RU", "RW", "SA", "SB", "SC", "SD", "SE",
    "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST", "SV", "SX", "SY", "SZ", "TC",
    "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW", "TZ", "UA", "UG",
    "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI", "VN", "VU", "WF", "WS", "YE", "YT", "ZA", "ZM",
    "ZW",
];

/// States and territories of the United States, by the letters of their post.
pub(crate) const STATES: &[&str] = &[
    "AA", "AE", "AK", "AL", "AP", "AR", "AS", "AZ", "CA", "CO", "CT", "DC", "DE", "FL", "FM", "GA", "GU",
    "HI", "IA", "ID", "IL", "IN", "KS", "KY", "LA", "MA", "MD", "ME", "MH", "MI", "MN", "MO", "MP", "MS",
    "MT", "NC", "ND", "NE", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR", "PA", "PR", "PW", "RI", "SC",
    "SD", "TN", "TX", "UT", "VA", "VI", "VT", "WA", "WI", "WV", "WY",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_is_read_and_written() {
        assert_eq!(serde_json::to_string(&AccountType::ParentGuardian).unwrap(), "\"Parent/Guardian\"");
        assert_eq!(serde_json::from_str::<Mode>("\"production\"").unwrap(), Mode::Production);
        assert!(serde_json::from_str::<Mode>("\"Production\"").is_err());
        assert_eq!((IncidentType::WORDS.len(), FileAnnotation::WORDS.len()), (8, 10));
        assert_eq!(ReportAnnotation::Spam.word(), "spam");
        for list in [COUNTRIES, STATES] {
            assert!(list.is_sorted_by(|a, b| a < b) && list.iter().all(|code| code.len() == 2));
        }
    }
}
