//! An agent that asks back: the task pauses, the caller's next message continues it, and the handler
//! finds what was said before in the history.
//!
//! `cargo run --example multi_turn`, then `nuncio send -a localhost:3002 "a table"`, then the command
//! that it prints.

use agent_sdk::prelude::*;

async fn book(turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    let said = turn.history.iter().filter(|message| message.role == Role::User).count();
    match said {
        0 => task.input_required("For how many people?").await,
        1 if turn.text().parse::<u32>().is_err() => task.reject("That is not a number of people.").await,
        1 => task.input_required("At what time?").await,
        _ => {
            let people = turn.history.iter().filter(|message| message.role == Role::User).nth(1);
            let people = people.map(|message| message.text()).unwrap_or_default();
            task.artifact("booking").write(format!("A table for {people} at {}", turn.text())).await?;
            task.complete().await
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), ServeError> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3002".to_owned());
    Agent::new("Waiter", "Books a table")
        .skill(Skill::new("book", "Book a table").tag("restaurant").example("a table"), book)
        .serve(address)
        .await
}
