//! A connection to a file.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use a2a_app_ports::StorageError;
use rusqlite::{
    ErrorCode, OpenFlags, Statement,
    functions::FunctionFlags,
    types::{ToSqlOutput, ValueRef},
};

use crate::{
    SqlFailure, SqlFailureKind,
    sql::{Cell, Connection, Row, Value, key, lock},
};

/// So many statements are kept prepared: more than there are.
const STATEMENTS: usize = 128;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The file is made if it is not there.
    Write,
    /// Beside whoever writes; SQLite needs to write beside the file to know of that.
    Read,
    /// Where nobody writes, and nothing can be written.
    ReadAtRest,
}

/// A connection. Whoever has it uses it alone; the lock is for the compiler, and never waited for.
#[derive(Debug)]
pub(crate) struct SqliteConnection {
    db: Mutex<rusqlite::Connection>,
    path: Arc<Path>,
}

impl SqliteConnection {
    pub(super) fn open(path: &Arc<Path>, clock: Clock, access: Access) -> Result<Self, StorageError> {
        let failed = |error| failure(path, error);
        let (name, flags) = match access {
            Access::Write => (path.to_path_buf(), OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE),
            Access::Read => (path.to_path_buf(), OpenFlags::SQLITE_OPEN_READ_ONLY),
            Access::ReadAtRest => (at_rest(path).into(), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI),
        };
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = rusqlite::Connection::open_with_flags(name, flags).map_err(failed)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        db.busy_timeout(std::time::Duration::from_secs(5)).map_err(failed)?;
        db.create_scalar_function("nuncio_now", 0, FunctionFlags::SQLITE_UTF8, move |_| Ok(clock.now()))
            .map_err(failed)?;
        // For what was stored before names had keys.
        let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        db.create_scalar_function("nuncio_key", 1, pure, |name| Ok(key(&name.get::<String>(0)?).into_owned()))
            .map_err(failed)?;
        Ok(Self { db: Mutex::new(db), path: path.clone() })
    }

    /// Does something with it that only SQLite knows.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StorageError> {
        work(&mut lock(&self.db)).map_err(|error| failure(&self.path, error))
    }

    /// Begins, ends or takes back a transaction.
    pub(super) fn run(&self, sql: &'static str) -> Result<(), StorageError> {
        self.with(|db| db.prepare_cached(sql)?.execute([]).map(drop))
    }

    /// Whether a transaction is open. SQLite takes some back of itself when the disk fails.
    pub(super) fn is_in_transaction(&self) -> bool {
        !lock(&self.db).is_autocommit()
    }
}

impl Connection for SqliteConnection {
    /// One transaction runs at a time.
    const STRIPES: u64 = 1;

    const CHECK: Option<&'static str> = Some("PRAGMA integrity_check");

    async fn each(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        mut take: impl FnMut(Row) -> Result<(), StorageError> + Send,
    ) -> Result<(), StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached(sql)?;
            bind(&mut statement, values)?;
            let columns = statement.column_count();
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next()? {
                let cells = (0..columns).map(|column| row.get_ref(column).map(cell));
                if let Err(error) = take(Row(cells.collect::<Result<_, _>>()?)) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })?
    }

    async fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StorageError> {
        self.with(|db| {
            let mut statement = db.prepare_cached(sql)?;
            bind(&mut statement, values)?;
            statement.raw_execute().map(|changed| changed as u64)
        })
    }
}

/// The URL of a file that nobody changes.
fn at_rest(path: &Path) -> String {
    let mut url = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => url.push(char::from(*byte)),
            byte => {
                // A string takes whatever is written.
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    url + "?immutable=1"
}

fn bind(statement: &mut Statement<'_>, values: &[Value<'_>]) -> rusqlite::Result<()> {
    values.iter().enumerate().try_for_each(|(place, value)| statement.raw_bind_parameter(place + 1, Bound(value)))
}

struct Bound<'a>(&'a Value<'a>);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        // No statement gives one.
        ValueRef::Real(_) => Cell::Null,
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Bytes(text.to_vec()),
        },
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    }
}

/// The time by which replicas expire: it begins with the time of day and goes on steadily.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    millis: i64,
    since: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self { millis: i64::try_from(millis).unwrap_or_default(), since: Instant::now() }
    }

    fn now(self) -> i64 {
        self.millis.saturating_add(i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

/// What an error of SQLite comes to for whoever reads it.
pub(super) fn failure(path: &Path, error: rusqlite::Error) -> StorageError {
    let (kind, what) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (
            SqlFailureKind::Full,
            "cannot grow: the disk, its quota or the limit that was set is used up. Free some space or raise the \
             limit; what was acknowledged is safe",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
            SqlFailureKind::ReadOnly,
            "may not be written to: give this user write access to the file and its directory",
        ),
        Some(ErrorCode::CannotOpen) => {
            (SqlFailureKind::ReadOnly, "cannot be opened: see that its directory exists and this user may write to it")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            (SqlFailureKind::InUse, "is in use by another program: stop that one first")
        }
        Some(ErrorCode::NotADatabase) => {
            (SqlFailureKind::Damaged, "is not a SQLite database: name another file, or restore this one")
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            (SqlFailureKind::Damaged, "is damaged: check it, and restore what is damaged from a copy")
        }
        Some(ErrorCode::SystemIoFailure) => {
            (SqlFailureKind::Other, "could not be read or written: see what the system says about its disk")
        }
        _ => (SqlFailureKind::Other, "did not take a statement"),
    };
    SqlFailure::new(kind, format!("{} {what}", path.display())).because(error).into()
}

/// The name of a file that goes with another one.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
