//! The agent under test: the first word of a message says what its handler does.

use std::time::Duration;

use agent_sdk::prelude::*;

use crate::gates::Gates;

mod cards;
mod guarded;
pub(crate) mod kinds;
pub(crate) mod methods;
pub(crate) mod pushing;
pub(crate) mod rpc;
pub(crate) mod shout;

pub(crate) use kinds::Kind;

/// A word of a message's text.
fn word(text: &str, index: usize) -> &str {
    text.split(' ').nth(index).unwrap_or_default()
}

async fn act(gates: Gates, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    let text = turn.text();
    if text == "details" {
        let metadata = turn.request_metadata().and_then(|metadata| metadata["trace"].as_str()).unwrap_or("none");
        let told = format!("{metadata} {}", turn.accepted_output_modes().join(","));
        task.artifact("details").write(told).await?;
        return task.input_required("more details?").await;
    }
    if turn.is_follow_up() {
        let heard = turn.history.iter().map(|message| message.text()).collect::<Vec<_>>().join("|");
        task.artifact("answer").write(format!("{text} after {heard}")).await?;
        if text == "again" {
            return task.input_required("and then?").await;
        }
        return task.complete().await;
    }
    match word(&text, 0) {
        "complete" => task.complete().await,
        "nothing" => Ok(()),
        "reply" => task.reply("the reply").await,
        "task" => {
            task.working("on it").await?;
            task.artifact("answer").write(format!("echo: {text}")).await?;
            task.complete().await
        }
        "chunks" => {
            let count: usize = word(&text, 1).parse()?;
            let mut artifact = task.artifact("chunks").name("Chunks").description("in pieces");
            for index in 1..count {
                artifact.append(format!("{index} ")).await?;
            }
            artifact.append_last(format!("{count} ")).await?;
            task.complete().await
        }
        "finish" => {
            let mut artifact = task.artifact("report");
            artifact.append(Part::data(serde_json::json!({"half": 1}))).await?;
            artifact.finish().await
        }
        "progress" => {
            task.progress(0.5).await?;
            task.progress(7.0).await?;
            task.complete().await
        }
        "ask" => task.input_required("which one?").await,
        "gate" => {
            task.working("waiting").await?;
            gates.pass(word(&text, 1)).await;
            task.artifact("answer").write("past the gate").await?;
            task.complete().await
        }
        "silent" => {
            gates.pass(word(&text, 1)).await;
            Ok(())
        }
        "auth" => {
            task.auth_required("sign in").await?;
            gates.pass(word(&text, 1)).await;
            task.complete().await
        }
        "auth-and-return" => task.auth_required("sign in").await,
        "listen" => {
            task.working("listening").await?;
            let next = turn.next().await;
            task.artifact("answer").write(format!("heard {}", next.text())).await?;
            task.complete().await
        }
        "tidy" => {
            task.working("busy").await?;
            let cancelled = turn.cancelled();
            tokio::select! {
                () = cancelled => {
                    task.artifact("tidied").write("left in order").await?;
                    Ok(())
                }
                () = gates.pass(word(&text, 1)) => task.complete().await,
            }
        }
        "fail" => task.fail("it broke").await,
        "error" => Err(HandlerError::new("could not do it").caused_by("secret detail")),
        "io-error" => Err(std::io::Error::other("secret detail"))?,
        "panic" => panic!("secret detail"),
        "reject" => task.reject("not my job").await,
        "late" => {
            task.complete().await?;
            assert!(task.working("too late").await.is_err(), "a late event is refused");
            assert!(task.artifact("late").write("too late").await.is_err(), "a late artifact is refused");
            Ok(())
        }
        "metadata" => {
            let members = serde_json::json!({"colour": "blue", "depth": 42.0});
            task.metadata(members.as_object().cloned().unwrap_or_default()).await?;
            task.complete().await
        }
        other => Err(HandlerError::new(format!("no such behaviour: {other}"))),
    }
}

/// Answers with messages only.
async fn say(gates: Gates, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    let text = turn.text();
    match word(&text, 0) {
        "gate" => {
            gates.pass(word(&text, 1)).await;
            task.reply("past the gate").await
        }
        "mute" => Ok(()),
        "error" => Err(HandlerError::new("could not say it").caused_by("secret detail")),
        "panic" => panic!("secret detail"),
        "task" => {
            assert!(task.working("no").await.is_err(), "a skill that answers messages has no task");
            task.reply("no task").await
        }
        _ => task.reply(format!("echo: {text}")).await,
    }
}

/// Answers with a message or a task.
async fn either(gates: Gates, turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    match turn.text().as_str() {
        "message" => task.reply("a message").await,
        "nothing" => Ok(()),
        _ => act(gates, turn, task).await,
    }
}

fn agent(gates: &Gates) -> Agent {
    let (a, b, c) = (gates.clone(), gates.clone(), gates.clone());
    Agent::new("Behaviour", "Does what it is told")
        .skill(Skill::new("act", "Act").tag("test"), move |turn, task| act(a.clone(), turn, task))
        .skill(Skill::new("say", "Say").tag("test").answers(Answers::Message), move |turn, task| {
            say(b.clone(), turn, task)
        })
        .skill(Skill::new("either", "Either").tag("test").answers(Answers::Either), move |turn, task| {
            either(c.clone(), turn, task)
        })
        .skill(
            Skill::new("hasty", "Hasty").tag("test").time_limit(Duration::from_millis(20)),
            |_turn: Turn, _task: TaskUpdater| std::future::pending(),
        )
        .skill(
            Skill::new("pictures", "Pictures").tag("test").input_mode("image/*"),
            |_turn: Turn, task: TaskUpdater| async move { task.complete().await },
        )
}
