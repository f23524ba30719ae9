//! What a service and its reports keep: a folder with one SQLite file, owned by one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Result};
use crate::private;

#[cfg(feature = "service")]
pub(crate) mod banks;
#[cfg(feature = "service")]
mod disk;
#[cfg(feature = "service")]
pub(crate) mod keys;
#[cfg(feature = "service")]
mod sessions;

/// The file with everything that is kept.
const FILE: &str = "state.sqlite";

/// The file whose lock says that a process owns the folder.
const LOCK: &str = "serve.lock";

/// How long another process's transaction is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What each version of the file adds to the one before. A line is never changed, only followed by another.
const MIGRATIONS: [&str; 6] = [
    "
    CREATE TABLE keys (
        id TEXT PRIMARY KEY,
        secret BLOB NOT NULL,
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        galleries TEXT,
        rate REAL,
        created INTEGER NOT NULL,
        expires INTEGER,
        revoked INTEGER
    ) STRICT;
",
    "
    CREATE TABLE banks (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        ratio REAL NOT NULL,
        revision INTEGER NOT NULL,
        changed INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        bank INTEGER NOT NULL REFERENCES banks (id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        label TEXT NOT NULL,
        note TEXT NOT NULL,
        photodna BLOB,
        pdq BLOB,
        quality INTEGER,
        metadata TEXT,
        enabled INTEGER NOT NULL,
        created INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX entries_by_bank ON entries (bank, id);
    CREATE INDEX entries_that_wake ON entries (enabled) WHERE enabled > 1;
",
    "
    ALTER TABLE keys ADD COLUMN distances TEXT NOT NULL DEFAULT 'exact';
    ALTER TABLE keys ADD COLUMN lane TEXT NOT NULL DEFAULT 'interactive';
",
    "
    CREATE TABLE reports (
        id TEXT PRIMARY KEY,
        idempotency TEXT UNIQUE,
        digest BLOB NOT NULL,
        mode TEXT NOT NULL,
        request TEXT,
        state TEXT NOT NULL,
        report INTEGER,
        position INTEGER NOT NULL,
        is_stopping INTEGER NOT NULL,
        created INTEGER NOT NULL,
        opened INTEGER,
        changed INTEGER,
        next INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        code INTEGER,
        error TEXT,
        finished INTEGER,
        preserve_until INTEGER,
        erased INTEGER
    ) STRICT;
    CREATE INDEX reports_by_state ON reports (state, next);
    CREATE TABLE report_files (
        item TEXT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        sha1 TEXT NOT NULL,
        md5 TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        file TEXT,
        PRIMARY KEY (item, position)
    ) STRICT;
    CREATE INDEX report_files_by_evidence ON report_files (sha256);
    CREATE TABLE report_requests (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        item TEXT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
        time INTEGER NOT NULL,
        call TEXT NOT NULL,
        report INTEGER,
        status INTEGER,
        code INTEGER,
        request_id TEXT
    ) STRICT;
    CREATE INDEX report_requests_by_item ON report_requests (item, number);
    CREATE TABLE report_orphans (
        report INTEGER NOT NULL,
        mode TEXT NOT NULL,
        item TEXT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
        next INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (mode, report)
    ) STRICT;
    CREATE TABLE report_pauses (
        mode TEXT PRIMARY KEY,
        since INTEGER NOT NULL,
        error TEXT NOT NULL
    ) STRICT;
",
    // A row that takes another's place would delete it without any trigger, so numbers are checked too.
    "
    CREATE TABLE audit (
        number INTEGER PRIMARY KEY,
        line TEXT NOT NULL,
        who TEXT AS (line ->> '$.who') VIRTUAL,
        action TEXT AS (line ->> '$.action') VIRTUAL,
        subject TEXT AS (line ->> '$.subject') VIRTUAL
    ) STRICT;
    CREATE INDEX audit_by_subject ON audit (subject, action);
    CREATE TRIGGER audit_keeps_lines BEFORE UPDATE ON audit BEGIN
        SELECT RAISE(ABORT, 'a line of the audit log is never changed');
    END;
    CREATE TRIGGER audit_loses_no_line BEFORE DELETE ON audit BEGIN
        SELECT RAISE(ABORT, 'a line of the audit log is never removed');
    END;
    CREATE TRIGGER audit_grows_at_its_end BEFORE INSERT ON audit
    WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM audit) BEGIN
        SELECT RAISE(ABORT, 'a line of the audit log follows the last one');
    END;
    CREATE TABLE hooks (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        time INTEGER NOT NULL,
        data TEXT NOT NULL,
        state TEXT NOT NULL,
        is_aside INTEGER NOT NULL,
        since INTEGER NOT NULL,
        next INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        status INTEGER,
        error TEXT
    ) STRICT;
    CREATE INDEX hooks_in_order ON hooks (state, kind, is_aside, number);
    CREATE INDEX hooks_aside ON hooks (kind, next) WHERE is_aside = 1;
",
    "
    CREATE TABLE review_items (
        id TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        created INTEGER NOT NULL,
        holder TEXT,
        lease INTEGER,
        decided INTEGER,
        decided_by TEXT,
        note TEXT NOT NULL,
        classification TEXT,
        incident TEXT,
        erased INTEGER
    ) STRICT;
    CREATE INDEX review_items_by_state ON review_items (state, id);
    CREATE INDEX review_items_by_holder ON review_items (holder);
    CREATE TABLE review_pictures (
        item TEXT NOT NULL REFERENCES review_items (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        evidence TEXT NOT NULL UNIQUE,
        bytes INTEGER NOT NULL,
        format TEXT NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        flags TEXT NOT NULL,
        faces TEXT NOT NULL,
        photodna BLOB,
        pdq BLOB,
        matches TEXT NOT NULL,
        PRIMARY KEY (item, position)
    ) STRICT;
    CREATE TABLE review_arrivals (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        item TEXT NOT NULL,
        position INTEGER NOT NULL,
        reference TEXT NOT NULL,
        sender TEXT,
        time INTEGER NOT NULL,
        FOREIGN KEY (item, position) REFERENCES review_pictures (item, position) ON DELETE CASCADE
    ) STRICT;
    CREATE INDEX review_arrivals_by_picture ON review_arrivals (item, position, number);
    CREATE TABLE review_reports (
        item TEXT NOT NULL REFERENCES review_items (id) ON DELETE CASCADE,
        report TEXT NOT NULL,
        created INTEGER NOT NULL,
        PRIMARY KEY (item, report)
    ) STRICT;
    CREATE TABLE review_people (
        person TEXT PRIMARY KEY,
        blur TEXT NOT NULL,
        grey INTEGER NOT NULL,
        reminder INTEGER NOT NULL,
        since INTEGER NOT NULL,
        revealed INTEGER NOT NULL,
        decided INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE sessions (
        session BLOB PRIMARY KEY,
        key TEXT NOT NULL,
        begun INTEGER NOT NULL,
        until INTEGER NOT NULL
    ) STRICT;
",
];

/// The open file.
#[derive(Debug)]
pub(crate) struct State {
    connection: Mutex<Connection>,
    path: PathBuf,
    /// The disk that the folder is on.
    #[cfg(feature = "service")]
    pub(crate) disk: disk::Disk,
    /// Held by the process that serves, or sends reports.
    owner: Option<File>,
}

impl State {
    /// Opens the folder for a look or a change of keys; a service may run.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be made, [`Error::Input`] where the file is none of ours.
    pub(crate) fn open(folder: &Path) -> Result<State> {
        let cannot = |error| Error::io(format!("cannot open {}", folder.display()), error);
        private::folder(folder).map_err(cannot)?;
        let path = folder.join(FILE);
        // Made before SQLite does, so that nobody else can ever read it.
        private_file(&path).map_err(cannot)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let about = |error| unusable(&path, &error);
        let mut connection = Connection::open_with_flags(&path, flags).map_err(about)?;
        prepare(&connection).map_err(about)?;
        migrate(&mut connection, &path)?;
        Ok(State {
            connection: Mutex::new(connection),
            #[cfg(feature = "service")]
            disk: disk::Disk::of(&path),
            path,
            owner: None,
        })
    }

    /// The same for a folder that holds a state already.
    ///
    /// # Errors
    ///
    /// Those of [`open`](State::open), [`Error::Input`] where it holds none.
    pub(crate) fn open_existing(folder: &Path) -> Result<State> {
        match folder.join(FILE).is_file() {
            true => State::open(folder),
            false => {
                Err(Error::Input(format!("{} is no folder of a service or of reports", folder.display())))
            }
        }
    }

    /// Opens the folder as the one process that serves from it.
    ///
    /// # Errors
    ///
    /// Those of [`open`](State::open), [`Error::Input`] where another process does.
    pub(crate) fn own(folder: &Path) -> Result<State> {
        State::own_if_free(folder)?.ok_or_else(|| {
            Error::Input(format!("another service runs with the data in {}", folder.display()))
        })
    }

    /// The same; `None` where another process does.
    ///
    /// # Errors
    ///
    /// Those of [`open`](State::open).
    pub(crate) fn own_if_free(folder: &Path) -> Result<Option<State>> {
        let state = State::open(folder)?;
        let lock = State::lock(folder)?;
        Ok(lock.map(|lock| State { owner: Some(lock), ..state }))
    }

    /// The lock of the folder's owner, for as long as the file is held; `None` where another process has it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be made.
    pub(crate) fn lock(folder: &Path) -> Result<Option<File>> {
        let path = folder.join(LOCK);
        let cannot = |error| Error::io(format!("cannot lock {}", path.display()), error);
        let lock = private_file(&path).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(cannot(error)),
        }
    }

    /// Whether this process owns the folder.
    pub(crate) fn is_owner(&self) -> bool {
        self.owner.is_some()
    }

    /// The connection; one thread at a time.
    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        // A transaction whose thread panicked was rolled back when it was dropped.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error of the file's as ours.
    pub(crate) fn about(&self, error: rusqlite::Error) -> Error {
        unusable(&self.path, &error)
    }

    /// A number that changes with every change by another process.
    #[cfg(feature = "service")]
    pub(crate) fn version(&self) -> Result<i64> {
        let version = self.connection().pragma_query_value(None, "data_version", |row| row.get(0));
        version.map_err(|error| self.about(error))
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is removed leaves no text behind in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Brings the file to this version, in one transaction.
fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let about = |error| unusable(path, &error);
    let change = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate);
    let change = change.map_err(about)?;
    let version: i64 = change.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(about)?;
    let known = usize::try_from(version).ok().filter(|version| *version <= MIGRATIONS.len());
    let known = known.ok_or_else(|| {
        Error::Unsupported(format!("{}: a newer version of this program wrote it", path.display()))
    })?;
    for migration in &MIGRATIONS[known..] {
        change.execute_batch(migration).map_err(about)?;
    }
    change.pragma_update(None, "user_version", MIGRATIONS.len() as i64).map_err(about)?;
    change.commit().map_err(about)
}

fn unusable(path: &Path, error: &rusqlite::Error) -> Error {
    Error::Input(format!("{}: {error}", path.display()))
}

/// Opens a file of the folder, and leaves what it holds.
fn private_file(path: &Path) -> std::io::Result<File> {
    private::file(path, OpenOptions::new().read(true).write(true).create(true).truncate(false))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("data");
        let owner = State::own(&inside).unwrap();
        assert!(State::own(&inside).unwrap_err().to_string().contains("another service"));
        assert!(State::open(&inside).is_ok());
        drop(owner);
        assert!(State::own(&inside).is_ok());
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "no database, and longer than a header of one is").unwrap();
        assert_eq!(State::open(folder.path()).unwrap_err().code(), "input");
        fs::remove_file(folder.path().join(FILE)).unwrap();
        let state = State::open(folder.path()).unwrap();
        state.connection().pragma_update(None, "user_version", 99).unwrap();
        drop(state);
        assert_eq!(State::open(folder.path()).unwrap_err().code(), "unsupported");
    }
}
