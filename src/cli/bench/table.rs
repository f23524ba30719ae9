//! The report for a terminal.

use std::fmt::Write as _;

use super::report::{Contender, Report, batch, memory, share};

/// The whole report.
pub(super) fn table(report: &Report) -> String {
    let mut text = format!("{}\n{}\n\n", report.verdict(), report.subject());
    let _ = writeln!(
        text,
        "{:<36} {:>10} {:>17} {:>8} {:>8}  records",
        "", "pictures/s", "range", "MP/s", "MB/s"
    );
    report.contenders.iter().for_each(|contender| rates(&mut text, report, contender));
    text.push_str("\nMilliseconds a picture, one thread of the CPU:\n");
    for (step, time) in report.cpu_steps() {
        let _ = writeln!(text, "  {step:<40} {time:>9.3}");
    }
    report.contenders.iter().for_each(|contender| device(&mut text, contender));
    for section in report.contenders.iter().flat_map(Contender::decoding) {
        let _ = writeln!(text, "\n{}, {}:", section.title, section.unit);
        for (name, value, about) in &section.lines {
            let _ = writeln!(text, "{}", format!("  {name:<40} {value:>9.3}  {about}").trim_end());
        }
    }
    text
}

fn rates(text: &mut String, report: &Report, contender: &Contender) {
    let pictures = contender.pictures_a_second();
    let equal = match report.differing(contender) {
        0 => "equal".to_string(),
        differing => format!("{differing} DIFFER"),
    };
    let _ = writeln!(
        text,
        "{:<36} {:>10.1} {:>17} {:>8.1} {:>8.1}  {equal}",
        contender.name,
        pictures.median,
        format!("{:.1}–{:.1}", pictures.least, pictures.most),
        contender.megapixels_a_second().median,
        contender.megabytes_a_second().median,
    );
}

fn device(text: &mut String, contender: &Contender) {
    if let Some(steps) = contender.device_steps() {
        let (by_devices, hashed) = contender.by_devices();
        let _ = writeln!(
            text,
            "\n{}: {by_devices} of {hashed} pictures, milliseconds a picture:",
            contender.name
        );
        for step in steps {
            let _ = writeln!(text, "  {:<40} {:>9.3}  {}", step.name, step.milliseconds, step.clock.name());
        }
    }
    let Some(speed) = &contender.speed else { return };
    let _ = writeln!(text, "\n{} alone, gigabytes per second:", contender.name);
    for (what, rate) in memory(speed) {
        let _ = writeln!(text, "  {what:<40} {rate:>9.2}");
    }
    for reduce in speed.reduce.iter().filter(|reduce| reduce.pixels_per_second > 0.0) {
        let _ = writeln!(
            text,
            "  {:<40} {:>9.2}  {:.2} gigapixels/s, {:.1} % of its memory",
            batch(reduce),
            reduce.bytes_per_second / 1e9,
            reduce.pixels_per_second / 1e9,
            100.0 * share(speed, reduce)
        );
    }
}
