//! What a report may say of files that are reviewed here: that somebody viewed them is for the audit to say.

use super::super::app::App;
use super::super::problem::{Answer, Problem};
use crate::report::{Problem as Broken, Report, Rule};

/// Refuses a report that says of evidence that it was viewed, where it is reviewed here and not all of it was revealed.
pub(crate) fn check_viewed(app: &App, report: &Report) -> Answer<()> {
    let Some(reviewing) = &app.review else { return Ok(()) };
    let mut broken = Vec::new();
    for (place, file) in report.files.iter().enumerate().filter(|(_, file)| file.viewed == Some(true)) {
        let name = file.evidence.as_deref().and_then(|name| name.strip_prefix("sha256:"));
        let picture = name.map(|name| reviewing.review().of_evidence(name)).transpose()?.flatten();
        if picture.is_some_and(|picture| !picture.is_viewed()) {
            let why = "not all of it was revealed in the review, so nobody here viewed it";
            broken.push(Broken::new(format!("files[{place}].viewed"), Rule::Evidence, why));
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(Problem::broken(broken)) }
}
