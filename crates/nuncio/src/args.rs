//! The command line: commands, and the global options at every level of it.

use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::{commands::StoreCommand, error::Failure, parts::PartArgs, settings};

const ABOUT_DEFAULTS: &str = "\
Options may also be set by the environment variable A2ACLI_<OPTION>, or by a line of that form in
a file: the nearest .env from the working directory upwards (or that of --config), and
~/.config/a2a-cli/.env. Flags come first, then the environment, then the files in this order.
`nuncio config show` prints the effective values and where they come from.

Exit status: 0 done, whatever the agent decided; 1 failed; 2 usage; 3 unreachable or no card;
4 credentials missing or refused; 5 timeout.";

/// Talk to agents over the Agent2Agent (A2A) protocol.
#[derive(Debug, Parser)]
#[command(
    name = "nuncio",
    version,
    propagate_version = true,
    disable_version_flag = true,
    subcommand_required = true,
    arg_required_else_help = true,
    color = clap::ColorChoice::Never,
    term_width = 100,
    after_help = ABOUT_DEFAULTS
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, in alphabetical order.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Agent cards
    #[command(subcommand)]
    Card(CardCommand),
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Show what an agent does: start one and find, call, answer and cancel it
    Demo,
    /// Serve an agent to practise on, until Ctrl-C
    DemoServer(crate::demo::DemoServerArgs),
    /// Answer for another agent, in every binding, until Ctrl-C
    ///
    /// Credentials of its callers are passed on where the agent's card asks for them in a header or a
    /// cookie; an API key in the query is not passed on, since not every binding has a query.
    ///
    /// Credentials of the proxy itself (--bearer, --api-key, --svc-param) are lent to every caller and
    /// come before its own: whoever reaches the proxy is to the agent who those say. To keep callers
    /// apart, leave them out and let callers bring their own; or else serve only where everybody may
    /// have them, such as on 127.0.0.1 or behind something that authenticates.
    Proxy(ProxyArgs),
    /// Send a message to start or continue an interaction
    Send(SendArgs),
    /// Look after the storage of agents, without a server
    #[command(subcommand)]
    Store(StoreCommand),
    /// Tasks
    #[command(subcommand)]
    Task(TaskCommand),
    /// Receive push notifications: print and verify each, until Ctrl-C
    Webhook(WebhookArgs),
}

impl Command {
    /// Secrets that are arguments of the command.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let secrets = match self {
            Self::Task(TaskCommand::PushConfig(PushConfigCommand::Create(args))) => [&args.token, &args.authorization],
            Self::Store(command) => [command.secret(), &None],
            Self::Webhook(args) => [&args.token, &None],
            Self::DemoServer(args) => [&args.database_url, &args.nats_url],
            _ => [&None, &None],
        };
        secrets.into_iter().flatten().map(String::as_str)
    }

    /// Whether the result is written line by line, in JSON one document each.
    pub(crate) fn writes_lines(&self) -> bool {
        matches!(self, Self::Store(command) if command.writes_lines())
    }

    /// Whether the command serves, and is not a call: it ends in an order of its own.
    pub(crate) fn serves(&self) -> bool {
        matches!(self, Self::Demo | Self::DemoServer(_) | Self::Proxy(_) | Self::Webhook(_))
    }
}

/// Commands on agent cards.
#[derive(Debug, Subcommand)]
pub(crate) enum CardCommand {
    /// Read what an agent says about itself
    Get(CardGetArgs),
    /// Sign a card
    Sign(CardSignArgs),
    /// Verify the signatures of a card: verified, unverifiable or absent; an invalid one fails
    Verify(CardVerifyArgs),
}

/// `card get`
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct CardGetArgs {
    /// Check the card against the specification; findings fail the command
    #[arg(long)]
    pub(crate) validate: bool,
    /// Read the card for authenticated callers
    #[arg(long)]
    pub(crate) extended: bool,
}

/// `card sign`
#[derive(Args, Debug)]
pub(crate) struct CardSignArgs {
    /// The card, as JSON; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) card: String,
    /// The private key, P-256 or Ed25519, as PEM or JWK
    #[arg(long, value_name = "FILE")]
    pub(crate) key: std::path::PathBuf,
    /// The name of the key [default: that of the JWK, else the key's thumbprint]
    #[arg(long, value_name = "NAME")]
    pub(crate) kid: Option<String>,
    /// Where the public key is published
    #[arg(long, value_name = "URL")]
    pub(crate) jku: Option<String>,
    /// Also sign the card as the official Python and JavaScript SDKs read it, where that is different
    #[arg(long)]
    pub(crate) for_sdks: bool,
    /// Where to write the signed card [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<std::path::PathBuf>,
    /// Where to write the public key, as the key set to be published
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks_out: Option<std::path::PathBuf>,
}

/// `card verify`
#[derive(Args, Debug)]
pub(crate) struct CardVerifyArgs {
    /// Keys to trust: a JSON Web Key Set, a JWK or a public key in PEM; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Vec<std::path::PathBuf>,
    /// Do not fetch keys from where the card says they are
    #[arg(long)]
    pub(crate) no_fetch: bool,
    /// Fail also if there is no signature
    #[arg(long)]
    pub(crate) require: bool,
}

/// `webhook`
#[derive(Args)]
pub(crate) struct WebhookArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:3001")]
    pub(crate) listen: std::net::SocketAddr,
    /// The token of the push configuration, which every notification has to carry [env: A2ACLI_PUSH_TOKEN]
    #[arg(long, value_name = "TOKEN", env = "A2ACLI_PUSH_TOKEN", hide_env = true)]
    pub(crate) token: Option<String>,
    /// The sender's keys, one of which has to have signed every notification: a file or the address
    /// of a JSON Web Key Set
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) keys: Option<String>,
    /// The address that signatures have to name: that of the push configuration [default: where it
    /// listens, unless that is every address of this machine]
    #[arg(long, value_name = "URL", requires = "keys")]
    pub(crate) audience: Option<String>,
    /// End after this many accepted notifications
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

impl std::fmt::Debug for WebhookArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookArgs").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// Commands on the configuration.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the effective value of every option and where it comes from
    Show,
}

/// `proxy`
#[derive(Args, Debug)]
pub(crate) struct ProxyArgs {
    /// The agent to answer for: its host, its URL, or that of its card [default: that of --agent-card]
    ///
    /// Its card is read once, at the start: if the agent replaces it, start the proxy again. Where that
    /// card names no security scheme, `Authorization` is passed on when callers ask for the extended
    /// card, and with no other call.
    #[arg(long, value_name = "AGENT")]
    pub(crate) to: Option<String>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:3000")]
    pub(crate) serve: std::net::SocketAddr,
    /// Where callers reach the proxy, for its card [default: where it listens]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
}

/// `send`
#[derive(Args, Debug)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) parts: PartArgs,
}

/// Commands on tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Cancel a task
    Cancel(TaskArgs),
    /// Read the state and artifacts of a task; with --wait poll until it ends or needs its caller
    Get(TaskGetArgs),
    /// List tasks
    List(TaskListArgs),
    /// Webhooks that the agent tells of a task
    #[command(subcommand)]
    PushConfig(PushConfigCommand),
    /// Follow the events of a task until it ends or needs its caller
    Subscribe(TaskArgs),
}

/// Commands on the webhooks of a task.
#[derive(Debug, Subcommand)]
pub(crate) enum PushConfigCommand {
    /// Have a webhook told what happens to a task
    Create(PushConfigCreateArgs),
    /// Have a webhook told no more
    Delete(PushConfigArgs),
    /// Read the configuration of a webhook
    Get(PushConfigArgs),
    /// List the webhooks of a task
    List(PushConfigListArgs),
}

/// A command on one webhook of a task.
#[derive(Args, Debug)]
pub(crate) struct PushConfigArgs {
    #[command(flatten)]
    pub(crate) task: TaskArgs,
    /// The configuration, as `create` and `list` name it
    #[arg(long = "id", value_name = "CONFIG_ID")]
    pub(crate) config_id: String,
}

/// `task push-config create`
#[derive(Args)]
pub(crate) struct PushConfigCreateArgs {
    #[command(flatten)]
    pub(crate) task: TaskArgs,
    /// The webhook
    #[arg(long)]
    pub(crate) url: String,
    /// An id for the configuration; one that is there is replaced [default: the agent chooses]
    #[arg(long = "id", value_name = "CONFIG_ID")]
    pub(crate) config_id: Option<String>,
    /// A text that the agent sends along, by which the webhook knows it [env: A2ACLI_PUSH_TOKEN]
    #[arg(long, env = "A2ACLI_PUSH_TOKEN", hide_env = true)]
    pub(crate) token: Option<String>,
    /// What the agent puts into `Authorization`, such as "Bearer SECRET" [env: A2ACLI_PUSH_AUTHORIZATION]
    #[arg(long, value_name = "SCHEME CREDENTIALS", env = "A2ACLI_PUSH_AUTHORIZATION", hide_env = true)]
    pub(crate) authorization: Option<String>,
}

impl std::fmt::Debug for PushConfigCreateArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushConfigCreateArgs").field("task", &self.task).finish_non_exhaustive()
    }
}

/// `task push-config list`
#[derive(Args, Debug)]
pub(crate) struct PushConfigListArgs {
    #[command(flatten)]
    pub(crate) task: TaskArgs,
    /// Configurations a page
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) page_size: Option<i32>,
    /// The page that an earlier answer named
    #[arg(long, value_name = "TOKEN")]
    pub(crate) page_token: Option<String>,
}

/// A command on one task.
#[derive(Args, Debug)]
pub(crate) struct TaskArgs {
    /// The task [default: that of --task-id]
    #[arg(value_name = "TASK_ID")]
    pub(crate) id: Option<String>,
}

/// `task get`
#[derive(Args, Debug)]
pub(crate) struct TaskGetArgs {
    #[command(flatten)]
    pub(crate) task: TaskArgs,
    /// At most this many messages of the history
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) history: Option<i32>,
}

/// `task list`
#[derive(Args, Debug)]
pub(crate) struct TaskListArgs {
    /// Only tasks in this state, such as working or TASK_STATE_WORKING
    #[arg(long, value_name = "STATE", value_parser = task_state)]
    pub(crate) status: Option<a2a_protocol_core::TaskState>,
    /// Tasks a page
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100))]
    pub(crate) page_size: Option<i32>,
    /// The page that an earlier answer named
    #[arg(long, value_name = "TOKEN")]
    pub(crate) page_token: Option<String>,
    /// At most this many messages of each history
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) history: Option<i32>,
    /// With artifacts
    #[arg(long)]
    pub(crate) include_artifacts: bool,
}

pub(crate) fn task_state(text: &str) -> Result<a2a_protocol_core::TaskState, String> {
    let name = text.to_ascii_uppercase().replace('-', "_");
    let name = if name.starts_with("TASK_STATE_") { name } else { format!("TASK_STATE_{name}") };
    let state = a2a_protocol_core::TaskState::from_name(&name);
    if state.is_known() && state != a2a_protocol_core::TaskState::Unspecified {
        Ok(state)
    } else {
        let known = a2a_protocol_core::TaskState::KNOWN.iter().skip(1);
        let short = known.map(|state| state.to_string().trim_start_matches("TASK_STATE_").to_ascii_lowercase());
        Err(format!("is none of {}", short.collect::<Vec<_>>().join(", ")))
    }
}

/// The whole command line, for parsing and for completion scripts.
pub(crate) fn command() -> clap::Command {
    with_options(Cli::command())
}

/// The global options are defined on every command rather than handed down by clap, which would
/// forget the first of two `--svc-param` when one stands before the command and one after it.
fn with_options(command: clap::Command) -> clap::Command {
    let version = clap::Arg::new("version")
        .short('v')
        .long("version")
        .action(clap::ArgAction::Version)
        .help("Print the version of the tool")
        .help_heading("Global options");
    command.args(settings::flags()).arg(version).mut_subcommands(with_options)
}

/// What was asked for on the command line.
pub(crate) fn parse(arguments: &[std::ffi::OsString]) -> Result<(Cli, ArgMatches), clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, matches))
}

/// A clap error as ours: the first paragraph, without colours.
pub(crate) fn failure(error: &clap::Error) -> Failure {
    let text = error.to_string();
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage("a command is missing");
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !["Usage:", "tip:", "For more"].iter().any(|end| line.starts_with(end)))
        .collect();
    Failure::usage(lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The last value of a flag in arguments that could not be parsed.
pub(crate) fn scan(arguments: &[std::ffi::OsString], long: &str, short: Option<char>) -> Option<String> {
    let mut found = None;
    let mut arguments = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            break;
        }
        let rest = argument.strip_prefix("--").and_then(|argument| argument.strip_prefix(long)).or_else(|| {
            let rest = argument.strip_prefix('-')?.strip_prefix(short?)?;
            (!argument.starts_with("--")).then_some(rest)
        });
        match rest {
            Some("") => found = arguments.next().map(str::to_owned).or(found),
            Some(rest) if rest.starts_with('=') => found = Some(rest[1..].to_owned()),
            Some(rest) if !argument.starts_with("--") => found = Some(rest.to_owned()),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn arguments(line: &str) -> Vec<OsString> {
        std::iter::once("nuncio").chain(line.split_whitespace()).map(OsString::from).collect()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn global_options_are_taken_at_every_level_and_lists_add_up() {
        let (_, matches) =
            parse(&arguments("-o text --svc-param a:1 task -a host --svc-param b:2 get --svc-param c:3 -o json id"))
                .unwrap();
        let given = settings::given(&matches);
        let values = |name| given.iter().find(|(known, _)| *known == name).map(|(_, values)| values.join(" "));
        assert_eq!(values("svc-param").as_deref(), Some("a:1 b:2 c:3"));
        assert_eq!(values("agent-card").as_deref(), Some("host"));
        assert_eq!(values("output").as_deref(), Some("json"));
    }

    #[test]
    fn canonical_flags_and_their_aliases_are_accepted() {
        for line in [
            "send --a2a-version 1.0 --agent-card h --async --bearer b --api-key k --config c --context-id x hi",
            "send --debug --insecure --metadata {} --output json --poll-interval 1s --timeout 1s --stream hi",
            "send --svc-param k:v --task-id t --transport JSONRPC --verbose --wait hi",
            "send --return-immediately hi",
            "send --no-wait hi",
            "task get --watch id --history 3",
            "card get --validate --extended",
            "card sign --key k.pem --kid a --jku https://h/jwks.json --for-sdks --out o --jwks-out j card.json",
            "card verify -a h --keys a --keys b --no-fetch --require",
            "webhook --listen 127.0.0.1:0 --token t --keys k --audience https://h/ --count 1",
            "completion bash",
            "config show",
            "proxy --to http://h --serve 127.0.0.1:0 --public-url https://p --transport GRPC",
            "store list --data d --state working --context c --agent a -o json",
            "store log --data d 00000000-0000-4000-8000-000000000000",
            "store export --data d 00000000-0000-4000-8000-000000000000 --push-configs",
            "store import --data d - --skip-existing",
            "store prune --data d --ended-before 30d --dry-run",
            "store prune --data d --keep 0",
            "store verify --database-url postgres://user:password@host/tasks",
            "task list --status input-required --page-size 5 --page-token t",
            "task subscribe id --stream",
            "task cancel id",
            "task push-config create id --url http://h --id c --token t --authorization Bearer",
            "task push-config get id --id c",
            "task push-config delete id --id c",
            "task push-config list id --page-size 5 --page-token t",
        ] {
            assert!(parse(&arguments(line)).is_ok(), "{line}");
        }
    }

    #[test]
    fn flags_are_found_in_arguments_that_do_not_parse() {
        for (line, found) in [
            ("send -o json --nonsense", Some("json")),
            ("send -ojson", Some("json")),
            ("send --output=json", Some("json")),
            ("send --output text --output json", Some("json")),
            ("send -- -o json", None),
            ("send --option json", None),
        ] {
            assert_eq!(scan(&arguments(line), "output", Some('o')).as_deref(), found, "{line}");
        }
    }
}
