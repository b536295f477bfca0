//! `card sign`

use std::{fmt::Display, fs, io::Read as _, path::Path};

use a2a_protocol_core::{
    AgentCard, AgentCardSignature, Struct, read_response,
    signing::{self, JwkSet, SigningKey},
};
use serde::Serialize;

use super::findings;
use crate::{
    app::{App, written},
    args::CardSignArgs,
    error::{Code, Failure},
};

/// Signs a card. Whatever else the JSON has, older signatures included, stays as it is.
pub(crate) fn sign(app: &App, args: &CardSignArgs) -> Result<(), Failure> {
    let key = key(args)?;
    let text = input(&args.card)?;
    let invalid = |problem: String| Failure::new(Code::CardInvalid, format!("{}: {problem}", args.card));
    let no_object = |error| invalid(format!("is no JSON object: {error}"));
    let mut document: Struct = serde_json::from_str(&text).map_err(no_object)?;
    let card: AgentCard = read_response(text.as_bytes()).map_err(|error| invalid(error.message().to_owned()))?;
    for finding in findings(&card) {
        app.console.warn(&format!("the card is signed with a fault: {finding}"));
    }

    let signatures = signatures(&card, &key, args).map_err(|error| invalid(error.message().to_owned()))?;
    let signatures = serde_json::to_value(signatures).map_err(|error| invalid(error.to_string()))?;
    document.insert("signatures".to_owned(), signatures);
    if let Some(path) = &args.jwks_out {
        write(path, "--jwks-out", &JwkSet::from(key.public()))?;
    }
    match &args.out {
        Some(path) => write(path, "--out", &document),
        None => written(app.console.json(&document)),
    }
}

/// The card's signatures, and those that are new.
fn signatures(
    card: &AgentCard,
    key: &SigningKey,
    args: &CardSignArgs,
) -> Result<Vec<AgentCardSignature>, a2a_protocol_core::Error> {
    let jku = args.jku.as_deref();
    let mut signatures = card.signatures.clone();
    signatures.push(signing::sign(card, key, jku)?);
    if args.for_sdks {
        signatures.extend(signing::sign_pruned(card, key, jku)?);
    }
    Ok(signatures)
}

fn key(args: &CardSignArgs) -> Result<SigningKey, Failure> {
    let wrong = |problem: &dyn Display| Failure::usage(format!("--key: {}: {problem}", args.key.display()));
    let text = fs::read_to_string(&args.key).map_err(|error| wrong(&error))?;
    let key = SigningKey::read(&text).map_err(|error| wrong(&error))?;
    Ok(match &args.kid {
        Some(kid) => key.with_kid(kid),
        None => key,
    })
}

fn input(name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match name {
        "-" => std::io::stdin().lock().read_to_string(&mut text).map(|_| text),
        path => fs::read_to_string(path),
    };
    read.map_err(|error| Failure::usage(format!("{name}: {error}")))
}

fn write(path: &Path, flag: &str, document: &impl Serialize) -> Result<(), Failure> {
    let wrong = |problem: &dyn Display| Failure::usage(format!("{flag}: {}: {problem}", path.display()));
    let text = serde_json::to_string_pretty(document).map_err(|error| wrong(&error))?;
    fs::write(path, text + "\n").map_err(|error| wrong(&error))
}
