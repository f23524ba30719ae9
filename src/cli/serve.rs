//! `shadegrid serve`: the engine over HTTP.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use shadegrid::report::ReportOptions;
use shadegrid::service::{
    Event, GalleryFile, PhotoDnaLimits, Reporter, Service, ServiceLimits, ServiceOptions, TlsFiles,
};
use shadegrid::{Algorithm, Error, HashOptions};

use super::addresses::address;
use super::exit::Exit;
use super::log::Log;
use super::pictures::DecodeArguments;
use super::resources::Resources;
use super::{bytes, console, hooks, interrupt, log, process, reports};

pub(super) mod config;
mod fetching;

use fetching::FetchArguments;

/// Serve hashing and look-ups over HTTP: the records of `hash` and `match`, for many clients at once
///
/// POST a picture to /v1/hash for its record, and to /v1/match for what it matches too. /v1/openapi.json describes everything. A gallery's file that is
/// replaced takes the old one's place within 5 seconds, at one instant, and a damaged one changes nothing.
///
/// Everything listens on loopback unless another address is given. An interruption, or a request of the system to end, is first said at /readyz; what is in flight is
/// finished.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A gallery, as FILE or NAME=FILE, or a folder of them; may be given several times
    #[arg(short, long, value_name = "FILE", value_parser = gallery)]
    gallery: Vec<GalleryFile>,

    /// Where to listen; port 0 is one that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: SocketAddr,

    /// Where to listen for clients of Meta's Hasher-Matcher-Actioner; galleries are their banks
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    hma: Option<SocketAddr>,

    /// Signatures that clients of the Hasher-Matcher-Actioner are offered, with a comma between: pdq, photodna
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "pdq")]
    hma_signals: Vec<Algorithm>,

    /// Which pictures clients of PhotoDNA's cloud may send: own, as everybody, or cloud, as there
    #[arg(long, value_name = "LIMITS", default_value = "own")]
    photodna_limits: PhotoDnaLimits,

    /// Serve numbers for Prometheus at http://ADDRESS/metrics, such as 127.0.0.1:9184
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    metrics: Option<SocketAddr>,

    /// A folder with keys, which every request has to present then; see `shadegrid key`
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Take reports to NCMEC, and send them, as this configuration says; see docs/reports.md
    #[arg(long, value_name = "FILE", requires = "data")]
    reports: Option<PathBuf>,

    /// Ask for no key although there is a folder
    #[arg(long, requires = "data")]
    no_keys: bool,

    /// The certificate and those that lead to its root, as PEM; a newer one is used as soon as the file changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// The certificate's private key, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,

    /// Ask clients for certificates that lead to these roots, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    client_roots: Option<PathBuf>,

    /// Take all of this from a file, such as serve.toml; see docs/service.md
    #[arg(long, value_name = "FILE", conflicts_with_all = CONFIGURED)]
    config: Option<PathBuf>,

    /// Open and check everything, say what is wrong, and end
    #[arg(long)]
    check: bool,

    /// Listen at addresses that other machines reach, without keys and TLS
    ///
    /// For machines behind a proxy that sees to both.
    #[arg(long)]
    plain: bool,

    /// Let another process listen at the same address, so that it can take over
    ///
    /// Start the new one with this option too, wait until it is ready, and end the old one: no connection is refused (SO_REUSEPORT).
    #[arg(long)]
    reuse_port: bool,

    /// Threads that hash, and as many that search [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Memory for requests and pictures in flight, such as 512M or 2G [default: 256M per thread, at least 1G]
    ///
    /// A quarter is for the bodies of requests: what finds no room there within 2 seconds is answered with 503.
    #[arg(short, long, value_name = "SIZE", value_parser = bytes::memory)]
    memory: Option<u64>,

    /// What is said on standard error
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    log: Log,

    #[command(flatten)]
    limits: LimitArguments,

    #[command(flatten)]
    fetch: FetchArguments,

    #[command(flatten)]
    decode: DecodeArguments,
}

/// Options on what clients may do.
#[derive(Debug, Args)]
#[command(next_help_heading = "Client options")]
struct LimitArguments {
    /// Most open connections; beyond, the one that is idle the longest makes room
    #[arg(long, value_name = "N", default_value_t = ServiceLimits::default().connections)]
    connections: usize,

    /// Seconds for the head of a request, and between two requests of a connection
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    head_timeout: Duration,

    /// Seconds for the body of a request
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    body_timeout: Duration,

    /// Seconds for the answer, once the body is there, unless a client asks for less by Request-Timeout
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    answer_timeout: Duration,

    /// Seconds between saying at /readyz that the service ends, and accepting nothing more
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    notice: Duration,

    /// Seconds for requests that are in flight when the service ends
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    grace: Duration,

    /// Seconds between two looks at the files of galleries
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "5")]
    watch: Duration,

    /// Largest picture
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse, default_value = "64M")]
    max_picture_bytes: u64,

    /// Largest request
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse, default_value = "256M")]
    max_request_bytes: u64,

    /// Most pictures of one request
    #[arg(long, value_name = "N", default_value_t = ServiceLimits::default().pictures)]
    max_pictures: usize,
}

/// Options that a configuration takes the place of.
const CONFIGURED: [&str; 41] = [
    "gallery",
    "listen",
    "hma",
    "hma_signals",
    "photodna_limits",
    "metrics",
    "data",
    "reports",
    "no_keys",
    "tls_certificate",
    "tls_key",
    "client_roots",
    "plain",
    "reuse_port",
    "threads",
    "memory",
    "connections",
    "head_timeout",
    "body_timeout",
    "answer_timeout",
    "notice",
    "grace",
    "watch",
    "max_picture_bytes",
    "max_request_bytes",
    "max_pictures",
    "fetch",
    "fetch_plain",
    "fetch_timeout",
    "allow_private_addresses",
    "detail",
    "damaged",
    "orient",
    "faces",
    "alpha",
    "max_side",
    "max_pixels",
    "max_pixels_per_byte",
    "max_file_bytes",
    "max_decoder_bytes",
    "max_scans",
];

const EXAMPLES: &str = "\
Examples:
  Serve a gallery, and look a picture up:
      shadegrid serve --gallery known.gallery
      curl --data-binary @photo.jpg localhost:8080/v1/match
  Two galleries by names of their own, and every gallery of a folder:
      shadegrid serve --gallery ncmec=a.gallery --gallery own=b.gallery --gallery galleries/

Exit codes:
    0  it was asked to end, and did
    1  wrong usage, a gallery that cannot be opened, or an address that cannot be listened at";

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    process::keep_memory_private()?;
    let (say, is_check) = (arguments.log, arguments.check);
    let options = match &arguments.config {
        Some(path) => config::read(path)?,
        None => arguments.options()?,
    };
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let service = Service::start(options.reporter(Reporter::new(move |event| report(say, event))))?;
    if service.keys() == Some(0) {
        console::say(
            "there is no valid key, so nobody can ask for anything: make one by `shadegrid key add`",
        );
    }
    if is_check {
        console::say("everything can be served");
        return Ok(Exit::Done);
    }
    let stopper = service.stopper();
    interrupt::call(move || stopper.stop())?;
    match say {
        Log::Text => {
            console::say(format_args!("listening at {scheme}://{}", service.address()));
            if let Some(address) = service.hma_address() {
                console::say(format_args!("HMA's clients at {scheme}://{address}"));
            }
            if let Some(address) = service.metrics_address() {
                console::say(format_args!("metrics at http://{address}/metrics"));
            }
        }
        Log::Json => log::listening(service.address(), service.hma_address()),
    }
    service.run()?;
    Ok(Exit::Done)
}

impl Arguments {
    fn options(self) -> Result<ServiceOptions, Error> {
        let reports = self.reports.as_deref().map(ReportOptions::read).transpose()?;
        let resources = Resources::new(self.threads, self.memory);
        let hash = HashOptions::default()
            .decode(self.decode.options())
            .faces(self.decode.faces())
            .alpha(self.decode.alpha());
        let key = self.tls_key.unwrap_or_default();
        let client_roots = self.client_roots;
        let tls = self.tls_certificate.map(|certificate| TlsFiles { certificate, key, client_roots });
        Ok(ServiceOptions::default()
            .listen(self.listen)
            .hma(self.hma)
            .hma_signals(self.hma_signals)
            .photodna_limits(self.photodna_limits)
            .metrics(self.metrics)
            .data(self.data)
            .reports(reports)
            .no_keys(self.no_keys)
            .tls(tls)
            .plain(self.plain)
            .reuse_port(self.reuse_port)
            .galleries(self.gallery)
            .threads(resources.threads)
            .memory(resources.memory)
            .hash(hash)
            .fetch(self.fetch.options())
            .limits(self.limits.limits()))
    }
}

impl LimitArguments {
    fn limits(&self) -> ServiceLimits {
        ServiceLimits::default()
            .connections(self.connections)
            .head(self.head_timeout)
            .body(self.body_timeout)
            .answer(self.answer_timeout)
            .notice(self.notice)
            .grace(self.grace)
            .watch(self.watch)
            .picture(self.max_picture_bytes)
            .request(self.max_request_bytes)
            .pictures(self.max_pictures)
    }
}

/// Says what people have to know, or everything as JSON.
fn report(say: Log, event: &Event) {
    match (say, event) {
        (Log::Json, event) => log::served(event),
        (Log::Text, Event::Loaded { gallery, entries }) => {
            let gallery = console::printable(gallery);
            console::say(format_args!("gallery {gallery}: the new file is searched, {entries} entries"));
        }
        (Log::Text, Event::Refused { gallery, is_name_taken }) => {
            let gallery = console::printable(gallery);
            console::say(format_args!(
                "gallery {gallery}: {}",
                match is_name_taken {
                    true =>
                        "the new file is not searched: another gallery has its name, or one that is the same to HMA's clients",
                    false => "the new file cannot be opened, or is damaged; the old one is still searched",
                }
            ));
        }
        (Log::Text, Event::Synced { gallery, added, changed, removed, entries, .. })
            if added + changed + removed > 0 =>
        {
            let gallery = console::printable(gallery);
            console::say(format_args!(
                "gallery {gallery}: {added} added, {changed} changed, {removed} removed, {entries} entries now"
            ));
        }
        (Log::Text, Event::SyncFailed { gallery, message, .. }) => {
            let gallery = console::printable(gallery);
            console::say(format_args!("gallery {gallery} cannot follow its list: {message}"));
        }
        (Log::Text, Event::Report(event)) => reports::say(event),
        (Log::Text, Event::Certificate { taken }) => console::say(match taken {
            true => "the new certificate is used",
            false => "the new certificate cannot be used; the old one still is",
        }),
        (Log::Text, Event::Hook(event)) => hooks::say(event),
        (Log::Text, Event::Ending) => console::say("ending: requests in flight are finished"),
        (Log::Text, Event::Ended { cut: 1.. }) => console::say("ended; some requests did not finish in time"),
        _ => {}
    }
}

/// `FILE` or `NAME=FILE`.
fn gallery(text: &str) -> Result<GalleryFile, String> {
    match text.split_once('=') {
        Some(("", _) | (_, "")) => Err("expected FILE or NAME=FILE".to_string()),
        Some((name, path)) if !name.contains('/') => {
            Ok(GalleryFile { name: Some(name.to_string()), path: PathBuf::from(path) })
        }
        _ => Ok(GalleryFile { name: None, path: PathBuf::from(text) }),
    }
}

/// Seconds, also parts of one.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "expected a number of seconds".to_string())
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command};

    use super::*;

    #[test]
    fn a_configuration_stands_for_every_option_but_those_about_this_run() {
        let command = Arguments::augment_args(Command::new("serve"));
        let ids = command.get_arguments().map(|argument| argument.get_id().as_str());
        let mut expected: Vec<&str> = ids.filter(|id| !["config", "check", "log"].contains(id)).collect();
        let mut configured = CONFIGURED.to_vec();
        expected.sort_unstable();
        configured.sort_unstable();
        assert_eq!(configured, expected);
    }
}
