//! The whole service without a network: fuzz targets ask it as fast as it answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::app::Phase;
use super::options::ServiceOptions;
use super::{app_of, hma_router, own_router};
use crate::error::{Error, Result};

/// A service that is asked by calls, one at a time.
#[doc(hidden)]
#[derive(Debug)]
pub struct Direct {
    runtime: Runtime,
    own: TowerToHyperService<Router>,
    hma: TowerToHyperService<Router>,
    _phase: watch::Sender<Phase>,
}

impl Direct {
    /// Opens everything that a service opens but its listeners.
    ///
    /// # Errors
    ///
    /// Those of [`Service::start`](super::Service::start).
    pub fn start(options: &ServiceOptions) -> Result<Direct> {
        let (phase, watched) = watch::channel(Phase::Serving);
        let app = Arc::new(app_of(options, watched)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Direct {
            runtime: runtime.map_err(|error| Error::io("cannot start a runtime", error))?,
            own: TowerToHyperService::new(own_router(&app)),
            hma: TowerToHyperService::new(hma_router(&app)),
            _phase: phase,
        })
    }

    /// Status and body of the answer to a request at the main address, or at that of the HMA face; `None` where HTTP has no such request.
    pub fn ask(&self, is_hma: bool, head: (&str, &str, &str), body: Vec<u8>) -> Option<(u16, Vec<u8>)> {
        let (method, path, media_type) = head;
        let request = Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?).uri(path);
        let request = request.header(CONTENT_TYPE, media_type).body(Body::from(body)).ok()?;
        let router = if is_hma { &self.hma } else { &self.own };
        self.runtime.block_on(async {
            let response = match router.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.ok()?;
            Some((status, body.into()))
        })
    }
}
