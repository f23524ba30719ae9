//! `shadegrid dedupe`: groups of near-duplicates among pictures, stored signatures, or both.

use std::ffi::OsStr;
use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use shadegrid::gallery::SearchOptions;
use shadegrid::gallery::lists::ListFormat;
use shadegrid::pipeline::{Ended, Sink, Stop};
use shadegrid::{Algorithm, Error, HashOptions, RunOptions};

use super::backend::DeviceArguments;
use super::cache::{self, CacheArguments};
use super::exit::Exit;
use super::inputs::InputArguments;
use super::lookups::{self, LookupArguments};
use super::output::{Kind, OutputFormat, Overwrite, Own, Reads, Target, is_seen, refuse_others};
use super::pictures::{DecodeArguments, FrameArguments};
use super::progress::{self, Shown};
use super::resources::Resources;
use super::tally::Tally;
use super::verbosity::Verbosity;
use super::{bar, bytes, console, interrupt, numbers, places};

mod acting;
mod album;
mod best;
mod classes;
mod collection;
mod file;
mod group;
mod hashing;
mod inputs;
mod item;
mod known;
mod lines;
mod looks;
mod plan;
mod preset;
mod thumbnails;

use acting::Done;
use album::Album;
use best::Keep;
use collection::{Collection, Left, List, Lists};
use group::{Group, Grouping};
use hashing::{Hashed, Nothing, Taking};
use inputs::Sorted;
use lines::{GroupFormat, Lines, size};
use looks::Looks;
use plan::{Act, Freed, Step, steps};
use preset::Preset;
use thumbnails::Thumbnails;

/// Group near-duplicates among pictures and stored signatures, and take copies away
///
/// Pictures, folders, archives (not .parquet) and URLs are hashed now; any other file, `-` and a pipe are lists of signatures: records of `hash`, or what
/// `gallery build` reads. So are URLs that are called like a list: .parquet, .jsonl, .csv, .csv.gz and the like. Two belong together if they are within a threshold or have the same bytes, or both belong together with a third.
///
/// Each group names its best copy, how far the others are from it (`distance`), which have the same bytes (`exact`), and which are not within the
/// threshold of the best copy and hang together with it through another alone (`via`). The same inputs give the same groups.
///
/// Nothing is changed unless --do says so. What it takes away is named with `remove` beforehand: files that were hashed in this very run and have not changed
/// since, but never the best copy, a reference, a further name of the same file, or what lies behind a symbolic link; and never a file that holds or shows more than its best
/// copy (further frames or pages, another look over white), unless both have the same bytes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Pictures, folders, archives and URLs; or lists of signatures
    #[arg(value_name = "PATH", required_unless_present = "files_from", value_parser = places::path_parser())]
    paths: Vec<PathBuf>,

    /// What is there already: grouped too, the best copy of its group, and never taken away; may be given several times
    #[arg(long, value_name = "PATH", value_parser = places::path_parser())]
    reference: Vec<PathBuf>,

    /// Thresholds by name
    #[arg(long, value_enum, value_name = "NAME", conflicts_with_all = ["threshold", "joint", "nearest"])]
    preset: Option<Preset>,

    /// Which copy of a group is the best
    ///
    /// A picture that is damaged is best only where all are.
    #[arg(long, value_enum, value_name = "WHICH", default_value = "best")]
    keep: Keep,

    /// What is done with the copies that are not the best: print, move=FOLDER, link or delete
    ///
    /// `print` changes nothing, and says what would be free. `move` keeps their paths below FOLDER, and moves nothing over what is there. `link` makes
    /// files of the same bytes names of one file, and leaves others alone. `delete` deletes; files of the same bytes are compared once more before. Every
    /// act is a line on standard error.
    #[arg(long = "do", value_name = "WHAT", default_value = "print", value_parser = plan::act)]
    act: Act,

    /// Take away also what hangs together with the best copy through another alone
    #[arg(long)]
    chains: bool,

    /// Format of the lists: text, text-quality, csv, jsonl, json, ncmec, parquet, bin-photodna or bin-pdq [default: found out from each file]
    ///
    /// Where it is named, every file is a list, and pictures are in folders.
    #[arg(long, value_name = "FORMAT")]
    list_format: Option<ListFormat>,

    /// Write the groups to a file instead of standard output
    #[arg(short, long = "out", visible_alias = "output", value_name = "FILE")]
    output: Option<PathBuf>,

    /// How groups are written [default: table on a terminal, csv for a file of that ending, else jsonl]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<GroupFormat>,

    /// Write a page with all groups and their pictures, which stay where they are
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,

    /// Threads [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N", value_parser = numbers::threads)]
    threads: Option<NonZeroUsize>,

    /// Memory for pictures in flight, such as 512M or 2G [default: 256M per thread, at least 1G]
    #[arg(short, long, value_name = "SIZE", value_parser = bytes::memory)]
    memory: Option<u64>,

    #[command(flatten)]
    cache: CacheArguments,

    #[command(flatten)]
    verbosity: Verbosity,

    #[command(flatten)]
    lookup: LookupArguments,

    #[command(flatten)]
    devices: DeviceArguments,

    #[command(flatten)]
    input: InputArguments,

    #[command(flatten)]
    decode: DecodeArguments,

    #[command(flatten)]
    frames: FrameArguments,
}

const EXAMPLES: &str = "\
Examples:
  What looks the same in a folder, as a page to look through:
      shadegrid dedupe photos --html groups.html
  Move what is in the archive already out of the inbox, also where it was turned:
      shadegrid dedupe inbox --reference archive --orientations all --do move=seen
  Delete copies of the same bytes or signatures alone:
      shadegrid dedupe photos --preset exact --do delete
  Signatures that are stored already:
      shadegrid hash photos -o photos.jsonl
      shadegrid dedupe photos.jsonl

Exit codes:
    0  groups were found
    1  wrong usage, or the run could not be carried out
    2  some picture, record or list failed, or some file could not be taken away
    3  nothing belongs together
  130  interrupted";

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let rules = arguments.rules()?;
    let inputs = arguments.inputs()?;
    let outputs = arguments.outputs()?;
    let stop = Stop::default();
    interrupt::request(&stop)?;
    let (hashed, ended) = arguments.hash(&inputs, &rules, &stop)?;
    if ended != Ended::Complete {
        return Ok(Exit::Interrupted);
    }
    let (again, unread) = (hashed.again, hashed.failures.len() as u64);
    let (collection, left) = Collection::new(hashed, &inputs.lists)?;
    let groups = arguments.groups(&collection, &rules, &inputs.lists)?;
    let mut looks = Looks::new(arguments.hash_options(&rules), &rules);
    let planned = |group| match rules.iter().all(is_safe) {
        true => steps(group, &arguments.act, arguments.chains, &mut looks),
        false => Vec::new(),
    };
    let plan: Vec<Vec<Step>> = groups.iter().map(planned).collect();
    arguments.write(outputs, &groups, &plan, &stop)?;
    let left = Left { failed: left.failed + unread, ..left };
    if !arguments.verbosity.quiet {
        console::say(counts(&collection, &groups, left, again));
    }
    let done = arguments.act(&groups, &plan, &stop);
    if !arguments.verbosity.quiet && collection.pictures() > 0 && !groups.is_empty() {
        console::say(arguments.outcome(&groups, &plan, &done));
    }
    Ok(match (left.failed + done.failed, groups.len()) {
        _ if stop.requested() => Exit::Interrupted,
        (1.., _) => Exit::SomeFailed,
        (0, 0) => Exit::NothingMatched,
        _ => Exit::Done,
    })
}

/// What is read.
struct Inputs {
    /// What is hashed; the references at the end.
    pictures: Vec<PathBuf>,
    /// Of these, the references.
    references: Vec<PathBuf>,
    lists: Lists,
}

/// What is written.
struct Outputs {
    groups: Target,
    format: GroupFormat,
    page: Option<(Target, PathBuf)>,
}

impl Arguments {
    /// What belongs together: what matches by any of these.
    fn rules(&self) -> Result<Vec<SearchOptions>, Error> {
        let options = self.lookup.options()?;
        if self.act != Act::Print && !is_safe(&options) {
            let message = "--nearest, --include-flat and --quality-min under 50 join pictures that do not look the same: \
                           with them --do changes nothing";
            return Err(Error::Input(message.to_string()));
        }
        if self.act != Act::Print && !self.frames.is_first() {
            let message = "with --frames a file is grouped by any of its frames, and is no copy of a picture that one of them shows: \
                           with it --do changes nothing";
            return Err(Error::Input(message.to_string()));
        }
        Ok(self.preset.map_or_else(|| vec![options.clone()], |preset| preset.rules(&options)))
    }

    /// Looks at the arguments.
    fn inputs(&self) -> Result<Inputs, Error> {
        self.input.check(&self.paths)?;
        let sorted = Sorted::new(&self.paths, self.list_format);
        let references = Sorted::new(&self.reference, self.list_format);
        // Before anything takes time.
        let find =
            |lists: &[PathBuf]| lists.iter().map(|list| List::find(list)).collect::<Result<_, Error>>();
        let (lists, listed) = (find(&sorted.lists)?, find(&references.lists)?);
        let lists = Lists { lists, references: listed, format: self.list_format };
        let pictures = [sorted.pictures, references.pictures.clone()].concat();
        Ok(Inputs { pictures, references: references.pictures, lists })
    }

    /// Checks where the groups, the page and what is moved go.
    fn outputs(&self) -> Result<Outputs, Error> {
        let reads = || self.input.reads(&self.paths).and(&self.reference);
        if let Act::Move(folder) = &self.act {
            Reads::of(&self.paths).and(&self.reference).check(folder, None)?;
        }
        let page = self.html.as_ref().map(|path| {
            let target = self.overwrite.check(Some(path), Kind::Album, &reads())?;
            Ok::<_, Error>((target, path.clone()))
        });
        let groups = self.overwrite.check(self.output.as_deref(), Kind::Groups, &reads())?;
        Ok(Outputs { groups, format: self.format()?, page: page.transpose()? })
    }

    /// As asked for, as the file's name says, or as suits who reads.
    fn format(&self) -> Result<GroupFormat, Error> {
        if let Some(path) = &self.output
            && let Some(named) = OutputFormat::of_name(path)
        {
            return GroupFormat::of(named, self.format, path);
        }
        self.output.iter().filter(|_| self.format.is_none()).try_for_each(|path| refuse_others(path))?;
        Ok(self.format.unwrap_or(if is_seen(self.output.as_deref()) {
            GroupFormat::Table
        } else {
            GroupFormat::Jsonl
        }))
    }

    /// Hashes the pictures, and says which failed.
    fn hash(&self, inputs: &Inputs, rules: &[SearchOptions], stop: &Stop) -> Result<(Hashed, Ended), Error> {
        let paths = &inputs.pictures;
        if paths.is_empty() && !self.input.has_list() {
            return Ok((Hashed::default(), Ended::Complete));
        }
        let resources = Resources::new(self.threads, self.memory);
        let hash = self.hash_options(rules);
        let own = Own::outputs(self.output.iter().chain(&self.html)).and_cache(self.cache.path());
        let listing = self.input.options(resources, &hash.decode.limits, (own, stop));
        let devices = self.devices.choose(|| self.input.listable(paths, &listing))?;
        let engine = resources.engine(devices, hash)?;
        let cache = self.cache.open(&engine, &self.input.reads(&self.paths).and(&self.reference))?;
        let (named, is_strict) = (self.input.inputs(paths), self.input.strict);
        let mut nothing = Nothing;
        let shown: Box<dyn Sink + '_> = if self.verbosity.quiet {
            Box::new(Nothing)
        } else {
            let is_drawn = bar::seen();
            let count = is_drawn.then(|| self.input.count(paths, &listing)).flatten();
            let tally = Tally::new(is_strict);
            Box::new(Shown::new(&mut nothing, &named, (is_drawn, count), self.verbosity, tally))
        };
        let mut taking = Taking::new(&inputs.references, shown, Tally::new(is_strict));
        let sources = taking.watched(self.input.sources(paths, &listing));
        let options = RunOptions::default().skips(!is_strict).stop(stop.clone());
        let summary = cache::run(&engine, cache, sources, &mut taking, &options)?;
        let (mut hashed, tally) = taking.end();
        if summary.ended == Ended::Complete {
            let hint = self.input.hint();
            let argument = |name: &OsStr| console::printable(&name.to_string_lossy());
            let fruitless = tally.fruitless(&named).into_iter().map(argument);
            hashed.failures.extend(fruitless.map(|name| format!("{name}: no picture was found{hint}")));
        }
        if !self.verbosity.quiet {
            hashed.failures.iter().for_each(|failure| console::say(format_args!("shadegrid: {failure}")));
            console::say(progress::summary_line(&summary, &tally));
            let is_verbose = self.verbosity.verbose;
            progress::backend_line(&summary, engine.devices(), is_verbose).into_iter().for_each(console::say);
            progress::helper_line(is_verbose).into_iter().for_each(console::say);
        }
        Ok((hashed, summary.ended))
    }

    /// The signatures that are looked up. Orientations come from them, as they do for stored signatures, so that both give the same groups.
    fn hash_options(&self, rules: &[SearchOptions]) -> HashOptions {
        let asked = |of: &Algorithm| {
            let threshold =
                |rule: &SearchOptions| if *of == Algorithm::PhotoDna { rule.photodna } else { rule.pdq };
            rules.iter().any(|rule| threshold(rule).is_some())
        };
        let algorithms = [Algorithm::PhotoDna, Algorithm::Pdq].into_iter().filter(asked);
        HashOptions::default()
            .algorithms(algorithms.collect::<Vec<_>>())
            .decode(self.frames.of(self.decode.options()))
            .faces(self.decode.faces())
            .alpha(self.decode.alpha())
    }

    /// The groups, in order. What is among references alone is left out: nothing is asked about it.
    fn groups(
        &self,
        collection: &Collection,
        rules: &[SearchOptions],
        lists: &Lists,
    ) -> Result<Vec<Group>, Error> {
        let numbers = collection.groups(rules, lookups::threads(self.threads));
        let mut grouping = Grouping::new(collection, rules, self.keep);
        let is_asked = |group: &&Vec<usize>| group.iter().any(|number| !collection.is_reference(*number));
        let asked: Vec<Vec<usize>> = numbers.iter().filter(is_asked).cloned().collect();
        let mut items: Vec<_> = asked
            .iter()
            .map(|group| group.iter().map(|number| collection.item(*number)).collect::<Vec<_>>())
            .collect();
        known::complete(lists.all(), items.iter_mut().flatten().collect());
        let groups = asked.iter().zip(items).enumerate();
        groups.map(|(place, (numbers, items))| grouping.group(place + 1, numbers, items)).collect()
    }

    /// Writes the groups and the page.
    fn write(
        &self,
        outputs: Outputs,
        groups: &[Group],
        plan: &[Vec<Step>],
        stop: &Stop,
    ) -> Result<(), Error> {
        let (output, to) = outputs.groups.begin()?;
        let width = is_seen(self.output.as_deref()).then(bar::columns);
        let mut lines = Lines::new(outputs.format, BufWriter::new(to), width)?;
        groups.iter().zip(plan).try_for_each(|(group, steps)| lines.write(group, steps))?;
        lines.finish()?;
        output.complete()?;
        let Some((target, path)) = outputs.page else { return Ok(()) };
        let items = groups.iter().flat_map(|group| &group.members).map(|member| &member.item);
        let thumbnails =
            Thumbnails::of(items, self.hash_options(&[]), Resources::new(self.threads, self.memory), stop)?;
        let mut album = Album::new(&path, thumbnails);
        groups.iter().zip(plan).for_each(|(group, steps)| album.add(group, steps));
        target.write(&album.page(&self.paths))
    }

    /// Does what is asked for, group by group, until a stop is requested.
    fn act(&self, groups: &[Group], plan: &[Vec<Step>], stop: &Stop) -> Done {
        let mut done = Done::default();
        if self.act != Act::Print {
            let groups = groups.iter().zip(plan).take_while(|_| !stop.requested());
            groups.for_each(|(group, steps)| done.group(group, steps, &self.act));
        }
        done
    }

    /// What would be done, or was.
    fn outcome(&self, groups: &[Group], plan: &[Vec<Step>], done: &Done) -> String {
        let named = |freed: &Freed| {
            let files = console::counted(freed.files, "file", "files");
            let groups = console::counted(freed.groups, "group", "groups");
            format!("{files} of {groups}, {}", size(freed.bytes))
        };
        let failed = if done.failed > 0 { format!(", {} failed", done.failed) } else { String::new() };
        match &self.act {
            Act::Print => {
                let mut freed = Freed::default();
                for (group, steps) in groups.iter().zip(plan) {
                    freed.add(steps.iter().filter_map(|step| group.members[step.member].item.file));
                }
                match freed.files {
                    0 => "no file could go".to_string(),
                    _ => format!("{} could go; nothing was changed (see --do)", named(&freed)),
                }
            }
            Act::Move(folder) => format!("moved {} to {}{failed}", named(&done.freed), folder.display()),
            Act::Link => format!("linked {}{failed}", named(&done.freed)),
            Act::Delete => format!("deleted {}{failed}", named(&done.freed)),
        }
    }
}

/// Whether what is joined looks the same: not merely the nearest there is, and nothing of which the signatures are noise.
fn is_safe(options: &SearchOptions) -> bool {
    let usual = SearchOptions::default();
    options.nearest.is_none() && !options.include_flat && options.quality_min >= usual.quality_min
}

/// How many were grouped.
fn counts(collection: &Collection, groups: &[Group], left: Left, again: u64) -> String {
    let Left { failed, without } = left;
    let members: usize = groups.iter().map(|group| group.members.len()).sum();
    let (pictures, listed) = (collection.pictures() as u64, collection.listed() as u64);
    let pictures = (pictures > 0).then(|| console::counted(pictures, "picture", "pictures"));
    let listed = (listed > 0 || pictures.is_none()).then(|| console::counted(listed, "record", "records"));
    let all: Vec<String> = pictures.into_iter().chain(listed).collect();
    let groups = console::counted(groups.len() as u64, "group", "groups");
    let members = console::counted(members as u64, "member", "members");
    let again = if again > 0 { format!(", {again} named twice") } else { String::new() };
    let without = if without > 0 { format!(", {without} without a signature") } else { String::new() };
    format!("{}, {groups} with {members}{without}, {failed} failed{again}", all.join(" and "))
}
