//! The table of the options that every command has. Flags, environment variables, help and
//! `config show` are made from it.

use clap::{Arg, ArgAction, ArgMatches, builder::PossibleValuesParser};

use crate::config::Source;

/// How an option takes its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// On or off; alone it means on.
    Switch,
    /// One text.
    Value,
    /// One text that is never shown.
    Secret,
    /// Any number of texts, in order; separated by commas in the environment and in files.
    List,
}

/// An option of the table.
pub(crate) struct Setting {
    /// The long flag, without dashes.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What `config show` prints when nothing sets it.
    pub(crate) default: &'static str,
    short: Option<char>,
    aliases: &'static [&'static str],
    value_name: &'static str,
    help: &'static str,
}

impl Setting {
    const fn new(name: &'static str, kind: Kind, value_name: &'static str, help: &'static str) -> Self {
        let default = match kind {
            Kind::Switch => "false",
            _ => "",
        };
        Self { name, kind, default, short: None, aliases: &[], value_name, help }
    }

    const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    /// The name in the environment and in files.
    pub(crate) fn variable(&self) -> String {
        format!("A2ACLI_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// Whether it may come from elsewhere than a flag. Streaming changes the shape of the output,
    /// which only the invocation itself may do.
    pub(crate) fn is_configurable(&self) -> bool {
        self.name != "stream"
    }
}

/// The table, in alphabetical order.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting::new("a2a-version", Kind::Value, "VERSION", "Protocol version to signal on every request")
        .default("1.0, never an earlier one unasked"),
    Setting::new(
        "agent-card",
        Kind::Value,
        "REF",
        "The agent: a host or origin, the URL of its card, or a local card (file://... or a path). Cards are cached for as long as the agent allows (HTTP Cache-Control), those of localhost not at all",
    )
    .short('a'),
    Setting::new(
        "api-key",
        Kind::Secret,
        "KEY",
        "API key, sent as the card's security scheme says; others on this machine can read flags (process list, shell history), so prefer A2ACLI_API_KEY",
    ),
    Setting::new("async", Kind::Switch, "BOOL", "Do not wait for the task; print its identifiers for later polling")
        .aliases(&["return-immediately", "no-wait"]),
    Setting::new(
        "bearer",
        Kind::Secret,
        "TOKEN",
        "Bearer token; others on this machine can read flags (process list, shell history), so prefer A2ACLI_BEARER",
    ),
    Setting::new(
        "config",
        Kind::Value,
        "PATH",
        "Read this .env file instead of the .env found from the working directory upwards",
    ),
    Setting::new("context-id", Kind::Value, "ID", "Group the message with an interaction the agent knows"),
    Setting::new(
        "debug",
        Kind::Switch,
        "BOOL",
        "Log what the tool does to stderr: choices, timing, retries, messages on the wire; credentials are hidden",
    ),
    Setting::new("insecure", Kind::Switch, "BOOL", "Do not verify TLS certificates; for development only, warns")
        .default("off: certificates are verified"),
    Setting::new("metadata", Kind::Value, "JSON", "Metadata of the request, a JSON object"),
    Setting::new("output", Kind::Value, "FORMAT", "Output format").short('o').default("text"),
    Setting::new("poll-interval", Kind::Value, "DURATION", "How often to ask for the state of a task while waiting")
        .default("2s"),
    Setting::new(
        "stream",
        Kind::Switch,
        "BOOL",
        "Follow the events of the task as they happen; with -o json as JSON lines. Only as a flag",
    ),
    Setting::new("svc-param", Kind::List, "KEY:VALUE", "A service parameter, sent as an HTTP header; repeatable"),
    Setting::new("task-id", Kind::Value, "ID", "Continue this task"),
    Setting::new("timeout", Kind::Value, "DURATION", "Give up after this time").default("none"),
    Setting::new(
        "transport",
        Kind::List,
        "BINDING",
        "Preferred binding (JSONRPC, HTTP+JSON, GRPC); repeatable, highest preference first",
    )
    .default("the order of the card's supportedInterfaces"),
    Setting::new("verbose", Kind::Switch, "BOOL", "Show everything that was sent and received").default("off: concise"),
    Setting::new("wait", Kind::Switch, "BOOL", "Wait until the task has ended or needs its caller")
        .default("on for send, off for task get")
        .aliases(&["watch"]),
];

/// The flags of the table, for every command alike.
pub(crate) fn flags() -> Vec<Arg> {
    SETTINGS
        .iter()
        .map(|setting| {
            let mut help = setting.help.to_owned();
            if !matches!(setting.default, "" | "false") {
                help.push_str(&format!(" [default: {}]", setting.default));
            }
            if setting.is_configurable() {
                help.push_str(&format!(" [env: {}]", setting.variable()));
            }
            let arg = Arg::new(setting.name)
                .long(setting.name)
                .short(setting.short)
                .aliases(setting.aliases.iter().copied())
                .value_name(setting.value_name)
                .help(help)
                .help_heading("Global options");
            let arg = match setting.kind {
                Kind::Switch => arg
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true")
                    .hide_possible_values(true)
                    .value_parser(PossibleValuesParser::new(["true", "false"])),
                Kind::List => arg.action(ArgAction::Append),
                Kind::Value | Kind::Secret => arg,
            };
            if setting.name == "output" { arg.value_parser(PossibleValuesParser::new(["text", "json"])) } else { arg }
        })
        .collect()
}

/// The flags that were given, at any level of the command line; the innermost wins, lists add up.
pub(crate) fn given(matches: &ArgMatches) -> Vec<(&'static str, Vec<String>)> {
    let mut given: Vec<(&'static str, Vec<String>)> = Vec::new();
    let mut level = Some(matches);
    while let Some(matches) = level {
        for setting in SETTINGS {
            let Ok(Some(values)) = matches.try_get_many::<String>(setting.name) else {
                continue;
            };
            let values: Vec<String> = values.cloned().collect();
            match given.iter_mut().find(|(name, _)| *name == setting.name) {
                Some((_, known)) if setting.kind == Kind::List => known.extend(values),
                Some((_, known)) => *known = values,
                None => given.push((setting.name, values)),
            }
        }
        level = matches.subcommand().map(|(_, matches)| matches);
    }
    given
}

/// What `config show` prints for a value.
pub(crate) fn shown(setting: &Setting, values: &[String], source: &Source) -> String {
    match setting.kind {
        _ if matches!(source, Source::Default) => setting.default.to_owned(),
        Kind::Secret => crate::redact::REDACTED.to_owned(),
        Kind::List if setting.name == "svc-param" => values
            .iter()
            .map(|value| format!("{}:{}", value.split(':').next().unwrap_or_default(), crate::redact::REDACTED))
            .collect::<Vec<_>>()
            .join(", "),
        _ => values.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_in_order() {
        let all: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(all, sorted);
    }
}
