//! A service that looks pictures up: `curl --data-binary @photo.jpg localhost:8080/match`.
//!
//! `cargo run --release --example axum -- known.gallery` serves one gallery on loopback. `POST /reload` opens its file again; requests
//! under way are answered from the gallery that they began with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use shadegrid::gallery::{Gallery, SearchOptions};
use shadegrid::{Engine, HashError, Search};

/// What every request uses.
pub(crate) struct App {
    /// Hashes.
    pub(crate) engine: Engine,
    /// Looks up.
    pub(crate) search: Search,
    /// The gallery's file.
    pub(crate) path: PathBuf,
}

impl App {
    /// The app with the gallery in a file.
    ///
    /// # Errors
    ///
    /// Where the file is no gallery, or a thread is refused.
    pub(crate) fn open(path: PathBuf) -> shadegrid::Result<App> {
        let known = Arc::new(Gallery::open(&path)?);
        let search = Search::new([("known", known)], SearchOptions::default());
        Ok(App { engine: Engine::new()?, search, path })
    }
}

/// The routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    let most = DefaultBodyLimit::max(64 << 20);
    Router::new().route("/match", post(look_up)).route("/reload", post(reload)).layer(most).with_state(app)
}

async fn look_up(State(app): State<Arc<App>>, body: Bytes) -> (StatusCode, Json<Value>) {
    let hashed = app.engine.hash(body).deadline(Duration::from_secs(30)).await;
    match hashed {
        // A look-up among a million signatures takes about as long as hashing; among many millions, give it a thread of its own.
        Ok(hashed) => match app.search.find_picture(&hashed) {
            Ok(matches) => (StatusCode::OK, Json(json!({ "matches": matches }))),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "message": error.to_string() }))),
        },
        Err(HashError::Picture(error)) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!(error))),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "message": error.to_string() }))),
    }
}

async fn reload(State(app): State<Arc<App>>) -> (StatusCode, String) {
    match Gallery::open(&app.path) {
        Ok(gallery) => {
            app.search.replace([("known", Arc::new(gallery))]);
            (StatusCode::OK, "reloaded\n".to_string())
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// Serves until it is stopped.
#[allow(dead_code, reason = "a test takes the rest of this file")]
#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("name the gallery to search in")?;
    let app = Arc::new(App::open(path.into())?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, router(app)).await?;
    Ok(())
}
