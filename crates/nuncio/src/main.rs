//! `nuncio`: the command line for the Agent2Agent (A2A) protocol, after the a2a-cli specification.
//!
//! In scope: one invocation that reads its options, makes its calls by the client library, and
//! reports. Out of scope: any state between invocations, and everything the library does.

mod agent;
mod app;
mod args;
mod cache;
mod client_errors;
mod commands;
mod config;
mod debug;
mod demo;
mod duration;
mod error;
mod follow;
mod media_type;
mod output;
mod parts;
mod place;
mod redact;
mod resume;
mod settings;

use std::{ffi::OsString, process::ExitCode, time::Duration};

use crate::{
    app::App,
    args::Cli,
    config::Layers,
    error::{Code, Failure},
    output::Console,
    redact::Secrets,
    settings::{Format, Settings},
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(run(&arguments))
}

/// Runs one invocation and gives its exit status.
fn run(arguments: &[OsString]) -> u8 {
    let parsed = args::parse(arguments);
    if let Err(error) = &parsed
        && !error.use_stderr()
    {
        // Help or version, which were asked for.
        let printed = error.print();
        return u8::from(printed.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe));
    }
    let flags = match &parsed {
        Ok((_, matches)) => settings::given(matches),
        Err(_) => scanned(arguments),
    };
    let layers = Layers::gather(flags.clone());
    let known = match &layers {
        Ok(layers) => layers.resolve(),
        Err(_) => Layers { flags, environment: config::environment(), ..Layers::default() }.resolve(),
    };

    // Whatever is wrong with the rest, errors take the form that was asked for.
    let format = known.value("output").and_then(Format::parse).unwrap_or_default();
    let lines = parsed.as_ref().is_ok_and(|(cli, _)| cli.command.writes_lines());
    let stream = lines || known.value("stream").is_some_and(|value| value == "true");
    let mut secrets = Secrets::default();
    for name in ["bearer", "api-key"] {
        known.values(name).iter().for_each(|value| secrets.credential(value));
    }
    for parameter in known.values("svc-param") {
        let value = parameter.split_once(':').map_or(parameter.as_str(), |(_, value)| value);
        secrets.service_parameter(value.trim());
    }
    for name in [place::DATABASE_URL, place::NATS_URL] {
        place::variable(name).iter().for_each(|value| secrets.credential(value));
    }
    if let Ok((cli, _)) = &parsed {
        cli.command.secrets().for_each(|secret| secrets.credential(secret));
    }
    let console = Console::new(format, stream, secrets);

    let prepared = match (parsed, layers) {
        (Err(error), _) => Err(usage(&console, &error)),
        (Ok(_), Err(failure)) => Err(failure),
        (Ok((cli, _)), Ok(layers)) => {
            for file in layers.local.iter().chain(&layers.global).filter(|file| file.exposes_credentials()) {
                console
                    .warn(&format!("{} holds credentials and others can read it: chmod 600 it", file.path.display()));
            }
            Settings::read(&known).map(|settings| (cli, settings))
        }
    };
    match prepared {
        Ok((cli, settings)) => finish(&App::new(settings, known, console), &cli),
        Err(failure) => {
            console.fail(&failure);
            failure.code.exit()
        }
    }
}

/// A command line that clap does not take.
fn usage(console: &Console, error: &clap::Error) -> Failure {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !console.is_json() {
        console.note(&error.to_string());
    }
    args::failure(error)
}

/// What can be told of the flags of a command line that does not parse.
fn scanned(arguments: &[OsString]) -> Vec<(&'static str, Vec<String>)> {
    let names = [("output", Some('o')), ("config", None), ("bearer", None), ("api-key", None), ("svc-param", None)];
    let values = names.iter().filter_map(|(name, short)| Some((*name, vec![args::scan(arguments, name, *short)?])));
    let stream = arguments.iter().any(|argument| argument == "--stream");
    values.chain(stream.then(|| ("stream", vec!["true".to_owned()]))).collect()
}

fn finish(app: &App, cli: &Cli) -> u8 {
    let mut builder = match cli.command.serves() {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    let result = match builder.enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(until_done(app, cli));
            // A name that is being looked up must not hold the exit up.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Failure::new(Code::Internal, format!("the runtime cannot be started: {error}"))),
    };
    match result {
        Ok(()) => 0,
        Err(Failure { code: code @ Code::OutputClosed, .. }) => code.exit(),
        Err(failure) => {
            app.console.fail(&failure);
            if failure.code == Code::Interrupted
                && app.console.is_json()
                && let Some(hint) = &failure.hint
            {
                app.console.note(&format!("hint: {hint}"));
            }
            failure.code.exit()
        }
    }
}

/// Runs the command until it is done, its time is over, or somebody interrupts it.
async fn until_done(app: &App, cli: &Cli) -> Result<(), Failure> {
    if cli.command.serves() {
        return commands::run(app, &cli.command).await;
    }
    tokio::select! {
        biased;
        result = commands::run(app, &cli.command) => result,
        () = after(app.settings.timeout) => Err(app.timed_out()),
        () = signalled() => Err(app.interrupted()),
    }
}

pub(crate) async fn after(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// Ctrl-C, or on Unix the signal to end.
pub(crate) async fn signalled() {
    let interrupt = async {
        // Where signals cannot be caught, the system ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        let terminate = async {
            match &mut terminate {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = interrupt => {}
            () = terminate => {}
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
