//! Connections in: requests are read, answered by the state, and faults of the connection carried out.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::fault::Fault;
use super::form::Form;
use super::http::{Asked, Content, Reply};
use super::responder::Responder;

/// Largest body of a request that is no form of parts, in bytes.
const LARGEST: usize = 1 << 30;

/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(30);

/// How long to wait where the system has no more files, say.
const PAUSE: Duration = Duration::from_millis(50);

/// How long what comes before a cut has to leave.
const LEAVES: Duration = Duration::from_millis(20);

/// What all connections share.
pub(super) type Shared = Arc<Mutex<dyn Responder>>;

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
    let peer = twin.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
    let twin = Arc::new(twin);
    let service = service_fn(|request| answer(request, state.clone(), twin.clone(), peer));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).half_close(false);
    // Clients that break off are no concern of the others.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    state: Shared,
    twin: Arc<std::net::TcpStream>,
    peer: IpAddr,
) -> Result<Response<Body>, Reset> {
    let (head, body) = request.into_parts();
    let mut asked = Asked::new(head.method.clone(), &head.uri, head.headers.clone(), peer);
    let fault = state.lock().unwrap_or_else(PoisonError::into_inner).fault(&asked);
    let body = match fault.reset_at {
        Some(most) => first(Body::new(body), most),
        None => Body::new(body),
    };
    let content = content(Request::from_parts(head, body), &asked).await;
    if fault.reset_at.is_some() {
        return Err(reset(&twin));
    }
    asked.content = content?;
    if !fault.after {
        show(&fault, &twin).await?;
    }
    // Where a list is long, finding a page of it takes a while.
    let answered = tokio::task::spawn_blocking(move || {
        let reply = state.lock().unwrap_or_else(PoisonError::into_inner).answer(&asked, &fault);
        (reply, fault)
    });
    let (reply, fault) = answered.await.map_err(|_| Reset)?;
    if fault.after {
        show(&fault, &twin).await?;
    }
    response(reply, &fault).ok_or(Reset)
}

/// Reads the body.
async fn content(request: Request<Body>, asked: &Asked) -> Result<Content, Reset> {
    if asked.content_type() == "multipart/form-data" {
        return Ok(Content::Form(Form::receive(request).await));
    }
    to_bytes(request.into_body(), LARGEST).await.map(Content::Bytes).map_err(|_| Reset)
}

/// What a fault does to the connection before the answer.
async fn show(fault: &Fault, twin: &std::net::TcpStream) -> Result<(), Reset> {
    tokio::time::sleep(fault.wait()).await;
    if fault.reset { Err(reset(twin)) } else { Ok(()) }
}

/// Has the connection end with a reset.
fn reset(twin: &std::net::TcpStream) -> Reset {
    // Without a time to linger, closing sends one.
    let _ = socket2::SockRef::from(twin).set_linger(Some(Duration::ZERO));
    Reset
}

/// A body that breaks off once so many bytes have come.
fn first(body: Body, most: u64) -> Body {
    let parts = body.into_data_stream().scan(0, move |came, part| {
        let goes_on = *came < most;
        *came += part.as_ref().map_or(0, |part| part.len() as u64);
        std::future::ready(goes_on.then_some(part))
    });
    Body::from_stream(parts)
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
    if !reply.content_type.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    }
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
