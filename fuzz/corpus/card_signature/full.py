{
  "name": "Full",
  "description": "Every field",
  "supportedInterfaces": [
    {
      "url": "https://example.com/a2a",
      "protocolBinding": "JSONRPC",
      "tenant": "acme",
      "protocolVersion": "1.0"
    },
    {
      "url": "https://example.com/rest",
      "protocolBinding": "HTTP+JSON",
      "protocolVersion": "1.0"
    },
    {
      "url": "example.com:443",
      "protocolBinding": "GRPC",
      "protocolVersion": "1.0"
    }
  ],
  "provider": {
    "url": "https://example.com",
    "organization": "Example"
  },
  "version": "2.3.4",
  "documentationUrl": "https://example.com/docs",
  "capabilities": {
    "streaming": true,
    "pushNotifications": false,
    "extensions": [
      {
        "uri": "https://example.com/ext/v1",
        "description": "An extension",
        "required": true,
        "params": {
          "level": 2.0
        }
      }
    ],
    "extendedAgentCard": true
  },
  "securitySchemes": {
    "bearer": {
      "httpAuthSecurityScheme": {
        "description": "A token",
        "scheme": "Bearer",
        "bearerFormat": "JWT"
      }
    },
    "mtls": {
      "mtlsSecurityScheme": {
        "description": "A certificate"
      }
    },
    "password": {
      "oauth2SecurityScheme": {
        "flows": {
          "password": {
            "tokenUrl": "https://example.com/token",
            "scopes": {
              "read": "Read"
            }
          }
        }
      }
    },
    "implicit": {
      "oauth2SecurityScheme": {
        "flows": {
          "implicit": {
            "authorizationUrl": "https://example.com/auth",
            "scopes": {
              "read": "Read"
            }
          }
        }
      }
    },
    "client": {
      "oauth2SecurityScheme": {
        "flows": {
          "clientCredentials": {
            "tokenUrl": "https://example.com/token"
          }
        }
      }
    },
    "device": {
      "oauth2SecurityScheme": {
        "flows": {
          "deviceCode": {
            "deviceAuthorizationUrl": "https://example.com/device",
            "tokenUrl": "https://example.com/token",
            "scopes": {
              "read": "Read"
            }
          }
        }
      }
    },
    "key": {
      "apiKeySecurityScheme": {
        "description": "A key",
        "location": "header",
        "name": "X-Key"
      }
    },
    "code": {
      "oauth2SecurityScheme": {
        "flows": {
          "authorizationCode": {
            "authorizationUrl": "https://example.com/auth",
            "tokenUrl": "https://example.com/token",
            "refreshUrl": "https://example.com/refresh",
            "scopes": {
              "read": "Read",
              "write": "Write"
            },
            "pkceRequired": true
          }
        },
        "oauth2MetadataUrl": "https://example.com/.well-known/oauth-authorization-server"
      }
    },
    "oidc": {
      "openIdConnectSecurityScheme": {
        "openIdConnectUrl": "https://example.com/.well-known/openid-configuration"
      }
    }
  },
  "securityRequirements": [
    {
      "schemes": {
        "key": {},
        "code": {
          "list": [
            "read"
          ]
        }
      }
    },
    {
      "schemes": {
        "mtls": {}
      }
    }
  ],
  "defaultInputModes": [
    "text/plain",
    "application/json"
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
        "test",
        "echo"
      ],
      "examples": [
        "say hi"
      ],
      "inputModes": [
        "text/plain"
      ],
      "outputModes": [
        "text/*"
      ],
      "securityRequirements": [
        {
          "schemes": {
            "bearer": {}
          }
        }
      ]
    }
  ],
  "signatures": [
    {
      "protected": "eyJhbGciOiJFUzI1NiIsImprdSI6Imh0dHBzOi8vZXhhbXBsZS5jb20vandrcy5qc29uIiwia2lkIjoiZXMyNTYiLCJ0eXAiOiJKT1NFIn0",
      "signature": "U3T8nYrcwZzF7ND25YmF2AQKkOMG4TBDG0cnWmcZTTTLXZmyV551923ZC7JKdnmbcQqejcV0hTPcgt5xhgG13w"
    },
    {
      "protected": "eyJhbGciOiJFZERTQSIsImprdSI6Imh0dHBzOi8vZXhhbXBsZS5jb20vandrcy5qc29uIiwia2lkIjoiZWRkc2EiLCJ0eXAiOiJKT1NFIn0",
      "signature": "_gmGapJ_wtmnIvhOX1LH9kBssCi1pKf0c1u7PgfQtzPnl75qSETaAK8rBwtiSY3k9aTdY1u1FJ9GxGlKVjjXBg"
    },
    {
      "protected": "eyJhbGciOiJSUzI1NiIsImprdSI6Imh0dHBzOi8vZXhhbXBsZS5jb20vandrcy5qc29uIiwia2lkIjoicnMyNTYiLCJ0eXAiOiJKT1NFIn0",
      "signature": "aKAIdgNb6h0eW8Xe5AF5sDkOHfHAGzxU1y81_QRR0lr2fjnd7Zejdt4d2ZLaVhUAfhx2rU-USi1De6STfGQqA7KUHt0OmYCcCLCyhJYwdnF92R1eklY751V0iqlwwlAhzU2eG49PeOZX4XxhQPFBgdmr7Brs2YcXU-dvhSReq8JNwcppHCJpIRgy7DIhiF4j-aY8elFcdLgttfZiH766JKniLA1QJOouXN-thYJPS4Ehcbbtbu0ilaAtXSqtqt9z_z6HfPAoGYMgwJp8aITx-x5rUmP0WCLlF-Y61bOJ-z7iduguqJUwjVFEyJ0ci5-ho0fKSejcCc7qp_ZqEWqBEQ"
    }
  ],
  "iconUrl": "https://example.com/icon.png"
}
