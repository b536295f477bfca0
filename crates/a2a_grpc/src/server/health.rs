//! `grpc.health.v1.Health`: whether the server takes calls.

use std::pin::Pin;

use a2a_app_ports::Lifecycle;
use futures::{Stream, StreamExt, stream};
use tonic::{Request, Response, Status};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server};

/// Says of the server, and of each of its services, that it serves until it drains.
pub(super) struct Health {
    services: Vec<&'static str>,
    lifecycle: Lifecycle,
}

impl Health {
    pub(super) fn new(services: Vec<&'static str>, lifecycle: Lifecycle) -> Self {
        Self { services, lifecycle }
    }

    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(&service)
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        if !self.knows(service) {
            return Err(Status::not_found(format!("no service {service:?}")));
        }
        let serves = !self.lifecycle.is_draining();
        Ok(Response::new(response(if serves { ServingStatus::Serving } else { ServingStatus::NotServing })))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        // Of a service that is not known, watchers are told so and nothing more.
        let first = match self.knows(&request.get_ref().service) {
            true => ServingStatus::Serving,
            false => ServingStatus::ServiceUnknown,
        };
        let known = first == ServingStatus::Serving;
        let begun = stream::iter((!known || !self.lifecycle.is_draining()).then_some(first));
        let draining = self.lifecycle.draining();
        let drained = stream::once(async move {
            draining.await;
            ServingStatus::NotServing
        });
        let later = stream::iter(known.then_some(drained)).flatten();
        let closed = self.lifecycle.closed();
        let statuses = begun.chain(later).chain(stream::pending()).take_until(closed);
        Ok(Response::new(Box::pin(statuses.map(|status| Ok(response(status))))))
    }
}
