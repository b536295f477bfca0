//! What the component does with its stores.

use std::collections::BTreeMap;

use http::Method;
use spin_sdk::key_value::Store;
use spin_sdk::sqlite::{Connection, Error, Value};

/// Runs a script of SQL, a statement a line, and answers each with a line: its rows, or what is wrong.
///
/// A line is `connection: statement`; a connection is opened where it is first named. `connection: drop` drops it.
/// `connection: panic` panics. `connection@label: …` opens the database with that label; without one it is the default.
pub(crate) async fn script(script: &str) -> String {
    let mut connections = BTreeMap::new();
    let mut answers = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, statement) = line.split_once(": ").unwrap_or((line, ""));
        let answer = if statement == "drop" {
            connections.remove(name);
            "dropped".into()
        } else {
            step(&mut connections, name, statement).await.unwrap_or_else(|error| format!("{error:?}"))
        };
        answers.push_str(&answer);
        answers.push('\n');
    }
    answers
}

async fn step(connections: &mut BTreeMap<String, Connection>, name: &str, statement: &str) -> Result<String, Error> {
    if !connections.contains_key(name) {
        let label = name.split_once('@').map_or("default", |(_, label)| label);
        connections.insert(name.to_owned(), Connection::open(label).await?);
    }
    let connection = &connections[name];
    if statement == "panic" {
        panic!("as asked");
    }
    if statement == "changes" {
        return Ok(format!("{} {}", connection.changes().await, connection.last_insert_rowid().await));
    }
    let rows = connection.execute(statement, []).await?.collect().await?;
    let rows: Vec<_> = rows.iter().map(|row| row.values.iter().map(show).collect::<Vec<_>>().join(",")).collect();
    Ok(if rows.is_empty() { "ok".into() } else { rows.join(" ") })
}

fn show(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => format!("{text:?}"),
        Value::Blob(bytes) => format!("{bytes:02x?}"),
        Value::Null => "null".into(),
    }
}

/// Reads `count` rows one by one, after sending values of all types there and back.
pub(crate) async fn rows(count: i64) -> Result<String, Error> {
    let connection = Connection::open_default().await?;
    let sent = [1.into(), Value::Real(0.5), "text".into(), Value::Blob(vec![0, 255]), Value::Null];
    let mut back = connection.execute("SELECT ?1, ?2, ?3, ?4, ?5", sent).await?;
    let values = back.next().await.map(|row| row.values.iter().map(show).collect::<Vec<_>>().join(","));
    back.result().await?;

    let counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT i FROM n";
    // A statement whose rows are not read to the end is ended by dropping them; the connection goes on.
    let mut unread = connection.execute(counting, [Value::Integer(count)]).await?;
    unread.next().await;
    drop(unread);

    let mut numbers = connection.execute(counting, [Value::Integer(count)]).await?;
    let columns = numbers.columns().join(",");
    let mut sum = 0;
    while let Some(row) = numbers.next().await {
        sum += row.get::<i64>(0).unwrap_or_default();
    }
    numbers.result().await?;
    Ok(format!("{} {columns} {sum}", values.unwrap_or_default()))
}

/// The keys of the default store, in order.
pub(crate) async fn keys() -> Result<String, spin_sdk::key_value::Error> {
    let mut keys = Store::open_default().await?.get_keys().await.collect().await?;
    keys.sort();
    Ok(keys.join(" "))
}

/// Writes, deletes or reads a key of the default store, or of the store before a `:` in the key.
pub(crate) async fn key(method: Method, key: String, value: String) -> Result<String, spin_sdk::key_value::Error> {
    let (label, key) = key.split_once(':').unwrap_or(("default", &key));
    let store = Store::open(label).await?;
    Ok(match method {
        Method::PUT => {
            store.set(key, value).await?;
            "written".into()
        }
        Method::DELETE => {
            store.delete(key).await?;
            format!("exists: {}", store.exists(key).await?)
        }
        _ => store.get(key).await?.map_or("none".into(), |value| String::from_utf8_lossy(&value).into_owned()),
    })
}
