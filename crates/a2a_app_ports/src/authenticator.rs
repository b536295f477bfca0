//! Who verifies credentials.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use a2a_protocol_core::{Credential, Error, SecurityScheme};

use crate::BoxFuture;

/// Whom a credential belongs to, and what it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// Who: the owner of the tasks that its calls create. Two credentials of one id are the same
    /// caller, whatever their schemes.
    pub id: Arc<str>,
    /// The scopes that the credential carries.
    pub scopes: BTreeSet<String>,
    /// Whether it is a program, through which others may call: where somebody else's credential is
    /// needed too, that one says who calls.
    pub is_program: bool,
}

impl Principal {
    /// A principal without scopes.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into(), scopes: BTreeSet::new(), is_program: false }
    }

    /// A program through which others may call, without scopes.
    pub fn program(id: impl Into<Arc<str>>) -> Self {
        Self { is_program: true, ..Self::new(id) }
    }

    /// With one more scope.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.insert(scope.into());
        self
    }
}

impl From<&str> for Principal {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

/// Verifies credentials. Which of them a call needs is the card's to say and not the
/// authenticator's.
pub trait Authenticator: Send + Sync {
    /// The schemes to declare in a card that declares none, by name; any one of them is then
    /// required. None by default: the card says which there are.
    fn schemes(&self) -> BTreeMap<String, SecurityScheme> {
        BTreeMap::new()
    }

    /// Verifies what a request presents for the scheme that the card has under this name. `None` if
    /// it is nobody's: unknown, expired or revoked.
    ///
    /// # Errors
    /// Only when it cannot be told, such as `Unavailable`. What the error says reaches the caller.
    fn verify<'a>(
        &'a self,
        name: &'a str,
        scheme: &'a SecurityScheme,
        credential: &'a Credential,
    ) -> BoxFuture<'a, Result<Option<Principal>, Error>>;
}

impl<A: Authenticator + ?Sized> Authenticator for Arc<A> {
    fn schemes(&self) -> BTreeMap<String, SecurityScheme> {
        (**self).schemes()
    }

    fn verify<'a>(
        &'a self,
        name: &'a str,
        scheme: &'a SecurityScheme,
        credential: &'a Credential,
    ) -> BoxFuture<'a, Result<Option<Principal>, Error>> {
        (**self).verify(name, scheme, credential)
    }
}
