//! A worker's numbers for Prometheus, served over HTTP.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tiny_http::{Header, Response, Server};

use super::progress::Progress;
use crate::error::{Error, Result};

/// The media type of what is served: OpenMetrics 1.0.0.
const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves a worker's numbers at `/metrics` until it is dropped.
pub struct Metrics {
    server: Arc<Server>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Metrics {
    /// Listens at `address`, such as `127.0.0.1:9184`; with port 0 at one that is free.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be listened at.
    pub fn serve(address: &str, progress: Arc<Progress>) -> Result<Metrics> {
        let context = || format!("cannot serve metrics at {address}");
        let failed = |error| Error::io(context(), error);
        let listener = TcpListener::bind(address).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let server =
            Server::from_listener(listener, None).map_err(|error| failed(std::io::Error::other(error)))?;
        let server = Arc::new(server);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Numbers(progress)));
        let answering = server.clone();
        let thread = thread::Builder::new().name("shadegrid-metrics".to_string());
        let thread = thread.spawn(move || answer(&answering, &registry)).map_err(failed)?;
        Ok(Metrics { server, address: bound, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Answers until the server is unblocked. That somebody hangs up is nobody's error.
fn answer(server: &Server, registry: &Registry) {
    for request in server.incoming_requests() {
        let asked = request.url().split('?').next() == Some("/metrics");
        let mut page = String::new();
        let _ = match asked && text::encode(&mut page, registry).is_ok() {
            true => {
                let kind = Header::from_bytes("Content-Type", TYPE);
                request.respond(kind.into_iter().fold(Response::from_string(page), Response::with_header))
            }
            false => request.respond(Response::from_string("see /metrics\n").with_status_code(404)),
        };
    }
}

/// A worker's numbers at the moment they are asked for.
#[derive(Debug)]
struct Numbers(Arc<Progress>);

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let now = self.0.snapshot();
        let failed: u64 = now.failed.values().sum();
        let mut counter = |name: &str, help: &str, value: u64| {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
        };
        counter("shadegrid_records", "Records written by this worker.", now.records)?;
        counter(
            "shadegrid_hashed",
            "Pictures hashed by this worker.",
            now.records - failed.min(now.records),
        )?;
        counter("shadegrid_read_bytes", "Encoded bytes read by this worker.", now.bytes)?;
        counter("shadegrid_pixels", "Pixels of the pictures that this worker hashed.", now.pixels)?;
        counter("shadegrid_shards", "Shards finished by this worker.", now.shards)?;
        let help = "Records of this worker that carry an error, by its code.";
        let kind = ConstCounter::new(0u64).metric_type();
        let mut family = encoder.encode_descriptor("shadegrid_failed", help, None, kind)?;
        for (code, count) in &now.failed {
            let counter = ConstCounter::new(*count);
            counter.encode(family.encode_family(&[("code", *code)])?)?;
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
    use std::time::{Duration, Instant};

    use super::*;

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
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
        let after = get(metrics.address(), "/metrics?x");
        for line in ["shadegrid_job_shards 7", "shadegrid_job_shards_done 3", "shadegrid_job_planned 1"] {
            assert!(after.contains(&format!("\n{line}\n")), "{line}: {after}");
        }
        assert!(after.contains("\nshadegrid_failed_total{code=\"io\"} 2\n"), "{after}");
        assert!(get(metrics.address(), "/").starts_with("HTTP/1.1 404 "));
        let address = metrics.address();
        assert!(Metrics::serve(&address.to_string(), progress).is_err(), "an address was taken twice");
        drop(metrics);
        // The library's own thread lets go of the address a little later.
        let waiting = Instant::now();
        while TcpStream::connect(address).is_ok() {
            assert!(waiting.elapsed() < Duration::from_secs(20), "it still listens");
            thread::sleep(Duration::from_millis(10));
        }
    }
}
