//! What a service is started with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::event::Reporter;
use super::galleries::GalleryFile;
use super::tls::TlsFiles;
use crate::error::{Error, Result};
use crate::hasher::HashOptions;
use crate::hook::HookOptions;
use crate::pipeline::FetchOptions;
use crate::report::ReportOptions;
use crate::signature::Algorithm;
use crate::sync::SyncSource;

/// The choices of a [`Service`](super::Service).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServiceOptions {
    /// Where the own API and the PhotoDNA face listen; port 0 is one that is free.
    pub listen: SocketAddr,
    /// Where the HMA face listens; nowhere by default.
    pub hma: Option<SocketAddr>,
    /// The signatures that the HMA face knows; PDQ by default.
    pub hma_signals: Vec<Algorithm>,
    /// Which pictures the PhotoDNA face takes.
    pub photodna_limits: PhotoDnaLimits,
    /// What the PhotoDNA face calls the source of a gallery, by the gallery's name; where it is missing, that name.
    pub sources: BTreeMap<String, String>,
    /// Where numbers for Prometheus are served; nowhere by default.
    pub metrics: Option<SocketAddr>,
    /// Whether another process may listen at the same addresses, to take over.
    pub reuse_port: bool,
    /// Whether addresses other than loopback are served without keys and TLS.
    pub plain: bool,
    /// The folder with keys, which every request has to present then; `None`: none is asked for.
    pub data: Option<PathBuf>,
    /// Whether no key is asked for, although there is a folder.
    pub no_keys: bool,
    /// The certificate of the own API and the HMA face.
    pub tls: Option<TlsFiles>,
    /// What is searched.
    pub galleries: Vec<GalleryFile>,
    /// The lists that galleries in the folder's `galleries` follow; they need the folder.
    pub sync: Vec<SyncSource>,
    /// Reports to NCMEC, which are kept in the folder and sent from there; they need the folder. None are taken by default.
    pub reports: Option<ReportOptions>,
    /// Threads that hash, and as many that search.
    pub threads: NonZeroUsize,
    /// Bytes that requests and pictures take together: a quarter for requests.
    pub memory: u64,
    /// What is hashed, and how, unless a request says otherwise.
    pub hash: HashOptions,
    /// Addresses of pictures that callers may name instead of sending them; none by default.
    pub fetch: FetchOptions,
    /// Addresses of one's own that learn of matches, decisions and reports; they need the folder.
    pub hooks: Option<HookOptions>,
    /// Times and sizes.
    pub limits: ServiceLimits,
    /// Where events go.
    pub reporter: Reporter,
}

setters!(ServiceOptions {
    listen: SocketAddr,
    hma: Option<SocketAddr>,
    hma_signals: Vec<Algorithm>,
    photodna_limits: PhotoDnaLimits,
    sources: BTreeMap<String, String>,
    metrics: Option<SocketAddr>,
    reuse_port: bool,
    plain: bool,
    data: Option<PathBuf>,
    no_keys: bool,
    tls: Option<TlsFiles>,
    galleries: Vec<GalleryFile>,
    sync: Vec<SyncSource>,
    reports: Option<ReportOptions>,
    threads: NonZeroUsize,
    memory: u64,
    hash: HashOptions,
    fetch: FetchOptions,
    hooks: Option<HookOptions>,
    limits: ServiceLimits,
    reporter: Reporter,
});

impl Default for ServiceOptions {
    fn default() -> ServiceOptions {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        ServiceOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            hma: None,
            hma_signals: vec![Algorithm::Pdq],
            photodna_limits: PhotoDnaLimits::default(),
            sources: BTreeMap::new(),
            metrics: None,
            reuse_port: false,
            plain: false,
            data: None,
            no_keys: false,
            tls: None,
            galleries: Vec::new(),
            sync: Vec::new(),
            reports: None,
            threads,
            memory: crate::engine::Engine::default_memory(threads),
            hash: HashOptions::default(),
            fetch: FetchOptions::default(),
            hooks: None,
            limits: ServiceLimits::default(),
            reporter: Reporter::default(),
        }
    }
}

impl ServiceOptions {
    fn has_keys(&self) -> bool {
        self.data.is_some() && !self.no_keys
    }

    /// Refuses what would show signatures to everybody, and limits by which nothing could be served.
    pub(crate) fn check(&self) -> Result<()> {
        self.limits.check()?;
        if self.hooks.is_some() && self.data.is_none() {
            return Err(Error::Input(
                "hooks need a folder that keeps them until they are delivered: --data".into(),
            ));
        }
        let open = [Some(self.listen), self.hma].into_iter().flatten().find(|at| !at.ip().is_loopback());
        match open {
            Some(address) if !self.plain && (!self.has_keys() || self.tls.is_none()) => {
                Err(Error::Input(format!(
                    "{address} can be reached by other machines, and that needs keys (--data) and TLS (--tls-certificate): give both, or say --plain \
                 where a proxy in front sees to it"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Which pictures the PhotoDNA face takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PhotoDnaLimits {
    /// Those that every other request takes.
    #[default]
    Own,
    /// Those that Microsoft's service takes, for clients that rely on its refusals: at least 160 pixels per side, at most 4 MiB, and GIF, JPEG, PNG, BMP or
    /// TIFF.
    Cloud,
}

impl PhotoDnaLimits {
    /// The name in settings: `own` or `cloud`.
    pub fn name(self) -> &'static str {
        match self {
            PhotoDnaLimits::Own => "own",
            PhotoDnaLimits::Cloud => "cloud",
        }
    }
}

impl FromStr for PhotoDnaLimits {
    type Err = Error;

    fn from_str(text: &str) -> Result<PhotoDnaLimits> {
        let found =
            [PhotoDnaLimits::Own, PhotoDnaLimits::Cloud].into_iter().find(|limits| limits.name() == text);
        found.ok_or_else(|| Error::Input(format!("unknown limits {text:?}: the choice is own, cloud")))
    }
}

/// The times and sizes that a client must keep to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceLimits {
    /// Open connections. Beyond, the one that is idle the longest is closed for a new one.
    pub connections: usize,
    /// For a request's head, and between two requests of a connection.
    pub head: Duration,
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For a request's body in all.
    pub body: Duration,
    /// For the answer, once the body is there, unless the client asks for less.
    pub answer: Duration,
    /// Between saying at `/readyz` that the service ends, and accepting nothing more.
    pub notice: Duration,
    /// For requests in flight when the service ends.
    pub grace: Duration,
    /// Between two looks at the files of galleries and certificates.
    pub watch: Duration,
    /// Bytes of one picture.
    pub picture: u64,
    /// Bytes of one request.
    pub request: u64,
    /// Pictures of one request.
    pub pictures: usize,
}

setters!(ServiceLimits {
    connections: usize,
    head: Duration,
    handshake: Duration,
    body: Duration,
    answer: Duration,
    notice: Duration,
    grace: Duration,
    watch: Duration,
    picture: u64,
    request: u64,
    pictures: usize,
});

impl ServiceLimits {
    fn check(&self) -> Result<()> {
        let ServiceLimits {
            connections,
            head,
            handshake,
            body,
            answer,
            watch,
            picture,
            request,
            pictures,
            ..
        } = self;
        let zeros = [
            ("connections", *connections == 0),
            ("seconds for a head", head.is_zero()),
            ("seconds for a handshake", handshake.is_zero()),
            ("seconds for a body", body.is_zero()),
            ("seconds for an answer", answer.is_zero()),
            ("seconds between two looks at files (watch)", watch.is_zero()),
            ("bytes of a picture", *picture == 0),
            ("bytes of a request", *request == 0),
            ("pictures of a request", *pictures == 0),
        ];
        match zeros.iter().find(|(_, is_zero)| *is_zero) {
            Some((what, _)) => {
                Err(Error::Input(format!("the limit on {what} is 0, and nothing could be served")))
            }
            None => Ok(()),
        }
    }
}

impl Default for ServiceLimits {
    fn default() -> ServiceLimits {
        ServiceLimits {
            connections: 1024,
            head: Duration::from_secs(30),
            handshake: Duration::from_secs(10),
            body: Duration::from_secs(60),
            answer: Duration::from_secs(30),
            notice: Duration::from_secs(1),
            grace: Duration::from_secs(30),
            watch: Duration::from_secs(5),
            picture: 64 << 20,
            request: 256 << 20,
            pictures: 1000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_by_which_nothing_could_be_served_are_refused() {
        let zero = Duration::ZERO;
        let usual = ServiceLimits::default;
        assert!(usual().notice(zero).grace(zero).check().is_ok());
        for (limits, what) in [
            (usual().connections(0), "connections"),
            (usual().head(zero), "a head"),
            (usual().handshake(zero), "a handshake"),
            (usual().body(zero), "a body"),
            (usual().answer(zero), "an answer"),
            (usual().watch(zero), "watch"),
            (usual().picture(0), "a picture"),
            (usual().request(0), "a request"),
            (usual().pictures(0), "pictures"),
        ] {
            let error = limits.check().unwrap_err().to_string();
            assert!(error.contains(what) && error.contains("nothing could be served"), "{error}");
        }
    }
}
