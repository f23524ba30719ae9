//! The measuring: each contender hashes the same pictures in turn.

use shadegrid::pipeline::{JsonLines, Source, Summary};
use shadegrid::{BackendChoice, DeviceReport, Devices, Engine, Error, Hasher, RunOptions, devices};

use super::progress::Progress;
use super::reading::Pictures;
use super::report::{self, Contender, Steps};
use super::{Arguments, decoding};
use crate::cli::resources::Resources;

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
    for threads in arguments.threads() {
        let resources = Resources::new(threads, arguments.memory);
        let cpu = Contender { name: "cpu".to_string(), ..Contender::default() };
        contenders.push(measure(arguments, pictures, cpu, (resources, Devices::default()), progress)?);
    }
    let most = arguments.threads().last().copied();
    for (report, device) in devices {
        for threads in arguments.threads() {
            let resources = Resources::new(threads, arguments.memory);
            let (name, is_software) = (device.names().join(" and "), report.kind == "software");
            let contender = Contender { name, is_device: true, is_software, ..Contender::default() };
            let run = (resources, device.clone());
            let mut contender = measure(arguments, pictures, contender, run, progress)?;
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
        let opened = Devices::choose(BackendChoice::Gpu, std::slice::from_ref(&name))?;
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
    pictures: &Pictures,
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
        let (records, summary) = once(pictures, &engine)?;
        if number == 0 {
            contender.records = records;
        } else {
            contender.steady &= records == contender.records;
            contender.runs.push(summary);
        }
    }
    Ok(contender)
}

/// The records without what says where they were computed, and the summary.
fn once(pictures: &Pictures, engine: &Engine) -> Result<(Vec<String>, Summary), Error> {
    let sources = pictures.named.iter().map(|(name, bytes)| Source::bytes(name, bytes.clone()));
    let mut lines = JsonLines::new(Vec::new());
    let summary = engine.run_into(sources, &mut lines, &RunOptions::default())?;
    let lines = String::from_utf8_lossy(&lines.into_inner()).into_owned();
    Ok((lines.lines().map(report::comparable).collect(), summary))
}
