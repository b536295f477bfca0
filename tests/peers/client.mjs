// Checks an agent that behaves as agent.py describes, with the official JavaScript client.
//
//     node client.mjs BASE_URL --binding jsonrpc|rest|grpc [--skip NAME,... | --only NAME]
//
// One line per check, then a total; the exit code is 1 if any check failed. The names and the
// expectations are those of client.py.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import {
  CancelTaskRequest,
  DeleteTaskPushNotificationConfigRequest,
  GetTaskPushNotificationConfigRequest,
  GetTaskRequest,
  ListTaskPushNotificationConfigsRequest,
  ListTasksRequest,
  Role,
  SendMessageRequest,
  StreamResponse,
  SubscribeToTaskRequest,
  TaskPushNotificationConfig,
  TaskState,
} from '@a2a-js/sdk';
import { AgentCardResolver, ClientFactory, ClientFactoryOptions } from '@a2a-js/sdk/client';
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc';
import { TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError } from '@a2a-js/sdk/errors';

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
const options = ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
  transports: [new GrpcTransportFactory()],
  preferredTransports: [BINDINGS[values.binding]],
});
const client = await new ClientFactory(options).createFromAgentCard(card);

const equal = (got, want, what) => assert.deepEqual(got, want, `${what}: got ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`);
const state = (task) => TaskState[task.status.state].replace('TASK_STATE_', '').toLowerCase();
const texts = (parts) => parts.map((part) => (part.content?.$case === 'text' ? part.content.value : '')).join('');
const kinds = (events) => events.map((event) => event.payload?.$case);
const of = (events, kind) => events.filter((event) => event.payload?.$case === kind).map((event) => event.payload.value);
const range = (count, make) => Array.from({ length: count }, (_, i) => make(i));

function artifactText(task) {
  equal(task.artifacts.map((artifact) => artifact.name), ['answer'], 'artifact names');
  return texts(task.artifacts[0].parts);
}

// The SDK's types have no constructors; fromJSON fills in the defaults of every field left out.
const request = (text, ids, configuration) =>
  SendMessageRequest.fromJSON({ message: { messageId: randomUUID(), role: 'ROLE_USER', parts: [{ text }], ...ids }, configuration });

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

const send = (text, ids, configuration) => client.sendMessage(request(text, ids, configuration));
const stream = (text, ids) => collect(client.sendMessageStream(request(text, ids)));
const get = (id, more) => client.getTask(GetTaskRequest.fromJSON({ id, ...more }));
const list = (params) => client.listTasks(ListTasksRequest.fromJSON(params));
const cancel = (id) => client.cancelTask(CancelTaskRequest.fromJSON({ id }));
const subscribe = (id) => client.resubscribeTask(SubscribeToTaskRequest.fromJSON({ id }));
const idsOf = (task) => ({ taskId: task.id, contextId: task.contextId });

async function hold() {
  const task = await send('hold', {}, { returnImmediately: true });
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
    const ours = card.supportedInterfaces.find((i) => i.protocolBinding === BINDINGS[values.binding]);
    // A gRPC address is host:port.
    const start = values.binding === 'grpc' ? '127.0.0.1:' : 'http://';
    assert(ours?.url.startsWith(start), `no absolute url for ${values.binding}`);
    equal(ours.protocolVersion, '1.0', 'protocolVersion');
  },

  async direct_message() {
    const message = await send('echo hello there');
    assert(message.messageId && message.parts, 'not a Message');
    equal(texts(message.parts), 'echo: hello there', 'text');
    equal(message.role, Role.ROLE_AGENT, 'role');
  },

  async direct_message_stream() {
    const events = await stream('echo hello');
    equal(kinds(events), ['message'], 'events');
    equal(texts(events[0].payload.value.parts), 'echo: hello', 'text');
  },

  async task_send() {
    const task = await send('task grüße 🦀');
    equal(state(task), 'completed', 'state');
    equal(artifactText(task), 'echo: grüße 🦀', 'artifact');
    assert(task.id && task.contextId && task.status.timestamp, 'id, contextId or timestamp is missing');
  },

  async task_stream() {
    const events = await stream('task hello');
    equal(kinds(events)[0], 'task', 'first event');
    const rest = kinds(events).slice(1).filter((kind) => kind !== 'statusUpdate');
    equal(rest, ['artifactUpdate'], 'events that are neither Task nor status');
    const states = of(events, 'statusUpdate').map(state);
    equal(states.at(-1), 'completed', 'last state');
    equal(kinds(events).at(-1), 'statusUpdate', 'last event');
    equal(states.filter((s) => s === 'completed').length, 1, 'number of completed events');
    assert([state(events[0].payload.value), ...states].includes('working'), `never working: ${states}`);
  },

  async chunks_stream() {
    const count = 20;
    const events = await stream(`chunks ${count}`);
    const updates = of(events, 'artifactUpdate');
    equal(updates.map((u) => texts(u.artifact.parts)), range(count, (i) => `chunk ${i} `), 'chunks');
    equal(new Set(updates.map((u) => u.artifact.artifactId)).size, 1, 'number of artifact ids');
    equal(updates.map((u) => u.append), range(count, (i) => i > 0), 'append flags');
    equal(updates.map((u) => u.lastChunk), range(count, (i) => i === count - 1), 'lastChunk flags');
    const stored = await get(events[0].payload.value.id);
    equal(artifactText(stored), range(count, (i) => `chunk ${i} `).join(''), 'stored artifact');
  },

  async input_required() {
    const asked = await send('ask');
    equal(state(asked), 'input_required', 'state');
    assert(texts(asked.status.message.parts), 'the question is missing');
    const done = await send('forty-two', idsOf(asked));
    equal(idsOf(done), idsOf(asked), 'ids');
    equal(state(done), 'completed', 'state');
    equal(artifactText(done), 'forty-two', 'artifact');
  },

  async input_required_stream() {
    const asked = await stream('ask');
    equal(kinds(asked)[0], 'task', 'first event');
    equal(state(asked.at(-1).payload.value), 'input_required', 'last state');
    const task = asked[0].payload.value;
    const done = await stream('forty-two', idsOf(task));
    equal(kinds(done)[0], 'task', 'first event of the follow-up');
    equal(done[0].payload.value.id, task.id, 'task id of the follow-up');
    equal(state(done.at(-1).payload.value), 'completed', 'last state');
  },

  async history_length() {
    const asked = await send('ask');
    await send('the end', idsOf(asked));
    const full = (await get(asked.id)).history;
    const users = full.filter((message) => message.role === Role.ROLE_USER).map((message) => texts(message.parts));
    equal(users, ['ask', 'the end'], 'user messages in the full history');
    equal((await get(asked.id, { historyLength: 0 })).history.length, 0, 'historyLength 0');
    const last = (await get(asked.id, { historyLength: 1 })).history;
    equal(last.map((message) => message.messageId), [full.at(-1).messageId], 'historyLength 1');
  },

  async list_tasks() {
    const first = await send('task one');
    const { contextId } = first;
    const others = [];
    for (const number of ['two', 'three']) {
      // Times have milliseconds, and within one there is no newest.
      await new Promise((resolve) => setTimeout(resolve, 2));
      others.push(await send(`task ${number}`, { contextId }));
    }
    const newestFirst = [first, ...others].reverse().map((task) => task.id);
    equal(others.map((task) => task.contextId), [contextId, contextId], 'contexts');

    const all = await list({ contextId });
    equal(all.tasks.map((task) => task.id), newestFirst, 'tasks, newest first');
    equal([all.totalSize, all.nextPageToken], [3, ''], 'totalSize and nextPageToken');
    equal(all.tasks.map((task) => task.artifacts.length), [0, 0, 0], 'artifacts unless asked for');

    const seen = [];
    let pageToken = '';
    do {
      const page = await list({ contextId, pageSize: 1, pageToken, includeArtifacts: true });
      equal([page.tasks.length, page.pageSize, page.totalSize], [1, 1, 3], 'tasks, pageSize, totalSize');
      equal(page.tasks[0].artifacts.length, 1, 'artifacts when asked for');
      seen.push(page.tasks[0].id);
      pageToken = page.nextPageToken;
    } while (pageToken && seen.length < 5);
    equal(seen, newestFirst, 'tasks page by page');

    equal((await list({ contextId, status: 'TASK_STATE_COMPLETED' })).totalSize, 3, 'completed tasks');
    equal((await list({ contextId, status: 'TASK_STATE_WORKING' })).totalSize, 0, 'working tasks');
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

  async send_to_completed() {
    const task = await send('task done');
    await raises(UnsupportedOperationError, send('task again', idsOf(task)));
  },

  async stream_to_completed() {
    const task = await send('task done');
    await raises(UnsupportedOperationError, stream('task again', idsOf(task)));
  },

  async subscribe_held() {
    const task = await hold();
    const events = subscribe(task.id);
    const first = (await events.next()).value;
    equal(first.payload.$case, 'task', 'first event');
    equal(first.payload.value.id, task.id, 'task id');
    await cancel(task.id);
    const rest = await collect(events);
    assert(rest.length > 0, 'the stream ended without an event');
    equal(state(rest.at(-1).payload.value), 'canceled', 'last state');
  },

  async subscribe_completed() {
    const task = await send('task done');
    await raises(UnsupportedOperationError, collect(subscribe(task.id)));
  },

  subscribe_unknown: () => raises(TaskNotFoundError, collect(subscribe(randomUUID()))),

  async push_config() {
    const told = [];
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      response.end();
      told.push({ token: request.headers['x-a2a-notification-token'], event: StreamResponse.fromJSON(JSON.parse(body)) });
      server.emit('told');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const task = await hold();
      const taskId = task.id;
      const url = `http://127.0.0.1:${server.address().port}/hook`;
      const authentication = { scheme: 'Bearer', credentials: 'of-the-hook' };
      const config = (id, more) => TaskPushNotificationConfig.fromJSON({ taskId, id, url, ...more });
      const listed = async () =>
        (await client.listTaskPushNotificationConfig(ListTaskPushNotificationConfigsRequest.fromJSON({ taskId }))).configs;
      const wanted = config('hook', { token: 'secret', authentication });
      equal(await client.createTaskPushNotificationConfig(wanted), wanted, 'what was created');
      const get = GetTaskPushNotificationConfigRequest.fromJSON({ taskId, id: 'hook' });
      equal(await client.getTaskPushNotificationConfig(get), wanted, 'what is got');
      await client.createTaskPushNotificationConfig(config('other'));
      equal((await listed()).map((config) => config.id).sort(), ['hook', 'other'], 'what is listed');
      await client.deleteTaskPushNotificationConfig(DeleteTaskPushNotificationConfigRequest.fromJSON({ taskId, id: 'other' }));
      equal(await listed(), [wanted], 'what is left');
      await cancel(taskId);
      const last = () => told.at(-1)?.event.payload;
      while (!last()?.value.status || state(last().value) !== 'canceled') await once(server, 'told');
      equal([told.at(-1).token, last().value.taskId ?? last().value.id], ['secret', taskId], 'notification');
    } finally {
      server.close();
    }
  },

  async extended_card() {
    equal(card.capabilities.extendedAgentCard, true, 'extendedAgentCard');
    const extended = await client.getAgentCard();
    equal(extended.description, 'Extended', 'description');
    // Only one of them went through the SDK's decoder of messages, which fills in empty members.
    const urls = (of) => of.supportedInterfaces.map((i) => [i.protocolBinding, i.protocolVersion, i.url]);
    equal(urls(extended), urls(card), 'interfaces');
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
