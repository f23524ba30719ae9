//! `shadegrid report`: reports to NCMEC's CyberTipline.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shadegrid::Error;
use shadegrid::hook::{HookSender, HookThread};
use shadegrid::report::{
    Item, ItemState, Listener, Mode, Next, Outbox, OutboxEvent, Problem, Report, ReportOptions, Sender,
    SubmitError,
};

use super::exit::Exit;
use super::log::{self, Log};
use super::{console, hooks, process};

mod attach;

use attach::Attachment;

/// File reports with NCMEC's CyberTipline: none lost, none twice
///
/// Nothing is reported unless you ask for it here, and nothing is filed unless the configuration and the report both say `"production"`. Everything else is a
/// test. A report is kept, with its files encrypted, before anything is sent; whatever happens then, it is filed once. docs/reports.md describes the
/// configuration, a report's JSON, and its states.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  Name every rule that a report breaks, without sending anything:
      shadegrid report check report.json
  Keep a report with a file, and send it:
      shadegrid report submit report.json --config reports.toml --evidence f1=photo.jpg --key case-17 --wait
  See to what a person has to see to:
      shadegrid report list --config reports.toml --state failed

Exit codes:
    0  it was done
    1  wrong usage, or it could not be done
    2  the report breaks a rule, or a report, or an event for a hook, failed and wants a person
    3  a report is kept and not filed yet, or an event not delivered";

#[derive(Debug, Subcommand)]
enum Command {
    /// Name every rule that a report breaks
    Check(Check),
    /// Keep a report until it is filed
    Submit(Submit),
    /// Send what is kept, until everything is filed, and every event for a hook delivered
    Send(Send),
    /// Print every report without its content, one JSON line each, the newest first
    List(List),
    /// Print a report, with every call to NCMEC that was made for it
    Show(Show),
    /// Say how many reports are in each state, and what is paused
    Status(Status),
    /// Try a report again that failed, or waits
    Retry(Retry),
    /// Take a report back that is not filed yet
    Retract(Retract),
    /// Send again after NCMEC did not accept the credentials
    Resume(Resume),
    /// Erase what a report and its files hold
    Erase(Erase),
}

/// Where reports are kept.
#[derive(Debug, Args)]
struct Place {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Who changes something.
#[derive(Debug, Args)]
struct By {
    /// Who does it, for the audit log, which has the user of the system too [default: that user]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// A report, and the files that belong to it.
#[derive(Debug, Args)]
struct Given {
    /// The report as JSON; - is standard input
    #[arg(value_name = "REPORT")]
    report: PathBuf,

    /// A file of the report, as ID=FILE, or FILE for the next one in it that has none; may be given several times
    #[arg(long, value_name = "FILE")]
    evidence: Vec<Attachment>,
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    given: Given,

    /// The configuration, for the reporter that it names
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Submit {
    #[command(flatten)]
    given: Given,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    by: By,

    /// What tells this report from others: submitted again under the same key, it is the same one
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,

    /// Send it, and end once it is filed or failed, or after so many seconds
    ///
    /// Where a service or another command owns the folder, that one sends it.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "600")]
    wait: Option<u64>,

    /// What is said on standard error
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    log: Log,
}

#[derive(Debug, Args)]
struct Send {
    #[command(flatten)]
    place: Place,

    /// End where the next attempt is due later
    #[arg(long)]
    once: bool,

    /// Go on for ever, and send what is submitted meanwhile
    #[arg(long, conflicts_with = "once")]
    follow: bool,

    /// What is said on standard error
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    log: Log,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,

    /// Those in this state alone
    #[arg(long, value_name = "STATE")]
    state: Option<ItemState>,
}

#[derive(Debug, Args)]
struct One {
    #[command(flatten)]
    place: Place,

    /// The report's id
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    one: One,

    /// With what was asked for, which names people
    #[arg(long)]
    content: bool,
}

#[derive(Debug, Args)]
struct Status {
    #[command(flatten)]
    place: Place,

    /// Ask NCMEC's host too whether it answers, and takes the credentials
    #[arg(long)]
    ask: bool,
}

#[derive(Debug, Args)]
struct Retry {
    #[command(flatten)]
    one: One,

    #[command(flatten)]
    by: By,

    /// Begin anew although it was being filed: NCMEC says that it was retracted, refused or never there
    #[arg(long)]
    anew: bool,
}

#[derive(Debug, Args)]
struct Retract {
    #[command(flatten)]
    one: One,

    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
struct Resume {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    by: By,

    /// Which credentials: test or production
    #[arg(value_name = "MODE", value_parser = mode)]
    mode: Mode,
}

#[derive(Debug, Args)]
struct Erase {
    #[command(flatten)]
    one: One,

    #[command(flatten)]
    by: By,

    /// Although it is to be preserved still
    #[arg(long)]
    early: bool,
}

fn mode(text: &str) -> Result<Mode, String> {
    let mode = [Mode::Test, Mode::Production].into_iter().find(|mode| mode.word() == text);
    mode.ok_or_else(|| "expected test or production".to_string())
}

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    process::keep_memory_private()?;
    match arguments.command {
        Command::Check(arguments) => check(&arguments),
        Command::Submit(arguments) => submit(&arguments),
        Command::Send(arguments) => send(&arguments),
        Command::List(List { place, state }) => {
            let items = place.open()?.items(state)?;
            console::print(&items.iter().map(|item| line(&item)).collect::<String>())?;
            Ok(Exit::Done)
        }
        Command::Show(arguments) => show(&arguments),
        Command::Status(arguments) => status(&arguments),
        Command::Retry(Retry { one, by, anew }) => {
            by.named(one.place.open()?).retry(&one.id, anew)?;
            one.print()
        }
        Command::Retract(Retract { one, by }) => {
            by.named(one.place.open()?).retract(&one.id)?;
            one.print()
        }
        Command::Resume(Resume { place, by, mode }) => {
            by.named(place.open()?).resume(mode)?;
            Ok(Exit::Done)
        }
        Command::Erase(Erase { one, by, early }) => {
            by.named(one.place.open()?).erase(&one.id, early)?;
            one.print()
        }
    }
}

fn line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).map_or_else(|_| String::new(), |line| line + "\n")
}

impl Place {
    fn options(&self) -> Result<ReportOptions, Error> {
        ReportOptions::read(&self.config)
    }

    fn open(&self) -> Result<Outbox, Error> {
        Outbox::open(self.options()?)
    }
}

impl By {
    /// The outbox, whose changes stand in the audit log under this name.
    fn named(&self, outbox: Outbox) -> Outbox {
        let user = process::user();
        match self.by.clone() {
            Some(name) => outbox.by(name, Some(user)),
            None => outbox.by(user, None),
        }
    }
}

impl One {
    fn missing(&self) -> Error {
        Error::Input(format!("there is no report with the id {:?}", self.id))
    }

    fn print(&self) -> Result<Exit, Error> {
        let item = self.place.open()?.item(&self.id)?;
        console::print(&line(&item.ok_or_else(|| self.missing())?))?;
        Ok(Exit::Done)
    }
}

impl Given {
    fn text(&self) -> Result<String, Error> {
        if self.report == Path::new("-") {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            return read.map(|_| text).map_err(|error| Error::io("cannot read standard input", error));
        }
        let cannot = |error| Error::io(format!("cannot read {}", self.report.display()), error);
        fs::read_to_string(&self.report).map_err(cannot)
    }

    /// The report, checked as if its files were kept already: nothing is kept of what breaks a rule.
    fn parse(&self, options: Option<&ReportOptions>) -> Result<Result<Report, Vec<Problem>>, Error> {
        let text = attach::with_places(&self.text()?, &self.evidence)?;
        Ok(shadegrid::report::check(&text, options))
    }
}

/// Prints broken rules.
fn broken(problems: &[Problem]) -> Result<Exit, Error> {
    console::print(&line(&json!({ "valid": false, "problems": problems })))?;
    problems.iter().for_each(|problem| console::say(console::printable(&problem.to_string())));
    Ok(Exit::SomeFailed)
}

fn check(arguments: &Check) -> Result<Exit, Error> {
    let options = arguments.config.as_deref().map(ReportOptions::read).transpose()?;
    match arguments.given.parse(options.as_ref())? {
        Err(problems) => broken(&problems),
        Ok(_) => {
            console::print(&line(&json!({ "valid": true, "problems": [] })))?;
            Ok(Exit::Done)
        }
    }
}

fn submit(arguments: &Submit) -> Result<Exit, Error> {
    let options = arguments.place.options()?;
    let report = match arguments.given.parse(Some(&options))? {
        Err(problems) => return broken(&problems),
        Ok(report) => report,
    };
    let outbox = arguments.by.named(Outbox::open(options)?).listener(listener(arguments.log));
    let report = attach::kept(report, &arguments.given.evidence, &outbox)?;
    let submitted = match outbox.submit(arguments.key.as_deref(), report) {
        Ok(submitted) => submitted,
        Err(SubmitError::Problems(problems)) => return broken(&problems),
        Err(SubmitError::Conflict) => {
            return Err(Error::Input("another report was submitted under the same key".into()));
        }
        Err(SubmitError::Failed(error)) => return Err(error),
        Err(error) => return Err(Error::Input(error.to_string())),
    };
    let one = |outbox: &Outbox| outbox.item(&submitted.id);
    let Some(seconds) = arguments.wait else {
        console::print(&one(&outbox)?.map_or_else(String::new, |item| line(&item)))?;
        return Ok(Exit::Done);
    };
    wait(&outbox, &submitted.id, Duration::from_secs(seconds), arguments.log)?;
    let item = one(&outbox)?;
    console::print(&item.as_ref().map_or_else(String::new, line))?;
    Ok(item.map_or(Exit::Failed, |item| exit(&item)))
}

fn exit(item: &Item) -> Exit {
    match item.state {
        ItemState::Failed => Exit::SomeFailed,
        state if state.is_settled() => Exit::Done,
        _ => Exit::Unfinished,
    }
}

/// The sender, unless another process is.
fn sender(outbox: &Outbox, log: Log) -> Result<Option<Sender>, Error> {
    let owned = Outbox::own_if_free(outbox.options().clone())?;
    owned.map(|outbox| Sender::new(outbox.listener(listener(log)))).transpose()
}

/// How often another process's progress is looked at, and new reports are looked for.
const LOOK: Duration = Duration::from_millis(200);

fn wait(outbox: &Outbox, id: &str, patience: Duration, log: Log) -> Result<(), Error> {
    let until = Instant::now() + patience;
    let mut own = sender(outbox, log)?;
    let mut hooks = own.as_ref().map(|sender| deliver(sender.outbox(), log)).transpose()?.flatten();
    while Instant::now() < until {
        if outbox.item(id)?.is_none_or(|item| item.state.is_settled()) {
            break;
        }
        let next = match &mut own {
            Some(sender) => sender.step()?,
            None => {
                // The other process may have ended.
                own = sender(outbox, log)?;
                hooks = own.as_ref().map(|sender| deliver(sender.outbox(), log)).transpose()?.flatten();
                Next::Wait(LOOK)
            }
        };
        match next {
            Next::Now => {}
            // Its credentials are paused.
            Next::Idle if own.is_some() => break,
            Next::Wait(pause) => thread::sleep(pause.min(LOOK)),
            _ => thread::sleep(LOOK),
        }
    }
    if let Some(hooks) = hooks {
        hooks.drain();
    }
    Ok(())
}

/// The thread that delivers the events of an outbox that this process owns.
fn deliver(outbox: &Outbox, log: Log) -> Result<Option<HookThread>, Error> {
    outbox.hook_sender(hooks::listener(log))?.map(HookSender::start).transpose()
}

fn send(arguments: &Send) -> Result<Exit, Error> {
    let outbox = Outbox::own(arguments.place.options()?)?;
    let mut sender = Sender::new(outbox.listener(listener(arguments.log)))?;
    let hooks = deliver(sender.outbox(), arguments.log)?;
    let is_delivering = |sender: &Sender| match &hooks {
        Some(_) => sender.outbox().hook_counts().map(|counts| counts.waiting > 0),
        None => Ok(false),
    };
    loop {
        match sender.step()? {
            Next::Now => {}
            Next::Wait(pause) if !arguments.once => thread::sleep(pause.min(LOOK)),
            _ if arguments.follow => thread::sleep(LOOK),
            _ if !arguments.once && is_delivering(&sender)? => thread::sleep(LOOK),
            _ => break,
        }
    }
    let has_hooks = hooks.is_some();
    if let Some(hooks) = hooks {
        hooks.drain();
    }
    let (counts, events) = (sender.outbox().counts()?, sender.outbox().hook_counts()?);
    Ok(match () {
        () if counts.of(|state| !state.is_settled()) > 0 => Exit::Unfinished,
        () if has_hooks && events.waiting > 0 => Exit::Unfinished,
        () if counts.of(|state| state == ItemState::Failed) > 0 || events.failed > 0 => Exit::SomeFailed,
        () => Exit::Done,
    })
}

fn show(arguments: &Show) -> Result<Exit, Error> {
    let (outbox, id) = (arguments.one.place.open()?, &arguments.one.id);
    let mut shown = outbox.shown(id)?.ok_or_else(|| arguments.one.missing())?;
    if arguments.content {
        shown["request"] = outbox.request(id)?.unwrap_or_default();
    }
    console::print(&line(&shown))?;
    Ok(Exit::Done)
}

fn status(arguments: &Status) -> Result<Exit, Error> {
    let outbox = arguments.place.open()?;
    let counts = outbox.counts()?;
    let age = |oldest| SystemTime::now().duration_since(oldest).map_or(0, |age| age.as_secs());
    let oldest = counts.oldest.map_or(0, |oldest| age(oldest.into()));
    let counts: serde_json::Map<String, Value> =
        counts.states.into_iter().map(|(state, count)| (state.name().to_string(), count.into())).collect();
    let pauses = outbox.pauses()?;
    let pauses: Vec<Value> = pauses
        .iter()
        .map(|(mode, since, why)| json!({ "mode": mode.word(), "since": since, "why": why }))
        .collect();
    let allowed = outbox.options().mode;
    let mut shown =
        json!({ "mode": allowed.word(), "reports": counts, "oldest_seconds": oldest, "paused": pauses });
    let events = outbox.hook_counts()?;
    if outbox.options().hooks.is_some() {
        shown["hooks"] = json!({ "waiting": events.waiting, "failed": events.failed });
    }
    let mut is_right = pauses.is_empty();
    if arguments.ask {
        let answer = outbox.status(allowed);
        is_right &= answer.is_ok();
        shown["ncmec"] = answer.unwrap_or_else(|error| error.to_string()).into();
    }
    console::print(&line(&shown))?;
    Ok(if is_right { Exit::Done } else { Exit::SomeFailed })
}

fn listener(log: Log) -> Listener {
    Listener::new(move |event| match log {
        Log::Json => log::reported(event),
        Log::Text => say(event),
    })
}

/// Says what happened to a report, for people.
pub(super) fn say(event: &OutboxEvent) {
    match event {
        // Should this process end now, the id is what to ask about.
        OutboxEvent::Queued { id, mode } => console::say(format_args!("{id}: kept, {mode}")),
        OutboxEvent::Opened { id, report_id } => {
            console::say(format_args!("{id}: open at NCMEC as {report_id}"));
        }
        OutboxEvent::Finished { id, report_id } => console::say(format_args!("{id}: filed as {report_id}")),
        OutboxEvent::Postponed { id, why, seconds } => {
            console::say(console::printable(&format!("{id}: again in {seconds} s: {why}")));
        }
        OutboxEvent::Retracted { id } => console::say(format_args!("{id}: taken back")),
        OutboxEvent::Alarm { id, why, .. } if id.is_empty() => {
            console::say(console::printable(&format!("shadegrid: {why}")));
        }
        OutboxEvent::Alarm { id, why, .. } => {
            console::say(console::printable(&format!("shadegrid: {id}: {why}")));
        }
        _ => {}
    }
}
