//! Version 0.3, there and back, in both of its forms.

use std::{fmt::Debug, sync::Arc};

use a2a_protocol_core::*;
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::any;

const FORMS: [JsonDialect; 2] = [JsonDialect::V0_3, JsonDialect::V0_3Proto];

/// From 1.0 to 0.3 and back.
fn comes_back<T: Spoken + PartialEq + Debug>(value: &T) {
    for dialect in FORMS {
        let json = serde_json::to_vec(&InDialect(dialect, value)).unwrap();
        let back = T::read_in(dialect, &json).unwrap();
        assert_eq!(&back, value, "{}", String::from_utf8_lossy(&json));
    }
}

/// From 0.3 to 1.0 and back.
fn goes_through<T: Spoken>(dialect: JsonDialect, json: &Value) {
    let value = T::read_in(dialect, json.to_string().as_bytes()).unwrap();
    assert_eq!(&serde_json::to_value(InDialect(dialect, &value)).unwrap(), json);
}

/// Makes of a value what 0.3 can say.
trait Tame {
    fn tame(self) -> Self;
}

impl Tame for Part {
    fn tame(mut self) -> Self {
        if matches!(self.content, Content::Unknown(_)) {
            self.content = Content::Text(String::new());
        }
        // Empty metadata cannot be told from none once something is carried in them.
        self.metadata = self.metadata.filter(|metadata| !metadata.is_empty());
        self
    }
}

impl Tame for Message {
    fn tame(mut self) -> Self {
        if self.role != Role::User {
            self.role = Role::Agent;
        }
        self.parts = self.parts.into_iter().map(Tame::tame).collect();
        self.metadata = self.metadata.filter(|metadata| !metadata.is_empty());
        self
    }
}

impl Tame for Artifact {
    fn tame(mut self) -> Self {
        self.parts = self.parts.into_iter().map(Tame::tame).collect();
        self
    }
}

impl Tame for TaskStatus {
    fn tame(mut self) -> Self {
        if !self.state.is_known() {
            self.state = TaskState::Unspecified;
        }
        self.message = self.message.map(Tame::tame);
        self
    }
}

impl Tame for Task {
    fn tame(mut self) -> Self {
        self.status = self.status.tame();
        self.artifacts = self.artifacts.into_iter().map(Tame::tame).collect();
        self.history = self.history.into_iter().map(Tame::tame).collect();
        self
    }
}

impl<T: Tame + Clone> Tame for Arc<T> {
    fn tame(self) -> Self {
        Self::new(Self::unwrap_or_clone(self).tame())
    }
}

impl Tame for StreamResponse {
    fn tame(self) -> Self {
        match self {
            Self::Task(task) => Self::Task(task.tame()),
            Self::Message(message) => Self::Message(message.tame()),
            Self::StatusUpdate(mut update) => {
                update.status = update.status.tame();
                Self::StatusUpdate(update)
            }
            Self::ArtifactUpdate(mut update) => {
                update.artifact = update.artifact.tame();
                Self::ArtifactUpdate(update)
            }
        }
    }
}

impl Tame for TaskPushNotificationConfig {
    fn tame(mut self) -> Self {
        self.tenant = None;
        self.task_id = self.task_id.or_else(|| Some("t".to_owned()));
        self.authentication = self.authentication.filter(|info| !info.scheme.is_empty() || info.credentials.is_some());
        self
    }
}

/// The members that are set.
fn members(members: &[(&str, Option<Value>)]) -> Value {
    let set = members.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
    Value::Object(set.collect())
}

fn maybe() -> impl Strategy<Value = Option<Value>> {
    option::of(any::filled().prop_map(Value::from))
}

fn metadata() -> impl Strategy<Value = Option<Value>> {
    any::object().prop_map(|object| object.map(|object| Value::Object(*object)))
}

fn base64() -> impl Strategy<Value = String> {
    select(vec!["", "aGVsbG8=", "+/8AfiE=", "AAAA"]).prop_map(str::to_owned)
}

fn part(form: JsonDialect) -> BoxedStrategy<Value> {
    let kind = move |kind: &str| (form == JsonDialect::V0_3).then(|| Value::from(kind));
    let text = (any::text(), metadata()).prop_map(move |(text, metadata)| {
        members(&[("kind", kind("text")), ("text", Some(text.into())), ("metadata", metadata)])
    });
    let data = (any::value(), metadata()).prop_map(move |(data, metadata)| {
        let data = if data.is_object() { data } else { json!({ "member": data }) };
        let data = if form == JsonDialect::V0_3 { data } else { json!({ "data": data }) };
        members(&[("kind", kind("data")), ("data", Some(data)), ("metadata", metadata)])
    });
    let content = if form == JsonDialect::V0_3 {
        prop_oneof![base64().prop_map(|bytes| ("bytes", bytes)), any::text().prop_map(|uri| ("uri", uri))].boxed()
    } else {
        // Twice, as the official Python SDK does.
        let twice = select(vec!["", "YUdWc2JHOD0=", "QUFBQQ=="]).prop_map(|bytes| ("fileWithBytes", bytes.to_owned()));
        prop_oneof![twice, any::text().prop_map(|uri| ("fileWithUri", uri))].boxed()
    };
    let file =
        (content, maybe(), maybe(), metadata()).prop_map(move |((name, content), media_type, filename, metadata)| {
            let file = members(&[(name, Some(content.into())), ("mimeType", media_type), ("name", filename)]);
            members(&[("kind", kind("file")), ("file", Some(file)), ("metadata", metadata)])
        });
    prop_oneof![text, data, file].boxed()
}

fn parts(form: JsonDialect) -> impl Strategy<Value = Option<Value>> {
    vec(part(form), 0..3).prop_map(|parts| Some(parts.into()))
}

fn texts() -> impl Strategy<Value = Option<Value>> {
    option::of(vec(any::text(), 1..3).prop_map(Value::from))
}

fn message(form: JsonDialect) -> BoxedStrategy<Value> {
    let is_kind = form == JsonDialect::V0_3;
    let roles = if is_kind { ["user", "agent"] } else { ["ROLE_USER", "ROLE_AGENT"] };
    (any::text(), maybe(), maybe(), select(roles.to_vec()), parts(form), metadata(), texts(), texts())
        .prop_map(move |(id, context, task, role, parts, metadata, extensions, references)| {
            members(&[
                ("kind", is_kind.then(|| "message".into())),
                ("messageId", Some(id.into())),
                ("contextId", context),
                ("taskId", task),
                ("role", Some(role.into())),
                (if is_kind { "parts" } else { "content" }, parts),
                ("metadata", metadata),
                ("extensions", extensions),
                ("referenceTaskIds", references.filter(|_| is_kind)),
            ])
        })
        .boxed()
}

const STATES: [(&str, &str, bool); 9] = [
    ("unknown", "TASK_STATE_UNSPECIFIED", false),
    ("submitted", "TASK_STATE_SUBMITTED", false),
    ("working", "TASK_STATE_WORKING", false),
    ("completed", "TASK_STATE_COMPLETED", true),
    ("failed", "TASK_STATE_FAILED", true),
    ("canceled", "TASK_STATE_CANCELLED", true),
    ("input-required", "TASK_STATE_INPUT_REQUIRED", true),
    ("rejected", "TASK_STATE_REJECTED", true),
    ("auth-required", "TASK_STATE_AUTH_REQUIRED", false),
];

/// A status, and whether it is the last of its stream.
fn status(form: JsonDialect) -> impl Strategy<Value = (Value, bool)> {
    (select(STATES.to_vec()), option::of(message(form)), option::of(any::time())).prop_map(
        move |((kind, proto, is_final), message, time)| {
            let state = if form == JsonDialect::V0_3 { kind } else { proto };
            let time = time.map(|time| serde_json::to_value(time).unwrap());
            (members(&[("state", Some(state.into())), ("message", message), ("timestamp", time)]), is_final)
        },
    )
}

fn artifact(form: JsonDialect) -> impl Strategy<Value = Value> {
    (any::text(), maybe(), maybe(), parts(form), metadata(), texts()).prop_map(
        |(id, name, description, parts, metadata, extensions)| {
            members(&[
                ("artifactId", Some(id.into())),
                ("name", name),
                ("description", description),
                ("parts", parts),
                ("metadata", metadata),
                ("extensions", extensions),
            ])
        },
    )
}

fn task(form: JsonDialect) -> impl Strategy<Value = Value> {
    let artifacts = option::of(vec(artifact(form), 1..3));
    let history = option::of(vec(message(form), 1..3));
    (any::text(), any::text(), status(form), artifacts, history, metadata()).prop_map(
        move |(id, context, (status, _), artifacts, history, metadata)| {
            members(&[
                ("kind", (form == JsonDialect::V0_3).then(|| "task".into())),
                ("id", Some(id.into())),
                ("contextId", Some(context.into())),
                ("status", Some(status)),
                ("artifacts", artifacts.map(Value::from)),
                ("history", history.map(Value::from)),
                ("metadata", metadata),
            ])
        },
    )
}

fn event(form: JsonDialect) -> BoxedStrategy<Value> {
    let is_kind = form == JsonDialect::V0_3;
    let under = move |name: &str, value: Value| if is_kind { value } else { json!({ name: value }) };
    let update = (any::text(), any::text(), status(form), metadata()).prop_map(
        move |(task, context, (status, is_final), metadata)| {
            let update = members(&[
                ("kind", is_kind.then(|| "status-update".into())),
                ("taskId", Some(task.into())),
                ("contextId", Some(context.into())),
                ("status", Some(status)),
                ("final", Some(is_final.into()).filter(|_| is_kind || is_final)),
                ("metadata", metadata),
            ]);
            under("statusUpdate", update)
        },
    );
    let flag = || option::of(Just(Value::from(true)));
    let chunk = (any::text(), any::text(), artifact(form), flag(), flag(), metadata()).prop_map(
        move |(task, context, artifact, append, last, metadata)| {
            let update = members(&[
                ("kind", is_kind.then(|| "artifact-update".into())),
                ("taskId", Some(task.into())),
                ("contextId", Some(context.into())),
                ("artifact", Some(artifact)),
                ("append", append),
                ("lastChunk", last),
                ("metadata", metadata),
            ]);
            under("artifactUpdate", update)
        },
    );
    prop_oneof![
        task(form).prop_map(move |task| under("task", task)),
        message(form).prop_map(move |message| under("message", message)),
        update,
        chunk,
    ]
    .boxed()
}

fn form() -> impl Strategy<Value = JsonDialect> {
    select(FORMS.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn tasks_that_0_3_can_say_come_back(task in any::task()) {
        let task = task.tame();
        comes_back(&SendMessageResponse::Task(Arc::new(task.clone())));
        comes_back(&task);
    }

    #[test]
    fn events_that_0_3_can_say_come_back(event in any::stream_response()) {
        comes_back(&event.tame());
    }

    #[test]
    fn pages_that_0_3_can_say_come_back(page in any::page()) {
        let mut page = page;
        page.tasks = page.tasks.into_iter().map(Tame::tame).collect();
        comes_back(&page);
    }

    #[test]
    fn push_configs_come_back(page in any::config_page()) {
        let mut page = page;
        page.configs = page.configs.into_iter().map(Tame::tame).collect();
        page.next_page_token = String::new();
        comes_back(&page);
        page.configs.iter().for_each(comes_back);
    }

    #[test]
    fn what_0_3_says_goes_through_1_0((form, event, task) in form().prop_flat_map(|form| (Just(form), event(form), task(form)))) {
        goes_through::<StreamResponse>(form, &event);
        goes_through::<Task>(form, &task);
    }

    /// The `kind` JSON is understood in HTTP+JSON too.
    #[test]
    fn either_form_is_read_in_http_json(event in event(JsonDialect::V0_3)) {
        let text = event.to_string();
        let kind = StreamResponse::read_in(JsonDialect::V0_3, text.as_bytes()).unwrap();
        let proto = StreamResponse::read_in(JsonDialect::V0_3Proto, text.as_bytes()).unwrap();
        prop_assert_eq!(kind, proto);
    }

    #[test]
    fn calls_come_back_over_json_rpc(call in any::call()) {
        let Some(method) = call.method() else { return Ok(()) };
        // Without the id of a configuration, the first one is asked for.
        if matches!(&call, Call::GetTaskPushNotificationConfig(request) if request.id.is_empty()) {
            return Ok(());
        }
        let Ok(params) = JsonDialect::V0_3.params(&call) else { return Ok(()) };
        // Parts that cannot be said.
        let Ok(params) = serde_json::value::to_raw_value(&params) else { return Ok(()) };
        let name = JsonDialect::V0_3.method_name(&call);
        prop_assert_eq!(&name, method.v03_names()[0]);
        if let Ok(back) = JsonDialect::V0_3.read_json_rpc(&name, Some(&params)) {
            let again = serde_json::to_value(JsonDialect::V0_3.params(&back).unwrap()).unwrap();
            let mut written: Value = serde_json::from_str(params.get()).unwrap();
            // A configuration without an id gets that of its task.
            for config in ["/pushNotificationConfig", "/configuration/pushNotificationConfig"] {
                if let (Some(config), Some(again)) = (written.pointer_mut(config), again.pointer(config)) {
                    let config = config.as_object_mut().unwrap();
                    if !config.contains_key("id") && let Some(id) = again.get("id") {
                        config.insert("id".to_owned(), id.clone());
                    }
                    if config.get("authentication") == Some(&json!({"schemes": [""]})) {
                        config.remove("authentication");
                    }
                }
            }
            prop_assert_eq!(again, written);
        }
    }

    #[test]
    fn calls_come_back_over_http(call in any::call()) {
        let Ok(written) = http_json::write_in(JsonDialect::V0_3Proto, &call) else { return Ok(()) };
        let (path, query) = written.target.split_once('?').unwrap_or((&written.target, ""));
        prop_assert!(http_json::is_v03_path(path), "{path}");
        let route = http_json::route_v03(written.verb, path).unwrap();
        prop_assert_eq!(Some(route.method), call.method());
        let body = String::from_utf8(written.body.unwrap_or_default()).unwrap();
        match route.call(query, &body) {
            Ok(back) => {
                prop_assert_eq!(back.tenant(), call.tenant());
                let again = http_json::write_in(JsonDialect::V0_3Proto, &back).unwrap();
                prop_assert_eq!(again.target, written.target);
            }
            Err(error) => prop_assert!(!error.field_violations().is_empty(), "{error}"),
        }
    }

    #[test]
    fn no_json_is_too_strange(value in any::like_the_protocol()) {
        let text = value.to_string();
        for dialect in FORMS {
            let _ = StreamResponse::read_in(dialect, text.as_bytes());
            let _ = AgentCard::read_in(dialect, text.as_bytes());
            let _ = ListTaskPushNotificationConfigsResponse::read_in(dialect, text.as_bytes());
        }
        for method in Method::ALL {
            let params = serde_json::value::to_raw_value(&value).unwrap();
            if let Err(error) = JsonDialect::V0_3.read_json_rpc(method.v03_names()[0], Some(&params)) {
                prop_assert!(!error.field_violations().is_empty());
            }
        }
        let _ = v03::from_http(404, text.as_bytes());
    }
}
