//! The effective options of a run, read from text into what they mean.

mod table;

use std::{fmt, time::Duration};

use a2a_protocol_core::Struct;

use crate::{config::Resolved, duration, error::Failure};

pub(crate) use table::{Kind, SETTINGS, Setting, flags, given, shown};

/// The output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Labelled fields for people and pipes.
    #[default]
    Text,
    /// The protocol's own types.
    Json,
}

impl Format {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// A credential; never shown.
#[derive(Clone)]
pub(crate) struct Credential(pub(crate) String);

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::redact::REDACTED)
    }
}

/// The effective options of a run, read.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) agent_card: Option<String>,
    pub(crate) a2a_version: Option<String>,
    pub(crate) api_key: Option<Credential>,
    pub(crate) bearer: Option<Credential>,
    pub(crate) context_id: Option<String>,
    pub(crate) debug: bool,
    pub(crate) insecure: bool,
    pub(crate) metadata: Option<Box<Struct>>,
    pub(crate) poll_interval: Duration,
    pub(crate) service_parameters: Vec<(String, Credential)>,
    pub(crate) stream: bool,
    pub(crate) task_id: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) transports: Vec<String>,
    pub(crate) verbose: bool,
    /// Whether to wait for the task; None leaves it to the command.
    pub(crate) wait: Option<bool>,
}

/// Asking more often than this would be a busy loop.
const SHORTEST_POLL_INTERVAL: Duration = Duration::from_millis(10);

impl Settings {
    /// Reads the effective values.
    ///
    /// # Errors
    /// A usage error that names the flag, variable or file at fault.
    pub(crate) fn read(resolved: &Resolved) -> Result<Self, Failure> {
        let text = |name| resolved.value(name).map(str::to_owned);
        let secret = |name| text(name).map(Credential);
        let poll_interval = read(resolved, "poll-interval", |text| {
            duration::parse(text).and_then(|interval| {
                let long_enough = interval >= SHORTEST_POLL_INTERVAL;
                if long_enough { Ok(interval) } else { Err("must be at least 10ms".to_owned()) }
            })
        })?;
        // The console has it already, because it also reports what is wrong with the rest.
        read(resolved, "output", |text| {
            Format::parse(text).ok_or_else(|| format!("{text:?} is neither text nor json"))
        })?;
        Ok(Self {
            agent_card: text("agent-card"),
            a2a_version: text("a2a-version"),
            api_key: secret("api-key"),
            bearer: secret("bearer"),
            context_id: text("context-id"),
            debug: switch(resolved, "debug")?.unwrap_or_default(),
            insecure: switch(resolved, "insecure")?.unwrap_or_default(),
            metadata: read(resolved, "metadata", metadata)?,
            poll_interval: poll_interval.unwrap_or(Duration::from_secs(2)),
            service_parameters: service_parameters(resolved)?,
            stream: switch(resolved, "stream")?.unwrap_or_default(),
            task_id: text("task-id"),
            timeout: read(resolved, "timeout", duration::parse)?,
            transports: resolved.values("transport").iter().map(|name| binding(name)).collect(),
            verbose: switch(resolved, "verbose")?.unwrap_or_default(),
            wait: wait(resolved)?,
        })
    }
}

fn read<T>(
    resolved: &Resolved,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Failure> {
    resolved
        .value(name)
        .map(|text| parse(text).map_err(|problem| Failure::usage(format!("{}: {problem}", resolved.origin(name)))))
        .transpose()
}

fn switch(resolved: &Resolved, name: &'static str) -> Result<Option<bool>, Failure> {
    read(resolved, name, |text| match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    })
}

/// `--wait` and `--async` are one question asked in two ways; the source of higher rank answers.
fn wait(resolved: &Resolved) -> Result<Option<bool>, Failure> {
    let asynchronous = switch(resolved, "async")?.map(|yes| !yes);
    let wait = switch(resolved, "wait")?;
    let (Some(by_async), Some(by_wait)) = (asynchronous, wait) else {
        return Ok(asynchronous.or(wait));
    };
    match resolved.source("async").rank().cmp(&resolved.source("wait").rank()) {
        std::cmp::Ordering::Less => Ok(Some(by_async)),
        std::cmp::Ordering::Greater => Ok(Some(by_wait)),
        std::cmp::Ordering::Equal if by_async == by_wait => Ok(Some(by_wait)),
        std::cmp::Ordering::Equal => Err(Failure::usage(format!(
            "{} and {} contradict each other",
            resolved.origin("async"),
            resolved.origin("wait")
        ))),
    }
}

fn metadata(text: &str) -> Result<Box<Struct>, String> {
    serde_json::from_str(text).map_err(|error| format!("must be a JSON object: {error}"))
}

fn service_parameters(resolved: &Resolved) -> Result<Vec<(String, Credential)>, Failure> {
    let origin = resolved.origin("svc-param");
    let mut parameters = Vec::new();
    for (index, text) in resolved.values("svc-param").iter().enumerate() {
        // The text may hold a credential: errors say which one it is, not what it says.
        let wrong = |problem: &str| Failure::usage(format!("{origin}: value {} {problem}", index + 1));
        let (name, value) = text.split_once(':').ok_or_else(|| wrong("is not KEY:VALUE"))?;
        let (name, value) = (name.trim(), value.trim());
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(wrong("has a key that is no header name"));
        }
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(wrong("has control characters in its value"));
        }
        parameters.push((name.to_owned(), Credential(value.to_owned())));
    }
    Ok(parameters)
}

/// The protocol's name of a binding, for the spellings people use.
fn binding(name: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        "jsonrpc" | "json-rpc" => "JSONRPC".to_owned(),
        "http+json" | "http-json" | "rest" => "HTTP+JSON".to_owned(),
        "grpc" => "GRPC".to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    fn settings(flags: &[(&'static str, &str)], environment: &[(&str, &str)]) -> Result<Settings, Failure> {
        let flags = flags.iter().map(|(name, value)| (*name, vec![(*value).to_owned()])).collect();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::read(&Layers { flags, environment, local: None, global: None }.resolve())
    }

    #[test]
    fn defaults_are_those_of_the_specification() {
        let settings = settings(&[], &[]).unwrap();
        assert_eq!(settings.poll_interval, Duration::from_secs(2));
        assert_eq!((settings.wait, settings.timeout, settings.transports.len()), (None, None, 0));
        assert!(!settings.insecure && !settings.verbose && !settings.debug && !settings.stream);
    }

    #[test]
    fn stream_is_not_read_from_the_environment() {
        assert!(!settings(&[], &[("A2ACLI_STREAM", "true")]).unwrap().stream);
        assert!(settings(&[("stream", "true")], &[]).unwrap().stream);
    }

    #[test]
    fn a_flag_for_waiting_overrides_a_configured_async() {
        let configured = [("A2ACLI_ASYNC", "true")];
        assert_eq!(settings(&[], &configured).unwrap().wait, Some(false));
        assert_eq!(settings(&[("wait", "true")], &configured).unwrap().wait, Some(true));
        assert_eq!(settings(&[("async", "false")], &configured).unwrap().wait, Some(true));
        assert!(settings(&[("async", "true"), ("wait", "true")], &[]).is_err());
    }

    #[test]
    fn bad_values_name_where_they_come_from() {
        for (flags, environment, named) in [
            (&[("timeout", "soon")][..], &[][..], "--timeout"),
            (&[], &[("A2ACLI_TIMEOUT", "soon")], "A2ACLI_TIMEOUT"),
            (&[("poll-interval", "0s")], &[], "--poll-interval"),
            (&[("metadata", "[1]")], &[], "--metadata"),
            (&[("svc-param", "secret-without-colon")], &[], "--svc-param"),
            (&[("svc-param", "a b:c")], &[], "--svc-param"),
            (&[], &[("A2ACLI_OUTPUT", "yaml")], "A2ACLI_OUTPUT"),
            (&[], &[("A2ACLI_DEBUG", "maybe")], "A2ACLI_DEBUG"),
        ] {
            let failure = settings(flags, environment).unwrap_err();
            assert!(failure.message.contains(named), "{}", failure.message);
            assert!(!failure.message.contains("secret"), "{}", failure.message);
        }
    }

    #[test]
    fn bindings_have_the_names_of_the_protocol() {
        let settings = settings(&[], &[("A2ACLI_TRANSPORT", "rest, jsonrpc,urn:other")]).unwrap();
        assert_eq!(settings.transports, ["HTTP+JSON", "JSONRPC", "urn:other"]);
    }
}
