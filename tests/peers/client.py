"""Checks an agent that behaves as agent.py describes, with the official Python client.

    client.py BASE_URL --binding jsonrpc|rest|grpc [--skip NAME,... | --only NAME]

One line per check, then a total; the exit code is 1 if any check failed. The SDK's defaults are
kept on purpose, its read timeout of five seconds included: they are what users of it have.
"""

import argparse
import asyncio
import contextlib
import sys
import uuid

import grpc.aio
import httpx
from google.protobuf.json_format import Parse

from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types import (
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError

BINDINGS = {'jsonrpc': 'JSONRPC', 'rest': 'HTTP+JSON', 'grpc': 'GRPC'}


def equal(got, want, what):
    assert got == want, f'{what}: got {got!r}, expected {want!r}'


def state(task):
    return TaskState.Name(task.status.state).removeprefix('TASK_STATE_').lower()


def texts(parts):
    return ''.join(part.text for part in parts)


def artifact_text(task):
    equal([artifact.name for artifact in task.artifacts], ['answer'], 'artifact names')
    return texts(task.artifacts[0].parts)


def kinds(events):
    return [event.WhichOneof('payload') for event in events]


def request(text, configuration=None, **ids):
    message = Message(message_id=str(uuid.uuid4()), role=Role.ROLE_USER, parts=[Part(text=text)], **ids)
    return SendMessageRequest(message=message, configuration=configuration)


async def raises(error, awaitable):
    try:
        got = await awaitable
    except error:
        return
    except Exception as other:
        raise AssertionError(f'expected {error.__name__}, got {other!r}') from other
    raise AssertionError(f'expected {error.__name__}, got a result: {str(got)[:200]}')


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
    """The SDK decides between SendMessage and SendStreamingMessage by the client's configuration,
    so there is one client of each kind."""

    def __init__(self, card, binding):
        def client(streaming):
            config = ClientConfig(
                streaming=streaming,
                supported_protocol_bindings=[BINDINGS[binding]],
                grpc_channel_factory=grpc.aio.insecure_channel,
            )
            return ClientFactory(config).create(card)

        self.agent_card, self.binding = card, binding
        self.plain, self.streaming = client(False), client(True)

    async def send(self, text, **options):
        (event,) = [event async for event in self.plain.send_message(request(text, **options))]
        return getattr(event, event.WhichOneof('payload'))

    async def stream(self, text, **options):
        return [event async for event in self.streaming.send_message(request(text, **options))]

    async def hold(self):
        task = await self.send('hold', configuration=SendMessageConfiguration(return_immediately=True))
        assert state(task) in ('submitted', 'working'), f'state {state(task)}'
        return task

    async def get(self, task_id, **options):
        return await self.plain.get_task(GetTaskRequest(id=task_id, **options))

    async def cancel(self, task_id):
        return await self.plain.cancel_task(CancelTaskRequest(id=task_id))

    async def subscribe(self, task_id):
        return [event async for event in self.streaming.subscribe(SubscribeToTaskRequest(id=task_id))]


class Checks(Peer):
    async def card(self):
        assert self.agent_card.name and self.agent_card.capabilities.streaming, 'name or streaming is missing'
        ours = [i for i in self.agent_card.supported_interfaces if i.protocol_binding == BINDINGS[self.binding]]
        # A gRPC address is host:port.
        start = '127.0.0.1:' if self.binding == 'grpc' else 'http://'
        assert ours and ours[0].url.startswith(start), f'no absolute url for {self.binding}'
        equal(ours[0].protocol_version, '1.0', 'protocolVersion')

    async def direct_message(self):
        message = await self.send('echo hello there')
        assert isinstance(message, Message), f'got {type(message).__name__}'
        equal(texts(message.parts), 'echo: hello there', 'text')
        equal(message.role, Role.ROLE_AGENT, 'role')

    async def direct_message_stream(self):
        events = await self.stream('echo hello')
        equal(kinds(events), ['message'], 'events')
        equal(texts(events[0].message.parts), 'echo: hello', 'text')

    async def task_send(self):
        task = await self.send('task grüße 🦀')
        equal(state(task), 'completed', 'state')
        equal(artifact_text(task), 'echo: grüße 🦀', 'artifact')
        assert task.id and task.context_id and task.status.HasField('timestamp'), 'id, contextId or timestamp is missing'

    async def task_stream(self):
        events = await self.stream('task hello')
        equal(kinds(events)[0], 'task', 'first event')
        rest = [kind for kind in kinds(events)[1:] if kind != 'status_update']
        equal(rest, ['artifact_update'], 'events that are neither Task nor status')
        states = [state(event.status_update) for event in events if event.HasField('status_update')]
        equal(states[-1], 'completed', 'last state')
        equal(kinds(events)[-1], 'status_update', 'last event')
        equal(states.count('completed'), 1, 'number of completed events')
        assert 'working' in [state(events[0].task), *states], f'never working: {states}'

    async def chunks_stream(self):
        count = 20
        events = await self.stream(f'chunks {count}')
        updates = [event.artifact_update for event in events if event.HasField('artifact_update')]
        equal([texts(u.artifact.parts) for u in updates], [f'chunk {i} ' for i in range(count)], 'chunks')
        equal(len({u.artifact.artifact_id for u in updates}), 1, 'number of artifact ids')
        equal([u.append for u in updates], [False] + [True] * (count - 1), 'append flags')
        equal([u.last_chunk for u in updates], [False] * (count - 1) + [True], 'lastChunk flags')
        stored = await self.get(events[0].task.id)
        equal(artifact_text(stored), ''.join(f'chunk {i} ' for i in range(count)), 'stored artifact')

    async def input_required(self):
        asked = await self.send('ask')
        equal(state(asked), 'input_required', 'state')
        assert texts(asked.status.message.parts), 'the question is missing'
        done = await self.send('forty-two', task_id=asked.id, context_id=asked.context_id)
        equal((done.id, done.context_id), (asked.id, asked.context_id), 'ids')
        equal(state(done), 'completed', 'state')
        equal(artifact_text(done), 'forty-two', 'artifact')

    async def input_required_stream(self):
        asked = await self.stream('ask')
        equal(kinds(asked)[0], 'task', 'first event')
        equal(state(asked[-1].status_update), 'input_required', 'last state')
        task = asked[0].task
        done = await self.stream('forty-two', task_id=task.id, context_id=task.context_id)
        equal(kinds(done)[0], 'task', 'first event of the follow-up')
        equal(done[0].task.id, task.id, 'task id of the follow-up')
        equal(state(done[-1].status_update), 'completed', 'last state')

    async def history_length(self):
        asked = await self.send('ask')
        await self.send('the end', task_id=asked.id, context_id=asked.context_id)
        full = (await self.get(asked.id)).history
        users = [texts(m.parts) for m in full if m.role == Role.ROLE_USER]
        equal(users, ['ask', 'the end'], 'user messages in the full history')
        equal(len((await self.get(asked.id, history_length=0)).history), 0, 'historyLength 0')
        last = (await self.get(asked.id, history_length=1)).history
        equal([m.message_id for m in last], [full[-1].message_id], 'historyLength 1')

    async def list_tasks(self):
        first = await self.send('task one')
        context_id = first.context_id
        others = []
        for number in ('two', 'three'):
            # Times have milliseconds, and within one there is no newest.
            await asyncio.sleep(0.002)
            others.append(await self.send(f'task {number}', context_id=context_id))
        newest_first = [task.id for task in reversed([first, *others])]
        equal({task.context_id for task in others}, {context_id}, 'contexts')

        page = await self.plain.list_tasks(ListTasksRequest(context_id=context_id))
        equal([task.id for task in page.tasks], newest_first, 'tasks, newest first')
        equal((page.total_size, page.next_page_token), (3, ''), 'totalSize and nextPageToken')
        equal([len(task.artifacts) for task in page.tasks], [0] * 3, 'artifacts unless asked for')

        seen, token = [], ''
        for _ in range(5):
            page = await self.plain.list_tasks(
                ListTasksRequest(context_id=context_id, page_size=1, page_token=token, include_artifacts=True)
            )
            equal((len(page.tasks), page.page_size, page.total_size), (1, 1, 3), 'tasks, pageSize, totalSize')
            equal(len(page.tasks[0].artifacts), 1, 'artifacts when asked for')
            seen.append(page.tasks[0].id)
            token = page.next_page_token
            if not token:
                break
        equal(seen, newest_first, 'tasks page by page')

        completed = ListTasksRequest(context_id=context_id, status=TaskState.TASK_STATE_COMPLETED)
        equal((await self.plain.list_tasks(completed)).total_size, 3, 'completed tasks')
        working = ListTasksRequest(context_id=context_id, status=TaskState.TASK_STATE_WORKING)
        equal((await self.plain.list_tasks(working)).total_size, 0, 'working tasks')

    async def cancel_held(self):
        task = await self.hold()
        equal(state(await self.cancel(task.id)), 'canceled', 'state in the reply')
        equal(state(await self.get(task.id)), 'canceled', 'state afterwards')

    async def cancel_completed(self):
        task = await self.send('task done')
        await raises(TaskNotCancelableError, self.cancel(task.id))

    async def get_unknown(self):
        await raises(TaskNotFoundError, self.get(str(uuid.uuid4())))

    async def send_to_completed(self):
        task = await self.send('task done')
        ids = {'task_id': task.id, 'context_id': task.context_id}
        await raises(UnsupportedOperationError, self.send('task again', **ids))

    async def stream_to_completed(self):
        task = await self.send('task done')
        ids = {'task_id': task.id, 'context_id': task.context_id}
        await raises(UnsupportedOperationError, self.stream('task again', **ids))

    async def subscribe_held(self):
        task = await self.hold()
        stream = self.streaming.subscribe(SubscribeToTaskRequest(id=task.id))
        first = await anext(stream)
        equal(first.WhichOneof('payload'), 'task', 'first event')
        equal(first.task.id, task.id, 'task id')
        await self.cancel(task.id)
        rest = [event async for event in stream]
        assert rest, 'the stream ended without an event'
        equal(state(getattr(rest[-1], rest[-1].WhichOneof('payload'))), 'canceled', 'last state')

    async def subscribe_completed(self):
        task = await self.send('task done')
        await raises(UnsupportedOperationError, self.subscribe(task.id))

    async def subscribe_unknown(self):
        await raises(TaskNotFoundError, self.subscribe(str(uuid.uuid4())))

    async def push_config(self):
        told = asyncio.Queue()
        async with webhook(told) as url:
            task = await self.hold()
            wanted = TaskPushNotificationConfig(task_id=task.id, id='hook', url=url, token='secret')
            wanted.authentication.scheme, wanted.authentication.credentials = 'Bearer', 'of-the-hook'
            equal(await self.plain.create_task_push_notification_config(wanted), wanted, 'what was created')
            get = GetTaskPushNotificationConfigRequest(task_id=task.id, id='hook')
            equal(await self.plain.get_task_push_notification_config(get), wanted, 'what is got')
            other = TaskPushNotificationConfig(task_id=task.id, id='other', url=url)
            await self.plain.create_task_push_notification_config(other)
            every = ListTaskPushNotificationConfigsRequest(task_id=task.id)
            listed = (await self.plain.list_task_push_notification_configs(every)).configs
            equal(sorted(config.id for config in listed), ['hook', 'other'], 'what is listed')
            delete = DeleteTaskPushNotificationConfigRequest(task_id=task.id, id='other')
            await self.plain.delete_task_push_notification_config(delete)
            equal(list((await self.plain.list_task_push_notification_configs(every)).configs), [wanted], 'what is left')
            await self.cancel(task.id)
            while True:
                token, body = await told.get()
                equal(token, 'secret', 'token')
                event = Parse(body, StreamResponse())
                last = getattr(event, event.WhichOneof('payload'))
                equal(last.id if event.HasField('task') else last.task_id, task.id, 'task id')
                if not event.HasField('artifact_update') and state(last) == 'canceled':
                    break

    async def extended_card(self):
        equal(self.agent_card.capabilities.extended_agent_card, True, 'extendedAgentCard')
        extended = await self.plain.get_extended_agent_card(GetExtendedAgentCardRequest())
        equal(extended.description, 'Extended', 'description')
        equal(extended.supported_interfaces, self.agent_card.supported_interfaces, 'interfaces')

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
