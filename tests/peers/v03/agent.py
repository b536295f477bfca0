"""An A2A v0.3 agent on the official Python SDK of that version.

It does what agent.py of v1.0 describes, and takes push notification configurations; agent.mjs beside
it is the same agent in JavaScript.
"""

import argparse
import asyncio
import socket
import uuid

import grpc.aio
import uvicorn

from a2a.grpc.a2a_pb2_grpc import add_A2AServiceServicer_to_server
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.apps.jsonrpc import A2AStarletteApplication
from a2a.server.apps.rest.rest_adapter import RESTAdapter
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler, GrpcHandler
from a2a.server.tasks import InMemoryPushNotificationConfigStore, InMemoryTaskStore, TaskUpdater
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
    TextPart,
)
from starlette.applications import Starlette
from starlette.routing import Mount, Route


def first_text(message: Message) -> str:
    return next((part.root.text for part in message.parts if part.root.kind == 'text'), '')


def text(value: str) -> list[Part]:
    return [Part(root=TextPart(text=value))]


class PeerAgent(AgentExecutor):
    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        said = first_text(context.message)
        word, _, rest = said.partition(' ')
        if not context.current_task and word == 'echo':
            await event_queue.enqueue_event(
                Message(
                    message_id=str(uuid.uuid4()),
                    context_id=context.context_id,
                    role=Role.agent,
                    parts=text(f'echo: {rest}'),
                )
            )
            return

        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        if context.current_task:
            await self.answer(updater, said)
            return

        status = TaskStatus(state=TaskState.submitted, timestamp='2026-01-02T03:04:05.678901+00:00')
        await event_queue.enqueue_event(
            Task(id=context.task_id, context_id=context.context_id, status=status, history=[context.message])
        )
        say = lambda value: updater.new_agent_message(text(value))
        match word:
            case 'task':
                await self.answer(updater, f'echo: {rest}')
            case 'chunks':
                await updater.start_work()
                await self.chunks(updater, int(rest))
                await updater.complete()
            case 'ask':
                await updater.requires_input(say('What is the answer?'), final=True)
            case 'hold':
                await updater.start_work()
                await asyncio.Event().wait()  # ended by the SDK, which cancels this coroutine
            case 'fail':
                await updater.failed(say('failed as asked'))
            case _:
                await updater.reject(say('rejected as asked' if word == 'reject' else f'unknown word {word!r}'))

    async def answer(self, updater: TaskUpdater, value: str) -> None:
        await updater.start_work()
        await updater.add_artifact(text(value), name='answer', last_chunk=True)
        await updater.complete()

    async def chunks(self, updater: TaskUpdater, count: int) -> None:
        artifact_id = str(uuid.uuid4())
        for i in range(count):
            await updater.add_artifact(
                text(f'chunk {i} '),
                artifact_id=artifact_id,
                name='answer',
                append=i > 0,
                last_chunk=i == count - 1,
            )

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def card(base: str, grpc_address: str) -> AgentCard:
    return AgentCard(
        name='Python peer',
        description='Test agent on the official Python SDK, v0.3',
        version='1.0.0',
        url=f'{base}/',
        preferred_transport='JSONRPC',
        additional_interfaces=[
            AgentInterface(url=f'{base}/rest', transport='HTTP+JSON'),
            AgentInterface(url=grpc_address, transport='GRPC'),
        ],
        capabilities=AgentCapabilities(streaming=True, push_notifications=True),
        supports_authenticated_extended_card=True,
        default_input_modes=['text/plain'],
        default_output_modes=['text/plain'],
        skills=[AgentSkill(id='peer', name='Peer', description='Does what the first word says', tags=['test'])],
    )


async def serve(port: int) -> None:
    # Bound here and not by uvicorn, because the card has to name the real port.
    listener = socket.create_server(('127.0.0.1', port))
    base = f'http://127.0.0.1:{listener.getsockname()[1]}'
    grpc_server = grpc.aio.server()
    agent_card = card(base, f'127.0.0.1:{grpc_server.add_insecure_port("127.0.0.1:0")}')
    handler = DefaultRequestHandler(
        agent_executor=PeerAgent(),
        task_store=InMemoryTaskStore(),
        push_config_store=InMemoryPushNotificationConfigStore(),
    )
    add_A2AServiceServicer_to_server(GrpcHandler(agent_card, handler), grpc_server)
    await grpc_server.start()
    rest = RESTAdapter(agent_card=agent_card, http_handler=handler)
    rest_routes = [Route(path, call, methods=[verb]) for (path, verb), call in rest.routes().items()]
    json_rpc = A2AStarletteApplication(agent_card=agent_card, http_handler=handler)
    app = Starlette(routes=[Mount('/rest', routes=rest_routes), *json_rpc.routes()])
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
    asyncio.run(serve(parser.parse_args().port))
