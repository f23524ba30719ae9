//! A page of a listing: S3's and Google's XML, and Azure's.
//!
//! Parsed here rather than by serde, because keys may hold characters that XML forbids (servers write them all the same), and one odd entry must not
//! end a page.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::trouble::Trouble;

/// A page of a listing.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    pub(super) objects: Vec<Listed>,
    /// The token of the next page, if there is one.
    pub(super) next: Option<String>,
}

/// An object as a listing has it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Listed {
    pub(super) key: String,
    /// Bytes, where the listing says them.
    pub(super) size: Option<u64>,
    /// The entity tag, where the listing says it.
    pub(super) tag: Option<String>,
    /// When it was changed, as the store writes it.
    pub(super) changed: Option<String>,
    /// Whether the store says that it is a folder.
    pub(super) folder: bool,
}

impl Listed {
    /// What changes with its content: its entity tag, or else the time of the last change and the length.
    pub(super) fn version(&self) -> Option<String> {
        let changed = || Some(format!("{} {}", self.changed.as_deref()?, self.size?));
        self.tag.clone().or_else(changed)
    }
}

impl Page {
    /// The page that a body holds.
    pub(super) fn read(body: &[u8]) -> Result<Page, Trouble> {
        let text = String::from_utf8_lossy(body);
        let mut reader = Reader::from_str(&text);
        reader.config_mut().allow_dangling_amp = true;
        let mut parts = PageParser::default();
        loop {
            let event = reader.read_event();
            match event.map_err(|_| Trouble::broke_off())? {
                Event::Start(_) if parts.around.len() == DEPTH => return Err(no_listing()),
                Event::Start(start) => parts.begin(start.local_name().as_ref(), is_encoded(&start)),
                Event::Text(text) => parts.text.push_str(&text),
                Event::CData(text) => parts.text.push_str(&text),
                Event::GeneralRef(reference) => parts.refer(&reference),
                Event::Empty(empty) => {
                    parts.begin(empty.local_name().as_ref(), false);
                    parts.end();
                }
                Event::End(_) => parts.end(),
                Event::Eof => return parts.page(),
                _ => {}
            }
        }
    }
}

/// Names of the elements that a listing may be.
const ROOTS: [&str; 2] = ["ListBucketResult", "EnumerationResults"];

/// Elements within each other; listings have hardly more than four.
const DEPTH: usize = 32;

fn no_listing() -> Trouble {
    Trouble::lasting("the server answered with something that is no listing")
}

/// A page as it is read.
#[derive(Debug, Default)]
struct PageParser {
    page: Page,
    /// The elements around, from the outermost.
    around: Vec<String>,
    root: String,
    text: String,
    /// Whether the text is as in a URL, by its own element or by the page's.
    encoded: bool,
    all_encoded: bool,
    object: Listed,
    more: bool,
}

impl PageParser {
    fn begin(&mut self, name: &str, encoded: bool) {
        if self.around.is_empty() {
            self.root = name.to_string();
        }
        if matches!(name, "Contents" | "Blob") {
            self.object = Listed::default();
        }
        self.around.push(name.to_string());
        self.text.clear();
        self.encoded = encoded;
    }

    /// A character by its number or name. Servers number characters that XML does not have, which are in keys all the same.
    fn refer(&mut self, reference: &str) {
        let number = reference.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        });
        match (reference, number.and_then(char::from_u32)) {
            (_, Some(character)) => self.text.push(character),
            ("lt", _) => self.text.push('<'),
            ("gt", _) => self.text.push('>'),
            ("amp", _) => self.text.push('&'),
            ("quot", _) => self.text.push('"'),
            ("apos", _) => self.text.push('\''),
            _ => self.text.push_str(&format!("&{reference};")),
        }
    }

    fn end(&mut self) {
        let name = self.around.pop().unwrap_or_default();
        let text = std::mem::take(&mut self.text);
        let parent = self.around.last().map_or("", String::as_str);
        match (parent, &*name) {
            ("Contents", "Key") => self.object.key = text,
            ("Blob", "Name") => self.object.key = if self.encoded { decoded(&text) } else { text },
            ("Contents", "Size") | ("Properties", "Content-Length") => {
                self.object.size = text.trim().parse().ok();
            }
            ("Contents", "ETag") | ("Properties", "Etag") => {
                self.object.tag = Some(text).filter(|tag| !tag.is_empty());
            }
            ("Contents", "LastModified") | ("Properties", "Last-Modified") => {
                self.object.changed = Some(text);
            }
            ("Properties", "ResourceType") => self.object.folder = text == "directory",
            (_, "Contents" | "Blob") => self.page.objects.push(std::mem::take(&mut self.object)),
            (root, "NextContinuationToken" | "NextMarker") if root == self.root && !text.is_empty() => {
                self.page.next = Some(text);
            }
            (root, "IsTruncated") if root == self.root => self.more = text.trim() == "true",
            (root, "EncodingType") if root == self.root => self.all_encoded = text.trim() == "url",
            _ => {}
        }
    }

    /// The page, if it is complete.
    fn page(mut self) -> Result<Page, Trouble> {
        if !ROOTS.contains(&&*self.root) {
            return Err(no_listing());
        }
        if !self.around.is_empty() {
            return Err(Trouble::broke_off());
        }
        if self.more && self.page.next.is_none() {
            return Err(Trouble::lasting("the server says that there is more, but not how to ask for it"));
        }
        if self.all_encoded {
            self.page
                .objects
                .iter_mut()
                .for_each(|object| object.key = decoded(&object.key.replace('+', " ")));
        }
        Ok(self.page)
    }
}

/// Whether Azure says that a name is percent-encoded, as it does with characters that XML forbids.
fn is_encoded(start: &quick_xml::events::BytesStart<'_>) -> bool {
    let attribute = start.try_get_attribute("Encoded").ok().flatten();
    attribute.is_some_and(|attribute| attribute.value.as_ref() == "true")
}

/// Text without its `%XX`; as it is where those make no text.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => bytes.extend_from_slice(format!("%{part}").as_bytes()),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(page: &Page) -> Vec<&str> {
        page.objects.iter().map(|object| &*object.key).collect()
    }

    #[test]
    fn every_key_of_a_page_is_read() {
        let page = Page::read(
            b"<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3\"><Name>Key</Name><KeyCount>9</KeyCount>\
              <IsTruncated>true</IsTruncated><Contents><Key>a/1.jpg</Key><ETag>&quot;x&quot;</ETag><Size>12</Size>\
              <Owner><ID>Key</ID></Owner></Contents><Contents><Key>a//2</Key></Contents><Contents><Key>a/../3</Key>\
              <Size>x</Size></Contents><Contents><Key>&#x1;\n\r&#13;\x02&amp;&lt;&gt;&quot;&apos;&#0;&none;</Key></Contents>\
              <Contents><Key><![CDATA[<&>]]></Key></Contents><Contents><Key> </Key></Contents><Contents><Key>R&D</Key></Contents>\
              <CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>\
              <NextContinuationToken>a&amp;b</NextContinuationToken></ListBucketResult>\n",
        )
        .unwrap();
        let odd = "\u{1}\n\r\r\u{2}&<>\"'\u{0}&none;";
        assert_eq!(keys(&page), ["a/1.jpg", "a//2", "a/../3", odd, "<&>", " ", "R&D"]);
        let sizes: Vec<_> = page.objects.iter().map(|object| object.size).collect();
        assert_eq!((&sizes[..3], page.next.as_deref()), (&[Some(12), None, None][..], Some("a&b")));
        let versions: Vec<_> = page.objects.iter().map(Listed::version).collect();
        assert_eq!(versions[..2], [Some("\"x\"".to_string()), None]);
    }

    #[test]
    fn azures_pages_are_read() {
        let page = Page::read(
            b"\xef\xbb\xbf<?xml version=\"1.0\"?><EnumerationResults ContainerName=\"c\"><Prefix>x</Prefix><Blobs>\
              <Blob><Name>a/1.jpg</Name><Properties><Last-Modified>Mon</Last-Modified><Content-Length>7</Content-Length></Properties></Blob>\
              <Blob><Name>d</Name><Properties><Content-Length>0</Content-Length><ResourceType>directory</ResourceType>\
              </Properties><Metadata><Name>meta</Name></Metadata></Blob>\
              <Blob><Name Encoded=\"true\">a%01%EF%BF%BFb%zz</Name></Blob><Blob><Name>a%01</Name></Blob></Blobs>\
              <NextMarker /></EnumerationResults>",
        )
        .unwrap();
        assert_eq!(keys(&page), ["a/1.jpg", "d", "a\u{1}\u{ffff}b%zz", "a%01"]);
        let folders: Vec<_> = page.objects.iter().map(|object| object.folder).collect();
        assert_eq!(page.objects[0].version().as_deref(), Some("Mon 7"));
        assert_eq!((folders, page.next), (vec![false, true, false, false], None));
    }

    #[test]
    fn encoded_pages_are_decoded() {
        let page = Page::read(
            b"<ListBucketResult><Contents><Key>a+b%2Bc%0A</Key></Contents><EncodingType>url</EncodingType></ListBucketResult>",
        );
        assert_eq!(keys(&page.unwrap()), ["a b+c\n"]);
    }

    #[test]
    fn what_is_no_whole_page_is_an_error() {
        let said = |body: &str| Page::read(body.as_bytes()).unwrap_err().to_string();
        for half in
            ["<ListBucketResult>", "<ListBucketResult><Contents><Key>a</Key>", "<ListBucketResult><Cont"]
        {
            assert_eq!(said(half), "the answer broke off", "{half}");
        }
        for other in ["", "a/1.jpg", "<html><body></body></html>", "<Error><Code>No</Code></Error>", "{}"] {
            assert_eq!(said(other), "the server answered with something that is no listing", "{other}");
        }
        let more = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
        assert!(said(more).contains("there is more"));
        let deep = format!("<ListBucketResult>{}", "<a>".repeat(1_000_000));
        assert_eq!(said(&deep), "the server answered with something that is no listing");
        assert_eq!(Page::read(b"<ListBucketResult/>"), Ok(Page::default()));
    }
}
