//! What people write to name an agent, and where its card may then be.

use std::path::PathBuf;

use protocol_transport_core::is_loopback_host;
use url::Url;

use crate::ClientError;

const WELL_KNOWN: &str = ".well-known/agent-card.json";
/// Where agents of before 1.0 have their card.
const OLDER_WELL_KNOWN: &str = ".well-known/agent.json";

/// Where to look for a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    File(PathBuf),
    /// At the first of these addresses that has one.
    Urls(Vec<Url>),
}

/// Finds out what a reference means: a host, an origin, the address of a card, or a file.
pub(crate) fn parse(reference: &str, is_file: impl Fn(&str) -> bool) -> Result<Place, ClientError> {
    let reference = reference.trim();
    let fault = |fault: &str| ClientError::setup(format!("{reference:?} names no agent: {fault}"));
    if reference.is_empty() {
        return Err(ClientError::setup("the reference to an agent is empty"));
    }
    let url = if reference.contains("://") {
        Url::parse(reference).map_err(|error| fault(&error.to_string()))?
    } else if is_path(reference) || is_file(reference) {
        return Ok(Place::File(reference.into()));
    } else {
        with_scheme(reference).map_err(|error| fault(&error.to_string()))?
    };
    match url.scheme() {
        "http" | "https" => {}
        "file" => {
            let path = url.to_file_path().map_err(|()| fault("not a local file"))?;
            return Ok(Place::File(path));
        }
        other => return Err(fault(&format!("the scheme is {other}, not http, https or file"))),
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Without the reference, which holds a password.
        return Err(ClientError::setup("the address of an agent must not hold a user name or password"));
    }
    Ok(Place::Urls(candidates(url)))
}

/// Whether a reference without a scheme can only be a path.
fn is_path(reference: &str) -> bool {
    if reference.starts_with(['/', '.', '~', '\\']) {
        return true;
    }
    // A directory or a file name, not a host with a path.
    let host = reference.split('/').next().unwrap_or_default();
    let like_a_host = host == "localhost" || host.contains(['.', ':']);
    reference.ends_with(".json") && (host == reference || !like_a_host)
}

fn with_scheme(reference: &str) -> Result<Url, url::ParseError> {
    let url = Url::parse(&format!("https://{reference}"))?;
    if url.host_str().is_some_and(is_loopback_host) { Url::parse(&format!("http://{reference}")) } else { Ok(url) }
}

/// Whether an address is one of the machine itself: `localhost`, a name below it, a loopback
/// address, or the unspecified one.
pub fn is_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(is_loopback_host))
}

/// Where the card of an address may be: below it, if the address is that of a directory; else it
/// may be the card's own, or that of an agent below which the card is.
fn candidates(mut url: Url) -> Vec<Url> {
    url.set_fragment(None);
    let path = url.path().to_owned();
    let below = |name: &str| {
        let mut card = url.clone();
        card.set_path(&format!("{}/{name}", path.trim_end_matches('/')));
        card
    };
    let well_known = [below(WELL_KNOWN), below(OLDER_WELL_KNOWN)];
    if path.ends_with('/') {
        well_known.into()
    } else if path.ends_with(".json") {
        let mut candidates = vec![url.clone()];
        if let Some(base) = path.strip_suffix(WELL_KNOWN) {
            let mut older = url.clone();
            older.set_path(&format!("{base}{OLDER_WELL_KNOWN}"));
            candidates.push(older);
        }
        candidates
    } else {
        std::iter::once(url.clone()).chain(well_known).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(reference: &str) -> Vec<String> {
        match parse(reference, |name| name == "present").unwrap() {
            Place::File(path) => vec![format!("file {}", path.display())],
            Place::Urls(urls) => urls.iter().map(Url::to_string).collect(),
        }
    }

    #[test]
    fn references_lead_to_cards() {
        for (reference, first) in [
            ("agent.example.com", "https://agent.example.com/.well-known/agent-card.json"),
            (" agent.example.com ", "https://agent.example.com/.well-known/agent-card.json"),
            ("agent.example.com:8443", "https://agent.example.com:8443/.well-known/agent-card.json"),
            ("localhost:3000", "http://localhost:3000/.well-known/agent-card.json"),
            ("localhost", "http://localhost/.well-known/agent-card.json"),
            ("a.localhost:1", "http://a.localhost:1/.well-known/agent-card.json"),
            ("127.0.0.1:3000", "http://127.0.0.1:3000/.well-known/agent-card.json"),
            ("127.8.8.8", "http://127.8.8.8/.well-known/agent-card.json"),
            ("0.0.0.0:3000", "http://0.0.0.0:3000/.well-known/agent-card.json"),
            ("[::1]:3000", "http://[::1]:3000/.well-known/agent-card.json"),
            ("10.0.0.1:3000", "https://10.0.0.1:3000/.well-known/agent-card.json"),
            ("localhost.example.com", "https://localhost.example.com/.well-known/agent-card.json"),
            ("http://h", "http://h/.well-known/agent-card.json"),
            ("https://h/", "https://h/.well-known/agent-card.json"),
            ("https://h/agents/a/", "https://h/agents/a/.well-known/agent-card.json"),
            ("https://h/agents/a", "https://h/agents/a"),
            ("h.example/agents/a", "https://h.example/agents/a"),
            ("https://h/cards/a.json", "https://h/cards/a.json"),
            ("h.example/cards/a.json", "https://h.example/cards/a.json"),
            ("https://h/?x=1#f", "https://h/.well-known/agent-card.json?x=1"),
            ("card.json", "file card.json"),
            ("cards/a.json", "file cards/a.json"),
            ("./card", "file ./card"),
            ("/srv/card", "file /srv/card"),
            ("present", "file present"),
            ("file:///srv/a%20card.json", "file /srv/a card.json"),
        ] {
            assert_eq!(places(reference)[0], first, "{reference}");
        }
    }

    #[test]
    fn the_older_path_comes_after_the_current_one() {
        for (reference, rest) in [
            ("https://h", &["https://h/.well-known/agent.json"][..]),
            ("https://h/a/", &["https://h/a/.well-known/agent.json"]),
            ("https://h/a", &["https://h/a/.well-known/agent-card.json", "https://h/a/.well-known/agent.json"]),
            ("https://h/a/.well-known/agent-card.json", &["https://h/a/.well-known/agent.json"]),
            ("https://h/card.json", &[]),
        ] {
            assert_eq!(places(reference)[1..], *rest, "{reference}");
        }
    }

    #[test]
    fn faults_are_explained_without_passwords() {
        for (reference, fault) in [
            (" ", "the reference to an agent is empty"),
            ("ftp://h/", "\"ftp://h/\" names no agent: the scheme is ftp, not http, https or file"),
            ("https://", "\"https://\" names no agent: empty host"),
            ("https://u:p@h/", "the address of an agent must not hold a user name or password"),
            ("u:p@h", "the address of an agent must not hold a user name or password"),
            ("a b", "\"a b\" names no agent: invalid international domain name"),
        ] {
            let error = parse(reference, |_| false).unwrap_err();
            assert_eq!(error.to_string(), fault);
            assert!(!error.is_card_not_found() && !error.is_card_invalid());
        }
    }
}
