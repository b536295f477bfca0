// An A2A v1.0 agent on the official JavaScript SDK. agent.py is the same agent in Python and
// lists what each first word does, and what --full adds.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs, promisify } from 'node:util';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import express from 'express';
import { AGENT_CARD_PATH, AgentCard, Message, Role, Task, TaskArtifactUpdateEvent, TaskState, TaskStatusUpdateEvent } from '@a2a-js/sdk';
import { AgentEvent, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import { A2AService, grpcService } from '@a2a-js/sdk/server/grpc';

// The SDK's types have no constructors; fromJSON fills in the defaults of every field left out.
const text = (value) => [{ text: value }];

class Updates {
  constructor(bus, taskId, contextId) {
    Object.assign(this, { bus, taskId, contextId });
  }

  status(state, say) {
    const message = say && { messageId: randomUUID(), taskId: this.taskId, contextId: this.contextId, role: 'ROLE_AGENT', parts: text(say) };
    const status = { state: TaskState[state], timestamp: new Date().toISOString(), message };
    this.bus.publish(AgentEvent.statusUpdate(TaskStatusUpdateEvent.fromJSON({ taskId: this.taskId, contextId: this.contextId, status })));
  }

  artifact(artifactId, value, append, lastChunk) {
    const artifact = { artifactId, name: 'answer', parts: text(value) };
    this.bus.publish(
      AgentEvent.artifactUpdate(TaskArtifactUpdateEvent.fromJSON({ taskId: this.taskId, contextId: this.contextId, artifact, append, lastChunk })),
    );
  }

  answer(value) {
    this.status('TASK_STATE_WORKING');
    this.artifact(randomUUID(), value, false, true);
    this.status('TASK_STATE_COMPLETED');
  }
}

class PeerAgent {
  // Per held task: its updates and the function that lets execute() return.
  held = new Map();

  async execute(context, bus) {
    const { userMessage, taskId, contextId, task } = context;
    const input = userMessage.parts.find((part) => part.content?.$case === 'text')?.content.value ?? '';
    const space = input.indexOf(' ');
    const word = space < 0 ? input : input.slice(0, space);
    const rest = space < 0 ? '' : input.slice(space + 1);
    if (!task && word === 'echo') {
      bus.publish(AgentEvent.message(Message.fromJSON({ messageId: randomUUID(), contextId, role: 'ROLE_AGENT', parts: text(`echo: ${rest}`) })));
      return;
    }

    const updates = new Updates(bus, taskId, contextId);
    // The SDK wants a Task first on every turn, a follow-up included.
    bus.publish(
      AgentEvent.task(
        task ?? { ...Task.fromJSON({ id: taskId, contextId, status: { state: 'TASK_STATE_SUBMITTED', timestamp: new Date().toISOString() } }), history: [userMessage] },
      ),
    );
    if (task) return updates.answer(input);
    switch (word) {
      case 'task':
        return updates.answer(`echo: ${rest}`);
      case 'chunks': {
        updates.status('TASK_STATE_WORKING');
        const artifactId = randomUUID();
        const count = Number(rest);
        for (let i = 0; i < count; i++) updates.artifact(artifactId, `chunk ${i} `, i > 0, i === count - 1);
        return updates.status('TASK_STATE_COMPLETED');
      }
      case 'ask':
        return updates.status('TASK_STATE_INPUT_REQUIRED', 'What is the answer?');
      case 'hold':
        updates.status('TASK_STATE_WORKING');
        return new Promise((release) => this.held.set(taskId, { updates, release }));
      case 'fail':
        return updates.status('TASK_STATE_FAILED', 'failed as asked');
      default:
        return updates.status('TASK_STATE_REJECTED', word === 'reject' ? 'rejected as asked' : `unknown word '${word}'`);
    }
  }

  // Only held tasks run long enough to be cancelled; the SDK itself cancels idle ones.
  cancelTask = async (taskId) => {
    const { updates, release } = this.held.get(taskId) ?? {};
    this.held.delete(taskId);
    updates?.status('TASK_STATE_CANCELED');
    release?.();
  };
}

const card = (base, grpcAddress, full) =>
  AgentCard.fromJSON({
    name: 'JavaScript peer',
    description: 'Test agent on the official JavaScript SDK',
    version: '1.0.0',
    supportedInterfaces: [
      { url: `${base}/`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
      { url: `${base}/rest`, protocolBinding: 'HTTP+JSON', protocolVersion: '1.0' },
      { url: grpcAddress, protocolBinding: 'GRPC', protocolVersion: '1.0' },
    ],
    capabilities: { streaming: true, pushNotifications: full, ...(full && { extendedAgentCard: true }) },
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [{ id: 'peer', name: 'Peer', description: 'Does what the first word says', tags: ['test'] }],
  });

const { values } = parseArgs({ options: { port: { type: 'string', default: '0' }, full: { type: 'boolean', default: false } } });
const app = express();
const server = createServer(app);
const grpcServer = new Server();
const grpcPort = await promisify(grpcServer.bindAsync).call(grpcServer, '127.0.0.1:0', ServerCredentials.createInsecure());
server.listen(Number(values.port), '127.0.0.1', () => {
  // Routes follow the listening socket, because the card has to name the real port.
  const base = `http://127.0.0.1:${server.address().port}`;
  const agentCard = card(base, `127.0.0.1:${grpcPort}`, values.full);
  const extended = async () => ({ ...agentCard, description: 'Extended' });
  const requestHandler = new DefaultRequestHandler(
    agentCard, new InMemoryTaskStore(), new PeerAgent(), undefined, undefined, undefined, values.full ? extended : undefined,
  );
  const userBuilder = UserBuilder.noAuthentication;
  grpcServer.addService(A2AService, grpcService({ requestHandler, userBuilder }));
  app.use(`/${AGENT_CARD_PATH}`, agentCardHandler({ agentCardProvider: requestHandler }));
  app.use('/rest', restHandler({ requestHandler, userBuilder }));
  app.use('/', jsonRpcHandler({ requestHandler, userBuilder }));
  console.log(`READY ${base}`);
});
