"""A plugin of pytest by which the TCK (branch 1.0-dev) judges by A2A 1.0.1 instead of 1.0.0.

It corrects the TCK's table of errors, gives its clients a token, and marks the tests whose code
contradicts the specification: they are expected to fail, and are reported when they no longer do.
"""

import httpx
import pytest

from tck.requirements import base

# error: (HTTP status, gRPC status), where section 5.4 of 1.0.1 differs from that of 1.0.0
CORRECTED = {
    'TaskNotCancelableError': (400, 'FAILED_PRECONDITION'),
    'PushNotificationNotSupportedError': (400, 'FAILED_PRECONDITION'),
    'UnsupportedOperationError': (400, 'FAILED_PRECONDITION'),
    'ContentTypeNotSupportedError': (400, 'INVALID_ARGUMENT'),
    'InvalidAgentResponseError': (500, 'INTERNAL'),
    'VersionNotSupportedError': (400, 'FAILED_PRECONDITION'),
}
for error in [value for value in vars(base).values() if isinstance(value, base.ErrorBinding)]:
    error.http_status, error.grpc_status = CORRECTED.get(error.name, (error.http_status, error.grpc_status))

# The tables that other modules derive from the one above are to be derived from it as it is now.
from tck.requirements import registry  # noqa: E402

# Its own text says that the error is required; without this the TCK takes success for an answer.
registry.get_requirement_by_id('CORE-SEND-003').expected_error = base.CONTENT_TYPE_NOT_SUPPORTED_ERROR

# Its CARD-EXT-001 is about an authenticated request, and the TCK cannot be told a credential.
from tck.transport import grpc_client, http_json_client, jsonrpc_client  # noqa: E402

TOKEN = ('authorization', 'Bearer itk-valid-token')
grpc_client.GrpcClient._METADATA += (TOKEN,)


def with_token(client):
    plain = client.__init__

    def initialise(self, *arguments, **options):
        plain(self, *arguments, **options)
        self._client.headers.update([TOKEN])

    client.__init__ = initialise


with_token(http_json_client.HttpJsonClient)
with_token(jsonrpc_client.JsonRpcClient)

MEDIA_TYPE = 'demands application/json; section 11.1 has application/a2a+json'
DEFECTS = {
    'TestRestErrorStructure::test_error_uses_aip193_format': dict(reason=MEDIA_TYPE, strict=True),
    'TestAIP193ErrorFormat::test_error_content_type': dict(reason=MEDIA_TYPE, strict=True),
    'TestRestStreaming::test_streaming_content_type': dict(
        reason='reads the text of a response that it has not read, if that is no stream',
        raises=httpx.ResponseNotRead,
        strict=False,
    ),
}


def pytest_collection_modifyitems(items):
    for item in items:
        for name, defect in DEFECTS.items():
            if item.nodeid.endswith(name):
                item.add_marker(pytest.mark.xfail(**defect))
