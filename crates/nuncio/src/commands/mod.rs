//! The commands, one file for each noun.

mod card;
mod completion;
mod config;
mod proxy;
mod push_config;
mod send;
mod store;
mod task;
mod webhook;

use crate::{
    app::App,
    args::{CardCommand, Command, ConfigCommand, PushConfigCommand, TaskCommand},
    error::Failure,
};

pub(crate) use store::StoreCommand;

/// Runs a command.
///
/// # Errors
/// Why it did not do its job. What the agent decided is no failure.
pub(crate) async fn run(app: &App, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Card(CardCommand::Get(args)) => card::get(app, *args).await,
        Command::Card(CardCommand::Sign(args)) => card::sign(app, args),
        Command::Card(CardCommand::Verify(args)) => card::verify(app, args).await,
        Command::Completion { shell } => completion::print(app, *shell),
        Command::Config(ConfigCommand::Show) => config::show(app),
        Command::Demo => crate::demo::tour().await,
        Command::DemoServer(args) => crate::demo::serve(args).await,
        Command::Proxy(args) => proxy::run(app, args).await,
        Command::Send(args) => send::run(app, args).await,
        Command::Store(command) => store::run(app, command).await,
        Command::Task(TaskCommand::Cancel(args)) => task::cancel(app, args).await,
        Command::Task(TaskCommand::Get(args)) => task::get(app, args).await,
        Command::Task(TaskCommand::List(args)) => task::list(app, args).await,
        Command::Task(TaskCommand::PushConfig(command)) => match command {
            PushConfigCommand::Create(args) => push_config::create(app, args).await,
            PushConfigCommand::Delete(args) => push_config::delete(app, args).await,
            PushConfigCommand::Get(args) => push_config::get(app, args).await,
            PushConfigCommand::List(args) => push_config::list(app, args).await,
        },
        Command::Task(TaskCommand::Subscribe(args)) => task::subscribe(app, args).await,
        Command::Webhook(args) => webhook::run(app, args).await,
    }
}
