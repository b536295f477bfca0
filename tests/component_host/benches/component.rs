//! What a component costs: its size, how long a caller waits for the first byte when an instance has to be started for
//! its request and when there is one, and how many requests a second are answered.
//!
//! `cargo bench -p nuncio-component-host --bench component -- "$PWD"/FILE.wasm`; without files, the example `echo`, with
//! its tasks in memory and in SQLite. The variable `ROUNDS` says how often everything is measured (5 times), the components
//! in turns; the medians of the rounds are printed.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use component_host::{ComponentFile, Host, Serving, build_example};
use futures::future::try_join_all;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How many requests, one after the other, a latency is of.
const SEQUENTIAL: usize = 300;
/// How many connections send at once when a rate is measured, and for how long.
const CONNECTIONS: usize = 16;
const LOAD: Duration = Duration::from_secs(3);

const SEND: &str = r#"{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"task hello"}]}}}"#;

/// What is measured, with the body that is posted if it is no GET.
const CALLS: [(&str, &str, Option<&str>); 2] =
    [("GET card", "/.well-known/agent-card.json", None), ("send → Task", "/", Some(SEND))];

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut files: Vec<PathBuf> =
        env::args().skip(1).filter(|argument| argument != "--bench").map(Into::into).collect();
    if files.is_empty() {
        files = [&[][..], &["spin-sqlite"]].map(|features| build_example("nuncio-spin-agent", "echo", features)).into();
    }
    let rounds = env::var("ROUNDS").map_or(Ok(5), |rounds| rounds.parse())?;
    for (name, path, body) in CALLS {
        let mut measured = vec![Vec::new(); files.len()];
        for _ in 0..rounds {
            for (file, measured) in files.iter().zip(&mut measured) {
                measured.push(measure(&ComponentFile::load(file)?, path, body).await?);
            }
        }
        println!("{name}");
        for (file, measured) in files.iter().zip(measured) {
            report(file, &measured)?;
        }
    }
    Ok(())
}

/// One round of a call to a component.
#[derive(Clone, Copy)]
struct Measured {
    cold: [Duration; 2],
    warm: [Duration; 2],
    per_second: f64,
    /// Of this process, the caller and the host included.
    cpu: Duration,
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn report(file: &Path, rounds: &[Measured]) -> Outcome<()> {
    let of = |value: fn(&Measured) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!(
        "  {}: {} bytes; cold {:.2} ms, p99 {:.2} ms; warm {:.2} ms, p99 {:.2} ms; {:.0}/s, {:.0} µs of CPU each",
        file.display(),
        fs::metadata(file)?.len(),
        of(|round| milliseconds(round.cold[0])),
        of(|round| milliseconds(round.cold[1])),
        of(|round| milliseconds(round.warm[0])),
        of(|round| milliseconds(round.warm[1])),
        of(|round| round.per_second),
        of(|round| round.cpu.as_secs_f64() * 1e6),
    );
    Ok(())
}

async fn measure(component: &ComponentFile, path: &'static str, body: Option<&'static str>) -> Outcome<Measured> {
    let directory = tempfile::tempdir()?;
    let host = || Host::new().sqlite("default", directory.path().join("tasks.db"));
    let cold = host().requests_per_instance(1).serve(component).await?;
    let warm = host().serve(component).await?;
    let cold_latency = latency(&cold, path, body).await?;
    let started = cold.instances().borrow().started;
    assert!(started > SEQUENTIAL as u64, "{started} instances answered {SEQUENTIAL} requests");
    let warm_latency = latency(&warm, path, body).await?;
    let (per_second, cpu) = load(&warm, path, body).await?;
    cold.stop().await;
    warm.stop().await;
    Ok(Measured { cold: cold_latency, warm: warm_latency, per_second, cpu })
}

/// From a request to the first byte of its answer, one after the other on one connection: the median and the 99th
/// hundredth.
async fn latency(serving: &Serving, path: &str, body: Option<&'static str>) -> Outcome<[Duration; 2]> {
    let mut caller = Caller::connect(serving).await?;
    caller.call(path, body).await?;
    let mut latencies = Vec::with_capacity(SEQUENTIAL);
    for _ in 0..SEQUENTIAL {
        latencies.push(caller.call(path, body).await?);
    }
    latencies.sort();
    Ok([latencies[SEQUENTIAL / 2], latencies[SEQUENTIAL * 99 / 100]])
}

/// How many requests a second are answered, and the CPU time that each takes.
async fn load(serving: &Serving, path: &'static str, body: Option<&'static str>) -> Outcome<(f64, Duration)> {
    let callers = try_join_all((0..CONNECTIONS).map(|_| Caller::connect(serving))).await?;
    let (begun, cpu) = (Instant::now(), cpu_time()?);
    let calls = callers.into_iter().map(|mut caller| {
        tokio::spawn(async move {
            let mut calls = 0_u32;
            while begun.elapsed() < LOAD {
                caller.call(path, body).await?;
                calls += 1;
            }
            Outcome::Ok(calls)
        })
    });
    let calls: u32 = try_join_all(calls).await?.into_iter().sum::<Outcome<u32>>()?;
    let per_second = f64::from(calls) / begun.elapsed().as_secs_f64();
    Ok((per_second, (cpu_time()? - cpu) / calls.max(1)))
}

/// The CPU time that this process has had.
fn cpu_time() -> Outcome<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').ok_or("/proc/self/stat has no name")?;
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<_, _>>()?;
    // Linux counts hundredths of a second for programs, whatever it counts for itself.
    Ok(Duration::from_millis(10 * ticks))
}

/// A connection that is kept.
struct Caller(SendRequest<Full<Bytes>>);

impl Caller {
    async fn connect(serving: &Serving) -> Outcome<Self> {
        let stream = TcpStream::connect(serving.address()).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// How long the first byte of the answer takes. The rest of it is read, too.
    async fn call(&mut self, path: &str, body: Option<&'static str>) -> Outcome<Duration> {
        self.0.ready().await?;
        let request = Request::builder().uri(path).header(HOST, "127.0.0.1");
        let request = match body {
            Some(_) => request.method(Method::POST).header(CONTENT_TYPE, "application/json"),
            None => request,
        };
        let request = request.body(Full::new(Bytes::from_static(body.unwrap_or_default().as_bytes())))?;
        let sent = Instant::now();
        let mut response = self.0.send_request(request).await?;
        let (status, first) = (response.status(), response.body_mut().frame().await.transpose()?);
        let latency = sent.elapsed();
        let rest = response.into_body().collect().await?.to_bytes();
        let answered = first.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
        let expected = if body.is_some() { "TASK_STATE_COMPLETED" } else { "supportedInterfaces" };
        let text = String::from_utf8([answered, rest].concat())?;
        if !status.is_success() || !text.contains(expected) {
            return Err(format!("{path}: {status} {text}").into());
        }
        Ok(latency)
    }
}
