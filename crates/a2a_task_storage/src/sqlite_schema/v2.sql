-- Where the message is in the log of the task, once it is stored there: then the claim is used.
ALTER TABLE claims ADD COLUMN place INTEGER;

-- What waits for its caller: tasks that never do are not in it.
CREATE INDEX tasks_paused ON tasks (status_time, id) WHERE holder IS NULL AND waits = 0 AND state IN (6, 8);

-- Names that are too long for an index have a digest for their key, and stand whole beside it; so do those
-- that look like one.
ALTER TABLE scopes ADD COLUMN long_key TEXT;
ALTER TABLE tasks ADD COLUMN long_context TEXT;
ALTER TABLE claims ADD COLUMN long_message_id TEXT;
ALTER TABLE push_configs ADD COLUMN long_id TEXT;
