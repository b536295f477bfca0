//! Credentials of a request.

use a2a_protocol_core::{Credential, SecurityScheme, read_response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::headers;

pub(crate) fn credential(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Ok(scheme) = read_response::<SecurityScheme>(lines.next().unwrap_or_default()) else { return };
    let query = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let headers = headers(lines);
    let Ok(Some(credential)) = Credential::presented(&scheme, &headers, &query) else { return };
    assert!(Credential::is_presentable(&scheme));
    assert!(["ApiKey", "Bearer", "Basic", "Http"].contains(&&*format!("{credential:?}")), "a secret is not shown");

    let (mut headers, query) = present(&scheme, &credential);
    assert_eq!(Credential::presented(&scheme, &headers, &query).as_ref(), Ok(&Some(credential)));
    let twice = format!("{query}&{query}");
    for (name, value) in headers.clone() {
        headers.append(name.expect("there is one"), value);
    }
    assert!(Credential::presented(&scheme, &headers, &twice).is_err(), "it would be anybody's choice which counts");
}

/// A request that presents this and nothing else.
fn present(scheme: &SecurityScheme, credential: &Credential) -> (HeaderMap, String) {
    let authorization = |scheme: &str, rest: &str| (header::AUTHORIZATION, format!("{scheme} {rest}"));
    let (name, value) = match (scheme, credential) {
        (SecurityScheme::ApiKey(scheme), Credential::ApiKey(key)) => match &*scheme.location.to_ascii_lowercase() {
            "query" => {
                let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
                return (HeaderMap::new(), format!("{}={}", encode(&scheme.name), encode(key)));
            }
            "cookie" => (header::COOKIE, format!("{}={key}", scheme.name)),
            _ => (HeaderName::try_from(&scheme.name).expect("it was found by that name"), key.clone()),
        },
        (_, Credential::Bearer(token)) => authorization("Bearer", token),
        (_, Credential::Basic { user, password }) => {
            authorization("Basic", &STANDARD.encode(format!("{user}:{password}")))
        }
        (SecurityScheme::HttpAuth(scheme), Credential::Http(rest)) => authorization(&scheme.scheme, rest),
        (scheme, credential) => panic!("{credential:?} for {scheme:?}"),
    };
    let value = HeaderValue::try_from(value).expect("it came in a header");
    (HeaderMap::from_iter([(name, value)]), String::new())
}
