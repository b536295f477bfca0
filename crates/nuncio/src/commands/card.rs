//! `card get`, `card sign` and `card verify`

mod sign;
mod verify;

use a2a_app_ports::{AgentOperations as _, CallContext};
use a2a_protocol_core::{
    AgentCard, ErrorKind, GetExtendedAgentCardRequest,
    signing::{KeyStore, Verdict},
};

use crate::{
    agent,
    app::{App, written},
    args::CardGetArgs,
    error::{Code, Failure},
    output::{self, Fields},
};

pub(crate) use sign::sign;
pub(crate) use verify::{read_keys, verify};

/// Reads, and on request checks, an agent's card.
pub(crate) async fn get(app: &App, args: CardGetArgs) -> Result<(), Failure> {
    let (builder, document) = agent::card(app).await?;
    // A card that cannot be used can still be read.
    let client = agent::client(app, builder, &document);
    let selected = client.as_ref().ok().map(|client| client.interface().clone());
    let (card, served) = match args.extended {
        true => (extended(app, &document.card, client?).await?, None),
        false => (document.card, Some(document.json.as_str())),
    };
    let verdict = verify::verdict(&card, served, &document.location, KeyStore::default()).await?;
    if args.validate {
        validate(&card, &verdict)?;
    }
    if let Verdict::Invalid(why) = &verdict {
        app.console.warn(&format!("the card is not what was signed: {why}"));
    }
    if let Some(warning) = output::card::not_covered(&verdict) {
        app.console.warn(warning);
    }
    if app.console.is_json() {
        if !card.signatures.is_empty() {
            app.console.note(&format!("signatures: {}", output::card::verdict(&verdict)));
        }
        return written(app.console.json(&card));
    }
    let mut fields = Fields::new();
    output::card::card(&mut fields, &card, selected.as_ref(), &verdict, app.settings.verbose);
    if args.validate {
        fields.field("Valid", "yes");
    }
    written(app.console.text(&fields))
}

async fn extended(app: &App, card: &AgentCard, client: a2a_http_client::Client) -> Result<AgentCard, Failure> {
    if card.capabilities.extended_agent_card != Some(true) {
        let kind = ErrorKind::UnsupportedOperation;
        let failure = Failure::new(Code::Protocol(kind), "the card does not declare capabilities.extendedAgentCard");
        return Err(failure.hint("leave out --extended to read the public card"));
    }
    let request = GetExtendedAgentCardRequest::default();
    let card = client.get_extended_agent_card(CallContext::new(), request).await;
    card.map(|card| (*card).clone()).map_err(|error| app.failed(&error))
}

/// Findings make the card invalid: scripts look at the exit status.
fn validate(card: &AgentCard, verdict: &Verdict) -> Result<(), Failure> {
    let mut findings = findings(card);
    if let Verdict::Invalid(why) = verdict {
        findings.push(why.clone());
    }
    if findings.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Code::CardInvalid, findings.join("; ")).hint("leave out --validate to read the card as it is"))
}

/// What is wrong with a card, each with the name of the field.
fn findings(card: &AgentCard) -> Vec<String> {
    card.findings().iter().map(|finding| format!("{} {}", finding.field, finding.description)).collect()
}
