//! What decides the records of a job, written down when it starts and held for every later run.

use std::env;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checksummed::{seal_page, unseal_page};
use super::location::Location;
use super::text::Text;
use crate::decode::{DamagedPolicy, DecodeOptions, DetailChoice, Frames, Orient};
use crate::error::{Error, Result};
use crate::hasher::{Alpha, Faces, HashOptions};
use crate::limits::Limits;
use crate::pipeline::concurrent::both;
use crate::pipeline::{Input, InputOptions, RecordFormat, Walk};

const FILE: &str = "job.json";

/// The version of what decides records: one more whenever any input's record changes by a byte under the same settings, and whenever a new setting
/// is added that an older release would not heed. Jobs of releases before 0.2 have none, which is 0: their records have other names.
pub const RECORDS: u32 = 1;

const ENGINE: &str = concat!("shadegrid ", env!("CARGO_PKG_VERSION"));

/// What decides the records of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Which program began the job; for people, and compared with nothing.
    engine: String,
    #[serde(default)]
    records: u32,
    sources: Vec<SourceText>,
    /// The folder that relative sources start from, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    directory: Option<Text>,
    follow_links: bool,
    only: String,
    column: Option<String>,
    /// A job of before it was a choice is not.
    #[serde(default)]
    strict: bool,
    separator: u8,
    shard_size: u64,
    format: String,
    algorithms: Vec<String>,
    orientations: bool,
    /// A job of before there were faces has none.
    #[serde(default = "stored")]
    faces: String,
    /// A job of before it was a choice has the stored colours.
    #[serde(default = "dropped")]
    alpha: String,
    detail: String,
    damaged: String,
    orient: String,
    #[serde(flatten)]
    pub(in crate::job) limits: Limits,
    /// What is looked up where, as the command gives it.
    matching: Value,
}

/// An [`Input`] as it is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SourceText {
    Named(Text),
    List(Text),
}

impl From<&Input> for SourceText {
    fn from(input: &Input) -> SourceText {
        match input {
            Input::Named(name) => SourceText::Named(name.as_os_str().into()),
            Input::List(name) => SourceText::List(name.as_os_str().into()),
        }
    }
}

impl SourceText {
    fn into_input(self) -> Result<Input> {
        let name = |text: Text| {
            text.into_os()
                .ok_or_else(|| Error::Input(format!("{FILE} names a source that cannot be a name here")))
        };
        Ok(match self {
            SourceText::Named(text) => Input::Named(name(text)?),
            SourceText::List(text) => Input::List(name(text)?),
        })
    }
}

/// The current folder, where the meaning of a source depends on it.
fn directory_of(sources: &[Input]) -> Option<Text> {
    let relative = |input: &Input| {
        let (Input::Named(name) | Input::List(name)) = input;
        Path::new(name).is_relative() && !name.to_string_lossy().contains("://")
    };
    let here = sources.iter().any(relative).then(env::current_dir)?;
    here.ok().map(|here| here.as_os_str().into())
}

impl Settings {
    /// The settings of a job that hashes `sources` into shards of so many pictures.
    pub fn new(
        sources: &[Input],
        input: &InputOptions,
        shard_size: u64,
        format: RecordFormat,
        hash: &HashOptions,
    ) -> Settings {
        let HashOptions { algorithms, orientations, decode, faces, alpha, shading: _, thumbnail: _ } = hash;
        Settings {
            engine: ENGINE.to_string(),
            records: RECORDS,
            sources: sources.iter().map(SourceText::from).collect(),
            directory: directory_of(sources),
            follow_links: input.walk.follow_links,
            only: input.extensions.to_string(),
            column: input.column.clone(),
            strict: false,
            separator: input.separator,
            shard_size: shard_size.max(1),
            format: format.to_string(),
            algorithms: algorithms.iter().map(ToString::to_string).collect(),
            orientations: *orientations,
            faces: faces.name().to_string(),
            alpha: alpha.name().to_string(),
            detail: detail_name(decode.detail),
            damaged: if decode.damaged == DamagedPolicy::Refuse { "refuse" } else { "hash" }.to_string(),
            orient: if decode.orient == Orient::Exif { "exif" } else { "ignore" }.to_string(),
            limits: decode.limits.clone(),
            matching: Value::Null,
        }
    }

    /// The same, with what is looked up where.
    #[must_use]
    pub fn matching(self, matching: Value) -> Settings {
        Settings { matching, ..self }
    }

    /// The same, where what is no picture fails wherever it was found; otherwise it is skipped in folders and archives
    /// ([`Record::is_skipped`](crate::pipeline::Record::is_skipped)). No record depends on it, but what is counted as failed does.
    #[must_use]
    pub fn strict(self, strict: bool) -> Settings {
        Settings { strict, ..self }
    }

    /// Whether what is no picture fails wherever it was found.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// The program that began the job, with its version.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// What is looked up where, as it was given to [`matching`](Settings::matching).
    pub fn what_is_matched(&self) -> Option<&Value> {
        Some(&self.matching).filter(|matching| !matching.is_null())
    }

    /// Pictures of one shard; the first few have fewer.
    pub fn shard_size(&self) -> u64 {
        self.shard_size
    }

    /// How records are written.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the format is unknown.
    pub fn format(&self) -> Result<RecordFormat> {
        self.format.parse()
    }

    /// The inputs, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where a name is of another system.
    pub fn sources(&self) -> Result<Vec<Input>> {
        self.sources.iter().map(|source| source.clone().into_input()).collect()
    }

    /// How inputs are listed and opened.
    ///
    /// # Errors
    ///
    /// As [`hash`](Settings::hash).
    pub fn input(&self) -> Result<InputOptions> {
        Ok(InputOptions {
            walk: Walk { follow_links: self.follow_links },
            extensions: self.only.parse().unwrap_or_default(),
            column: self.column.clone(),
            separator: self.separator,
            limits: self.hash()?.decode.limits,
            ..InputOptions::default()
        })
    }

    /// How pictures are hashed.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where an algorithm is unknown.
    pub fn hash(&self) -> Result<HashOptions> {
        let decode = DecodeOptions {
            limits: self.limits.clone(),
            orient: if self.orient == "exif" { Orient::Exif } else { Orient::Ignore },
            damaged: if self.damaged == "refuse" { DamagedPolicy::Refuse } else { DamagedPolicy::Hash },
            detail: detail_of(&self.detail)?,
            // A shard has one record for each of its items.
            frames: Frames::First,
            ..DecodeOptions::default()
        };
        let algorithms = self.algorithms.iter().map(|name| name.parse()).collect::<Result<_>>()?;
        let (orientations, faces, alpha) =
            (self.orientations, faces_of(&self.faces)?, alpha_of(&self.alpha)?);
        Ok(HashOptions { algorithms, orientations, decode, faces, alpha, shading: false, thumbnail: None })
    }

    /// Whether there is a job in `location`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where that cannot be seen.
    pub fn are_in(location: &dyn Location) -> Result<bool> {
        location.exists(FILE)
    }

    /// Writes the settings down, or makes sure that they are those that were.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] naming what differs; [`Error::Io`].
    pub fn hold(&self, location: &dyn Location) -> Result<()> {
        if !Settings::are_in(location)? {
            Settings::check_nothing_is_begun(location)?;
            if location.create(FILE, seal_page(self)?.as_bytes())? {
                return Ok(());
            }
        }
        let known = Settings::read(location)?;
        known.check_records(&location.place())?;
        match self.difference(&known) {
            None => Ok(()),
            Some(difference) => Err(Error::Input(format!(
                "the job in {} was started otherwise: {difference}; give the same options to resume it, or another --out",
                location.place()
            ))),
        }
    }

    /// What was begun under settings that are gone must not continue under others.
    fn check_nothing_is_begun(location: &dyn Location) -> Result<()> {
        let (plan, ledger) = both(|| location.list("plan"), || location.list("ledger"));
        // A job that began at this very instant has its settings by now.
        if plan?.is_empty() && ledger?.is_empty() || Settings::are_in(location)? {
            return Ok(());
        }
        Err(Error::Input(format!(
            "{FILE} is gone from {}, where a job was begun; restore it, or start the job anew in another place",
            location.place()
        )))
    }

    /// The settings of the job at `location`.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where there is no job; [`Error::Io`].
    pub fn read(location: &dyn Location) -> Result<Settings> {
        let text = location.read(FILE)?.ok_or_else(|| {
            Error::Input(format!("there is no job in {}: it has no {FILE}", location.place()))
        })?;
        let of_another = |why: String| {
            let place = location.place();
            Error::Input(format!(
                "{FILE} in {place} is of another release: {why}; use the one that began the job"
            ))
        };
        match unseal_page(&text) {
            Some(text) => {
                let settings = serde_json::from_str(&text).map_err(|error| of_another(error.to_string()))?;
                match Settings::unknown(text.as_bytes(), &settings) {
                    Some(name) => Err(of_another(format!("it has the unknown setting {name}"))),
                    None => Ok(settings),
                }
            }
            None => Settings::without_checksum(&text).ok_or_else(|| {
                Error::Input(format!(
                    "{FILE} in {} is damaged: its checksum differs; restore it, or start the job anew in another place",
                    location.place()
                ))
            }),
        }
    }

    /// Settings as versions before the checksum wrote them, if the text holds nothing that is not one of these.
    fn without_checksum(text: &[u8]) -> Option<Settings> {
        let settings: Settings = serde_json::from_slice(text).ok()?;
        Settings::unknown(text, &settings).is_none().then_some(settings)
    }

    /// The first member of `text` that is none of these settings.
    fn unknown(text: &[u8], settings: &Settings) -> Option<String> {
        let value: Value = serde_json::from_slice(text).unwrap_or_default();
        let known = serde_json::to_value(settings).unwrap_or_default();
        let mut members = value.as_object().into_iter().flatten();
        members.find(|(name, value)| known.get(name) != Some(value)).map(|(name, _)| name.clone())
    }

    /// Makes sure that this program makes the records that the job has.
    fn check_records(&self, place: &str) -> Result<()> {
        if self.records == RECORDS {
            return Ok(());
        }
        Err(Error::Input(format!(
            "the job in {place} was begun by {}, whose records are other ones (version {}, and {RECORDS} here): finish it with that program, or \
             start anew with another --out; `job status`, `verify`, `merge` and `report` work here too",
            self.engine, self.records
        )))
    }

    /// Makes sure that this program, from this folder, reads and hashes the same as whoever began the job.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] saying what is otherwise.
    pub(in crate::job) fn check_surroundings(&self, place: &str) -> Result<()> {
        self.check_records(place)?;
        let now = Settings { directory: directory_of(&self.sources()?), ..self.clone() };
        match now.difference(self) {
            None => Ok(()),
            Some(difference) => Err(Error::Input(format!("the job was started otherwise: {difference}"))),
        }
    }

    /// The first field that differs, as a message.
    fn difference(&self, known: &Settings) -> Option<String> {
        let fields = |settings: &Settings| match serde_json::to_value(settings) {
            Ok(Value::Object(mut fields)) => {
                fields.remove("engine");
                fields
            }
            _ => serde_json::Map::new(),
        };
        let (own, known) = (fields(self), fields(known));
        let (name, value) = own.iter().find(|(name, value)| known.get(*name) != Some(value))?;
        let before = known.get(name).unwrap_or(&Value::Null);
        Some(format!("{name} was {before} and is now {value}"))
    }
}

fn stored() -> String {
    Faces::Stored.name().to_string()
}

fn dropped() -> String {
    Alpha::Drop.name().to_string()
}

fn alpha_of(name: &str) -> Result<Alpha> {
    name.parse().map_err(|_| {
        Error::Input(format!("{FILE} asks for the alpha {name:?}, which this version does not know"))
    })
}

fn faces_of(name: &str) -> Result<Faces> {
    let known = [Faces::All, Faces::Stored, Faces::Shown].into_iter().find(|faces| faces.name() == name);
    known.ok_or_else(|| {
        Error::Input(format!("{FILE} asks for the faces {name:?}, which this version does not know"))
    })
}

fn detail_name(detail: DetailChoice) -> String {
    match detail {
        DetailChoice::Auto => "auto".to_string(),
        DetailChoice::Scaled => "scaled".to_string(),
        DetailChoice::Full => "full".to_string(),
        DetailChoice::Lowest(n) => n.to_string(),
    }
}

fn detail_of(name: &str) -> Result<DetailChoice> {
    let unknown = || Error::Input(format!("{FILE} asks for the unknown detail {name:?}"));
    match name {
        "auto" => Ok(DetailChoice::Auto),
        "scaled" => Ok(DetailChoice::Scaled),
        "full" => Ok(DetailChoice::Full),
        n => n.parse().map(DetailChoice::Lowest).map_err(|_| unknown()),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::super::location::Folder;
    use super::*;

    fn settings(shard_size: u64, detail: DetailChoice) -> Settings {
        let decode = DecodeOptions { detail, ..DecodeOptions::default() };
        let hash = HashOptions { decode, ..HashOptions::default() };
        Settings::new(
            &[Input::Named("a".into())],
            &InputOptions::default(),
            shard_size,
            RecordFormat::JsonLines,
            &hash,
        )
    }

    #[test]
    fn other_settings_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        settings(100, DetailChoice::Auto).hold(&location).unwrap();
        settings(100, DetailChoice::Auto).hold(&location).unwrap();
        let error = settings(10, DetailChoice::Auto).hold(&location).unwrap_err().to_string();
        assert!(error.contains("shard_size was 100 and is now 10"), "{error}");
        let error = settings(100, DetailChoice::Lowest(4)).hold(&location).unwrap_err().to_string();
        assert!(error.contains(r#"detail was "auto" and is now "4""#), "{error}");
    }

    #[test]
    fn damage_is_seen_at_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        settings(100, DetailChoice::Auto).hold(&location).unwrap();
        let file = folder.path().join(FILE);
        let whole = std::fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let flipped = whole.iter().enumerate().map(|(n, byte)| if n == at { byte ^ 1 } else { *byte });
            for damaged in [flipped.collect(), whole[..at].to_vec()] {
                std::fs::write(&file, damaged).unwrap();
                let error = Settings::read(&location).unwrap_err().to_string();
                assert!(error.contains("job.json in ") && error.contains(" is damaged"), "{at}: {error}");
            }
        }
        std::fs::remove_file(&file).unwrap();
        settings(100, DetailChoice::Auto).hold(&location).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), whole, "a job of which nothing is left but its name");
        location.create("plan/000000.segment", b"").unwrap();
        std::fs::remove_file(&file).unwrap();
        let error = settings(100, DetailChoice::Auto).hold(&location).unwrap_err().to_string();
        assert!(error.contains("job.json is gone"), "{error}");
        assert!(!file.exists());
    }

    #[test]
    fn settings_without_a_checksum_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        let own = settings(100, DetailChoice::Full);
        location.create(FILE, &serde_json::to_vec_pretty(&own).unwrap()).unwrap();
        assert_eq!(Settings::read(&location).unwrap(), own);
        own.hold(&location).unwrap();
    }

    #[test]
    fn another_release_resumes_what_has_the_same_records() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        let own = settings(100, DetailChoice::Auto);
        let other = Settings { engine: "shadegrid 9.9.9".to_string(), ..own.clone() };
        other.hold(&location).unwrap();
        own.hold(&location).unwrap();
        assert_eq!(Settings::read(&location).unwrap().engine(), "shadegrid 9.9.9", "the note was changed");
        other.check_surroundings("here").unwrap_or_else(|error| panic!("{error}"));
    }

    /// Without `records`, as releases before 0.2 wrote it.
    const OF_0_1_0: &str = r#"{
  "engine": "shadegrid 0.1.0",
  "sources": [
    {
      "named": "a"
    }
  ],
  "follow_links": false,
  "only": "OWN_ONLY",
  "column": null,
  "separator": 44,
  "shard_size": 100,
  "format": "jsonl",
  "algorithms": [
    "photodna",
    "pdq"
  ],
  "orientations": false,
  "faces": "all",
  "detail": "auto",
  "damaged": "hash",
  "orient": "exif",
  LIMITS,
  "matching": null
}"#;

    #[test]
    fn a_job_with_other_records_is_read_and_not_resumed() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        let own = settings(100, DetailChoice::Auto);
        let limits = serde_json::to_string(&own.limits).unwrap();
        let text = OF_0_1_0.replace("LIMITS", limits.trim_matches(['{', '}'])).replace("OWN_ONLY", &own.only);
        location
            .create(FILE, seal_page(&serde_json::from_str::<Value>(&text).unwrap()).unwrap().as_bytes())
            .unwrap();
        assert_eq!(Settings::read(&location).unwrap().engine(), "shadegrid 0.1.0");
        for error in [own.hold(&location), Settings::read(&location).unwrap().check_surroundings("here")] {
            let error = error.unwrap_err().to_string();
            assert!(
                error.contains("was begun by shadegrid 0.1.0")
                    && error.contains("finish it with that program"),
                "{error}"
            );
        }
        let later = text.replacen("\"column\"", "\"hue\": 3, \"column\"", 1);
        location.remove(FILE).unwrap();
        location
            .create(FILE, seal_page(&serde_json::from_str::<Value>(&later).unwrap()).unwrap().as_bytes())
            .unwrap();
        let error = Settings::read(&location).unwrap_err().to_string();
        assert!(
            error.contains("unknown setting hue") && error.contains("use the one that began the job"),
            "{error}"
        );
    }

    #[test]
    fn relative_sources_are_of_one_folder() {
        let new = |names: &[&str]| {
            let inputs: Vec<_> = names.iter().map(|name| Input::Named(name.into())).collect();
            let (input, hash) = (InputOptions::default(), HashOptions::default());
            Settings::new(&inputs, &input, 1, RecordFormat::Csv, &hash)
        };
        let mut relative = new(&["/a", "b"]);
        relative.check_surroundings("here").unwrap();
        relative.directory = Some(OsStr::new("/elsewhere").into());
        let error = relative.check_surroundings("here").unwrap_err().to_string();
        assert!(error.contains(r#"directory was "/elsewhere" and is now "#), "{error}");
        assert_eq!(new(&["/a", "s3://b/c"]).directory, None);
    }

    #[test]
    fn options_come_back_as_they_were() {
        for detail in [DetailChoice::Auto, DetailChoice::Scaled, DetailChoice::Full, DetailChoice::Lowest(2)]
        {
            let decode = settings(1, detail).hash().unwrap().decode;
            assert_eq!((decode.detail, decode.limits), (detail, Limits::default()));
        }
        for alpha in [Alpha::Drop, Alpha::White, Alpha::Black] {
            let (input, hash) = (InputOptions::default(), HashOptions::default().alpha(alpha));
            let own = Settings::new(&[], &input, 1, RecordFormat::Csv, &hash);
            assert_eq!(own.hash().unwrap().alpha, alpha);
            let usual = Settings::new(&[], &input, 1, RecordFormat::Csv, &HashOptions::default());
            assert_eq!(own.difference(&usual).is_some(), alpha != Alpha::Drop, "records depend on it");
            assert_eq!(usual.difference(&own).is_some(), alpha != Alpha::Drop);
        }
    }
}
