-- What callers name is bytes: text of PostgreSQL holds no NUL and sorts as its locale likes. Bodies are
-- JSON, in which a NUL is escaped.

CREATE TABLE meta (key BYTEA NOT NULL PRIMARY KEY, value BYTEA NOT NULL);
-- Whoever sweeps holds this row.
INSERT INTO meta (key, value) VALUES ('sweep', '');

CREATE TABLE scopes (n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, agent BYTEA NOT NULL, key BYTEA NOT NULL UNIQUE);

-- `waits` is 1 when nobody has the task and its log has grown since it was given back; `teller` is the
-- replica that tells its webhooks.
-- Times are nanoseconds since 1970. `snapshot` is the revision of the newest snapshot, 0 for none;
-- `dropped` is up to where the log is gone; `log_due` is when it ended, while there is a log.
CREATE TABLE tasks (
    n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id BYTEA NOT NULL UNIQUE,
    scope BIGINT NOT NULL,
    context BYTEA NOT NULL,
    skill BYTEA NOT NULL,
    state BIGINT NOT NULL,
    status_time BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    snapshot BIGINT NOT NULL,
    snapshot_bytes BIGINT NOT NULL,
    tail_bytes BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    holder BYTEA,
    waits BIGINT NOT NULL,
    teller BYTEA,
    dropped BIGINT NOT NULL,
    ended BIGINT,
    log_due BIGINT
);
CREATE INDEX tasks_by_time ON tasks (scope, status_time, id);
CREATE INDEX tasks_by_state ON tasks (scope, state, status_time, id);
CREATE INDEX tasks_by_context ON tasks (scope, context, status_time, id);
CREATE INDEX tasks_held ON tasks (holder) WHERE holder IS NOT NULL;
CREATE INDEX tasks_waiting ON tasks (id) WHERE waits = 1;
CREATE INDEX tasks_ended ON tasks (ended) WHERE ended IS NOT NULL;
CREATE INDEX tasks_log_due ON tasks (log_due) WHERE log_due IS NOT NULL;

CREATE TABLE events (
    task BIGINT NOT NULL, seq BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (task, seq)
);

CREATE TABLE snapshots (
    task BIGINT NOT NULL, revision BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (task, revision)
);

-- How many tasks are in each state (s1 is state 1): of a scope where the context is '', else of one
-- of its contexts, whose name comes after a '='.
CREATE TABLE counts (
    context BYTEA NOT NULL,
    scope BIGINT NOT NULL,
    stripe BIGINT NOT NULL,
    s1 BIGINT NOT NULL,
    s2 BIGINT NOT NULL,
    s3 BIGINT NOT NULL,
    s4 BIGINT NOT NULL,
    s5 BIGINT NOT NULL,
    s6 BIGINT NOT NULL,
    s7 BIGINT NOT NULL,
    s8 BIGINT NOT NULL,
    PRIMARY KEY (context, scope, stripe)
);

CREATE TABLE claims (
    scope BIGINT NOT NULL,
    message_id BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    task BYTEA NOT NULL,
    replica BYTEA NOT NULL,
    expires BIGINT NOT NULL,
    answer TEXT,
    PRIMARY KEY (scope, message_id)
);
CREATE INDEX claims_by_expiry ON claims (expires);

-- `told` is 1 when the task has ended and the webhook knows all of it.
CREATE TABLE push_configs (
    task BYTEA NOT NULL,
    id BYTEA NOT NULL,
    config TEXT NOT NULL,
    version TEXT NOT NULL,
    created BIGINT NOT NULL,
    cursor BIGINT NOT NULL,
    failed_at BIGINT,
    failure BYTEA,
    told BIGINT NOT NULL,
    PRIMARY KEY (task, id)
);
CREATE INDEX push_configs_pending ON push_configs (task, id) WHERE failed_at IS NULL AND told = 0;

-- Milliseconds since 1970.
CREATE TABLE replicas (id BYTEA NOT NULL PRIMARY KEY, expires BIGINT NOT NULL);

-- The clock by which replicas expire.
CREATE FUNCTION nuncio_now() RETURNS BIGINT LANGUAGE sql VOLATILE
    AS 'SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)';

-- Room on every page for what changes often, so that indexes need not change with it.
ALTER TABLE tasks SET (fillfactor = 80);
ALTER TABLE counts SET (fillfactor = 50);
ALTER TABLE push_configs SET (fillfactor = 80);
