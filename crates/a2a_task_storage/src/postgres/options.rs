//! Where and how tasks are kept in PostgreSQL.

use std::{fmt, time::Duration};

use crate::Retention;

/// How a [`PostgresStorage`](super::PostgresStorage) and a [`PostgresBus`](super::PostgresBus) are
/// opened. `Debug` shows nothing of the URL.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostgresOptions {
    /// The database: `postgres://user:password@host:port/name`, with the parameters of libpq that the
    /// driver knows. Of `sslmode`, `prefer`, which is the default, takes TLS where it is offered,
    /// without verifying the server; `require`, `verify-ca` and `verify-full` verify it and its name,
    /// against the roots of the platform or those in the file `sslrootcert`.
    pub url: String,
    /// The schema that holds the tables, `nuncio` by default. It is made if it is not there.
    pub schema: String,
    /// For how long tasks are kept.
    pub retention: Retention,
    /// About how many bytes of memory the tasks take that are kept at hand for the next append, 64
    /// MiB by default.
    pub cache_bytes: usize,
    /// The most connections to the database, 8 by default, beside the one by which a replica says
    /// that it is there.
    pub connections: usize,
    /// How long an operation may take, 10 seconds by default: waiting for a server that is not there
    /// or does not answer, for a connection, for locks. It fails then, as
    /// [`PostgresStorage`](super::PostgresStorage) says. Only bringing the schema to this version,
    /// and what [`StoreAdmin`](crate::StoreAdmin) counts and checks, takes as long as it takes, while
    /// the server answers at all.
    pub patience: Duration,
}

impl PostgresOptions {
    /// A database, with the defaults.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: "nuncio".to_owned(),
            retention: Retention::default(),
            cache_bytes: 64 << 20,
            connections: 8,
            patience: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("schema", &self.schema)
            .field("retention", &self.retention)
            .field("cache_bytes", &self.cache_bytes)
            .field("connections", &self.connections)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
