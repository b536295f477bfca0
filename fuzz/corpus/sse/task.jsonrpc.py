data: {"result": {"task": {"id": "00000000-0000-4000-8000-000000000001", "contextId": "00000000-0000-4000-8000-000000000002", "status": {"state": "TASK_STATE_SUBMITTED", "timestamp": "2026-01-02T03:04:05.678901Z"}, "history": [{"messageId": "msg task hello", "contextId": "00000000-0000-4000-8000-000000000002", "taskId": "00000000-0000-4000-8000-000000000001", "role": "ROLE_USER", "parts": [{"text": "task hello"}]}]}}, "id": "00000000-0000-4000-8000-000000000003", "jsonrpc": "2.0"}

data: {"result": {"statusUpdate": {"taskId": "00000000-0000-4000-8000-000000000001", "contextId": "00000000-0000-4000-8000-000000000002", "status": {"state": "TASK_STATE_WORKING", "timestamp": "2026-01-02T03:04:05.678901Z"}}}, "id": "00000000-0000-4000-8000-000000000003", "jsonrpc": "2.0"}

data: {"result": {"artifactUpdate": {"taskId": "00000000-0000-4000-8000-000000000001", "contextId": "00000000-0000-40

