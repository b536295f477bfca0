use std::collections::BTreeMap;
use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use wasmtime::component::{GuestTaskId, HasSelf, Linker, ResourceTable};
use wasmtime::{Result, Store, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings;
use crate::component::ComponentFile;
use crate::key_value::Stores;
use crate::outbound::{AllowedHosts, Outbound};
use crate::output::Output;
use crate::sqlite::Location;

/// How many instances a host has started, and how many of those have ended, by idleness, a trap or the host's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instances {
    /// Started since the host began to serve.
    pub started: u64,
    /// Ended since the host began to serve.
    pub ended: u64,
}

impl Instances {
    /// Those that have started and have not ended.
    pub fn running(&self) -> u64 {
        self.started - self.ended
    }
}

/// When an instance takes no more requests, and when it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) idle: Duration,
    pub(crate) requests: usize,
    pub(crate) concurrent_requests: usize,
}

/// What an instance finds around it.
pub(crate) struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    pub(crate) table: ResourceTable,
    pub(crate) databases: Arc<BTreeMap<String, Location>>,
    pub(crate) stores: Arc<Stores>,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Checks that there is an implementation of all that the component imports.
pub(crate) fn prepare(component: &ComponentFile) -> Result<ServicePre<State>> {
    let mut linker = Linker::<State>::new(component.component.engine());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    bindings::Stores::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    ServicePre::new(linker.instantiate_pre(&component.component)?)
}

/// Starts instances of a component.
pub(crate) struct Starter {
    pub(crate) component: ServicePre<State>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) allowed: AllowedHosts,
    pub(crate) databases: Arc<BTreeMap<String, Location>>,
    pub(crate) stores: Arc<Stores>,
    pub(crate) lifetime: Lifetime,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) instances: watch::Sender<Instances>,
    /// Ends all instances, in whatever they do.
    pub(crate) end: CancellationToken,
}

impl HandlerState for Starter {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> Result<Instance<State, Expiration, Worker>> {
        if self.end.is_cancelled() {
            return Err(wasmtime::Error::msg("the host has ended"));
        }
        let mut wasi = WasiCtx::builder();
        wasi.envs(&self.env).stdout(self.stdout.clone()).stderr(self.stderr.clone());
        let state = State {
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound(self.allowed.clone()),
            table: ResourceTable::new(),
            databases: self.databases.clone(),
            stores: self.stores.clone(),
        };
        let mut store = Store::new(self.component.engine(), state);
        let service = self.component.instantiate_async(&mut store).await?;
        self.instances.send_modify(|instances| instances.started += 1);
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: State::http,
            expiration: Expiration {
                idle: self.lifetime.idle,
                timer: Box::pin(tokio::time::sleep(self.lifetime.idle)),
                end: Box::pin(self.end.clone().cancelled_owned()),
            },
            state: Worker {
                lifetime: self.lifetime,
                instances: self.instances.clone(),
                stderr: self.stderr.clone(),
                end: self.end.clone(),
            },
        })
    }
}

/// Ends an instance when it is idle for too long, or the host ends.
pub(crate) struct Expiration {
    idle: Duration,
    timer: Pin<Box<Sleep>>,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        if self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        // A request, and what it has spawned, may take any time: that is Spin's default too.
        let (WorkerStatus::Idle, Some(deadline)) = (status, since.checked_add(self.idle)) else {
            return Poll::Pending;
        };
        if self.timer.deadline() != deadline.into() {
            self.timer.as_mut().reset(deadline.into());
        }
        self.timer.as_mut().poll(context)
    }
}

/// Looks after one instance.
pub(crate) struct Worker {
    lifetime: Lifetime,
    instances: watch::Sender<Instances>,
    stderr: Output,
    end: CancellationToken,
}

impl WorkerState for Worker {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.lifetime.requests {
            ShouldAccept::Never
        } else if concurrent >= self.lifetime.concurrent_requests {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(future::pending())
    }

    fn drop(&self, store: Store<State>, result: Result<()>) {
        drop(store);
        if let Err(error) = result
            && !self.end.is_cancelled()
        {
            self.stderr.push(format!("worker failed: {error:?}\n").as_bytes());
        }
        self.instances.send_modify(|instances| instances.ended += 1);
    }
}
