//! `card verify`

use std::{fs, path::Path};

use a2a_http_client::{Guard, KeyFetcher, host, is_loopback, verify_card};
use a2a_protocol_core::{
    AgentCard,
    signing::{self, JwkSet, KeySource, KeyStore, Verdict},
};
use serde_json::json;

use crate::{
    agent,
    app::{App, written},
    args::CardVerifyArgs,
    error::{Code, Failure},
    output::{self, Fields},
};

/// Verifies the signatures of a card. A card need not be signed, so one that is not fails only where
/// signatures are required.
pub(crate) async fn verify(app: &App, args: &CardVerifyArgs) -> Result<(), Failure> {
    let mut keys = KeyStore::default();
    for path in &args.keys {
        keys.trust(read_keys(path)?);
    }
    let (_, document) = agent::card(app).await?;
    let (card, served) = (&document.card, Some(document.json.as_str()));
    let verdict = match args.no_fetch {
        true => signing::verify(card, served, &keys, host().clock.now()),
        false => verdict(card, served, &document.location, keys).await?,
    };
    match &verdict {
        Verdict::Absent if args.require => Err(Failure::new(Code::CardUnverifiable, "the card is not signed")),
        Verdict::Verified(_) | Verdict::Absent => print(app, &verdict),
        Verdict::Invalid(why) => {
            Err(Failure::new(Code::CardInvalid, format!("the card is not what was signed: {why}")))
        }
        other => Err(Failure::new(Code::CardUnverifiable, output::card::verdict(other))
            .hint("name the signer's keys with --keys")),
    }
}

/// What the signatures prove. Keys are fetched from where the card says they are, but from the own
/// network only for a card that is of the own machine.
pub(super) async fn verdict(
    card: &AgentCard,
    served: Option<&str>,
    location: &str,
    keys: KeyStore,
) -> Result<Verdict, Failure> {
    if card.signatures.is_empty() {
        return Ok(Verdict::Absent);
    }
    let guard = Guard::default().allow_local_networks(is_loopback(location));
    let fetcher = KeyFetcher::guarded(guard).map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    Ok(verify_card(card, served, keys, &fetcher).await)
}

/// The public keys in a file.
pub(crate) fn read_keys(path: &Path) -> Result<JwkSet, Failure> {
    let wrong = |problem: &dyn std::fmt::Display| Failure::usage(format!("--keys: {}: {problem}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    JwkSet::read(&text).map_err(|error| wrong(&error))
}

fn print(app: &App, verdict: &Verdict) -> Result<(), Failure> {
    let Verdict::Verified(by) = verdict else {
        return match app.console.is_json() {
            true => written(app.console.json(&json!({"outcome": "absent"}))),
            false => {
                let mut fields = Fields::new();
                fields.field("Signatures", "absent");
                written(app.console.text(&fields))
            }
        };
    };
    let covers = output::card::form(by.form);
    if let Some(warning) = output::card::not_covered(verdict) {
        app.console.warn(warning);
    }
    if app.console.is_json() {
        let jku = match &by.source {
            KeySource::Fetched(jku) => Some(jku),
            _ => None,
        };
        let algorithm = by.algorithm;
        let document = json!({
            "outcome": "verified", "kid": by.kid, "algorithm": algorithm, "trusted": jku.is_none(), "jku": jku,
            "covers": covers});
        return written(app.console.json(&document));
    }
    let mut fields = Fields::new();
    fields.field("Signatures", "verified");
    fields.field("Key", &by.kid);
    fields.field("Algorithm", by.algorithm);
    fields.field("Key Source", &output::card::source(by));
    fields.field("Covers", covers);
    written(app.console.text(&fields))
}
