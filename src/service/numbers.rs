//! The service's numbers for Prometheus: what was counted, and what is so now.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::app::{App, Shared};
use super::connections::Connections;
use crate::engine::Lane;
use crate::hook;

/// The media type of what is served: OpenMetrics 1.0.0.
const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves the numbers at `/metrics`.
pub(crate) fn router(app: &Shared, connections: &Arc<Connections>) -> Router {
    let mut registry = Registry::default();
    app.metrics.register(&mut registry);
    let now = Now { app: Arc::downgrade(app), connections: connections.clone() };
    registry.register_collector(Box::new(now));
    let registry = Arc::new(registry);
    // Reports and hooks are counted in their file.
    let counted = move || async move {
        let page = tokio::task::spawn_blocking(move || page(&registry)).await;
        page.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    };
    Router::new().route("/metrics", get(counted))
}

fn page(registry: &Registry) -> Response {
    let mut body = String::new();
    if text::encode(&mut body, registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TYPE));
    response
}

/// What is looked at when it is asked for.
#[derive(Debug)]
struct Now {
    app: Weak<App>,
    connections: Arc<Connections>,
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(app) = self.app.upgrade() else { return Ok(()) };
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge("shadegrid_permits_bytes", "Bytes lent to bodies.", app.held())?;
        if let Some(reviewing) = &app.review {
            gauge("shadegrid_review_open", "Items that wait for a decision.", reviewing.waiting())?;
        }
        gauge("shadegrid_connections", "Open connections.", self.connections.count() as u64)?;
        let failed = ConstCounter::new(app.galleries.failed.load(Ordering::Relaxed));
        let help = "Files of galleries that could not be taken.";
        let name = "shadegrid_gallery_reload_failed";
        failed.encode(encoder.encode_descriptor(name, help, None, failed.metric_type())?)?;
        let kind = ConstGauge::new(0u64).metric_type();
        let help = "Pictures that wait for a thread, by lane, and look-ups (search).";
        let mut family = encoder.encode_descriptor("shadegrid_queue", help, None, kind)?;
        for (lane, queued) in [
            ("interactive", app.engine.queued(Lane::Interactive)),
            ("bulk", app.engine.queued(Lane::Bulk)),
            ("search", app.searcher.queued()),
        ] {
            ConstGauge::new(queued as u64).encode(family.encode_family(&[("lane", lane)])?)?;
        }
        if let Some(reports) = &app.reports {
            let (counts, oldest) = reports.numbers();
            let help = "Reports, by state.";
            let mut family = encoder.encode_descriptor("shadegrid_outbox", help, None, kind)?;
            for (state, count) in counts {
                ConstGauge::new(count).encode(family.encode_family(&[("state", state.name())])?)?;
            }
            let (name, help) = (
                "shadegrid_outbox_oldest_seconds",
                "Age of the oldest report that is neither filed nor taken back.",
            );
            ConstGauge::new(oldest).encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        if let Some(state) = app.state.as_deref().filter(|_| app.hooks.wants_any()) {
            let delivered = ConstCounter::new(app.hooks.delivered.load(Ordering::Relaxed));
            let help = "Events that were delivered.";
            let name = "shadegrid_hooks_delivered";
            delivered.encode(encoder.encode_descriptor(name, help, None, delivered.metric_type())?)?;
            let help = "Events that are not delivered, by state.";
            let mut family = encoder.encode_descriptor("shadegrid_hooks", help, None, kind)?;
            // What cannot be counted now is counted the next time.
            for (state, count) in hook::counts(state).unwrap_or_default().by_state() {
                ConstGauge::new(count).encode(family.encode_family(&[("state", state.name())])?)?;
            }
        }
        let set = app.galleries.now();
        for (name, help, value) in [
            ("shadegrid_gallery_entries", "Entries of a gallery.", 0),
            ("shadegrid_gallery_age_seconds", "Seconds since a gallery's file was written.", 1),
        ] {
            let kind = ConstGauge::new(0u64).metric_type();
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for known in &set.all {
                let value = if value == 0 { known.counts.entries } else { known.age() };
                let labels = [("gallery", known.name.as_str())];
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
