// An A2A v0.3 agent on the official JavaScript SDK of that version. It does what agent.mjs of v1.0
// does, and takes push notification configurations.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs, promisify } from 'node:util';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import express from 'express';
import { AGENT_CARD_PATH } from '@a2a-js/sdk';
import { DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import { A2AService, grpcService } from '@a2a-js/sdk/server/grpc';

const text = (value) => [{ kind: 'text', text: value }];

class Updates {
  constructor(bus, taskId, contextId) {
    Object.assign(this, { bus, taskId, contextId });
  }

  status(state, { say, final = false } = {}) {
    const { taskId, contextId } = this;
    const message = say && { kind: 'message', messageId: randomUUID(), taskId, contextId, role: 'agent', parts: text(say) };
    const status = { state, timestamp: new Date().toISOString(), ...(message && { message }) };
    this.bus.publish({ kind: 'status-update', taskId, contextId, status, final });
    if (final) this.bus.finished();
  }

  artifact(artifactId, value, append, lastChunk) {
    const { taskId, contextId } = this;
    const artifact = { artifactId, name: 'answer', parts: text(value) };
    this.bus.publish({ kind: 'artifact-update', taskId, contextId, artifact, append, lastChunk });
  }

  answer(value) {
    this.status('working');
    this.artifact(randomUUID(), value, false, true);
    this.status('completed', { final: true });
  }
}

class PeerAgent {
  // Per held task: its updates and the function that lets execute() return.
  held = new Map();

  async execute(context, bus) {
    const { userMessage, taskId, contextId, task } = context;
    const input = userMessage.parts.find((part) => part.kind === 'text')?.text ?? '';
    const space = input.indexOf(' ');
    const word = space < 0 ? input : input.slice(0, space);
    const rest = space < 0 ? '' : input.slice(space + 1);
    if (!task && word === 'echo') {
      bus.publish({ kind: 'message', messageId: randomUUID(), contextId, role: 'agent', parts: text(`echo: ${rest}`) });
      bus.finished();
      return;
    }

    const updates = new Updates(bus, taskId, contextId);
    if (task) return updates.answer(input);
    const status = { state: 'submitted', timestamp: new Date().toISOString() };
    bus.publish({ kind: 'task', id: taskId, contextId, status, history: [userMessage] });
    switch (word) {
      case 'task':
        return updates.answer(`echo: ${rest}`);
      case 'chunks': {
        updates.status('working');
        const artifactId = randomUUID();
        const count = Number(rest);
        for (let i = 0; i < count; i++) updates.artifact(artifactId, `chunk ${i} `, i > 0, i === count - 1);
        return updates.status('completed', { final: true });
      }
      case 'ask':
        return updates.status('input-required', { say: 'What is the answer?', final: true });
      case 'hold':
        updates.status('working');
        return new Promise((release) => this.held.set(taskId, { updates, release }));
      case 'fail':
        return updates.status('failed', { say: 'failed as asked', final: true });
      default:
        return updates.status('rejected', { say: word === 'reject' ? 'rejected as asked' : `unknown word '${word}'`, final: true });
    }
  }

  // Only held tasks run long enough to be cancelled; the SDK itself cancels idle ones.
  cancelTask = async (taskId) => {
    const { updates, release } = this.held.get(taskId) ?? {};
    this.held.delete(taskId);
    updates?.status('canceled', { final: true });
    release?.();
  };
}

const card = (base, grpcAddress) => ({
  name: 'JavaScript peer',
  description: 'Test agent on the official JavaScript SDK, v0.3',
  version: '1.0.0',
  protocolVersion: '0.3.0',
  url: `${base}/`,
  preferredTransport: 'JSONRPC',
  additionalInterfaces: [
    { url: `${base}/rest`, transport: 'HTTP+JSON' },
    { url: grpcAddress, transport: 'GRPC' },
  ],
  capabilities: { streaming: true, pushNotifications: true },
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 'peer', name: 'Peer', description: 'Does what the first word says', tags: ['test'] }],
});

const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } });
const app = express();
const server = createServer(app);
const grpcServer = new Server();
const grpcPort = await promisify(grpcServer.bindAsync).call(grpcServer, '127.0.0.1:0', ServerCredentials.createInsecure());
server.listen(Number(values.port), '127.0.0.1', () => {
  // Routes follow the listening socket, because the card has to name the real port.
  const base = `http://127.0.0.1:${server.address().port}`;
  const agentCard = card(base, `127.0.0.1:${grpcPort}`);
  const requestHandler = new DefaultRequestHandler(agentCard, new InMemoryTaskStore(), new PeerAgent());
  const userBuilder = UserBuilder.noAuthentication;
  grpcServer.addService(A2AService, grpcService({ requestHandler, userBuilder }));
  app.use(`/${AGENT_CARD_PATH}`, agentCardHandler({ agentCardProvider: requestHandler }));
  app.use('/rest', restHandler({ requestHandler, userBuilder }));
  app.use('/', jsonRpcHandler({ requestHandler, userBuilder }));
  console.log(`READY ${base}`);
});
