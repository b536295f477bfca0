//! `task push-config create`, `delete`, `get` and `list`

use a2a_app_ports::{AgentOperations as _, CallContext};
use a2a_http_client::Client;
use a2a_protocol_core::{
    AuthenticationInfo, DeleteTaskPushNotificationConfigRequest, ErrorKind, GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest, TaskPushNotificationConfig,
};

use super::task::id;
use crate::{
    agent,
    app::{App, written},
    args::{PushConfigArgs, PushConfigCreateArgs, PushConfigListArgs},
    error::{Code, Failure},
    output::Fields,
    resume,
};

/// Has a webhook told of a task.
pub(crate) async fn create(app: &App, args: &PushConfigCreateArgs) -> Result<(), Failure> {
    let mut config = TaskPushNotificationConfig::default();
    config.task_id = Some(id(app, &args.task)?.to_owned());
    config.url.clone_from(&args.url);
    config.id.clone_from(&args.config_id);
    config.token.clone_from(&args.token);
    if let Some(authorization) = &args.authorization {
        let (scheme, credentials) = authorization.trim().split_once(' ').unwrap_or((authorization.trim(), ""));
        let mut authentication = AuthenticationInfo::default();
        authentication.scheme = scheme.to_owned();
        authentication.credentials = Some(credentials.trim().to_owned()).filter(|text| !text.is_empty());
        config.authentication = Some(authentication);
    }
    let client = connect(app).await?;
    let created = client.create_task_push_notification_config(CallContext::new(), config).await;
    show(app, &created.map_err(|error| app.failed(&error))?)
}

/// Reads one configuration.
pub(crate) async fn get(app: &App, args: &PushConfigArgs) -> Result<(), Failure> {
    let mut request = GetTaskPushNotificationConfigRequest::default();
    request.task_id = id(app, &args.task)?.to_owned();
    request.id.clone_from(&args.config_id);
    let client = connect(app).await?;
    let config = client.get_task_push_notification_config(CallContext::new(), request).await;
    show(app, &config.map_err(|error| app.failed(&error))?)
}

/// Has a webhook told no more. One that is not there is fine: that is what was asked for.
pub(crate) async fn delete(app: &App, args: &PushConfigArgs) -> Result<(), Failure> {
    let mut request = DeleteTaskPushNotificationConfigRequest::default();
    request.task_id = id(app, &args.task)?.to_owned();
    request.id.clone_from(&args.config_id);
    let client = connect(app).await?;
    let deleted = client.delete_task_push_notification_config(CallContext::new(), request).await;
    deleted.map_err(|error| app.failed(&error))?;
    if app.console.is_json() {
        return written(app.console.json(&serde_json::Map::new()));
    }
    let mut fields = Fields::new();
    fields.field("Deleted", &args.config_id);
    written(app.console.text(&fields))
}

/// Lists a page of a task's configurations.
pub(crate) async fn list(app: &App, args: &PushConfigListArgs) -> Result<(), Failure> {
    let mut request = ListTaskPushNotificationConfigsRequest::default();
    request.task_id = id(app, &args.task)?.to_owned();
    request.page_size = args.page_size.unwrap_or_default();
    request.page_token.clone_from(&args.page_token);
    let client = connect(app).await?;
    let page = client.list_task_push_notification_configs(CallContext::new(), request).await;
    let page = page.map_err(|error| app.failed(&error))?;
    if app.console.is_json() {
        return written(app.console.json(&page));
    }
    let mut fields = Fields::new();
    page.configs.iter().for_each(|config| describe(&mut fields, config));
    if page.configs.is_empty() {
        app.console.note("note: the task has no webhooks");
    }
    written(app.console.text(&fields))?;
    if !page.next_page_token.is_empty() {
        app.console.note(&format!("note: more with --page-token {}", resume::quoted(&page.next_page_token)));
    }
    Ok(())
}

/// A client of an agent that sends push notifications.
async fn connect(app: &App) -> Result<Client, Failure> {
    let client = agent::connect(app, false).await?;
    if client.card().capabilities.push_notifications != Some(true) {
        let kind = ErrorKind::PushNotificationNotSupported;
        let failure = Failure::new(Code::Protocol(kind), "the card does not declare capabilities.pushNotifications");
        return Err(failure.hint("follow the task with task subscribe or task get --wait"));
    }
    Ok(client)
}

fn show(app: &App, config: &TaskPushNotificationConfig) -> Result<(), Failure> {
    if app.console.is_json() {
        return written(app.console.json(config));
    }
    let mut fields = Fields::new();
    describe(&mut fields, config);
    written(app.console.text(&fields))
}

/// Secrets are only said to be there.
fn describe(fields: &mut Fields, config: &TaskPushNotificationConfig) {
    fields.field("Config ID", config.id.as_deref().unwrap_or_default());
    fields.optional("Task ID", config.task_id.as_deref());
    fields.field("URL", &config.url);
    fields.optional("Authorization", config.authentication.as_ref().map(|with| with.scheme.as_str()));
    fields.optional("Token", config.token.as_ref().map(|_| "set"));
}
