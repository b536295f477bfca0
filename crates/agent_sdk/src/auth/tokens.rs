//! Bearer tokens and API keys that are known beforehand.

use std::{collections::BTreeMap, fmt};

use a2a_app_ports::{Authenticator, BoxFuture, Principal};
use a2a_protocol_core::{ApiKeySecurityScheme, Credential, Error, HttpAuthSecurityScheme, SecurityScheme};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Bearer tokens and API keys that are known beforehand, and whose they are.
///
/// Only their SHA-256 is kept. That is enough for what it has to keep apart, which is tokens that
/// were made at random (128 bits and more, such as of `openssl rand -hex 32`): there is nothing to
/// guess from, so neither a salt nor a slow hash makes it any harder. It is not enough for
/// passwords. A credential is compared with all that are known, each in constant time.
///
/// In a card that declares no schemes they are `bearer` (HTTP Bearer) and `apiKey` (the header
/// `X-API-Key`), as far as there are tokens of the kind. In a card with several schemes of a kind, a
/// token is good for each of them, unless it is made for one by its name in the card
/// ([`bearer_for`](Self::bearer_for), [`api_key_for`](Self::api_key_for)).
#[derive(Clone)]
pub struct Tokens {
    known: Vec<Known>,
    api_key: ApiKeySecurityScheme,
}

#[derive(Clone)]
struct Known {
    /// The name of the only scheme that it is for.
    scheme: Option<Box<str>>,
    kind: Kind,
    digest: [u8; 32],
    principal: Principal,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bearer,
    ApiKey,
}

impl Tokens {
    /// No tokens.
    pub fn new() -> Self {
        Self { known: Vec::new(), api_key: ApiKeySecurityScheme::new("header", "X-API-Key") }
    }

    /// One more bearer token, and whose it is.
    #[must_use]
    pub fn bearer(self, token: impl AsRef<str>, principal: impl Into<Principal>) -> Self {
        self.with(None, Kind::Bearer, token.as_ref(), principal.into())
    }

    /// One more bearer token, for the scheme of this name only.
    #[must_use]
    pub fn bearer_for(self, scheme: impl AsRef<str>, token: impl AsRef<str>, principal: impl Into<Principal>) -> Self {
        self.with(Some(scheme.as_ref().into()), Kind::Bearer, token.as_ref(), principal.into())
    }

    /// One more API key, and whose it is.
    #[must_use]
    pub fn api_key(self, key: impl AsRef<str>, principal: impl Into<Principal>) -> Self {
        self.with(None, Kind::ApiKey, key.as_ref(), principal.into())
    }

    /// One more API key, for the scheme of this name only.
    #[must_use]
    pub fn api_key_for(self, scheme: impl AsRef<str>, key: impl AsRef<str>, principal: impl Into<Principal>) -> Self {
        self.with(Some(scheme.as_ref().into()), Kind::ApiKey, key.as_ref(), principal.into())
    }

    /// Where API keys go, instead of into the header `X-API-Key`: a `header`, `query` parameter or
    /// `cookie` of this name.
    #[must_use]
    pub fn api_keys_in(mut self, location: impl Into<String>, name: impl Into<String>) -> Self {
        self.api_key = ApiKeySecurityScheme::new(location, name);
        self
    }

    /// Reads tokens from JSON, which holds no token itself but its SHA-256 in hexadecimal
    /// (`printf %s "$TOKEN" | sha256sum`, or [`digest`](Self::digest)):
    ///
    /// ```json
    /// {
    ///   "credentials": [
    ///     {"principal": "alice", "scopes": ["read"], "bearerSha256": "2bb80d53…"},
    ///     {"principal": "shop", "program": true, "scheme": "apiKey", "apiKeySha256": "9f86d081…"}
    ///   ],
    ///   "apiKey": {"location": "header", "name": "X-API-Key"}
    /// }
    /// ```
    ///
    /// `scopes`, `program`, `scheme` and `apiKey` may be absent. Other formats can be read through `Deserialize`.
    ///
    /// # Errors
    /// InvalidParams that names the field.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let fault = |field: String, description: String| Error::invalid(field, description);
        let tokens = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| fault(error.path().to_string(), error.inner().to_string()))?;
        deserializer.end().map_err(|error| fault(".".to_owned(), error.to_string()))?;
        Ok(tokens)
    }

    /// What is kept of a token: its SHA-256 in hexadecimal.
    pub fn digest(token: impl AsRef<str>) -> String {
        Sha256::digest(token.as_ref()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn with(mut self, scheme: Option<Box<str>>, kind: Kind, token: &str, principal: Principal) -> Self {
        self.known.push(Known { scheme, kind, digest: Sha256::digest(token).into(), principal });
        self
    }

    fn find(&self, scheme: &str, credential: &Credential) -> Option<&Principal> {
        let (kind, secret) = match credential {
            Credential::Bearer(token) => (Kind::Bearer, token),
            Credential::ApiKey(key) => (Kind::ApiKey, key),
            _ => return None,
        };
        let digest: [u8; 32] = Sha256::digest(secret).into();
        let mut found = None;
        for known in self.known.iter().filter(|known| known.kind == kind && known.is_for(scheme)) {
            if known.digest.ct_eq(&digest).into() {
                found = Some(&known.principal);
            }
        }
        found
    }
}

impl Known {
    fn is_for(&self, scheme: &str) -> bool {
        self.scheme.as_deref().is_none_or(|own| own == scheme)
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self::new()
    }
}

impl Authenticator for Tokens {
    fn schemes(&self) -> BTreeMap<String, SecurityScheme> {
        let bearer = SecurityScheme::HttpAuth(HttpAuthSecurityScheme::new("Bearer"));
        let api_key = SecurityScheme::ApiKey(self.api_key.clone());
        let schemes = [("bearer", Kind::Bearer, bearer), ("apiKey", Kind::ApiKey, api_key)].into_iter();
        let used = schemes.filter(|(name, kind, _)| self.known.iter().any(|one| one.kind == *kind && one.is_for(name)));
        used.map(|(name, _, scheme)| (name.to_owned(), scheme)).collect()
    }

    fn verify<'a>(
        &'a self,
        name: &'a str,
        _scheme: &'a SecurityScheme,
        credential: &'a Credential,
    ) -> BoxFuture<'a, Result<Option<Principal>, Error>> {
        Box::pin(std::future::ready(Ok(self.find(name, credential).cloned())))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.known.len())
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct File {
            credentials: Vec<Entry>,
            api_key: Option<ApiKeySecurityScheme>,
        }
        let File { credentials, api_key } = File::deserialize(deserializer)?;
        let mut tokens = Self::new();
        tokens.known = credentials.into_iter().map(|Entry(known)| known).collect();
        tokens.api_key = api_key.unwrap_or(tokens.api_key);
        Ok(tokens)
    }
}

struct Entry(Known);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Fields {
            principal: Box<str>,
            #[serde(default)]
            scopes: Vec<String>,
            #[serde(default)]
            program: bool,
            scheme: Option<Box<str>>,
            bearer_sha256: Option<Sha256Hex>,
            api_key_sha256: Option<Sha256Hex>,
        }
        let fields = Fields::deserialize(deserializer)?;
        let (kind, Sha256Hex(digest)) = match (fields.bearer_sha256, fields.api_key_sha256) {
            (Some(digest), None) => (Kind::Bearer, digest),
            (None, Some(digest)) => (Kind::ApiKey, digest),
            _ => return Err(serde::de::Error::custom("must have one of bearerSha256 and apiKeySha256")),
        };
        if fields.principal.is_empty() {
            return Err(serde::de::Error::custom("principal must not be empty"));
        }
        let mut principal = Principal::new(fields.principal);
        principal.scopes = fields.scopes.into_iter().collect();
        principal.is_program = fields.program;
        Ok(Self(Known { scheme: fields.scheme, kind, digest, principal }))
    }
}

struct Sha256Hex([u8; 32]);

impl<'de> Deserialize<'de> for Sha256Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // What stands there instead may be the token itself: it is not repeated.
        let refused = || serde::de::Error::custom("must be a SHA-256: 64 hexadecimal digits");
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused());
        }
        let mut digest = [0; 32];
        for (byte, index) in digest.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[index..index + 2], 16).map_err(|_| refused())?;
        }
        Ok(Self(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_from_a_file_are_those_of_the_code() {
        let file = format!(
            r#"{{"credentials":[{{"principal":"alice","scopes":["read"],"bearerSha256":"{}"}},
                {{"principal":"ci","apiKeySha256":"{}"}},
                {{"principal":"shop","program":true,"scheme":"app","apiKeySha256":"{}"}},
                {{"principal":"root","scheme":"admin","bearerSha256":"{}"}}],"apiKey":{{"location":"query","name":"key"}}}}"#,
            Tokens::digest("t0ken"),
            Tokens::digest("k3y").to_uppercase(),
            Tokens::digest("4pp"),
            Tokens::digest("r00t"),
        );
        let alice = Principal::new("alice").scope("read");
        let code = Tokens::new().bearer("t0ken", alice.clone()).api_key("k3y", "ci").api_keys_in("query", "key");
        let code = code.api_key_for("app", "4pp", Principal::program("shop")).bearer_for("admin", "r00t", "root");
        for tokens in [Tokens::from_json(&file).unwrap(), code] {
            let bearer = |token: &str| tokens.find("any", &Credential::Bearer(token.to_owned())).cloned();
            let api_key = |key: &str| tokens.find("any", &Credential::ApiKey(key.to_owned())).cloned();
            assert_eq!(bearer("t0ken"), Some(alice.clone()));
            assert_eq!(api_key("k3y"), Some(Principal::new("ci")));
            assert_eq!([bearer("k3y"), api_key("t0ken"), bearer(""), bearer("t0ken ")], [const { None }; 4]);
            let (app, root) = (Credential::ApiKey("4pp".to_owned()), Credential::Bearer("r00t".to_owned()));
            assert_eq!(tokens.find("app", &app), Some(&Principal::program("shop")));
            assert_eq!(tokens.find("admin", &root), Some(&Principal::new("root")));
            assert_eq!([bearer("r00t"), api_key("4pp")], [const { None }; 2], "for other schemes");
            assert_eq!(tokens.schemes().into_keys().collect::<Vec<_>>(), ["apiKey", "bearer"]);
            let SecurityScheme::ApiKey(scheme) = &tokens.schemes()["apiKey"] else { panic!("no API key") };
            assert_eq!((&*scheme.location, &*scheme.name), ("query", "key"));
            let shown = format!("{tokens:?}");
            assert!(!shown.contains("t0ken") && !shown.contains(&Tokens::digest("t0ken")), "{shown}");
        }
    }

    #[test]
    fn faults_in_a_file_name_the_field_and_show_no_token() {
        for (file, says) in [
            ("{}", "missing field `credentials`"),
            (r#"{"credentials":[{"principal":"a"}]}"#, "credentials[0]: must have one of"),
            (r#"{"credentials":[{"principal":"a","bearerSha256":"s3cret"}]}"#, "credentials[0].bearerSha256: must be"),
            (r#"{"credentials":[{"principal":"a","token":"s3cret"}]}"#, "credentials[0].token: unknown field"),
            (r#"{"credentials":[]} x"#, "trailing characters"),
        ] {
            let error = Tokens::from_json(file).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("s3cret"), "{error}");
        }
    }
}
