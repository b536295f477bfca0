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
    /// 0.3
    V0_3,
    /// 1.0
    #[default]
    V1_0,
}

impl ProtocolVersion {
    /// Every version, the oldest first.
    pub const ALL: &'static [Self] = &[Self::V0_3, Self::V1_0];

    /// `Major.Minor`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_3 => "0.3",
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
            (0, 3, None | Some(Some(_)), None) => Some(Self::V0_3),
            (1, 0, None | Some(Some(_)), None) => Some(Self::V1_0),
            _ => None,
        }
    }

    /// The version of a request, by what it names and by its style: the version whose method name,
    /// path or service it uses, or `None` for what is the same in all of them.
    ///
    /// A request that names no version has that of its style. The specification reads a missing one
    /// as 0.3; in the style of 1.0 it is taken as 1.0, for whoever types it by hand.
    ///
    /// # Errors
    /// VersionNotSupported for a version that is not among those `spoken`, or is not the style's;
    /// InvalidParams where header and query parameter differ.
    pub fn of_request(
        style: Option<Self>,
        header: Option<&str>,
        query: Option<&str>,
        spoken: &[Self],
    ) -> Result<Self, Error> {
        let header = header.map(str::trim).filter(|text| !text.is_empty());
        let query = query.map(str::trim).filter(|text| !text.is_empty());
        if let (Some(header), Some(query)) = (header, query)
            && header != query
            && (Self::parse(header).is_none() || Self::parse(header) != Self::parse(query))
        {
            return Err(Error::invalid("A2A-Version", format!("the header says {header:?} and the query {query:?}")));
        }
        let version = match header.or(query) {
            Some(asked) => {
                Self::parse(asked).ok_or_else(|| unsupported(format!("version {asked:?} is not supported"), spoken))?
            }
            None => style.unwrap_or_default(),
        };
        if !spoken.contains(&version) {
            return Err(unsupported(format!("version {version} is not supported"), spoken));
        }
        if let Some(style) = style.filter(|style| *style != version) {
            return Err(unsupported(format!("the request names version {version} in the style of {style}"), spoken));
        }
        Ok(version)
    }
}

fn unsupported(fault: String, spoken: &[ProtocolVersion]) -> Error {
    let spoken: Vec<&str> = spoken.iter().map(|version| version.as_str()).collect();
    let are = if spoken.len() == 1 { "is" } else { "are" };
    Error::new(ErrorKind::VersionNotSupported, format!("{fault}; {} {are}", spoken.join(" and ")))
        .with_metadata("supportedVersions", spoken.join(", "))
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
