//! Look-ups, on the searcher's threads, and what an answer says of them.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::try_join_all;
use serde::Serialize;

use super::app::{App, Ask};
use super::galleries::{Checked, Set};
use super::hooked;
use super::permits::Permit;
use super::problem::{Answer, Problem};
use crate::engine::{HashError, Lookups};
use crate::gallery::{Query, SearchOptions};
use crate::pipeline::{Hit, MatchLimits, Queries, RecordMatch, Text};

/// Fewest queries of a part that has a thread of its own.
const SHARE: usize = 512;

/// How much one request may find.
const MOST: MatchLimits = MatchLimits { matches: 100_000, bytes: 16 << 20 };

/// Where is searched, and what counts as a match.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) set: Arc<Set>,
    pub(crate) options: Arc<SearchOptions>,
    pub(crate) deadline: Option<Instant>,
    /// How much may be found.
    pub(crate) most: MatchLimits,
    /// Whether the answer says how far apart signatures are.
    pub(crate) distances: bool,
    /// The request's id, by which an event names it.
    pub(crate) request_id: String,
}

/// About the bytes of a match and of its JSON.
const MATCH: u64 = 1 << 10;

/// What is looked up for one record: its faces, by their names.
pub(crate) type Faces = Vec<(Option<Text>, Query)>;

/// What a picture shows, and what that matches.
pub(crate) type FaceHits = (Faces, Vec<Hit>);

/// What an answer says of one look-up.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    pub(crate) matched: bool,
    pub(crate) matches: Matches,
    /// Every signature that was not looked up, and why.
    pub(crate) unsearched: Vec<String>,
}

/// Matches as an answer shows them.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Matches {
    Whole(Vec<RecordMatch>),
    /// For keys that are shown no distances.
    WithoutDistances(Vec<Undistanced>),
}

/// A match without its distance.
#[derive(Debug, Serialize)]
pub(crate) struct Undistanced {
    gallery: String,
    key: String,
    label: String,
    source: String,
    position: u64,
    algorithm: Text,
    orientation: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<Text>,
}

impl From<RecordMatch> for Undistanced {
    fn from(matched: RecordMatch) -> Undistanced {
        // What lists say further is for who is shown everything.
        let RecordMatch { gallery, key, label, source, position, algorithm, orientation, face, .. } = matched;
        Undistanced { gallery, key, label, source, position, algorithm, orientation, face }
    }
}

impl Matches {
    /// The nearest first; for keys that are shown no distances, by gallery and place, so that the order shows none either.
    fn of(mut hits: Vec<Hit>, distances: bool) -> Matches {
        if !distances {
            hits.sort_by(|a, b| a.place().cmp(&b.place()));
        }
        let matches = hits.into_iter().map(|hit| hit.matched);
        match distances {
            true => Matches::Whole(matches.collect()),
            false => Matches::WithoutDistances(matches.map(Undistanced::from).collect()),
        }
    }
}

/// What the record of a picture that was looked up has besides.
#[derive(Debug, Serialize)]
pub(crate) struct Looked {
    /// Absent where nothing was looked up: then nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) matched: Option<bool>,
    /// Where the record itself cannot show them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) matches: Option<Vec<Undistanced>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grid: Option<Vec<i64>>,
    pub(crate) unsearched: Vec<String>,
    pub(crate) checked: Vec<Checked>,
    /// The item that a person reviews, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) review: Option<String>,
}

impl Look {
    /// Where to search: in these galleries, as far as the key may see them. There has to be something.
    pub(crate) fn new(
        app: &App,
        ask: &Ask,
        galleries: Option<&[String]>,
        options: SearchOptions,
        deadline: Option<Instant>,
    ) -> Answer<Look> {
        let set = app.set(ask.galleries.as_deref()).only(galleries);
        let set = set.map_err(|_| Problem::not_found("galleries: one of them is not served here"))?;
        if set.all.is_empty() {
            let detail = "no gallery is served here, so nothing can be said about matches";
            let none = Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail);
            return Err(none.retry_after(5));
        }
        let (options, request_id) = (Arc::new(options), ask.request_id.clone());
        Ok(Look { set, options, deadline, most: MOST, distances: ask.distances, request_id })
    }

    /// Looks all records up, in their order. What is found takes its bytes as the request did; `None` where they are taken already.
    pub(crate) async fn hits(
        &self,
        app: &App,
        records: &[Faces],
        permit: Option<&mut Permit>,
    ) -> Answer<Vec<Vec<Hit>>> {
        let share = records.len().div_ceil(app.engine.threads().get()).max(SHARE);
        let parts = records.chunks(share).map(|part| {
            let mut queries = Queries::default();
            for faces in part {
                queries.push_faces(faces.iter().cloned());
            }
            app.searcher.submit(Lookups {
                galleries: self.set.named.clone(),
                options: self.options.clone(),
                queries,
                limits: self.most,
                deadline: self.deadline,
            })
        });
        let parts = parts.collect::<Result<Vec<_>, _>>().map_err(Problem::from)?;
        let found: Vec<Vec<Hit>> =
            try_join_all(parts).await.map_err(|error| self.refused(error))?.into_iter().flatten().collect();
        let matches = found.iter().map(Vec::len).sum::<usize>();
        if matches > self.most.matches {
            return Err(self.too_much());
        }
        if let Some(permit) = permit {
            permit.add(matches as u64 * MATCH).await?;
        }
        app.metrics.looked_up(found.len());
        found.iter().flatten().for_each(|hit| app.metrics.matched(&hit.matched.gallery));
        hooked::matched(app, &self.request_id, &found).await?;
        Ok(found)
    }

    fn refused(&self, error: HashError) -> Problem {
        match error {
            HashError::Picture(error) if error.code == "limit" => self.too_much(),
            error => error.into(),
        }
    }

    fn too_much(&self) -> Problem {
        let MatchLimits { matches, bytes } = self.most;
        Problem::limit(format!(
            "there are more than {matches} matches, or {bytes} bytes of their texts, which is the most at once: look up fewer, with a smaller threshold, or the nearest"
        ))
    }

    /// What the answer says of each record.
    pub(crate) async fn found(
        &self,
        app: &App,
        records: &[Faces],
        permit: Option<&mut Permit>,
    ) -> Answer<Vec<Found>> {
        let hits = self.hits(app, records, permit).await?;
        Ok(records.iter().zip(hits).map(|(faces, hits)| self.said(faces, hits)).collect())
    }

    /// What the answer says of one.
    pub(crate) fn said(&self, faces: &Faces, hits: Vec<Hit>) -> Found {
        Found {
            matched: !hits.is_empty(),
            matches: Matches::of(hits, self.distances),
            unsearched: self.unsearched(faces),
        }
    }

    /// Whether anything of a record is looked up.
    pub(crate) fn searches(&self, faces: &Faces) -> bool {
        let given = |query: &Query| usize::from(query.photodna.is_some()) + usize::from(query.pdq.is_some());
        self.unsearched(faces).len() < faces.iter().map(|(_, query)| given(query)).sum()
    }

    /// Every signature of a record that is not looked up, and why.
    pub(crate) fn unsearched(&self, faces: &Faces) -> Vec<String> {
        let (photodna, pdq) = self.set.signatures();
        let mut all = Vec::new();
        for (face, query) in faces {
            let options = &*self.options;
            let flat = (query.flat && !options.include_flat).then(|| "flat".to_string());
            let quality = query.quality.filter(|quality| *quality < options.quality_min);
            let quality = quality.map(|quality| format!("quality {quality}"));
            let reasons = [
                ("photodna", query.photodna.is_some(), options.photodna.is_some(), photodna, flat),
                ("pdq", query.pdq.is_some(), options.pdq.is_some(), pdq, quality),
            ];
            for (name, is_there, wanted, known, poor) in reasons {
                let reason = match poor {
                    _ if !is_there => continue,
                    _ if !wanted => "not asked for".to_string(),
                    _ if known == 0 => "no gallery has such signatures".to_string(),
                    Some(poor) => poor,
                    None => continue,
                };
                let of = face.as_ref().map_or(String::new(), |face| format!(" of face {face}"));
                all.push(format!("{name}{of}: {reason}"));
            }
        }
        all
    }
}
