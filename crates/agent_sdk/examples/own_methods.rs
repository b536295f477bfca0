//! An agent with JSON-RPC methods of its own, what it tells of them, and a program that calls them.
//!
//! `cargo run --example own_methods`, then `cargo run --example own_methods call localhost:3004`.
//! `cargo run --example own_methods docs` prints what the agent offers.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use agent_sdk::{prelude::*, protocol::Error};
use futures::{Stream, StreamExt as _, stream};
use serde::{Deserialize, Serialize};

#[derive(Clone, Default)]
struct Dictionary(Arc<RwLock<BTreeMap<String, String>>>);

#[derive(Deserialize, Serialize)]
struct Entry {
    word: String,
    meaning: String,
}

/// Adds a word, and says what it meant before.
#[a2a_rpc("dictionary.example/define")]
async fn define(
    words: Dictionary,
    _context: CallContext,
    word: String,
    meaning: String,
) -> Result<Option<String>, Error> {
    if word.is_empty() {
        return Err(Error::invalid("word", "must not be empty"));
    }
    Ok(words.0.write().unwrap_or_else(PoisonError::into_inner).insert(word, meaning))
}

/// Lists all words, or those that begin with a prefix.
#[a2a_rpc("dictionary.example/list")]
async fn list(
    words: Dictionary,
    _context: CallContext,
    prefix: Option<String>,
) -> Result<impl Stream<Item = Result<Entry, Error>>, Error> {
    let prefix = prefix.unwrap_or_default();
    let words = words.0.read().unwrap_or_else(PoisonError::into_inner).clone();
    let found = words.into_iter().filter(move |(word, _)| word.starts_with(&prefix));
    Ok(stream::iter(found.map(|(word, meaning)| Ok(Entry { word, meaning }))))
}

fn agent() -> Agent {
    let words = Dictionary::default();
    let known = words.clone();
    let look_up = move |turn: Turn, task: TaskUpdater| {
        let meaning = known.0.read().unwrap_or_else(PoisonError::into_inner).get(&turn.text()).cloned();
        async move { task.reply(meaning.unwrap_or_else(|| "I do not know that word".to_owned())).await }
    };
    Agent::new("Dictionary", "Says what words mean")
        .skill(Skill::new("look-up", "Look up").description("Says what a word means.").example("tide"), look_up)
        .rpc_with::<define>(words.clone())
        .rpc_with::<list>(words)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &*arguments.iter().map(String::as_str).collect::<Vec<_>>() {
        ["docs"] => print!("{}", agent().docs()),
        ["call", agent] => call(&Client::builder().connect(agent).await?).await?,
        address => agent().serve(*address.first().unwrap_or(&"127.0.0.1:3004")).await?,
    }
    Ok(())
}

async fn call(dictionary: &Client) -> Result<(), Error> {
    for (word, meaning) in [("tide", "the sea's rise and fall"), ("tidy", "in order"), ("moon", "why there are tides")]
    {
        let before = define::call(dictionary, word.to_owned(), meaning.to_owned()).await?;
        println!("{word}, which was {}", before.as_deref().unwrap_or("unknown"));
    }
    let mut words = list::call(dictionary, Some("tid".to_owned())).await?;
    while let Some(entry) = words.next().await {
        let Entry { word, meaning } = entry?;
        println!("{word}: {meaning}");
    }
    Ok(())
}
