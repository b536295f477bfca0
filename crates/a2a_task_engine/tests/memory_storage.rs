//! The storage in memory conforms.

use a2a_app_ports::conformance::{racing_appends, storage_suite};
use a2a_task_engine::MemoryStorage;
use futures::executor::block_on;

#[test]
fn memory_storage_conforms() {
    block_on(storage_suite(async || MemoryStorage::new()));
}

#[test]
fn racing_threads_do_not_overwrite_each_other() {
    racing_appends(&MemoryStorage::new(), &|future| block_on(future));
}
