//! Version 0.3, `a2a.v1.A2AService`.
//!
//! The HTTP+JSON binding of 0.3 speaks the ProtoJSON of the same messages, and the core has its
//! mapping to 1.0 and back. So what goes over the wire here is that JSON, turned into protobuf and
//! back by the descriptors: the mapping is written once, and the bindings cannot disagree.

mod codec;
mod message;
#[cfg(test)]
mod properties;
pub(crate) mod status;

use std::sync::LazyLock;

use a2a_protocol_core::Method;
pub(crate) use message::read;
use prost_reflect::{DescriptorPool, MethodDescriptor, ServiceDescriptor};

/// The name of the service.
pub(crate) const SERVICE_NAME: &str = "a2a.v1.A2AService";

static SERVICE: LazyLock<ServiceDescriptor> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).expect("the build has made it");
    pool.get_service_by_name(SERVICE_NAME).expect("the build has compiled it")
});

/// An operation of 0.3.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    descriptor: MethodDescriptor,
}

impl Operation {
    /// `None` where 0.3 has no such operation: it cannot list tasks.
    pub(crate) fn of(method: Method) -> Option<Self> {
        let descriptor = SERVICE.methods().find(|descriptor| descriptor.name() == name(method))?;
        Some(Self { method, descriptor })
    }

    /// Where requests go.
    pub(crate) fn path(&self) -> String {
        format!("/{SERVICE_NAME}/{}", self.descriptor.name())
    }

    /// The operation that is called by this name.
    pub(crate) fn named(name_in_03: &str) -> Option<Self> {
        let method = Method::ALL.iter().copied().find(|method| name(*method) == name_in_03)?;
        Self::of(method)
    }
}

/// What 0.3 calls a method.
fn name(method: Method) -> &'static str {
    match method {
        Method::SubscribeToTask => "TaskSubscription",
        Method::ListTaskPushNotificationConfigs => "ListTaskPushNotificationConfig",
        Method::GetExtendedAgentCard => "GetAgentCard",
        same => same.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_service_is_a_method() {
        let descriptors: Vec<_> = SERVICE.methods().collect();
        assert_eq!(descriptors.len(), 10);
        for descriptor in descriptors {
            let operation = Operation::named(descriptor.name()).unwrap();
            assert_eq!(operation.descriptor, descriptor);
            assert_eq!(operation.method.is_streaming(), descriptor.is_server_streaming());
        }
        assert!(Operation::of(Method::ListTasks).is_none());
        assert!(Operation::named("GetExtendedAgentCard").is_none());
    }
}
