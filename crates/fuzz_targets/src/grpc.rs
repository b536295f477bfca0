//! What comes as protobuf, to a server and to a client.

use std::fmt::Debug;

use a2a_app_ports::Reply;
use a2a_grpc::fuzzing;
use a2a_protocol_core::{Error, Method, ProtocolVersion};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderMap, HeaderValue};

use crate::{named, same_call, same_error};

/// The first bit is the version, the rest the method.
fn which(byte: u8) -> (ProtocolVersion, Method) {
    let version = if byte & 0x80 == 0 { ProtocolVersion::V1_0 } else { ProtocolVersion::V0_3 };
    (version, Method::ALL[usize::from(byte & 0x7f) % Method::ALL.len()])
}

pub(crate) fn request(data: &[u8]) {
    let Some((first, message)) = data.split_first() else { return };
    let (version, method) = which(*first);
    let read = |message: &[u8]| fuzzing::read_request(version, method, message);
    match read(message) {
        Some(Ok(call)) => {
            assert_eq!(call.method(), Some(method));
            call.validate().expect("it is checked where it is read");
            let Some(written) = fuzzing::write_request(version, &call) else {
                assert_eq!(version, ProtocolVersion::V0_3);
                return;
            };
            let again = read(&written).expect("what is written is a message").expect("and accepted");
            same_call(&again, &call);
        }
        Some(Err(error)) => named(&error),
        None => {}
    }
}

pub(crate) fn reply(data: &[u8]) {
    let Some((first, message)) = data.split_first() else { return };
    let (version, method) = which(*first);
    if method.is_streaming() {
        let read = |message: &[u8]| fuzzing::read_event(version, message);
        return comes_back(
            version,
            message,
            read,
            |event| fuzzing::write_event(version, event),
            |one, other| {
                assert_eq!(one, other);
            },
        );
    }
    let read = |message: &[u8]| fuzzing::read_reply(version, method, message);
    let write = |reply: &Reply| fuzzing::write_reply(version, method, copy(reply));
    comes_back(version, message, read, write, same_reply);
}

/// What is read is written and read the same; of what comes in 0.3, the forms that it has only one
/// word for become that word first.
fn comes_back<T: Debug>(
    version: ProtocolVersion,
    message: &[u8],
    read: impl Fn(&[u8]) -> Option<Result<T, Error>>,
    write: impl Fn(&T) -> Option<Vec<u8>>,
    same: impl Fn(&T, &T),
) {
    let value = match read(message) {
        Some(Ok(value)) => value,
        Some(Err(error)) => return assert!(error.message().len() <= 2000, "{error}"),
        None => return,
    };
    let there_and_back = |value: &T| match write(value) {
        Some(written) => Some(read(&written).expect("what is written is a message").expect("and accepted")),
        None => {
            assert_eq!(version, ProtocolVersion::V0_3);
            None
        }
    };
    let Some(again) = there_and_back(&value) else { return };
    match version {
        ProtocolVersion::V0_3 => same(&there_and_back(&again).expect("it was written before"), &again),
        _ => same(&again, &value),
    }
}

fn copy(reply: &Reply) -> Reply {
    match reply {
        Reply::Sent(sent) => Reply::Sent(sent.clone()),
        Reply::Task(task) => Reply::Task(task.clone()),
        Reply::Tasks(tasks) => Reply::Tasks(tasks.clone()),
        Reply::PushConfig(config) => Reply::PushConfig(config.clone()),
        Reply::PushConfigs(configs) => Reply::PushConfigs(configs.clone()),
        Reply::Card(card) => Reply::Card(card.clone()),
        _ => Reply::Deleted,
    }
}

fn same_reply(one: &Reply, other: &Reply) {
    match (one, other) {
        (Reply::Sent(one), Reply::Sent(other)) => assert_eq!(one, other),
        (Reply::Task(one), Reply::Task(other)) => assert_eq!(one, other),
        (Reply::Tasks(one), Reply::Tasks(other)) => assert_eq!(one, other),
        (Reply::PushConfig(one), Reply::PushConfig(other)) => assert_eq!(one, other),
        (Reply::PushConfigs(one), Reply::PushConfigs(other)) => assert_eq!(one, other),
        (Reply::Card(one), Reply::Card(other)) => assert_eq!(one, other),
        (Reply::Deleted, Reply::Deleted) => {}
        _ => panic!("{one:?} became {other:?}"),
    }
}

pub(crate) fn status(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let (version, _) = which(*first);
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (message, details) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(u16::from(first & 0x1f)));
    // The next bit says whether the details are as they are in the header, or have yet to get there.
    // What is not base64 makes tonic itself panic, so it is not tried.
    let is_encoded = first & 0x40 != 0 && STANDARD_NO_PAD.decode(details.trim_ascii_end()).is_ok();
    let details = if is_encoded { details.to_vec() } else { STANDARD_NO_PAD.encode(details).into_bytes() };
    for (name, value) in [("grpc-message", message), ("grpc-status-details-bin", &details)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            trailers.insert(name, value);
        }
    }
    let error = fuzzing::read_status(version, &trailers).expect("there is a status");
    let written = fuzzing::write_status(version, &error).expect("an error fits into headers");
    same_error(&fuzzing::read_status(version, &written).expect("and is one"), &error);
}
