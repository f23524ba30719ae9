//! `serve.toml`: the choices of a service in a file.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use shadegrid::hook::HookOptions;
use shadegrid::report::ReportOptions;
use shadegrid::service::{
    FetchHost, FetchOptions, GalleryFile, PhotoDnaLimits, ServiceLimits, ServiceOptions, TlsFiles,
};
use shadegrid::{Algorithm, Error};

use super::super::bytes;
use super::super::resources::Resources;

mod sources;

use sources::Source;

/// The file; what it leaves out is as without one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    hma: Option<SocketAddr>,
    hma_signals: Option<Vec<String>>,
    metrics: Option<SocketAddr>,
    data: Option<PathBuf>,
    reports: Option<PathBuf>,
    #[serde(default)]
    no_keys: bool,
    #[serde(default)]
    plain: bool,
    #[serde(default)]
    reuse_port: bool,
    threads: Option<NonZeroUsize>,
    memory: Option<Size>,
    #[serde(default)]
    galleries: BTreeMap<String, Named>,
    #[serde(default)]
    photodna: PhotoDna,
    #[serde(default)]
    sync: BTreeMap<String, Source>,
    tls: Option<Tls>,
    #[serde(default)]
    fetch: Fetch,
    hooks: Option<HookOptions>,
    #[serde(default)]
    limits: Limits,
}

/// `"known.gallery"`, or `{ path = "known.gallery", source = "NCMEC" }`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a gallery is a path, or a table of path and source")]
enum Named {
    Path(PathBuf),
    Table(Gallery),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gallery {
    path: PathBuf,
    /// What the PhotoDNA face calls its source.
    source: Option<String>,
}

impl Named {
    fn parts(self) -> (PathBuf, Option<String>) {
        match self {
            Named::Path(path) => (path, None),
            Named::Table(Gallery { path, source }) => (path, source),
        }
    }
}

/// The PhotoDNA face.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PhotoDna {
    limits: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    client_roots: Option<PathBuf>,
}

/// Addresses that callers name; the time in seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fetch {
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    any: bool,
    #[serde(default)]
    http: bool,
    #[serde(default)]
    allow_private_addresses: bool,
    timeout: Option<f64>,
}

/// Times in seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    connections: Option<usize>,
    head: Option<f64>,
    handshake: Option<f64>,
    body: Option<f64>,
    answer: Option<f64>,
    notice: Option<f64>,
    grace: Option<f64>,
    watch: Option<f64>,
    picture: Option<Size>,
    request: Option<Size>,
    pictures: Option<usize>,
}

/// `67108864` or `"64M"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Size {
    Bytes(u64),
    Text(String),
}

impl Size {
    fn bytes(&self) -> Result<u64, String> {
        match self {
            Size::Bytes(bytes) => Ok(*bytes),
            Size::Text(text) => bytes::parse(text),
        }
    }
}

/// Reads a file. Its paths are relative to its folder.
pub(in crate::cli) fn read(path: &Path) -> Result<ServiceOptions, Error> {
    let cannot = |error| Error::io(format!("cannot read {}", path.display()), error);
    let text = fs::read_to_string(path).map_err(cannot)?;
    let wrong = |error: String| Error::Input(format!("{}: {}", path.display(), error.trim_end()));
    let file = parsed(&text).map_err(wrong)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    file.options(folder).map_err(wrong)
}

/// The file; what is wrong in it is said in one line that names line and key, and quotes nothing, as a file may hold what is secret.
fn parsed(text: &str) -> Result<File, String> {
    toml::from_str(text).map_err(|error| {
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        match error.span().and_then(|span| text.get(..span.start)) {
            Some(before) => format!("{}: {message}", place(text, before)),
            None => message,
        }
    })
}

/// The line behind `before`, by its number and by the key that it begins with.
fn place(text: &str, before: &str) -> String {
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let key = text[start..].split(['=', '\n']).next().unwrap_or_default().trim();
    let is_key = |character: char| character.is_alphanumeric() || "._-".contains(character);
    let key = if !key.is_empty() && key.chars().all(is_key) { format!(", {key}") } else { String::new() };
    format!("line {}{key}", before.matches('\n').count() + 1)
}

impl File {
    fn options(self, folder: &Path) -> Result<ServiceOptions, String> {
        let memory =
            self.memory.map(|size| size.bytes()).transpose().map_err(|error| format!("memory: {error}"))?;
        let resources = Resources::new(self.threads, memory);
        let names = self.hma_signals.unwrap_or_else(|| vec![Algorithm::Pdq.name().to_string()]);
        let signals = names.iter().map(|name| name.parse());
        let signals: Result<Vec<Algorithm>, Error> = signals.collect();
        let (mut galleries, mut sources) = (Vec::new(), BTreeMap::new());
        for (name, named) in self.galleries {
            let (path, source) = named.parts();
            sources.extend(source.map(|source| (name.clone(), source)));
            galleries.push(GalleryFile { name: Some(name), path: folder.join(path) });
        }
        let limits = self.photodna.limits.as_deref().map(str::parse::<PhotoDnaLimits>).transpose();
        let limits = limits.map_err(|error| format!("photodna.limits: {error}"))?;
        let sync = self.sync.into_iter().map(|(name, source)| source.source(&name, folder));
        let reports = self.reports.map(|path| ReportOptions::read(&folder.join(path))).transpose();
        let options = ServiceOptions::default();
        let listen = self.listen.unwrap_or(options.listen);
        Ok(options
            .listen(listen)
            .hma(self.hma)
            .hma_signals(signals.map_err(|error| format!("hma_signals: {error}"))?)
            .metrics(self.metrics)
            .data(self.data.map(|data| folder.join(data)))
            .reports(reports.map_err(|error| format!("reports: {error}"))?)
            .no_keys(self.no_keys)
            .plain(self.plain)
            .reuse_port(self.reuse_port)
            .threads(resources.threads)
            .memory(resources.memory)
            .galleries(galleries)
            .photodna_limits(limits.unwrap_or_default())
            .sources(sources)
            .sync(sync.collect::<Result<_, _>>()?)
            .tls(self.tls.map(|tls| tls.files(folder)))
            .fetch(self.fetch.options()?)
            .hooks(self.hooks.map(|hooks| hooks.in_folder(folder)))
            .limits(self.limits.limits()?))
    }
}

impl Fetch {
    fn options(self) -> Result<FetchOptions, String> {
        let hosts = self.hosts.iter().map(|host| match host.as_str() {
            "any" => Err("fetch.hosts: every host is `any = true`".to_string()),
            host => host.parse().map_err(|error| format!("fetch.hosts: {error}")),
        });
        let usual = FetchOptions::default();
        let time = self.timeout.map_or(Ok(usual.time), Duration::try_from_secs_f64);
        Ok(usual
            .hosts(hosts.collect::<Result<Vec<FetchHost>, String>>()?)
            .any(self.any)
            .plain(self.http)
            .allow_private_addresses(self.allow_private_addresses)
            .time(time.map_err(|_| "fetch.timeout: no time")?))
    }
}

impl Tls {
    fn files(self, folder: &Path) -> TlsFiles {
        TlsFiles {
            certificate: folder.join(self.certificate),
            key: folder.join(self.key),
            client_roots: self.client_roots.map(|path| folder.join(path)),
        }
    }
}

impl Limits {
    fn limits(self) -> Result<ServiceLimits, String> {
        let usual = ServiceLimits::default();
        let time = |name: &str, given: Option<f64>, usual: Duration| match given {
            None => Ok(usual),
            Some(seconds) => {
                Duration::try_from_secs_f64(seconds).map_err(|_| format!("limits.{name}: no time"))
            }
        };
        let size = |name: &str, given: &Option<Size>, usual: u64| match given {
            None => Ok(usual),
            Some(size) => size.bytes().map_err(|error| format!("limits.{name}: {error}")),
        };
        let (head, handshake) =
            (time("head", self.head, usual.head)?, time("handshake", self.handshake, usual.handshake)?);
        Ok(usual
            .clone()
            .connections(self.connections.unwrap_or(usual.connections))
            .head(head)
            .handshake(handshake)
            .body(time("body", self.body, usual.body)?)
            .answer(time("answer", self.answer, usual.answer)?)
            .notice(time("notice", self.notice, usual.notice)?)
            .grace(time("grace", self.grace, usual.grace)?)
            .watch(time("watch", self.watch, usual.watch)?)
            .picture(size("picture", &self.picture, usual.picture)?)
            .request(size("request", &self.request, usual.request)?)
            .pictures(self.pictures.unwrap_or(usual.pictures)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Result<ServiceOptions, String> {
        let file = parsed(text)?;
        file.options(Path::new("/etc/shadegrid"))
    }

    #[test]
    fn a_file_says_all_that_the_options_say() {
        let text = r#"
            listen = "0.0.0.0:8443"
            data = "data"
            memory = "2G"
            hma_signals = ["photodna"]
            [galleries]
            ncmec = "galleries/a.gallery"
            other = { path = "b.gallery", source = "Own" }
            [photodna]
            limits = "cloud"
            [tls]
            certificate = "tls.pem"
            key = "/key.pem"
            [fetch]
            hosts = [".cdn.example", "127.0.0.1:8000"]
            http = true
            timeout = 2.5
            [hooks]
            url = "https://a.example/hook"
            secret_file = "hook.secret"
            all_matches = true
            [limits]
            body = 1.5
            picture = 7
        "#;
        let options = options(text).unwrap();
        assert!(options.hooks.is_some_and(|hooks| hooks.all_matches && hooks.url.is_some()));
        assert_eq!(options.listen.to_string(), "0.0.0.0:8443");
        assert_eq!((options.memory, options.limits.picture), (2 << 30, 7));
        assert_eq!(options.hma_signals, [Algorithm::PhotoDna]);
        assert_eq!(options.galleries[0].path, Path::new("/etc/shadegrid/galleries/a.gallery"));
        assert_eq!(options.galleries[1].path, Path::new("/etc/shadegrid/b.gallery"));
        assert_eq!(options.sources, BTreeMap::from([("other".to_string(), "Own".to_string())]));
        assert_eq!(options.photodna_limits, PhotoDnaLimits::Cloud);
        let tls = options.tls.unwrap();
        assert_eq!((tls.certificate, tls.key), ("/etc/shadegrid/tls.pem".into(), "/key.pem".into()));
        assert_eq!((options.limits.body.as_millis(), options.limits.head.as_secs()), (1500, 30));
        let fetch = &options.fetch;
        assert_eq!(
            (fetch.hosts.len(), fetch.any, fetch.plain, fetch.time.as_millis()),
            (2, false, true, 2500)
        );
        assert!(!fetch.allow_private_addresses);
        assert_eq!(options.data.unwrap(), Path::new("/etc/shadegrid/data"));
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named() {
        for (text, named) in [
            ("\nlisten = 7", "line 2, listen: "),
            ("listen = [", "line 1"),
            ("other = 1", "other"),
            ("memory = \"lots\"", "memory"),
            ("[limits]\nbody = -1.0", "limits.body"),
            ("[limits]\npicture = \"x\"", "limits.picture"),
            ("hma_signals = [\"md5\"]", "hma_signals"),
            ("[galleries]\na = 7", "a path, or a table"),
            ("[galleries]\na = { path = \"a\", other = 1 }", "a path, or a table"),
            ("[photodna]\nlimits = \"none\"", "photodna.limits"),
            ("[tls]\nkey = \"a\"", "certificate"),
            ("[fetch]\nhosts = [\"https://a\"]", "fetch.hosts"),
            ("[fetch]\nhosts = [\"any\"]", "any = true"),
            ("[fetch]\ntimeout = -1.0", "fetch.timeout"),
            ("[fetch]\nplain = true", "plain"),
            ("[hooks]\nurl = \"https://a.example\"", "secret_file"),
            ("[sync.a]\nexchange = \"other\"\nurl = \"https://a.example\"", "sync.a.exchange"),
            (
                "[sync.a]\nexchange = \"ncmec\"\nurl = \"http://a.example\"\nuser = \"u\"\npassword_env = \"P\"",
                "sync.a",
            ),
            (
                "[sync.a]\nexchange = \"ncmec\"\nurl = \"https://a.example\"\npassword_env = \"P\"",
                "sync.a.user",
            ),
            (
                "[sync.a]\nexchange = \"ncmec\"\nurl = \"https://a.example\"\nuser = \"u\"",
                "sync.a.password_file",
            ),
            ("[sync.a]\nexchange = \"ncmec\"\nurl = \"https://a.example\"\npassword = \"p\"", "password"),
            ("[sync.a]\nexchange = \"stopncii\"\nurl = \"https://a.example\"\nuser = \"u\"", "sync.a.user"),
        ] {
            let error = options(text).unwrap_err();
            assert!(error.contains(named) && !error.contains('\n'), "{text}: {error}");
        }
        assert!(options("").is_ok());
    }
}
