// Writes golden wire files as the official JavaScript SDK produces them; golden.py describes the
// files, here they end in .js.json and .js.sse.
//
//     node golden.mjs REPOSITORY_DIRECTORY [OUTPUT_DIRECTORY]
//
// The repository is named because this file runs from a copy beside node_modules.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import express from 'express';
import * as sdk from '@a2a-js/sdk';
import { AgentCardResolver, ClientFactory, JsonRpcTransportFactory, RestTransportFactory } from '@a2a-js/sdk/client';
import { agentCardHandler } from '@a2a-js/sdk/server/express';

const repository = process.argv[2];
const out = process.argv[3] ?? join(repository, 'tests/golden/v1');
mkdirSync(out, { recursive: true });

const documents = JSON.parse(readFileSync(join(repository, 'tests/peers/golden.json'), 'utf8'));
const BINDINGS = { jsonrpc: 'JSONRPC', rest: 'HTTP+JSON' };
const HEADERS = ['a2a-version', 'accept', 'cache-control', 'content-type'];

function fixed(text) {
  const seen = new Map();
  return text
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
      if (!seen.has(id)) seen.set(id, seen.size + 1);
      return `00000000-0000-4000-8000-${String(seen.get(id)).padStart(12, '0')}`;
    })
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/g, '2026-01-02T03:04:05.678Z')
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:8080');
}
const write = (name, text) => writeFileSync(join(out, name), text);

function pureTypes() {
  for (const [name, [kind, value]] of Object.entries(documents)) {
    // The SDK's server adds the empty fields by a function it does not export; see response.list_tasks.
    if (kind === 'ListTasksResponse') continue;
    const message = sdk[kind].fromJSON(value);
    // The SDK reads `data: null` as no content at all, though it can write it.
    const nulls = (parts, from) => parts.forEach((part, i) => from[i].data === null && (part.content = { $case: 'data', value: null }));
    if (kind === 'Part') nulls([message], [value]);
    if (kind === 'Message') nulls(message.parts, value.parts);
    write(`${name}.js.json`, `${JSON.stringify(sdk[kind].toJSON(message), null, 2)}\n`);
  }
}

class Recorder {
  exchanges = [];
  index = {};

  // Stands in for fetch, so it sees what the SDK itself decided to send.
  fetch = async (url, init = {}) => {
    const response = await fetch(url, init);
    this.exchanges.push({ url: new URL(url), init, response, body: response.clone().text() });
    return response;
  };

  async save(name, binding, { which = -1, request } = {}) {
    const { url, init, response, body } = this.exchanges.at(which);
    const kind = response.headers.get('content-type');
    const headers = Object.fromEntries([...new Headers(init.headers)].filter(([header]) => HEADERS.includes(header)));
    this.index[`${name}.${binding}`] = {
      request: { method: init.method ?? 'GET', path: fixed(url.pathname + url.search), headers, hasBody: Boolean(init.body) },
      response: { status: response.status, 'content-type': kind },
    };
    if (request && init.body) write(`request.${request}.${binding}.js.json`, fixed(init.body));
    const text = fixed(await body);
    if (kind.startsWith('text/event-stream')) write(`stream.${name}.${binding}.js.sse`, text);
    else if (!name.startsWith('error.')) write(`response.${name}.${binding}.js.json`, text);
    // Where the SDK accepts what it should refuse, http.js.json alone says so.
    else if (!response.ok || text.includes('"error"')) write(`${name}.${binding}.js.json`, text);
  }
}

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

async function record(binding, base, card, recorder) {
  const transports = [new JsonRpcTransportFactory({ fetchImpl: recorder.fetch }), new RestTransportFactory({ fetchImpl: recorder.fetch })];
  const client = await new ClientFactory({ transports, preferredTransports: [BINDINGS[binding]] }).createFromAgentCard(card);
  const save = (name, options) => recorder.save(name, binding, options);
  const message = (text, ids, configuration) =>
    sdk.SendMessageRequest.fromJSON({ message: { messageId: `msg ${text}`, role: 'ROLE_USER', parts: [{ text }], ...ids }, configuration });
  const send = (text, ids, configuration) => client.sendMessage(message(text, ids, configuration));
  const stream = (text, ids) => collect(client.sendMessageStream(message(text, ids)));
  const get = (params) => client.getTask(sdk.GetTaskRequest.fromJSON(params));
  const cancel = (id) => client.cancelTask(sdk.CancelTaskRequest.fromJSON({ id }));
  async function failing(name, promise, options) {
    const done = await promise.then(() => true, () => false);
    if (done) throw new Error(`${name}: no error`);
    await save(`error.${name}`, options);
  }

  const task = await send('task hello', {}, { historyLength: 5, acceptedOutputModes: ['text/plain'] });
  await save('send_message', { request: 'send_message' });
  await send('echo hello');
  await save('send_message_direct');
  await stream('task hello');
  await save('task', { request: 'send_streaming_message' });
  for (const [name, text] of Object.entries({ message: 'echo hello', chunks: 'chunks 3', input_required: 'ask', failed: 'fail' })) {
    await stream(text);
    await save(name);
  }
  await get({ id: task.id, historyLength: 0 });
  await save('get_task', { request: 'get_task' });
  await client.listTasks(
    sdk.ListTasksRequest.fromJSON({ contextId: task.contextId, status: 'TASK_STATE_COMPLETED', pageSize: 1, historyLength: 0, includeArtifacts: true }),
  );
  await save('list_tasks', { request: 'list_tasks' });
  await client.listTasks(sdk.ListTasksRequest.fromJSON({ contextId: 'unknown' }));
  await save('list_tasks_empty');

  const held = await send('hold', {}, { returnImmediately: true });
  const subscription = client.resubscribeTask(sdk.SubscribeToTaskRequest.fromJSON({ id: held.id }));
  await subscription.next();
  await cancel(held.id);
  await save('cancel_task', { request: 'cancel_task' });
  await collect(subscription);
  await save('subscribe', { which: -2, request: 'subscribe_to_task' });

  const ended = { taskId: task.id, contextId: task.contextId };
  await failing('task_not_found', get({ id: 'unknown' }));
  await failing('task_not_cancelable', cancel(task.id));
  await failing('unsupported_operation', send('task again', ended));
  await failing('unsupported_operation_stream', stream('task again', ended));
  await failing('invalid_params', client.listTasks(sdk.ListTasksRequest.fromJSON({ pageSize: 1000 })));
  // The client refuses these two by itself when the card does not offer them; its transport asks.
  const config = sdk.TaskPushNotificationConfig.fromJSON({ taskId: task.id, url: 'https://example.com/hook' });
  const options = { serviceParameters: { 'A2A-Version': '1.0' } };
  await failing('push_notification_not_supported', client.transport.createTaskPushNotificationConfig(config, options), {
    request: 'create_task_push_notification_config',
  });
  await failing('extended_agent_card_unsupported', client.transport.getExtendedAgentCard({ tenant: '' }, options));

  // What the SDK's client never sends.
  const json = { 'content-type': 'application/json' };
  const v1 = { ...json, 'a2a-version': '1.0' };
  const v99 = { ...json, 'a2a-version': '99.0' };
  const call = (method, params) => JSON.stringify({ jsonrpc: '2.0', id: 7, method, params });
  const body = JSON.stringify({ message: { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'echo hi' }] } });
  const [target, odd] =
    binding === 'jsonrpc'
      ? [
          `${base}/`,
          {
            version_not_supported: [call('GetTask', { id: 'x' }), v99],
            version_missing: [call('GetTask', { id: 'x' }), json],
            method_not_found: [call('NoSuchMethod', {}), v1],
            wrong_type: [call('GetTask', { id: 5 }), v1],
            invalid_request: ['{"jsonrpc":"2.0","id":7}', v1],
            parse_error: ['{"jsonrpc":', v1],
          },
        ]
      : [
          `${base}/rest/message:send`,
          {
            version_not_supported: [body, v99],
            version_missing: [body, json],
            message_missing: ['{}', v1],
            content_type_not_supported: [body, { ...v1, 'content-type': 'text/plain' }],
            parse_error: ['{"message":', v1],
          },
        ];
  for (const [name, [content, headers]] of Object.entries(odd)) {
    await recorder.fetch(target, { method: 'POST', headers, body: content });
    await save(`error.${name}`);
  }
  if (binding === 'rest') {
    await recorder.fetch(`${base}/rest/tasks?pageSize=many`, { headers: v1 });
    await save('error.query_not_a_number');
  }
}

// The card as the SDK's own handler serves it, which is not the card's toJSON.
async function servedCard() {
  const { 'agent_card.full': [, value] } = documents;
  const server = express().use(agentCardHandler({ agentCardProvider: async () => sdk.AgentCard.fromJSON(value) })).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const served = await fetch(`http://127.0.0.1:${server.address().port}/`);
  write('response.agent_card.js.json', await served.text());
  server.close();
}

pureTypes();
await servedCard();
const agent = spawn(process.execPath, [new URL('agent.mjs', import.meta.url).pathname], { stdio: ['ignore', 'pipe', 'ignore'] });
try {
  const [ready] = await once(createInterface({ input: agent.stdout }), 'line');
  const base = ready.split(' ')[1];
  const card = await AgentCardResolver.default.resolve(base);
  const index = {};
  for (const binding of Object.keys(BINDINGS)) {
    const recorder = new Recorder();
    await record(binding, base, card, recorder);
    Object.assign(index, recorder.index);
  }
  write('http.js.json', `${JSON.stringify(index, null, 2)}\n`);
} finally {
  agent.kill();
}
