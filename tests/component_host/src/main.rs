//! `component_host FILE.wasm`: serves a component as Spin does, for trying it out by hand.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use component_host::{ComponentFile, Error, Host, Location};
use tokio::signal::unix::{SignalKind, signal};

/// Serves a WebAssembly component of the Spin SDK as Spin does.
#[derive(Parser)]
struct Arguments {
    /// The component.
    file: PathBuf,
    /// The address to listen on; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// An environment variable of the component.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
    /// A host that the component may call, such as `http://127.0.0.1:*`.
    #[arg(long, value_name = "HOST")]
    allow: Vec<String>,
    /// A SQLite database of the component, in a file or in `:memory:`.
    #[arg(long, value_name = "LABEL=FILE", value_parser = pair)]
    sqlite: Vec<(String, String)>,
    /// A key-value store of the component, in a file or in `:memory:`.
    #[arg(long, value_name = "LABEL=FILE", value_parser = pair)]
    key_value: Vec<(String, String)>,
    /// How long an instance lives on without anything to do, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    idle_ms: u64,
    /// How many requests an instance takes in all.
    #[arg(long, value_name = "N", default_value_t = 128)]
    requests_per_instance: usize,
    /// How many requests an instance answers at a time.
    #[arg(long, value_name = "N", default_value_t = 16)]
    concurrent_requests: usize,
}

fn pair(argument: &str) -> Result<(String, String), String> {
    let (name, value) = argument.split_once('=').ok_or("there is no `=`")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn location(file: String) -> Location {
    if file == ":memory:" { Location::Memory } else { file.into() }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    let mut host = Host::new()
        .listen(arguments.listen)
        .idle(Duration::from_millis(arguments.idle_ms))
        .requests_per_instance(arguments.requests_per_instance)
        .concurrent_requests(arguments.concurrent_requests)
        .inherit_output();
    for (name, value) in arguments.env {
        host = host.env(name, value);
    }
    for allowed in arguments.allow {
        host = host.allow(allowed);
    }
    for (label, file) in arguments.sqlite {
        host = host.sqlite(label, location(file));
    }
    for (label, file) in arguments.key_value {
        host = host.key_value(label, location(file));
    }
    let mut terminated = signal(SignalKind::terminate())?;
    let serving = host.serve(&ComponentFile::load(arguments.file)?).await?;
    eprintln!("listens on {}", serving.url());
    tokio::select! {
        _ = terminated.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    serving.stop().await;
    Ok(())
}
