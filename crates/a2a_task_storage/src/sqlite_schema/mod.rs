//! The schema in SQLite and its versions, for files of ours and of a Spin host.
//!
//! A file of an earlier version is brought to the newest when it is opened, step by step; there is
//! no way back. A step that has been published never changes.

use a2a_app_ports::StorageError;

use crate::{SqlFailure, SqlFailureKind};

/// What makes each version out of the one before, with what was stored in it.
pub(crate) const STEPS: &[&str] =
    &[include_str!("v1.sql"), concat!(include_str!("v2.sql"), include_str!("v2_data.sql"))];

/// What makes the newest version where nothing is stored.
#[cfg(any(target_family = "wasm", test))]
pub(crate) const FRESH: &[&str] = &[include_str!("v1.sql"), include_str!("v2.sql")];

/// `nnco`, by which our files are known from those of other programs.
pub(crate) const APPLICATION: i32 = 0x6e6e_636f;

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its `application_id`.
    pub(crate) application: i64,
    /// Its `user_version`.
    pub(crate) version: i64,
    /// How many tables and indexes it has.
    pub(crate) tables: i64,
}

impl Header {
    /// The version of the schema that a file at a place has; 0 is none.
    ///
    /// # Errors
    /// `Newer` when a later program has written it, `Damaged` when another program has.
    pub(crate) fn version(self, place: &str) -> Result<usize, StorageError> {
        match usize::try_from(self.version) {
            Ok(0) if self.application == 0 && self.tables == 0 => Ok(0),
            _ if self.application != i64::from(APPLICATION) => {
                let message = format!("{place} is a database of another program: name another one");
                Err(SqlFailure::new(SqlFailureKind::Damaged, message).into())
            }
            Ok(version) if (1..=STEPS.len()).contains(&version) => Ok(version),
            _ => {
                let (known, version) = (STEPS.len(), self.version);
                let message = format!(
                    "{place} was written by a later version of this program (schema {version}, this one knows up to \
                     {known}): use that version, or a copy from before"
                );
                Err(SqlFailure::new(SqlFailureKind::Newer, message).into())
            }
        }
    }
}

/// The statements of a script, one by one. Each of ours ends with a line.
#[cfg(any(target_family = "wasm", test))]
pub(crate) fn statements(script: &str) -> Vec<&str> {
    let (mut statements, mut start, mut end) = (Vec::new(), 0, 0);
    for line in script.split_inclusive('\n') {
        end += line.len();
        if line.trim_end().ends_with(';') && !line.starts_with("--") {
            statements.push(&script[start..end]);
            start = end;
        }
    }
    statements
}
