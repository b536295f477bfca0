//! The HTTP+JSON binding as pure functions over the method table (section 11): a request line to a
//! call, and a call to a request line.

mod read;
mod route;
mod write;

use crate::Call;

pub use self::{
    route::{NoRoute, Route, check_tenant, is_v03_path, route, route_v03},
    write::{HttpCall, write, write_in},
};

/// The field that a path captures under this name.
fn captured<'a>(call: &'a mut Call, name: &str) -> Option<&'a mut String> {
    match (call, name) {
        (Call::GetTask(request), "id") => Some(&mut request.id),
        (Call::CancelTask(request), "id") => Some(&mut request.id),
        (Call::SubscribeToTask(request), "id") => Some(&mut request.id),
        (Call::CreateTaskPushNotificationConfig(config), "taskId") => Some(config.task_id.get_or_insert_default()),
        (Call::GetTaskPushNotificationConfig(request), "taskId") => Some(&mut request.task_id),
        (Call::GetTaskPushNotificationConfig(request), "id") => Some(&mut request.id),
        (Call::ListTaskPushNotificationConfigs(request), "taskId") => Some(&mut request.task_id),
        (Call::DeleteTaskPushNotificationConfig(request), "taskId") => Some(&mut request.task_id),
        (Call::DeleteTaskPushNotificationConfig(request), "id") => Some(&mut request.id),
        _ => None,
    }
}

/// The parts of a path template: `literal`, `{name}` or `{name}:literal`.
enum Segment<'a> {
    Literal(&'a str),
    Capture { name: &'a str, suffix: &'a str },
}

fn segments(template: &'static str) -> impl Iterator<Item = Segment<'static>> {
    template.trim_start_matches('/').split('/').map(|segment| {
        match segment.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((name, suffix)) => Segment::Capture { name, suffix },
            None => Segment::Literal(segment),
        }
    })
}
