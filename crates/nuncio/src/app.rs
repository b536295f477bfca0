//! What every command works with: the settings, the console, the agent, and the task that was last
//! heard of, which must not be lost however the run ends.

use std::{
    cell::{Cell, RefCell},
    io,
};

use a2a_http_client::Credential;
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
    /// Whether the identifiers of that task are on stdout.
    pub(crate) announced: Cell<bool>,
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
        Self {
            settings,
            resolved,
            console,
            card: RefCell::default(),
            seen: RefCell::default(),
            announced: Cell::default(),
        }
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

    /// Whether the credential that the agent requires was supplied.
    fn has_credentials(&self) -> bool {
        let supplied = |credential| match credential {
            Credential::Bearer => self.settings.bearer.is_some(),
            Credential::ApiKey => self.settings.api_key.is_some(),
        };
        client_errors::suffices(self.card.borrow().as_ref(), supplied)
    }

    fn with_hints(&self, failure: Failure) -> Failure {
        match failure.code {
            Code::CredentialsMissing => failure.hint(client_errors::credentials_hint(self.card.borrow().as_ref())),
            Code::Unreachable => self.with_resumption(failure),
            _ => failure,
        }
    }

    /// The end of `--timeout`. In text, stdout ends with the task as it was last known.
    pub(crate) fn timed_out(&self) -> Failure {
        if let Some(Seen { task_id, context_id, state }) =
            self.seen.borrow().as_ref().filter(|_| !self.console.is_json())
        {
            let mut fields = Fields::new();
            if !self.announced.get() {
                text::identifiers(&mut fields, task_id, context_id);
            }
            fields.field("State", &state.to_string());
            // Whoever has closed stdout is told by the exit status.
            let _ = self.console.text(&fields);
        }
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

    /// The hint says how to go on with the task that was seen, and first which credential that takes
    /// if it is a matter of one.
    pub(crate) fn with_resumption(&self, failure: Failure) -> Failure {
        let carried = resume::carried(&self.resolved);
        match &*self.seen.borrow() {
            Some(seen) => match resume::task(&carried, &seen.task_id, &seen.context_id, &seen.state) {
                Some(command) => {
                    let about_credentials = matches!(failure.code, Code::CredentialsMissing | Code::AuthFailed);
                    let hint = match &failure.hint {
                        Some(hint) if about_credentials => format!("{hint}; then {command}"),
                        _ => command,
                    };
                    Failure { hint: Some(hint), ..failure }
                }
                None => failure,
            },
            None => failure,
        }
    }
}

/// A closed stdout ends the run, and well: its reader has what it wanted.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Failure> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::new(Code::OutputClosed, "nobody reads standard output any more"),
        _ => Failure::new(Code::Internal, format!("cannot write to standard output: {error}")),
    })
}
