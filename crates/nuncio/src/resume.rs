//! The command line with which to go on: the tool remembers nothing, so it says what to type.

use a2a_protocol_core::TaskState;

use crate::config::{Resolved, Source};

/// Options that decide which agent is talked to and how. Credentials are not among them: they
/// must not be printed.
const CARRIED: [&str; 5] = ["agent-card", "config", "transport", "a2a-version", "insecure"];

/// The options of this invocation's flags that the next one needs too.
pub(crate) fn carried(resolved: &Resolved) -> String {
    let mut options = String::new();
    for name in CARRIED {
        if resolved.source(name) != Source::Flag {
            continue;
        }
        for value in resolved.values(name) {
            match (name, value.as_str()) {
                ("agent-card", value) => options.push_str(&format!(" -a {}", quoted(value))),
                ("insecure", "true") => options.push_str(" --insecure"),
                ("insecure", _) => options.push_str(" --insecure=false"),
                (name, value) => options.push_str(&format!(" --{name} {}", quoted(value))),
            }
        }
    }
    options
}

/// How to go on with a task in this state.
pub(crate) fn task(carried: &str, task_id: &str, context_id: &str, state: &TaskState) -> Option<String> {
    if state.is_interrupted() {
        return Some(format!("nuncio send{carried} --task-id {} \"<reply>\"", quoted(task_id)));
    }
    if !state.is_terminal() {
        return Some(format!("nuncio task get{carried} --wait {}", quoted(task_id)));
    }
    context(carried, context_id)
}

/// How to say more in a context.
pub(crate) fn context(carried: &str, context_id: &str) -> Option<String> {
    (!context_id.is_empty()).then(|| format!("nuncio send{carried} --context-id {} \"<message>\"", quoted(context_id)))
}

/// The text as one word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    #[test]
    fn the_state_decides_how_to_go_on() {
        for (state, expected) in [
            (TaskState::InputRequired, Some("nuncio send -a h --task-id t \"<reply>\"")),
            (TaskState::AuthRequired, Some("nuncio send -a h --task-id t \"<reply>\"")),
            (TaskState::Working, Some("nuncio task get -a h --wait t")),
            (TaskState::Unspecified, Some("nuncio task get -a h --wait t")),
            (TaskState::Completed, Some("nuncio send -a h --context-id 'c d' \"<message>\"")),
        ] {
            assert_eq!(task(" -a h", "t", "c d", &state).as_deref(), expected);
        }
        assert_eq!(task("", "t", "", &TaskState::Failed), None);
    }

    #[test]
    fn only_flags_are_carried_over_and_no_credentials() {
        let layers = Layers {
            flags: vec![
                ("agent-card", vec!["http://h/it's".to_owned()]),
                ("bearer", vec!["secret".to_owned()]),
                ("transport", vec!["JSONRPC".to_owned(), "HTTP+JSON".to_owned()]),
                ("insecure", vec!["true".to_owned()]),
            ],
            environment: [("A2ACLI_A2A_VERSION".to_owned(), "1.0".to_owned())].into(),
            ..Layers::default()
        };
        let expected = " -a 'http://h/it'\\''s' --transport JSONRPC --transport HTTP+JSON --insecure";
        assert_eq!(carried(&layers.resolve()), expected);
    }
}
