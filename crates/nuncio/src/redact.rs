//! Keeps credentials out of diagnostics: whatever is written for people to read about a run has
//! the secrets of that run replaced, however they got into the text.

/// Stands in for a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Pieces of a service parameter that are shorter are not taken for secrets of their own: hiding
/// every `a` would leave nothing to read, and no credential is that short.
const SHORTEST_PIECE: usize = 6;

/// The secrets of a run, in every spelling in which they may turn up.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// A value that is a credential for certain.
    pub(crate) fn credential(&mut self, value: &str) {
        if value.is_empty() {
            return;
        }
        self.add(value);
        self.pieces(value);
    }

    /// A value that may hold a credential, such as a service parameter `Bearer abc` or `sid=abc`.
    pub(crate) fn service_parameter(&mut self, value: &str) {
        if value.len() >= SHORTEST_PIECE {
            self.add(value);
        }
        self.pieces(value);
    }

    fn pieces(&mut self, value: &str) {
        let separator = |c: char| c.is_whitespace() || matches!(c, ';' | ',' | '=' | '"');
        for piece in value.split(separator).filter(|piece| piece.len() >= SHORTEST_PIECE && *piece != "Bearer") {
            self.add(piece);
        }
    }

    fn add(&mut self, value: &str) {
        let json = serde_json::Value::from(value).to_string();
        let spellings = [value.to_owned(), json.trim_matches('"').to_owned(), percent_encoded(value)];
        for spelling in spellings {
            if !self.0.contains(&spelling) {
                self.0.push(spelling);
            }
        }
    }

    /// The text without the secrets. What is redacted already stays as it is.
    pub(crate) fn redact(&self, text: &str) -> String {
        let hidden = self.0.iter().map(String::as_str).chain([REDACTED]);
        let found = hidden.flat_map(|hidden| text.match_indices(hidden).map(|(at, it)| (at, at + it.len())));
        let mut places: Vec<(usize, usize)> = found.collect();
        places.sort_unstable();
        let (mut redacted, mut end) = (String::new(), 0);
        for (from, to) in places {
            // What overlaps becomes one: a secret may be part of another.
            if from >= end {
                redacted.push_str(&text[end..from]);
                redacted.push_str(REDACTED);
            }
            end = end.max(to);
        }
        redacted.push_str(&text[end..]);
        redacted
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// As in the query of a URL.
fn percent_encoded(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.credential("k3y/\"x\"");
        secrets.service_parameter("Bearer token-of-service");
        secrets.service_parameter("1");
        secrets
    }

    #[test]
    fn a_secret_is_replaced_in_every_spelling() {
        for text in ["k3y/\"x\"", r#"{"key":"k3y/\"x\""}"#, "?key=k3y%2F%22x%22", "the token-of-service came back"] {
            let redacted = secrets().redact(text);
            assert!(redacted.contains(REDACTED), "{redacted}");
            assert!(!redacted.contains("k3y") && !redacted.contains("token-of"), "{redacted}");
        }
    }

    #[test]
    fn what_is_redacted_is_not_redacted_again() {
        let mut secrets = secrets();
        secrets.credential("t");
        let once = secrets.redact("cannot reach");
        assert_eq!(once, "canno[redacted] reach");
        assert_eq!(secrets.redact(&once), once);
    }

    #[test]
    fn of_secrets_that_overlap_nothing_is_left() {
        let mut secrets = Secrets::default();
        secrets.credential("abcd");
        secrets.credential("cdefgh");
        secrets.credential("bc");
        assert_eq!(secrets.redact("xabcdefghx"), "x[redacted]x");
    }

    #[test]
    fn short_service_parameters_leave_the_text_readable() {
        assert_eq!(secrets().redact("1 of 1"), "1 of 1");
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", secrets()).contains("k3y"));
    }
}
