//! Connections in: the listener, the timers, and the end.
//!
//! A plain listener speaks HTTP/1.1 only, and TLS chooses by ALPN: guessing the version from the first bytes has no timer.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::app::Phase;
use super::connections::{Connections, Guarded, Place};
use super::options::ServiceLimits;
use super::tls::Tls;

/// Connections that the system holds for us.
const BACKLOG: i32 = 1024;

/// Buffer for a head, in bytes; our own limit on heads is lower.
const BUFFER: usize = 64 << 10;

/// Most lines of a head.
const LINES: usize = 64;

/// Requests at a time on one connection of HTTP/2.
const STREAMS: u32 = 64;

/// Streams that a client of HTTP/2 may take back before they are answered.
const RESETS: usize = 20;

/// How long a client may take to acknowledge what was sent to it.
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);

/// How long no connection may come in before the listener closes: handshakes that have begun take less.
const LAST: Duration = Duration::from_millis(100);

/// How long a connection that was accepted last may take to begin with its first request.
const FIRST: Duration = Duration::from_secs(3);

/// How long to wait where the system has no more files, say.
const PAUSE: Duration = Duration::from_millis(50);

/// Binds a listener.
pub(crate) fn bind(address: SocketAddr, reuse_port: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this would let anybody take the address over.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(reuse_port)?;
    #[cfg(not(unix))]
    let _ = reuse_port;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A listener and what is served at it.
pub(crate) struct Listening {
    pub(crate) listener: TcpListener,
    pub(crate) served: Served,
}

/// What every connection of a listener shares.
pub(crate) struct Served {
    pub(crate) router: Router,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) limits: ServiceLimits,
    pub(crate) connections: Arc<Connections>,
    pub(crate) phase: watch::Receiver<Phase>,
}

impl Listening {
    /// Serves until the service closes and all is answered, or the grace is over; how many connections were cut then.
    pub(crate) async fn serve(self) -> usize {
        let Listening { listener, served } = self;
        let (mut running, mut phase) = (JoinSet::new(), served.phase.clone());
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = phase.wait_for(|phase| *phase == Phase::Closing) => break,
                Some(_) = running.join_next() => continue,
            };
            served.accepted(accepted, &mut running).await;
        }
        // Clients that the system has let in already must not be refused.
        let_no_more_in(&listener);
        let last = Instant::now() + LAST;
        while let Ok(Ok(accepted)) = timeout_at(last, listener.accept()).await {
            served.accepted(Ok(accepted), &mut running).await;
        }
        drop(listener);
        let limits = &served.limits;
        let finished = timeout(limits.grace, async { while running.join_next().await.is_some() {} }).await;
        let cut = if finished.is_ok() { 0 } else { running.len() };
        running.shutdown().await;
        cut
    }
}

impl Served {
    async fn accepted(&self, accepted: io::Result<(TcpStream, SocketAddr)>, running: &mut JoinSet<()>) {
        let Ok((stream, _)) = accepted else {
            // The next attempt would fail as well, and at once.
            tokio::time::sleep(PAUSE).await;
            return;
        };
        let mut phase = self.phase.clone();
        let place = tokio::select! {
            biased;
            place = self.connections.enter() => place,
            // Whoever is in flight keeps the service from closing otherwise.
            _ = phase.wait_for(|phase| *phase == Phase::Closing) => return,
        };
        prepare(&stream);
        let (router, limits, phase) = (self.router.clone(), self.limits.clone(), self.phase.clone());
        let connection = Connection { router, limits, phase, place };
        let tls = self.tls.clone();
        running.spawn(async move {
            match tls {
                None => connection.http1(stream).await,
                Some(tls) => connection.secured(stream, &tls).await,
            }
        });
    }
}

/// Has the system pass over requests for further connections to this listener, so that none is let in between the last look and the close, which would reset it.
/// Clients send theirs again after a second by themselves: to the process that has the port then, or to be refused.
#[cfg(target_os = "linux")]
fn let_no_more_in(listener: &TcpListener) {
    use socket2::SockFilter;
    /// Where a segment's flags are, and two of them (RFC 9293, 3.1).
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    /// Instructions of the classic Berkeley packet filter: load a byte, mask it, jump if equal, and end with so many bytes to keep.
    const LOAD: u16 = 0x30;
    const MASK: u16 = 0x54;
    const EQUAL: u16 = 0x15;
    const KEEP: u16 = 0x06;
    let filter = [
        SockFilter::new(LOAD, 0, 0, FLAGS),
        SockFilter::new(MASK, 0, 0, SYN | ACK),
        SockFilter::new(EQUAL, 0, 1, SYN),
        SockFilter::new(KEEP, 0, 0, 0),
        SockFilter::new(KEEP, 0, 0, u32::MAX),
    ];
    // Without it that instant is short, and not nothing.
    let _ = socket2::SockRef::from(listener).attach_filter(&filter);
}

#[cfg(not(target_os = "linux"))]
fn let_no_more_in(_: &TcpListener) {}

/// Sets what the system does for a connection; what it refuses is not needed.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = socket2::SockRef::from(stream);
    let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(UNACKNOWLEDGED));
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}

/// One connection.
struct Connection {
    router: Router,
    limits: ServiceLimits,
    phase: watch::Receiver<Phase>,
    place: Place,
}

impl Connection {
    async fn secured(self, stream: TcpStream, tls: &Tls) {
        let handshake = tokio::select! {
            handshake = timeout(self.limits.handshake, tls.accept(stream)) => handshake,
            () = self.place.lost() => return,
        };
        let Ok(Ok(stream)) = handshake else { return };
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => self.http2(stream).await,
            _ => self.http1(stream).await,
        }
    }

    async fn http1(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(|request| self.answer(request));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.limits.head);
        builder.max_buf_size(BUFFER).max_headers(LINES).half_close(false);
        self.until_done(builder.serve_connection(TokioIo::new(stream), service)).await;
    }

    async fn http2(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = service_fn(|request| self.answer(request));
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS).max_header_list_size(16 << 10);
        builder.keep_alive_interval(Duration::from_secs(20)).keep_alive_timeout(Duration::from_secs(20));
        builder.max_pending_accept_reset_streams(RESETS).max_local_error_reset_streams(RESETS);
        self.until_done(builder.serve_connection(TokioIo::new(stream), service)).await;
    }

    /// Serves it until its end, its place is lost, or the service closes and what is in flight is answered.
    async fn until_done(&self, connection: impl GracefulConnection) {
        let mut connection = pin!(connection);
        let mut closing = pin!(self.closing().fuse());
        loop {
            tokio::select! {
                _ = connection.as_mut() => return,
                () = self.place.lost() => return,
                () = &mut closing => connection.as_mut().graceful_shutdown(),
            }
        }
    }

    /// Waits until the connection is to be closed: the library closes one at once that has not had its first request, which may be in flight.
    async fn closing(&self) {
        let mut phase = self.phase.clone();
        let _ = phase.wait_for(|phase| *phase == Phase::Closing).await;
        let _ = timeout(FIRST, self.place.begun()).await;
    }

    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
        let in_flight = self.place.begin();
        let answer = TowerToHyperService::new(self.router.clone()).call(request.map(Body::new));
        async move {
            let answer = answer.await?;
            Ok(answer.map(|body| Body::new(Guarded { body, _in_flight: in_flight })))
        }
    }
}
