Èdata: {"message": {"messageId": "00000000-0000-4000-8000-000000000001", "contextId": "00000000-0000-4000-8000-000000000002", "role": "ROLE_AGENT", "parts": [{"text": "echo: hello"}]}}

