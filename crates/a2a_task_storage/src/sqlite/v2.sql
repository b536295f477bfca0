-- Where the message is in the log of the task, once it is stored there: then the claim is used.
ALTER TABLE claims ADD COLUMN place INTEGER;

-- Claims of before say nothing of that, their logs do. Where a log is gone, its end stands for the place:
-- who repeats the message is answered with the task as it is. What is in no log is yet to be stored.
UPDATE claims SET place = COALESCE(
    (SELECT MIN(e.seq) FROM tasks t JOIN events e ON e.task = t.n
        WHERE t.id = claims.task AND t.scope = claims.scope AND instr(e.body, '"messageId":' || json_quote(message_id)) > 0
        AND (e.seq = 1 OR instr(e.body, '"kind":{"message":{"messageId":' || json_quote(message_id)) > 0)),
    (SELECT t.revision FROM tasks t WHERE t.id = claims.task AND t.scope = claims.scope AND t.dropped > 0))
WHERE answer IS NULL;

-- What waits for its caller: tasks that never do are not in it.
CREATE INDEX tasks_paused ON tasks (status_time, id) WHERE holder IS NULL AND waits = 0 AND state IN (6, 8);

-- Names that are too long for an index have a digest for their key, and stand whole beside it; so do those
-- that look like one.
ALTER TABLE scopes ADD COLUMN long_key TEXT;
ALTER TABLE tasks ADD COLUMN long_context TEXT;
ALTER TABLE claims ADD COLUMN long_message_id TEXT;
ALTER TABLE push_configs ADD COLUMN long_id TEXT;
UPDATE scopes SET long_key = key, key = nuncio_key(key) WHERE key <> nuncio_key(key);
UPDATE tasks SET long_context = context, context = nuncio_key(context) WHERE context <> nuncio_key(context);
UPDATE claims SET long_message_id = message_id, message_id = nuncio_key(message_id) WHERE message_id <> nuncio_key(message_id);
UPDATE push_configs SET long_id = id, id = nuncio_key(id) WHERE id <> nuncio_key(id);
UPDATE counts SET context = '=' || nuncio_key(substr(context, 2))
    WHERE length(context) > 1 AND substr(context, 2) <> nuncio_key(substr(context, 2));
