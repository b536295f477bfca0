//! The database of replicas: one of its own on a server that the tests share, which notes who does
//! what to tasks and leases.

use std::{net::SocketAddr, sync::Arc};

use a2a_task_storage::{PostgresOptions, PostgresStorage};
use tokio_postgres::{Client, NoTls, Row};

use crate::postgres::Server;

/// Who has the connection, as each process says in its URL, and when it is.
const NOTES: &str = "
CREATE SCHEMA audit;
CREATE TABLE audit.replicas (id BYTEA PRIMARY KEY, process TEXT, expires BIGINT, gone BIGINT);
CREATE TABLE audit.tasks (n BIGINT GENERATED ALWAYS AS IDENTITY, at BIGINT, process TEXT, id BYTEA,
    length BIGINT, longer BIGINT, fence BIGINT, next_fence BIGINT, holder BYTEA, next_holder BYTEA);
CREATE FUNCTION audit.process() RETURNS TEXT LANGUAGE sql AS $$ SELECT current_setting('application_name') $$;
CREATE FUNCTION audit.replica() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE audit.replicas SET gone = nuncio.nuncio_now() WHERE id = OLD.id;
    ELSE
        INSERT INTO audit.replicas VALUES (NEW.id, audit.process(), NEW.expires)
        ON CONFLICT (id) DO UPDATE SET expires = NEW.expires;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION audit.task() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit.tasks (at, process, id, length, longer, fence, next_fence, holder, next_holder)
    VALUES (nuncio.nuncio_now(), audit.process(), NEW.id, COALESCE(OLD.revision, 0), NEW.revision,
        COALESCE(OLD.fence, 0), NEW.fence, OLD.holder, NEW.holder);
    RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON nuncio.replicas
    FOR EACH ROW EXECUTE FUNCTION audit.replica();
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON nuncio.tasks FOR EACH ROW EXECUTE FUNCTION audit.task();
";

pub(crate) struct Database {
    server: Arc<Server>,
    name: String,
}

/// What was noted: in the order in which it happened to each task.
pub(crate) struct Notes {
    pub(crate) replicas: Vec<ReplicaNote>,
    pub(crate) tasks: Vec<TaskNote>,
}

pub(crate) struct ReplicaNote {
    pub(crate) id: Vec<u8>,
    /// The process that joined as this replica.
    pub(crate) process: u32,
    /// Until when its leases held at last.
    pub(crate) expires: u64,
    /// When it left, or was forgotten.
    pub(crate) gone: Option<u64>,
}

/// A task's row was written.
pub(crate) struct TaskNote {
    pub(crate) at: u64,
    pub(crate) process: u32,
    pub(crate) id: u128,
    /// The length of the log, before and after.
    pub(crate) length: (u64, u64),
    pub(crate) fence: (u64, u64),
    pub(crate) holder: (Option<Vec<u8>>, Option<Vec<u8>>),
}

impl Database {
    pub(crate) async fn new(name: &str) -> Self {
        let server = tokio::task::spawn_blocking(Server::get).await.unwrap();
        let database = Self { server, name: name.to_owned() };
        let admin = client(&database.server.url()).await;
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        // Which makes the tables.
        drop(database.storage().await);
        client(&database.url(None)).await.batch_execute(NOTES).await.unwrap();
        database
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.server.port()).into()
    }

    /// Where the database is, or the door to it.
    pub(crate) fn url(&self, door: Option<SocketAddr>) -> String {
        let url = self.server.url();
        let (place, _) = url.rsplit_once('/').unwrap();
        let (user, _) = place.rsplit_once('@').unwrap();
        format!("{user}@{}/{}", door.unwrap_or(self.address()), self.name)
    }

    pub(crate) async fn storage(&self) -> PostgresStorage {
        PostgresStorage::open(PostgresOptions::new(self.url(None))).await.unwrap()
    }

    pub(crate) async fn notes(&self) -> Notes {
        let client = client(&self.url(None)).await;
        let number = |row: &Row, column| u64::try_from(row.get::<_, i64>(column)).unwrap();
        let process = |row: &Row, column| row.get::<_, &str>(column).parse().unwrap();
        let replicas = client.query("SELECT id, process, expires, gone FROM audit.replicas", &[]).await.unwrap();
        let tasks = "SELECT at, process, id, length, longer, fence, next_fence, holder, next_holder \
            FROM audit.tasks ORDER BY n";
        let tasks = client.query(tasks, &[]).await.unwrap();
        let replica = |row: &Row| ReplicaNote {
            id: row.get(0),
            process: process(row, 1),
            expires: number(row, 2),
            gone: row.get::<_, Option<i64>>(3).map(|gone| u64::try_from(gone).unwrap()),
        };
        let task = |row: &Row| TaskNote {
            at: number(row, 0),
            process: process(row, 1),
            id: u128::from_be_bytes(row.get::<_, Vec<u8>>(2).try_into().unwrap()),
            length: (number(row, 3), number(row, 4)),
            fence: (number(row, 5), number(row, 6)),
            holder: (row.get(7), row.get(8)),
        };
        Notes { replicas: replicas.iter().map(replica).collect(), tasks: tasks.iter().map(task).collect() }
    }
}

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
