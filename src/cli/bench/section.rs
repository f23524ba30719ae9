//! What every format shows: a title, a unit, and numbers with their names.

/// Numbers of one unit.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) unit: &'static str,
    pub(super) lines: Vec<Line>,
    /// What has to be known to read them.
    pub(super) note: String,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) value: f64,
    /// What belongs to it; may be empty.
    pub(super) about: String,
}

impl Line {
    pub(super) fn new(name: &str, value: f64, about: impl Into<String>) -> Line {
        Line { name: name.to_string(), value, about: about.into() }
    }
}
