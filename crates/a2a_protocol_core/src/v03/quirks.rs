//! Spellings that are in use and in no version of the protocol. They are understood coming in and
//! never sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::{
    card::SkillIn,
    part::PartIn,
    security::{RequirementIn, SchemeIn},
};
use crate::{
    ApiKeySecurityScheme, Content, HttpAuthSecurityScheme, Part, SecurityRequirement, SecurityScheme, Struct,
    TaskState, Timestamp, json::Base64,
};

/// The id by which the suite of 0.3 asks for a configuration that it has set without one; the official
/// Python server of 0.3 looks at no id there. It stands for any, unless one has it.
pub const ANY_CONFIG: &str = "default";

/// Home-grown parts: `{"type": "text", "content": …}` and
/// `{"type": "file", "name", "content_type", "data": base64}`.
pub(super) fn home_grown_part(json: &mut PartIn, part: &mut Part) -> bool {
    let kind = json.kind.take();
    match (kind.as_deref(), json.others.remove("content")) {
        (Some("text"), Some(Value::String(text))) => {
            part.content = Content::Text(text);
            true
        }
        (Some("file"), content) => {
            let data = json.take_data();
            let bytes = data.clone().and_then(|data| Base64::<Vec<u8>>::deserialize(data).ok());
            if let Some(Base64(bytes)) = bytes {
                let mut text = |name: &str| match json.others.remove(name) {
                    Some(Value::String(text)) if !text.is_empty() => Some(text.into()),
                    _ => None,
                };
                part.filename = text("name");
                part.media_type = text("content_type").or_else(|| text("mimeType"));
                part.content = Content::Raw(bytes);
                return true;
            }
            json.others.extend(data.map(|data| ("data".to_owned(), data)));
            json.others.extend(content.map(|content| ("content".to_owned(), content)));
            json.kind = kind;
            false
        }
        (_, content) => {
            json.others.extend(content.map(|content| ("content".to_owned(), content)));
            json.kind = kind;
            false
        }
    }
}

/// The state `cancelled`, with two Ls, and 1.0's names of states.
pub(super) fn home_grown_state(name: &str) -> Option<TaskState> {
    match name {
        "cancelled" => Some(TaskState::Canceled),
        "TASK_STATE_CANCELED" => Some(TaskState::Canceled),
        _ => None,
    }
}

/// Events without `kind`: told apart by what only they have.
pub(super) fn kind_by_members(members: &Struct) -> Option<&'static str> {
    let has = |names: [&str; 2]| names.iter().any(|name| members.contains_key(*name));
    match () {
        () if has(["artifact", "artifact"]) => Some("artifact-update"),
        () if has(["messageId", "message_id"]) => Some("message"),
        () if has(["status", "status"]) && has(["taskId", "task_id"]) => Some("status-update"),
        () if has(["id", "id"]) => Some("task"),
        () => None,
    }
}

/// A time without an offset, which ISO 8601 allows and 1.0 does not: it is in UTC.
pub(super) fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let read = text.parse().or_else(|error| format!("{text}Z").parse().map_err(|_| error));
    read.map(Some).map_err(|error: crate::NotATimestamp| de::Error::custom(error))
}

/// What a card says under `security`: requirements, or in a home-grown card
/// `{"schemes": …}` with the schemes themselves, as a list of names or by name.
#[derive(Default)]
pub(super) struct Security {
    pub(super) requirements: Vec<SecurityRequirement>,
    pub(super) schemes: BTreeMap<String, SecurityScheme>,
}

pub(super) fn security<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Security, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    let mut security = Security::default();
    match value {
        None => {}
        Some(Value::Object(mut members)) => match members.remove("schemes") {
            Some(Value::Object(schemes)) => {
                for (name, scheme) in schemes {
                    let SchemeIn(scheme) = SchemeIn::deserialize(scheme).map_err(de::Error::custom)?;
                    security.schemes.insert(name, scheme);
                }
            }
            Some(Value::Array(names)) => {
                for name in names.iter().filter_map(Value::as_str) {
                    if let Some(scheme) = scheme_by_name(name) {
                        security.schemes.insert(name.to_owned(), scheme);
                        security.requirements.push(SecurityRequirement::scheme(name));
                    }
                }
            }
            _ => {}
        },
        Some(list) => {
            let list: Vec<RequirementIn> = serde_path_to_error::deserialize(list).map_err(de::Error::custom)?;
            security.requirements = list.into_iter().map(|requirement| requirement.0).collect();
        }
    }
    Ok(security)
}

/// The scheme that a home-grown card means by a name.
fn scheme_by_name(name: &str) -> Option<SecurityScheme> {
    match name.to_ascii_lowercase().as_str() {
        "bearer" => {
            Some(SecurityScheme::HttpAuth(HttpAuthSecurityScheme { scheme: "Bearer".to_owned(), ..Default::default() }))
        }
        "basic" => {
            Some(SecurityScheme::HttpAuth(HttpAuthSecurityScheme { scheme: "Basic".to_owned(), ..Default::default() }))
        }
        "apikey" | "api_key" | "api-key" => Some(SecurityScheme::ApiKey(ApiKeySecurityScheme {
            location: "header".to_owned(),
            name: "X-API-Key".to_owned(),
            ..Default::default()
        })),
        _ => None,
    }
}

/// Skills of a home-grown card, which has them among the capabilities: as objects, or just names.
pub(super) fn skills<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SkillIn>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Skill {
        Name(String),
        Skill(SkillIn),
    }
    let skills = Option::<Vec<Skill>>::deserialize(deserializer)?.unwrap_or_default();
    let skill = |skill| match skill {
        Skill::Name(name) => SkillIn::named(name),
        Skill::Skill(skill) => skill,
    };
    Ok(skills.into_iter().map(skill).collect())
}
