//! Keys that the library cannot represent: empty parts, `.` and `..`, control characters, slashes at the ends.
//!
//! The library signs a request for a stand-in. The stand-in is then replaced by the key, and the request is signed again if the signature covers the key.

use object_store::azure::{AzureAuthorizer, AzureCredential};
use object_store::client::HttpRequest;
use object_store::path::Path;
use reqwest::Url;
use reqwest::header::{self, HeaderValue};
use ring::{digest, hmac};

use super::library::{Library, Signed};
use super::trouble::Trouble;

/// What the library is asked for in place of the key.
const STAND_IN: &str = "shadegrid";

/// The library's path of a key, if it represents the key exactly.
pub(super) fn path_of(key: &str) -> Option<Path> {
    Path::parse(key).ok().filter(|path| !key.is_empty() && path.as_ref() == key)
}

/// What to ask the library for in its place.
pub(super) fn stand_in() -> Path {
    Path::from(STAND_IN)
}

/// Bytes of a URL's path as they are, all others as `%XX`; slashes as they are where they may be.
fn encode(key: &str, slashes: bool) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            b'/' if slashes => encoded.push('/'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The key in a URL's path, and as it is signed. URL parsers resolve parts that are `.` or `..`; with encoded slashes they do not see them. Servers and
/// signatures accept that, as both refer to the decoded key.
fn in_a_path(key: &str) -> Result<(String, String), Trouble> {
    if matches!(key, "" | "." | "..") {
        return Err(Trouble::lasting("no request can name this key: it would be taken for a step in a tree"));
    }
    let steps = key.split('/').any(|part| matches!(part, "." | ".."));
    Ok((encode(key, !steps), encode(key, true)))
}

/// The same request for another key.
pub(super) async fn for_key(
    (request, wire): Signed,
    library: &Library,
    key: &str,
) -> Result<Signed, Trouble> {
    let cannot = || Trouble::lasting("no request can name this key");
    let mut request = request;
    let uri = request.uri().to_string();
    let (address, query) =
        uri.split_once('?').map_or((&*uri, None), |(address, query)| (address, Some(query)));
    let before = address.strip_suffix(STAND_IN).ok_or_else(cannot)?;
    let (sent, signed) = in_a_path(key)?;
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    *request.uri_mut() = format!("{before}{sent}{query}").parse().map_err(|_| cannot())?;
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(authorization) = authorization.map(str::to_string) else { return Ok((request, wire)) };
    match library {
        Library::S3(store) => {
            let credential = store.credentials().get_credential().await;
            let credential = credential.map_err(|error| Trouble::lasting(super::library::why(&error)))?;
            let before = request.uri().path().strip_suffix(&*sent).ok_or_else(cannot)?;
            let path = format!("{before}{signed}");
            sign(&mut request, &path, &authorization, &credential.secret_key).ok_or_else(cannot)?;
        }
        Library::Azure(store) if authorization.starts_with("SharedKey ") => {
            let credential = store.credentials().get_credential().await;
            let credential = credential.map_err(|error| Trouble::lasting(super::library::why(&error)))?;
            sign_for_azure(&mut request, &authorization, &credential).ok_or_else(cannot)?;
        }
        // A bearer token does not cover the key.
        Library::Azure(_) | Library::Google(_) => {}
    }
    Ok((request, wire))
}

/// Signs a request again for another path; everything else stays (AWS Signature Version 4).
fn sign(request: &mut HttpRequest, path: &str, authorization: &str, secret: &str) -> Option<()> {
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let field = |name: &str| fields.split(", ").find_map(|field| field.strip_prefix(name));
    let (credential, names) = (field("Credential=")?, field("SignedHeaders=")?);
    let (_, scope) = credential.split_once('/')?;
    let value = |name: &str| request.headers().get(name)?.to_str().ok();
    let host = host_of(&Url::parse(&request.uri().to_string()).ok()?)?;
    let headers = names.split(';').map(|name| {
        let value = if name == "host" { Some(&*host) } else { value(name) };
        Some(format!("{name}:{}\n", value?.split_whitespace().collect::<Vec<_>>().join(" ")))
    });
    let headers: String = headers.collect::<Option<_>>()?;
    let (date, content) = (value("x-amz-date")?, value("x-amz-content-sha256")?);
    let (method, query) = (request.method(), request.uri().query().unwrap_or_default());
    let canonical = format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{content}");
    let digest = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
    let first = format!("AWS4{secret}").into_bytes();
    let key = scope.split('/').fold(first, |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &to_sign));
    let signed =
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}");
    let signed = HeaderValue::from_str(&signed).ok()?;
    request.headers_mut().insert(header::AUTHORIZATION, signed);
    Some(())
}

/// A URL's host, and its port where that is not its scheme's own.
fn host_of(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or(host.to_string(), |port| format!("{host}:{port}")))
}

fn sign_for_azure(
    request: &mut HttpRequest,
    authorization: &str,
    credential: &AzureCredential,
) -> Option<()> {
    let (account, _) = authorization.strip_prefix("SharedKey ")?.split_once(':')?;
    request.headers_mut().remove(header::AUTHORIZATION);
    AzureAuthorizer::new(credential, account).try_authorize(request).ok()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use object_store::client::HttpRequestBody;

    use super::*;

    /// The example "GET Object" of AWS's documentation of Signature Version 4.
    #[test]
    fn a_request_is_signed_as_in_the_example() {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = "https://examplebucket.s3.amazonaws.com:443/test.txt".parse().unwrap();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (name, value) in
            [("range", "bytes=0-9"), ("x-amz-content-sha256", empty), ("x-amz-date", "20130524T000000Z")]
        {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let before = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
                      SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=";
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        sign(&mut request, "/test.txt", &format!("{before}0"), secret).unwrap();
        let signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        assert_eq!(request.headers()[header::AUTHORIZATION], format!("{before}{signature}"));
        sign(&mut request, "/tests.txt", &format!("{before}0"), secret).unwrap();
        assert_ne!(request.headers()[header::AUTHORIZATION], format!("{before}{signature}"));
        assert_eq!(sign(&mut request, "/test.txt", "Bearer 1", secret), None);
    }

    #[test]
    fn a_path_is_the_librarys_only_where_it_is_the_key() {
        for key in ["a", "a/b.jpg", "a b/%2F/ä", "a/.../b", "~x"] {
            assert_eq!(path_of(key).map(|path| path.to_string()).as_deref(), Some(key));
        }
        for key in ["", "/", "/a", "a/", "a//b", "a/../b", "./a", "..", "a\nb", "a\u{1}", "a\u{7f}"] {
            assert_eq!(path_of(key), None, "{key:?}");
        }
    }

    /// No reader of URLs may take a key for another one.
    #[test]
    fn every_key_comes_through_a_url_as_it_is() {
        let keys = [
            "/a",
            "a/",
            "a//b",
            "//",
            "a/../b",
            "../a",
            "a/..",
            "./a",
            "a/.",
            "%2e%2e/a",
            "a\nb",
            "a\r\t\u{1}\u{7f}",
            "a\\..\\b",
            "ä?#%/ +&",
            "a/%2F../b",
            "a\u{0}b",
        ];
        for key in keys {
            let (sent, signed) = in_a_path(key).unwrap();
            let url = Url::parse(&format!("http://host/bucket/{sent}")).unwrap();
            let bytes = url.path().strip_prefix("/bucket/").unwrap().as_bytes();
            assert_eq!(decoded(bytes), key, "{url}");
            assert_eq!(decoded(signed.as_bytes()), key);
            assert_eq!(signed.matches('/').count(), key.matches('/').count());
        }
        assert!(["", ".", ".."].iter().all(|key| in_a_path(key).is_err()));
    }

    fn decoded(bytes: &[u8]) -> String {
        let mut decoded = Vec::new();
        let mut rest = bytes;
        while let [first, behind @ ..] = rest {
            rest = match (first, behind) {
                (b'%', [high, low, behind @ ..]) => {
                    let digits = [*high, *low];
                    decoded.push(u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap());
                    behind
                }
                _ => {
                    decoded.push(*first);
                    behind
                }
            };
        }
        String::from_utf8(decoded).unwrap()
    }
}
