"""Writes golden wire files as the official Python SDK of v0.3 produces them.

    golden.py [DIRECTORY]        default: tests/golden/v0.3

NAME.py.json, NAME.proto.py.json   a document of golden.json through the SDK's types and, where the
                                   0.3 proto has it, through the proto as HTTP+JSON does
request.*, response.*, stream.*,   whole bodies between the SDK's client and agent.py, byte for byte
error.*, http.py.json              apart from ids, times and ports; as golden.py of v1.0 has them
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
from a2a.grpc import a2a_pb2
from a2a.types import (
    GetTaskPushNotificationConfigParams,
    Message,
    MessageSendConfiguration,
    Part,
    PushNotificationAuthenticationInfo,
    PushNotificationConfig,
    Role,
    TaskIdParams,
    TaskPushNotificationConfig,
    TaskQueryParams,
    TextPart,
)
from a2a.utils.proto_utils import ToProto
from google.protobuf.json_format import MessageToDict

HERE = pathlib.Path(__file__).resolve().parent
OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent.parent / 'golden' / 'v0.3'
BINDINGS = {'jsonrpc': 'JSONRPC', 'rest': 'HTTP+JSON'}
UUID = re.compile(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|\+00:00)')
HEADERS = ('accept', 'cache-control', 'content-type')
TO_PROTO = {
    'Part': ToProto.part,
    'Message': ToProto.message,
    'Artifact': ToProto.artifact,
    'Task': ToProto.task,
    'TaskStatusUpdateEvent': ToProto.stream_response,
    'TaskArtifactUpdateEvent': ToProto.stream_response,
    'TaskPushNotificationConfig': ToProto.task_push_notification_config,
    'AgentCard': ToProto.agent_card,
    'MessageSendParams': lambda params: a2a_pb2.SendMessageRequest(
        request=ToProto.message(params.message),
        configuration=ToProto.message_send_configuration(params.configuration),
        metadata=ToProto.metadata(params.metadata),
    ),
}


def fixed(text):
    seen = {}
    number = lambda match: f'00000000-0000-4000-8000-{seen.setdefault(match[0], len(seen) + 1):012}'
    text = TIME.sub(lambda match: f'2026-01-02T03:04:05.678901{match[1]}', UUID.sub(number, text))
    return re.sub(r'127\.0\.0\.1:\d+', '127.0.0.1:8080', text)


def write(name, text):
    (OUT / name).write_bytes(text.encode())


def dump(document):
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + '\n'


def pure_types():
    for name, (kind, value) in json.loads((HERE / 'golden.json').read_text()).items():
        document = getattr(a2a.types, kind).model_validate(value)
        write(f'{name}.py.json', dump(document.model_dump(mode='json', by_alias=True, exclude_none=True)))
        write(f'{name}.proto.py.json', dump(MessageToDict(TO_PROTO[kind](document))))


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
        if kind.startswith('text/event-stream') and not body:
            pass
        elif kind.startswith('text/event-stream'):
            write(f'stream.{name}.{binding}.py.sse', body)
        elif name.startswith('error.'):
            write(f'{name}.{binding}.py.json', body)
        else:
            write(f'response.{name}.{binding}.py.json', body)


async def record(binding, card, recorder):
    http = httpx.AsyncClient(transport=recorder)
    config = dict(httpx_client=http, supported_transports=[BINDINGS[binding]])
    plain = ClientFactory(ClientConfig(streaming=False, **config)).create(card)
    streaming = ClientFactory(ClientConfig(**config)).create(card)

    async def send(client, text, configuration=None, **ids):
        message = Message(message_id=f'msg {text}', role=Role.user, parts=[Part(root=TextPart(text=text))], **ids)
        return [event async for event in client.send_message(message, configuration=configuration)]

    async def failing(name, operation, request=None):
        try:
            await operation
        except Exception:
            recorder.save(f'error.{name}', binding, request=request)
        else:
            raise AssertionError(f'{name}: no error')

    options = MessageSendConfiguration(history_length=5, accepted_output_modes=['text/plain'])
    ((done, _),) = await send(plain, 'task hello', options)
    recorder.save('send_message', binding, request='send_message')
    await send(plain, 'echo hello')
    recorder.save('send_message_direct', binding)
    await send(streaming, 'task hello')
    recorder.save('task', binding, request='send_streaming_message')
    for name, text in ('message', 'echo hello'), ('chunks', 'chunks 3'), ('input_required', 'ask'), ('failed', 'fail'):
        await send(streaming, text)
        recorder.save(name, binding)
    await plain.get_task(TaskQueryParams(id=done.id, history_length=1))
    recorder.save('get_task', binding, request='get_task')

    # The SDK's server ends the subscription without an event when the task is cancelled.
    ((held, _),) = await send(plain, 'hold', MessageSendConfiguration(blocking=False))
    async def watch():
        return [event async for event in streaming.resubscribe(TaskIdParams(id=held.id))]

    watching = asyncio.ensure_future(watch())
    await asyncio.sleep(0.3)
    await plain.cancel_task(TaskIdParams(id=held.id))
    recorder.save('cancel_task', binding, request='cancel_task')
    await watching
    recorder.save('subscribe', binding, which=-2, request='subscribe_to_task')

    config = PushNotificationConfig(
        id='cfg-1',
        url='https://example.com/hook',
        token='t',
        authentication=PushNotificationAuthenticationInfo(schemes=['Bearer'], credentials='c'),
    )
    await plain.set_task_callback(TaskPushNotificationConfig(task_id=done.id, push_notification_config=config))
    recorder.save('set_push_config', binding, request='set_push_config')
    await plain.get_task_callback(
        GetTaskPushNotificationConfigParams(id=done.id, push_notification_config_id='cfg-1')
    )
    recorder.save('get_push_config', binding, request='get_push_config')
    await plain.get_card()
    recorder.save('agent_card', binding, request='get_card')

    ended = {'task_id': done.id, 'context_id': done.context_id}
    await failing('task_not_found', plain.get_task(TaskQueryParams(id='unknown')))
    await failing('task_not_cancelable', plain.cancel_task(TaskIdParams(id=done.id)))
    await failing('invalid_params', send(plain, 'task again', **ended))

    # What the SDK's client never sends.
    json_type = {'content-type': 'application/json'}
    if binding == 'jsonrpc':
        call = lambda method, **params: json.dumps({'jsonrpc': '2.0', 'id': 7, 'method': method, 'params': params})
        for name, method, params in (
            ('list_push_configs', 'tasks/pushNotificationConfig/list', {'id': done.id}),
            ('delete_push_config', 'tasks/pushNotificationConfig/delete', {'id': done.id, 'pushNotificationConfigId': 'cfg-1'}),
            ('error.method_not_found', 'no/such', {}),
        ):
            await http.post(card.url, content=call(method, **params), headers=json_type)
            recorder.save(name, binding, request=None if name.startswith('error.') else name)
        await http.post(card.url, content='{"jsonrpc":', headers=json_type)
        recorder.save('error.parse_error', binding)
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
            await record(binding, card, recorder)
            index |= recorder.index
        write('http.py.json', json.dumps(index, indent=2) + '\n')
    finally:
        agent.terminate()
        agent.wait()


asyncio.run(main())
