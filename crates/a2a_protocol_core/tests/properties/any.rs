//! Arbitrary values of the protocol's types. Values that the wire cannot tell apart from others are
//! left out: an optional text that is empty, and an enum's name that is a number.

use std::{collections::BTreeMap, sync::Arc};

use a2a_protocol_core::*;
use proptest::{collection::vec, option, prelude::*};
use serde_json::{Map, Value, json};

pub(crate) fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), prop::sample::select(br#"{}[]":,/%?&=0123456789eE+-.TZntuls\ tasks"#.to_vec())]
}

/// Texts that paths, queries and JSON have to escape.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let nasty = [
        "tasks",
        "a/b",
        "a:cancel",
        "x:subscribe",
        "%2F",
        "%",
        "ü",
        "🦀",
        "a b",
        "+",
        "&",
        "=",
        "?",
        "#",
        "..",
        "...",
        "\"",
        "\\",
        "\n",
        "\0",
        "\u{2028}",
        "null",
        "5",
        "message:send",
        "pushNotificationConfigs",
        "//",
        ":",
        "v1",
    ];
    prop_oneof![
        prop::sample::select(nasty.to_vec()).prop_map(ToOwned::to_owned),
        vec(any::<char>(), 0..8).prop_map(|chars| chars.into_iter().collect()),
        "[a-z0-9-]{1,12}",
    ]
}

pub(crate) fn filled() -> impl Strategy<Value = String> {
    text().prop_map(|text| if text.is_empty() { "x".to_owned() } else { text })
}

fn maybe() -> impl Strategy<Value = Option<String>> {
    option::of(filled())
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

/// Numbers as the wire has them: doubles, the integral ones written as integers.
fn number() -> impl Strategy<Value = Value> {
    let integer = -9_007_199_254_740_992_i64..=9_007_199_254_740_992;
    let double = any::<f64>().prop_filter("integral ones are integers", |double| {
        double.is_finite() && (double.fract() != 0.0 || double.abs() > 9_007_199_254_740_992.0)
    });
    prop_oneof![integer.prop_map(Value::from), double.prop_map(Value::from)]
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number(), text().prop_map(Value::from)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

pub(crate) fn object() -> impl Strategy<Value = Option<Box<Struct>>> {
    option::of(vec((text(), value()), 0..3).prop_map(|members| Box::new(members.into_iter().collect())))
}

pub(crate) fn time() -> impl Strategy<Value = Timestamp> {
    let nanos = prop_oneof![Just(0), (0..1000).prop_map(|ms| ms * 1_000_000), 0..1_000_000_000];
    (-62_135_596_800_i64..=253_402_300_799, nanos)
        .prop_map(|(seconds, nanos)| Timestamp::from_parts(seconds, nanos).expect("in range"))
}

fn state() -> impl Strategy<Value = TaskState> {
    prop_oneof![
        8 => prop::sample::select(TaskState::KNOWN.to_vec()),
        1 => any::<i32>().prop_map(TaskState::from_number),
        1 => "[A-Z_]{0,9}".prop_map(|name| TaskState::from_name(&name)),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![8 => prop::sample::select(Role::KNOWN.to_vec()), 1 => any::<i32>().prop_map(Role::from_number)]
}

pub(crate) fn part() -> impl Strategy<Value = Part> {
    let known = ["text", "raw", "url", "data", "metadata", "filename", "mediaType", "media_type"];
    let unknown = vec((text(), value()), 0..3).prop_map(move |members| {
        Content::Unknown(members.into_iter().filter(|(name, _)| !known.contains(&&**name)).collect())
    });
    let content = prop_oneof![
        text().prop_map(Content::Text),
        vec(any::<u8>(), 0..9).prop_map(Content::Raw),
        text().prop_map(Content::Url),
        value().prop_map(Content::Data),
        unknown,
    ];
    (content, object(), maybe(), maybe()).prop_map(|(content, metadata, filename, media_type)| {
        let mut part = Part::new(content);
        part.metadata = metadata;
        part.filename = filename.map(Into::into);
        part.media_type = media_type.map(Into::into);
        part
    })
}

pub(crate) fn message() -> impl Strategy<Value = Message> {
    (text(), maybe(), maybe(), role(), vec(part(), 0..3), object(), texts(), texts()).prop_map(
        |(id, context, task, role, parts, metadata, extensions, references)| {
            let mut message = Message::new(id, role, parts);
            message.context_id = context.map(Into::into);
            message.task_id = task.map(Into::into);
            message.metadata = metadata;
            message.extensions = extensions;
            message.reference_task_ids = references;
            message
        },
    )
}

pub(crate) fn artifact() -> impl Strategy<Value = Artifact> {
    (prop_oneof![Just("a".to_owned()), text()], maybe(), maybe(), vec(part(), 0..3), object(), texts()).prop_map(
        |(id, name, description, parts, metadata, extensions)| {
            let mut artifact = Artifact::new(id, parts);
            artifact.name = name.map(Into::into);
            artifact.description = description.map(Into::into);
            artifact.metadata = metadata;
            artifact.extensions = extensions;
            artifact
        },
    )
}

fn status() -> impl Strategy<Value = TaskStatus> {
    (state(), option::of(message()), option::of(time())).prop_map(|(state, message, timestamp)| {
        let mut status = TaskStatus::new(state);
        status.message = message.map(Arc::new);
        status.timestamp = timestamp;
        status
    })
}

pub(crate) fn task() -> impl Strategy<Value = Task> {
    (text(), text(), status(), vec(artifact(), 0..3), vec(message(), 0..3), object()).prop_map(
        |(id, context, status, artifacts, history, metadata)| {
            let mut task = Task::new(id, context, status);
            task.artifacts = artifacts.into_iter().map(Arc::new).collect();
            task.history = history.into_iter().map(Arc::new).collect();
            task.metadata = metadata;
            task
        },
    )
}

pub(crate) fn stream_response() -> impl Strategy<Value = StreamResponse> {
    let update = (text(), text(), status(), object()).prop_map(|(task, context, status, metadata)| {
        let mut update = TaskStatusUpdateEvent::new(task, context, status);
        update.metadata = metadata;
        StreamResponse::StatusUpdate(update)
    });
    let chunk = (text(), text(), artifact(), any::<bool>(), any::<bool>(), object()).prop_map(
        |(task, context, artifact, append, last_chunk, metadata)| {
            let mut update = TaskArtifactUpdateEvent::new(task, context, Arc::new(artifact));
            update.append = append;
            update.last_chunk = last_chunk;
            update.metadata = metadata;
            StreamResponse::ArtifactUpdate(update)
        },
    );
    prop_oneof![
        task().prop_map(|task| StreamResponse::Task(Arc::new(task))),
        message().prop_map(|message| StreamResponse::Message(Arc::new(message))),
        update,
        chunk,
    ]
}

pub(crate) fn event_kind() -> impl Strategy<Value = EventKind> {
    let message = || message().prop_map(Arc::new);
    let working = prop_oneof![4 => Just(TaskState::Working), 1 => state()];
    prop_oneof![
        1 => message().prop_map(|message| EventKind::Created { context_id: "c".into(), skill: "s".into(), message }),
        3 => message().prop_map(EventKind::Message),
        6 => (working, option::of(message()), object())
            .prop_map(|(state, message, metadata)| EventKind::Status { state, message, metadata }),
        9 => (artifact().prop_map(Arc::new), any::<bool>(), any::<bool>())
            .prop_map(|(artifact, append, last_chunk)| EventKind::Artifact { artifact, append, last_chunk }),
        2 => object().prop_map(|members| EventKind::Metadata(members.unwrap_or_default())),
        1 => Just(EventKind::CancelRequested),
        1 => (1..9_u64).prop_map(EventKind::Taken),
        1 => (2..9_u32).prop_map(EventKind::Attempt),
        1 => value().prop_map(|value| EventKind::Checkpoint(Arc::new(value))),
        1 => (object(), prop::collection::vec(text(), 0..3)).prop_map(|(metadata, accepted_output_modes)| {
            EventKind::Details(Arc::new(SendDetails { metadata, accepted_output_modes }))
        }),
    ]
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    (time(), event_kind()).prop_map(|(time, kind)| Event { time, kind })
}

fn push_config() -> impl Strategy<Value = TaskPushNotificationConfig> {
    let authentication = (text(), maybe()).prop_map(|(scheme, credentials)| {
        let mut authentication = AuthenticationInfo::default();
        authentication.scheme = scheme;
        authentication.credentials = credentials;
        authentication
    });
    (maybe(), maybe(), maybe(), text(), maybe(), option::of(authentication)).prop_map(
        |(tenant, id, task_id, url, token, authentication)| {
            let mut config = TaskPushNotificationConfig::default();
            config.tenant = tenant;
            config.id = id;
            config.task_id = task_id;
            config.url = url;
            config.token = token;
            config.authentication = authentication;
            config
        },
    )
}

pub(crate) fn page() -> impl Strategy<Value = ListTasksResponse> {
    (vec(task(), 0..3), text(), any::<i32>(), any::<i32>()).prop_map(|(tasks, token, size, total)| {
        let mut page = ListTasksResponse::default();
        page.tasks = tasks.into_iter().map(Arc::new).collect();
        page.next_page_token = token;
        page.page_size = size;
        page.total_size = total;
        page
    })
}

pub(crate) fn config_page() -> impl Strategy<Value = ListTaskPushNotificationConfigsResponse> {
    (vec(push_config(), 0..3), text()).prop_map(|(configs, token)| {
        let mut page = ListTaskPushNotificationConfigsResponse::default();
        page.configs = configs;
        page.next_page_token = token;
        page
    })
}

fn send() -> impl Strategy<Value = SendMessageRequest> {
    let configuration = (texts(), option::of(push_config()), option::of(any::<i32>()), any::<bool>()).prop_map(
        |(modes, push, history_length, return_immediately)| {
            let mut configuration = SendMessageConfiguration::default();
            configuration.accepted_output_modes = modes;
            configuration.task_push_notification_config = push;
            configuration.history_length = history_length;
            configuration.return_immediately = return_immediately;
            configuration
        },
    );
    (maybe(), message(), option::of(configuration), object()).prop_map(|(tenant, message, configuration, metadata)| {
        let mut request = SendMessageRequest::new(message);
        request.tenant = tenant;
        request.configuration = configuration;
        request.metadata = metadata;
        request
    })
}

fn list() -> impl Strategy<Value = ListTasksRequest> {
    let integer = || option::of(any::<i32>());
    (maybe(), maybe(), state(), integer(), maybe(), integer(), option::of(time()), option::of(any::<bool>())).prop_map(
        |(tenant, context, status, size, token, history, after, artifacts)| {
            let mut request = ListTasksRequest::default();
            request.tenant = tenant;
            request.context_id = context;
            request.status = status;
            request.page_size = size;
            request.page_token = token;
            request.history_length = history;
            request.status_timestamp_after = after;
            request.include_artifacts = artifacts;
            request
        },
    )
}

pub(crate) fn call() -> impl Strategy<Value = Call> {
    let get = (text(), option::of(any::<i32>())).prop_map(|(id, history)| {
        let mut request = GetTaskRequest::new(id);
        request.history_length = history;
        Call::GetTask(request)
    });
    let cancel = (text(), object()).prop_map(|(id, metadata)| {
        let mut request = CancelTaskRequest::new(id);
        request.metadata = metadata;
        Call::CancelTask(request)
    });
    let get_config = (text(), text()).prop_map(|(task, id)| {
        let mut request = GetTaskPushNotificationConfigRequest::default();
        (request.task_id, request.id) = (task, id);
        Call::GetTaskPushNotificationConfig(request)
    });
    let delete_config = (text(), text()).prop_map(|(task, id)| {
        let mut request = DeleteTaskPushNotificationConfigRequest::default();
        (request.task_id, request.id) = (task, id);
        Call::DeleteTaskPushNotificationConfig(request)
    });
    let list_configs = (text(), any::<i32>(), maybe()).prop_map(|(task, size, token)| {
        let mut request = ListTaskPushNotificationConfigsRequest::default();
        request.task_id = task;
        request.page_size = size;
        request.page_token = token;
        Call::ListTaskPushNotificationConfigs(request)
    });
    let call = prop_oneof![
        send().prop_map(Call::SendMessage),
        send().prop_map(Call::SendStreamingMessage),
        get,
        list().prop_map(Call::ListTasks),
        cancel,
        text().prop_map(|id| Call::SubscribeToTask(SubscribeToTaskRequest::new(id))),
        push_config().prop_map(Call::CreateTaskPushNotificationConfig),
        get_config,
        list_configs,
        delete_config,
        Just(Call::GetExtendedAgentCard(GetExtendedAgentCardRequest::default())),
    ];
    (call, maybe()).prop_map(|(mut call, tenant)| {
        call.set_tenant(tenant);
        call
    })
}

fn scheme() -> impl Strategy<Value = SecurityScheme> {
    let scopes = || prop::collection::btree_map(text(), text(), 0..3);
    let code = (text(), text(), maybe(), scopes(), any::<bool>()).prop_map(|(url, token, refresh, scopes, pkce)| {
        let mut flow = AuthorizationCodeOAuthFlow::default();
        (flow.authorization_url, flow.token_url, flow.refresh_url) = (url, token, refresh);
        (flow.scopes, flow.pkce_required) = (scopes, pkce);
        OAuthFlows::AuthorizationCode(flow)
    });
    let client = (text(), maybe(), scopes()).prop_map(|(token, refresh, scopes)| {
        let mut flow = ClientCredentialsOAuthFlow::default();
        (flow.token_url, flow.refresh_url, flow.scopes) = (token, refresh, scopes);
        OAuthFlows::ClientCredentials(flow)
    });
    let implicit = (maybe(), maybe(), scopes()).prop_map(|(url, refresh, scopes)| {
        let mut flow = ImplicitOAuthFlow::default();
        (flow.authorization_url, flow.refresh_url, flow.scopes) = (url, refresh, scopes);
        OAuthFlows::Implicit(flow)
    });
    let password = (maybe(), maybe(), scopes()).prop_map(|(url, refresh, scopes)| {
        let mut flow = PasswordOAuthFlow::default();
        (flow.token_url, flow.refresh_url, flow.scopes) = (url, refresh, scopes);
        OAuthFlows::Password(flow)
    });
    let device = (text(), text(), maybe(), scopes()).prop_map(|(url, token, refresh, scopes)| {
        let mut flow = DeviceCodeOAuthFlow::default();
        (flow.device_authorization_url, flow.token_url, flow.refresh_url, flow.scopes) = (url, token, refresh, scopes);
        OAuthFlows::DeviceCode(flow)
    });
    let flows = prop_oneof![code, client, implicit, password, device];
    let key = (maybe(), text(), text()).prop_map(|(description, location, name)| {
        let mut scheme = ApiKeySecurityScheme::default();
        (scheme.description, scheme.location, scheme.name) = (description, location, name);
        SecurityScheme::ApiKey(scheme)
    });
    let http = (maybe(), text(), maybe()).prop_map(|(description, name, format)| {
        let mut scheme = HttpAuthSecurityScheme::default();
        (scheme.description, scheme.scheme, scheme.bearer_format) = (description, name, format);
        SecurityScheme::HttpAuth(scheme)
    });
    let oauth = (maybe(), option::of(flows), maybe()).prop_map(|(description, flows, url)| {
        let mut scheme = OAuth2SecurityScheme::default();
        (scheme.description, scheme.flows, scheme.oauth2_metadata_url) = (description, flows, url);
        SecurityScheme::OAuth2(scheme)
    });
    let oidc = (maybe(), text()).prop_map(|(description, url)| {
        let mut scheme = OpenIdConnectSecurityScheme::default();
        (scheme.description, scheme.open_id_connect_url) = (description, url);
        SecurityScheme::OpenIdConnect(scheme)
    });
    let mtls = maybe().prop_map(|description| {
        let mut scheme = MutualTlsSecurityScheme::default();
        scheme.description = description;
        SecurityScheme::MutualTls(scheme)
    });
    let unknown =
        value().prop_map(|value| SecurityScheme::Unknown(Map::from_iter([("newSecurityScheme".to_owned(), value)])));
    prop_oneof![key, http, oauth, oidc, mtls, unknown]
}

fn requirements() -> impl Strategy<Value = Vec<SecurityRequirement>> {
    vec(
        prop::collection::btree_map(text(), texts().prop_map(StringList::from), 0..3).prop_map(|schemes| {
            let mut requirement = SecurityRequirement::default();
            requirement.schemes = schemes;
            requirement
        }),
        0..3,
    )
}

fn skill() -> impl Strategy<Value = AgentSkill> {
    (text(), text(), text(), texts(), texts(), texts(), texts(), requirements()).prop_map(
        |(id, name, description, tags, examples, input, output, requirements)| {
            let mut skill = AgentSkill::new(id, name);
            skill.description = description;
            (skill.tags, skill.examples, skill.input_modes, skill.output_modes) = (tags, examples, input, output);
            skill.security_requirements = requirements;
            skill
        },
    )
}

pub(crate) fn card() -> impl Strategy<Value = AgentCard> {
    let flag = || option::of(any::<bool>());
    let extension = (text(), maybe(), any::<bool>(), object()).prop_map(|(uri, description, required, params)| {
        let mut extension = AgentExtension::new(uri);
        (extension.description, extension.required, extension.params) = (description, required, params);
        extension
    });
    let capabilities =
        (flag(), flag(), flag(), vec(extension, 0..3)).prop_map(|(streaming, push, card, extensions)| {
            let mut capabilities = AgentCapabilities::default();
            (capabilities.streaming, capabilities.push_notifications) = (streaming, push);
            (capabilities.extended_agent_card, capabilities.extensions) = (card, extensions);
            capabilities
        });
    let interface = (text(), text(), text(), maybe()).prop_map(|(url, binding, version, tenant)| {
        let mut interface = AgentInterface::new(url, binding, version);
        interface.tenant = tenant;
        interface
    });
    let signature = (text(), text(), object()).prop_map(|(protected, signed, header)| {
        let mut signature = AgentCardSignature::default();
        (signature.protected, signature.signature, signature.header) = (protected, signed, header);
        signature
    });
    let provider = (text(), text()).prop_map(|(organization, url)| AgentProvider::new(organization, url));
    let texts_of_card = (text(), text(), text(), option::of(text()), option::of(text()));
    let schemes = vec((text(), scheme()), 0..3).prop_map(BTreeMap::from_iter);
    (
        texts_of_card,
        option::of(provider),
        vec(interface, 0..3),
        capabilities,
        schemes,
        requirements(),
        (texts(), texts()),
        vec(skill(), 0..3),
        vec(signature, 0..2),
    )
        .prop_map(
            |(texts, provider, interfaces, capabilities, schemes, requirements, modes, skills, signatures)| {
                let mut card = AgentCard::default();
                (card.name, card.description, card.version, card.documentation_url, card.icon_url) = texts;
                (card.provider, card.supported_interfaces, card.capabilities) = (provider, interfaces, capabilities);
                (card.security_schemes, card.security_requirements) = (schemes, requirements);
                (card.default_input_modes, card.default_output_modes) = modes;
                (card.skills, card.signatures) = (skills, signatures);
                card
            },
        )
}

/// JSON that has the protocol's member names and now and then the right type.
pub(crate) fn like_the_protocol() -> impl Strategy<Value = Value> {
    let names = [
        "message",
        "messageId",
        "message_id",
        "parts",
        "text",
        "raw",
        "url",
        "data",
        "metadata",
        "role",
        "task",
        "id",
        "taskId",
        "task_id",
        "tenant",
        "status",
        "state",
        "timestamp",
        "artifacts",
        "artifact",
        "artifactId",
        "history",
        "statusUpdate",
        "artifactUpdate",
        "append",
        "configuration",
        "historyLength",
        "pageSize",
        "skills",
        "tasks",
        "capabilities",
        "securitySchemes",
        "apiKeySecurityScheme",
        "flows",
        "implicit",
        "schemes",
        "list",
        "error",
        "details",
        "mediaType",
        "extensions",
        "authentication",
        "credentials",
        "statusTimestampAfter",
        "unknown",
    ];
    let leaf = prop_oneof![
        4 => prop::sample::select(vec![
            json!(null), json!(true), json!(0), json!(-1), json!(3.5), json!(1e300), json!(""), json!("x"), json!("5"),
            json!("TASK_STATE_WORKING"), json!("ROLE_USER"), json!("aGk="), json!("2026-01-02T03:04:05Z"), json!([]), json!({}),
        ]),
        1 => value(),
    ];
    leaf.prop_recursive(6, 48, 5, move |inner| {
        let member = (prop::sample::select(names.to_vec()).prop_map(ToOwned::to_owned), inner.clone());
        prop_oneof![
            1 => vec(inner, 0..4).prop_map(Value::from),
            4 => vec(member, 0..6).prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}
