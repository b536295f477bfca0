//! What all tests use.

mod agent;
mod command;

pub(crate) use agent::{
    Agent, Answer, Call, TASK_NOT_FOUND, artifact, card, completed, completes, message, status, stream, task,
};
pub(crate) use command::{Nuncio, Run};
