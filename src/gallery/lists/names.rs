//! What lists call things: columns, members and algorithms.

use crate::signature::Algorithm;

/// Longer texts are no names; a signature stands where one could, or a sentence.
const LONGEST_NAME: usize = 48;

/// What a column or member holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Field {
    PhotoDna,
    Pdq,
    /// Either, by its length.
    Signature,
    /// Either, but only where another field holds an algorithm's name.
    NamedElsewhere,
    /// An algorithm's name, for a signature in another field.
    Kind,
    /// A key; the lower the number the better.
    Key(u8),
    Label(u8),
    Quality,
    Strength,
    Flags,
    /// Further pictures that the file shows, as our records have them.
    Faces,
    /// Whether the record takes an entry back, as ThreatExchange says.
    ShouldDelete,
    /// The state of a case, as StopNCII says; some take the entry back.
    HashStatus,
}

impl Field {
    /// Case, blanks and punctuation of a name do not matter.
    pub(super) fn named(name: &str) -> Option<Field> {
        if name.len() > LONGEST_NAME {
            return None;
        }
        let plain = plain(name);
        Some(match plain.as_str() {
            "hash" | "hashes" | "hashvalue" | "hashvalues" | "value" | "values" | "signature"
            | "signatures" | "indicator" | "rawindicator" => Field::Signature,
            "hashdigest" | "digest" | "signal" | "signalvalue" | "contenthash" | "perceptualhash"
            | "fingerprint" | "fingerprints" => Field::NamedElsewhere,
            "type" | "hashname" | "hashtype" | "algorithm" | "hashalgorithm" | "signaltype"
            | "indicatortype" | "fingerprinttype" => Field::Kind,
            "id" | "key" | "imageid" | "mediaid" => Field::Key(0),
            "path" | "file" | "filename" | "name" => Field::Key(1),
            "md5" => Field::Key(2),
            "sha1" => Field::Key(3),
            "sha256" => Field::Key(4),
            "label" => Field::Label(0),
            "category" | "classification" => Field::Label(1),
            "baseline" | "seriesname" => Field::Label(2),
            "face" => Field::Label(3),
            "faces" => Field::Faces,
            "quality" | "pdqquality" => Field::Quality,
            "strength" => Field::Strength,
            "flags" => Field::Flags,
            "shoulddelete" => Field::ShouldDelete,
            "hashstatus" => Field::HashStatus,
            _ => match algorithm(&plain)? {
                Algorithm::PhotoDna => Field::PhotoDna,
                _ => Field::Pdq,
            },
        })
    }

    /// Whether signatures stand in it.
    pub(super) fn holds_signatures(self) -> bool {
        matches!(self, Field::PhotoDna | Field::Pdq | Field::Signature | Field::NamedElsewhere)
    }
}

/// Letters and digits of a name, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The algorithm whose signatures a column holds: its name, and otherwise only words that say so, such as in `PhotoDNA hash (base64)`.
fn algorithm(plain: &str) -> Option<Algorithm> {
    const NAMES: [(&str, Algorithm); 3] =
        [("photodna", Algorithm::PhotoDna), ("pdna", Algorithm::PhotoDna), ("pdq", Algorithm::Pdq)];
    const WORDS: [&str; 16] = [
        "hashes",
        "hash",
        "signatures",
        "signature",
        "values",
        "value",
        "hexadecimal",
        "hex",
        "base64",
        "b64",
        "image",
        "photo",
        "picture",
        "string",
        "raw",
        "256",
    ];
    let (name, algorithm) = NAMES.into_iter().find(|(name, _)| plain.contains(name))?;
    let mut rest = plain.replacen(name, " ", 1);
    WORDS.iter().for_each(|word| rest = rest.replace(word, " "));
    rest.trim().is_empty().then_some(algorithm)
}

/// What an algorithm's name in a list says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    PhotoDna,
    Pdq,
    /// Another algorithm or kind of thing, whose values are nothing for us.
    Other,
    /// No algorithm that is known here; perhaps the word says something else.
    Unknown,
}

impl Kind {
    pub(super) fn named(text: &str) -> Kind {
        if text.len() > LONGEST_NAME {
            return Kind::Unknown;
        }
        const OTHERS: [&str; 24] = [
            "md5", "sha1", "sha2", "sha3", "sha5", "sha512", "crc", "phash", "dhash", "ahash", "whash",
            "tmk", "vpdq", "pdqf", "pdq512", "ocr", "ssdeep", "tlsh", "blake", "video", "text", "url", "uri",
            "domain",
        ];
        let plain = plain(text);
        // Most of them, before all is looked through.
        match plain.as_str() {
            "photodna" => return Kind::PhotoDna,
            "pdq" | "hashpdq" | "imagepdq" => return Kind::Pdq,
            "md5" | "sha1" | "sha256" => return Kind::Other,
            _ => {}
        }
        if OTHERS.iter().any(|other| plain.contains(other)) {
            Kind::Other
        } else if plain.contains("photodna") || plain.contains("pdna") {
            Kind::PhotoDna
        } else if plain.contains("pdq") {
            Kind::Pdq
        } else {
            Kind::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns() {
        for name in
            ["photodna", "PDNA", "Photo DNA", "PhotoDNA hash (base64)", "photodna_hash_hex", "HASH_PHOTODNA"]
        {
            assert_eq!(Field::named(name), Some(Field::PhotoDna), "{name}");
        }
        for name in ["pdq", "PDQ_Hash", "pdq_256", "image pdq", "pdq hashes"] {
            assert_eq!(Field::named(name), Some(Field::Pdq), "{name}");
        }
        for name in
            ["pdq_512", "pdq_path", "has_photodna", "photodna_distance", "vpdq", "tmk-pdqf", "other", ""]
        {
            assert_eq!(Field::named(name), None, "{name}");
        }
        assert_eq!(Field::named("pdq_quality"), Some(Field::Quality));
    }

    #[test]
    fn names_of_algorithms() {
        for (text, kind) in [
            ("HASH_PDQ", Kind::Pdq),
            ("ImagePDQ", Kind::Pdq),
            ("HASH_PDQ_OCR", Kind::Other),
            ("PhotoDNA", Kind::PhotoDna),
            ("HASH_VIDEO_MD5", Kind::Other),
            ("SHA-256", Kind::Other),
            ("pdq-512", Kind::Other),
            ("image", Kind::Unknown),
        ] {
            assert_eq!(Kind::named(text), kind, "{text}");
        }
    }
}
