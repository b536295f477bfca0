//! Where option values come from: flags, the environment, a local and a global `.env` file, in
//! this order of precedence. Nothing is ever written.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    error::Failure,
    settings::{Kind, SETTINGS, Setting},
};

/// Where an effective value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A flag of this invocation.
    Flag,
    /// An environment variable.
    Environment,
    /// The local file: the nearest `.env`, or that of `--config`.
    Local(PathBuf),
    /// The file in the user's configuration directory.
    Global(PathBuf),
    /// The built-in default.
    Default,
}

impl Source {
    /// Its place in the order of precedence, 0 is the highest.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Flag => 0,
            Self::Environment => 1,
            Self::Local(_) => 2,
            Self::Global(_) => 3,
            Self::Default => 4,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::Local(path) | Self::Global(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A `.env` file that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct EnvFile {
    pub(crate) path: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
}

impl EnvFile {
    /// Whether others than the owner can read the credentials in it.
    pub(crate) fn exposes_credentials(&self) -> bool {
        let holds_some = ["A2ACLI_BEARER", "A2ACLI_API_KEY", "A2ACLI_SVC_PARAM"]
            .iter()
            .any(|name| self.variables.get(*name).is_some_and(|value| !value.is_empty()));
        holds_some && is_readable_by_others(&self.path)
    }
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &Path) -> bool {
    false
}

/// All places a value may come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    pub(crate) flags: Vec<(&'static str, Vec<String>)>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) local: Option<EnvFile>,
    pub(crate) global: Option<EnvFile>,
}

/// The effective value of every option and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Resolved(BTreeMap<&'static str, (Vec<String>, Source)>);

impl Layers {
    /// The environment of the process and the files, around the flags that were given.
    ///
    /// # Errors
    /// A usage error when a file that was asked for cannot be read, or a line of a file is not
    /// `NAME=value`.
    pub(crate) fn gather(flags: Vec<(&'static str, Vec<String>)>) -> Result<Self, Failure> {
        let environment = environment();
        let flag = flags.iter().find(|(name, _)| *name == "config").and_then(|(_, values)| values.last().cloned());
        let config = flag.or_else(|| environment.get("A2ACLI_CONFIG").cloned()).filter(|path| !path.is_empty());
        let local = match config {
            Some(path) => Some(
                read_file(Path::new(&path))
                    .map_err(|error| Failure::usage(format!("--config: cannot read {path}: {error}")))??,
            ),
            None => nearest().map(|path| read_if_there(&path)).transpose()?.flatten(),
        };
        let global =
            std::env::home_dir().map(|home| read_if_there(&home.join(".config/a2a-cli/.env"))).transpose()?.flatten();
        Ok(Self { flags, environment, local, global })
    }

    /// The effective values: the highest source that has one wins. An empty value is none.
    pub(crate) fn resolve(&self) -> Resolved {
        Resolved(SETTINGS.iter().filter_map(|setting| Some((setting.name, self.find(setting)?))).collect())
    }

    fn find(&self, setting: &Setting) -> Option<(Vec<String>, Source)> {
        if let Some((_, values)) = self.flags.iter().find(|(name, _)| *name == setting.name) {
            return Some((values.clone(), Source::Flag));
        }
        if !setting.is_configurable() {
            return None;
        }
        let variable = setting.variable();
        // A file cannot name the file to read instead of it.
        let of_file = |file: &EnvFile| file.variables.get(&variable).filter(|_| setting.name != "config").cloned();
        let found = [
            (self.environment.get(&variable).cloned(), Source::Environment),
            (
                self.local.as_ref().and_then(of_file),
                Source::Local(self.local.as_ref().map(|file| file.path.clone()).unwrap_or_default()),
            ),
            (
                self.global.as_ref().and_then(of_file),
                Source::Global(self.global.as_ref().map(|file| file.path.clone()).unwrap_or_default()),
            ),
        ];
        let (text, source) =
            found.into_iter().find_map(|(text, source)| Some((text.filter(|text| !text.is_empty())?, source)))?;
        let values = match setting.kind {
            Kind::List => text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect(),
            _ => vec![text],
        };
        Some((values, source))
    }
}

impl Resolved {
    /// The value, the last one of a list.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).last().map(String::as_str)
    }

    /// All values.
    pub(crate) fn values(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], |(values, _)| values)
    }

    /// Where the value comes from.
    pub(crate) fn source(&self, name: &str) -> Source {
        self.0.get(name).map_or(Source::Default, |(_, source)| source.clone())
    }

    /// The flag, variable or file at which to correct the value.
    pub(crate) fn origin(&self, name: &str) -> String {
        let variable = || format!("A2ACLI_{}", name.to_ascii_uppercase().replace('-', "_"));
        match self.source(name) {
            Source::Flag | Source::Default => format!("--{name}"),
            Source::Environment => variable(),
            Source::Local(path) | Source::Global(path) => format!("{} in {}", variable(), path.display()),
        }
    }
}

/// The variables of the process that are options.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("A2ACLI_"))
        .collect()
}

/// The nearest `.env` from the working directory upwards.
fn nearest() -> Option<PathBuf> {
    let directory = std::env::current_dir().ok()?;
    directory.ancestors().map(|directory| directory.join(".env")).find(|path| path.is_file())
}

fn read_if_there(path: &Path) -> Result<Option<EnvFile>, Failure> {
    match read_file(path) {
        Ok(file) => file.map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::usage(format!("cannot read {}: {error}", path.display()))),
    }
}

fn read_file(path: &Path) -> std::io::Result<Result<EnvFile, Failure>> {
    let bytes = std::fs::read(path)?;
    let variables = parse(&String::from_utf8_lossy(&bytes))
        .map_err(|line| Failure::usage(format!("{} line {line}: not NAME=value", path.display())));
    Ok(variables.map(|variables| EnvFile { path: path.to_owned(), variables }))
}

/// The variables `A2ACLI_*` of a `.env` file. Other lines belong to other tools and are passed
/// over, whatever they look like.
fn parse(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut variables = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if !line.starts_with("A2ACLI_") {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or(index + 1)?;
        variables.insert(name.trim().to_owned(), unquote(value.trim()).ok_or(index + 1)?);
    }
    Ok(variables)
}

fn unquote(value: &str) -> Option<String> {
    let only_comment = |rest: &str| rest.trim().is_empty() || rest.trim_start().starts_with('#');
    if let Some(quoted) = value.strip_prefix('\'') {
        let (inner, rest) = quoted.split_once('\'')?;
        return only_comment(rest).then(|| inner.to_owned());
    }
    if let Some(quoted) = value.strip_prefix('"') {
        let mut inner = String::new();
        let mut rest = quoted.chars();
        loop {
            match rest.next()? {
                '"' => return only_comment(rest.as_str()).then_some(inner),
                '\\' => match rest.next()? {
                    'n' => inner.push('\n'),
                    't' => inner.push('\t'),
                    escaped => inner.push(escaped),
                },
                other => inner.push(other),
            }
        }
    }
    let end = value.find(" #").unwrap_or(value.len());
    Some(if value.starts_with('#') { String::new() } else { value[..end].trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, lines: &str) -> Option<EnvFile> {
        Some(EnvFile { path: name.into(), variables: parse(lines).unwrap() })
    }

    #[test]
    fn precedence_is_flag_environment_local_global_default() {
        let mut layers = Layers {
            flags: vec![("agent-card", vec!["flag".to_owned()])],
            environment: BTreeMap::from([("A2ACLI_AGENT_CARD".to_owned(), "environment".to_owned())]),
            local: file("local", "A2ACLI_AGENT_CARD=local"),
            global: file("global", "A2ACLI_AGENT_CARD=global"),
        };
        let mut seen = Vec::new();
        for step in 0..5 {
            let resolved = layers.resolve();
            seen.push((resolved.value("agent-card").map(str::to_owned), resolved.origin("agent-card")));
            match step {
                0 => layers.flags.clear(),
                1 => layers.environment.clear(),
                2 => layers.local = None,
                _ => layers.global = None,
            }
        }
        let expected = [
            (Some("flag"), "--agent-card"),
            (Some("environment"), "A2ACLI_AGENT_CARD"),
            (Some("local"), "A2ACLI_AGENT_CARD in local"),
            (Some("global"), "A2ACLI_AGENT_CARD in global"),
            (None, "--agent-card"),
        ];
        let expected = expected.map(|(value, origin)| (value.map(str::to_owned), origin.to_owned()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn an_empty_value_leaves_the_question_to_the_next_source() {
        let layers = Layers {
            environment: BTreeMap::from([("A2ACLI_OUTPUT".to_owned(), String::new())]),
            local: file("local", "A2ACLI_OUTPUT=json"),
            ..Layers::default()
        };
        assert_eq!(layers.resolve().value("output"), Some("json"));
    }

    #[test]
    fn files_are_read_as_dotenv() {
        let text = "# comment\nOTHER=${x\nexport A2ACLI_A=1\n A2ACLI_B = two words # said\nA2ACLI_C='single # kept'\nA2ACLI_D=\"a\\\"b\\n\" # end\nA2ACLI_E=\nA2ACLI_F=a#b\n";
        let variables = parse(text).unwrap();
        let expected = [
            ("A2ACLI_A", "1"),
            ("A2ACLI_B", "two words"),
            ("A2ACLI_C", "single # kept"),
            ("A2ACLI_D", "a\"b\n"),
            ("A2ACLI_E", ""),
            ("A2ACLI_F", "a#b"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(variables, BTreeMap::from(expected));
    }

    #[test]
    fn a_broken_line_is_named() {
        assert_eq!(parse("\nA2ACLI_A"), Err(2));
        assert_eq!(parse("A2ACLI_A=\"open"), Err(1));
        assert_eq!(parse("A2ACLI_A='a' b"), Err(1));
    }
}
