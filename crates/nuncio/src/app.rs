//! What every command works with: the settings, the console, the agent, and the task that was last
//! heard of, which must not be lost however the run ends.

use std::{cell::RefCell, io};

use a2a_protocol_core::{AgentCard, StreamResponse, Task, TaskState};

use crate::{
    client_errors,
    config::Resolved,
    error::{Code, Failure},
    output::{Console, Fields, text},
    resume,
    settings::Settings,
};

/// The run of one command.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) resolved: Resolved,
    pub(crate) console: Console,
    /// The card of the agent, once it is known: hints are made from it.
    pub(crate) card: RefCell<Option<AgentCard>>,
    seen: RefCell<Option<Seen>>,
}

/// The task that was last heard of.
#[derive(Clone, Debug)]
struct Seen {
    task_id: String,
    context_id: String,
    state: TaskState,
}

impl App {
    pub(crate) fn new(settings: Settings, resolved: Resolved, console: Console) -> Self {
        Self { settings, resolved, console, card: RefCell::default(), seen: RefCell::default() }
    }

    /// Takes note of a task.
    pub(crate) fn saw(&self, task: &Task) {
        let seen = Seen {
            task_id: task.id.to_string(),
            context_id: task.context_id.to_string(),
            state: task.status.state.clone(),
        };
        self.seen.replace(Some(seen));
    }

    /// Ends the text about a task: how to go on.
    pub(crate) fn conclude(&self, fields: &mut Fields, task: &Task) {
        let state = &task.status.state;
        let carried = resume::carried(&self.resolved);
        fields.optional("Resume", resume::task(&carried, &task.id, &task.context_id, state).as_deref());
    }

    /// Names an outcome on stderr that is no success.
    pub(crate) fn warn_of(&self, state: &TaskState) {
        match state {
            TaskState::Failed | TaskState::Rejected | TaskState::Canceled => {
                self.console.warn(&format!("the task ended as {state}"));
            }
            TaskState::InputRequired => self.console.warn(&format!("the task waits for a message: {state}")),
            TaskState::AuthRequired => self.console.warn(&format!("the task waits for a credential: {state}")),
            _ => {}
        }
    }

    /// Writes a whole task, as JSON or as text.
    pub(crate) fn print_task(&self, task: &Task) -> Result<(), Failure> {
        if self.console.is_json() {
            written(self.console.json(task))?;
        } else {
            let mut fields = Fields::new();
            text::task(&mut fields, task, self.settings.verbose);
            self.conclude(&mut fields, task);
            written(self.console.text(&fields))?;
        }
        Ok(())
    }

    /// Shows how far the work is, where stderr is a terminal.
    pub(crate) fn show_progress(&self, state: &TaskState, event: Option<&StreamResponse>) {
        let percentage = event.and_then(text::progress).map(|progress| format!(" {progress}")).unwrap_or_default();
        let said = event.and_then(StreamResponse::status).and_then(|status| status.message.as_ref());
        let said = said.map(|message| format!(": {}", message.text())).unwrap_or_default();
        self.console.progress(&format!("{state}{percentage}{said}"));
    }

    /// A failure of the protocol or of the connection, with hints from what this run knows.
    pub(crate) fn failed(&self, error: &a2a_protocol_core::Error) -> Failure {
        self.with_hints(client_errors::of_call(error, self.has_credentials()))
    }

    /// A failure to connect.
    pub(crate) fn not_connected(&self, error: &a2a_http_client::ClientError) -> Failure {
        self.with_hints(client_errors::of_connecting(error, self.has_credentials()))
    }

    fn has_credentials(&self) -> bool {
        self.settings.bearer.is_some() || self.settings.api_key.is_some()
    }

    fn with_hints(&self, failure: Failure) -> Failure {
        match failure.code {
            Code::CredentialsMissing => failure.hint(client_errors::credentials_hint(self.card.borrow().as_ref())),
            Code::Unreachable if self.seen.borrow().is_some() => self.with_resumption(failure),
            _ => failure,
        }
    }

    /// The end of `--timeout`.
    pub(crate) fn timed_out(&self) -> Failure {
        let after = self.settings.timeout.map(crate::duration::format).unwrap_or_default();
        let failure = match &*self.seen.borrow() {
            Some(Seen { task_id, context_id, state }) => Failure::new(
                Code::Timeout,
                format!("after {after} the task {task_id} of context {context_id} is {state}"),
            ),
            None => Failure::new(Code::Timeout, format!("no answer within {after}")),
        };
        self.with_resumption(failure).hint("give it more time with --timeout")
    }

    /// Ctrl-C, or a signal to end. On the terminal it says where the work can be picked up.
    pub(crate) fn interrupted(&self) -> Failure {
        let failure = match &*self.seen.borrow() {
            Some(Seen { task_id, context_id, state }) => {
                let message = format!("interrupted; the task {task_id} of context {context_id} goes on, it is {state}");
                Failure::new(Code::Interrupted, message)
            }
            None => Failure::new(Code::Interrupted, "interrupted"),
        };
        self.with_resumption(failure)
    }

    /// The hint says how to go on with the task that was seen.
    pub(crate) fn with_resumption(&self, failure: Failure) -> Failure {
        let carried = resume::carried(&self.resolved);
        match &*self.seen.borrow() {
            Some(seen) => match resume::task(&carried, &seen.task_id, &seen.context_id, &seen.state) {
                Some(command) => failure.hint(command),
                None => failure,
            },
            None => failure,
        }
    }
}

/// A closed stdout ends the run: there is nobody to tell the rest to.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Failure> {
    result.map_err(|error| Failure::new(Code::Internal, format!("cannot write to standard output: {error}")))
}
