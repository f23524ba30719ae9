//! The engine over HTTP: the records of `hash` and `match`, word for word, for many clients at once.
//!
//! ```
//! use std::path::PathBuf;
//!
//! use shadegrid::service::{GalleryFile, Service, ServiceOptions};
//!
//! # fn main() -> shadegrid::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path: PathBuf = folder.path().join("known.gallery");
//! # let mut builder = shadegrid::gallery::GalleryBuilder::new();
//! # let source = builder.source("list", "text");
//! # builder.add(source, shadegrid::gallery::Entry::default().pdq(Some(shadegrid::Pdq([7; 32]))))?;
//! # builder.create(&path)?;
//! let known = GalleryFile { name: None, path };
//! let address = "127.0.0.1:0".parse().expect("an address");
//! let service = Service::start(ServiceOptions::default().listen(address).galleries(vec![known]))?;
//! println!("http://{}/v1/match", service.address());
//!
//! let stopper = service.stopper();
//! stopper.stop();
//! service.run()
//! # }
//! ```
//!
//! # The way of a request
//!
//! 1. A connection takes a place, and has timers for its head, its idle time and its body.
//! 2. The request takes a permit for the bytes of its body as they arrive; without one within 2 s it is refused with 503.
//! 3. Its pictures go to the engine's threads, in two lanes, and its look-ups to the searcher's, which take what waits as one batch. No thread that serves
//!    connections hashes or searches. When the client is gone, or the deadline has passed, what no thread has begun with is dropped.
//! 4. It keeps the galleries that it began with, whatever takes their place.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use futures_util::future::join_all;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::engine::{Engine, Searcher};
use crate::error::{Error, Result};
use crate::hook::{HookListener, HookOptions, HookSender, HookThread, Hooks};

mod abyss;
mod accept;
mod app;
mod auth;
mod banks;
mod body;
mod choices;
mod connections;
mod direct;
mod event;
mod face;
mod fetching;
mod following;
mod front;
mod galleries;
mod hashing;
mod hma;
mod hooked;
mod ids;
pub(crate) mod json;
mod keys;
mod looking;
mod metrics;
mod numbers;
mod options;
mod origin;
mod page;
mod permits;
mod photodna;
mod pictrs;
mod pictures;
mod problem;
mod record;
mod reports;
mod review;
mod reviewing;
mod scan;
mod sending;
mod shield;
mod synced;
mod tls;
mod v1;

#[doc(hidden)]
pub use direct::Direct;
pub use event::{Event, Reporter};
pub use galleries::GalleryFile;
pub use keys::KeyStore;
pub use options::{PhotoDnaLimits, ServiceLimits, ServiceOptions};
pub use synced::sync_by_hand;
pub use tls::TlsFiles;

pub use crate::pipeline::{FetchHost, FetchOptions};
pub use crate::state::keys::{Key, NewKey, Scope};
pub(crate) use accept::bind;
pub(crate) use ids::Ids;

use crate::state::State;
use accept::{Listening, Served};
use app::{App, Phase, Shared};
use auth::Keys;
use banks::Banks;
use connections::Connections;
use face::Face;
use fetching::Fetching;
use front::Front;
use galleries::Galleries;
use metrics::Metrics;
use permits::Permits;
use reports::Reports;
use reviewing::Reviewing;
use sending::Sending;
use synced::Synced;
use tls::Tls;

/// What part of the memory is for the bodies of requests; the rest is the engine's.
const BODIES: u64 = 4;

/// Pictures that wait for each thread, in each lane. Whoever comes when all places are taken is refused at once: an answer that comes late helps
/// nobody, and makes all others late.
const QUEUED: usize = 64;

/// Look-ups that wait for a thread.
const WAITING: usize = 4096;

/// Threads that serve connections.
const SERVING: usize = 4;

/// A service that listens, and answers once it runs.
#[derive(Debug)]
pub struct Service {
    runtime: Runtime,
    app: Shared,
    own: Bound,
    hma: Option<Bound>,
    metrics: Option<Bound>,
    tls: Option<Arc<Tls>>,
    connections: Arc<Connections>,
    phase: watch::Sender<Phase>,
    asked: watch::Sender<bool>,
}

/// A listener, and where it listens.
#[derive(Debug)]
struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    fn at(address: SocketAddr, reuse_port: bool) -> Result<Bound> {
        let bound = accept::bind(address, reuse_port);
        let bound = bound.and_then(|listener| Ok(Bound { address: listener.local_addr()?, listener }));
        bound.map_err(|error| Error::io(format!("cannot listen at {address}"), error))
    }
}

/// Ends a service from anywhere.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Says at `/readyz` that the service ends, accepts nothing more after the notice, and finishes what is in flight within the grace.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Service {
    /// Opens the galleries, starts the threads and listens. Connections are accepted by the system from now on, and answered once the service runs.
    ///
    /// # Errors
    ///
    /// Those of the galleries, [`Error::Input`] for choices that are not safe, [`Error::Io`] where an address cannot be listened at or a thread is refused.
    pub fn start(options: ServiceOptions) -> Result<Service> {
        options.check()?;
        let ServiceOptions { listen, reuse_port, limits, .. } = &options;
        let tls = options.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
        let (phase, watched) = watch::channel(Phase::Serving);
        let app = app_of(&options, watched)?;
        let own = Bound::at(*listen, *reuse_port)?;
        let hma = options.hma.map(|address| Bound::at(address, *reuse_port)).transpose()?;
        let metrics = options.metrics.map(|address| Bound::at(address, *reuse_port)).transpose()?;
        let connections = Connections::new(limits.connections);
        let (asked, _) = watch::channel(false);
        Ok(Service {
            runtime: runtime()?,
            app: Arc::new(app),
            own,
            hma,
            metrics,
            tls,
            connections,
            phase,
            asked,
        })
    }

    /// Where the own API listens.
    pub fn address(&self) -> SocketAddr {
        self.own.address
    }

    /// Where the HMA face listens.
    pub fn hma_address(&self) -> Option<SocketAddr> {
        self.hma.as_ref().map(|bound| bound.address)
    }

    /// Where the numbers for Prometheus are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|bound| bound.address)
    }

    /// How many keys are valid; `None` where none is asked for.
    pub fn keys(&self) -> Option<usize> {
        self.app.keys.as_ref().map(Keys::count)
    }

    /// Ends it from anywhere.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.asked.clone())
    }

    /// Serves until it is stopped, and what is in flight is finished or cut.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the system does not let it listen.
    pub fn run(self) -> Result<()> {
        let Service { runtime, app, own, hma, metrics, tls, connections, phase, asked } = self;
        let delivering = deliver(&app)?;
        let cut = runtime.block_on(async {
            let mut listening = vec![(own, own_router(&app))];
            listening.extend(hma.map(|bound| (bound, hma_router(&app))));
            let mut serving = Vec::new();
            let numbers = numbers::router(&app, &connections);
            let plain = metrics.map(|bound| (bound, numbers, None));
            let listening = listening.into_iter().map(|(bound, router)| (bound, router, tls.clone()));
            for (bound, router, tls) in listening.chain(plain) {
                let listening = Listening {
                    listener: tokio::net::TcpListener::from_std(bound.listener)?,
                    served: Served {
                        router,
                        tls,
                        limits: app.limits.clone(),
                        connections: connections.clone(),
                        phase: app.phase.clone(),
                    },
                };
                serving.push(tokio::spawn(listening.serve()));
            }
            let watching = tokio::spawn(watch_files(app.clone(), tls));
            let following = tokio::spawn(following::follow(app.clone()));
            let sending = Sending::start(&app);
            let _ = asked.subscribe().wait_for(|asked| *asked).await;
            phase.send_replace(Phase::Ending);
            app.reporter.report(&Event::Ending);
            sending.stop();
            tokio::time::sleep(app.limits.notice).await;
            phase.send_replace(Phase::Closing);
            watching.abort();
            following.abort();
            let (cut, ()) = tokio::join!(join_all(serving), sending.ended());
            Ok(cut.into_iter().map(|cut| cut.unwrap_or(0)).sum())
        });
        let cut = cut.map_err(|error| Error::io("cannot serve", error))?;
        drop(delivering);
        app.reporter.report(&Event::Ended { cut });
        // Files that are being opened aside are not waited for.
        runtime.shutdown_background();
        Ok(())
    }
}

/// Delivers events on a thread of its own, where any have an address.
fn deliver(app: &Shared) -> Result<Option<HookThread>> {
    let Some(state) = app.state.clone() else { return Ok(None) };
    let reporter = app.reporter.clone();
    let listener = HookListener::new(move |event| reporter.report(&Event::Hook(event.clone())));
    HookSender::new(state, app.hooks.clone(), listener)?.map(HookSender::start).transpose()
}

/// Hooks are the service's, or those of its reports where it names none: a folder has one set of them.
fn hooks_of(options: &ServiceOptions) -> Result<Option<&HookOptions>> {
    let of_reports = options.reports.as_ref().and_then(|reports| reports.hooks.as_ref());
    match (options.hooks.as_ref(), of_reports) {
        (Some(own), Some(other)) if own != other => Err(Error::Input(
            "the service and its reports name different hooks: leave those in the configuration of the reports out"
                .into(),
        )),
        (own, other) => Ok(own.or(other)),
    }
}

/// What every request uses, opened and started.
fn app_of(options: &ServiceOptions, watched: watch::Receiver<Phase>) -> Result<App> {
    let ServiceOptions { threads, memory, limits, .. } = options;
    let state = options.data.as_deref().map(State::own).transpose()?.map(Arc::new);
    let synced = Synced::of(&options.sync, options.data.as_deref())?;
    let galleries = Galleries::open(options.galleries.clone(), synced.files())?;
    let banks = state.clone().map(|state| Banks::open(state, &galleries)).transpose()?;
    let keys = state.clone().filter(|_| !options.no_keys).map(Keys::of).transpose()?;
    let is_open = keys.is_none() && !options.plain;
    let mut hash = options.hash.clone();
    let decode = &mut hash.decode.limits;
    decode.max_file_bytes = decode.max_file_bytes.min(limits.picture);
    let engine = Engine::builder().threads(threads.get()).queue(QUEUED * threads.get());
    let engine = engine.memory(memory - memory / BODIES).options(hash);
    let (engine, mut bodies) = (engine.build()?, memory / BODIES);
    // Half of it is for what is fetched, where anything is: neither a slow client nor a slow server takes what the other kind needs.
    let fetching = Fetching::new(&options.fetch, bodies / 2, &engine.options().decode.limits)?;
    if fetching.is_some() {
        bodies -= bodies / 2;
    }
    let permits = Permits::new(bodies);
    let metrics = Arc::new(Metrics::default());
    let hooks = Arc::new(Hooks::of(hooks_of(options)?)?);
    let reports = Reports::open(options, state.as_ref(), &metrics, &hooks)?;
    let searched = metrics.clone();
    // Whoever reviews signs in with a key.
    let reviewed = state.as_ref().filter(|_| keys.is_some());
    let review = Reviewing::open(reviewed, reports.as_ref(), &hooks, &engine)?;
    Ok(App {
        engine,
        searcher: Searcher::start_watched(*threads, WAITING, move |batch| searched.searched(batch))?,
        galleries,
        banks,
        permits,
        fetching,
        synced,
        hooks,
        reports,
        limits: limits.clone(),
        choices: Default::default(),
        keys,
        is_open,
        signals: options.hma_signals.clone(),
        photodna_limits: options.photodna_limits,
        sources: options.sources.clone(),
        phase: watched,
        ids: Default::default(),
        reporter: options.reporter.clone(),
        metrics,
        state,
        review,
        has_tls: options.tls.is_some(),
    })
}

fn runtime() -> Result<Runtime> {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().min(SERVING));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(threads).thread_name("shadegrid-serve").enable_all().build();
    runtime.map_err(|error| Error::io("cannot start the threads that serve", error))
}

/// Everything at the main address.
fn own_router(app: &Shared) -> Router {
    let others = [
        (photodna::router(app), Face::PhotoDna),
        (shield::router(app), Face::Shield),
        (abyss::router(app), Face::Abyss),
        (pictrs::router(app), Face::PictRs),
        (review::router(app), Face::Review),
    ];
    let own = fronted(v1::router(app).merge(page::router(app.fetching.is_some())), app, Face::Own);
    others.into_iter().fold(own, |all, (router, face)| all.merge(fronted(router, app, face)))
}

/// Everything at the address of the HMA face.
fn hma_router(app: &Shared) -> Router {
    hma::with_slashes(fronted(hma::router(app), app, Face::Hma))
}

/// Routes behind the front of their face.
fn fronted(router: Router, app: &Shared, face: Face) -> Router {
    let front = Front { app: app.clone(), face };
    router.layer(axum::middleware::from_fn_with_state(front, front::pass))
}

/// Looks at the files of galleries and certificates again and again.
async fn watch_files(app: Shared, tls: Option<Arc<Tls>>) {
    loop {
        tokio::time::sleep(app.limits.watch).await;
        let (app, tls) = (app.clone(), tls.clone());
        let looked = tokio::task::spawn_blocking(move || {
            app.refresh(None);
            if let Some(state) = &app.state {
                state.disk.try_it();
            }
            if let Some(keys) = &app.keys {
                // A file that cannot be read now is read the next time; until then the keys are those that were known.
                let _ = keys.refresh();
            }
            app.review.iter().for_each(Reviewing::count);
            if let Some(banks) = &app.banks {
                // Likewise: what was not woken now is woken the next time.
                let _ = banks.wake(&app.galleries);
            }
            let taken = tls.as_ref().and_then(|tls| tls.refresh());
            taken.into_iter().for_each(|taken| app.reporter.report(&Event::Certificate { taken }));
        });
        let _ = looked.await;
    }
}
