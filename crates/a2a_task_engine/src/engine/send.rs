//! SendMessage and SendStreamingMessage: a new task, a direct reply, or the next message of a task.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use a2a_app_ports::{
    AT_THE_END, Answers, Author, CallContext, PushConfigRow, Reply, Revision, Scope, Snapshot, StorageError, TaskId,
};
use a2a_protocol_core::{
    Error, ErrorKind, Event, EventKind, FoldError, Message, SendDetails, SendMessageRequest, SendMessageResponse,
    StreamEvent, StreamResponse, TaskState, extensions::IDEMPOTENT_SEND, log,
};
use futures::stream;

use super::{
    Shared, abandoned,
    drive::{Drive, Whole},
    failed,
    live::{Live, Waiting},
    membership::Acquired,
    run::{Subject, TaskRun},
    skills,
    slot::News,
    watch::{Until, Watch},
    with_history,
};

/// A message under way: what it began, or what it waits for.
pub(super) struct Sending {
    pub(super) scope: Scope,
    pub(super) id: TaskId,
    pub(super) live: Arc<Live>,
    pub(super) waiting: Waiting,
    /// The place of the message in the task's log.
    pub(super) message: Revision,
    /// The creation of a new task: the task as of the message can be had without reading the log.
    pub(super) created: Option<Event>,
    /// The run that this call has started, and its work.
    pub(super) work: Option<(Arc<TaskRun>, Drive)>,
}

impl Shared {
    pub(super) async fn send(
        self: &Arc<Self>,
        context: CallContext,
        request: SendMessageRequest,
    ) -> Result<Reply, Error> {
        let configuration = request.configuration.as_ref();
        let history_length = configuration.and_then(|configuration| configuration.history_length);
        let immediately = configuration.is_some_and(|configuration| configuration.return_immediately);
        let sending = match self.accept(context, request, immediately).await? {
            Accepted::Sending(sending) => sending,
            Accepted::Answered(message) => return Ok(Reply::Sent(SendMessageResponse::Message(message))),
        };
        let Sending { scope, id, live, waiting: _waiting, message, mut work, .. } = sending;
        // Where the task paused: by the time it is read, the next turn may have begun.
        let paused = AtomicU64::new(0);
        let settled = || {
            let slot = live.slot();
            if slot.has_paused_after(message) {
                paused.store(slot.paused, Ordering::Relaxed);
                return true;
            }
            slot.abandoned || slot.state.is_terminal()
        };
        match &mut work {
            Some((run, drive)) => {
                if immediately {
                    drive.hand_over();
                    drive.until(&live, || run.is_created() || run.has_answered()).await;
                } else {
                    drive.until(&live, || settled() || run.has_answered()).await;
                }
                if let Some(answer) = run.take_answer() {
                    return answer.map(|message| Reply::Sent(SendMessageResponse::Message(message)));
                }
            }
            None if immediately => {}
            None => live.until(settled).await,
        }
        // What is left of it goes on by itself: reading may take its time.
        drop(work);
        if live.slot().abandoned {
            return Err(abandoned());
        }
        let snapshot = self.storage.snapshot(&scope, id).await.map_err(failed)?;
        let mut snapshot = snapshot.ok_or_else(|| Error::task_not_found(&id.to_string()))?;
        let state = &snapshot.task.status.state;
        let paused = paused.into_inner();
        if paused > 0 && !state.is_terminal() && !state.is_interrupted() {
            snapshot = self.snapshot_at(&scope, id, paused).await?.unwrap_or(snapshot);
        }
        Ok(Reply::Sent(SendMessageResponse::Task(with_history(snapshot.task, history_length))))
    }

    pub(super) async fn send_streaming(
        self: &Arc<Self>,
        context: CallContext,
        request: SendMessageRequest,
    ) -> Result<Reply, Error> {
        let sending = match self.accept(context, request, false).await? {
            Accepted::Sending(sending) => sending,
            Accepted::Answered(message) => return Ok(one_message(message)),
        };
        let Sending { scope, id, live, waiting: _waiting, message, created, work } = sending;
        let mut beside = None;
        if let Some((run, mut drive)) = work {
            drive.until(&live, || run.is_created() || run.has_answered()).await;
            if let Some(answer) = run.take_answer() {
                return answer.map(one_message);
            }
            beside = drive.beside(&live).await;
        }
        let from = match created {
            Some(created) => (Arc::new(log::begin(id.into(), &created).map_err(Error::internal)?), message),
            None => {
                let snapshot = match self.snapshot_at(&scope, id, message).await? {
                    Some(snapshot) => snapshot,
                    // The log is gone: the task has long ended, and is shown as it did.
                    None => self.find(&scope, &id.to_string()).await?.1,
                };
                (snapshot.task, snapshot.revision)
            }
        };
        let watch = Watch::new(self.clone(), live, scope, id, from, Until::Answered(message)).doing(beside);
        Ok(Reply::Stream(Box::pin(watch)))
    }

    /// Takes a message: begins its task, or adds it to the one it names.
    async fn accept(
        self: &Arc<Self>,
        context: CallContext,
        request: SendMessageRequest,
        immediately: bool,
    ) -> Result<Accepted, Error> {
        let configuration = request.configuration.unwrap_or_default();
        let scope = self.scope(&context, request.tenant.as_deref());
        let follow_up = match &request.message.task_id {
            Some(name) => Some(self.find_settled(&scope, name).await?),
            None => None,
        };
        let id = follow_up.as_ref().map_or_else(|| self.new_id(), |(id, _)| *id);
        let follow_up = follow_up.map(|(_, snapshot)| snapshot);
        let push = match configuration.task_push_notification_config {
            Some(config) => {
                let task = (id, follow_up.is_some());
                let tenant = request.tenant.as_deref();
                Some(Box::pin(self.inline_push_config(&context, tenant, task, config)).await?)
            }
            None => None,
        };
        let details =
            SendDetails { metadata: request.metadata, accepted_output_modes: configuration.accepted_output_modes };
        let once = context.has_extension(IDEMPOTENT_SEND);
        let incoming = Incoming {
            scope,
            id,
            message: request.message,
            details: (details != SendDetails::default()).then(|| Arc::new(details)),
            context: Arc::new(context),
            immediately,
            claim: None,
            push,
        };
        if once {
            let engine = self.clone();
            let steps = async move { engine.accept_once(incoming, follow_up).await };
            return Whole::new(self.clone(), Box::pin(steps)).await;
        }
        self.take(incoming, follow_up).await.map(Accepted::Sending)
    }

    /// Begins the task of a message, or adds it to the task as it was found.
    pub(super) async fn take(
        self: &Arc<Self>,
        incoming: Incoming,
        follow_up: Option<Snapshot>,
    ) -> Result<Sending, Error> {
        match follow_up {
            Some(snapshot) => {
                let engine = self.clone();
                let steps = async move { engine.follow_up(incoming, snapshot).await };
                Whole::new(self.clone(), Box::pin(steps)).await
            }
            None => self.begin(incoming).await,
        }
    }

    /// Begins the run of a new task's message. The task itself is stored with the first effect of
    /// the handler, or when that waits for something, or now if it is wanted immediately.
    async fn begin(self: &Arc<Self>, incoming: Incoming) -> Result<Sending, Error> {
        let Incoming { scope, id, mut message, details, context, immediately, claim, push } = incoming;
        let skill = skills::choose(&self.skills, &message)?.clone();
        skills::check_access(&context, &skill)?;
        skills::check_media_types(&self.card.get(), &skill, &message)?;
        let name: Arc<str> = id.into();
        let context_id = message.context_id.get_or_insert_with(|| self.new_id().into()).clone();
        if skill.answers != Answers::Message {
            message.task_id = Some(name.clone());
        }
        let message = Arc::new(message);
        let event = |kind| Event { time: self.host.clock.now(), kind };
        let created = event(EventKind::Created {
            context_id: context_id.clone(),
            skill: skill.id.clone(),
            message: message.clone(),
        });
        let mut events = vec![created.clone()];
        events.extend(details.clone().map(|details| event(EventKind::Details(details))));
        let creates_now = immediately && skill.answers == Answers::Task;
        let subject = Subject { id, name, context_id, scope: scope.clone(), skill, context, claim };
        let live = self.live.enter(id);
        let waiting = live.waiting();
        live.start();
        if push.is_some() {
            live.has_webhooks();
        }
        let run = TaskRun::begin(self.clone(), subject, live.clone(), events, push);
        let mut drive = Drive::new(self.clone(), Box::pin(run.clone().go((message, details))));
        if creates_now && let Err(error) = run.create().await {
            // The caller is told that there is no task, so nothing is done for it.
            drive.forget();
            run.give_up(error).await;
            return Err(run.take_answer().and_then(Result::err).unwrap_or_else(abandoned));
        }
        Ok(Sending { scope, id, live, waiting, message: 1, created: Some(created), work: Some((run, drive)) })
    }

    /// Adds a message to a task, and runs it unless somebody does.
    async fn follow_up(self: &Arc<Self>, incoming: Incoming, snapshot: Snapshot) -> Result<Sending, Error> {
        let Incoming { scope, id, mut message, details, context, claim, mut push, .. } = incoming;
        let author = if claim.is_some() { Author::Claimant } else { Author::Caller };
        self.attend();
        let live = self.live.enter(id);
        let waiting = live.waiting();
        let context_id = snapshot.task.context_id.clone();
        if message.context_id.as_ref().is_some_and(|named| *named != context_id) {
            return Err(Error::invalid(
                "message.contextId",
                "is not the context of the task that message.taskId names",
            ));
        }
        let skill = self.skills.iter().find(|skill| skill.id == snapshot.skill).cloned().ok_or_else(|| {
            Error::new(ErrorKind::UnsupportedOperation, format!("the skill {:?} is no longer offered", snapshot.skill))
        })?;
        skills::check_access(&context, &skill)?;
        skills::check_media_types(&self.card.get(), &skill, &message)?;
        message.context_id = Some(context_id.clone());
        let name = snapshot.task.id.clone();
        let message = Arc::new(message);
        // Held on to, the snapshot would have to be copied by the append.
        let (found, state) = (snapshot.revision, snapshot.task.status.state.clone());
        self.observe(&live, &scope, &snapshot);
        drop(snapshot);
        let ended = |state: &TaskState| {
            let text = format!("the task has ended as {state} and takes no more messages");
            Error::new(ErrorKind::UnsupportedOperation, text)
        };
        if state.is_terminal() {
            return Err(ended(&state));
        }
        if let Some(row) = push.take() {
            // Before the message, so that nothing that follows from it is missed.
            Box::pin(self.put_push_config(&scope, id, *row, found)).await?;
            self.tell(&live, &scope);
            self.publish(id, 0);
        }
        let event = |kind| Event { time: self.host.clock.now(), kind };
        let mut events = vec![event(EventKind::Message(message.clone()))];
        events.extend(details.clone().map(|details| event(EventKind::Details(details))));
        let place = match self.storage.append(&scope, id, AT_THE_END, events.clone(), author).await {
            Ok(revision) => {
                let before = revision - events.len() as Revision;
                self.grown(&live, &scope, &News::of(before, &events));
                before + 1
            }
            Err(StorageError::Refused(FoldError::Ended(state))) => return Err(ended(&state)),
            Err(error) => return Err(failed(error)),
        };
        live.follow(place);
        let mut work = None;
        if live.start() {
            let acquired = self.acquire(&live, &scope).await.inspect_err(|_| live.quit());
            if let Acquired::Held { held, left } = acquired.map_err(failed)? {
                let subject = Subject { id, name, context_id, scope: scope.clone(), skill, context, claim: None };
                let run = TaskRun::resume(self.clone(), subject, live.clone(), held);
                let drive = Drive::new(self.clone(), Box::pin(run.clone().go_on(left)));
                work = Some((run, drive));
            }
        }
        Ok(Sending { scope, id, live, waiting, message: place, created: None, work })
    }
}

/// A message that is to be taken.
pub(super) struct Incoming {
    pub(super) scope: Scope,
    /// The task it continues, or is to begin.
    pub(super) id: TaskId,
    pub(super) message: Message,
    pub(super) details: Option<Arc<SendDetails>>,
    pub(super) context: Arc<CallContext>,
    /// Whether the caller wants the task as soon as it exists.
    pub(super) immediately: bool,
    /// The message id, where it is claimed for the task.
    pub(super) claim: Option<Arc<str>>,
    /// The push configuration that came along.
    pub(super) push: Option<Box<PushConfigRow>>,
}

/// What became of a message.
pub(super) enum Accepted {
    /// It is under way.
    Sending(Sending),
    /// It was answered before.
    Answered(Arc<Message>),
}

fn one_message(message: Arc<Message>) -> Reply {
    let event = StreamEvent::new(None, StreamResponse::Message(message));
    Reply::Stream(Box::pin(stream::iter([Ok(Arc::new(event))])))
}
