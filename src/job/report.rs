//! The report of a finished job, for machines and for people: `report.json` and `report.html`.
//!
//! Both are made from the ledger alone, so every worker that sees the end of a job makes the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use serde::Serialize;

use super::ledger::Ledger;
use super::location::{Location, Publish};
use super::settings::Settings;
use crate::error::{Error, Result};

/// Points of the rate over time.
const POINTS: u64 = 120;

/// What a job came to.
#[derive(Debug, Default, Serialize)]
struct Report {
    engine: String,
    shards: u64,
    records: u64,
    failed: BTreeMap<String, u64>,
    formats: BTreeMap<String, u64>,
    bytes: u64,
    pixels: u64,
    /// First picture begun and last shard finished, in milliseconds since 1970.
    began: u64,
    ended: u64,
    workers: BTreeMap<String, Worker>,
    /// Records a second, over equal parts of the time between.
    rate: Vec<f64>,
}

#[derive(Debug, Default, Serialize)]
struct Worker {
    shards: u64,
    records: u64,
    /// From a shard's first picture to its last, summed.
    seconds: f64,
}

/// Writes both reports, from a ledger that is complete.
pub(super) fn write(
    location: &dyn Location,
    settings: &Settings,
    ledger: &Ledger,
    owner: &str,
) -> Result<()> {
    let report = Report::of(settings, ledger);
    let json = serde_json::to_string_pretty(&report)
        .map_err(|error| Error::io("cannot write JSON", error.into()))?;
    for (name, content) in [("report.json", json + "\n"), ("report.html", report.html())] {
        let mut draft = location.draft(owner)?;
        draft.write_all(content.as_bytes()).map_err(|error| Error::io("cannot write the report", error))?;
        location.publish(draft, name, Publish::Replace)?;
    }
    Ok(())
}

fn count(into: &mut BTreeMap<String, u64>, from: &BTreeMap<String, u64>) {
    for (name, number) in from {
        *into.entry(name.clone()).or_default() += number;
    }
}

impl Report {
    fn of(settings: &Settings, ledger: &Ledger) -> Report {
        let mut report =
            Report { engine: settings.engine().to_string(), began: u64::MAX, ..Report::default() };
        for entry in ledger.all_done().values() {
            report.shards += 1;
            report.records += entry.records;
            report.bytes += entry.bytes;
            report.pixels += entry.pixels;
            count(&mut report.failed, &entry.failed);
            count(&mut report.formats, &entry.formats);
            report.began = report.began.min(entry.began());
            report.ended = report.ended.max(entry.at);
            let worker = report.workers.entry(entry.worker.clone()).or_default();
            worker.shards += 1;
            worker.records += entry.records;
            worker.seconds += entry.seconds;
        }
        report.began = report.began.min(report.ended);
        report.rate = report.rates(ledger);
        report
    }

    /// A shard's records count as evenly spread over its time.
    fn rates(&self, ledger: &Ledger) -> Vec<f64> {
        let step = ((self.ended - self.began) as f64 / POINTS as f64).max(1.0);
        let mut records = vec![0.0; POINTS as usize];
        for entry in ledger.all_done().values() {
            let at =
                |time: u64| (time.saturating_sub(self.began) as f64 / step).min(POINTS as f64 - 1.0) as usize;
            let (first, last) = (at(entry.began()), at(entry.at));
            let share = entry.records as f64 / (last - first + 1) as f64;
            records[first..=last].iter_mut().for_each(|records| *records += share);
        }
        records.into_iter().map(|records| (records / step * 1e5).round() / 100.0).collect()
    }

    fn html(&self) -> String {
        let seconds = (self.ended - self.began) as f64 / 1e3;
        let failed: u64 = self.failed.values().sum();
        let mut page = String::from(HEAD);
        let totals = [
            ("records", self.records.to_string()),
            ("hashed", (self.records - failed).to_string()),
            ("failed", failed.to_string()),
            ("shards", self.shards.to_string()),
            ("megabytes", format!("{:.1}", self.bytes as f64 / 1e6)),
            ("megapixels", format!("{:.1}", self.pixels as f64 / 1e6)),
            ("seconds", format!("{seconds:.1}")),
            ("records a second", format!("{:.1}", self.records as f64 / seconds.max(1e-3))),
        ];
        table(&mut page, "Totals", totals.iter().map(|(name, value)| (*name, value.clone())));
        self.chart(&mut page);
        table(
            &mut page,
            "Failed, by code",
            self.failed.iter().map(|(code, n)| (code.as_str(), n.to_string())),
        );
        table(&mut page, "Formats", self.formats.iter().map(|(name, n)| (name.as_str(), n.to_string())));
        let told = |worker: &Worker| {
            format!("{} records in {} shards, {:.1} s", worker.records, worker.shards, worker.seconds)
        };
        table(&mut page, "Workers", self.workers.iter().map(|(name, worker)| (name.as_str(), told(worker))));
        let _ = writeln!(page, "<p>{}</p></html>", self.engine);
        page
    }

    fn chart(&self, page: &mut String) {
        let most = self.rate.iter().copied().fold(1e-9, f64::max);
        let point = |(at, rate): (usize, &f64)| format!("{},{:.1}", at * 6, 150.0 - rate / most * 140.0);
        let points: Vec<String> = self.rate.iter().enumerate().map(point).collect();
        let _ = write!(
            page,
            "<h2>Records a second, at most {most:.0}</h2><svg viewBox=\"0 0 720 160\"><polyline points=\"{}\"/></svg>",
            points.join(" ")
        );
    }
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Backfill</title><style>\
body,html{font:16px system-ui;max-width:50em;margin:2em auto;padding:0 1em}td{padding:.1em 1em .1em 0}\
td+td{text-align:right}polyline{fill:none;stroke:#27c;stroke-width:2}svg{border:1px solid #ccc}</style>\
<h1>Backfill</h1>";

fn table<'a>(page: &mut String, title: &str, rows: impl Iterator<Item = (&'a str, String)>) {
    let _ = write!(page, "<h2>{title}</h2><table>");
    for (name, value) in rows {
        let _ = write!(page, "<tr><td>{}</td><td>{}</td></tr>", escaped(name), escaped(&value));
    }
    page.push_str("</table>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
