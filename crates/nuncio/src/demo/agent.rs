//! The demo agent: the first word of a message says what it does, so that every kind of answer can
//! be had at will.

use std::time::Duration;

use agent_sdk::prelude::*;

/// How long a chunk of a report takes.
const PACE: Duration = Duration::from_millis(60);

/// The demo agent, to be served.
pub(crate) fn agent() -> Agent {
    Agent::new("Demo", "A local agent to practise on: it answers with whatever kind of answer is asked for")
        .provider("nuncio", "https://github.com/nuncio-a2a/nuncio")
        .version(env!("CARGO_PKG_VERSION"))
        .skill(
            Skill::new("practise", "Practise")
                .description(
                    "echo TEXT: a direct message. task TEXT: a task with one artifact. chunks N: an artifact in N \
                     chunks. report TEXT: a long answer with progress. ask: a question to be answered. auth: a task \
                     that needs a credential. hold: works until it is cancelled. fail, reject: how tasks end badly.",
                )
                .tag("demo")
                .example("echo hello")
                .example("report the tides")
                .example("ask")
                .input_mode("*/*")
                .output_mode("text/plain")
                .answers(Answers::Either)
                .rerunnable(),
            practise,
        )
}

async fn practise(turn: Turn, task: TaskUpdater) -> Result<(), HandlerError> {
    let text = turn.text();
    if turn.is_follow_up() {
        task.working("thinking about it").await?;
        task.artifact("answer").write(text).await?;
        return task.complete().await;
    }
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
    match word {
        "task" => {
            task.working("on it").await?;
            task.artifact("answer").write(format!("echo: {rest}")).await?;
            task.complete().await
        }
        "chunks" => chunks(rest, &task).await,
        "report" => report(rest, &task).await,
        "ask" => task.input_required("Which colour?").await,
        "auth" => task.auth_required("Sign in, then send your answer.").await,
        "hold" => {
            let again = match turn.attempt() {
                1 => String::new(),
                attempt => format!(", attempt {attempt}: the process that held before is gone"),
            };
            task.working(format!("holding until cancelled{again}")).await?;
            std::future::pending().await
        }
        "fail" => task.fail("It failed, as asked.").await,
        "reject" => task.reject("It is rejected, as asked.").await,
        "echo" => task.reply(format!("echo: {rest}")).await,
        _ => task.reply(format!("echo: {text}")).await,
    }
}

async fn chunks(count: &str, task: &TaskUpdater) -> Result<(), HandlerError> {
    const MOST: u32 = 100_000;
    let Some(count) = count.trim().parse::<u32>().ok().filter(|count| (1..=MOST).contains(count)) else {
        return task.reject(format!("chunks needs a number from 1 to {MOST}")).await;
    };
    task.working("writing").await?;
    let mut artifact = task.artifact("answer");
    for index in 0..count - 1 {
        artifact.append(format!("chunk {index} ")).await?;
    }
    artifact.append_last(format!("chunk {} ", count - 1)).await?;
    task.complete().await
}

async fn report(subject: &str, task: &TaskUpdater) -> Result<(), HandlerError> {
    let subject = if subject.is_empty() { "nothing in particular" } else { subject };
    let sentences = [
        format!("This is a report on {subject}. "),
        "It was asked for in one message. ".to_owned(),
        "It is written piece by piece. ".to_owned(),
        "Whoever watches sees each piece as it is written, ".to_owned(),
        "and how far the work is. ".to_owned(),
        "That is all.".to_owned(),
    ];
    task.working(format!("reporting on {subject}")).await?;
    let mut artifact = task.artifact("report").description("A report, piece by piece");
    let [first @ .., last] = &sentences;
    for (written, sentence) in first.iter().enumerate() {
        agent_sdk::sleep(PACE).await;
        artifact.append(sentence.as_str()).await?;
        task.progress((written + 1) as f64 / sentences.len() as f64).await?;
    }
    artifact.append_last(last.as_str()).await?;
    task.complete().await
}
