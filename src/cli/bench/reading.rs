//! The pictures that are measured, in memory: what disks and networks do is not what is compared.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::HumanCount;
use shadegrid::pipeline::Stop;
use shadegrid::{Error, Limits};

use super::progress::Progress;
use super::{Arguments, synthetic};
use crate::cli::console;
use crate::cli::output::Own;
use crate::cli::resources::Resources;

/// Encoded pictures by name.
pub(super) struct Pictures {
    pub(super) named: Vec<(String, Arc<[u8]>)>,
    /// What could not be read.
    pub(super) unread: u64,
    /// How long reading took.
    pub(super) took: Duration,
}

/// Reads all that the arguments name.
pub(super) fn pictures(arguments: &Arguments, progress: &Progress) -> Result<Pictures, Error> {
    let started = Instant::now();
    if arguments.is_synthetic() {
        progress.say("making pictures up".to_string());
        let named = match &arguments.synthetic[..] {
            [] => synthetic::pictures(),
            sizes => sizes.iter().flat_map(synthetic::Size::jpegs).collect(),
        };
        let named = named.into_iter().map(|(name, bytes)| (name, bytes.into())).collect();
        return Ok(Pictures { named, unread: 0, took: started.elapsed() });
    }
    let limits: Limits = arguments.hash_options().decode.limits;
    let resources = Resources::new(None, arguments.memory);
    let own = Own::outputs(arguments.output.iter().chain(&arguments.html));
    let options = arguments.input.options(resources, &limits, (own, &Stop::default()));
    let (mut named, mut unread, mut bytes) = (Vec::new(), 0, 0);
    let mut first = None;
    for source in arguments.input.sources(&arguments.paths, &options) {
        let name = source.key().to_string_lossy().into_owned();
        match source.read(&limits) {
            Ok(encoded) => {
                bytes += encoded.len();
                named.push((name, encoded.into()));
            }
            Err(error) => {
                unread += 1;
                first.get_or_insert_with(|| format!(": {}: {error}", console::printable(&name)));
            }
        }
        progress.say(format!("{} pictures read, {} MB", HumanCount(named.len() as u64), bytes / 1_000_000));
    }
    if named.is_empty() {
        return Err(Error::Input(format!("there is no file to measure{}", first.unwrap_or_default())));
    }
    Ok(Pictures { named, unread, took: started.elapsed() })
}
