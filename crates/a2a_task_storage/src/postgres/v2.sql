-- Where the message is in the log of the task, once it is stored there: then the claim is used.
ALTER TABLE claims ADD COLUMN place BIGINT;

-- Claims of before say nothing of that, their logs do. Where a log is gone, its end stands for the place:
-- who repeats the message is answered with the task as it is. What is in no log is yet to be stored. An id
-- with a NUL is no text here, and is left to expire.
UPDATE claims SET place = COALESCE(
    (SELECT MIN(e.seq) FROM tasks t JOIN events e ON e.task = t.n
        CROSS JOIN LATERAL (SELECT to_json(convert_from(claims.message_id, 'UTF8'))::text) AS m (id)
        WHERE t.id = claims.task AND t.scope = claims.scope AND strpos(e.body, '"messageId":' || m.id) > 0
        AND (e.seq = 1 OR strpos(e.body, '"kind":{"message":{"messageId":' || m.id) > 0)),
    (SELECT t.revision FROM tasks t WHERE t.id = claims.task AND t.scope = claims.scope AND t.dropped > 0))
WHERE answer IS NULL AND position('\x00'::bytea IN message_id) = 0;

-- What waits for its caller: tasks that never do are not in it.
CREATE INDEX tasks_paused ON tasks (status_time, id) WHERE holder IS NULL AND waits = 0 AND state IN (6, 8);

-- Names that are too long for an index have a digest for their key, and stand whole beside it; so do those
-- that look like one.
CREATE FUNCTION nuncio_key(name BYTEA) RETURNS BYTEA LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN octet_length(name) > 1024 OR substr(name, 1, 7) = 'sha256:'
        THEN convert_to('sha256:' || encode(sha256(name), 'hex'), 'UTF8') ELSE name END
$$;
ALTER TABLE scopes ADD COLUMN long_key BYTEA;
ALTER TABLE tasks ADD COLUMN long_context BYTEA;
ALTER TABLE claims ADD COLUMN long_message_id BYTEA;
ALTER TABLE push_configs ADD COLUMN long_id BYTEA;
UPDATE scopes SET long_key = key, key = nuncio_key(key) WHERE key <> nuncio_key(key);
UPDATE tasks SET long_context = context, context = nuncio_key(context) WHERE context <> nuncio_key(context);
UPDATE claims SET long_message_id = message_id, message_id = nuncio_key(message_id) WHERE message_id <> nuncio_key(message_id);
UPDATE push_configs SET long_id = id, id = nuncio_key(id) WHERE id <> nuncio_key(id);
UPDATE counts SET context = '='::bytea || nuncio_key(substr(context, 2))
    WHERE length(context) > 1 AND substr(context, 2) <> nuncio_key(substr(context, 2));
DROP FUNCTION nuncio_key(BYTEA);
