//! What was measured besides the rates, in sections that every format shows: a title, a unit, and numbers with their names.
//!
//! A further measurement is one more function here, called in [`sections`]; tables, pages and notes then have it, and JSON has it under `sections`.

use super::decoding::jpegs;
use super::report::{Contender, Report, batch, memory, share};
use super::section::{Line, Section};

/// All sections of a report, in the order in which they are shown.
pub(super) fn sections(report: &Report) -> Vec<Section> {
    let of_devices = report.contenders.iter().flat_map(|contender| {
        let label = report.label(contender);
        let alone = [way(&label, contender), memory_of(&label, contender), reduce(&label, contender)];
        let jpegs = contender.speed.iter().flat_map(|speed| jpegs(&label, &contender.decoding, speed));
        alone.into_iter().flatten().chain(jpegs.collect::<Vec<_>>())
    });
    [cpu(report)].into_iter().chain(of_devices).collect()
}

fn cpu(report: &Report) -> Section {
    let lines = report.cpu_steps().into_iter().map(|(step, time)| Line::new(step, time, "")).collect();
    Section {
        title: "Where the time goes: one thread of the CPU".to_string(),
        unit: "ms a picture",
        lines,
        note: "Finishing is everything after the sums.".to_string(),
    }
}

/// A device's way, step by step.
fn way(label: &str, contender: &Contender) -> Option<Section> {
    let (by_devices, hashed) = contender.by_devices();
    let lines =
        contender.device_steps()?.map(|step| Line::new(step.name, step.milliseconds, step.clock.name()));
    Some(Section {
        title: format!("Where the time goes: {label}"),
        unit: "ms a picture",
        lines: lines.into(),
        note: format!(
            "{by_devices} of {hashed} pictures. Finishing is the CPU's, as above, and decoding of what the device does not read."
        ),
    })
}

/// What a device's memory does alone.
fn memory_of(label: &str, contender: &Contender) -> Option<Section> {
    let speed = contender.speed.as_ref()?;
    Some(Section {
        title: format!("Alone: memory of {label}"),
        unit: "GB/s",
        lines: memory(speed).map(|(what, rate)| Line::new(what, rate, "")).into(),
        note: format!("Driver: {}.", speed.driver),
    })
}

/// What a device's largest stage does alone.
fn reduce(label: &str, contender: &Contender) -> Option<Section> {
    let speed = contender.speed.as_ref()?;
    let timed = speed.reduce.iter().filter(|reduce| reduce.pixels_per_second > 0.0);
    let line = |reduce: &shadegrid::ReduceSpeed| {
        let (pixels, share) = (reduce.pixels_per_second / 1e9, 100.0 * share(speed, reduce));
        let about = format!("{pixels:.2} gigapixels/s, {share:.1} % of its memory's copy");
        Line::new(&batch(reduce), reduce.bytes_per_second / 1e9, about)
    };
    let lines: Vec<Line> = timed.map(line).collect();
    let note = if lines.is_empty() {
        "The device has no clock for its stages."
    } else {
        "Pictures are on the device already."
    };
    Some(Section {
        title: format!("Alone: sums of {label}"),
        unit: "GB/s of samples",
        lines,
        note: note.to_string(),
    })
}
