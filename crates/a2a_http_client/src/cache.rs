//! A private cache of agent cards, by the rules of RFC 9111.
//!
//! What is known of HTTP caching but not done here: `Vary` is ignored, because cards are always
//! asked for in the same way; freshness is never guessed; a stale card is never served. A card that
//! was only given to whoever has a credential is not stored at all.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use a2a_protocol_core::Timestamp;
use http::{HeaderMap, HeaderName, header};
use serde::{Deserialize, Serialize};

use crate::retry::http_date;

/// How many cards are kept in memory.
const CAPACITY: usize = 256;

/// Keeps agent cards for as long as their agents allow. Clients may share one.
#[derive(Default)]
pub struct CardCache {
    cards: Mutex<HashMap<String, Arc<StoredCard>>>,
    store: Option<Box<dyn CardStore>>,
}

/// Where a cache keeps cards beyond the life of the process. Failures are the store's own to
/// report: to the cache, a card that cannot be loaded is not there.
pub trait CardStore: Send + Sync {
    /// The card of an address.
    fn load(&self, url: &str) -> Option<StoredCard>;
    /// Keeps the card of an address, in place of an earlier one.
    fn save(&self, url: &str, card: &StoredCard);
    /// Keeps the card of an address no longer.
    fn remove(&self, url: &str);
}

/// A card as a cache keeps it: the text, and what decides how long it may be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StoredCard {
    /// The card as it was served.
    pub json: String,
    /// Compared by the server to tell whether the card has changed.
    pub etag: Option<String>,
    /// The same, for servers that have no tags.
    pub last_modified: Option<String>,
    /// When the reply arrived.
    pub received: Timestamp,
    /// How old it was then, in seconds.
    pub initial_age: u64,
    /// Up to which age it may be used without asking, in seconds.
    pub lifetime: u64,
}

/// What to do with a card that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is fresh.
    Use,
    /// It may still be right: ask whether it has changed.
    Revalidate,
    /// It is of no use.
    Fetch,
}

impl StoredCard {
    /// The card of a reply to a request of time `sent`. `None` if the reply must not be stored, or
    /// if that would be to no use.
    pub(crate) fn new(json: &str, headers: &HeaderMap, sent: Timestamp, received: Timestamp) -> Option<Self> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let control = Control::read(headers);
        if control.no_store {
            return None;
        }
        let date = text(header::DATE).and_then(|date| http_date(&date)).unwrap_or(received);
        // Section 4.2.3: the age that caches on the way tell, or that the clocks show.
        let told = text(header::AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0_u64);
        let initial_age = received.since(date).as_secs().max(told.saturating_add(received.since(sent).as_secs()));
        let lifetime = match (control.no_cache, control.max_age, text(header::EXPIRES)) {
            (true, _, _) => 0,
            (false, Some(seconds), _) => seconds,
            (false, None, Some(expires)) => http_date(&expires).map_or(0, |expires| expires.since(date).as_secs()),
            (false, None, None) => 0,
        };
        let stored = Self {
            json: json.to_owned(),
            etag: text(header::ETAG),
            last_modified: text(header::LAST_MODIFIED),
            received,
            initial_age,
            lifetime,
        };
        (stored.decide(received) != Decision::Fetch).then_some(stored)
    }

    /// What to do with the card at this time.
    pub(crate) fn decide(&self, now: Timestamp) -> Decision {
        // A clock that was set back says nothing about the age.
        let age = (now >= self.received).then(|| self.initial_age.saturating_add(now.since(self.received).as_secs()));
        if age.is_some_and(|age| age < self.lifetime) {
            Decision::Use
        } else if self.etag.is_some() || self.last_modified.is_some() {
            Decision::Revalidate
        } else {
            Decision::Fetch
        }
    }

    /// The card after the server has said that it has not changed (section 4.3.4). `None` if it
    /// must not be stored any longer.
    pub(crate) fn refreshed(&self, headers: &HeaderMap, sent: Timestamp, received: Timestamp) -> Option<Self> {
        let mut headers = headers.clone();
        for (name, validator) in [(header::ETAG, &self.etag), (header::LAST_MODIFIED, &self.last_modified)] {
            if let Some(value) = validator.as_deref().and_then(|text| text.parse().ok())
                && !headers.contains_key(&name)
            {
                headers.insert(name, value);
            }
        }
        Self::new(&self.json, &headers, sent, received)
    }

    /// Asks the server to send the card only if it has changed.
    pub(crate) fn make_conditional(&self, headers: &mut HeaderMap) {
        for (name, validator) in [(header::IF_NONE_MATCH, &self.etag), (header::IF_MODIFIED_SINCE, &self.last_modified)]
        {
            if let Some(value) = validator.as_deref().and_then(|text| text.parse().ok()) {
                headers.insert(name, value);
            }
        }
    }
}

/// What `Cache-Control` says to a private cache (section 5.2.2).
#[derive(Default)]
struct Control {
    no_store: bool,
    no_cache: bool,
    max_age: Option<u64>,
}

impl Control {
    fn read(headers: &HeaderMap) -> Self {
        let mut control = Self::default();
        let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
        for directive in values.flat_map(|value| value.split(',')) {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => control.no_store = true,
                // With field names or without: asking too often does no harm.
                "no-cache" => control.no_cache = true,
                "max-age" => {
                    // An argument that cannot be understood is a card that is stale (section 4.2.1).
                    let seconds = argument.trim().trim_matches('"').parse().unwrap_or(0);
                    control.max_age = Some(control.max_age.map_or(seconds, |other: u64| other.min(seconds)));
                }
                _ => {}
            }
        }
        control
    }
}

impl CardCache {
    /// An empty cache in memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// A cache that also keeps its cards elsewhere.
    pub fn with_store(store: impl CardStore + 'static) -> Self {
        Self { cards: Mutex::default(), store: Some(Box::new(store)) }
    }

    pub(crate) fn get(&self, url: &str) -> Option<Arc<StoredCard>> {
        if let Some(card) = self.cards().get(url) {
            return Some(card.clone());
        }
        let card = Arc::new(self.store.as_ref()?.load(url)?);
        self.keep(url, card.clone());
        Some(card)
    }

    pub(crate) fn put(&self, url: &str, card: StoredCard) {
        if let Some(store) = &self.store {
            store.save(url, &card);
        }
        self.keep(url, Arc::new(card));
    }

    pub(crate) fn remove(&self, url: &str) {
        if let Some(store) = &self.store {
            store.remove(url);
        }
        self.cards().remove(url);
    }

    fn keep(&self, url: &str, card: Arc<StoredCard>) {
        let mut cards = self.cards();
        if cards.len() >= CAPACITY && !cards.contains_key(url) {
            let oldest = cards.iter().min_by_key(|(_, card)| card.received).map(|(url, _)| url.clone());
            oldest.and_then(|url| cards.remove(&url));
        }
        cards.insert(url.to_owned(), card);
    }

    fn cards(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<StoredCard>>> {
        // The map is whole between any two of its operations.
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CardCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardCache").field("cards", &self.cards().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn at(seconds: u64) -> Timestamp {
        http_date(DATE).unwrap().plus(Duration::from_secs(seconds))
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        map
    }

    #[test]
    fn freshness_follows_rfc_9111() {
        use Decision::{Fetch, Revalidate, Use};
        let tag = ("etag", "\"1\"");
        let modified = ("last-modified", DATE);
        for (lines, age, decision) in [
            (&[][..], 0, Fetch),
            (&[tag], 0, Revalidate),
            (&[modified], 0, Revalidate),
            (&[("cache-control", "max-age=60")], 0, Use),
            (&[("cache-control", "max-age=60")], 59, Use),
            (&[("cache-control", "max-age=60")], 60, Fetch),
            (&[("cache-control", "max-age=60"), tag], 60, Revalidate),
            (&[("cache-control", "public, Max-Age = \"60\"")], 59, Use),
            (&[("cache-control", "s-maxage=60")], 0, Fetch),
            (&[("cache-control", "s-maxage=60, max-age=10")], 10, Fetch),
            (&[("cache-control", "max-age=60, max-age=10")], 10, Fetch),
            (&[("cache-control", "private"), ("cache-control", "max-age=60")], 59, Use),
            (&[("cache-control", "max-age=soon")], 0, Fetch),
            (&[("cache-control", "max-age=60, no-store"), tag], 0, Fetch),
            (&[("cache-control", "max-age=60, no-cache"), tag], 0, Revalidate),
            (&[("cache-control", "max-age=60, no-cache")], 0, Fetch),
            (&[("cache-control", "max-age=60"), ("age", "50")], 9, Use),
            (&[("cache-control", "max-age=60"), ("age", "50")], 10, Fetch),
            (&[("cache-control", "max-age=60"), ("vary", "*")], 59, Use),
            (&[("expires", "Sun, 06 Nov 1994 08:50:37 GMT"), ("date", DATE)], 59, Use),
            (&[("expires", "Sun, 06 Nov 1994 08:50:37 GMT"), ("date", DATE)], 60, Fetch),
            (&[("expires", "0")], 0, Fetch),
            (&[("expires", "0"), ("cache-control", "max-age=60")], 59, Use),
        ] {
            let stored = StoredCard::new("{}", &headers(lines), at(0), at(0));
            let decided = stored.map_or(Fetch, |stored| stored.decide(at(age)));
            assert_eq!(decided, decision, "{lines:?} at {age} s");
        }
    }

    #[test]
    fn the_time_the_reply_took_counts_as_age() {
        let slow = headers(&[("cache-control", "max-age=60"), ("age", "10")]);
        let stored = StoredCard::new("{}", &slow, at(0), at(20)).unwrap();
        assert_eq!(stored.initial_age, 30);
        let dated = headers(&[("cache-control", "max-age=60"), ("date", DATE)]);
        assert_eq!(StoredCard::new("{}", &dated, at(40), at(45)).unwrap().initial_age, 45);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_card_fresh() {
        let stored = StoredCard::new("{}", &headers(&[("cache-control", "max-age=60")]), at(9), at(9)).unwrap();
        assert_eq!(stored.decide(at(8)), Decision::Fetch);
    }

    #[test]
    fn what_has_not_changed_is_fresh_again_under_the_new_headers() {
        let first = headers(&[("cache-control", "max-age=10"), ("etag", "\"1\""), ("last-modified", DATE)]);
        let stored = StoredCard::new("{}", &first, at(0), at(0)).unwrap();
        let again = stored.refreshed(&headers(&[("cache-control", "max-age=20")]), at(100), at(100)).unwrap();
        assert_eq!(again.decide(at(119)), Decision::Use);
        assert_eq!(again.decide(at(120)), Decision::Revalidate);
        let mut asked = HeaderMap::new();
        again.make_conditional(&mut asked);
        assert_eq!(asked, headers(&[("if-none-match", "\"1\""), ("if-modified-since", DATE)]));
        assert_eq!(stored.refreshed(&headers(&[("cache-control", "no-store")]), at(1), at(1)), None);
    }

    #[test]
    fn the_memory_is_bounded_and_gives_up_the_oldest() {
        let cache = CardCache::new();
        let caching = headers(&[("cache-control", "max-age=60")]);
        for index in 0..=CAPACITY {
            let time = at(index as u64);
            cache.put(&format!("https://h/{index}"), StoredCard::new("{}", &caching, time, time).unwrap());
        }
        assert_eq!(cache.cards().len(), CAPACITY);
        assert!(cache.get("https://h/0").is_none() && cache.get("https://h/1").is_some());
    }
}
