//! The storages for components, in a host like Spin's, and what either has to do there.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{path::PathBuf, time::Duration};

use component_host::{ComponentFile, Host, Serving, build};
use futures::{StreamExt, stream};
use http::Method;
use tempfile::TempDir;

use crate::support::{exchange, until};

/// Microseconds after which an instance dies or a caller goes, of which some are in the middle of an append of many
/// events.
pub(crate) const MOMENTS: [u64; 12] = [0, 300, 1000, 2000, 3000, 5000, 7000, 9000, 12_000, 16_000, 20_000, 25_000];

pub(crate) struct Storage {
    /// As requests name it.
    name: &'static str,
    feature: &'static str,
    /// Gives the component of a host a file for a label.
    place: fn(Host, &str, PathBuf) -> Host,
}

#[allow(dead_code, reason = "each test file is about one of them")]
pub(crate) const SQLITE: Storage =
    Storage { name: "sqlite", feature: "spin-sqlite", place: |host, label, file| host.sqlite(label, file) };

#[allow(dead_code, reason = "each test file is about one of them")]
pub(crate) const KEY_VALUE: Storage =
    Storage { name: "key-value", feature: "spin-key-value", place: |host, label, file| host.key_value(label, file) };

impl Storage {
    /// A host whose component has `tasks.db` for the label `default`.
    pub(crate) fn host(&self, directory: &TempDir) -> Host {
        (self.place)(Host::new(), "default", directory.path().join("tasks.db"))
    }

    pub(crate) async fn serve(&self, host: &Host) -> Serving {
        let feature = self.feature;
        let load = move || ComponentFile::load(build("nuncio-storage-component", &[feature])).unwrap();
        host.serve(&tokio::task::spawn_blocking(load).await.unwrap()).await.unwrap()
    }

    /// Where the task is.
    pub(crate) fn task(&self) -> String {
        format!("/tasks/1?storage={}", self.name)
    }

    /// Where events are appended to it at a revision.
    pub(crate) fn append(&self, expected: u64) -> String {
        format!("/tasks/1/events?storage={}&expected={expected}", self.name)
    }

    /// Creates a task of one event.
    pub(crate) async fn create(&self, serving: &Serving) {
        assert_eq!(post(serving, &self.task()).await, (200, "1".to_owned()));
    }

    /// How long the log of the task is.
    pub(crate) async fn revision(&self, serving: &Serving) -> u64 {
        let (status, body) = ask(serving, Method::GET, &self.task()).await;
        assert_eq!(status, 200, "{body}");
        body.parse().unwrap()
    }

    /// Runs the conformance suite, each case in a file of its own.
    pub(crate) async fn conforms(&self) {
        let names = ask(&self.serve(&Host::new()).await, Method::GET, "/cases").await.1;
        let names: Vec<_> = names.lines().collect();
        assert!(names.len() > 60, "{names:?}");
        let directory = tempfile::tempdir().unwrap();
        // A case that does not hold ends its instance: that is to be alone in it.
        let host = Host::new().concurrent_requests(1);
        let file = |name: &str| directory.path().join(format!("{name}.db"));
        let host = names.iter().fold(host, |host, name| (self.place)(host, name, file(name)));
        let serving = &self.serve(&host).await;
        let runs = names.iter().map(|name| async move {
            (name, post(serving, &format!("/cases/{name}?storage={}&label={name}", self.name)).await)
        });
        let answers: Vec<_> = stream::iter(runs).buffer_unordered(4).collect().await;
        let failed: Vec<_> = answers.iter().filter(|(_, (status, _))| *status != 200).collect();
        assert!(failed.is_empty(), "{failed:#?}\n{}", *serving.stderr().borrow());
    }

    /// Sees that a task is there when its instance and its host have gone; its revision is 6 then.
    pub(crate) async fn keeps(&self, directory: &TempDir) -> Serving {
        let host = self.host(directory).idle(Duration::from_millis(50));
        let serving = self.serve(&host).await;
        self.create(&serving).await;
        until(&mut serving.instances(), |instances| instances.running() == 0).await;
        assert_eq!(self.revision(&serving).await, 1);
        assert_eq!(post(&serving, &format!("{}&count=5", self.append(1))).await.1, "6");
        serving.stop().await;
        let serving = self.serve(&host).await;
        assert_eq!(self.revision(&serving).await, 6);
        serving
    }

    /// Sees that appends of so many events are finished whose callers go away.
    pub(crate) async fn finishes(&self, events: u64) {
        let directory = tempfile::tempdir().unwrap();
        let serving = self.serve(&self.host(&directory)).await;
        self.create(&serving).await;
        let (mut now, mut gone) = (1, 0);
        for moment in MOMENTS {
            let path = format!("{}&count={events}&drop_after={moment}", self.append(now));
            let (status, _) = post(&serving, &path).await;
            gone += u32::from(status == 202);
            // Written behind it, by the same instance.
            now += events;
            let appended = post(&serving, &self.append(now)).await;
            assert_eq!(appended, (200, (now + 1).to_string()), "after {moment} µs");
            now += 1;
        }
        assert!(gone > 3, "{gone} callers went");
        assert_eq!(serving.instances().borrow().started, 1);
    }
}

pub(crate) async fn ask(serving: &Serving, method: Method, path: &str) -> (u16, String) {
    let (status, body) = exchange(serving, method, path, "").await;
    (status.as_u16(), body)
}

pub(crate) async fn post(serving: &Serving, path: &str) -> (u16, String) {
    ask(serving, Method::POST, path).await
}
