// Writes golden wire files as the official JavaScript SDK of v0.3 produces them: the exchanges that
// golden.py beside it describes, here ending in .js.json and .js.sse. The SDK's types exist only
// at compile time, so there are no documents.
//
//     node golden.mjs REPOSITORY_DIRECTORY [OUTPUT_DIRECTORY]
//
// The repository is named because this file runs from a copy beside node_modules.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AgentCardResolver, ClientFactory, JsonRpcTransportFactory, RestTransportFactory } from '@a2a-js/sdk/client';

const repository = process.argv[2];
const out = process.argv[3] ?? join(repository, 'tests/golden/v0.3');
mkdirSync(out, { recursive: true });

const BINDINGS = { jsonrpc: 'JSONRPC', rest: 'HTTP+JSON' };
const HEADERS = ['accept', 'cache-control', 'content-type'];

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
    const kind = response.headers.get('content-type') ?? '';
    const headers = Object.fromEntries([...new Headers(init.headers)].filter(([header]) => HEADERS.includes(header)));
    this.index[`${name}.${binding}`] = {
      request: { method: init.method ?? 'GET', path: fixed(url.pathname + url.search), headers, hasBody: Boolean(init.body) },
      response: { status: response.status, 'content-type': kind },
    };
    if (request && init.body) write(`request.${request}.${binding}.js.json`, fixed(init.body));
    const text = fixed(await body);
    if (!text) return;
    if (kind.startsWith('text/event-stream')) write(`stream.${name}.${binding}.js.sse`, text);
    else write(`${name.startsWith('error.') ? '' : 'response.'}${name}.${binding}.js.json`, text);
  }
}

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

async function record(binding, card, recorder) {
  const transports = [new JsonRpcTransportFactory({ fetchImpl: recorder.fetch }), new RestTransportFactory({ fetchImpl: recorder.fetch })];
  const client = await new ClientFactory({ transports, preferredTransports: [BINDINGS[binding]] }).createFromAgentCard(card);
  const save = (name, options) => recorder.save(name, binding, options);
  const params = (text, ids, configuration) => ({
    message: { kind: 'message', messageId: `msg ${text}`, role: 'user', parts: [{ kind: 'text', text }], ...ids },
    ...(configuration && { configuration }),
  });
  const send = (text, ids, configuration) => client.sendMessage(params(text, ids, configuration));
  const stream = (text, ids) => collect(client.sendMessageStream(params(text, ids)));
  async function failing(name, promise, options) {
    const done = await promise.then(() => true, () => false);
    if (done) throw new Error(`${name}: no error`);
    await save(`error.${name}`, options);
  }

  const task = await send('task hello', {}, { historyLength: 5, acceptedOutputModes: ['text/plain'], blocking: true });
  await save('send_message', { request: 'send_message' });
  await send('echo hello');
  await save('send_message_direct');
  await stream('task hello');
  await save('task', { request: 'send_streaming_message' });
  for (const [name, text] of Object.entries({ message: 'echo hello', chunks: 'chunks 3', input_required: 'ask', failed: 'fail' })) {
    await stream(text);
    await save(name);
  }
  await client.getTask({ id: task.id, historyLength: 1 });
  await save('get_task', { request: 'get_task' });

  const held = await send('hold', {}, { blocking: false });
  const subscription = client.resubscribeTask({ id: held.id });
  await subscription.next();
  await client.cancelTask({ id: held.id });
  await save('cancel_task', { request: 'cancel_task' });
  await collect(subscription);
  await save('subscribe', { which: -2, request: 'subscribe_to_task' });

  const pushNotificationConfig = { id: 'cfg-1', url: 'https://example.com/hook', token: 't', authentication: { schemes: ['Bearer'], credentials: 'c' } };
  // Over HTTP+JSON the SDK's client sends what its server does not take.
  const set = client.setTaskPushNotificationConfig({ taskId: task.id, pushNotificationConfig });
  if (binding === 'rest') await failing('set_push_config', set, { request: 'set_push_config' });
  else {
    await set;
    await save('set_push_config', { request: 'set_push_config' });
    await client.getTaskPushNotificationConfig({ id: task.id, pushNotificationConfigId: 'cfg-1' });
    await save('get_push_config', { request: 'get_push_config' });
    await client.listTaskPushNotificationConfig({ id: task.id });
    await save('list_push_configs', { request: 'list_push_configs' });
    await client.deleteTaskPushNotificationConfig({ id: task.id, pushNotificationConfigId: 'cfg-1' });
    await save('delete_push_config', { request: 'delete_push_config' });
  }

  await failing('task_not_found', client.getTask({ id: 'unknown' }));
  await failing('task_not_cancelable', client.cancelTask({ id: task.id }));
  await failing('invalid_request', send('task again', { taskId: task.id, contextId: task.contextId }));
}

const agent = spawn(process.execPath, [join(import.meta.dirname, 'agent.mjs')], { stdio: ['ignore', 'pipe', 'ignore'] });
try {
  const [line] = await once(createInterface(agent.stdout), 'line');
  const base = line.split(' ')[1];
  const card = await AgentCardResolver.default.resolve(base);
  write('response.agent_card.jsonrpc.js.json', fixed(JSON.stringify({ jsonrpc: '2.0', id: 1, result: card })));
  const index = {};
  for (const binding of Object.keys(BINDINGS)) {
    const recorder = new Recorder();
    await record(binding, card, recorder);
    Object.assign(index, recorder.index);
  }
  write('http.js.json', `${JSON.stringify(index, null, 2)}\n`);
} finally {
  agent.kill();
}
