"""The agent of the benchmark on the official Python SDK, with its store of tasks in PostgreSQL.

agent.py URL: prints "URL: ..." when it listens. It does what agent.rs does.
"""

import asyncio
import socket
import sys

import uvicorn
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes
from a2a.server.tasks import DatabaseTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Part, Task, TaskState, TaskStatus
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette


class Bench(AgentExecutor):
    async def cancel(self, context, queue):
        await TaskUpdater(queue, context.task_id, context.context_id).cancel()

    async def execute(self, context, queue):
        text = context.get_user_input()
        # The SDK wants the Task object itself before any update of it.
        status = TaskStatus(state=TaskState.TASK_STATE_WORKING)
        task = Task(id=context.task_id, context_id=context.context_id, status=status, history=[context.message])
        await queue.enqueue_event(task)
        updater = TaskUpdater(queue, context.task_id, context.context_id)
        if text.startswith('chunks '):
            count = int(text.split()[1])
            for index in range(count):
                await updater.add_artifact(
                    [Part(text='a chunk of text.')], artifact_id='a1', append=index > 0, last_chunk=index + 1 == count
                )
        else:
            await updater.add_artifact([Part(text=f'echo: {text}')], artifact_id='a1', last_chunk=True)
        await updater.complete()


async def main():
    # Named as TCP: else asyncio leaves Nagle's algorithm on, and every answer waits for it.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(('127.0.0.1', 0))
    listener.listen(128)
    url = f'http://127.0.0.1:{listener.getsockname()[1]}'
    card = AgentCard(
        name='Bench',
        description='Does what the benchmark asks',
        version='1.0.0',
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=['text'],
        default_output_modes=['text'],
        skills=[AgentSkill(id='bench', name='Bench', description='Bench', tags=['bench'])],
        supported_interfaces=[AgentInterface(protocol_binding='JSONRPC', protocol_version='1.0', url=url)],
    )
    # As many connections as there are clients.
    store = DatabaseTaskStore(create_async_engine(sys.argv[1], pool_size=16))
    await store.initialize()
    handler = DefaultRequestHandler(agent_executor=Bench(), task_store=store, agent_card=card)
    app = Starlette(routes=create_jsonrpc_routes(request_handler=handler, rpc_url='/'))
    config = uvicorn.Config(app, log_level='error', access_log=False)
    print(f'URL: {url}', flush=True)
    await uvicorn.Server(config).serve(sockets=[listener])


asyncio.run(main())
