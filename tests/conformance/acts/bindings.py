"""The operations of the protocol over its three bindings, at the level of the wire.

No client of any SDK is used: it would hide what is to be seen. What an operation is called where,
and which error is which, is in two tables, from sections 5.3 and 5.4 of A2A 1.0.1.
"""

import json
import re
import time
from dataclasses import dataclass, field

import httpx

VERSION = '1.0'
TOKEN = 'itk-valid-token'

# operation: (JSON-RPC and gRPC name, verb, path, whether it streams)
OPERATIONS = {
    'send_message': ('SendMessage', 'POST', '/message:send', False),
    'send_streaming_message': ('SendStreamingMessage', 'POST', '/message:stream', True),
    'get_task': ('GetTask', 'GET', '/tasks/{id}', False),
    'list_tasks': ('ListTasks', 'GET', '/tasks', False),
    'cancel_task': ('CancelTask', 'POST', '/tasks/{id}:cancel', False),
    'subscribe_to_task': ('SubscribeToTask', 'POST', '/tasks/{id}:subscribe', True),
    'create_push_config': (
        'CreateTaskPushNotificationConfig', 'POST', '/tasks/{taskId}/pushNotificationConfigs', False),
    'get_push_config': (
        'GetTaskPushNotificationConfig', 'GET', '/tasks/{taskId}/pushNotificationConfigs/{id}', False),
    'list_push_configs': (
        'ListTaskPushNotificationConfigs', 'GET', '/tasks/{taskId}/pushNotificationConfigs', False),
    'delete_push_config': (
        'DeleteTaskPushNotificationConfig', 'DELETE', '/tasks/{taskId}/pushNotificationConfigs/{id}', False),
    'get_extended_agent_card': ('GetExtendedAgentCard', 'GET', '/extendedAgentCard', False),
}

# error: (JSON-RPC code, HTTP status, gRPC status, reason); `None` where a binding has no such error
ERRORS = {
    'TaskNotFoundError': (-32001, 404, 'NOT_FOUND', 'TASK_NOT_FOUND'),
    'TaskNotCancelableError': (-32002, 400, 'FAILED_PRECONDITION', 'TASK_NOT_CANCELABLE'),
    'PushNotificationNotSupportedError': (
        -32003, 400, 'FAILED_PRECONDITION', 'PUSH_NOTIFICATION_NOT_SUPPORTED'),
    'UnsupportedOperationError': (-32004, 400, 'FAILED_PRECONDITION', 'UNSUPPORTED_OPERATION'),
    'ContentTypeNotSupportedError': (-32005, 400, 'INVALID_ARGUMENT', 'CONTENT_TYPE_NOT_SUPPORTED'),
    'InvalidAgentResponseError': (-32006, 500, 'INTERNAL', 'INVALID_AGENT_RESPONSE'),
    'ExtendedAgentCardNotConfiguredError': (
        -32007, 400, 'FAILED_PRECONDITION', 'EXTENDED_AGENT_CARD_NOT_CONFIGURED'),
    'ExtensionSupportRequiredError': (-32008, 400, 'FAILED_PRECONDITION', 'EXTENSION_SUPPORT_REQUIRED'),
    'VersionNotSupportedError': (-32009, 400, 'FAILED_PRECONDITION', 'VERSION_NOT_SUPPORTED'),
    'JSONParseError': (-32700, None, None, None),
    'InvalidRequestError': (-32600, None, None, None),
    'MethodNotFoundError': (-32601, None, None, None),
    'InvalidParamsError': (-32602, None, None, None),
    'InternalError': (-32603, None, None, None),
}


@dataclass
class Answer:
    """What came back. An error has `message`, and as far as known `error_type`, `code`, `data`."""

    status: int
    body: object = None
    error: dict | None = None
    events: list | None = None
    headers: dict = field(default_factory=dict)


def _error(message, details, code=None, http=None, grpc=None):
    """An error by name. The binding's own status has to be the one of the error that is named."""
    details = details if isinstance(details, list) else []
    reasons = [detail.get('reason') for detail in details if 'ErrorInfo' in str(detail.get('@type'))]
    error = {'message': message, 'data': details}
    if code is not None:
        error['code'] = code
    for name, (a_code, a_http, a_grpc, a_reason) in ERRORS.items():
        if code == a_code if code is not None else (a_reason in reasons and (http, grpc) in [(a_http, None), (None, a_grpc)]):
            error['error_type'] = name
    return error


class Http:
    """JSON-RPC or HTTP+JSON; and raw requests, which carry nothing that a test does not give them."""

    def __init__(self, kind, url, root):
        self.kind, self.url, self.root = kind, url.rstrip('/'), root
        self.client = httpx.Client(trust_env=False, timeout=httpx.Timeout(10, read=35))

    def card(self):
        response = self.client.get(f'{self.root}/.well-known/agent-card.json', headers={'A2A-Version': VERSION})
        return Answer(response.status_code, response.json(), headers=dict(response.headers))

    def call(self, operation, params, seconds):
        name, verb, path, streams = OPERATIONS[operation]
        headers = {'A2A-Version': VERSION, 'Authorization': f'Bearer {TOKEN}'}
        headers['Accept'] = 'text/event-stream' if streams else '*/*'
        if self.kind == 'jsonrpc':
            body = {'jsonrpc': '2.0', 'id': operation, 'method': name, 'params': params}
            request = self.client.build_request('POST', self.url, json=body, headers=headers)
        else:
            rest = dict(params)
            path = re.sub(r'\{(\w+)\}', lambda member: str(rest.pop(member[1])), path)
            if verb == 'POST':
                headers['Content-Type'] = 'application/a2a+json'
                request = self.client.build_request(verb, self.url + path, content=json.dumps(rest), headers=headers)
            else:
                query = {key: json.dumps(value) if isinstance(value, bool) else value for key, value in rest.items()}
                request = self.client.build_request(verb, self.url + path, params=query, headers=headers)
        answer = self._exchange(request, seconds)
        return self._json_rpc(answer) if self.kind == 'jsonrpc' else self._http_json(answer)

    def raw(self, verb, path, headers, body, seconds):
        url = self.root + path if path.startswith('/.well-known') else self.url + path.rstrip('/')
        return self._exchange(self.client.build_request(verb, url, headers=headers, content=body), seconds)

    def _exchange(self, request, seconds):
        response = self.client.send(request, stream=True)
        try:
            answer = Answer(response.status_code, headers=dict(response.headers))
            if response.headers.get('content-type', '').startswith('text/event-stream'):
                answer.events = list(_server_sent(response, time.monotonic() + seconds))
            else:
                text = response.read().decode()
                try:
                    answer.body = json.loads(text) if text else {}
                except ValueError:
                    answer.body = text
            return answer
        finally:
            response.close()

    @staticmethod
    def _json_rpc(answer):
        first = answer.events[0] if answer.events else answer.body
        if isinstance(first, dict) and 'error' in first:
            error = first['error']
            answer.error = _error(error.get('message'), error.get('data'), code=error.get('code'))
        elif answer.events is not None:
            answer.events = [event.get('result') for event in answer.events]
        else:
            answer.body = answer.body.get('result') if isinstance(answer.body, dict) else answer.body
        return answer

    @staticmethod
    def _http_json(answer):
        if answer.status >= 400:
            error = answer.body.get('error', {}) if isinstance(answer.body, dict) else {}
            answer.error = _error(error.get('message'), error.get('details'), http=answer.status)
        return answer


def _server_sent(response, deadline):
    data = []
    try:
        for line in response.iter_lines():
            if line.startswith('data:'):
                data.append(line[5:].strip())
            elif not line and data:
                yield json.loads('\n'.join(data))
                data = []
            if time.monotonic() > deadline:
                return
    except httpx.ReadTimeout:
        return


class Grpc:
    """gRPC, with the stubs that the checkout of the TCK has; they have to be on PYTHONPATH."""

    def __init__(self, url, root):
        import grpc
        from specification.generated import a2a_pb2, a2a_pb2_grpc

        self.grpc, self.messages = grpc, a2a_pb2
        self.stub = a2a_pb2_grpc.A2AServiceStub(grpc.insecure_channel(re.sub(r'^https?://', '', url)))
        self.http = Http('rest', root, root)
        self.card = self.http.card

    def raw(self, *_):
        raise ValueError('a raw request is one of HTTP')

    def call(self, operation, params, seconds):
        from google.protobuf import json_format

        name, _, _, streams = OPERATIONS[operation]
        kind = {
            'SendStreamingMessage': 'SendMessageRequest',
            'CreateTaskPushNotificationConfig': 'TaskPushNotificationConfig',
        }.get(name, f'{name}Request')
        request = json_format.ParseDict(params, getattr(self.messages, kind)(), ignore_unknown_fields=True)
        metadata = (('a2a-version', VERSION), ('authorization', f'Bearer {TOKEN}'))
        events = [] if streams else None
        try:
            reply = getattr(self.stub, name)(request, metadata=metadata, timeout=seconds)
            if not streams:
                body = json_format.MessageToDict(reply)
                if operation == 'list_tasks':
                    # Members that protobuf leaves out because they are empty are there all the same.
                    body = {'tasks': [], 'nextPageToken': '', 'pageSize': 0, 'totalSize': 0, **body}
                return Answer(200, body)
            for event in reply:
                events.append(json_format.MessageToDict(event))
        except self.grpc.RpcError as failure:
            # A stream that is watched for long enough is over as far as the test is concerned.
            if not (events and failure.code().name == 'DEADLINE_EXCEEDED'):
                return Answer(500, error=self._error(failure))
        return Answer(200, events=events)

    @staticmethod
    def _error(failure):
        from google.protobuf import json_format
        from google.rpc import error_details_pb2, status_pb2  # noqa: F401 (known by name when printed)

        details = []
        for key, value in failure.trailing_metadata() or []:
            if key == 'grpc-status-details-bin':
                status = status_pb2.Status.FromString(value)
                details = [json_format.MessageToDict(detail) for detail in status.details]
        return _error(failure.details(), details, grpc=failure.code().name)
