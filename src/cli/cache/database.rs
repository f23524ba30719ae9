//! The file of a cache: SQLite, for one process at a time.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};
use shadegrid::Error;

use super::stamp::Stamp;

/// Says that a file is one of ours: `SHDC`.
const APPLICATION: i32 = i32::from_be_bytes(*b"SHDC");

/// The version of the tables.
const VERSION: i32 = 1;

/// Rows of files that are new are on the disk at least every so many.
const AT_ONCE: usize = 1024;

const TABLES: &str = "
    CREATE TABLE settings (
        id INTEGER PRIMARY KEY,
        text TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE files (
        path BLOB NOT NULL,
        settings INTEGER NOT NULL,
        device INTEGER NOT NULL,
        number INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        kept TEXT NOT NULL,
        checksum INTEGER NOT NULL,
        PRIMARY KEY (path, settings)
    ) STRICT;
";

/// The open file. What was kept and is not committed when it is dropped is lost, and nothing else.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    settings: i64,
    /// Rows since the last commit; `None` outside of a transaction.
    begun: Option<usize>,
    /// Closed after the connection: whoever closes a file of their own gives up the locks that SQLite has on it (fcntl).
    file: File,
}

impl Database {
    /// Opens the cache at `path` for files that are hashed with these settings, and makes it where there is none. Rows of other versions of the program
    /// go.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be made, [`Error::Input`] where another process has it, or it is damaged, of a newer version, or none of ours.
    pub(super) fn open(path: &Path, settings: &str) -> Result<Database, Error> {
        let cannot = |error| Error::io(format!("cannot open the cache {}", path.display()), error);
        if let Some(folder) =
            path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
        {
            return Err(Error::Input(format!(
                "cannot make the cache {}: there is no folder {}",
                path.display(),
                folder.display()
            )));
        }
        let file = private_file(path).map_err(cannot)?;
        let database = Database::prepared(path, settings, file).map_err(|error| unusable(path, &error))??;
        // Only now is it known to be ours.
        take_from_others(&database.file).map_err(cannot)?;
        Ok(database)
    }

    fn prepared(path: &Path, settings: &str, file: File) -> rusqlite::Result<Result<Database, Error>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        // Whoever has it holds it to the end of the run, so waiting would help nobody.
        connection.busy_timeout(std::time::Duration::ZERO)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection
            .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA synchronous = NORMAL; BEGIN EXCLUSIVE;")?;
        let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let (application, version) = (number("application_id")?, number("user_version")?);
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        match (application, version) {
            (0, 0) if tables == 0 => {
                connection.execute_batch(TABLES)?;
                connection.pragma_update(None, "application_id", APPLICATION)?;
                connection.pragma_update(None, "user_version", VERSION)?;
            }
            (APPLICATION, VERSION) => {}
            (APPLICATION, newer) if newer > VERSION => {
                let message = "is of a newer version of shadegrid: use that one, or name another file";
                return Ok(Err(Error::Input(format!("the cache {} {message}", path.display()))));
            }
            _ => return Ok(Err(Error::Input(not_ours(path)))),
        }
        let settings = settings_row(&connection, settings)?;
        connection.execute_batch("COMMIT")?;
        Ok(Ok(Database { connection, settings, begun: None, file }))
    }

    /// What the file at `path` gave when it was this; `None` where that is not known. What was damaged in its row is not known either.
    pub(super) fn find(&mut self, path: &Path, stamp: &Stamp) -> rusqlite::Result<Option<String>> {
        let mut find = self.connection.prepare(
            "SELECT kept, checksum FROM files WHERE path = ?1 AND settings = ?2 AND device = ?3 AND number = ?4 AND bytes = ?5 AND \
             modified = ?6 AND changed = ?7",
        )?;
        let (path, Stamp { device, number, bytes, modified, changed }) = (bytes_of(path), *stamp);
        let key = params![path, self.settings, device as i64, number as i64, bytes as i64, modified, changed];
        let row = find.query_row(key, |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
        let row = row.optional()?;
        Ok(row.filter(|(kept, sum)| *sum == checksum(path, stamp, kept)).map(|(kept, _)| kept))
    }

    /// Keeps what a file gave, in the place of what it gave before.
    pub(super) fn keep(&mut self, path: &Path, stamp: &Stamp, kept: &str) -> rusqlite::Result<()> {
        if self.begun.is_none() {
            self.connection.execute_batch("BEGIN")?;
        }
        let rows = self.begun.unwrap_or(0) + 1;
        self.begun = Some(rows);
        let mut keep = self
            .connection
            .prepare("INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
        let (path, Stamp { device, number, bytes, modified, changed }) = (bytes_of(path), *stamp);
        let sum = checksum(path, stamp, kept);
        let (device, number, bytes) = (device as i64, number as i64, bytes as i64);
        keep.execute(params![path, self.settings, device, number, bytes, modified, changed, kept, sum])?;
        drop(keep);
        if rows < AT_ONCE { Ok(()) } else { self.commit() }
    }

    /// Has everything that was kept on the disk.
    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        match self.begun.take() {
            Some(_) => self.connection.execute_batch("COMMIT"),
            None => Ok(()),
        }
    }
}

/// The number of these settings. Others of this version stay, for who runs with several in turn; those of other versions nobody asks for again.
fn settings_row(connection: &Connection, settings: &str) -> rusqlite::Result<i64> {
    let version = settings.lines().next().unwrap_or_default();
    let others = "SELECT id FROM settings WHERE substr(text, 1, length(?1) + 1) <> ?1 || char(10)";
    connection.execute(&format!("DELETE FROM files WHERE settings IN ({others})"), [version])?;
    connection.execute(&format!("DELETE FROM settings WHERE id IN ({others})"), [version])?;
    connection.execute("INSERT OR IGNORE INTO settings (text) VALUES (?1)", [settings])?;
    connection.query_row("SELECT id FROM settings WHERE text = ?1", [settings], |row| row.get(0))
}

/// Holds a row against damage that SQLite does not see.
fn checksum(path: &[u8], stamp: &Stamp, kept: &str) -> i64 {
    let Stamp { device, number, bytes, modified, changed } = *stamp;
    let mut sum = crc32fast::Hasher::new();
    sum.update(path);
    [device, number, bytes].into_iter().for_each(|part| sum.update(&part.to_le_bytes()));
    [modified, changed].into_iter().for_each(|part| sum.update(&part.to_le_bytes()));
    sum.update(kept.as_bytes());
    sum.finalize().into()
}

/// A path as the system's bytes.
fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// Makes the file for its owner alone, before SQLite does.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Nobody is waited for at the other end of a pipe.
        options.mode(0o600).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("it is no regular file")) }
}

/// Leaves a file that others could read, because somebody copied it or changed its mode, to its owner alone.
#[cfg(unix)]
fn take_from_others(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        file.set_permissions(std::fs::Permissions::from_mode(mode & 0o700))
    }
}

#[cfg(not(unix))]
fn take_from_others(_: &File) -> std::io::Result<()> {
    Ok(())
}

fn not_ours(path: &Path) -> String {
    format!("{} holds something else than a cache of shadegrid: name another file", path.display())
}

fn unusable(place: &Path, error: &rusqlite::Error) -> Error {
    let path = place.display();
    Error::Input(match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("the cache {path} is in use by another run: wait for it, or name another file")
        }
        Some(ErrorCode::NotADatabase) => not_ours(place),
        Some(ErrorCode::DatabaseCorrupt) => {
            format!("the cache {path} is damaged ({error}): delete it, and it is made anew")
        }
        _ => format!(
            "the cache {path} cannot be used ({error}): name another file, or delete it and it is made anew"
        ),
    })
}
