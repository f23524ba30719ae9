//! Connections in: requests are read, answered by the state, and faults of the connection carried out.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::fault::Fault;
use super::state::State;
use super::wire::{Asked, Reply};

/// Largest body of a request, in bytes.
const LARGEST: usize = 1 << 30;

/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(30);

/// How long to wait where the system has no more files, say.
const PAUSE: Duration = Duration::from_millis(50);

/// How long what comes before a cut has to leave.
const LEAVES: Duration = Duration::from_millis(20);

/// What all connections share.
pub(super) type Shared = Arc<Mutex<State>>;

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("a fault that was asked for")]
struct Reset;

/// Serves until the caller drops it, and all connections with it.
pub(super) async fn serve(listener: TcpListener, state: Shared) -> Infallible {
    let mut running = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = running.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => drop(running.spawn(serve_connection(stream, state.clone()))),
            // The next attempt would fail as well, and at once.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, state: Shared) {
    let _ = stream.set_nodelay(true);
    // A second descriptor of the connection, to say how it shall end.
    let twins = stream.into_std().and_then(|stream| Ok((stream.try_clone()?, TcpStream::from_std(stream)?)));
    let Ok((twin, stream)) = twins else { return };
    let twin = Arc::new(twin);
    let service = service_fn(|request| answer(request, state.clone(), twin.clone()));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).half_close(false);
    // Clients that break off are no concern of the others.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    state: Shared,
    twin: Arc<std::net::TcpStream>,
) -> Result<Response<Body>, Reset> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(Body::new(body), LARGEST).await else { return Err(Reset) };
    let asked = Asked::new(head.method, &head.uri, head.headers, body);
    let fault = state.lock().unwrap_or_else(PoisonError::into_inner).fault(&asked);
    tokio::time::sleep(fault.wait()).await;
    if fault.reset {
        // Without a time to linger, closing sends a reset.
        let _ = socket2::SockRef::from(&*twin).set_linger(Some(Duration::ZERO));
        return Err(Reset);
    }
    // Where a list is long, finding a page of it takes a while.
    let answered = tokio::task::spawn_blocking(move || {
        let reply = state.lock().unwrap_or_else(PoisonError::into_inner).answer(&asked, &fault);
        (reply, fault)
    });
    let (reply, fault) = answered.await.map_err(|_| Reset)?;
    response(reply, &fault).ok_or(Reset)
}

fn response(reply: Reply, fault: &Fault) -> Option<Response<Body>> {
    let length = reply.body.len();
    let body = match fault.cut {
        Some(at) => cut(reply.body, at),
        None => Body::from(reply.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).ok()?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    for (name, value) in reply.headers {
        headers.insert(name, HeaderValue::from_str(&value).ok()?);
    }
    Some(response)
}

/// A body that breaks off after so many bytes, at most all but one.
fn cut(mut body: Vec<u8>, at: usize) -> Body {
    body.truncate(at.min(body.len().saturating_sub(1)));
    let parts = stream::unfold(Some(Bytes::from(body)), |part| async {
        match part {
            Some(part) => Some((Ok(part), None)),
            None => {
                tokio::time::sleep(LEAVES).await;
                Some((Err(io::Error::other(Reset)), None))
            }
        }
    });
    Body::from_stream(parts)
}
