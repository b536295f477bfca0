{
  "name": "Minimal",
  "description": "As little as possible",
  "supportedInterfaces": [
    {
      "url": "https://example.com/a2a",
      "protocolBinding": "JSONRPC",
      "protocolVersion": "1.0"
    }
  ],
  "version": "1.0.0",
  "capabilities": {},
  "defaultInputModes": [
    "text/plain"
  ],
  "defaultOutputModes": [
    "text/plain"
  ],
  "skills": [
    {
      "id": "echo",
      "name": "Echo",
      "description": "Repeats",
      "tags": [
        "test"
      ]
    }
  ],
  "signatures": [
    {
      "protected": "eyJhbGciOiJFUzI1NiIsImprdSI6Imh0dHBzOi8vZXhhbXBsZS5jb20vandrcy5qc29uIiwia2lkIjoiZXMyNTYiLCJ0eXAiOiJKT1NFIn0",
      "signature": "6lXnUqcd7JLSX5FMxLxDT67EwwHG8Xyhvy_MpTT1ho11fZxayhdplAXjFhe9n5mN8XxQP9tuOT1cGfmI4aQ1xw"
    },
    {
      "protected": "eyJhbGciOiJFZERTQSIsImprdSI6Imh0dHBzOi8vZXhhbXBsZS5jb20vandrcy5qc29uIiwia2lkIjoiZWRkc2EiLCJ0eXAiOiJKT1NFIn0",
      "signature": "_-Sj-Lie4EsBwhu4JEIBWy7YqzJ02d2QCgUwjhh0PzJ0uE1xf1RoXRtClDcQKTLnn_GnRSFfFVtQGdHFAu-lDw"
    },
    {
      "protected": "eyJhbGciOiJSUzI1NiIsImprdSI6Imh0dHBzOi8vZXhhbXBsZS5jb20vandrcy5qc29uIiwia2lkIjoicnMyNTYiLCJ0eXAiOiJKT1NFIn0",
      "signature": "WLdEQagjz6B8qgiDwjQp3XjfkTWQVhNfKHhZdyAVxY4536Q7VZGAWZO3iUO9F1prYfd8wSBqeWXuHZTSyx3LhypXjJgHkaHqZckbkuGlSI00ovDbkyMVOLVXXGSQbDUXSbdB9F0TKFXpiHn3090lLtm1OGvNmo1AhFel74pODiGaXhBeSqJM-BM5hPCUwm_npGv5aV8Rss-p_55wQk7gnJiQys1izybbzlFv9GpREgkSRqa_Sl7IzCM6PUUy8UjlZO20DZ0BNbLyTO_Fc4EPdz6L_jO_E6l__FX3uUzKzgaN66_bTk5UfO70o21xs7vo_5T0vsUPGV5TngzRk9W3JQ"
    }
  ]
}
