//! The parts of a message on the command line: `--text`, `--file` and `--data` in any number and
//! order, each with the `--media-type` that follows it, and a bare text.

use std::io::Read as _;

use a2a_protocol_core::Part;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, error::ErrorKind};

use crate::{error::Failure, media_type};

/// One part as given, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartArg {
    kind: PartKind,
    value: String,
    media_type: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartKind {
    Text,
    File,
    Data,
}

/// All parts of a message, in the order of the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartArgs(Vec<PartArg>);

impl Args for PartArgs {
    fn augment_args(command: Command) -> Command {
        let flag = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name).long(name).value_name(value).action(ArgAction::Append).help(help)
        };
        command
            .arg(Arg::new("message").value_name("MESSAGE").help("A text to send"))
            .arg(
                flag("text", "STRING", "A text part; part flags are repeatable and keep their order")
                    .allow_hyphen_values(true),
            )
            .arg(flag("file", "PATH|URL", "A file part: the content of a local file, or a URL that the agent fetches"))
            .arg(flag("data", "PATH|-", "A data part: a JSON file, or - for standard input"))
            .arg(flag(
                "media-type",
                "TYPE",
                "The media type of the part flag before it; without it the extension of a file decides",
            ))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PartArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Vec::new();
        for name in ["message", "text", "file", "data", "media-type"] {
            let values = matches.get_many::<String>(name).into_iter().flatten();
            let indices = matches.indices_of(name).into_iter().flatten();
            given.extend(indices.zip(values).map(|(index, value)| (index, name, value)));
        }
        given.sort_by_key(|(index, ..)| *index);

        let mut parts: Vec<PartArg> = Vec::new();
        // A bare message is not a flag that a media type could follow.
        let mut last_flag: Option<usize> = None;
        for (_, name, value) in given {
            let kind = match name {
                "media-type" => {
                    let part = last_flag.and_then(|index| parts.get_mut(index)).ok_or_else(|| {
                        usage("--media-type has to follow the --text, --file or --data that it describes")
                    })?;
                    if part.media_type.replace(value.clone()).is_some() {
                        return Err(usage("a part has two --media-type"));
                    }
                    continue;
                }
                "file" => PartKind::File,
                "data" => PartKind::Data,
                _ => PartKind::Text,
            };
            if name != "message" {
                last_flag = Some(parts.len());
            }
            parts.push(PartArg { kind, value: value.clone(), media_type: None });
        }
        if parts.is_empty() {
            return Err(usage("nothing to send: give a message, --text, --file or --data"));
        }
        if parts.iter().filter(|part| part.is_standard_input()).count() > 1 {
            return Err(usage("standard input can be read only once"));
        }
        Ok(Self(parts))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn usage(message: &str) -> clap::Error {
    clap::Error::raw(ErrorKind::ValueValidation, message)
}

impl PartArgs {
    /// The parts with the content of the files they name.
    ///
    /// # Errors
    /// A usage error that names the file that cannot be read, or is not JSON.
    pub(crate) fn read(&self) -> Result<Vec<Part>, Failure> {
        self.0.iter().map(PartArg::read).collect()
    }
}

impl PartArg {
    fn is_standard_input(&self) -> bool {
        self.kind == PartKind::Data && self.value == "-"
    }

    fn read(&self) -> Result<Part, Failure> {
        let (mut part, inferred) = match self.kind {
            PartKind::Text => (Part::text(&*self.value), None),
            PartKind::Data => (Part::data(self.data()?), Some("application/json")),
            PartKind::File => match address(&self.value) {
                Some(url) => {
                    let path = url.split(['?', '#']).next().unwrap_or_default();
                    let path =
                        path.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
                    let name = path.rsplit('/').next().unwrap_or_default();
                    (named(Part::url(url), name), media_type::of_name(name))
                }
                None => self.local_file()?,
            },
        };
        if let Some(media_type) = self.media_type.as_deref().or(inferred) {
            part = part.media_type(media_type);
        }
        Ok(part)
    }

    fn data(&self) -> Result<serde_json::Value, Failure> {
        let from = if self.is_standard_input() { "standard input" } else { &self.value };
        let bytes = if self.is_standard_input() {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        } else {
            std::fs::read(&self.value)
        };
        let bytes = bytes.map_err(|error| Failure::usage(format!("--data: cannot read {from}: {error}")))?;
        serde_json::from_slice(&bytes).map_err(|error| Failure::usage(format!("--data: {from} is not JSON: {error}")))
    }

    fn local_file(&self) -> Result<(Part, Option<&'static str>), Failure> {
        let path = self.value.strip_prefix("file://").unwrap_or(&self.value);
        let bytes =
            std::fs::read(path).map_err(|error| Failure::usage(format!("--file: cannot read {path}: {error}")))?;
        let name = std::path::Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Ok((named(Part::raw(bytes), name), media_type::of_name(name)))
    }
}

fn named(part: Part, name: &str) -> Part {
    if name.is_empty() { part } else { part.filename(name) }
}

/// The value as an address of another machine, if it is one: it has a scheme, and not `file`.
fn address(value: &str) -> Option<&str> {
    let (scheme, _) = value.split_once("://")?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    (is_scheme && !scheme.eq_ignore_ascii_case("file")).then_some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(arguments: &[&str]) -> Result<PartArgs, clap::Error> {
        let command = PartArgs::augment_args(Command::new("send").no_binary_name(true));
        PartArgs::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    fn json_of(arguments: &[&str]) -> Value {
        serde_json::to_value(parse(arguments).unwrap().read().unwrap()).unwrap()
    }

    #[test]
    fn parts_keep_the_order_of_the_command_line() {
        let parts = json_of(&["--text", "a", "--file", "https://h/x.png", "bare", "--text=b"]);
        let expected = json!([
            {"text": "a"},
            {"url": "https://h/x.png", "filename": "x.png", "mediaType": "image/png"},
            {"text": "bare"},
            {"text": "b"},
        ]);
        assert_eq!(parts, expected);
    }

    #[test]
    fn a_media_type_binds_to_the_part_flag_before_it() {
        let parts = json_of(&[
            "--file",
            "s3://bucket/report.bin",
            "--media-type",
            "application/pdf",
            "bare",
            "--text",
            "# t",
            "--media-type",
            "text/markdown",
        ]);
        let types: Vec<_> = parts.as_array().unwrap().iter().map(|part| part["mediaType"].clone()).collect();
        assert_eq!(types, [json!("application/pdf"), Value::Null, json!("text/markdown")]);
    }

    #[test]
    fn a_media_type_without_its_part_is_a_usage_error() {
        for arguments in [
            &["--media-type", "text/plain", "--text", "a"][..],
            &["bare", "--media-type", "text/plain"],
            &["--text", "a", "--media-type", "a/b", "--media-type", "c/d"],
            &[],
            &["--data", "-", "--data", "-"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn local_files_are_sent_inline() {
        let directory = std::env::temp_dir().join(format!("nuncio-parts-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (file, data) = (directory.join("a.csv"), directory.join("d"));
        std::fs::write(&file, "1,2").unwrap();
        std::fs::write(&data, r#"{"n": 42}"#).unwrap();
        let (file, data) = (file.to_str().unwrap(), data.to_str().unwrap());
        let parts = json_of(&["--file", file, "--file", &format!("file://{file}"), "--data", data]);
        let broken = parse(&["--data", file]).unwrap().read().unwrap_err();
        std::fs::remove_dir_all(&directory).unwrap();
        let raw = json!({"raw": "MSwy", "filename": "a.csv", "mediaType": "text/csv"});
        assert_eq!(parts, json!([raw, raw, {"data": {"n": 42}, "mediaType": "application/json"}]));
        assert!(broken.message.contains("is not JSON"), "{}", broken.message);
    }

    #[test]
    fn a_missing_file_is_named() {
        let failure = parse(&["--file", "/no/such/file"]).unwrap().read().unwrap_err();
        assert!(failure.message.contains("/no/such/file"));
    }
}
