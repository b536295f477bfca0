//! Answers A2A calls over the ports: an engine that runs an agent's handlers and keeps their tasks as
//! logs, and a storage that keeps the logs in memory.
//!
//! In scope: what the operations mean. Out of scope: HTTP, SQL, sockets, a runtime: what outlives a
//! call goes to the host's spawner, time comes from the host's clock.

mod engine;
mod memory;

pub use engine::{Engine, EngineOptions, PushOptions, Skill};
pub use memory::{MemoryLimits, MemoryMetrics, MemoryStorage};
