"""Writes golden wire files as the official Python SDK produces them.

    golden.py [DIRECTORY]        default: tests/golden/v1

NAME.py.json             a document of golden.json through the SDK's types and serializer
request.*, response.*,   whole bodies between the SDK's client and agent.py, byte for byte apart
stream.*, error.*        from ids, times and ports, which are replaced so that a rerun is equal
http.py.json             method, path, headers and status of each recorded exchange
"""

import asyncio
import json
import pathlib
import re
import subprocess
import sys

import a2a.types
import httpx

from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.server.request_handlers.response_helpers import agent_card_to_dict
from a2a.server.routes.common import serialize_list_tasks_response
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
    TaskState,
)
from google.protobuf.json_format import MessageToDict, ParseDict

HERE = pathlib.Path(__file__).resolve().parent
OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / 'golden' / 'v1'
BINDINGS = {'jsonrpc': 'JSONRPC', 'rest': 'HTTP+JSON'}
UUID = re.compile(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z')
HEADERS = ('a2a-version', 'accept', 'cache-control', 'content-type')


def fixed(text):
    seen = {}
    number = lambda match: f'00000000-0000-4000-8000-{seen.setdefault(match[0], len(seen) + 1):012}'
    text = TIME.sub('2026-01-02T03:04:05.678901Z', UUID.sub(number, text))
    return re.sub(r'127\.0\.0\.1:\d+', '127.0.0.1:8080', text)


def write(name, text):
    (OUT / name).write_bytes(text.encode())


def pure_types():
    for name, (kind, value) in json.loads((HERE / 'golden.json').read_text()).items():
        message = ParseDict(value, getattr(a2a.types, kind)())
        # The two messages that the SDK's server does not leave to json_format alone.
        if kind == 'ListTasksResponse':
            document = serialize_list_tasks_response(message, include_artifacts=False)
        elif kind == 'AgentCard':
            document = agent_card_to_dict(message)
        else:
            document = MessageToDict(message)
        # Sorted, because protobuf iterates maps in an order that changes from run to run.
        write(f'{name}.py.json', json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + '\n')


class Tee(httpx.AsyncByteStream):
    def __init__(self, stream, record):
        self.stream, self.record = stream, record

    async def __aiter__(self):
        async for chunk in self.stream:
            self.record['body'] += chunk
            yield chunk

    async def aclose(self):
        await self.stream.aclose()


class Recorder(httpx.AsyncHTTPTransport):
    """Keeps each exchange of the SDK's own HTTP client; streams are passed on as they arrive."""

    def __init__(self):
        super().__init__()
        self.exchanges, self.index = [], {}

    async def handle_async_request(self, request):
        response = await super().handle_async_request(request)
        record = {'request': request, 'response': response, 'body': b''}
        self.exchanges.append(record)
        response.stream = Tee(response.stream, record)
        return response

    def save(self, name, binding, which=-1, request=None):
        """Files the reply as `name`, and the request body too if it is given a name."""
        record = self.exchanges[which]
        sent, got = record['request'], record['response']
        kind = got.headers['content-type']
        self.index[f'{name}.{binding}'] = {
            'request': {
                'method': sent.method,
                'path': fixed(sent.url.raw_path.decode()),
                'headers': {h: sent.headers[h] for h in HEADERS if h in sent.headers},
                'hasBody': bool(sent.content),
            },
            'response': {'status': got.status_code, 'content-type': kind},
        }
        if request and sent.content:
            write(f'request.{request}.{binding}.py.json', fixed(sent.content.decode()))
        body = fixed(record['body'].decode())
        if kind.startswith('text/event-stream'):
            write(f'stream.{name}.{binding}.py.sse', body)
        elif name.startswith('error.'):
            # Where the SDK accepts what it should refuse, http.py.json alone says so.
            if got.is_error or '"error"' in body:
                write(f'{name}.{binding}.py.json', body)
        else:
            write(f'response.{name}.{binding}.py.json', body)


async def record(binding, base, card, recorder):
    http = httpx.AsyncClient(transport=recorder)
    config = dict(httpx_client=http, supported_protocol_bindings=[BINDINGS[binding]])
    plain = ClientFactory(ClientConfig(streaming=False, **config)).create(card)
    streaming = ClientFactory(ClientConfig(**config)).create(card)

    async def send(client, text, configuration=None, **ids):
        message = Message(message_id=f'msg {text}', role=Role.ROLE_USER, parts=[Part(text=text)], **ids)
        request = SendMessageRequest(message=message, configuration=configuration)
        return [event async for event in client.send_message(request)]

    async def failing(name, operation, request=None):
        try:
            await operation
        except Exception:
            recorder.save(f'error.{name}', binding, request=request)
        else:
            raise AssertionError(f'{name}: no error')

    options = SendMessageConfiguration(history_length=5, accepted_output_modes=['text/plain'])
    (event,) = await send(plain, 'task hello', options)
    recorder.save('send_message', binding, request='send_message')
    done = event.task
    await send(plain, 'echo hello')
    recorder.save('send_message_direct', binding)
    await send(streaming, 'task hello')
    recorder.save('task', binding, request='send_streaming_message')
    for name, text in ('message', 'echo hello'), ('chunks', 'chunks 3'), ('input_required', 'ask'), ('failed', 'fail'):
        await send(streaming, text)
        recorder.save(name, binding)
    await plain.get_task(GetTaskRequest(id=done.id, history_length=0))
    recorder.save('get_task', binding, request='get_task')
    await plain.list_tasks(
        ListTasksRequest(
            context_id=done.context_id,
            status=TaskState.TASK_STATE_COMPLETED,
            page_size=1,
            history_length=0,
            include_artifacts=True,
        )
    )
    recorder.save('list_tasks', binding, request='list_tasks')
    await plain.list_tasks(ListTasksRequest(context_id='unknown'))
    recorder.save('list_tasks_empty', binding)

    (event,) = await send(plain, 'hold', SendMessageConfiguration(return_immediately=True))
    subscription = streaming.subscribe(SubscribeToTaskRequest(id=event.task.id))
    await anext(subscription)
    await plain.cancel_task(CancelTaskRequest(id=event.task.id))
    recorder.save('cancel_task', binding, request='cancel_task')
    async for _ in subscription:
        pass
    recorder.save('subscribe', binding, which=-2, request='subscribe_to_task')

    ended = {'task_id': done.id, 'context_id': done.context_id}
    config = TaskPushNotificationConfig(task_id=done.id, url='https://example.com/hook')
    await failing('task_not_found', plain.get_task(GetTaskRequest(id='unknown')))
    await failing('task_not_cancelable', plain.cancel_task(CancelTaskRequest(id=done.id)))
    await failing('unsupported_operation', send(plain, 'task again', **ended))
    await failing('unsupported_operation_stream', send(streaming, 'task again', **ended))
    await failing(
        'push_notification_not_supported',
        plain.create_task_push_notification_config(config),
        request='create_task_push_notification_config',
    )
    await failing('invalid_params', plain.list_tasks(ListTasksRequest(page_size=1000)))

    # What the SDK's client never sends.
    json_type, version = {'content-type': 'application/json'}, {'a2a-version': '1.0'}
    call = lambda method, **params: json.dumps({'jsonrpc': '2.0', 'id': 7, 'method': method, 'params': params})
    body = json.dumps({'message': {'messageId': 'm', 'role': 'ROLE_USER', 'parts': [{'text': 'echo hi'}]}})
    if binding == 'jsonrpc':
        odd = {
            'version_not_supported': (call('GetTask', id='x'), json_type | {'a2a-version': '99.0'}),
            'version_missing': (call('GetTask', id='x'), json_type),
            'method_not_found': (call('NoSuchMethod'), json_type | version),
            'extended_agent_card_unsupported': (call('GetExtendedAgentCard'), json_type | version),
            'wrong_type': (call('GetTask', id=5), json_type | version),
            'invalid_request': ('{"jsonrpc":"2.0","id":7}', json_type | version),
            'parse_error': ('{"jsonrpc":', json_type | version),
        }
        target = base + '/'
    else:
        odd = {
            'version_not_supported': (body, json_type | {'a2a-version': '99.0'}),
            'version_missing': (body, json_type),
            'message_missing': ('{}', json_type | version),
            'content_type_not_supported': (body, {'content-type': 'text/plain'} | version),
            'parse_error': ('{"message":', json_type | version),
        }
        target = base + '/rest/message:send'
        await http.get(f'{base}/rest/extendedAgentCard', headers=version)
        recorder.save('error.extended_agent_card_unsupported', binding)
        await http.get(f'{base}/rest/tasks?pageSize=many', headers=version)
        recorder.save('error.query_not_a_number', binding)
    # A client that has been given to a ClientFactory carries the version header by default.
    http.headers.pop('a2a-version', None)
    for name, (content, headers) in odd.items():
        await http.post(target, content=content, headers=headers)
        recorder.save(f'error.{name}', binding)
    await http.aclose()


async def main():
    OUT.mkdir(parents=True, exist_ok=True)
    pure_types()
    agent = subprocess.Popen(
        [sys.executable, HERE / 'agent.py'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        base = agent.stdout.readline().split()[1]
        async with httpx.AsyncClient() as http:
            card = await A2ACardResolver(http, base).get_agent_card()
        index = {}
        for binding in BINDINGS:
            recorder = Recorder()
            await record(binding, base, card, recorder)
            index |= recorder.index
        write('http.py.json', json.dumps(index, indent=2) + '\n')
    finally:
        agent.terminate()
        agent.wait()


asyncio.run(main())
