//! The loops of galleries that follow lists, a task each, which no request waits for.
//!
//! They run on the threads that serve, and only wait there; pages and files are read and written on tokio's threads for blocking work. A gallery that was written is
//! searched from then on, even in the middle of a round.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::app::Shared;
use super::event::Event;
use super::synced::Followed;
use crate::sync::Outcome;

/// Follows every list, until the task is dropped.
pub(crate) async fn follow(app: Shared) {
    let mut loops = JoinSet::new();
    for one in &app.synced.all {
        loops.spawn(rounds(one.clone(), app.clone()));
    }
    while loops.join_next().await.is_some() {}
}

/// Round after round.
async fn rounds(one: Arc<Followed>, app: Shared) {
    loop {
        round(&one, &app).await;
        one.rest().await;
    }
}

async fn round(one: &Arc<Followed>, app: &Shared) {
    let began = Instant::now();
    one.begins();
    let name = one.name().to_string();
    let written = {
        let (app, name) = (app.clone(), name.clone());
        move || app.refresh(Some(&name))
    };
    let outcome = one.follower.round(false, written).await;
    let looking = one.clone();
    // It fails only where the service ends.
    let _ = tokio::task::spawn_blocking(move || looking.look()).await;
    one.ended(outcome.is_ok());
    let seconds = began.elapsed().as_secs_f64();
    app.metrics.synced(&name, seconds, outcome.as_ref().ok());
    app.reporter.report(&match outcome {
        Ok(outcome) => event(name, outcome, seconds),
        Err(error) => Event::SyncFailed { gallery: name, code: error.code(), message: error.to_string() },
    });
}

fn event(gallery: String, outcome: Outcome, seconds: f64) -> Event {
    let Outcome { added, changed, removed, left_out, bad, entries, anew, .. } = outcome;
    Event::Synced { gallery, added, changed, removed, left_out, bad, entries, anew, seconds }
}
