// Checks an agent that behaves as agent.py describes, with the official JavaScript client of v0.3.
//
//     node client.mjs BASE_URL --binding jsonrpc|rest|grpc [--skip NAME,... | --only NAME]
//
// The names and the expectations are those of client.py beside it.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import {
  AgentCardResolver,
  ClientFactory,
  JsonRpcTransportFactory,
  RestTransportFactory,
  TaskNotCancelableError,
  TaskNotFoundError,
} from '@a2a-js/sdk/client';
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc';

const BINDINGS = { jsonrpc: 'JSONRPC', rest: 'HTTP+JSON', grpc: 'GRPC' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { binding: { type: 'string' }, skip: { type: 'string', default: '' }, only: { type: 'string' } },
});
const [url] = positionals;
if (!url || !BINDINGS[values.binding]) {
  console.error('usage: client.mjs BASE_URL --binding jsonrpc|rest|grpc [--skip NAME,... | --only NAME]');
  process.exit(2);
}

const card = await AgentCardResolver.default.resolve(url);
const Transport = { jsonrpc: JsonRpcTransportFactory, rest: RestTransportFactory, grpc: GrpcTransportFactory }[values.binding];
const transports = [new Transport()];
const client = await new ClientFactory({ transports }).createFromAgentCard(card);

const equal = (got, want, what) => assert.deepEqual(got, want, `${what}: got ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`);
const state = (thing) => thing.status.state;
const texts = (parts) => parts.map((part) => part.text ?? '').join('');
const of = (events, kind) => events.filter((event) => event.kind === kind);
const range = (count, make) => Array.from({ length: count }, (_, i) => make(i));

function artifactText(task) {
  equal(task.artifacts.map((artifact) => artifact.name), ['answer'], 'artifact names');
  return texts(task.artifacts[0].parts);
}

const params = (text, ids) => ({
  message: { kind: 'message', messageId: randomUUID(), role: 'user', parts: [{ kind: 'text', text }], ...ids },
});

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

const send = (text, ids, configuration) => client.sendMessage({ ...params(text, ids), configuration });
const stream = (text, ids) => collect(client.sendMessageStream(params(text, ids)));
const get = (id, more) => client.getTask({ id, ...more });
const cancel = (id) => client.cancelTask({ id });
const subscribe = (id) => client.resubscribeTask({ id });
const idsOf = (task) => ({ taskId: task.id, contextId: task.contextId });

async function hold() {
  const task = await send('hold', {}, { blocking: false });
  assert(['submitted', 'working'].includes(state(task)), `state ${state(task)}`);
  return task;
}

async function raises(error, promise) {
  let got;
  try {
    got = await promise;
  } catch (raised) {
    if (raised instanceof error) return;
    assert.fail(`expected ${error.name}, got ${raised.name}: ${raised.message}`);
  }
  assert.fail(`expected ${error.name}, got a result: ${JSON.stringify(got).slice(0, 200)}`);
}

const checks = {
  card() {
    assert(card.name && card.capabilities.streaming, 'name or streaming is missing');
    const offers = [{ transport: card.preferredTransport, url: card.url }, ...(card.additionalInterfaces ?? [])];
    const ours = offers.find((offer) => offer.transport === BINDINGS[values.binding]);
    // A gRPC address is host:port.
    const start = values.binding === 'grpc' ? '127.0.0.1:' : 'http://';
    assert(ours?.url.startsWith(start), `no absolute url for ${values.binding}`);
    assert(card.protocolVersion.startsWith('0.3'), `protocolVersion ${card.protocolVersion}`);
  },

  async direct_message() {
    const message = await send('echo hello there');
    equal([message.kind, message.role], ['message', 'agent'], 'kind and role');
    equal(texts(message.parts), 'echo: hello there', 'text');
  },

  async direct_message_stream() {
    const events = await stream('echo hello');
    equal(events.map((event) => event.kind), ['message'], 'events');
    equal(texts(events[0].parts), 'echo: hello', 'text');
  },

  async task_send() {
    const task = await send('task grüße 🦀');
    equal(state(task), 'completed', 'state');
    equal(artifactText(task), 'echo: grüße 🦀', 'artifact');
    assert(task.id && task.contextId && task.status.timestamp, 'id, contextId or timestamp is missing');
  },

  async task_stream() {
    const events = await stream('task hello');
    equal(events[0].kind, 'task', 'first event');
    equal(of(events, 'artifact-update').length, 1, 'number of artifact updates');
    const statuses = of(events, 'status-update');
    equal(state(statuses.at(-1)), 'completed', 'last state');
    equal(events.at(-1).kind, 'status-update', 'last event');
    equal(statuses.map((update) => update.final), range(statuses.length, (i) => i === statuses.length - 1), 'final');
  },

  async chunks_stream() {
    const count = 20;
    const events = await stream(`chunks ${count}`);
    const chunks = of(events, 'artifact-update');
    equal(chunks.map((u) => texts(u.artifact.parts)), range(count, (i) => `chunk ${i} `), 'chunks');
    equal(new Set(chunks.map((u) => u.artifact.artifactId)).size, 1, 'number of artifact ids');
    // From protobuf the SDK itself loses them.
    if (values.binding === 'jsonrpc') equal(chunks.map((u) => Boolean(u.append)), range(count, (i) => i > 0), 'append flags');
    equal(chunks.map((u) => Boolean(u.lastChunk)), range(count, (i) => i === count - 1), 'lastChunk flags');
    const stored = await get(events[0].id);
    equal(artifactText(stored), range(count, (i) => `chunk ${i} `).join(''), 'stored artifact');
  },

  async input_required() {
    const asked = await send('ask');
    equal(state(asked), 'input-required', 'state');
    assert(texts(asked.status.message.parts), 'the question is missing');
    const done = await send('forty-two', idsOf(asked));
    equal(idsOf(done), idsOf(asked), 'ids');
    equal(state(done), 'completed', 'state');
    equal(artifactText(done), 'forty-two', 'artifact');
  },

  async input_required_stream() {
    const asked = await stream('ask');
    const last = of(asked, 'status-update').at(-1);
    equal([state(last), last.final], ['input-required', true], 'last state');
    const done = await stream('forty-two', idsOf(asked[0]));
    equal(done[0].id ?? done[0].taskId, asked[0].id, 'task id of the follow-up');
    equal(state(of(done, 'status-update').at(-1)), 'completed', 'last state');
  },

  async history_length() {
    const asked = await send('ask');
    await send('the end', idsOf(asked));
    const full = (await get(asked.id)).history;
    const users = full.filter((message) => message.role === 'user').map((message) => texts(message.parts));
    equal(users, ['ask', 'the end'], 'user messages in the full history');
    const last = (await get(asked.id, { historyLength: 1 })).history;
    equal(last.map((message) => message.messageId), [full.at(-1).messageId], 'historyLength 1');
  },

  async cancel_held() {
    const task = await hold();
    equal(state(await cancel(task.id)), 'canceled', 'state in the reply');
    equal(state(await get(task.id)), 'canceled', 'state afterwards');
  },

  async cancel_completed() {
    const task = await send('task done');
    await raises(TaskNotCancelableError, cancel(task.id));
  },

  get_unknown: () => raises(TaskNotFoundError, get(randomUUID())),

  async subscribe_held() {
    const task = await hold();
    const events = subscribe(task.id);
    const first = (await events.next()).value;
    equal([first.kind, first.id], ['task', task.id], 'first event');
    await cancel(task.id);
    const rest = await collect(events);
    assert(rest.length > 0, 'the stream ended without an event');
    equal(state(rest.at(-1)), 'canceled', 'last state');
  },

  async push_config() {
    const told = [];
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      response.end();
      told.push({ token: request.headers['x-a2a-notification-token'], task: JSON.parse(body) });
      server.emit('told');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const task = await hold();
      const url = `http://127.0.0.1:${server.address().port}/hook`;
      const wanted = { taskId: task.id, pushNotificationConfig: { id: 'hook', url, token: 'secret' } };
      const ids = { id: task.id, pushNotificationConfigId: 'hook' };
      const none = { id: task.id, pushNotificationConfigId: 'none' };
      // Over HTTP+JSON the SDK adds an empty authentication.
      const only = ({ taskId, pushNotificationConfig: { id, url, token } }) => ({ taskId, pushNotificationConfig: { id, url, token } });
      equal(only(await client.setTaskPushNotificationConfig(wanted)), wanted, 'what was set');
      equal(only(await client.getTaskPushNotificationConfig(ids)), wanted, 'what is got');
      await client.setTaskPushNotificationConfig({ ...wanted, pushNotificationConfig: { ...wanted.pushNotificationConfig, id: 'none' } });
      await client.deleteTaskPushNotificationConfig(none);
      equal((await client.listTaskPushNotificationConfig({ id: task.id })).map(only), [wanted], 'what is left');
      await cancel(task.id);
      while (told.at(-1)?.task.status.state !== 'canceled') await once(server, 'told');
      equal([told.at(-1).token, told.at(-1).task.kind, told.at(-1).task.id], ['secret', 'task', task.id], 'notification');
    } finally {
      server.close();
    }
  },

  async failed_task() {
    const task = await send('fail');
    equal(state(task), 'failed', 'state');
    assert(texts(task.status.message.parts), 'the status message is missing');
  },

  async rejected_task() {
    equal(state(await send('reject')), 'rejected', 'state');
  },
};

const timeout = (ms) => new Promise((_, reject) => setTimeout(reject, ms, new Error(`no result after ${ms} ms`)).unref());
const skip = values.skip.split(',');
let passed = 0;
let failed = 0;
for (const [name, run] of Object.entries(checks)) {
  if (skip.includes(name) || (values.only ?? name) !== name) continue;
  try {
    await Promise.race([run(), timeout(15_000)]);
    console.log(`ok ${name}`);
    passed++;
  } catch (error) {
    // assert appends a diff to the message; the first line says it all.
    console.log(`FAIL ${name}: ${String(error.message).split('\n')[0]}`);
    failed++;
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
