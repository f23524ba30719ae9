//! Reports to NCMEC's CyberTipline: checked as a whole, kept until they are filed, and none filed twice.
//!
//! Nothing is reported unless somebody asks for it, and nothing is filed unless the configuration **and** the report say `production`; otherwise a report is a test.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use shadegrid::report::{Next, Outbox, ReportOptions, Sender};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let outbox = Outbox::own(ReportOptions::read(Path::new("reports.toml"))?)?;
//! let report = match outbox.parse(&std::fs::read_to_string("report.json")?) {
//!     Ok(report) => report,
//!     Err(problems) => return Err(format!("{} rules are broken, first {}", problems.len(), problems[0]).into()),
//! };
//! let submitted = outbox.submit(Some("case 17"), report)?;
//! let mut sender = Sender::new(outbox)?;
//! while let Next::Now = sender.step()? {}
//! println!("{} is {}", submitted.id, submitted.state.name());
//! # Ok(())
//! # }
//! ```
//!
//! # What can go wrong, and what happens
//!
//! | | |
//! | --- | --- |
//! | the process is killed, the machine loses power | what was being filed is asked for again, everything else begins anew |
//! | NCMEC does not answer, is in trouble, received other bytes | the open report is retracted and another one begun, with pauses of up to 30 minutes, for 30 days |
//! | NCMEC refuses the report | it is `failed`, and wants a person |
//! | NCMEC does not accept the credentials | nothing more is sent until a person says so |
//! | an encrypted file was changed on the disk | it is noticed before a report is opened |
//!
//! The published description does not say everything. What is not confirmed is one constant each, and is listed in `docs/reports.md`.

mod check;
mod client;
mod evidence;
mod json;
pub mod model;
mod options;
mod outbox;
mod pictures;
mod problem;
#[cfg(test)]
mod tests;
mod time;
mod transport;
mod xml;

pub use crate::credential::Credential;
#[cfg(feature = "service")]
pub(crate) use evidence::Evidence;
#[cfg(feature = "service")]
pub(crate) use json::parse as parse_json;
pub use model::Report;
pub use model::words::Mode;
pub use options::{Account, ReportOptions};
#[cfg(feature = "service")]
pub(crate) use outbox::ids::next as next_id;
pub use outbox::{
    Alarm, Counts, Item, ItemState, Listener, Next, Outbox, OutboxEvent, RequestRecord, Sender, SubmitError,
    Submitted, check,
};
pub use problem::{Problem, Rule};
pub use time::Moment;
