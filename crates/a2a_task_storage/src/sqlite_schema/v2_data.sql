-- Claims of before do not say where their messages are; the logs do. Where a log is gone, its end stands for that:
-- who repeats the message is answered with the task as it is. What is in no log is yet to be stored.
UPDATE claims SET place = COALESCE(
    (SELECT MIN(e.seq) FROM tasks t JOIN events e ON e.task = t.n
        WHERE t.id = claims.task AND t.scope = claims.scope AND instr(e.body, '"messageId":' || json_quote(message_id)) > 0
        AND (e.seq = 1 OR instr(e.body, '"kind":{"message":{"messageId":' || json_quote(message_id)) > 0)),
    (SELECT t.revision FROM tasks t WHERE t.id = claims.task AND t.scope = claims.scope AND t.dropped > 0))
WHERE answer IS NULL;

-- Names of before.
UPDATE scopes SET long_key = key, key = nuncio_key(key) WHERE key <> nuncio_key(key);
UPDATE tasks SET long_context = context, context = nuncio_key(context) WHERE context <> nuncio_key(context);
UPDATE claims SET long_message_id = message_id, message_id = nuncio_key(message_id) WHERE message_id <> nuncio_key(message_id);
UPDATE push_configs SET long_id = id, id = nuncio_key(id) WHERE id <> nuncio_key(id);
UPDATE counts SET context = '=' || nuncio_key(substr(context, 2))
    WHERE length(context) > 1 AND substr(context, 2) <> nuncio_key(substr(context, 2));
