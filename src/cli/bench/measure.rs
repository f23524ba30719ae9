//! The measuring: each contender hashes the same pictures in turn.

use std::time::Duration;

use shadegrid::pipeline::{JsonLines, Source, Summary};
use shadegrid::{BackendChoice, DeviceReport, Devices, Engine, Error, Hasher, RunOptions, devices};

use super::progress::Progress;
use super::reading::Pictures;
use super::report::{self, Contender, Steps};
use super::{Arguments, decoding};
use crate::cli::resources::Resources;

/// How long a run of made-up JPEGs takes the CPU, and how many records one has at most, about.
const LONG: Duration = Duration::from_secs(2);
const MOST: usize = 500_000;

/// What each step costs one thread of the CPU, and what each contender reaches.
///
/// The CPU comes first with each number of threads, then each device. What a device does alone is measured next to its runs with the most threads; a further
/// measurement of a device belongs there too, and what is to be shown of it into [`sections`](super::sections).
pub(super) fn all(
    arguments: &Arguments,
    pictures: &Pictures,
    progress: &Progress,
) -> Result<(Steps, Vec<Contender>), Error> {
    progress.say("one thread of the CPU, step by step".to_string());
    let steps = steps(arguments, pictures)?;
    let (devices, mut contenders) = (devices_of(arguments)?, Vec::new());
    let times = times(arguments, pictures, progress)?;
    for threads in arguments.threads() {
        let resources = Resources::new(threads, arguments.memory);
        let cpu = Contender { name: "cpu".to_string(), ..Contender::default() };
        contenders.push(measure(
            arguments,
            (pictures, times),
            cpu,
            (resources, Devices::default()),
            progress,
        )?);
    }
    let most = arguments.threads().last().copied();
    for (report, device) in devices {
        for threads in arguments.threads() {
            let resources = Resources::new(threads, arguments.memory);
            let (name, is_software) = (device.names().join(" and "), report.kind == "software");
            let contender = Contender { name, is_device: true, is_software, ..Contender::default() };
            let run = (resources, device.clone());
            let mut contender = measure(arguments, (pictures, times), contender, run, progress)?;
            if Some(threads) == most {
                progress.say(format!("{}, alone", contender.name));
                contender.speed = device.speeds()?.pop();
                contender.decoding = decoding::measure(&device, &pictures.named)?;
            }
            contenders.push(contender);
        }
    }
    Ok((steps, contenders))
}

/// The devices to compare, as `--device` names them, opened and tried.
fn devices_of(arguments: &Arguments) -> Result<Vec<(DeviceReport, Devices)>, Error> {
    let known = devices();
    let trusted = known.iter().filter(|device| device.refused.is_none());
    let wanted: Vec<String> = match &arguments.device[..] {
        [] => trusted.map(|device| device.number.to_string()).collect(),
        named => named.to_vec(),
    };
    let open = |name: String| {
        let opened = Devices::choose(BackendChoice::Gpu, std::slice::from_ref(&name))?.timed();
        let by_name = |device: &&DeviceReport| opened.names().contains(&device.name.as_str());
        let report = name
            .parse()
            .ok()
            .and_then(|number: usize| known.get(number))
            .or_else(|| known.iter().find(by_name));
        let report = report.cloned().ok_or_else(|| Error::Device(format!("the device {name} is gone")))?;
        Ok((report, opened))
    };
    wanted.into_iter().map(open).collect()
}

/// What each step costs one thread of the CPU, over all pictures.
fn steps(arguments: &Arguments, pictures: &Pictures) -> Result<Steps, Error> {
    let mut hasher = Hasher::new(arguments.hash_options());
    let mut steps = Steps { read: pictures.took, ..Steps::default() };
    for (_, bytes) in &pictures.named {
        let Ok((_, [decode, sums, finish])) = hasher.hash_timed(bytes) else { continue };
        steps.decode += decode;
        steps.sums += sums;
        steps.finish += finish;
        steps.pictures += 1;
    }
    if steps.pictures == 0 {
        return Err(Error::Input("none of the files is a picture that can be hashed".to_string()));
    }
    Ok(steps)
}

/// One run that does not count, then those that do.
fn measure(
    arguments: &Arguments,
    (pictures, times): (&Pictures, usize),
    contender: Contender,
    (resources, devices): (Resources, Devices),
    progress: &Progress,
) -> Result<Contender, Error> {
    let engine = resources.engine(devices, arguments.hash_options())?;
    let runs = arguments.runs.get();
    let threads = resources.threads.get();
    let mut contender = Contender { threads, steady: true, ..contender };
    for number in 0..=runs {
        let run =
            if number == 0 { "a run to warm up".to_string() } else { format!("run {number} of {runs}") };
        progress.say(format!("{}, {threads} threads: {run}", contender.name));
        let (records, summary) = once(pictures, times, &engine)?;
        if number == 0 {
            contender.records = records;
        } else {
            contender.steady &= records == contender.records;
            contender.runs.push(summary);
        }
    }
    Ok(contender)
}

/// How often made-up JPEGs are hashed in a run: so often that the CPU alone takes [`LONG`] with the most threads. A card does in a moment what fits into memory.
fn times(arguments: &Arguments, pictures: &Pictures, progress: &Progress) -> Result<usize, Error> {
    let mut times = 1;
    if arguments.synthetic.is_empty() {
        return Ok(times);
    }
    progress.say("how long the CPU takes".to_string());
    let most = arguments.threads().last().copied().flatten();
    let engine =
        Resources::new(most, arguments.memory).engine(Devices::default(), arguments.hash_options())?;
    loop {
        let (_, summary) = once(pictures, times, &engine)?;
        let took = summary.elapsed;
        if took >= LONG || times * pictures.named.len() >= MOST {
            return Ok(times);
        }
        // A tenth more, since the next turn may be faster; a short one says little.
        let wanted = 1.1 * LONG.as_secs_f64() / took.as_secs_f64().max(1e-3);
        times = (times as f64 * wanted.min(20.0)).ceil() as usize;
    }
}

/// The records without what says where they were computed, and the summary, of all pictures so many times.
fn once(pictures: &Pictures, times: usize, engine: &Engine) -> Result<(Vec<String>, Summary), Error> {
    let named = (0..times).flat_map(|_| &pictures.named);
    let sources = named.map(|(name, bytes)| Source::shared(name, bytes.clone()));
    let mut lines = JsonLines::new(Vec::new());
    let summary = engine.run_into(sources, &mut lines, &RunOptions::default())?;
    let lines = String::from_utf8_lossy(&lines.into_inner()).into_owned();
    Ok((lines.lines().map(report::comparable).collect(), summary))
}
