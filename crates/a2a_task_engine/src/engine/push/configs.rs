//! The operations on push configurations (sections 3.1.7 to 3.1.10), and those that come along with
//! a message.

use std::sync::Arc;

use a2a_app_ports::{CallContext, Chain, PushConfigRow, Reply, Revision, Scope, StorageError, TaskId};
use a2a_protocol_core::{
    DeleteTaskPushNotificationConfigRequest, Error, ErrorKind, GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest, ListTaskPushNotificationConfigsResponse, ProtocolVersion,
    TaskPushNotificationConfig, shortened,
};

use crate::engine::{Shared, failed, list::foreign_token, push_not_supported, tokens};

impl Shared {
    /// Configures a webhook: it is told what happens from now on. In place of one that has its id it
    /// is told what that one has not been told. A task that has ended has nothing to tell.
    pub(in crate::engine) async fn create_push_config(
        self: &Arc<Self>,
        context: &CallContext,
        mut config: TaskPushNotificationConfig,
    ) -> Result<Reply, Error> {
        let scope = self.scope(context, config.tenant.as_deref());
        let name = config.task_id.clone().unwrap_or_default();
        let (task, now) = self.find_settled(&scope, &name).await?;
        config.task_id = Some(name);
        let row = self.new_push_config(context.version, task, config, "").await?;
        let config = row.config.clone();
        self.put_push_config(&scope, task, row, now.revision).await?;
        self.tell(&self.live.enter(task), &scope);
        self.publish(task, 0);
        Ok(Reply::PushConfig(config))
    }

    pub(in crate::engine) async fn get_push_config(
        self: &Arc<Self>,
        context: &CallContext,
        request: &GetTaskPushNotificationConfigRequest,
    ) -> Result<Reply, Error> {
        let scope = self.scope(context, request.tenant.as_deref());
        let (task, _) = self.find_settled(&scope, &request.task_id).await?;
        let row = self.storage.push_config(&scope, task, &request.id).await.map_err(failed)?;
        let row = row.ok_or_else(|| {
            let text = format!("the task has no push notification configuration {:?}", shortened(&request.id));
            Error::new(ErrorKind::TaskNotFound, text).with_metadata("taskId", &*request.task_id)
        })?;
        Ok(Reply::PushConfig(row.config))
    }

    /// A page of a task's configurations: all of them, unless the request asks for fewer.
    pub(in crate::engine) async fn list_push_configs(
        self: &Arc<Self>,
        context: &CallContext,
        request: &ListTaskPushNotificationConfigsRequest,
    ) -> Result<Reply, Error> {
        let scope = self.scope(context, request.tenant.as_deref());
        let (task, snapshot) = self.find_settled(&scope, &request.task_id).await?;
        let most = self.options.push.max_configs.max(1);
        let limit =
            usize::try_from(request.page_size).ok().filter(|size| *size > 0).map_or(most, |size| size.min(most));
        let key = self.page_key().await?;
        let list = [
            Some("push configurations"),
            Some(&*scope.agent),
            scope.tenant.as_deref(),
            scope.owner.as_deref(),
            Some(&*snapshot.task.id),
        ];
        let after = match request.page_token.as_deref().filter(|token| !token.is_empty()) {
            Some(token) => {
                let place = tokens::open(&key, &list, token).and_then(|place| String::from_utf8(place).ok());
                Some(place.ok_or_else(foreign_token)?)
            }
            None => None,
        };
        let found = self.storage.push_configs(&scope, task, after.as_deref(), limit + 1).await;
        let mut rows = found.map_err(failed)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut response = ListTaskPushNotificationConfigsResponse::default();
        if let Some(last) = rows.last().filter(|_| more) {
            response.next_page_token = tokens::seal(&key, &list, last.id().as_bytes());
        }
        response.configs = rows.into_iter().map(|row| row.config).collect();
        Ok(Reply::PushConfigs(response))
    }

    pub(in crate::engine) async fn delete_push_config(
        self: &Arc<Self>,
        context: &CallContext,
        request: &DeleteTaskPushNotificationConfigRequest,
    ) -> Result<Reply, Error> {
        let scope = self.scope(context, request.tenant.as_deref());
        let (task, _) = self.find_settled(&scope, &request.task_id).await?;
        self.storage.delete_push_config(&scope, task, &request.id).await.map_err(failed)?;
        self.live.enter(task).webhooks_changed();
        Ok(Reply::Deleted)
    }

    /// The configuration that comes along with a message to this task, new or known.
    pub(in crate::engine) async fn inline_push_config(
        &self,
        context: &CallContext,
        tenant: Option<&str>,
        (task, continued): (TaskId, bool),
        mut config: TaskPushNotificationConfig,
    ) -> Result<Box<PushConfigRow>, Error> {
        let field = |name: &str| format!("{INLINE}{name}");
        if self.push.is_none() || self.card.get().capabilities.push_notifications != Some(true) {
            return Err(push_not_supported());
        }
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if filled(&config.task_id).is_some_and(|named| !continued || named != task.to_string()) {
            return Err(Error::invalid(
                field("taskId"),
                "must not be set, or name the task that the message continues",
            ));
        }
        if filled(&config.tenant).is_some_and(|named| Some(&*named) != tenant) {
            return Err(Error::invalid(field("tenant"), "must not be set, or be the tenant of the request"));
        }
        config.task_id = Some(task.to_string());
        config.tenant = tenant.map(str::to_owned);
        self.new_push_config(context.version, task, config, INLINE).await.map(Box::new)
    }

    /// A configuration that may be stored.
    async fn new_push_config(
        &self,
        version: ProtocolVersion,
        task: TaskId,
        mut config: TaskPushNotificationConfig,
        prefix: &str,
    ) -> Result<PushConfigRow, Error> {
        let Some(transport) = &self.push else { return Err(push_not_supported()) };
        transport.check(&config.url).await.map_err(|error| {
            tracing::info!(task = %task, error = %Chain(&error), "a webhook is refused");
            within(prefix, error)
        })?;
        if config.id.as_ref().is_none_or(String::is_empty) {
            // Callers of 0.3 know of one configuration a task, which they need not name.
            let id = if version == ProtocolVersion::V0_3 { task } else { self.new_id() };
            config.id = Some(id.to_string());
        }
        Ok(PushConfigRow { config, version, created: self.host.clock.now(), cursor: 0, failure: None })
    }

    /// Stores a configuration of a task whose log is so long, in place of the one that has its id.
    pub(in crate::engine) async fn put_push_config(
        &self,
        scope: &Scope,
        task: TaskId,
        mut row: PushConfigRow,
        revision: Revision,
    ) -> Result<(), Error> {
        row.cursor = revision;
        let most = self.options.push.max_configs;
        self.storage.put_push_config(scope, task, row, most).await.map_err(|error| match error {
            StorageError::NotFound => Error::task_not_found(&task.to_string()),
            StorageError::Full => {
                let text = format!("the task has {most} push notification configurations, and can have no more");
                Error::new(ErrorKind::ResourceExhausted, text)
            }
            error => failed(error),
        })
    }
}

/// Where a configuration stands in a request to send a message.
const INLINE: &str = "configuration.taskPushNotificationConfig.";

/// An error whose fields are below another one.
fn within(prefix: &str, error: Error) -> Error {
    if prefix.is_empty() || error.field_violations().is_empty() {
        return error;
    }
    let mut violations = error.field_violations().to_vec();
    violations.iter_mut().for_each(|violation| violation.field.insert_str(0, prefix));
    Error::violations(violations).caused_by(error)
}
