//! The lines of an archive.

use std::{fmt, str::FromStr, sync::Arc};

use a2a_app_ports::{PushConfigRow, PushFailure, ReplicaId, Scope, TaskId};
use a2a_protocol_core::{Event, Message, ProtocolVersion, Task, TaskPushNotificationConfig, TaskState, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{ClaimRecord, StoredTask};

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line {
    Nuncio(Header),
    Task(TaskLine),
    Event(EventLine),
    Snapshot(SnapshotLine),
    PushConfig(PushLine),
    Claim(ClaimLine),
    End(End),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) push_configs: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) tasks: u64,
    pub(super) claims: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopeLine {
    agent: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<Arc<str>>,
}

impl ScopeLine {
    pub(crate) fn new(scope: &Scope) -> Self {
        let Scope { agent, tenant, owner } = scope.clone();
        Self { agent, tenant, owner }
    }

    pub(crate) fn scope(self) -> Scope {
        Scope { agent: self.agent, tenant: self.tenant, owner: self.owner }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TaskLine {
    id: Text<TaskId>,
    scope: ScopeLine,
    context_id: Arc<str>,
    skill: Arc<str>,
    state: TaskState,
    status_time: Timestamp,
    revision: u64,
    log: bool,
    fence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<Hex<16>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    waits: bool,
}

impl TaskLine {
    pub(super) fn new(task: &StoredTask) -> Self {
        Self {
            id: task.id.into(),
            scope: ScopeLine::new(&task.scope),
            context_id: task.context_id.clone(),
            skill: task.skill.clone(),
            state: task.state.clone(),
            status_time: task.status_time,
            revision: task.revision,
            log: task.has_log,
            fence: task.fence,
            holder: task.holder.map(Hex::from),
            waits: task.waits,
        }
    }

    pub(super) fn task(self) -> StoredTask {
        StoredTask {
            place: 0,
            scope: self.scope.scope(),
            id: self.id.0,
            context_id: self.context_id,
            skill: self.skill,
            state: self.state,
            status_time: self.status_time,
            revision: self.revision,
            has_log: self.log,
            fence: self.fence,
            holder: self.holder.map(ReplicaId::from),
            waits: self.waits,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventLine {
    pub(super) task: Text<TaskId>,
    pub(super) seq: u64,
    pub(super) body: Event,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SnapshotLine {
    pub(super) task: Text<TaskId>,
    pub(super) body: Arc<Task>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushLine {
    pub(super) task: Text<TaskId>,
    config: TaskPushNotificationConfig,
    version: Version,
    created: Timestamp,
    cursor: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<FailureLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureLine {
    time: Timestamp,
    reason: String,
}

impl PushLine {
    pub(crate) fn new(task: TaskId, row: &PushConfigRow) -> Self {
        let failure = row.failure.clone().map(|PushFailure { time, reason }| FailureLine { time, reason });
        Self {
            task: task.into(),
            config: row.config.clone(),
            version: Version(row.version),
            created: row.created,
            cursor: row.cursor,
            failure,
        }
    }

    pub(crate) fn row(self) -> PushConfigRow {
        PushConfigRow {
            config: self.config,
            version: self.version.0,
            created: self.created,
            cursor: self.cursor,
            failure: self.failure.map(|FailureLine { time, reason }| PushFailure { time, reason }),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClaimLine {
    scope: ScopeLine,
    message_id: Box<str>,
    digest: Hex<32>,
    task: Text<TaskId>,
    replica: Hex<16>,
    expires: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Arc<Message>>,
}

impl ClaimLine {
    pub(crate) fn new(claim: &ClaimRecord) -> Self {
        Self {
            scope: ScopeLine::new(&claim.scope),
            message_id: claim.message_id.clone(),
            digest: Hex(claim.digest),
            task: claim.task.into(),
            replica: claim.replica.into(),
            expires: claim.expires,
            place: claim.place,
            answer: claim.answer.clone(),
        }
    }

    pub(crate) fn claim(self) -> ClaimRecord {
        ClaimRecord {
            scope: self.scope.scope(),
            message_id: self.message_id,
            digest: self.digest.0,
            task: self.task.0,
            replica: self.replica.into(),
            expires: self.expires,
            place: self.place,
            answer: self.answer,
        }
    }
}

/// What is written as it is shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T> From<T> for Text<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// Bytes as hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hex<const N: usize>([u8; N]);

impl From<ReplicaId> for Hex<16> {
    fn from(replica: ReplicaId) -> Self {
        Self(replica.as_u128().to_be_bytes())
    }
}

impl From<Hex<16>> for ReplicaId {
    fn from(Hex(bytes): Hex<16>) -> Self {
        Self::from_u128(u128::from_be_bytes(bytes))
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits: Vec<_> = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&digits.concat())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom(format_args!("not {} hexadecimal digits", 2 * N));
        if text.len() != 2 * N || !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong());
        }
        let mut bytes = [0; N];
        for (place, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * place..2 * place + 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// A version of the protocol.
struct Version(ProtocolVersion);

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        ProtocolVersion::parse(&text).map(Self).ok_or_else(|| D::Error::custom("not a version of the protocol"))
    }
}
