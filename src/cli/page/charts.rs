//! The few charts that reports are made of: bars from 0, and values over time. Shapes are inline SVG that stretches with the page, words are
//! HTML next to it, so that they are as large on a phone as on a desk.

use std::fmt::Write as _;

use super::escaped;

/// One bar of [`bars`].
pub(crate) struct Bar {
    /// What it stands for.
    pub(crate) label: String,
    /// Its length.
    pub(crate) value: f64,
    /// Least and largest, drawn as a thin line.
    pub(crate) range: Option<(f64, f64)>,
    /// What belongs to it, in small letters below; may be empty.
    pub(crate) about: String,
    /// Where on the page more is said.
    pub(crate) link: Option<String>,
}

impl Bar {
    /// A bar without a range.
    pub(crate) fn new(label: impl Into<String>, value: f64) -> Bar {
        Bar { label: label.into(), value, range: None, about: String::new(), link: None }
    }

    fn reach(&self) -> f64 {
        self.range.map_or(self.value, |(_, most)| most.max(self.value))
    }
}

/// Round numbers from 0 to the first that is not below `largest`: at least two, at most seven, and `whole` ones where asked for.
fn ticks(largest: f64, whole: bool) -> Vec<f64> {
    if !(largest > 0.0 && largest.is_finite()) {
        return vec![0.0, 1.0];
    }
    let unit = 10_f64.powf((largest / 5.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * unit);
    let step = steps.into_iter().find(|step| largest / step <= 5.0).unwrap_or(10.0 * unit);
    let step = if whole { step.max(1.0) } else { step };
    let count = (largest / step - 1e-9).ceil().max(1.0) as usize;
    (0..=count).map(|number| number as f64 * step).collect()
}

/// A tick in as few digits as it has.
fn plain(tick: f64) -> String {
    let (size, unit) = match tick {
        1e9.. => (1e9, " G"),
        1e6.. => (1e6, " M"),
        1e4.. => (1e3, " k"),
        _ => (1.0, ""),
    };
    let text = format!("{:.4}", tick / size);
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Horizontal bars from 0 with a scale in `unit`, each with its value as `shown`.
pub(crate) fn bars(bars: &[Bar], unit: &str, shown: impl Fn(f64) -> String) -> String {
    // Of things that are counted there are no halves.
    let whole = bars.iter().all(|bar| bar.value.fract() == 0.0 && bar.range.is_none());
    let ticks = ticks(bars.iter().map(Bar::reach).fold(0.0, f64::max), whole);
    let end = ticks.last().copied().unwrap_or(1.0);
    let percent = |value: f64| value / end * 100.0;
    let mut lines = String::new();
    for tick in &ticks {
        let at = percent(*tick);
        let _ = write!(lines, "<line class=\"grid\" x1=\"{at:.2}%\" x2=\"{at:.2}%\" y2=\"100%\"/>");
    }
    let mut chart = "<div class=\"bars\">".to_string();
    for bar in bars {
        let (label, value) = (escaped(&bar.label), escaped(&shown(bar.value)));
        let label = match &bar.link {
            Some(link) => format!("<a href=\"#{}\">{label}</a>", escaped(link)),
            None => label,
        };
        let about = match bar.about.as_str() {
            "" => String::new(),
            about => format!("<small>{}</small>", escaped(about)),
        };
        let width = if bar.value > 0.0 { percent(bar.value).max(0.3) } else { 0.0 };
        let _ = write!(
            chart,
            "<span class=\"label\">{label}{about}</span><span class=\"track\"><svg aria-hidden=\"true\">{lines}<rect class=\"bar\" y=\"50%\" width=\"{width:.2}%\" \
             height=\"{THICK}\" transform=\"translate(0 -{})\"/>",
            THICK / 2,
        );
        if let Some((least, most)) = bar.range {
            let (from, to) = (percent(least), percent(most));
            let _ = write!(
                chart,
                "<line class=\"range\" x1=\"{from:.2}%\" x2=\"{to:.2}%\" y1=\"50%\" y2=\"50%\"/>"
            );
        }
        let _ = write!(chart, "</svg></span><span class=\"value\">{value}</span>");
    }
    chart += "<span class=\"label\"></span><span class=\"scale\">";
    for tick in &ticks {
        let _ = write!(chart, "<i style=\"left:{:.2}%\">{}</i>", percent(*tick), plain(*tick));
    }
    format!("{chart}</span><span></span><span class=\"unit\">{}</span></div>", escaped(unit))
}

/// Height of a bar, in pixels.
const THICK: usize = 18;

/// Parts of the time that have a name below [`steps`].
const PARTS: usize = 4;

/// Values over time as steps from 0: `values[i]` holds from `i` to `i + 1` of as many equal parts of `seconds`.
pub(crate) fn steps(values: &[f64], seconds: f64, unit: &str) -> String {
    let ticks = ticks(values.iter().copied().fold(0.0, f64::max), false);
    let end = ticks.last().copied().unwrap_or(1.0);
    let percent = |value: f64| value / end * 100.0;
    let mut line = "M0 100".to_string();
    for (index, value) in values.iter().enumerate() {
        let at = |index: usize| 100.0 * index as f64 / values.len() as f64;
        let y = 100.0 - percent(*value);
        let _ = write!(line, "L{:.2} {y:.2}L{:.2} {y:.2}", at(index), at(index + 1));
    }
    let mut chart = "<div class=\"time\"><span class=\"levels\">".to_string();
    let mut lines = String::new();
    for tick in &ticks {
        let (up, down) = (percent(*tick), 100.0 - percent(*tick));
        let _ = write!(chart, "<i style=\"bottom:{up:.2}%\">{}</i>", plain(*tick));
        let _ = write!(lines, "<line class=\"grid\" x1=\"0\" x2=\"100\" y1=\"{down:.2}\" y2=\"{down:.2}\"/>");
    }
    let _ = write!(
        chart,
        "</span><svg viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" aria-hidden=\"true\">{lines}<path class=\"area\" d=\"{line}L100 100Z\"/></svg>\
         <span></span><span class=\"scale\">"
    );
    for part in 0..=PARTS {
        let share = part as f64 / PARTS as f64;
        let _ =
            write!(chart, "<i style=\"left:{:.0}%\">{}</i>", share * 100.0, time(seconds * share, seconds));
    }
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let most = values.iter().copied().fold(0.0, f64::max);
    let (mean, most, unit) = (digits(mean), digits(most), escaped(unit));
    format!("{chart}</span></div><p class=\"note\">{unit}: {mean} on average, {most} at most.</p>")
}

/// A time in the unit that suits the whole span.
fn time(seconds: f64, span: f64) -> String {
    let (size, unit) = match span {
        ..120.0 => (1.0, "s"),
        ..7_200.0 => (60.0, "min"),
        ..172_800.0 => (3_600.0, "h"),
        _ => (86_400.0, "d"),
    };
    // As many digits as tell neighbours on the scale apart.
    let places = match span / size {
        _ if seconds == 0.0 => 0,
        ..0.4 => 3,
        ..2.0 => 2,
        ..20.0 => 1,
        _ => 0,
    };
    format!("{:.places$} {unit}", seconds / size)
}

/// A number with three or more digits that count.
pub(crate) fn digits(value: f64) -> String {
    match value {
        ..1.0 => format!("{value:.3}"),
        ..10.0 => format!("{value:.2}"),
        ..1e3 => format!("{value:.1}"),
        _ => indicatif::HumanCount(value.round() as u64).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_hold_the_largest() {
        for (largest, expected) in [
            (0.0, vec![0.0, 1.0]),
            (f64::NAN, vec![0.0, 1.0]),
            (1.0, vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
            (4.1, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
            (1_300.0, vec![0.0, 500.0, 1_000.0, 1_500.0]),
        ] {
            let found = ticks(largest, false);
            assert_eq!(found.len(), expected.len(), "{largest}: {found:?}");
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{largest}: {found:?}");
        }
        assert_eq!((ticks(2.0, true), ticks(0.0, true)), (vec![0.0, 1.0, 2.0], vec![0.0, 1.0]));
        for power in -30..30 {
            for mantissa in [1.0, 1.01, 2.0, 4.99, 9.99] {
                let largest = mantissa * 10_f64.powi(power);
                let ticks = ticks(largest, false);
                assert!(
                    (2..=7).contains(&ticks.len()) && *ticks.last().unwrap() >= largest * (1.0 - 1e-9),
                    "{largest}"
                );
            }
        }
        assert_eq!(
            [0.0, 0.25, 500.0, 25_000.0, 1.5e6, 2e9].map(plain),
            ["0", "0.25", "500", "25 k", "1.5 M", "2 G"]
        );
    }

    #[test]
    fn charts_hold_their_values_also_where_all_are_zero() {
        let seconds = |value: f64| format!("{value:.1} s");
        let (one, two) = (Bar::new("one", 1.0), Bar { range: Some((1.0, 4.0)), ..Bar::new("two", 2.0) });
        let linked = Bar { link: Some("there".into()), ..Bar::new("<a>", 0.0) };
        let chart = bars(&[one, two, linked], "s", seconds);
        for part in [
            "width=\"25.00%\"",
            "width=\"50.00%\"",
            "x2=\"100.00%\"",
            ">2.0 s<",
            ">4</i>",
            "<a href=\"#there\">&lt;a&gt;</a>",
        ] {
            assert!(chart.contains(part), "{part}: {chart}");
        }
        let chart = steps(&[0.0, 3.0], 7_200.0, "a second");
        for part in [">3</i>", ">2.0 h</i>", "1.50 on average, 3.00 at most"] {
            assert!(chart.contains(part), "{part}: {chart}");
        }
        for seconds in [0.1, 0.2, 0.4, 1.0, 2.0, 5.0, 20.0, 90.0, 119.0, 3_000.0, 86_400.0] {
            let parts = (0..=PARTS).map(|part| time(seconds * part as f64 / PARTS as f64, seconds));
            let mut scale: Vec<String> = parts.collect();
            scale.dedup();
            assert_eq!(scale.len(), PARTS + 1, "{scale:?}");
        }
        for empty in [
            bars(&[Bar::new("none", 0.0)], "", seconds),
            bars(&[], "", seconds),
            steps(&[], 0.0, ""),
            steps(&[0.0], 0.0, ""),
        ] {
            assert!(!empty.contains("NaN") && !empty.contains("inf"), "{empty}");
        }
    }
}
