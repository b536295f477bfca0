//! From a reference to the agent's card.

use std::{fs::File, io::Read, path::Path};

use a2a_protocol_core::{AgentCard, Error, VERSION_HEADER};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use url::Url;

use crate::{
    CardCache, CardDocument, ClientError, StoredCard,
    cache::Decision,
    card::{self, MAX_CARD},
    credentials::Credentials,
    exchange::{Link, ReadError},
    reference::{self, Place},
    retry::{Failure, FailureKind, Repeat, retry_after},
};

const MAX_REDIRECTS: usize = 5;

/// Finds cards.
pub(crate) struct Resolver<'a> {
    pub(crate) link: &'a Link,
    pub(crate) cache: Option<&'a CardCache>,
    /// Sent with every request.
    pub(crate) headers: &'a HeaderMap,
    /// Sent only where an agent gives its card to nobody else.
    pub(crate) credentials: &'a Credentials,
}

/// What is at an address.
enum Found {
    Card(Box<CardDocument>),
    /// No card; why.
    Nothing(String),
    /// Something else than a card; why.
    NoCard(String),
}

/// A reply with its body, and where it came from after redirects.
struct Served {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    url: Url,
}

impl Resolver<'_> {
    pub(crate) async fn resolve(&self, reference: &str) -> Result<CardDocument, ClientError> {
        let urls = match reference::parse(reference, |path| Path::new(path).is_file())? {
            Place::File(path) => return from_file(&path),
            Place::Urls(urls) => urls,
        };
        let (mut nothing, mut no_card) = (Vec::new(), None);
        for url in &urls {
            match self.at(url).await? {
                Found::Card(document) => return Ok(*document),
                Found::Nothing(why) => nothing.push(why),
                Found::NoCard(why) => no_card = no_card.or(Some(why)),
            }
        }
        Err(match no_card {
            Some(why) => ClientError::card_invalid(why),
            None => ClientError::card_not_found(format!("no agent card found: {}", nothing.join("; "))),
        })
    }

    /// Looks at one address, by way of the cache.
    async fn at(&self, url: &Url) -> Result<Found, ClientError> {
        let known = self.cache.and_then(|cache| cache.get(url.as_str()));
        let now = self.link.host.clock.now();
        let known = known.map(|known| (known.decide(now), known)).filter(|(decision, _)| *decision != Decision::Fetch);
        if let Some((Decision::Use, known)) = &known {
            return Ok(read(&known.json, url));
        }
        let stale = known.map(|(_, known)| known);
        let mut headers = self.headers.clone();
        if let Some(stale) = &stale {
            stale.make_conditional(&mut headers);
        }
        let mut served = self.fetch(url, &headers, false).await?;
        let asked_for_credentials =
            matches!(served.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) && !self.credentials.is_empty();
        if asked_for_credentials {
            served = self.fetch(url, self.headers, true).await?;
        }
        let received = self.link.host.clock.now();
        if let (StatusCode::NOT_MODIFIED, Some(stale)) = (served.status, &stale) {
            self.keep(url, &served, stale.refreshed(&served.headers, now, received));
            return Ok(read(&stale.json, &served.url));
        }
        if served.status != StatusCode::OK {
            return refusal(&served);
        }
        let Ok(json) = std::str::from_utf8(&served.body) else {
            return Ok(Found::NoCard(format!("{} has no usable card: not UTF-8", served.url)));
        };
        let found = read(json, &served.url);
        if matches!(found, Found::Card(_)) && !asked_for_credentials {
            self.keep(url, &served, StoredCard::new(json, &served.headers, now, received));
        }
        Ok(found)
    }

    fn keep(&self, url: &Url, served: &Served, card: Option<StoredCard>) {
        // A card that was fetched with TLS in the end must not be found under an address without.
        match (self.cache, card.filter(|_| served.url.scheme() == url.scheme())) {
            (Some(cache), Some(card)) => cache.put(url.as_str(), card),
            (Some(cache), None) => cache.remove(url.as_str()),
            (None, _) => {}
        }
    }

    /// Gets what is at an address, tries again where that may help, and follows redirects.
    async fn fetch(&self, url: &Url, headers: &HeaderMap, authorised: bool) -> Result<Served, ClientError> {
        let mut target = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut tries = self.link.tries(Repeat::Read);
            // What the caller says is for the agent that was named, wherever it redirects to.
            let foreign = target.origin() != url.origin();
            let headers = if foreign { &without_the_callers(headers) } else { headers };
            let served = loop {
                match self.get(&target, headers, authorised && !foreign).await? {
                    Ok(served) => break served,
                    Err(failure) => tries.again(failure).await.map_err(|failure| failed(&target, failure))?,
                }
            };
            let location = served.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
            let Some(location) = location.filter(|_| is_redirect(served.status)) else {
                return Ok(served);
            };
            let next = target
                .join(location)
                .ok()
                .filter(|next| next.scheme() == "https" || (next.scheme() == "http" && target.scheme() == "http"));
            target = next.ok_or_else(|| {
                ClientError::card_not_found(format!("{target} redirects to {location:?}, which is not followed"))
            })?;
        }
        Err(ClientError::card_not_found(format!("{url} redirects more than {MAX_REDIRECTS} times")))
    }

    /// One request. A failure may be tried again, an error not.
    async fn get(
        &self,
        url: &Url,
        headers: &HeaderMap,
        authorised: bool,
    ) -> Result<Result<Served, Failure>, ClientError> {
        let mut headers = headers.clone();
        let mut target = url.clone();
        if authorised {
            self.credentials.place(None, Some(&mut target), &mut headers)?;
        }
        let mut request = http::Request::new(Bytes::new());
        *request.uri_mut() = target
            .as_str()
            .parse()
            .map_err(|error: http::uri::InvalidUri| ClientError::setup(format!("{url}: {error}")))?;
        *request.headers_mut() = headers;
        let (head, mut body) = match self.link.send(request).await {
            Ok(reply) => reply.into_parts(),
            Err(error) => return Ok(Err(error.into())),
        };
        let body = match self.link.read(&mut body, MAX_CARD).await {
            Ok(body) => body,
            Err(ReadError::Transport(error)) => return Ok(Err(error.into())),
            Err(ReadError::TooLarge(limit)) => {
                return Err(ClientError::card_invalid(format!("{url} has no usable card: larger than {limit} bytes")));
            }
        };
        if matches!(head.status.as_u16(), 429 | 502..=504) {
            let retry_after = retry_after(&head.headers, self.link.host.clock.now());
            let error = Error::from_http(head.status.as_u16(), &body);
            return Ok(Err(Failure { kind: FailureKind::Answered(error), retry_after }));
        }
        Ok(Ok(Served { status: head.status, headers: head.headers, body, url: url.clone() }))
    }
}

fn without_the_callers(headers: &HeaderMap) -> HeaderMap {
    let ours =
        [header::ACCEPT.as_str(), VERSION_HEADER, header::IF_NONE_MATCH.as_str(), header::IF_MODIFIED_SINCE.as_str()];
    let ours = headers.iter().filter(|(name, _)| ours.contains(&name.as_str()));
    ours.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn failed(url: &Url, failure: Failure) -> ClientError {
    let context = format!("cannot get the agent card {url}");
    match failure.kind {
        FailureKind::Transport(error) => ClientError::transport(&context, error),
        FailureKind::Answered(error) => ClientError::protocol(&context, error),
    }
}

/// What a status other than 200 means: there is nothing here for this kind of request, or the
/// agent has a reason that looking elsewhere does not change.
fn refusal(served: &Served) -> Result<Found, ClientError> {
    let (status, url) = (served.status.as_u16(), &served.url);
    match status {
        400 | 404..=406 | 410 | 415 | 501 => Ok(Found::Nothing(format!("{url} answers {status}"))),
        401 | 403 | 500.. => {
            let error = Error::from_http(status, &served.body);
            Err(ClientError::protocol(&format!("cannot get the agent card {url}"), error))
        }
        _ => Ok(Found::NoCard(format!("{url} has no usable card: HTTP status {status}"))),
    }
}

fn read(json: &str, url: &Url) -> Found {
    match card::read(json) {
        Ok(card) => Found::Card(Box::new(document(card, json, url.to_string()))),
        Err(fault) => Found::NoCard(format!("{url} has no usable card: {fault}")),
    }
}

fn document(card: AgentCard, json: &str, location: String) -> CardDocument {
    CardDocument { card, json: json.to_owned(), location }
}

fn from_file(path: &Path) -> Result<CardDocument, ClientError> {
    let location = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        let message = format!("cannot read the agent card {location}: {error}");
        if error.kind() == std::io::ErrorKind::NotFound {
            ClientError::card_not_found(message)
        } else {
            ClientError::card_invalid(message)
        }
        .caused_by(error)
    };
    let invalid = |fault: &str| ClientError::card_invalid(format!("{location} has no usable card: {fault}"));
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_CARD as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MAX_CARD {
        return Err(invalid(&format!("larger than {MAX_CARD} bytes")));
    }
    let json = String::from_utf8(bytes).map_err(|_| invalid("not UTF-8"))?;
    let card = card::read(&json).map_err(|fault| invalid(&fault))?;
    Ok(document(card, &json, location))
}
