//! What a device does with JPEGs that it decodes, stage by stage, and what is left for the CPU, by the sizes of files.

use std::sync::Arc;
use std::time::Duration;

use shadegrid::{DecodeSpeed, DeviceSpeed, Devices, Error};

use super::section::{Line, Section};

/// Files below so many bytes, and how they are called.
const CLASSES: [(usize, &str); 5] = [
    (50_000, "below 50 kB"),
    (150_000, "of 50 to 150 kB"),
    (500_000, "of 150 to 500 kB"),
    (2_000_000, "of 0.5 to 2 MB"),
    (usize::MAX, "of 2 MB and more"),
];

/// Files of one class by one device.
#[derive(Debug)]
pub(super) struct Decoding {
    class: &'static str,
    speed: DecodeSpeed,
}

/// Measures a device on files of each class, as many as one batch of it holds.
pub(super) fn measure(devices: &Devices, pictures: &[(String, Arc<[u8]>)]) -> Result<Vec<Decoding>, Error> {
    let mut measured = Vec::new();
    let mut least = 0;
    for (most, class) in CLASSES {
        let files: Vec<&[u8]> = pictures
            .iter()
            .map(|(_, file)| &file[..])
            .filter(|file| (least..most).contains(&file.len()))
            .collect();
        least = most;
        let speed = devices.decode_speeds(&files)?.pop();
        measured.extend(speed.map(|speed| Decoding { class, speed }));
    }
    Ok(measured)
}

/// Two sections for each class. `memory` is of the device alone.
pub(super) fn jpegs(label: &str, decodings: &[Decoding], memory: &DeviceSpeed) -> Vec<Section> {
    decodings.iter().flat_map(|decoding| [device(label, decoding, memory), cpu(label, decoding)]).collect()
}

fn device(label: &str, Decoding { class, speed }: &Decoding, memory: &DeviceSpeed) -> Section {
    let rate = |took: Duration| speed.bytes as f64 / took.as_secs_f64().max(1e-9) / 1e9;
    let blocks = |took: Duration| {
        format!("{:.1} million blocks/s", speed.blocks as f64 / took.as_secs_f64().max(1e-9) / 1e6)
    };
    let mut lines = Vec::new();
    for stage in &speed.stages {
        let mut about = blocks(stage.took);
        if stage.name == "planes" {
            let moved = speed.moved as f64 / stage.took.as_secs_f64().max(1e-9);
            about += &format!(", {:.1} % of its memory's copy", 100.0 * moved / memory.copy);
        }
        lines.push(Line::new(stage.name, rate(stage.took), about));
    }
    if !speed.entropy().is_zero() {
        let entropy = speed.entropy();
        lines.push(Line::new("entropy decoding, the first five", rate(entropy), blocks(entropy)));
    }
    let all = speed.on_the_device();
    lines.push(Line::new("all stages", rate(all), blocks(all)));
    let with_upload = all + Duration::from_secs_f64(speed.bytes as f64 / memory.upload.max(1.0));
    let pictures = f64::from(speed.pictures) / with_upload.as_secs_f64().max(1e-9);
    let about = format!("{pictures:.0} pictures/s by the device alone");
    lines.push(Line::new("with upload", rate(with_upload), about));
    Section {
        title: format!("Alone: JPEGs {class} decoded by {label}"),
        unit: "GB/s of files",
        lines,
        note: format!("A batch of {} pictures.", speed.pictures),
    }
}

fn cpu(label: &str, Decoding { class, speed }: &Decoding) -> Section {
    let each = |took: Duration| 1e6 * took.as_secs_f64() / f64::from(speed.pictures.max(1));
    let kilobytes = speed.bytes as f64 / f64::from(speed.pictures.max(1)) / 1e3;
    Section {
        title: format!("What one thread of the CPU does for JPEGs {class} that go to {label}"),
        unit: "µs a picture",
        lines: vec![
            Line::new("headers", each(speed.headers), ""),
            Line::new("tables, unstuffing and copying", each(speed.copying), ""),
        ],
        note: format!("Of {kilobytes:.0} kB each."),
    }
}
