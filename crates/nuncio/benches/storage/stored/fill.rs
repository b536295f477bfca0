//! Many small tasks, as they are after a send has been answered.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use a2a_app_ports::{Author, Creation, Lease, ReplicaId, Scope, Storage, StorageError, TaskId};
use a2a_protocol_core::{Artifact, Event, EventKind, Message, Part, TaskState, Timestamp};
use futures::StreamExt;

use crate::agent::{NAME, SKILL};

/// The context of one task in ten; all others have contexts of nine.
pub(crate) const LONG_CONTEXT: &str = "long";
/// The state of one task in ten.
pub(crate) const RARE_STATE: TaskState = TaskState::Failed;

/// How tasks get there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steps {
    /// One step a task: what is stored in the end is the same.
    One,
    /// As a run stores them: with the first event, then event by event.
    AsSent,
}

/// Longer than it takes.
const LONG: Duration = Duration::from_secs(60 * 60);
/// So many steps are under way at once.
const AT_ONCE: usize = 512;

/// The tasks of all numbers, all of one owner and newer from number to number.
pub(crate) struct Tasks {
    scope: Scope,
    replica: ReplicaId,
    /// When the first of them ended.
    first: i64,
}

impl Tasks {
    pub(crate) fn new(most: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let scope = Scope { agent: NAME.into(), tenant: None, owner: None };
        Self { scope, replica: ReplicaId::from_u128(1), first: (now - u128::from(most)) as i64 }
    }

    /// The id of a task, which looks as random as ids do.
    pub(crate) fn id(number: u64) -> TaskId {
        const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        TaskId::from_random(u128::from(number + 1).wrapping_mul(ODD))
    }

    pub(crate) async fn fill(&self, storage: &Arc<dyn Storage>, numbers: Range<u64>, steps: Steps) {
        storage.join(self.replica, LONG).await.unwrap();
        let storing = futures::stream::iter(numbers).map(|number| self.store(&**storage, number, steps));
        storing.buffer_unordered(AT_ONCE).for_each(|stored| async { stored.unwrap() }).await;
        storage.leave(self.replica).await.unwrap();
    }

    async fn store(&self, storage: &dyn Storage, number: u64, steps: Steps) -> Result<(), StorageError> {
        let (scope, id, replica) = (&self.scope, Self::id(number), self.replica);
        let mut events = self.events(number);
        if steps == Steps::One {
            return storage.create(scope, id, Creation::new(events, replica)).await.map(drop);
        }
        let rest = events.split_off(2);
        let mut revision = storage.create(scope, id, Creation::new(events, replica)).await?;
        let author = Author::Run(Lease::first(replica));
        for event in rest {
            revision = storage.append(scope, id, revision, vec![event], author).await?;
        }
        Ok(())
    }

    fn events(&self, number: u64) -> Vec<Event> {
        let (ten, of_ten) = (number / 10, number % 10);
        let context = if of_ten == 5 { LONG_CONTEXT.into() } else { format!("context-{ten}").into() };
        let end = if ten % 10 == 3 { RARE_STATE } else { TaskState::Completed };
        let mut message = Message::user(format!("message-{number}"), "hello from the benchmark");
        message.task_id = Some(Self::id(number).into());
        message.context_id = Some(Arc::clone(&context));
        let artifact = Artifact::new("a1", vec![Part::text("echo: hello from the benchmark")]);
        let kinds = [
            EventKind::Created { context_id: context, skill: SKILL.into(), message: Arc::new(message) },
            EventKind::status(TaskState::Working),
            EventKind::Artifact { artifact: Arc::new(artifact), append: false, last_chunk: true },
            EventKind::status(end),
        ];
        let time = Timestamp::from_millis(self.first + number as i64).unwrap();
        kinds.map(|kind| Event { time, kind }).into()
    }
}
