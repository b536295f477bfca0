//! What goes into statements and what comes out of them.

use a2a_app_ports::{ReplicaId, StorageError, TaskId};
use a2a_protocol_core::{TaskState, Timestamp};
use serde::de::DeserializeOwned;

use crate::SqlFailure;

/// A parameter of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// Text. Where it comes from a caller, its column holds any characters.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(crate) fn or_null(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

/// A number that is counted, which no database holds beyond `i64::MAX`.
pub(crate) fn count(number: impl TryInto<i64>) -> Value<'static> {
    Value::Int(number.try_into().unwrap_or(i64::MAX))
}

/// A time: nanoseconds since 1970, which reach from 1677 to 2262. What is beyond counts as those.
pub(crate) fn time(time: Timestamp) -> Value<'static> {
    Value::Int(nanos(time))
}

/// A time as it is stored.
pub(crate) fn nanos(time: Timestamp) -> i64 {
    let nanos = time.as_nanos();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// A value that a row holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A row of a result.
#[derive(Clone, Debug)]
pub(crate) struct Row(pub(crate) Vec<Cell>);

impl Row {
    fn cell(&self, column: usize) -> &Cell {
        self.0.get(column).unwrap_or(&Cell::Null)
    }

    pub(crate) fn is_null(&self, column: usize) -> bool {
        *self.cell(column) == Cell::Null
    }

    pub(crate) fn int(&self, column: usize) -> Result<i64, StorageError> {
        match self.cell(column) {
            Cell::Int(number) => Ok(*number),
            other => Err(SqlFailure::damaged(format_args!("column {column} is no number but {other:?}"))),
        }
    }

    pub(crate) fn number(&self, column: usize) -> Result<u64, StorageError> {
        let number = self.int(column)?;
        u64::try_from(number).map_err(|_| SqlFailure::damaged(format_args!("column {column} is {number}")))
    }

    pub(crate) fn number_or_null(&self, column: usize) -> Result<Option<u64>, StorageError> {
        if self.is_null(column) { Ok(None) } else { self.number(column).map(Some) }
    }

    pub(crate) fn flag(&self, column: usize) -> Result<bool, StorageError> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn text(&self, column: usize) -> Result<&str, StorageError> {
        let text = match self.cell(column) {
            Cell::Text(text) => Some(text.as_str()),
            Cell::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Cell::Null | Cell::Int(_) => None,
        };
        text.ok_or_else(|| SqlFailure::damaged(format_args!("column {column} is no text")))
    }

    fn bytes<const N: usize>(&self, column: usize) -> Result<[u8; N], StorageError> {
        let bytes = match self.cell(column) {
            Cell::Bytes(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        };
        bytes.ok_or_else(|| SqlFailure::damaged(format_args!("column {column} has not {N} bytes")))
    }

    pub(crate) fn digest(&self, column: usize) -> Result<[u8; 32], StorageError> {
        self.bytes(column)
    }

    pub(crate) fn task_id(&self, column: usize) -> Result<TaskId, StorageError> {
        Ok(TaskId::from_u128(u128::from_be_bytes(self.bytes(column)?)))
    }

    pub(crate) fn replica(&self, column: usize) -> Result<Option<ReplicaId>, StorageError> {
        if self.is_null(column) {
            return Ok(None);
        }
        Ok(Some(ReplicaId::from_u128(u128::from_be_bytes(self.bytes(column)?))))
    }

    pub(crate) fn time(&self, column: usize) -> Result<Timestamp, StorageError> {
        const NANOS: i64 = 1_000_000_000;
        let nanos = self.int(column)?;
        let rest = i32::try_from(nanos.rem_euclid(NANOS)).unwrap_or_default();
        Timestamp::from_parts(nanos.div_euclid(NANOS), rest)
            .ok_or_else(|| SqlFailure::damaged(format_args!("column {column} is no time")))
    }

    pub(crate) fn state(&self, column: usize) -> Result<TaskState, StorageError> {
        let number = self.int(column)?;
        i32::try_from(number)
            .map(TaskState::from_number)
            .ok()
            .filter(TaskState::is_known)
            .ok_or_else(|| SqlFailure::damaged(format_args!("column {column} is no state but {number}")))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: usize) -> Result<T, StorageError> {
        serde_json::from_str(self.text(column)?)
            .map_err(|error| SqlFailure::damaged(format_args!("column {column} is not the JSON it should be: {error}")))
    }
}
