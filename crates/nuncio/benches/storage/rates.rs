//! Tasks and chunks per second, of real servers.

use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::future::join_all;

use crate::{
    agent::Place,
    disk,
    http::{Connection, call, message},
    postgres,
    server::Server,
    table,
};

/// So many chunks a task has.
const CHUNKS: usize = 200;

/// What is sent all the time, over how many connections at once.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    connections: usize,
    is_chunks: bool,
}

const LOADS: [Load; 4] = [
    Load { name: "send → Task, one caller", connections: 1, is_chunks: false },
    Load { name: "send → Task, 16 callers", connections: 16, is_chunks: false },
    Load { name: "appended chunks, one task", connections: 1, is_chunks: true },
    Load { name: "appended chunks, 16 tasks at once", connections: 16, is_chunks: true },
];

/// What came of it in one round.
struct Measured {
    per_second: f64,
    /// What the server itself took, for each task or chunk.
    cpu: Duration,
    latencies: Vec<Duration>,
}

pub(crate) fn run(rounds: usize, time: Duration) {
    let directory = tempfile::tempdir().unwrap();
    let database = postgres::Server::new();
    disk::describe(directory.path());
    disk::describe_server(&database.url());
    let file = Place::File { path: directory.path().join("tasks.db") };
    let places = [Place::Memory, file, Place::Database { url: database.url() }];
    let mut targets: Vec<_> = places.iter().map(|place| (place.name(), Server::start(place))).collect();
    // A database of its own: both have a table of the same name.
    disk::ask(&database.url(), "CREATE DATABASE python");
    match Server::python(&database.url().replace("/postgres", "/python")) {
        Ok(server) => targets.push(("official Python, PostgreSQL", server)),
        Err(error) => println!("The official Python SDK is left out: {error}"),
    }
    // One thread, so that a server has the other core.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut syncs, mut measured) = (Vec::new(), LOADS.map(|_| targets.iter().map(|_| Vec::new()).collect::<Vec<_>>()));
    for round in 0..rounds {
        for (load, measured) in LOADS.iter().zip(&mut measured) {
            syncs.push(disk::syncs_per_second(directory.path()));
            let mut turns: Vec<_> = targets.iter().zip(measured).collect();
            if round % 2 == 1 {
                turns.reverse();
            }
            for ((_, server), measured) in turns {
                measured.push(load.measure(&runtime, server, time));
            }
        }
    }
    let head: Vec<&str> = [""].into_iter().chain(targets.iter().map(|(name, _)| *name)).collect();
    table::print(
        &head,
        &LOADS.iter().zip(&measured).flat_map(|(load, measured)| load.rows(measured)).collect::<Vec<_>>(),
    );
    let syncs = table::rate(table::median(&syncs).unwrap());
    println!("\nThe disk takes {syncs} pages of 4 KiB for good (fdatasync), one after the other.");
    println!("Medians of {rounds} rounds of {}. A task of chunks has {CHUNKS}.", table::time(time));
}

impl Load {
    fn measure(&self, runtime: &tokio::runtime::Runtime, server: &Server, time: Duration) -> Measured {
        let before = server.cpu();
        let (count, latencies) = runtime.block_on(self.run(server.address, time));
        let all = latencies.len() * self.of_one_call();
        let cpu = (server.cpu() - before).div_f64(all as f64);
        Measured { per_second: count as f64 / time.as_secs_f64(), cpu, latencies }
    }

    /// How many were answered in that time, and how long each call took; those under way at the end
    /// are waited for.
    async fn run(&self, address: SocketAddr, time: Duration) -> (usize, Vec<Duration>) {
        let connections = join_all((0..self.connections).map(|_| Connection::open(address))).await;
        let (until, count) = (Instant::now() + time, Cell::new(0));
        let callers =
            connections.into_iter().zip(0..).map(|(connection, caller)| self.call(connection, caller, until, &count));
        let latencies = join_all(callers).await.concat();
        (count.get(), latencies)
    }

    async fn call(&self, mut to: Connection, caller: usize, until: Instant, count: &Cell<usize>) -> Vec<Duration> {
        let (method, text, mark) = match self.is_chunks {
            true => ("SendStreamingMessage", format!("chunks {CHUNKS}"), "\"artifactUpdate\""),
            false => ("SendMessage", "hello from the benchmark".to_owned(), "\"TASK_STATE_COMPLETED\""),
        };
        let (mut latencies, mut answer) = (Vec::new(), String::new());
        while Instant::now() < until {
            let request = call(method, &message(&format!("{caller}-{}", latencies.len()), &text));
            let begun = Instant::now();
            answer.clear();
            to.post(&request, |piece| {
                let new = answer.len().saturating_sub(mark.len() - 1);
                answer.push_str(piece);
                if Instant::now() < until {
                    count.set(count.get() + answer[new..].matches(mark).count());
                }
            })
            .await;
            latencies.push(begun.elapsed());
            assert_eq!(answer.matches(mark).count(), self.of_one_call(), "{answer}");
        }
        latencies
    }

    /// How many are counted of one call.
    fn of_one_call(&self) -> usize {
        if self.is_chunks { CHUNKS } else { 1 }
    }

    /// The rows of a table, from all rounds of each target.
    fn rows(&self, measured: &[Vec<Measured>]) -> Vec<Vec<String>> {
        let row = |name: &str, of: &dyn Fn(&Measured) -> f64, shown: &dyn Fn(f64) -> String| {
            let median = |rounds: &Vec<Measured>| table::median(&rounds.iter().map(of).collect::<Vec<_>>());
            let cells = measured.iter().map(|rounds| shown(median(rounds).unwrap_or_default()));
            [name.to_owned()].into_iter().chain(cells).collect()
        };
        let seconds = |seconds| table::time(Duration::from_secs_f64(seconds));
        let slow = |one: &Measured| table::quantile(&one.latencies, 0.99).unwrap_or_default().as_secs_f64();
        let mut rows = vec![row(self.name, &|one| one.per_second, &table::rate)];
        if self.connections > 1 && !self.is_chunks {
            rows.push(row("… p99 of their latency", &slow, &seconds));
        }
        if self.connections > 1 {
            rows.push(row("… CPU of the server for each", &|one| one.cpu.as_secs_f64(), &seconds));
        }
        rows
    }
}
