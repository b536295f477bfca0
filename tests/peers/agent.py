"""An A2A v1.0 agent on the official Python SDK, the peer of nuncio's own clients.

The first word of the first text part selects what it does; agent.mjs is the same agent in
JavaScript, and client.py and client.mjs state what is expected of both:

    echo TEXT    a direct Message "echo: TEXT"
    task TEXT    a Task: working, artifact "answer" with "echo: TEXT", completed
    chunks N     a Task with one artifact in N appended chunks "chunk 0 ", "chunk 1 ", ...; completed
    ask          input-required with a question; the next message completes the task with an
                 artifact "answer" that repeats the text of that message
    hold         working until cancelled
    fail         failed, with a status message
    reject       rejected, with a status message

With --full it also takes push notification configurations and has an extended card, whose description
is "Extended"; without, clients see how such calls are refused.
"""

import argparse
import asyncio
import socket
import uuid

import grpc.aio
import httpx
import uvicorn

from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler, GrpcHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import (
    BasePushNotificationSender,
    InMemoryPushNotificationConfigStore,
    InMemoryTaskStore,
    TaskUpdater,
)
from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    Message,
    Part,
    Role,
    Task,
    TaskState,
    TaskStatus,
)
from a2a.types.a2a_pb2_grpc import add_A2AServiceServicer_to_server
from starlette.applications import Starlette


def first_text(message: Message) -> str:
    return next((part.text for part in message.parts if part.WhichOneof('content') == 'text'), '')


class PeerAgent(AgentExecutor):
    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        text = first_text(context.message)
        word, _, rest = text.partition(' ')
        if not context.current_task and word == 'echo':
            await event_queue.enqueue_event(
                Message(
                    message_id=str(uuid.uuid4()),
                    context_id=context.context_id,
                    role=Role.ROLE_AGENT,
                    parts=[Part(text=f'echo: {rest}')],
                )
            )
            return

        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        if context.current_task:
            await self.answer(updater, text)
            return

        # The SDK wants the Task object itself before any update of it.
        status = TaskStatus(state=TaskState.TASK_STATE_SUBMITTED)
        status.timestamp.GetCurrentTime()
        await event_queue.enqueue_event(
            Task(id=context.task_id, context_id=context.context_id, status=status, history=[context.message])
        )
        say = lambda text: updater.new_agent_message([Part(text=text)])
        match word:
            case 'task':
                await self.answer(updater, f'echo: {rest}')
            case 'chunks':
                await updater.start_work()
                await self.chunks(updater, int(rest))
                await updater.complete()
            case 'ask':
                await updater.requires_input(say('What is the answer?'))
            case 'hold':
                await updater.start_work()
                await asyncio.Event().wait()  # ended by the SDK, which cancels this coroutine
            case 'fail':
                await updater.failed(say('failed as asked'))
            case _:
                await updater.reject(say('rejected as asked' if word == 'reject' else f'unknown word {word!r}'))

    async def answer(self, updater: TaskUpdater, text: str) -> None:
        await updater.start_work()
        await updater.add_artifact([Part(text=text)], name='answer', last_chunk=True)
        await updater.complete()

    async def chunks(self, updater: TaskUpdater, count: int) -> None:
        artifact_id = str(uuid.uuid4())
        for i in range(count):
            await updater.add_artifact(
                [Part(text=f'chunk {i} ')],
                artifact_id=artifact_id,
                name='answer',
                append=i > 0,
                last_chunk=i == count - 1,
            )

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def card(base: str, grpc_address: str, full: bool) -> AgentCard:
    return AgentCard(
        name='Python peer',
        description='Test agent on the official Python SDK',
        version='1.0.0',
        supported_interfaces=[
            AgentInterface(url=f'{base}/', protocol_binding='JSONRPC', protocol_version='1.0'),
            AgentInterface(url=f'{base}/rest', protocol_binding='HTTP+JSON', protocol_version='1.0'),
            AgentInterface(url=grpc_address, protocol_binding='GRPC', protocol_version='1.0'),
        ],
        capabilities=AgentCapabilities(streaming=True, push_notifications=full, extended_agent_card=full or None),
        default_input_modes=['text/plain'],
        default_output_modes=['text/plain'],
        skills=[AgentSkill(id='peer', name='Peer', description='Does what the first word says', tags=['test'])],
    )


def extras(agent_card: AgentCard) -> dict:
    """What the SDK's handler takes for push notifications and the extended card."""
    extended = AgentCard()
    extended.CopyFrom(agent_card)
    extended.description = 'Extended'
    store = InMemoryPushNotificationConfigStore()
    sender = BasePushNotificationSender(httpx.AsyncClient(), store)
    return {'push_config_store': store, 'push_sender': sender, 'extended_agent_card': extended}


async def serve(port: int, full: bool) -> None:
    # Bound here and not by uvicorn, because the card has to name the real port.
    listener = socket.create_server(('127.0.0.1', port))
    base = f'http://127.0.0.1:{listener.getsockname()[1]}'
    grpc_server = grpc.aio.server()
    agent_card = card(base, f'127.0.0.1:{grpc_server.add_insecure_port("127.0.0.1:0")}', full)
    handler = DefaultRequestHandler(
        agent_executor=PeerAgent(),
        task_store=InMemoryTaskStore(),
        agent_card=agent_card,
        **(extras(agent_card) if full else {}),
    )
    add_A2AServiceServicer_to_server(GrpcHandler(handler), grpc_server)
    await grpc_server.start()
    app = Starlette(
        routes=[
            *create_agent_card_routes(agent_card),
            *create_jsonrpc_routes(handler, rpc_url='/'),
            *create_rest_routes(handler, path_prefix='/rest'),
        ]
    )
    # Held streams never end by themselves; without a limit they would keep the process alive.
    config = uvicorn.Config(app, log_level='warning', timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    print(f'READY {base}', flush=True)
    await serving
    await grpc_server.stop(1)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--full', action='store_true')
    args = parser.parse_args()
    asyncio.run(serve(args.port, args.full))
