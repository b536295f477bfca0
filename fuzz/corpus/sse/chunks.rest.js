data: {"task":{"id":"00000000-0000-4000-8000-000000000001","contextId":"00000000-0000-4000-8000-000000000002","status":{"state":"TASK_STATE_SUBMITTED","timestamp":"2026-01-02T03:04:05.678Z"},"history":[{"messageId":"msg chunks 3","contextId":"00000000-0000-4000-8000-000000000002","taskId":"00000000-0000-4000-8000-000000000001","role":"ROLE_USER","parts":[{"text":"chunks 3"}]}]}}

data: {"statusUpdate":{"taskId":"00000000-0000-4000-8000-000000000001","contextId":"00000000-0000-4000-8000-000000000002","status":{"state":"TASK_STATE_WORKING","timestamp":"2026-01-02T03:04:05.678Z"}}}

data: {"artifactUpdate":{"taskId":"00000000-0000-4000-8000-000000000001","contextId":"00000000-0000-4000-8000-000000000002","artifact":{"artifactId":"00000000-0000-4000-8000-000000000003","name":"answer","parts":[{"text":"chunk 0 "}]}}}

data: {"artifactUpdate":{"taskId":"00000000-0000-4000-8000-000000000001","c

