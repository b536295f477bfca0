//! The Agent2Agent protocol, version 1.0, as types, tables and pure functions.
//!
//! In scope: the types and their JSON, the method table, the error table, the life cycle of a task,
//! the log of a task and its fold, validation, extension and version negotiation, and the HTTP+JSON
//! binding as functions from a request line to a call and back. With the feature `signing`, signatures
//! over agent cards and push deliveries.
//!
//! Out of scope: sockets, runtimes, clocks. Time, ids and randomness are arguments.

mod card;
mod card_check;
mod credential;
mod custom;
mod dialect;
mod enums;
mod errors;
mod event;
pub mod extensions;
mod fault;
pub mod http_json;
mod json;
pub mod life_cycle;
pub mod log;
mod message;
mod methods;
mod oneof;
mod part;
mod push;
mod requests;
mod security;
#[cfg(feature = "signing")]
pub mod signing;
mod task;
mod timestamp;
pub mod v03;
mod validate;
mod version;

pub use card::{
    AgentCapabilities, AgentCard, AgentCardSignature, AgentExtension, AgentInterface, AgentProvider, AgentSkill,
};
pub use credential::{Credential, MalformedCredential};
pub use custom::CustomCall;
pub use dialect::{InDialect, JsonDialect, Params, Spoken};
pub use enums::{Role, TaskState};
pub use errors::{CHALLENGE_METADATA, ERROR_DOMAIN, Error, ErrorKind, FieldViolation, shortened};
pub use event::{SendMessageResponse, StreamEvent, StreamResponse, TaskArtifactUpdateEvent, TaskStatusUpdateEvent};
pub use fault::read_response;
pub use json::{Struct, number_from_double};
pub use life_cycle::TransitionRefused;
pub use log::{Event, EventKind, FoldError, SendDetails};
pub use message::{Artifact, Message};
pub use methods::{Call, Capability, HttpRule, Method};
pub use part::{Content, Part};
pub use push::{AuthenticationInfo, PUSH_TOKEN_HEADER, TaskPushNotificationConfig, url_origin};
pub use requests::{
    CancelTaskRequest, DeleteTaskPushNotificationConfigRequest, GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest, GetTaskRequest, ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse, ListTasksRequest, ListTasksResponse, SendMessageConfiguration,
    SendMessageRequest, SubscribeToTaskRequest,
};
pub use security::{
    ApiKeySecurityScheme, AuthorizationCodeOAuthFlow, ClientCredentialsOAuthFlow, DeviceCodeOAuthFlow,
    HttpAuthSecurityScheme, ImplicitOAuthFlow, MutualTlsSecurityScheme, OAuth2SecurityScheme, OAuthFlows,
    OpenIdConnectSecurityScheme, PasswordOAuthFlow, SecurityRequirement, SecurityScheme, StringList,
};
pub use task::{Task, TaskStatus};
pub use timestamp::{NotATimestamp, Timestamp};
pub use validate::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
pub use version::{EXTENSIONS_HEADER, LAST_EVENT_ID_HEADER, ProtocolVersion, VERSION_HEADER};
