CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
-- Whoever sweeps holds this row.
INSERT INTO meta (key, value) VALUES ('sweep', x'');

CREATE TABLE scopes (n INTEGER PRIMARY KEY, agent TEXT NOT NULL, key TEXT NOT NULL UNIQUE) STRICT;

-- Times are nanoseconds since 1970. `snapshot` is the revision of the newest snapshot, 0 for none;
-- `dropped` is up to where the log is gone; `log_due` is when it ended, while there is a log.
-- `waits` is 1 when nobody has the task and its log has grown since it was given back; `teller` is the
-- replica that tells its webhooks.
CREATE TABLE tasks (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    scope INTEGER NOT NULL,
    context TEXT NOT NULL,
    skill TEXT NOT NULL,
    state INTEGER NOT NULL,
    status_time INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    snapshot INTEGER NOT NULL,
    snapshot_bytes INTEGER NOT NULL,
    tail_bytes INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    holder BLOB,
    waits INTEGER NOT NULL,
    teller BLOB,
    dropped INTEGER NOT NULL,
    ended INTEGER,
    log_due INTEGER
) STRICT;
CREATE INDEX tasks_by_time ON tasks (scope, status_time, id);
CREATE INDEX tasks_by_state ON tasks (scope, state, status_time, id);
CREATE INDEX tasks_by_context ON tasks (scope, context, status_time, id);
CREATE INDEX tasks_held ON tasks (holder) WHERE holder IS NOT NULL;
CREATE INDEX tasks_waiting ON tasks (id) WHERE waits = 1;
CREATE INDEX tasks_ended ON tasks (ended) WHERE ended IS NOT NULL;
CREATE INDEX tasks_log_due ON tasks (log_due) WHERE log_due IS NOT NULL;

CREATE TABLE events (
    task INTEGER NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (task, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshots (
    task INTEGER NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (task, revision)
) STRICT, WITHOUT ROWID;

-- How many tasks are in each state (s1 is state 1): of a scope where the context is '', else of one
-- of its contexts, whose name comes after a '='.
CREATE TABLE counts (
    context TEXT NOT NULL,
    scope INTEGER NOT NULL,
    stripe INTEGER NOT NULL,
    s1 INTEGER NOT NULL,
    s2 INTEGER NOT NULL,
    s3 INTEGER NOT NULL,
    s4 INTEGER NOT NULL,
    s5 INTEGER NOT NULL,
    s6 INTEGER NOT NULL,
    s7 INTEGER NOT NULL,
    s8 INTEGER NOT NULL,
    PRIMARY KEY (context, scope, stripe)
) STRICT, WITHOUT ROWID;

CREATE TABLE claims (
    scope INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    task BLOB NOT NULL,
    replica BLOB NOT NULL,
    expires INTEGER NOT NULL,
    answer TEXT,
    PRIMARY KEY (scope, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_by_expiry ON claims (expires);

-- `told` is 1 when the task has ended and the webhook knows all of it.
CREATE TABLE push_configs (
    task BLOB NOT NULL,
    id TEXT NOT NULL,
    config TEXT NOT NULL,
    version TEXT NOT NULL,
    created INTEGER NOT NULL,
    cursor INTEGER NOT NULL,
    failed_at INTEGER,
    failure TEXT,
    told INTEGER NOT NULL,
    PRIMARY KEY (task, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX push_configs_pending ON push_configs (task, id) WHERE failed_at IS NULL AND told = 0;

-- Milliseconds since 1970.
CREATE TABLE replicas (id BLOB NOT NULL PRIMARY KEY, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
