"""Checks an agent that behaves as agent.py describes, with the official Python client of v0.3.

    client.py BASE_URL --binding jsonrpc|rest|grpc [--skip NAME,... | --only NAME]

The report and the names of the checks are those of client.py of v1.0. What 0.3 has no word for is
not here: listing tasks, and the error for a task that has ended.
"""

import argparse
import asyncio
import contextlib
import copy
import sys
import uuid

import grpc.aio
import httpx

from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.errors import A2AClientHTTPError, A2AClientJSONRPCError
from a2a.types import (
    GetTaskPushNotificationConfigParams,
    Message,
    MessageSendConfiguration,
    Part,
    PushNotificationConfig,
    Role,
    Task,
    TaskArtifactUpdateEvent,
    TaskIdParams,
    TaskPushNotificationConfig,
    TaskQueryParams,
    TaskStatusUpdateEvent,
    TextPart,
)

BINDINGS = {'jsonrpc': 'JSONRPC', 'rest': 'HTTP+JSON', 'grpc': 'GRPC'}
# Over HTTP+JSON the SDK tells its callers nothing but the status: that of 1.0, or its own server's; over
# gRPC nothing but the text.
NOT_FOUND = (-32001, (404,), 'TaskNotFoundError: ')
NOT_CANCELABLE = (-32002, (400, 409), 'TaskNotCancelableError: ')


def equal(got, want, what):
    assert got == want, f'{what}: got {got!r}, expected {want!r}'


def state(thing):
    return thing.status.state.value


def texts(parts):
    return ''.join(part.root.text for part in parts)


def artifact_text(task):
    equal([artifact.name for artifact in task.artifacts], ['answer'], 'artifact names')
    return texts(task.artifacts[0].parts)


def message(text, **ids):
    parts = [Part(root=TextPart(text=text))]
    return Message(message_id=str(uuid.uuid4()), role=Role.user, parts=parts, **ids)


def updates(events, kind):
    return [update for _, update in events if isinstance(update, kind)]


@contextlib.asynccontextmanager
async def webhook(told):
    """Puts the token and the body of each notification into the queue."""

    async def answer(reader, writer):
        head = (await reader.readuntil(b'\r\n\r\n')).decode().lower()
        headers = dict(line.split(': ', 1) for line in head.split('\r\n')[1:] if line)
        body = await reader.readexactly(int(headers['content-length']))
        await told.put((headers.get('x-a2a-notification-token'), body))
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
        writer.close()

    server = await asyncio.start_server(answer, '127.0.0.1', 0)
    try:
        yield f'http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook'
    finally:
        server.close()


class Peer:
    """The SDK decides between message/send and message/stream by the client's configuration, so there
    is one client of each kind."""

    def __init__(self, card, binding):
        def client(streaming):
            config = ClientConfig(
                streaming=streaming,
                supported_transports=[BINDINGS[binding]],
                grpc_channel_factory=grpc.aio.insecure_channel,
            )
            return ClientFactory(config).create(card)

        self.agent_card, self.binding = card, binding
        self.plain, self.streaming = client(False), client(True)

    async def send(self, text, configuration=None, **ids):
        events = self.plain.send_message(message(text, **ids), configuration=configuration)
        (event,) = [event async for event in events]
        return event[0] if isinstance(event, tuple) else event

    async def stream(self, text, **ids):
        # The SDK goes on to change what it has given.
        return [copy.deepcopy(event) async for event in self.streaming.send_message(message(text, **ids))]

    async def hold(self):
        task = await self.send('hold', configuration=MessageSendConfiguration(blocking=False))
        assert state(task) in ('submitted', 'working'), f'state {state(task)}'
        return task

    async def get(self, task_id, **options):
        return await self.plain.get_task(TaskQueryParams(id=task_id, **options))

    async def cancel(self, task_id):
        return await self.plain.cancel_task(TaskIdParams(id=task_id))

    async def raises(self, error, awaitable):
        code, statuses, text = error
        try:
            got = await awaitable
        except A2AClientJSONRPCError as raised:
            return equal(raised.error.code, code, 'code')
        except A2AClientHTTPError as raised:
            assert raised.status_code in statuses, f'status {raised.status_code}'
            return
        except grpc.aio.AioRpcError as raised:
            assert raised.details().startswith(text), f'details {raised.details()}'
            return
        raise AssertionError(f'expected {error}, got a result: {str(got)[:200]}')


class Checks(Peer):
    async def card(self):
        card = self.agent_card
        assert card.name and card.capabilities.streaming, 'name or streaming is missing'
        offers = {card.preferred_transport: card.url}
        offers.update((interface.transport, interface.url) for interface in card.additional_interfaces or [])
        url = offers.get(BINDINGS[self.binding], '')
        # A gRPC address is host:port.
        start = '127.0.0.1:' if self.binding == 'grpc' else 'http://'
        assert url.startswith(start), f'no absolute url for {self.binding}'
        assert card.protocol_version.startswith('0.3'), f'protocolVersion {card.protocol_version}'

    async def direct_message(self):
        said = await self.send('echo hello there')
        assert isinstance(said, Message), f'got {type(said).__name__}'
        equal(texts(said.parts), 'echo: hello there', 'text')
        equal(said.role, Role.agent, 'role')

    async def direct_message_stream(self):
        (said,) = await self.stream('echo hello')
        assert isinstance(said, Message), f'got {type(said).__name__}'
        equal(texts(said.parts), 'echo: hello', 'text')

    async def task_send(self):
        task = await self.send('task grüße 🦀')
        equal(state(task), 'completed', 'state')
        equal(artifact_text(task), 'echo: grüße 🦀', 'artifact')
        assert task.id and task.context_id, 'id or contextId is missing'
        # Over HTTP+JSON and gRPC the SDK itself loses it.
        assert task.status.timestamp or self.binding != 'jsonrpc', 'timestamp is missing'

    async def task_stream(self):
        events = await self.stream('task hello')
        equal(events[0][1], None, 'the update of the first event, which is the task')
        equal(len(updates(events, TaskArtifactUpdateEvent)), 1, 'number of artifact updates')
        statuses = updates(events, TaskStatusUpdateEvent)
        equal([state(update) for update in statuses][-1], 'completed', 'last state')
        equal(events[-1][1], statuses[-1], 'last event')
        equal([update.final for update in statuses], [False] * (len(statuses) - 1) + [True], 'final')
        # The SDK folds the stream as it goes.
        equal(artifact_text(events[-1][0]), 'echo: hello', 'artifact')

    async def chunks_stream(self):
        count = 20
        events = await self.stream(f'chunks {count}')
        chunks = updates(events, TaskArtifactUpdateEvent)
        equal([texts(u.artifact.parts) for u in chunks], [f'chunk {i} ' for i in range(count)], 'chunks')
        equal(len({u.artifact.artifact_id for u in chunks}), 1, 'number of artifact ids')
        equal([bool(u.append) for u in chunks], [False] + [True] * (count - 1), 'append flags')
        equal([bool(u.last_chunk) for u in chunks], [False] * (count - 1) + [True], 'lastChunk flags')
        stored = await self.get(events[0][0].id)
        equal(artifact_text(stored), ''.join(f'chunk {i} ' for i in range(count)), 'stored artifact')

    async def input_required(self):
        asked = await self.send('ask')
        equal(state(asked), 'input-required', 'state')
        assert texts(asked.status.message.parts), 'the question is missing'
        done = await self.send('forty-two', task_id=asked.id, context_id=asked.context_id)
        equal((done.id, done.context_id), (asked.id, asked.context_id), 'ids')
        equal(state(done), 'completed', 'state')
        equal(artifact_text(done), 'forty-two', 'artifact')

    async def input_required_stream(self):
        asked = await self.stream('ask')
        last = updates(asked, TaskStatusUpdateEvent)[-1]
        equal((state(last), last.final), ('input-required', True), 'last state')
        task = asked[0][0]
        done = await self.stream('forty-two', task_id=task.id, context_id=task.context_id)
        equal(done[0][0].id, task.id, 'task id of the follow-up')
        equal(state(updates(done, TaskStatusUpdateEvent)[-1]), 'completed', 'last state')

    async def history_length(self):
        asked = await self.send('ask')
        await self.send('the end', task_id=asked.id, context_id=asked.context_id)
        full = (await self.get(asked.id)).history
        users = [texts(said.parts) for said in full if said.role == Role.user]
        equal(users, ['ask', 'the end'], 'user messages in the full history')
        last = (await self.get(asked.id, history_length=1)).history
        equal([said.message_id for said in last], [full[-1].message_id], 'historyLength 1')

    async def cancel_held(self):
        task = await self.hold()
        equal(state(await self.cancel(task.id)), 'canceled', 'state in the reply')
        equal(state(await self.get(task.id)), 'canceled', 'state afterwards')

    async def cancel_completed(self):
        task = await self.send('task done')
        await self.raises(NOT_CANCELABLE, self.cancel(task.id))

    async def get_unknown(self):
        await self.raises(NOT_FOUND, self.get(str(uuid.uuid4())))

    async def subscribe_held(self):
        task = await self.hold()
        events = self.streaming.resubscribe(TaskIdParams(id=task.id))
        first, _ = await anext(events)
        equal(first.id, task.id, 'task id')
        await self.cancel(task.id)
        rest = [event async for event in events]
        assert rest, 'the stream ended without an event'
        equal(state(rest[-1][0]), 'canceled', 'last state')

    async def push_config(self):
        told = asyncio.Queue()
        async with webhook(told) as url:
            task = await self.hold()
            config = PushNotificationConfig(id='hook', url=url, token='secret')
            wanted = TaskPushNotificationConfig(task_id=task.id, push_notification_config=config)
            equal(await self.plain.set_task_callback(wanted), wanted, 'what was set')
            params = GetTaskPushNotificationConfigParams(id=task.id, push_notification_config_id='hook')
            equal(await self.plain.get_task_callback(params), wanted, 'what is got')
            await self.cancel(task.id)
            while True:
                token, body = await told.get()
                equal(token, 'secret', 'token')
                last = Task.model_validate_json(body)
                equal(last.id, task.id, 'task id')
                if state(last) == 'canceled':
                    break

    async def failed_task(self):
        task = await self.send('fail')
        equal(state(task), 'failed', 'state')
        assert texts(task.status.message.parts), 'the status message is missing'

    async def rejected_task(self):
        equal(state(await self.send('reject')), 'rejected', 'state')


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('url')
    parser.add_argument('--binding', choices=BINDINGS, required=True)
    parser.add_argument('--skip', default='', help='comma-separated names of checks to leave out')
    parser.add_argument('--only', help='the one check to run')
    args = parser.parse_args()

    async with httpx.AsyncClient() as http:
        resolved = await A2ACardResolver(http, args.url).get_agent_card()
    checks = Checks(resolved, args.binding)
    passed = failed = 0
    for name in vars(Checks):
        if name.startswith('_') or name in args.skip.split(',') or args.only not in (None, name):
            continue
        try:
            await asyncio.wait_for(getattr(checks, name)(), 15)
            print(f'ok {name}', flush=True)
            passed += 1
        except Exception as error:
            detail = str(error) if isinstance(error, AssertionError) else repr(error)
            print(f'FAIL {name}: {" ".join(detail.split())}', flush=True)
            failed += 1
    print(f'{passed} passed, {failed} failed')
    sys.exit(1 if failed else 0)


asyncio.run(main())
