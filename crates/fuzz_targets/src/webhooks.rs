//! Webhooks: what their receiver gets, and where they are.

use std::net::IpAddr;

use a2a_http_client::{Guard, Receiver, Rejected, special_use};
use a2a_protocol_core::{InDialect, JsonDialect, PUSH_TOKEN_HEADER, Spoken as _, StreamResponse, signing::NotVerified};

use crate::{
    head_and_body, headers, ready,
    signatures::{KEYS, now},
};

const TOKEN: &str = "t0";

pub(crate) fn receiver(data: &[u8]) {
    let (head, body) = head_and_body(data);
    let headers = headers(head.split(|byte| *byte == b'\n'));
    let receive = |receiver: &Receiver| ready(receiver.receive(&headers, body, now()));

    let open = receive(&Receiver::default());
    match &open {
        Ok(delivery) => {
            let dialect = JsonDialect::of_json_rpc(delivery.version);
            let there_and_back = |event: &StreamResponse| {
                let written = serde_json::to_vec(&InDialect(dialect, event)).ok()?;
                Some(StreamResponse::read_in(dialect, &written).expect("what is written can be read"))
            };
            if let Some(settled) = there_and_back(&delivery.event) {
                assert_eq!(there_and_back(&settled), Some(settled));
            }
        }
        Err(Rejected::Body(error)) => assert!(error.message().len() <= 2000, "{error}"),
        Err(other) => panic!("{other}: nothing but the body is checked"),
    }

    let is_token = headers.get(PUSH_TOKEN_HEADER).is_some_and(|given| given == TOKEN);
    match receive(&Receiver::default().token(TOKEN)) {
        Err(Rejected::Token) => assert!(!is_token),
        other => assert!(is_token && other.is_ok() == open.is_ok()),
    }

    let signed = Receiver::default().keys(KEYS.clone());
    match receive(&signed) {
        Ok(delivery) => {
            assert!(delivery.claims.is_some() && open.is_ok());
            let again = receive(&signed);
            assert!(matches!(again, Err(Rejected::Signature(NotVerified::Replayed))), "{again:?}");
        }
        Err(Rejected::Signature(_)) => {}
        Err(Rejected::Body(_)) => assert!(open.is_err()),
        Err(other) => panic!("{other}: nothing else is checked"),
    }
}

pub(crate) fn address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let guard = Guard::default();
    match guard.url(text) {
        Ok(url) => {
            assert_eq!(guard.url(url.as_str()).as_ref(), Ok(&url));
            assert!(matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none());
            let host = url.host_str().expect("it has a host");
            if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
                assert_eq!(special_use(address), None);
            }
        }
        Err(forbidden) => assert!(forbidden.to_string().len() <= text.len() + 100, "{forbidden}"),
    }
}
