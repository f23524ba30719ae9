//! Who asks: keys, what they may do, and how often.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::face::Face;
use super::problem::{Answer, Problem};
use crate::error::Result;
use crate::state::State;
use crate::state::keys::{Kept, Key, Scope, parts};

/// A key that a path carried, for clients that send no header.
#[derive(Debug, Clone)]
pub(crate) struct PathKey(pub(crate) String);

/// The keys as they are now, and how much each has left.
#[derive(Debug)]
pub(crate) struct Keys {
    state: Arc<State>,
    known: ArcSwap<HashMap<String, Kept>>,
    seen: Mutex<i64>,
    buckets: Mutex<HashMap<String, Bucket>>,
}

/// Records that a key has left, and when that was so.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Keys {
    pub(crate) fn of(state: Arc<State>) -> Result<Keys> {
        let (known, seen) = (ArcSwap::default(), Mutex::new(i64::MIN));
        let keys = Keys { state, known, seen, buckets: Mutex::default() };
        keys.refresh()?;
        Ok(keys)
    }

    /// Takes in what another process changed.
    pub(crate) fn refresh(&self) -> Result<()> {
        let now = self.state.version()?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen != now {
            let all = self.state.keys()?;
            self.known.store(Arc::new(all.into_iter().map(|kept| (kept.key.id.clone(), kept)).collect()));
            *seen = now;
        }
        Ok(())
    }

    /// How many are valid.
    pub(crate) fn count(&self) -> usize {
        self.known.load().values().filter(|kept| kept.key.is_valid()).count()
    }

    /// The key of a request, where it may do this, now.
    pub(crate) fn check(&self, face: Face, request: &Request, scope: Scope) -> Answer<Arc<Key>> {
        let text = presented(face, request);
        let kept = text.as_deref().and_then(|text| self.of_text(text));
        let key = kept.ok_or_else(|| unauthorized(face, text.is_some()))?;
        if !key.may(scope) {
            let detail = format!("the key lacks the scope {scope}");
            return Err(Problem::new(StatusCode::FORBIDDEN, "scope", detail));
        }
        self.spend(&key)?;
        Ok(key)
    }

    /// The key that a text is, while it is valid.
    pub(crate) fn of_text(&self, text: &str) -> Option<Arc<Key>> {
        parts(text).and_then(|(id, secret)| self.find(id, secret))
    }

    /// The key of this id, while it is valid.
    pub(crate) fn valid(&self, id: &str) -> Option<Arc<Key>> {
        self.known.load().get(id).filter(|kept| kept.key.is_valid()).map(|kept| Arc::new(kept.key.clone()))
    }

    fn find(&self, id: &str, secret: &str) -> Option<Arc<Key>> {
        let known = self.known.load();
        let kept = known.get(id)?;
        (kept.opens(secret) && kept.key.is_valid()).then(|| Arc::new(kept.key.clone()))
    }

    /// Takes one record of a key's; a second's worth may be saved up.
    fn spend(&self, key: &Key) -> Answer<()> {
        let Some(rate) = key.rate else { return Ok(()) };
        self.with_bucket(key, rate, |bucket| {
            if bucket.left < 1.0 {
                let wait = ((1.0 - bucket.left) / rate).ceil().max(1.0) as u64;
                let detail = format!("the key may ask for {rate} records per second, and has asked for more");
                return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate", detail).retry_after(wait));
            }
            bucket.left -= 1.0;
            Ok(())
        })
    }

    /// Takes so many records more, which may be more than the key has left: then it has to rest, and for how long.
    pub(crate) fn owe(&self, key: &Key, records: usize) -> Duration {
        let Some(rate) = key.rate else { return Duration::ZERO };
        self.with_bucket(key, rate, |bucket| {
            bucket.left -= records as f64;
            Duration::try_from_secs_f64(-bucket.left / rate).unwrap_or_default()
        })
    }

    fn with_bucket<T>(&self, key: &Key, rate: f64, work: impl FnOnce(&mut Bucket) -> T) -> T {
        let (now, most) = (Instant::now(), rate.max(1.0));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(key.id.clone()).or_insert(Bucket { left: most, at: now });
        bucket.left = (bucket.left + (now - bucket.at).as_secs_f64() * rate).min(most);
        bucket.at = now;
        work(bucket)
    }
}

fn unauthorized(face: Face, was_presented: bool) -> Problem {
    let detail = match (was_presented, face) {
        (true, _) => "the key is not known, has ended or was revoked",
        (false, Face::Shield | Face::Abyss) => "a key is needed, as the password of Authorization: Basic",
        (false, _) => "a key is needed: Authorization: Bearer sg_…",
    };
    Problem::new(StatusCode::UNAUTHORIZED, "key", detail)
}

/// What a request presents as its key, in the manner of its face.
fn presented(face: Face, request: &Request) -> Option<String> {
    // A scheme's letters count as small ones (RFC 9110, 11.1).
    let bearer = || {
        let (scheme, key) = header(request.headers(), AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_string())
    };
    match face {
        Face::Own | Face::Review => bearer(),
        Face::PhotoDna => {
            header(request.headers(), "ocp-apim-subscription-key").map(String::from).or_else(|| {
                let mut pairs = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
                let found = pairs.find(|(name, _)| name.eq_ignore_ascii_case("subscription-key"));
                found.map(|(_, value)| value.into_owned())
            })
        }
        Face::Shield | Face::Abyss => password(header(request.headers(), AUTHORIZATION.as_str())?),
        Face::PictRs => request.uri().path().rsplit('/').next().map(String::from),
        Face::Hma => bearer().or_else(|| request.extensions().get::<PathKey>().map(|key| key.0.clone())),
    }
}

/// The password of `Basic …` (RFC 7617), whatever the user's name.
fn password(header: &str) -> Option<String> {
    let (scheme, credentials) = header.split_once(' ')?;
    let credentials =
        BASE64.decode(credentials.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let credentials = String::from_utf8(credentials).ok()?;
    credentials.split_once(':').map(|(_, password)| password.to_string())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// What a request needs; `None` for what everybody may ask.
pub(crate) fn scope_of(face: Face, method: &str, route: &str) -> Option<Scope> {
    let reads = method == "GET" || method == "HEAD";
    match (face, route) {
        (Face::Own, "/healthz" | "/readyz" | "/v1/openapi.json" | "/" | "/page.css" | "/page.js" | "") => {
            None
        }
        // Its pages ask for a session.
        (Face::Review, _) => None,
        (Face::Own, "/v1/review") => Some(Scope::Review),
        (Face::Own, "/v1/hash") => Some(Scope::Hash),
        (Face::Own, "/v1/lookup" | "/v1/compare") | (Face::Shield, "/shield/v1/pdq/") => Some(Scope::Lookup),
        (Face::PhotoDna, "/photodna/v1.0/Report") => Some(Scope::Report),
        (Face::Own, route) if route.starts_with("/v1/reports") => Some(Scope::Report),
        (Face::Own, "/v1/match") | (Face::PhotoDna | Face::Shield | Face::Abyss | Face::PictRs, _) => {
            Some(Scope::Match)
        }
        (Face::Hma, "/" | "/status" | "/status/live" | "/site-map" | "") => None,
        (Face::Hma, "/h/hash") => Some(Scope::Hash),
        (Face::Hma, "/m/lookup") if !reads => Some(Scope::Match),
        (Face::Hma, route) if route.starts_with("/m/") => Some(Scope::Lookup),
        _ if reads => Some(Scope::GalleriesRead),
        _ => Some(Scope::GalleriesWrite),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::keys::NewKey;

    #[test]
    fn a_key_spends_no_more_than_its_rate() {
        let folder = tempfile::tempdir().unwrap();
        let state = Arc::new(State::open(folder.path()).unwrap());
        let new = NewKey::default().scopes(vec![Scope::Hash]).rate(Some(2.0));
        let text = state.add_key(&new).unwrap();
        let keys = Keys::of(state).unwrap();
        let request = |text: &str| {
            let request = Request::builder().header("Authorization", format!("Bearer {text}"));
            request.body(axum::body::Body::empty()).unwrap()
        };
        let ask = |text: &str, scope| {
            keys.check(Face::Own, &request(text), scope).map_err(|problem| problem.status)
        };
        assert!(ask(&text, Scope::Hash).is_ok() && ask(&text, Scope::Hash).is_ok());
        assert_eq!(ask(&text, Scope::Hash), Err(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(ask(&text, Scope::Match), Err(StatusCode::FORBIDDEN));
        assert_eq!(ask(&text[..text.len() - 1], Scope::Hash), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(ask("", Scope::Hash), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(keys.count(), 1);
        // Many records of one request count as many requests do.
        let new = NewKey::default().scopes(vec![Scope::Hash]).rate(Some(2.0));
        let text = keys.state.add_key(&new).unwrap();
        let keys = Keys::of(keys.state.clone()).unwrap();
        let key = keys.check(Face::Own, &request(&text), Scope::Hash).unwrap();
        let rest = keys.owe(&key, 101);
        assert!((49.0..=50.0).contains(&rest.as_secs_f64()), "{rest:?}");
        let refused = keys.check(Face::Own, &request(&text), Scope::Hash).unwrap_err();
        assert!(refused.retry_after.is_some_and(|seconds| seconds >= 50), "{refused:?}");
    }

    #[test]
    fn a_password_is_what_follows_the_first_colon() {
        let basic = |credentials: &str| format!("Basic {}", BASE64.encode(credentials));
        for (header, expected) in [
            (basic("admin:sg_a_b"), Some("sg_a_b")),
            (basic(":a:b"), Some("a:b")),
            (basic("admin:").replace("Basic", "bAsIc"), Some("")),
            (basic("admin"), None),
            (basic("a:b").replace("Basic", "Bearer"), None),
            ("Basic".to_string(), None),
            ("Basic %%".to_string(), None),
            (format!("Basic {}", BASE64.encode(b"a:\xff")), None),
        ] {
            assert_eq!(password(&header).as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn what_changes_galleries_needs_the_right_to() {
        for (face, method, route, scope) in [
            (Face::Own, "POST", "/v1/galleries/{name}/reload", Some(Scope::GalleriesWrite)),
            (Face::Own, "GET", "/v1/galleries", Some(Scope::GalleriesRead)),
            (Face::Own, "GET", "/healthz", None),
            (Face::Own, "GET", "/v1/review", Some(Scope::Review)),
            (Face::Review, "POST", "/review/next", None),
            (Face::Own, "POST", "/v1/something-new", Some(Scope::GalleriesWrite)),
            (Face::PhotoDna, "POST", "/photodna/v1.0/Match", Some(Scope::Match)),
            (Face::PhotoDna, "POST", "/photodna/v1.0/Report", Some(Scope::Report)),
            (Face::Own, "POST", "/v1/reports", Some(Scope::Report)),
            (Face::Own, "GET", "/v1/reports/{id}", Some(Scope::Report)),
            (Face::Own, "POST", "/v1/reports/{id}/retract", Some(Scope::Report)),
            (Face::Shield, "POST", "/shield/v1/media/", Some(Scope::Match)),
            (Face::Shield, "POST", "/shield/v1/pdq/", Some(Scope::Lookup)),
            (Face::Abyss, "POST", "/xrpc/com.atproto.unspecced.scanBlob", Some(Scope::Match)),
            (Face::PictRs, "POST", "/hooks/pict-rs/{token}", Some(Scope::Match)),
            (Face::Hma, "POST", "/m/lookup", Some(Scope::Match)),
            (Face::Hma, "GET", "/m/raw_lookup", Some(Scope::Lookup)),
            (Face::Hma, "DELETE", "/c/bank/{name}", Some(Scope::GalleriesWrite)),
        ] {
            assert_eq!(scope_of(face, method, route), scope, "{method} {route}");
        }
    }
}
