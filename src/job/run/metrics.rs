//! A worker's numbers for Prometheus, served over HTTP.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::progress::Progress;
use crate::decode::helpers_ended;
use crate::error::{Error, Result};

mod http;

use http::{PATIENCE, Page, Server};

/// The media type of what is served: OpenMetrics 1.0.0.
const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves a worker's numbers at `/metrics` until it is dropped.
pub struct Metrics(Server);

impl Metrics {
    /// Listens at `address`, such as `127.0.0.1:9184`; with port 0 at one that is free.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be listened at.
    pub fn serve(address: &str, progress: Arc<Progress>) -> Result<Metrics> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Numbers(progress)));
        let listener = TcpListener::bind(address);
        let server = listener.and_then(|at| Server::start(at, PATIENCE, move |path| page(path, &registry)));
        server.map(Metrics).map_err(|error| Error::io(format!("cannot serve metrics at {address}"), error))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").field("address", &self.address()).finish_non_exhaustive()
    }
}

fn page(path: &str, registry: &Registry) -> Option<Page> {
    let mut body = String::new();
    let encoded = path == "/metrics" && text::encode(&mut body, registry).is_ok();
    encoded.then_some(Page { media_type: TYPE, body })
}

/// A worker's numbers at the moment they are asked for.
#[derive(Debug)]
struct Numbers(Arc<Progress>);

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let now = self.0.snapshot();
        let mut counter = |name: &str, help: &str, value: u64| {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
        };
        counter("shadegrid_records", "Records written by this worker.", now.records)?;
        counter("shadegrid_hashed", "Pictures hashed by this worker.", now.hashed())?;
        let help = "Inputs of this worker that are no pictures and were not asked for.";
        counter("shadegrid_skipped", help, now.skipped)?;
        counter("shadegrid_read_bytes", "Encoded bytes read by this worker.", now.bytes)?;
        counter("shadegrid_pixels", "Pixels of the pictures that this worker hashed.", now.pixels)?;
        let help = "Processes that decode AVIF and HEIC that ended with their picture.";
        counter("shadegrid_helper_restarts", help, helpers_ended())?;
        counter("shadegrid_shards", "Shards finished by this worker.", now.shards)?;
        if let Some(matched) = now.matched {
            let help = "Pictures with a match in the shards that this worker finished.";
            counter("shadegrid_matched", help, matched)?;
        }
        let help = "Failed records of this worker, by error code.";
        let kind = ConstCounter::new(0u64).metric_type();
        let mut family = encoder.encode_descriptor("shadegrid_failed", help, None, kind)?;
        for (code, count) in &now.failed {
            let counter = ConstCounter::new(*count);
            counter.encode(family.encode_family(&[("code", *code)])?)?;
        }
        let seconds = ConstCounter::new(now.elapsed.as_secs_f64());
        let help = "Seconds since this worker started.";
        let described =
            encoder.encode_descriptor("shadegrid_worker_seconds", help, None, seconds.metric_type());
        seconds.encode(described?)?;
        if !now.worker.is_empty() {
            let one = ConstGauge::new(1u64);
            let help = "1, with the name that job status gives this worker.";
            let mut family = encoder.encode_descriptor("shadegrid_worker", help, None, one.metric_type())?;
            one.encode(family.encode_family(&[("worker", now.worker.as_str())])?)?;
        }
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge("shadegrid_job_shards", "Shards of the job that are planned.", now.job_shards)?;
        gauge("shadegrid_job_shards_done", "Shards of the job that are done, by any worker.", now.job_done)?;
        gauge("shadegrid_job_planned", "1 once all inputs are listed.", now.planned.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Whether a page has numbers of a worker that looks pictures up.
    fn is_of_matches(page: &str) -> bool {
        page.contains("shadegrid_matched") || page.contains("shadegrid_worker{")
    }

    #[test]
    fn numbers_are_served_as_they_are_now() {
        let progress = Arc::new(Progress::default());
        let metrics = Metrics::serve("127.0.0.1:0", progress.clone()).unwrap();
        let before = get(metrics.address(), "/metrics");
        assert!(before.starts_with("HTTP/1.1 200 ") && before.contains(TYPE), "{before}");
        assert!(before.contains("\nshadegrid_job_shards 0\n") && before.contains("# EOF"), "{before}");
        progress.saw_job(7, 3, true);
        progress.failed_for_tests("io", 2);
        assert!(!is_of_matches(&before), "nothing is looked up, and no worker has begun: {before}");
        progress.begin("archive-3_4711_1", true);
        let after = get(metrics.address(), "/metrics?x");
        let named = "shadegrid_worker{worker=\"archive-3_4711_1\"} 1";
        for line in [
            "shadegrid_job_shards 7",
            "shadegrid_job_shards_done 3",
            "shadegrid_job_planned 1",
            "shadegrid_matched_total 0",
            named,
        ] {
            assert!(after.contains(&format!("\n{line}\n")), "{line}: {after}");
        }
        assert!(after.contains("\nshadegrid_failed_total{code=\"io\"} 2\n"), "{after}");
        let seconds = after.lines().find_map(|line| line.strip_prefix("shadegrid_worker_seconds_total "));
        assert!(seconds.is_some_and(|seconds| seconds.parse::<f64>().is_ok_and(|at| at > 0.0)), "{after}");
        assert!(get(metrics.address(), "/").starts_with("HTTP/1.1 404 "));
        let address = metrics.address();
        assert!(Metrics::serve(&address.to_string(), progress).is_err(), "an address was taken twice");
    }
}
