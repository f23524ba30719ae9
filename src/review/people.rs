//! What a person chose for what they are shown, and what they did since their last break.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

/// How much pictures are blurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Blur {
    Strong,
    #[default]
    Medium,
    Light,
}

impl Blur {
    pub(crate) const ALL: [Blur; 3] = [Blur::Strong, Blur::Medium, Blur::Light];

    /// Its word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Blur::Strong => "strong",
            Blur::Medium => "medium",
            Blur::Light => "light",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Blur> {
        Blur::ALL.into_iter().find(|blur| blur.name() == word)
    }
}

/// What a person chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) blur: Blur,
    /// Whether pictures are grey, revealed ones too.
    pub(crate) is_grey: bool,
    /// Minutes after which a break is proposed; 0: never.
    pub(crate) reminder: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { blur: Blur::default(), is_grey: true, reminder: 60 }
    }
}

/// What a person chose, and did since they began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sitting {
    pub(crate) settings: Settings,
    /// When they began.
    pub(crate) since: i64,
    /// How many pictures they were shown as they are.
    pub(crate) revealed: u64,
    /// How many decisions they made.
    pub(crate) decided: u64,
}

impl Sitting {
    /// Whether a break is due.
    pub(crate) fn is_break_due(&self, now: i64) -> bool {
        let reminder = i64::from(self.settings.reminder) * 60_000;
        reminder > 0 && now - self.since >= reminder
    }
}

pub(super) fn sitting(connection: &Connection, person: &str) -> rusqlite::Result<Sitting> {
    let select = "SELECT blur, grey, reminder, since, revealed, decided FROM review_people WHERE person = ?1";
    let found = connection.query_row(select, params![person], |row| {
        let blur: String = row.get(0)?;
        let settings = Settings {
            blur: Blur::of(&blur).unwrap_or_default(),
            is_grey: row.get(1)?,
            reminder: row.get(2)?,
        };
        let [revealed, decided] = [row.get::<_, i64>(4)?, row.get::<_, i64>(5)?].map(|count| count as u64);
        Ok(Sitting { settings, since: row.get(3)?, revealed, decided })
    });
    Ok(found.optional()?.unwrap_or_default())
}

pub(super) fn choose(
    change: &Transaction<'_>,
    person: &str,
    settings: Settings,
    now: i64,
) -> rusqlite::Result<()> {
    known(change, person, now)?;
    let Settings { blur, is_grey, reminder } = settings;
    let update = "UPDATE review_people SET blur = ?2, grey = ?3, reminder = ?4 WHERE person = ?1";
    change.execute(update, params![person, blur.name(), is_grey, reminder]).map(drop)
}

pub(super) fn begin(change: &Transaction<'_>, person: &str, now: i64) -> rusqlite::Result<()> {
    known(change, person, now)?;
    let update = "UPDATE review_people SET since = ?2, revealed = 0, decided = 0 WHERE person = ?1";
    change.execute(update, params![person, now]).map(drop)
}

/// Makes a row for a person who has none.
fn known(change: &Transaction<'_>, person: &str, now: i64) -> rusqlite::Result<()> {
    let Settings { blur, is_grey, reminder } = Settings::default();
    let insert = "INSERT OR IGNORE INTO review_people (person, blur, grey, reminder, since, revealed, decided) \
                  VALUES (?1, ?2, ?3, ?4, ?5, 0, 0)";
    change.execute(insert, params![person, blur.name(), is_grey, reminder, now]).map(drop)
}

/// Counts a picture that was shown.
pub(super) fn revealed(change: &Transaction<'_>, person: &str, now: i64) -> rusqlite::Result<()> {
    known(change, person, now)?;
    let update = "UPDATE review_people SET revealed = revealed + 1 WHERE person = ?1";
    change.execute(update, params![person]).map(drop)
}

/// Counts a decision.
pub(super) fn decided(change: &Transaction<'_>, person: &str, now: i64) -> rusqlite::Result<()> {
    known(change, person, now)?;
    let update = "UPDATE review_people SET decided = decided + 1 WHERE person = ?1";
    change.execute(update, params![person]).map(drop)
}
