//! Which version of the protocol a request is in (section 3.6), and the names of the service
//! parameters (section 3.2.6).

use std::fmt;

use crate::{Error, ErrorKind};

/// The service parameter that names the version.
pub const VERSION_HEADER: &str = "a2a-version";
/// The service parameter that names the extensions asked for, and in the reply those activated.
pub const EXTENSIONS_HEADER: &str = "a2a-extensions";
/// The header by which a stream is resumed after the event it names.
pub const LAST_EVENT_ID_HEADER: &str = "last-event-id";

/// A version of the protocol that this implementation speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProtocolVersion {
    /// 1.0
    #[default]
    V1_0,
}

impl ProtocolVersion {
    /// `Major.Minor`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
        }
    }

    /// The version a text names: `Major.Minor`, a patch number being ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().split('.').map(|number| {
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| number.parse::<u32>().ok()).flatten()
        });
        match (numbers.next()??, numbers.next()??, numbers.next(), numbers.next()) {
            (1, 0, None | Some(Some(_)), None) => Some(Self::V1_0),
            _ => None,
        }
    }

    /// The version of a request in the style of v1.0: its method name, or its path without a
    /// version. Such a request without a version is taken as 1.0, for whoever types it by hand.
    ///
    /// # Errors
    /// VersionNotSupported; InvalidParams where header and query parameter differ.
    pub fn of_request(header: Option<&str>, query: Option<&str>) -> Result<Self, Error> {
        let header = header.map(str::trim).filter(|text| !text.is_empty());
        let query = query.map(str::trim).filter(|text| !text.is_empty());
        if let (Some(header), Some(query)) = (header, query)
            && header != query
            && (Self::parse(header).is_none() || Self::parse(header) != Self::parse(query))
        {
            return Err(Error::invalid("A2A-Version", format!("the header says {header:?} and the query {query:?}")));
        }
        let Some(asked) = header.or(query) else {
            return Ok(Self::V1_0);
        };
        Self::parse(asked).ok_or_else(|| {
            Error::new(ErrorKind::VersionNotSupported, format!("version {asked:?} is not supported, 1.0 is"))
                .with_metadata("supportedVersions", "1.0")
        })
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
